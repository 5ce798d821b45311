//! JSONPath (RFC 9535), compiled and checked once.

use serde_json::Value;

use super::{EvaluationError, Problem, Type};

/// A compiled JSONPath over a value of a known type.
#[derive(Debug, Clone)]
pub struct Selector { /* private */ }

impl Selector {
    /// Compiles `source` (it starts with `$`) and follows its names through `ty`.
    pub fn compile(source: &str, ty: &Type) -> Result<Self, Vec<Problem>> {}
    /// What [`Selector::select`] yields: for a singular path the value's type (optional if it may be absent), else a list.
    pub fn result_type(&self) -> &Type {}
    pub fn source(&self) -> &str {}
    /// The value (null when absent) of a singular path; the list of all matches otherwise.
    pub fn select(&self, value: &Value) -> Result<Value, EvaluationError> {}
}
