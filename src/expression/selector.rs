//! JSONPath (RFC 9535), compiled and checked once.

mod follow;

use std::sync::Arc;

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector as Step};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use minijinja::Value as Data;
use minijinja::value::ValueKind;
use serde_json::Value;

use super::budget;
use super::data::to_json;
use super::{EvaluationError, Problem, Type};

/// The longest path, in bytes.
const LONGEST: usize = 4 << 10;

/// A compiled JSONPath over a value of a known type.
#[derive(Debug, Clone)]
pub struct Selector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: String,
    query: JpQuery,
    /// Whether the path names one place.
    singular: bool,
    ty: Type,
}

impl Selector {
    /// Compiles `source` (it starts with `$`) and follows its names through `ty`.
    ///
    /// # Errors
    /// Every problem of the path, not just the first.
    pub fn compile(source: &str, ty: &Type) -> Result<Self, Vec<Problem>> {
        let whole = 0..source.len();
        let refuse =
            |code, message: String| vec![Problem { code, message, range: whole.clone(), help: None }];
        if source.len() > LONGEST {
            return Err(refuse("too-long", format!("this path is longer than {} KB", LONGEST >> 10)));
        }
        let query = parse_json_path(source).map_err(|_| {
            let help = Some("a path looks like `$.orders[*].lines[0].sku`".to_owned());
            let message = "this is not a JSONPath (RFC 9535)".to_owned();
            vec![Problem { code: "invalid-path", message, range: whole.clone(), help }]
        })?;
        let (found, many) = follow::follow(source, &query, ty)?;
        let ty = if many { Type::list(found) } else { found };
        Ok(Self(Arc::new(Inner { source: source.to_owned(), query, singular: !many, ty })))
    }

    /// What [`Selector::select`] yields: for a singular path the value's type (optional if it may be absent), else a list.
    pub fn result_type(&self) -> &Type {
        &self.0.ty
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The value (null when absent) of a singular path; the list of all matches otherwise.
    ///
    /// # Errors
    /// When a path that names one place whose type is never null finds nothing there.
    pub fn select(&self, value: &Value) -> Result<Value, EvaluationError> {
        if !self.0.singular {
            let found = js_path_process(&self.0.query, value)
                .map_err(|_| self.error("cannot be followed through this data"))?;
            return Ok(Value::Array(found.into_iter().map(|found| found.val.clone()).collect()));
        }
        self.present(one(&self.0.query.segments, value).cloned())
    }

    /// As [`Selector::select`], over a value in the form that expressions run over.
    pub(super) fn select_data(&self, root: &Data) -> Result<Value, EvaluationError> {
        budget::start_result();
        let failed = |message: String| self.error(&message);
        let Some(found) = every(&self.0.query.segments, root) else {
            return self.select(&to_json(root).map_err(failed)?);
        };
        let mut found = found.iter().map(to_json).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        if !self.0.singular {
            return Ok(Value::Array(found));
        }
        self.present(found.pop())
    }

    fn present(&self, found: Option<Value>) -> Result<Value, EvaluationError> {
        match found.unwrap_or(Value::Null) {
            Value::Null if !self.0.ty.may_be_null() => {
                Err(self.error("finds nothing, although its type says that there is something"))
            }
            value => Ok(value),
        }
    }

    fn error(&self, message: &str) -> EvaluationError {
        EvaluationError { message: format!("`{}` {message}", self.0.source) }
    }
}

/// Follows a path of names and indices without making a list of matches.
fn one<'v>(segments: &[Segment], value: &'v Value) -> Option<&'v Value> {
    segments.iter().try_fold(value, |value, segment| match segment {
        Segment::Selector(Step::Name(name)) => value.get(name),
        Segment::Selector(Step::Index(index)) => {
            let items = value.as_array()?;
            let from_end = usize::try_from(index.unsigned_abs()).ok()?;
            if *index < 0 { items.get(items.len().checked_sub(from_end)?) } else { items.get(from_end) }
        }
        _ => None,
    })
}

/// Follows a path of names, indices and wildcards, so that large data is not converted for a few fields of it;
/// `None` for other paths.
fn every(segments: &[Segment], root: &Data) -> Option<Vec<Data>> {
    let mut found = vec![root.clone()];
    for segment in segments {
        let step = match segment {
            Segment::Selector(step @ (Step::Name(_) | Step::Index(_) | Step::Wildcard)) => step,
            _ => return None,
        };
        found = found.iter().flat_map(|value| children(step, value)).collect();
    }
    Some(found)
}

fn children(step: &Step, value: &Data) -> Vec<Data> {
    let list = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable);
    let object = value.as_object().filter(|_| value.kind() == ValueKind::Map);
    match step {
        Step::Name(name) => object.and_then(|object| object.get_value_by_str(name)).into_iter().collect(),
        Step::Index(index) if list => {
            let length = value.len().and_then(|length| i64::try_from(length).ok()).unwrap_or_default();
            let index = if *index < 0 { length + index } else { *index };
            let index = usize::try_from(index).ok().filter(|_| index < length);
            index.and_then(|index| value.get_item_by_index(index).ok()).into_iter().collect()
        }
        Step::Wildcard if list => value.try_iter().map(Iterator::collect).unwrap_or_default(),
        Step::Wildcard => {
            let pairs = object.and_then(|object| object.try_iter_pairs());
            pairs.map(|pairs| pairs.map(|(_, value)| value).collect()).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}
