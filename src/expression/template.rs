//! Text with `{{ … }}` in it.

use serde_json::Value;

use super::{EvaluationError, Problem, Scope, Type};

/// A compiled template. One that is exactly one `{{ expression }}` yields the expression's typed value; any other
/// is text in which every expression must yield text or a number.
#[derive(Debug, Clone)]
pub struct Template { /* private */ }

/// The values that expressions see, by name. Cheap to clone; setting a name converts its value once.
#[derive(Debug, Clone, Default)]
pub struct Values { /* private */ }

impl Values {
    /// Adds or replaces the value called `name`.
    pub fn set(&mut self, name: &str, value: &Value) {}
    /// Takes a name away again.
    pub fn remove(&mut self, name: &str) {}
}

impl Template {
    /// Compiles and checks `source` against the names in `scope`.
    ///
    /// # Errors
    /// Every problem of the text, not just the first.
    pub fn compile(source: &str, scope: &Scope) -> Result<Self, Vec<Problem>> {}

    /// The type of what [`Template::evaluate`] yields.
    pub fn result_type(&self) -> &Type {}

    /// The text it was compiled from.
    pub fn source(&self) -> &str {}

    /// Evaluates over `values`, which must hold every name of the scope it was compiled with.
    /// A null-valued or missing optional yields JSON null.
    ///
    /// # Errors
    /// When the data has not the shape that was declared, or a bound is exceeded.
    pub fn evaluate(&self, values: &Values) -> Result<Value, EvaluationError> {}

    /// As [`Template::evaluate`], as text: numbers are written plainly, null and containers are errors.
    pub fn text(&self, values: &Values) -> Result<String, EvaluationError> {}

    /// As [`Template::evaluate`], for conditions: only a boolean will do (null counts as false).
    pub fn truth(&self, values: &Values) -> Result<bool, EvaluationError> {}

    /// As [`Template::text`], each `{{ … }}` passed through `encode` (for URL paths) and the literal text left as it is.
    pub fn encoded(&self, values: &Values, encode: &dyn Fn(&str) -> String) -> Result<String, EvaluationError> {}

    /// The names of `scope` it reads, sorted.
    pub fn names(&self) -> &[String] {}
}
