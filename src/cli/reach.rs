//! What to make of replies: a refusal is trouble, an order's outcome a table.

use super::outcome::{Exit, Outcome, Trouble};
use super::output::Output;
use super::table;
use crate::engine::command::{Ordered, Reply};

/// A reply that says no, or does not fit the question.
pub fn unexpected(reply: Reply) -> Trouble {
    match reply {
        Reply::Failed(failure) => Trouble::failed(failure.message),
        _ => Trouble {
            exit: Exit::Bug,
            message: "the engine answered another question; it may be of another version".to_owned(),
        },
    }
}

/// Says what became of each record of an order.
///
/// # Errors
/// When the engine refused the order.
pub fn report_order(reply: Reply, json: bool, output: &Output) -> Outcome {
    let Reply::Ordered(results) = reply else { return Err(unexpected(reply)) };
    if json {
        for result in &results {
            output.json(result)?;
        }
    } else if results.is_empty() {
        output.say("no record matches");
    } else {
        output.line(order_table(&results));
    }
    let failed = results.iter().any(|result| result.problem.is_some());
    Ok(if failed { Exit::Findings } else { Exit::Fine })
}

fn order_table(results: &[Ordered]) -> String {
    let row = |result: &Ordered| {
        vec![
            result.record.clone(),
            result.state.map_or("-", table::state).to_owned(),
            result.problem.clone().unwrap_or_else(|| "ok".to_owned()),
        ]
    };
    table::columns(&["RECORD", "STATE", "RESULT"], results.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::command::Failure;
    use crate::store::RecordState;

    #[test]
    fn an_order_that_does_not_apply_to_all_is_a_finding() {
        let ordered = |problem: Option<&str>| Ordered {
            record: "m/f/1".to_owned(),
            state: Some(RecordState::InDoubt),
            problem: problem.map(str::to_owned),
        };
        let text = order_table(&[ordered(None), ordered(Some("it is done already"))]);
        assert_eq!(
            text,
            "RECORD  STATE     RESULT\nm/f/1   in doubt  ok\nm/f/1   in doubt  it is done already"
        );
        let trouble = unexpected(Reply::Failed(Failure { message: "no such record".to_owned() }));
        assert_eq!((trouble.exit, trouble.message.as_str()), (Exit::Findings, "no such record"));
        assert_eq!(unexpected(Reply::Accepted).exit, Exit::Bug);
    }
}
