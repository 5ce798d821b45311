//! What people and scripts read of a demo.

use std::path::Path;

use serde::Serialize;

use super::ending::Ending;
use crate::cli::table;
use crate::simulator::delivery::Deliveries;

/// The last line, which scripts rely on.
#[derive(Debug, Serialize)]
pub struct LastLine {
    pairs: Vec<PairLine>,
}

#[derive(Debug, Serialize)]
struct PairLine {
    pair: String,
    orders: usize,
    done: usize,
    parked: usize,
    in_doubt: usize,
    /// By the simulators' count.
    duplicates: usize,
    /// By the simulators' count.
    lost: usize,
    /// Orders that are delivered in the ERP, and by the carrier's books.
    delivered: usize,
    /// Things that carriers pushed and that were acknowledged.
    pushed: u64,
    /// Things that carriers said when they were asked.
    polled: u64,
    /// By the ERP's count.
    write_backs_doubled: u64,
    /// Orders whose arrival the carrier has told, and which are not delivered in the ERP.
    events_lost: usize,
    seconds: f64,
}

/// The last line of `--format json`.
pub fn last_line(endings: &[Ending]) -> LastLine {
    let pair = |ending: &Ending| PairLine {
        pair: ending.pair.clone(),
        orders: ending.verdict.orders,
        done: ending.done,
        parked: ending.parked(),
        in_doubt: ending.in_doubt,
        duplicates: ending.verdict.duplicates.len(),
        lost: ending.verdict.lost.len(),
        delivered: ending.deliveries.delivered,
        pushed: ending.deliveries.pushed,
        polled: ending.deliveries.polled,
        write_backs_doubled: ending.deliveries.write_backs_doubled,
        events_lost: ending.deliveries.lost.len(),
        seconds: (ending.seconds * 1000.0).round() / 1000.0,
    };
    LastLine { pairs: endings.iter().map(pair).collect() }
}

/// The summary for people.
pub fn text(endings: &[Ending]) -> String {
    let headings = [
        "pair",
        "orders",
        "done",
        "parked",
        "not for it",
        "in doubt",
        "duplicates",
        "lost",
        "delivered",
        "seconds",
    ];
    let row = |ending: &Ending| {
        let not_selected = ending.verdict.not_selected;
        let numbers = [ending.verdict.orders, ending.done, ending.parked(), not_selected, ending.in_doubt];
        let judged =
            [ending.verdict.duplicates.len(), ending.verdict.lost.len(), ending.deliveries.delivered];
        let mut cells = vec![ending.pair.clone()];
        cells.extend(numbers.iter().chain(&judged).map(ToString::to_string));
        cells.push(format!("{:.1}", ending.seconds));
        cells
    };
    let mut text = table::boxed(&headings, endings.iter().map(row));
    text.push_str("\n\nDuplicates and lost are the simulators' count, not the engine's. Parked orders wait for a person.");
    endings.iter().for_each(|ending| put(ending, &mut text));
    text.push_str(if endings.iter().all(Ending::is_good) {
        "\n\nEvery order ended as it should."
    } else {
        "\n\nNOT every order ended as it should."
    });
    text
}

fn put(ending: &Ending, text: &mut String) {
    text.push_str(&format!("\n\n{}", ending.pair));
    for (why, count) in &ending.parked {
        text.push_str(&format!("\n  {count:>4} parked: {why}"));
    }
    if ending.reported > 0 {
        text.push_str(&format!(
            "\n  {:>4} changes came too late to be sent and were reported",
            ending.reported
        ));
    }
    if ending.others > 0 {
        text.push_str(&format!(
            "\n  {:>4} other records: quantities, reference data, what came back",
            ending.others
        ));
    }
    text.push_str(&format!("\n  {}", carried(&ending.deliveries)));
    ending.saw.iter().for_each(|saw| text.push_str(&format!("\n  {saw}")));
    if ending.is_good() {
        return;
    }
    for (what, orders) in ending.verdict.lists().into_iter().chain(ending.deliveries.lists()) {
        orders.iter().for_each(|order| text.push_str(&format!("\n  WRONG, {what}: {order}")));
    }
    ending.unexpected.iter().for_each(|what| text.push_str(&format!("\n  WRONG: {what}")));
    for (flow, why) in &ending.troubles {
        text.push_str(&format!("\n  WRONG: {flow} could not go on: {why}"));
    }
}

/// What carriers told, and how.
fn carried(deliveries: &Deliveries) -> String {
    let Deliveries { delivered, pushed, polled, write_backs_doubled, .. } = deliveries;
    format!(
        "{delivered} orders delivered; told of their parcels: {pushed} pushes heard, {polled} answers to questions; \
         {write_backs_doubled} written back twice"
    )
}

/// What can be looked at in a demo that was kept.
pub fn what_to_look_at(directory: &Path) -> String {
    let home = directory.display();
    format!(
        "\nLook at it:\n  ml-connector records --config {home} --state parked\n  ml-connector audit --config {home} --verify"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_what_scripts_rely_on() {
        let mut ending =
            Ending { pair: "sage100-ups".to_owned(), done: 47, seconds: 2.00049, ..Ending::default() };
        ending.verdict.orders = 50;
        ending.parked.insert("why".to_owned(), 3);
        assert_eq!(
            serde_json::to_string(&last_line(&[ending])).unwrap(),
            r#"{"pairs":[{"pair":"sage100-ups","orders":50,"done":47,"parked":3,"in_doubt":0,"duplicates":0,"lost":0,"delivered":0,"pushed":0,"polled":0,"write_backs_doubled":0,"events_lost":0,"seconds":2.0}]}"#
        );
    }

    #[test]
    fn people_are_told_what_went_wrong() {
        let mut ending = Ending { pair: "sage100-ups".to_owned(), ..Ending::default() };
        assert!(text(&[ending]).ends_with("Every order ended as it should."));
        ending = Ending::default();
        ending.verdict.duplicates.push("0010001".to_owned());
        assert!(text(&[ending]).contains("WRONG, sent twice: 0010001"));
    }
}
