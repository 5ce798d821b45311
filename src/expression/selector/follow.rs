//! Follows the names of a path through the types, and refuses what the library is known to do wrongly.

use std::ops::Range;

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, JpQuery, Segment, Selector as Step, SingularQuery,
    SingularQuerySegment, Test, TestFunction,
};

use super::super::check::member;
use super::{Problem, Type};

/// The type that `query` leads to from `ty`, and whether it may lead to several values.
pub(super) fn follow(source: &str, query: &JpQuery, ty: &Type) -> Result<(Type, bool), Vec<Problem>> {
    let mut follower = Follower { source, at: 0, problems: Vec::new() };
    let found = follower.segments(&query.segments, ty, ty);
    if follower.problems.is_empty() { Ok(found) } else { Err(follower.problems) }
}

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
