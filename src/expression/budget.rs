//! Bounds the memory that one evaluation may use: fuel counts steps, but one step can make a very long text.

use std::cell::Cell;

/// The bytes of text and list items that the filters and results of one evaluation may make together.
const EVALUATION: usize = 4 << 20;

/// The bytes that the result of one evaluation may have. What came in may go out, so this is more.
const RESULT: usize = 16 << 20;

/// The longest text that a template may yield, in bytes.
pub(super) const OUTPUT: usize = 1 << 20;

/// What one list item costs besides its text.
pub(super) const ITEM: usize = 24;

thread_local! {
    // Evaluation is synchronous and stays on its thread, so a thread's counter is the evaluation's counter.
    static LEFT: Cell<usize> = const { Cell::new(EVALUATION) };
}

/// Starts the budget of a new evaluation.
pub(super) fn start() {
    LEFT.set(EVALUATION);
}

/// Starts the budget of a result that is about to be converted.
pub(super) fn start_result() {
    LEFT.set(RESULT);
}

/// Takes `bytes` from the budget.
///
/// # Errors
/// When the evaluation has used it up.
pub(super) fn charge(bytes: usize) -> Result<(), String> {
    let left = LEFT.get().checked_sub(bytes);
    LEFT.set(left.unwrap_or(0));
    left.map(drop).ok_or_else(|| "makes too much data: a few megabytes is the most".to_owned())
}
