//! Text with `{{ … }}` in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::Value as Data;
use minijinja::machinery::ast::Expr;
use serde_json::Value;

use super::budget;
use super::check::{self, Lowered, Place};
use super::data::{is_nothing, noun, plain_text, to_json};
use super::pieces::{self, Piece};
use super::runtime::Code;
use super::{EvaluationError, Problem, Scope, Type, Values};

/// A compiled template. One that is exactly one `{{ expression }}` yields the expression's typed value; any other
/// is text in which every expression must yield text or a number.
#[derive(Debug, Clone)]
pub struct Template(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: String,
    parts: Vec<Part>,
    /// Whether the template is one expression and nothing else.
    single: bool,
    ty: Type,
    names: Vec<String>,
    /// The names with the fields that are read of them; `None` where one is read as a whole.
    reads: BTreeSet<(String, Option<String>)>,
    /// The names that must have a value when it is evaluated.
    required: Vec<String>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Expression(Expression),
}

#[derive(Debug)]
struct Expression {
    source: String,
    ty: Type,
    code: Code,
    programs: Vec<(String, Data)>,
}

impl Template {
    /// Compiles and checks `source` against the names in `scope`.
    ///
    /// # Errors
    /// Every problem of the text, not just the first.
    pub fn compile(source: &str, scope: &Scope) -> Result<Self, Vec<Problem>> {
        let pieces = pieces::split(source).map_err(|problem| vec![problem])?;
        let single = single(source, &pieces);
        let mut inner = Inner {
            source: source.to_owned(),
            parts: Vec::new(),
            single: single.is_some(),
            ty: Type::TEXT,
            names: Vec::new(),
            reads: BTreeSet::new(),
            required: Vec::new(),
        };
        let mut problems = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Literal(_) if inner.single => {}
                Piece::Literal(range) => inner.parts.push(Part::Literal(source[range].to_owned())),
                Piece::Expression(range) => {
                    let place = Place { source: &source[range.clone()], offset: range.start, quoted: false };
                    match inner.expression(place, scope) {
                        Ok(expression) => inner.parts.push(Part::Expression(expression)),
                        Err(found) => problems.extend(found),
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        inner.finish(scope);
        Ok(Self(Arc::new(inner)))
    }

    /// The type of what [`Template::evaluate`] yields.
    pub fn result_type(&self) -> &Type {
        &self.0.ty
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The names of `scope` it reads, sorted.
    pub fn names(&self) -> &[String] {
        &self.0.names
    }

    /// The fields of `name` that it reads, sorted, each once; `None` among them where it reads `name` as a whole.
    pub fn fields_of<'t>(&'t self, name: &str) -> impl Iterator<Item = Option<&'t str>> + use<'t> {
        let name = name.to_owned();
        let reads = self.0.reads.iter().filter(move |(of, _)| *of == name);
        reads.map(|(_, field)| field.as_deref())
    }

    /// `scope` as it is known to be after this condition turned out as `holds`: `{{ x is none or x.y > 3 }}` that does
    /// not hold says that `x` is something. For what is evaluated only then.
    pub fn narrowed(&self, scope: &Scope, holds: bool) -> Scope {
        match self.parsed() {
            Some(ast) => check::narrowed(&ast, holds, scope),
            None => scope.clone(),
        }
    }

    /// Whether it yields a list of one item or none, whatever the values.
    pub fn one_at_most(&self) -> bool {
        self.parsed().is_some_and(|ast| check::one_at_most(&ast))
    }

    /// Its expression, if it is nothing else.
    fn parsed(&self) -> Option<Expr<'_>> {
        let [Part::Expression(expression)] = self.0.parts.as_slice() else { return None };
        check::parse(Place { source: &expression.source, offset: 0, quoted: false }).ok()
    }

    /// Evaluates over `values`, which must hold every name of the scope it was compiled with.
    /// A null-valued or missing optional yields JSON null.
    ///
    /// # Errors
    /// When the data has not the shape that was declared, or a bound is exceeded.
    pub fn evaluate(&self, values: &Values) -> Result<Value, EvaluationError> {
        match self.single_expression() {
            Some(expression) => {
                let value = self.data(values)?;
                budget::start_result();
                to_json(&value).map_err(|message| expression.error(&message))
            }
            None => self.text(values).map(Value::String),
        }
    }

    /// As [`Template::evaluate`], as text: numbers are written plainly, null and containers are errors.
    ///
    /// # Errors
    /// As [`Template::evaluate`], and when the value is not text or a number.
    pub fn text(&self, values: &Values) -> Result<String, EvaluationError> {
        self.encoded(values, &str::to_owned)
    }

    /// As [`Template::evaluate`], for conditions: only a boolean will do (null counts as false).
    ///
    /// # Errors
    /// As [`Template::evaluate`], and when the value is not a boolean.
    pub fn truth(&self, values: &Values) -> Result<bool, EvaluationError> {
        match self.evaluate(values)? {
            Value::Bool(truth) => Ok(truth),
            Value::Null => Ok(false),
            _ => Err(EvaluationError {
                message: format!("`{}` is not a condition: it is neither true nor false", self.source()),
            }),
        }
    }

    /// As [`Template::text`], each `{{ … }}` passed through `encode` (for URL paths) and the literal text left as it is.
    ///
    /// # Errors
    /// As [`Template::text`].
    pub fn encoded(
        &self,
        values: &Values,
        encode: &dyn Fn(&str) -> String,
    ) -> Result<String, EvaluationError> {
        self.start(values)?;
        let mut text = String::new();
        for part in &self.0.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Expression(expression) => text.push_str(&encode(&expression.text(values)?)),
            }
            if text.len() > budget::OUTPUT {
                let message = format!("the text is longer than {} MB", budget::OUTPUT >> 20);
                return Err(EvaluationError { message });
            }
        }
        Ok(text)
    }

    /// The value before it is JSON, for what goes on with it; missing values are null where that is allowed.
    pub(super) fn data(&self, values: &Values) -> Result<Data, EvaluationError> {
        let Some(expression) = self.single_expression() else {
            return self.text(values).map(Data::from);
        };
        self.start(values)?;
        let value = expression.run(values)?;
        if is_nothing(&value) && !expression.ty.may_be_null() {
            return Err(expression.error("is nothing, although its type says that it never is"));
        }
        Ok(value)
    }

    fn single_expression(&self) -> Option<&Expression> {
        match self.0.parts.as_slice() {
            [Part::Expression(expression)] if self.0.single => Some(expression),
            _ => None,
        }
    }

    /// Begins an evaluation.
    fn start(&self, values: &Values) -> Result<(), EvaluationError> {
        budget::start();
        match self.0.required.iter().find(|name| values.get(name).is_none()) {
            Some(name) => {
                Err(EvaluationError { message: format!("`{name}` has no value yet in `{}`", self.source()) })
            }
            None => Ok(()),
        }
    }
}

/// The expression of a template that is one expression with nothing but blanks around it.
fn single<'p>(source: &str, pieces: &'p [Piece]) -> Option<&'p Piece> {
    let blank =
        |piece: &&Piece| !matches!(piece, Piece::Literal(range) if source[range.clone()].trim().is_empty());
    let mut pieces = pieces.iter().filter(blank);
    match (pieces.next(), pieces.next()) {
        (Some(piece @ Piece::Expression(_)), None) => Some(piece),
        _ => None,
    }
}

/// Whether `text` can be a name in expressions: letters, digits and `_`, and not a word of the language.
pub fn is_name(text: &str) -> bool {
    const WORDS: [&str; 12] =
        ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "loop", "self"];
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(letter)
        && text.chars().all(|c| letter(c) || c.is_ascii_digit())
        && !text.starts_with("__")
        && !WORDS.contains(&text)
}

impl Inner {
    /// The most characters of a text with expressions in it, where each of them has a limit.
    fn longest(&self) -> Option<u32> {
        self.parts.iter().try_fold(0_u32, |length, part| match part {
            Part::Literal(literal) => length.checked_add(u32::try_from(literal.chars().count()).ok()?),
            Part::Expression(expression) => match expression.ty {
                Type::Text { max: Some(max) } => length.checked_add(max),
                _ => None,
            },
        })
    }

    fn expression(&mut self, place: Place<'_>, scope: &Scope) -> Result<Expression, Vec<Problem>> {
        let Lowered { ty, code, names, reads, programs } =
            if self.single { check::expression(place, scope)? } else { check::part_of_text(place, scope)? };
        let code = Code::compile(code).map_err(|message| {
            let range = place.offset..place.offset + place.source.len();
            vec![Problem { code: "too-long", message, range, help: None }]
        })?;
        if self.single {
            self.ty = ty.clone();
        }
        self.names.extend(names);
        self.reads.extend(reads);
        Ok(Expression { source: place.source.trim().to_owned(), ty, code, programs })
    }

    fn finish(&mut self, scope: &Scope) {
        if !self.single {
            self.ty = Type::Text { max: self.longest() };
        }
        self.names.sort_unstable();
        self.names.dedup();
        let required = |name: &&String| scope.get(*name).is_some_and(|ty| !ty.may_be_null());
        self.required = self.names.iter().filter(required).cloned().collect();
    }
}

impl Expression {
    fn run(&self, values: &Values) -> Result<Data, EvaluationError> {
        self.code.run(values, &self.programs).map_err(|message| self.error(&message))
    }

    fn text(&self, values: &Values) -> Result<String, EvaluationError> {
        let value = self.run(values)?;
        plain_text(&value).ok_or_else(|| self.error(&format!("is {}, which cannot be text", noun(&value))))
    }

    fn error(&self, message: &str) -> EvaluationError {
        EvaluationError { message: format!("in `{}`: {message}", self.source) }
    }
}
