//! Who still has something to do, for an engine that runs until nobody has.
//!
//! Whoever makes work for another says so ([`Busy::add`]) before it rests itself; and a name rests only after a look at the
//! store, made while nobody can be added, found nothing. So once nobody is busy, nothing is left to do.

use std::collections::BTreeSet;

use tokio::sync::watch;

/// Flows and inboxes with something to do, by their names.
#[derive(Debug)]
pub(super) struct Busy(watch::Sender<Names>);

#[derive(Debug, Default)]
struct Names {
    known: BTreeSet<String>,
    busy: BTreeSet<String>,
    /// Polls and timers that may bring more.
    ongoing: usize,
}

/// A poll or a timer that may bring more, until it is dropped.
#[derive(Debug)]
pub(super) struct Ongoing(watch::Sender<Names>);

impl Default for Busy {
    fn default() -> Self {
        Self(watch::Sender::new(Names::default()))
    }
}

impl Busy {
    /// There is one of this name, which is busy for now.
    pub(super) fn register(&self, name: &str) {
        self.0.send_modify(|names| {
            names.known.insert(name.to_owned());
            names.busy.insert(name.to_owned());
        });
    }

    /// There is none of this name any more: it has come to an end, or was given up.
    pub(super) fn leave(&self, name: &str) {
        self.0.send_modify(|names| {
            names.known.remove(name);
            names.busy.remove(name);
        });
    }

    /// It has something to do. Names that were never registered do not count: nobody works for them.
    pub(super) fn add(&self, name: &str) {
        self.0.send_if_modified(|names| names.known.contains(name) && names.busy.insert(name.to_owned()));
    }

    /// It has nothing to do, if a last look says so while nobody can add it.
    ///
    /// # Errors
    /// Those of the look.
    pub(super) fn rest<E>(&self, name: &str, nothing: impl FnOnce() -> Result<bool, E>) -> Result<(), E> {
        let mut looked = Ok(false);
        self.0.send_if_modified(|names| {
            if names.busy.contains(name) {
                looked = nothing();
            }
            matches!(looked, Ok(true)) && names.busy.remove(name)
        });
        looked.map(drop)
    }

    /// A poll or a timer begins.
    pub(super) fn ongoing(&self) -> Ongoing {
        self.0.send_modify(|names| names.ongoing += 1);
        Ongoing(self.0.clone())
    }

    /// Waits until nobody is busy; timers may still bring more.
    pub(super) async fn quiet(&self) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|names| names.busy.is_empty()).await;
    }

    /// Waits until nobody is busy, and no poll and no timer may bring more.
    pub(super) async fn over(&self) {
        let over = |names: &Names| names.busy.is_empty() && names.ongoing == 0;
        let _ = self.0.subscribe().wait_for(over).await;
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.0.send_modify(|names| names.ongoing = names.ongoing.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::FutureExt;

    use super::*;

    fn look(nothing: bool) -> impl FnOnce() -> Result<bool, Infallible> {
        move || Ok(nothing)
    }

    #[test]
    fn who_still_finds_something_does_not_rest() {
        let busy = Busy::default();
        busy.register("m/f");
        busy.rest("m/f", look(false)).unwrap();
        assert!(busy.quiet().now_or_never().is_none());
        busy.rest("m/f", look(true)).unwrap();
        assert!(busy.quiet().now_or_never().is_some());
    }

    #[test]
    fn work_that_is_handed_on_keeps_the_engine_going() {
        let busy = Busy::default();
        busy.register("m/f");
        busy.register("told/m/g");
        busy.rest("told/m/g", look(true)).unwrap();
        busy.add("told/m/g");
        busy.rest("m/f", look(true)).unwrap();
        assert!(busy.over().now_or_never().is_none(), "what was told is not taken yet");
        busy.leave("told/m/g");
        busy.add("told/m/g");
        assert!(busy.over().now_or_never().is_some(), "nobody works for it any more");
    }

    #[test]
    fn a_poll_that_may_bring_more_is_no_end() {
        let busy = Busy::default();
        let poll = busy.ongoing();
        assert!(busy.quiet().now_or_never().is_some());
        assert!(busy.over().now_or_never().is_none());
        drop(poll);
        assert!(busy.over().now_or_never().is_some());
    }
}
