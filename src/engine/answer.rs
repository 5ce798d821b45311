//! What an answer means: the rules of the operation, then of the system, then of HTTP.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::base::duration;
use crate::expression::{EvaluationError, Values, normalise};
use crate::spec::model::{AnswerClass, AnswerRule, System};

/// Nothing is left alone for longer, whatever an answer says.
const LONGEST_PAUSE: Duration = Duration::from_secs(86_400);

/// An answer with what the rules may look at.
#[derive(Debug)]
pub struct Judged {
    /// What it means.
    pub class: AnswerClass,
    /// How long to leave it alone at least, where the answer says so.
    pub pause: Option<Duration>,
    /// The other side's code, where it gave one.
    pub code: Option<String>,
    /// The other side's reason, where it gave one.
    pub message: Option<String>,
    /// The names that `refused` and `untouched` of an effect see.
    pub values: Values,
}

/// Judges an answer whose body was read as `body`.
///
/// # Errors
/// When a rule cannot be evaluated over this answer.
pub fn judge(
    system: &System,
    rules: &[AnswerRule],
    settings: &Values,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Value,
) -> Result<Judged, EvaluationError> {
    let mut values = settings.clone();
    values.set("status", &Value::from(status.as_u16()));
    values.set("headers", &header_table(headers));
    values.set("body", body);
    let (code, message) = reason(system, &mut values, body)?;
    values.set("error_code", &code.clone().map_or(Value::Null, Value::String));
    for rule in rules.iter().chain(&system.answers) {
        if rule.when.truth(&values)? {
            let pause = pause(rule, &values)?;
            return Ok(Judged { class: rule.class, pause, code, message, values });
        }
    }
    Ok(Judged { class: by_status(status), pause: None, code, message, values })
}

/// How long a rule says to leave something alone: seconds, or a duration. What is neither says nothing, as a `Retry-After`
/// that cannot be read.
///
/// # Errors
/// When it cannot be evaluated.
pub fn pause(rule: &AnswerRule, values: &Values) -> Result<Option<Duration>, EvaluationError> {
    let Some(pause) = &rule.pause else { return Ok(None) };
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
    let pause = match pause.evaluate(values)? {
        Value::Number(number) => number.as_f64().and_then(seconds),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) => seconds(number),
            Err(_) => duration::parse(text.trim()).ok(),
        },
        _ => None,
    };
    Ok(pause.map(|pause| pause.min(LONGEST_PAUSE)))
}

/// What HTTP itself says, for answers that no rule matches.
fn by_status(status: StatusCode) -> AnswerClass {
    match status.as_u16() {
        200..=299 => AnswerClass::Ok,
        401 => AnswerClass::Reauthenticate,
        404 | 410 => AnswerClass::Absent,
        408 | 425 | 429 | 500..=599 => AnswerClass::Retry,
        423 => AnswerClass::Locked,
        _ => AnswerClass::Reject,
    }
}

fn reason(
    system: &System,
    values: &mut Values,
    body: &Value,
) -> Result<(Option<String>, Option<String>), EvaluationError> {
    let Some(shape) = &system.error else {
        values.set("error", &Value::Null);
        return Ok((None, None));
    };
    let error = match body {
        Value::Null => Value::Null,
        body => normalise(body.clone(), &shape.ty).unwrap_or(Value::Null),
    };
    values.set("error", &error);
    let text = |template: &Option<crate::expression::Template>| -> Result<Option<String>, EvaluationError> {
        let Some(template) = template else { return Ok(None) };
        Ok(match template.evaluate(values)? {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::Null | Value::String(_) => None,
            other => Some(other.to_string()),
        })
    };
    Ok((text(&shape.code)?, text(&shape.message)?))
}

fn header_table(headers: &HeaderMap) -> Value {
    let table: Map<String, Value> = headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), Value::from(String::from_utf8_lossy(value.as_bytes())))
        })
        .collect();
    Value::Object(table)
}
