//! Records that come again: subscriptions that are renewed, numbers that are asked about, until there is an end to it.
//!
//! A record whose steps came to their natural end is done, and keeps when it comes again. Then its steps run anew, with the
//! mapping of that day: what was asked is asked again, and only effects that were made are not made again, since they are
//! known by their own entries.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::finish::Ended;
use super::flow::FlowRuntime;
use super::run::{Run, Stop};
use super::shared::Shared;
use super::transition;
use crate::base::{clock, duration};
use crate::expression::ValueTemplate;
use crate::store::{Record, RecordState};

/// Whether a record is done and its time to come again is there.
pub(super) fn due(record: &Record, now: Timestamp) -> bool {
    record.state == RecordState::Done && record.again.is_some_and(|again| again <= now)
}

impl<'a> Run<'a> {
    /// Runs `record`, which came to its end and comes again, from the beginning. That it began is committed with what comes
    /// of it: until then it is still due.
    ///
    /// # Errors
    /// When the store fails; then nothing more may be sent.
    pub(super) async fn again(
        shared: &'a Shared,
        flow: &'a FlowRuntime,
        mut record: Record,
    ) -> Result<Ended, Stop> {
        let since = record.again;
        transition::record(&mut record, RecordState::Received, None, shared.clock.now())?;
        record.results.clear();
        record.mapping_revision.clone_from(&flow.mapping.revision);
        let mut run = Self::begin(shared, flow, record);
        run.audit("record.again", json!({ "due": since.map(|since| since.to_string()) }), None);
        run.through().await
    }

    /// When the record comes again after its steps came to their natural end, if ever.
    ///
    /// # Errors
    /// Why the flow's `again` does not fit the record.
    pub(super) fn comes_again(&self) -> Result<Option<Timestamp>, String> {
        let Some(again) = &self.flow.flow.again else { return Ok(None) };
        let Some(after) = self.duration("after", &again.after)? else { return Ok(None) };
        if after.is_zero() {
            return Err(
                "when it comes again cannot be told: `again.after`: it would come again for ever at once"
                    .to_owned(),
            );
        }
        let give_up = match &again.give_up {
            Some(give_up) => self.duration("give_up", give_up)?,
            None => None,
        };
        let now = self.now();
        let over = give_up.is_some_and(|give_up| clock::add(self.record.received, give_up) <= now);
        Ok((!over).then(|| clock::add(now, after)))
    }

    fn duration(&self, name: &str, template: &ValueTemplate) -> Result<Option<Duration>, String> {
        let value = template.evaluate(&self.values).map_err(|error| error.to_string());
        let parsed = value.and_then(|value| match value.as_str() {
            Some(text) => duration::parse(text).map(Some),
            None if value.is_null() => Ok(None),
            None => Err(format!("`{value}` is not a duration such as `13d`")),
        });
        parsed.map_err(|error| format!("when it comes again cannot be told: `again.{name}`: {error}"))
    }
}
