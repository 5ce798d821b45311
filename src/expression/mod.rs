//! Templates and JSONPath: compiled once, typed, pure and bounded.
//!
//! An expression sees only the values it is given: no clock, no network, no files. It is checked against the
//! types of those values when a file is loaded, so a misspelt name never reaches a running engine, and it is
//! bounded in steps, in output and in memory when it runs.
//!
//! Not here: YAML positions (see `spec`), which findings are shown (see `diagnostics`).
//!
//! Reading order: [`types`] what values look like, [`mod@normalise`] how outside data is made to fit a type,
//! [`mod@fits`] the strict check before sending, [`template`] text with `{{ … }}`, [`selector`] JSONPath, [`value`]
//! trees of templates, [`filters`]. Behind them: `pieces` splits a template, `check` finds its type and lowers it,
//! `runtime` evaluates, `data` holds values, `arithmetic` calculates with decimals, `budget` bounds memory.

mod arithmetic;
mod budget;
mod check;
mod data;
pub mod filters;
pub mod fits;
pub mod normalise;
mod pieces;
mod runtime;
pub mod selector;
pub mod similar;
pub mod template;
#[cfg(test)]
mod tests;
pub mod types;
pub mod value;

pub use data::{Rows, Values};
pub use fits::fits;
pub use normalise::{Mismatch, normalise};
pub use selector::Selector;
pub use similar::did_you_mean;
pub use template::{Template, is_name};
pub use types::{Field, ObjectType, Scope, Type, assignable, certain};
pub use value::ValueTemplate;

use std::ops::Range;

/// What is wrong with the text of an expression, found before anything runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A stable kebab-case code, such as `unknown-field`.
    pub code: &'static str,
    /// One sentence that says what is wrong.
    pub message: String,
    /// The bytes of the source text that are wrong.
    pub range: Range<usize>,
    /// What to write instead, where that is known.
    pub help: Option<String>,
}

/// Why an expression that was checked could not be evaluated over these values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvaluationError {
    /// One sentence, with the expression and the value in question.
    pub message: String,
}

/// What a configuration block of a pluggable part (an auth or transport kind) needs to have checked. `spec` implements
/// it: it knows where in the file each JSON pointer stands and collects what is wrong. `None` means that a finding was made.
pub trait BlockChecker {
    /// Compiles the template at `pointer` (relative to the block, such as `/token_url`).
    fn template(&mut self, pointer: &str, source: &str) -> Option<Template>;
    /// Compiles the tree of templates at `pointer`.
    fn values(&mut self, pointer: &str, tree: &serde_json::Value) -> Option<ValueTemplate>;
    /// Reads the duration at `pointer`.
    fn duration(&mut self, pointer: &str, text: &str) -> Option<std::time::Duration>;
    /// Reads the duration at `pointer`, which cannot be nothing.
    fn some_time(&mut self, pointer: &str, text: &str) -> Option<std::time::Duration> {
        self.duration(pointer, text).filter(|time| !time.is_zero())
    }
    /// Checks that the name at `pointer` is one of the system's credentials.
    fn credential(&mut self, pointer: &str, name: &str) -> Option<String>;
    /// Checks a part whose templates see `more` names beside those of the block.
    fn seeing(&mut self, more: Scope, check: &mut dyn FnMut(&mut dyn BlockChecker));
}
