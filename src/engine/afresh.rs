//! What a run asks again when it goes on after it was broken off.
//!
//! Results are kept with the record (see [`super::run`]), but some do not outlive a wait: by the time the run goes on,
//! somebody may have changed what they tell of. What is read, changed and sent back whole would then undo that. So
//!
//! - a run that holds a record which it found lets go of it when it is broken off, and another run may come between. It
//!   makes all its calls since then again, which are safe to repeat.
//! - any other run whose idempotent call was not taken reads again what that call is made of. What was read before
//!   something else was written stays as it was: it was written because of that.
//!
//! Nothing from before an effect that was sent is asked again, for the same reason.

use std::collections::BTreeSet;

use super::calls::CallStep;
use super::run::{Ending, Run};
use crate::expression::Template;
use crate::spec::model::{Effect, Step, StepKind, every_step};

impl Run<'_> {
    /// Notes whether the call, which has a result now, is one that may have to be made again.
    pub(super) fn may_be_outdated(&mut self, call: &CallStep<'_>) {
        match &call.operation.effect {
            Effect::Read => {}
            Effect::Idempotent if !self.held.is_empty() => {}
            Effect::Idempotent | Effect::Create(_) => return self.outdated.clear(),
        }
        self.outdated.extend([call.path.clone(), call.refusal_path()]);
    }

    /// An idempotent call was not taken: forgets what was read for it.
    pub(super) fn forget_what_was_read_for(&mut self, write: &Step) {
        let sources = sources_of(write, &self.flow.flow.steps);
        let outdated = &self.outdated;
        let goes = |path: &String| outdated.contains(path) && sources.contains(as_written(path).as_str());
        self.record.results.retain(|known| !goes(&known.step));
    }

    /// Forgets what a run that ends so must not go on with.
    pub(super) fn let_go(&mut self, ending: &Ending) {
        let goes_on = match ending {
            Ending::Wait { .. } | Ending::Halt { .. } | Ending::Seek { .. } | Ending::Park(_) => true,
            Ending::Done
            | Ending::Report(_)
            | Ending::Enough(_)
            | Ending::Skip(_)
            | Ending::Discard(_)
            | Ending::InDoubt(_) => false,
        };
        if goes_on && !self.held.is_empty() {
            let outdated = std::mem::take(&mut self.outdated);
            self.record.results.retain(|known| !outdated.contains(&known.step));
        }
    }

    /// Attempts are counted for the call that fails: what is asked again before it is no progress.
    pub(super) fn progress(&mut self, call: &CallStep<'_>) {
        if self.failed_at.as_ref().is_none_or(|failed| *failed == call.path) {
            self.record.attempts = 0;
            self.failed_at = None;
        }
    }
}

/// The paths, as written, of the calls whose results `step` is made of, and of their refusals.
fn sources_of(step: &Step, steps: &[Step]) -> BTreeSet<String> {
    let (mut names, mut sources) = (BTreeSet::new(), BTreeSet::new());
    names_in(step, &mut names);
    loop {
        let known = names.len();
        every_step(steps, &mut |step| {
            if !gives(step).any(|name| names.contains(name)) {
                return;
            }
            names_in(step, &mut names);
            if matches!(step.kind, StepKind::Call { .. }) {
                sources.extend([step.path.clone(), format!("{}.refusal", step.path)]);
            }
        });
        if names.len() == known {
            return sources;
        }
    }
}

/// The names that a step gives to those after or inside it.
fn gives(step: &Step) -> impl Iterator<Item = &str> {
    let others: Vec<&str> = match &step.kind {
        StepKind::Call { refusal, .. } => refusal.iter().map(String::as_str).collect(),
        StepKind::Set(values) => values.iter().map(|(name, _)| name.as_str()).collect(),
        StepKind::ForEach { name, .. } => vec![name],
        _ => Vec::new(),
    };
    step.id.as_deref().into_iter().chain(others)
}

/// Adds the names that a step reads.
fn names_in(step: &Step, names: &mut BTreeSet<String>) {
    let mut add = |template: &Template| names.extend(template.names().iter().cloned());
    step.when.iter().for_each(&mut add);
    step.kind.templates(&mut add);
}

/// A result's path without the places in loops: `lines[0].price` is written `lines.price`.
pub(super) fn as_written(path: &str) -> String {
    let mut written = String::with_capacity(path.len());
    for part in path.split('[') {
        written.push_str(part.split_once(']').map_or(part, |(_, rest)| rest));
    }
    written
}
