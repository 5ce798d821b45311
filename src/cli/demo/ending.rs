//! How each order ended, against how it should have.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::simulator::delivery::Deliveries;
use crate::simulator::due::Due;
use crate::simulator::expectation::{Expectation, Reason};
use crate::simulator::sage100::State;
use crate::simulator::shipstation;
use crate::simulator::ups::Summary;
use crate::simulator::verdict::Verdict;
use crate::store::{Record, RecordState};

/// How a pair ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// The pair.
    pub pair: String,
    /// Orders that are done, by the engine's count.
    pub done: usize,
    /// Parked orders by reason, by the engine's count.
    pub parked: BTreeMap<String, usize>,
    /// Orders that are not for the flow.
    pub skipped: usize,
    /// Orders in doubt.
    pub in_doubt: usize,
    /// Records of the pair's other flows that are done: quantities, reference data, what came back.
    pub others: usize,
    /// Changes that came too late to be sent and were reported to people.
    pub reported: usize,
    /// What both simulators' books say together.
    pub verdict: Verdict,
    /// The same for what carriers told.
    pub deliveries: Deliveries,
    /// What each simulator saw, for people.
    pub saw: Vec<String>,
    /// Orders whose record did not end as it should, and how.
    pub unexpected: Vec<String>,
    /// Flows that could not go on, and why.
    pub troubles: Vec<(String, String)>,
    /// How long it took.
    pub seconds: f64,
}

impl Ending {
    /// What the engine's records say; those of `order_flows` are orders. What another flow could not finish is unexpected.
    pub fn count(records: &[Record], order_flows: &[&str]) -> Self {
        let mut ending = Self::default();
        for record in records {
            ending.reported += record.notices.len();
            if !order_flows.contains(&record.id.flow()) {
                ending.count_other(record);
                continue;
            }
            match record.state {
                RecordState::Done => ending.done += 1,
                RecordState::Skipped => ending.skipped += 1,
                RecordState::InDoubt => ending.in_doubt += 1,
                RecordState::Parked => *ending.parked.entry(why(record)).or_default() += 1,
                RecordState::Received
                | RecordState::Running
                | RecordState::Waiting
                | RecordState::Discarded => {}
            }
        }
        ending
    }

    fn count_other(&mut self, record: &Record) {
        match record.state {
            RecordState::Done | RecordState::Skipped => self.others += 1,
            state => self.unexpected.push(format!("{} is {state:?}: {}", record.id, why(record))),
        }
    }

    /// How many records are parked.
    pub fn parked(&self) -> usize {
        self.parked.values().sum()
    }

    /// Whether every order ended as it should.
    pub fn is_good(&self) -> bool {
        self.verdict.is_clean()
            && self.deliveries.is_clean()
            && self.in_doubt == 0
            && self.unexpected.is_empty()
            && self.troubles.is_empty()
    }

    /// All of it, for programs.
    pub fn details(&self) -> Value {
        json!({
            "good": self.is_good(), "parked": self.parked, "skipped": self.skipped, "others": self.others,
            "reported": self.reported, "verdict": self.verdict, "deliveries": self.deliveries, "saw": self.saw, "unexpected": self.unexpected, "troubles": self.troubles,
        })
    }
}

fn why(record: &Record) -> String {
    record.reason.as_ref().map_or_else(|| "no reason".to_owned(), |reason| reason.message.clone())
}

/// Orders whose record did not end as it should. An order that is not for the flow may have no record at all.
pub fn compare<'a>(orders: &[Due], records: impl IntoIterator<Item = &'a Record>) -> Vec<String> {
    let records: BTreeMap<&str, &Record> =
        records.into_iter().map(|record| (record.id.key(), record)).collect();
    orders
        .iter()
        .filter_map(|order| {
            let record = records.get(order.number.as_str()).copied();
            let state = record.map(|record| record.state);
            let right = match order.expectation {
                Expectation::Ships => state == Some(RecordState::Done),
                Expectation::NotSelected => state.is_none_or(|state| state == RecordState::Skipped),
                Expectation::Parked(reason) => record.is_some_and(|record| parked_for(record, reason)),
            };
            let found = record.map_or("never arrived".to_owned(), |record| {
                format!("is {:?}: {}", record.state, why(record))
            });
            (!right)
                .then(|| format!("{} should have ended as {:?} but {found}", order.number, order.expectation))
        })
        .collect()
}

/// Whether a record is parked, and for this reason: the words are those of the mapping, or UPS's own refusal.
fn parked_for(record: &Record, reason: Reason) -> bool {
    let why = why(record);
    let address =
        ["does not recognise the ship-to address", "has a street"].iter().any(|part| why.contains(part));
    let weight = why.contains("weighs nothing");
    let right = match reason {
        Reason::UnknownAddress | Reason::AmbiguousAddress => address,
        Reason::NoWeight => weight,
        Reason::ServiceRefused => !address && !weight,
    };
    record.state == RecordState::Parked && right
}

/// What Sage saw.
pub fn saw_sage100(state: &State, desk: &Value) -> String {
    let summary = state.summary();
    format!(
        "Sage 100: {} orders, {} got tracking numbers, {} writes met a locked order, {}",
        summary.orders,
        summary.with_tracking,
        summary.locked_out,
        calls(desk)
    )
}

/// What an ERP saw.
pub fn saw(erp: &str, orders: &[Due], desk: &Value) -> String {
    let told = orders.iter().filter(|order| !order.tracking.is_empty()).count();
    format!("{erp}: {} orders, {told} got tracking numbers, {}", orders.len(), calls(desk))
}

/// What UPS saw.
pub fn saw_ups(summary: &Summary, desk: &Value) -> String {
    format!(
        "UPS: {} shipments booked, {} billed, tokens given out: {}, {}",
        summary.created,
        summary.live,
        summary.tokens,
        calls(desk)
    )
}

/// What ShipStation saw.
pub fn saw_shipstation(state: &shipstation::State, shipped: usize, desk: &Value) -> String {
    format!(
        "ShipStation: {} orders, {} written again, {shipped} shipped, {} edits of shipped orders refused, {} quantities set, {}",
        state.orders.len(),
        state.updates,
        state.refused_edits + state.ignored_edits,
        state.inventory_changes,
        calls(desk)
    )
}

/// How many calls there were, and which were disturbed.
fn calls(desk: &Value) -> String {
    let endings =
        desk["requests"].as_object().into_iter().flatten().filter_map(|(_, endings)| endings.as_object());
    let total: u64 = endings.flat_map(|endings| endings.values()).filter_map(Value::as_u64).sum();
    let mut struck: BTreeMap<&str, u64> = BTreeMap::new();
    for armed in desk["faults"].as_array().into_iter().flatten() {
        let times = armed["struck"].as_u64().unwrap_or_default();
        if times > 0 {
            *struck.entry(armed["rule"]["fault"].as_str().unwrap_or_default()).or_default() += times;
        }
    }
    if struck.is_empty() {
        return format!("{total} calls, none disturbed");
    }
    let list: Vec<String> =
        struck.iter().map(|(fault, times)| format!("{times} {}", fault.replace('_', " "))).collect();
    format!("{total} calls, disturbed by {}", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RecordId;
    use crate::store;

    fn record(key: &str, state: RecordState, why: Option<&str>) -> Record {
        let at: jiff::Timestamp = "2026-11-20T14:00:00Z".parse().unwrap();
        Record {
            reason: why.map(store::Reason::new),
            ..Record::new(RecordId::new("sage100-ups", "ship_orders", key), state, Value::Null, at)
        }
    }

    fn order(number: &str, expectation: Expectation) -> Due {
        let (number, key) = (number.to_owned(), number.to_owned());
        Due {
            number,
            key,
            expectation,
            tracking: Vec::new(),
            content: BTreeMap::new(),
            status: String::new(),
            delivered: false,
        }
    }

    #[test]
    fn orders_must_end_for_the_expected_reason() {
        let orders = [
            order("1", Expectation::Ships),
            order("2", Expectation::Parked(Reason::NoWeight)),
            order("3", Expectation::Parked(Reason::ServiceRefused)),
            order("4", Expectation::NotSelected),
            order("5", Expectation::Ships),
        ];
        let weightless = Some("The order weighs nothing: give its items a ship weight in Sage");
        let records = [
            record("1", RecordState::Done, None),
            record("2", RecordState::Parked, weightless),
            record("3", RecordState::Parked, weightless),
        ];
        let unexpected = compare(&orders, &records);
        assert_eq!(unexpected.len(), 2, "{unexpected:?}");
        assert!(unexpected[0].starts_with("3 should have ended as Parked(ServiceRefused) but is Parked"));
        assert_eq!(unexpected[1], "5 should have ended as Ships but never arrived");
    }

    #[test]
    fn endings_are_counted() {
        let records = [
            record("1", RecordState::Done, None),
            record("2", RecordState::Parked, Some("a")),
            record("3", RecordState::Parked, Some("a")),
            record("4", RecordState::InDoubt, None),
        ];
        let ending = Ending::count(&records, &["ship_orders"]);
        assert_eq!((ending.done, ending.parked(), ending.in_doubt), (1, 2, 1));
        assert_eq!(ending.parked["a"], 2);
        assert!(!ending.is_good());
        let other = Ending::count(&records, &["send_orders"]);
        assert_eq!((other.others, other.unexpected.len()), (1, 3));
    }

    #[test]
    fn calls_are_summed_up() {
        let desk = json!({
            "requests": { "ship": { "200": 3, "act_then_drop": 1 }, "rate": { "200": 4 } },
            "faults": [{ "rule": { "fault": "act_then_drop" }, "struck": 1 }, { "rule": { "fault": "slow" }, "struck": 0 }],
        });
        assert_eq!(calls(&desk), "8 calls, disturbed by 1 act then drop");
    }
}
