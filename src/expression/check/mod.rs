//! Finds the type of an expression and everything that is wrong with it, and lowers it for the runtime.
//!
//! Lowering writes the expression again with the runtime's own operators wherever the types alone do not make the
//! built-in ones safe: decimal arithmetic, values that may be missing, text that may grow.
//!
//! Reading order: `access` names and fields, `operators`, `calls` filters and tests, `narrowing` what a condition tells.

mod access;
mod calls;
mod narrowing;
mod operators;

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::Value;
use minijinja::machinery::ast::{self, Expr};
use minijinja::machinery::{parse_expr, tokenize};

pub(super) use access::member;
pub(super) use narrowing::narrowed;

use super::{Field, ObjectType, Problem, Scope, Type};
use narrowing::Facts;

/// The most tokens in one expression: it bounds the depth of the parser's recursion.
const TOKENS: usize = 1000;
/// The deepest nesting of an expression.
const DEEPEST: usize = 100;

/// An expression that was checked, ready for the runtime.
#[derive(Debug)]
pub(super) struct Lowered {
    /// The type of its value.
    pub(super) ty: Type,
    /// What the runtime compiles.
    pub(super) code: String,
    /// The names of the scope that it reads.
    pub(super) names: BTreeSet<String>,
    /// The same with the fields that are read of them; `None` where one is read as a whole.
    pub(super) reads: BTreeSet<(String, Option<String>)>,
    /// The quoted small expressions in it, under the names by which `code` calls them.
    pub(super) programs: Vec<(String, Value)>,
}

/// A part of an expression that was checked.
struct Checked {
    ty: Type,
    /// Code that can stand as an operand anywhere.
    code: String,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    /// Its text.
    pub(super) source: &'s str,
    /// The offset of its text in the template.
    pub(super) offset: usize,
    /// Whether it stands in quotes in another expression.
    pub(super) quoted: bool,
}

/// Checks an expression against the names in `scope`.
pub(super) fn expression(place: Place<'_>, scope: &Scope) -> Result<Lowered, Vec<Problem>> {
    check(place, scope, |checker, ast| checker.used(ast))
}

/// As [`expression`], for one that becomes part of a text.
pub(super) fn part_of_text(place: Place<'_>, scope: &Scope) -> Result<Lowered, Vec<Problem>> {
    check(place, scope, |checker, ast| checker.part_of_text(ast))
}

fn check(
    place: Place<'_>,
    scope: &Scope,
    how: fn(&mut Checker<'_>, &Expr<'_>) -> Checked,
) -> Result<Lowered, Vec<Problem>> {
    let ast = parse(place).map_err(|problem| vec![problem])?;
    let mut checker = Checker {
        place,
        scope,
        facts: Facts::default(),
        problems: Vec::new(),
        names: BTreeSet::new(),
        reads: BTreeSet::new(),
        programs: Vec::new(),
        depth: 0,
    };
    let checked = how(&mut checker, &ast);
    if checker.problems.is_empty() {
        let Checker { names, reads, programs, .. } = checker;
        Ok(Lowered { ty: checked.ty, code: checked.code, names, reads, programs })
    } else {
        Err(checker.problems)
    }
}

/// Parses an expression that is small enough to be parsed.
pub(super) fn parse(place: Place<'_>) -> Result<Expr<'_>, Problem> {
    let whole = place.offset..place.offset + place.source.len();
    if place.source.trim().is_empty() {
        let message = "there is no expression between `{{` and `}}`".to_owned();
        return Err(Problem { code: "syntax", message, range: whole, help: None });
    }
    if tokenize(place.source, true, Default::default()).take(TOKENS + 1).count() > TOKENS {
        let message = format!("this expression has more than {TOKENS} parts");
        let help = Some("split it, for example with a `set` step".to_owned());
        return Err(Problem { code: "too-long", message, range: whole, help });
    }
    parse_expr(place.source).map_err(|error| {
        let range = error.range().map_or(whole, |range| place.offset + range.start..place.offset + range.end);
        let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Problem {
            code: "syntax",
            message: format!("the expression cannot be read: {message}"),
            range,
            help: None,
        }
    })
}

/// Whether the expression is a list of one item or none, as it is written: `[order] if order is not none else []`.
pub(super) fn one_at_most(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::List(list) => list.items.len() <= 1,
        Expr::IfExpr(choice) => {
            one_at_most(&choice.true_expr) && choice.false_expr.as_ref().is_none_or(one_at_most)
        }
        _ => false,
    }
}

struct Checker<'s> {
    place: Place<'s>,
    scope: &'s Scope,
    /// What is known not to be null where the checker stands.
    facts: Facts,
    problems: Vec<Problem>,
    names: BTreeSet<String>,
    reads: BTreeSet<(String, Option<String>)>,
    programs: Vec<(String, Value)>,
    depth: usize,
}

impl Checker<'_> {
    /// Checks an expression whose value is used: data of unknown shape must be there by then.
    fn used(&mut self, expr: &Expr<'_>) -> Checked {
        let Checked { ty, code } = self.raw(expr);
        if ty != Type::Any {
            return Checked { ty, code };
        }
        let name = quote(self.text(expr));
        Checked { code: format!("({code}|__present({name}))"), ty }
    }

    /// Checks an expression whose value may be missing, because what surrounds it asks for that.
    fn raw(&mut self, expr: &Expr<'_>) -> Checked {
        if self.depth >= DEEPEST {
            return self.fail("too-long", "this expression is nested too deeply".into(), expr, None);
        }
        self.depth += 1;
        let checked = match expr {
            Expr::Var(var) => self.name(expr, var.id),
            Expr::GetAttr(get) => self.attribute(expr, get),
            Expr::GetItem(get) => self.item(expr, get),
            Expr::Slice(slice) => self.slice(slice),
            Expr::Const(value) => self.constant(expr, &value.value),
            Expr::UnaryOp(op) => self.unary(op),
            Expr::BinOp(op) => self.binary(expr, op),
            Expr::IfExpr(choice) => self.choice(expr, choice),
            Expr::Filter(filter) => self.filter(expr, filter),
            Expr::Test(test) => self.test(expr, test),
            Expr::List(list) => self.list(list),
            Expr::Map(map) => self.map(map),
            Expr::Call(call) => self.call(call),
            Expr::Tuple(_) => self.fail(
                "unsupported",
                "there are no tuples here".into(),
                expr,
                Some("write a list: `[a, b]`".into()),
            ),
            Expr::Compare(_) => self.fail(
                "unsupported",
                "comparisons cannot be chained".into(),
                expr,
                Some("write `a < b and b < c`".into()),
            ),
        };
        self.depth -= 1;
        checked
    }

    fn constant(&mut self, expr: &Expr<'_>, value: &Value) -> Checked {
        if let Some(text) = value.as_str() {
            let max = u32::try_from(text.chars().count()).ok();
            return Checked { ty: Type::Text { max }, code: quote(text) };
        }
        let ty = match value.is_integer() {
            true if value.as_i64().is_none() => {
                return self.fail("syntax", "this number is too large".into(), expr, None);
            }
            true => Type::Integer,
            false if value.is_number() => Type::Number,
            false if value.is_none() => Type::Null,
            false => Type::Boolean,
        };
        Checked { code: self.text(expr).to_owned(), ty }
    }

    fn list(&mut self, list: &ast::List<'_>) -> Checked {
        let items: Vec<Checked> = list.items.iter().map(|item| self.used(item)).collect();
        let mut joined = Some(items.first().map_or(Type::Null, |item| item.ty.clone()));
        for item in &items {
            joined = joined.and_then(|ty| ty.join(&item.ty));
        }
        let codes: Vec<_> = items.into_iter().map(|item| item.code).collect();
        // Items that have nothing in common are fine as long as nothing is done with them.
        Checked { ty: Type::list(joined.unwrap_or(Type::Any)), code: format!("[{}]", codes.join(",")) }
    }

    fn map(&mut self, map: &ast::Map<'_>) -> Checked {
        let mut object = ObjectType::default();
        let mut codes = Vec::new();
        for (key, value) in map.keys.iter().zip(&map.values) {
            let value = self.used(value);
            match literal(key).and_then(|key| key.as_str()) {
                Some(name) => {
                    codes.push(format!("{}:{}", quote(name), value.code));
                    object.fields.insert(name.to_owned(), Field { ty: value.ty, docs: None });
                }
                None => {
                    self.fail("unsupported", "a field's name must be text in quotes".into(), key, None);
                }
            }
        }
        Checked { ty: Type::Object(object.into()), code: format!("{{{}}}", codes.join(",")) }
    }

    /// Whether one of the problems from this one on is a misspelt name.
    fn misspelt(&self, from: usize) -> bool {
        self.problems[from..].iter().any(|problem| problem.code.starts_with("unknown-"))
    }

    /// Checks what stands behind a condition. Of a `misspelt` one nobody knows what it guards; that something may be
    /// nothing is then no second mistake.
    fn behind<T>(&mut self, misspelt: bool, check: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.problems.len();
        let checked = check(self);
        if misspelt {
            let later = self.problems.split_off(before);
            self.problems.extend(later.into_iter().filter(|problem| problem.code != "maybe-nothing"));
        }
        checked
    }

    /// The source text of a part.
    fn text(&self, expr: &Expr<'_>) -> &str {
        self.place.source.get(start(expr)..end(expr)).unwrap_or(self.place.source).trim()
    }

    /// Notes a problem about a whole part. The part's type is unknown then, which hides problems that only follow.
    fn fail(
        &mut self,
        code: &'static str,
        message: String,
        expr: &Expr<'_>,
        help: Option<String>,
    ) -> Checked {
        self.fail_at(code, message, start(expr)..end(expr), help)
    }

    fn fail_at(
        &mut self,
        code: &'static str,
        message: String,
        range: Range<usize>,
        help: Option<String>,
    ) -> Checked {
        let offset = self.place.offset;
        let range = offset + range.start..offset + range.end;
        self.problems.push(Problem { code, message, range, help });
        Checked { ty: Type::Any, code: "none".to_owned() }
    }

    /// Notes that a part is used where nothing will not do.
    fn maybe_nothing(&mut self, expr: &Expr<'_>, what: &str) -> Checked {
        let text = self.text(expr).to_owned();
        let help = format!("guard it with `{text} is none or …`, or give a value with `| or_else(…)`");
        self.fail("maybe-nothing", format!("`{text}` may be nothing, and {what}"), expr, Some(help))
    }
}

/// The value of a literal.
fn literal<'e>(expr: &'e Expr<'_>) -> Option<&'e Value> {
    match expr {
        Expr::Const(value) => Some(&value.value),
        _ => None,
    }
}

/// Text as a literal that the runtime reads back unchanged.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The first byte of a part. Spans of compound parts start late, so this is where their first operand starts.
fn start(expr: &Expr<'_>) -> usize {
    match expr {
        Expr::Slice(slice) => start(&slice.expr),
        Expr::BinOp(op) => start(&op.left),
        Expr::Compare(compare) => start(&compare.expr),
        Expr::IfExpr(choice) => start(&choice.true_expr),
        Expr::Filter(filter) => filter.expr.as_ref().map_or(filter.span().start_offset as usize, start),
        Expr::Test(test) => start(&test.expr),
        Expr::GetAttr(get) => start(&get.expr),
        Expr::GetItem(get) => start(&get.expr),
        Expr::Call(call) => start(&call.expr),
        Expr::UnaryOp(op) => match &op.expr {
            // `x not in y` and `x is not y` start with `x`.
            inner @ (Expr::BinOp(_) | Expr::Test(_)) => start(inner),
            _ => op.span().start_offset as usize,
        },
        Expr::Var(_) | Expr::Const(_) | Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => {
            expr.span().start_offset as usize
        }
    }
}

/// One past the last byte of a part.
fn end(expr: &Expr<'_>) -> usize {
    expr.span().end_offset as usize
}

/// The bytes of a part, from the start of its expression.
pub(super) fn range(expr: &Expr<'_>) -> Range<usize> {
    start(expr)..end(expr)
}
