//! Hands records to other flows of the mapping: events in their inboxes, committed with what the teller commits next.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::inbox;
use super::run::{Ending, Run};
use crate::expression::{ValueTemplate, normalise};
use crate::spec::model::Step;
use crate::store::{Event, StepResult, Write};

impl Run<'_> {
    /// Notes what flows are told, once for each content and each time that the record comes again.
    pub(super) fn tell(
        &mut self,
        step: &Step,
        path: &str,
        told: &[(String, ValueTemplate)],
    ) -> Option<Ending> {
        if self.known(path).is_some() {
            return None;
        }
        let mut events = Vec::new();
        for (flow, value) in told {
            let value = match value.evaluate(&self.values) {
                Ok(value) => value,
                Err(error) => return Some(self.unevaluable(step, path, &error)),
            };
            match self.fitting(flow, value) {
                Ok(records) => events.extend(records.into_iter().map(|record| (flow.clone(), record))),
                Err(message) => return Some(Ending::Park(self.reason(step, path, message))),
            }
        }
        let now = self.now();
        let count = events.len();
        for (index, (flow, record)) in events.into_iter().enumerate() {
            let event = self.event(path, index, &flow, &record, now);
            self.told.insert(event.inbox.clone());
            self.audit(
                "record.told",
                json!({ "flow": flow, "event": event.name }),
                Some(json!({ "record": record })),
            );
            self.writes.push(Write::Event { event: Box::new(event), expected: 0 });
        }
        self.record.results.push(StepResult { step: path.to_owned(), value: Value::from(count) });
        None
    }

    /// What a flow is told, as its records are: of a list, each one.
    fn fitting(&self, flow: &str, value: Value) -> Result<Vec<Value>, String> {
        let Some(target) = self.flow.mapping.flows.get(flow) else {
            return Err(format!("the mapping has no flow `{flow}` to tell"));
        };
        let records = match value {
            Value::Array(records) => records,
            Value::Null => Vec::new(),
            single => vec![single],
        };
        let fit = |record| {
            normalise(record, &target.record_type).map_err(|mismatches| {
                let places: Vec<String> = mismatches.iter().take(5).map(ToString::to_string).collect();
                format!("what `{flow}` is told does not fit its records: {}", places.join("; "))
            })
        };
        records.into_iter().map(fit).collect()
    }

    fn event(&self, path: &str, index: usize, flow: &str, record: &Value, now: Timestamp) -> Event {
        let inbox = inbox::told(&format!("{}/{flow}", self.flow.used));
        // The commit that it is part of is the only one that goes on from this version.
        let name = format!("{}/{}/{path}/{index}", self.record.id, self.record.version);
        Event::new(inbox, name, record.to_string().into_bytes(), now)
    }

    /// Wakes whoever takes what was told and is durable now.
    pub(super) fn wake_told(&mut self) {
        for inbox in std::mem::take(&mut self.told) {
            if let Some(flow) = inbox.strip_prefix(inbox::TOLD) {
                self.shared.behind(flow);
            }
            self.shared.wake_inbox(&inbox);
        }
    }
}
