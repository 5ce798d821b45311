//! A progress line where a person watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;

use super::output::Output;
use crate::engine::Progress;

/// A line on standard error that follows an engine; nothing when nobody watches.
#[derive(Debug)]
pub struct Line {
    bar: ProgressBar,
}

impl Line {
    /// A line for work whose size is known, or not.
    pub fn new(total: Option<u64>, quiet: bool, output: &Output) -> Self {
        if quiet || !output.watched() {
            return Self { bar: ProgressBar::hidden() };
        }
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), "{spinner} [{bar:32}] {pos}/{len} {msg}"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar }
    }

    /// Shows how far the work is.
    pub fn show(&self, progress: Progress) {
        self.bar.set_position(ended(progress));
        self.bar.set_message(words(progress));
    }

    /// Follows an engine until it is dropped; ends with the future it is raced against.
    pub async fn follow(&self, mut progress: watch::Receiver<Progress>) {
        loop {
            let now = *progress.borrow_and_update();
            self.show(now);
            if progress.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Records that need no more work.
pub fn ended(progress: Progress) -> u64 {
    progress.done + progress.parked + progress.skipped + progress.in_doubt
}

fn words(progress: Progress) -> String {
    let Progress { received, done, parked, waits, in_doubt, skipped } = progress;
    let mut parts = vec![format!("{received} received"), format!("{done} done")];
    for (count, what) in
        [(parked, "parked"), (skipped, "not for a flow"), (in_doubt, "in doubt"), (waits, "waits")]
    {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_there_is_is_named() {
        let progress = Progress { received: 5, done: 2, parked: 1, ..Progress::default() };
        assert_eq!(words(progress), "5 received, 2 done, 1 parked");
        assert_eq!(ended(progress), 3);
    }
}
