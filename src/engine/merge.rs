//! How two tellings about one record become one content: the later one counts, and lends from the other what it lacks.
//!
//! Where each lent field came from is kept with the content. So the content is the same in whatever order the tellings come,
//! and however often: of each field that is kept, the latest telling that had it counts.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Number, Value};

use crate::store::Merged;

/// What is known of a record, by one telling or by several.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Telling {
    pub(super) content: Value,
    /// How late the telling is that counts.
    pub(super) by: Value,
    /// The same of those that its lent fields came from.
    pub(super) kept: BTreeMap<String, Value>,
}

impl Telling {
    /// A telling as it came.
    pub(super) fn new(content: Value, by: Value) -> Self {
        Self { content, by, kept: BTreeMap::new() }
    }

    /// What has to be kept beside the content: nothing of one that stands for itself.
    pub(super) fn origin(&self) -> Option<Merged> {
        (!self.kept.is_empty()).then(|| Merged { by: self.by.clone(), kept: self.kept.clone() })
    }

    /// A field that it has, and how late that is.
    fn field(&self, name: &str) -> Option<(&Value, &Value)> {
        let value = self.content.get(name).filter(|value| !value.is_null())?;
        Some((value, self.kept.get(name).unwrap_or(&self.by)))
    }

    fn lend(&mut self, name: &str, value: &Value, by: &Value) {
        let Some(content) = self.content.as_object_mut() else { return };
        content.insert(name.to_owned(), value.clone());
        if compare(by, &self.by).is_eq() {
            self.kept.remove(name);
        } else {
            self.kept.insert(name.to_owned(), by.clone());
        }
    }
}

/// What is known after both; of two that are equally late, the one that was known counts.
pub(super) fn merge(known: Telling, come: Telling, keep: &[String]) -> Telling {
    let (mut counts, other) = match compare(&come.by, &known.by) {
        Ordering::Greater => (come, known),
        Ordering::Less | Ordering::Equal => (known, come),
    };
    for name in keep {
        let Some((value, by)) = other.field(name) else { continue };
        let later = counts.field(name).is_none_or(|(_, ours)| compare(by, ours).is_gt());
        if later {
            counts.lend(name, value, by);
        }
    }
    counts
}

/// Which of two is later: null, then booleans, numbers, text; lists one element after the other, as tuples are.
pub(super) fn compare(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => numbers(one, other),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Array(one), Value::Array(other)) => {
            let pairs = one.iter().zip(other).map(|(one, other)| compare(one, other));
            pairs.into_iter().find(|order| order.is_ne()).unwrap_or(one.len().cmp(&other.len()))
        }
        _ => kind(one).cmp(&kind(other)),
    }
}

fn numbers(one: &Number, other: &Number) -> Ordering {
    let whole = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => {
            let near = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
            near(one).total_cmp(&near(other))
        }
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn keep() -> Vec<String> {
        vec!["estimated".to_owned(), "delivered".to_owned()]
    }

    fn told(content: Value) -> Telling {
        let by = json!([content["rank"], content["at"]]);
        Telling::new(content, by)
    }

    fn fold(tellings: impl IntoIterator<Item = Telling>) -> Telling {
        tellings.into_iter().reduce(|known, come| merge(known, come, &keep())).unwrap()
    }

    #[test]
    fn a_delivered_parcel_stays_delivered() {
        let delivered = told(json!({ "rank": 9, "at": "12:00", "status": "delivered", "delivered": "D" }));
        let late = told(json!({ "rank": 3, "at": "13:00", "status": "in_transit", "estimated": "E" }));
        let known = merge(delivered.clone(), late.clone(), &keep());
        assert_eq!(known.content["status"], "delivered");
        assert_eq!((&known.content["delivered"], &known.content["estimated"]), (&json!("D"), &json!("E")));
        assert_eq!(merge(late, delivered, &keep()), known);
    }

    #[test]
    fn what_is_lent_comes_from_the_latest_that_had_it() {
        let one =
            |rank: u32, estimated: Value| told(json!({ "rank": rank, "at": "", "estimated": estimated }));
        let (first, second, third) = (one(1, json!("A")), one(2, json!("B")), one(3, Value::Null));
        let known = fold([third, first, second]);
        assert_eq!(known.content["estimated"], "B");
        assert_eq!(known.kept["estimated"], json!([2, ""]));
    }

    #[test]
    fn of_two_that_are_equally_late_the_known_one_counts_and_lacks_are_filled() {
        let known = told(json!({ "rank": 1, "at": "a", "place": "Here", "delivered": null }));
        let come = told(json!({ "rank": 1, "at": "a", "place": "There", "delivered": "D" }));
        let content = merge(known, come, &keep()).content;
        assert_eq!(content, json!({ "rank": 1, "at": "a", "place": "Here", "delivered": "D" }));
    }

    #[test]
    fn values_are_compared_as_tuples_are() {
        let order = [
            json!(null),
            json!(false),
            json!(true),
            json!(-1),
            json!(2),
            json!(2.5),
            json!(10),
            json!(""),
            json!("10"),
            json!("9"),
            json!([]),
            json!([1]),
            json!([1, "b"]),
            json!([2, "a"]),
        ];
        for (one, less) in order.iter().enumerate() {
            for (other, more) in order.iter().enumerate() {
                assert_eq!(compare(less, more), one.cmp(&other), "{less} and {more}");
            }
        }
    }

    fn telling() -> impl Strategy<Value = Telling> {
        let text = prop::option::of("[a-c]");
        // What is equally late is the same telling, but for what one of them lacks.
        (0..6_u32, any::<bool>(), text, any::<bool>()).prop_map(|(rank, estimated, delivered, at)| {
            let at = if at { "1" } else { "2" };
            let estimated = estimated.then(|| format!("E{rank}{at}"));
            let delivered = delivered.map(|_| format!("D{rank}{at}"));
            told(json!({ "rank": rank, "at": at, "estimated": estimated, "delivered": delivered }))
        })
    }

    proptest! {
        #[test]
        fn any_order_and_any_repetition_end_in_the_same_content(
            (tellings, again) in prop::collection::vec(telling(), 1..8)
                .prop_flat_map(|tellings| {
                    let twice: Vec<Telling> = tellings.iter().chain(&tellings).cloned().collect();
                    (Just(tellings), Just(twice).prop_shuffle())
                })
        ) {
            prop_assert_eq!(fold(tellings), fold(again));
        }
    }
}
