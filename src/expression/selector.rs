//! JSONPath (RFC 9535), compiled and checked once.

use std::ops::Range;
use std::sync::Arc;

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, JpQuery, Segment, Selector as Step, SingularQuery,
    SingularQuerySegment, Test, TestFunction,
};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use minijinja::Value as Data;
use minijinja::value::ValueKind;
use serde_json::Value;

use super::budget;
use super::check::member;
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
        let mut follower = Follower { source, at: 0, problems: Vec::new() };
        let (found, many) = follower.segments(&query.segments, ty, ty);
        if !follower.problems.is_empty() {
            return Err(follower.problems);
        }
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

/// Follows the names of a path through the types, and refuses what the library is known to do wrongly.
struct Follower<'s> {
    source: &'s str,
    /// How far the names found so far reach into the source: the parser keeps no positions.
    at: usize,
    problems: Vec<Problem>,
}

impl Follower<'_> {
    /// The type that `segments` lead to from `ty`, and whether they may lead to several values.
    fn segments(&mut self, segments: &[Segment], ty: &Type, root: &Type) -> (Type, bool) {
        let (mut ty, mut many) = (ty.clone(), false);
        for segment in segments {
            match segment {
                Segment::Selector(step) => {
                    let (next, several) = self.step(step, &ty, root);
                    many |= several;
                    // What is not there is simply not among the matches.
                    ty = if many { next.required().clone() } else { next };
                }
                Segment::Selectors(steps) => {
                    many = true;
                    let types: Vec<Type> = steps.iter().map(|step| self.step(step, &ty, root).0).collect();
                    let joined = types
                        .iter()
                        .skip(1)
                        .try_fold(types.first().cloned().unwrap_or(Type::Any), |a, b| a.join(b));
                    ty = joined.unwrap_or(Type::Any).required().clone();
                }
                Segment::Descendant(inner) => {
                    many = true;
                    if matches!(**inner, Segment::Selectors(_)) {
                        let help = "write one path for each name";
                        self.refuse("unsupported", "`..` takes one selector", help);
                    }
                    // Anything at any depth may match, so nothing is known of it.
                    ty = Type::Any;
                }
            }
        }
        (ty, many)
    }

    fn step(&mut self, step: &Step, ty: &Type, root: &Type) -> (Type, bool) {
        match step {
            Step::Name(name) => (self.name(name, ty), false),
            Step::Index(_) => match ty.required() {
                Type::List(item) => ((**item).clone().optional(), false),
                other => (self.not_a_list(other), false),
            },
            Step::Slice(..) => match ty.required() {
                Type::List(item) => (item.required().clone(), true),
                other => (self.not_a_list(other), true),
            },
            Step::Wildcard => (self.items(ty), true),
            Step::Filter(filter) => {
                let item = self.items(ty);
                self.filter(filter, &item, root);
                (item, true)
            }
        }
    }

    fn items(&mut self, ty: &Type) -> Type {
        match ty.required() {
            Type::List(item) | Type::Table(item) => item.required().clone(),
            Type::Object(object) => {
                let mut types = object.fields.values().map(|field| field.ty.required().clone());
                let first = types.next().unwrap_or(Type::Any);
                types.try_fold(first, |joined, ty| joined.join(&ty)).unwrap_or(Type::Any)
            }
            other => self.not_a_list(other),
        }
    }

    fn not_a_list(&mut self, ty: &Type) -> Type {
        if *ty != Type::Any {
            let message = format!("{} has no items", ty.noun());
            self.problems.push(Problem { code: "not-a-list", message, range: self.here(), help: None });
        }
        Type::Any
    }

    fn name(&mut self, name: &str, ty: &Type) -> Type {
        let range = self.find(name);
        let what = self.source.get(..range.start).unwrap_or("$").trim_end_matches(['.', '[', '\'', '"']);
        match member(ty, name, what) {
            Ok(ty) => ty,
            Err(wrong) => {
                // Lists are entered with `[*]` here, not with a filter.
                let help = match ty.required() {
                    Type::List(_) => Some("go through its items with `[*]`".to_owned()),
                    _ => wrong.help,
                };
                self.problems.push(Problem { code: wrong.code, message: wrong.message, range, help });
                Type::Any
            }
        }
    }

    fn filter(&mut self, filter: &Filter, item: &Type, root: &Type) {
        match filter {
            Filter::Or(parts) | Filter::And(parts) => {
                parts.iter().for_each(|part| self.filter(part, item, root))
            }
            Filter::Atom(FilterAtom::Filter { expr, .. }) => self.filter(expr, item, root),
            Filter::Atom(FilterAtom::Test { expr, .. }) => self.test(expr, item, root),
            Filter::Atom(FilterAtom::Comparison(comparison)) => {
                let (Comparison::Eq(left, right)
                | Comparison::Ne(left, right)
                | Comparison::Gt(left, right)
                | Comparison::Gte(left, right)
                | Comparison::Lt(left, right)
                | Comparison::Lte(left, right)) = &**comparison;
                for side in [left, right] {
                    match side {
                        Comparable::Literal(_) => {}
                        Comparable::Function(function) => self.function(function, item, root),
                        Comparable::SingularQuery(SingularQuery::Current(steps)) => {
                            self.singular(steps, item)
                        }
                        Comparable::SingularQuery(SingularQuery::Root(steps)) => self.singular(steps, root),
                    }
                }
            }
        }
    }

    fn test(&mut self, test: &Test, item: &Type, root: &Type) {
        match test {
            Test::RelQuery(segments) => self.nested(segments, item, root),
            Test::AbsQuery(query) => self.nested(&query.segments, root, root),
            Test::Function(function) => {
                if !test.is_res_bool() {
                    let help = "compare it, for example `length(@.a) > 2`";
                    self.refuse("unsupported", "this function is neither true nor false", help);
                }
                self.function(function, item, root);
            }
        }
    }

    /// A path inside a filter: a filter inside that is one of the cases that the library gets wrong.
    fn nested(&mut self, segments: &[Segment], from: &Type, root: &Type) {
        let filters = |step: &Step| matches!(step, Step::Filter(_));
        let nested = segments.iter().any(|segment| match segment {
            Segment::Selector(step) => filters(step),
            Segment::Selectors(steps) => steps.iter().any(filters),
            Segment::Descendant(_) => false,
        });
        if nested {
            let help = "select in two steps, or use `| where('…')`";
            self.refuse("unsupported", "a filter inside a filter is not supported", help);
        }
        self.segments(segments, from, root);
    }

    fn function(&mut self, function: &TestFunction, item: &Type, root: &Type) {
        let arguments: Vec<&FnArg> = match function {
            TestFunction::Length(argument) => {
                self.one_value(argument);
                vec![argument]
            }
            TestFunction::Value(argument) | TestFunction::Count(argument) => vec![argument],
            TestFunction::Search(one, other) | TestFunction::Match(one, other) => vec![one, other],
            TestFunction::Custom(name, _) => {
                let help = "there are length, count, value, match and search";
                return self.refuse("unsupported", &format!("`{name}` is not a function of JSONPath"), help);
            }
        };
        for argument in arguments {
            match argument {
                FnArg::Literal(_) => {}
                FnArg::Test(test) => match &**test {
                    Test::Function(function) => self.function(function, item, root),
                    path => self.test(path, item, root),
                },
                FnArg::Filter(filter) => self.filter(filter, item, root),
            }
        }
    }

    fn one_value(&mut self, argument: &FnArg) {
        let several = match argument {
            FnArg::Test(test) => match &**test {
                Test::RelQuery(segments) => !singular(segments),
                Test::AbsQuery(query) => !singular(&query.segments),
                Test::Function(_) => false,
            },
            FnArg::Literal(_) | FnArg::Filter(_) => false,
        };
        if several {
            self.refuse(
                "unsupported",
                "`length` measures one value",
                "use `count` for the number of matches",
            );
        }
    }

    fn singular(&mut self, steps: &[SingularQuerySegment], from: &Type) {
        let mut ty = from.clone();
        for step in steps {
            ty = match step {
                SingularQuerySegment::Name(name) => self.name(name, &ty),
                SingularQuerySegment::Index(_) => self.items(&ty).optional(),
            };
        }
    }

    /// Where `name` stands, looking on from the last one.
    fn find(&mut self, name: &str) -> Range<usize> {
        match self.source.get(self.at..).and_then(|rest| rest.find(name)) {
            Some(found) => {
                let start = self.at + found;
                self.at = start + name.len();
                start..self.at
            }
            None => 0..self.source.len(),
        }
    }

    fn here(&self) -> Range<usize> {
        self.at.min(self.source.len())..self.source.len()
    }

    fn refuse(&mut self, code: &'static str, message: &str, help: &str) {
        let problem = Problem {
            code,
            message: message.to_owned(),
            range: 0..self.source.len(),
            help: Some(help.to_owned()),
        };
        self.problems.push(problem);
    }
}

fn singular(segments: &[Segment]) -> bool {
    segments.iter().all(|segment| matches!(segment, Segment::Selector(Step::Name(_) | Step::Index(_))))
}
