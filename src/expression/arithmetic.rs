//! Calculation with decimals, so that 0.1 + 0.2 is 0.3, and the quoted formulas of `sum_of`.

use std::str::FromStr;

use minijinja::Value;
use minijinja::machinery::ast::{BinOpKind, Expr, UnaryOpKind};
use minijinja::value::{Object, ValueKind};
use rust_decimal::Decimal;

use super::check::{self, Place};
use super::data::{is_nothing, noun};
use super::{Problem, Type};

/// What can be calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`: rounded down.
    FloorDivide,
    /// `%`: what floor division leaves.
    Remainder,
}

/// Calculates `a operator b`; a whole result is an integer.
pub(super) fn calculate(operator: Operator, a: &Value, b: &Value) -> Result<Value, String> {
    Ok(value(apply(operator, decimal(a)?, decimal(b)?)?))
}

fn apply(operator: Operator, a: Decimal, b: Decimal) -> Result<Decimal, String> {
    let divides = matches!(operator, Operator::Divide | Operator::FloorDivide | Operator::Remainder);
    if divides && b.is_zero() {
        return Err(format!("{a} cannot be divided by zero"));
    }
    let floor = |a: Decimal, b: Decimal| a.checked_div(b).map(|quotient| quotient.floor());
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => a.checked_div(b),
        Operator::FloorDivide => floor(a, b),
        Operator::Remainder => floor(a, b).and_then(|floor| a.checked_sub(floor.checked_mul(b)?)),
    };
    result.ok_or_else(|| "the result is too large".to_owned())
}

/// A number as a decimal, by the digits it is written with.
pub(super) fn decimal(value: &Value) -> Result<Decimal, String> {
    if value.kind() != ValueKind::Number {
        return Err(format!("a number was expected, but it is {}", noun(value)));
    }
    if value.is_integer() {
        let whole = i128::try_from(value.clone()).map_err(|error| error.to_string())?;
        return Decimal::try_from_i128_with_scale(whole, 0)
            .map_err(|_| format!("{whole} is too large to calculate with"));
    }
    let number = f64::try_from(value.clone()).map_err(|error| error.to_string())?;
    Decimal::from_str(&number.to_string()).map_err(|_| format!("{number} is too large to calculate with"))
}

/// A decimal as a number: an integer when it is whole.
pub(super) fn value(decimal: Decimal) -> Value {
    if decimal.fract().is_zero()
        && let Ok(whole) = i64::try_from(decimal)
    {
        return Value::from(whole);
    }
    // The text of a decimal is always a number.
    Value::from(decimal.normalize().to_string().parse::<f64>().unwrap_or(f64::NAN))
}

/// The quoted formula of `sum_of`, calculated over each item of a list.
#[derive(Debug)]
pub(super) struct Arithmetic(Node);

impl Object for Arithmetic {}

#[derive(Debug)]
enum Node {
    Number(Decimal),
    Field {
        path: Vec<String>,
        /// Whether nothing is known of the field, so that it may not silently be missing.
        unknown: bool,
    },
    Calculation(Operator, Box<Node>, Box<Node>),
}

impl Arithmetic {
    /// Compiles a formula of numbers and of fields of `item`.
    pub(super) fn compile(place: Place<'_>, item: &Type) -> Result<Self, Vec<Problem>> {
        let ast = check::parse(place).map_err(|problem| vec![problem])?;
        let mut compiler = Compiler { place, item, problems: Vec::new(), depth: 0 };
        let node = compiler.node(&ast);
        match node {
            Some(node) if compiler.problems.is_empty() => Ok(Self(node)),
            _ => Err(compiler.problems),
        }
    }

    /// The result for one item; a field that is nothing counts as zero.
    pub(super) fn evaluate(&self, item: &Value) -> Result<Decimal, String> {
        evaluate(&self.0, item)
    }
}

fn evaluate(node: &Node, item: &Value) -> Result<Decimal, String> {
    match node {
        Node::Number(number) => Ok(*number),
        Node::Calculation(operator, a, b) => apply(*operator, evaluate(a, item)?, evaluate(b, item)?),
        Node::Field { path, unknown } => {
            let mut value = item.clone();
            for name in path {
                if is_nothing(&value) {
                    break;
                }
                value = value.get_attr(name).map_err(|error| error.to_string())?;
            }
            match is_nothing(&value) {
                true if *unknown && value.is_undefined() => {
                    Err(format!("`{}` is missing in the data", path.join(".")))
                }
                true => Ok(Decimal::ZERO),
                false => decimal(&value),
            }
        }
    }
}

struct Compiler<'s> {
    place: Place<'s>,
    item: &'s Type,
    problems: Vec<Problem>,
    depth: usize,
}

impl Compiler<'_> {
    fn node(&mut self, expr: &Expr<'_>) -> Option<Node> {
        const DEEPEST: usize = 100;
        self.depth += 1;
        let node = match expr {
            _ if self.depth > DEEPEST => self.refuse(expr, "this formula is nested too deeply", None),
            Expr::Const(number) => match decimal(&number.value) {
                Ok(number) => Some(Node::Number(number)),
                Err(message) => self.refuse(expr, &message, None),
            },
            Expr::Var(_) | Expr::GetAttr(_) => self.field(expr),
            Expr::UnaryOp(op) if matches!(op.op, UnaryOpKind::Neg) => {
                let inner = self.node(&op.expr)?;
                let zero = Box::new(Node::Number(Decimal::ZERO));
                Some(Node::Calculation(Operator::Subtract, zero, Box::new(inner)))
            }
            Expr::BinOp(op) => match operator(op.op) {
                Some(operator) => {
                    let (a, b) = (self.node(&op.left), self.node(&op.right));
                    Some(Node::Calculation(operator, Box::new(a?), Box::new(b?)))
                }
                None => self.refuse(expr, "this is not a calculation", None),
            },
            _ => self.refuse(expr, "a formula has only fields, numbers, `+ - * / // %` and brackets", None),
        };
        self.depth -= 1;
        node
    }

    fn field(&mut self, expr: &Expr<'_>) -> Option<Node> {
        let mut path = Vec::new();
        let mut at = expr;
        let name = loop {
            match at {
                Expr::GetAttr(get) => {
                    path.push(get.name.to_owned());
                    at = &get.expr;
                }
                Expr::Var(var) => break var.id,
                _ => return self.refuse(at, "a formula names fields like `a.b`", None),
            }
        };
        path.push(name.to_owned());
        path.reverse();
        let mut ty = self.item.clone();
        let mut what = "item".to_owned();
        for name in &path {
            match check::member(&ty, name, &what) {
                Ok(field) => ty = field,
                Err(wrong) => return self.refuse_as(wrong.code, expr, &wrong.message, wrong.help),
            }
            what.clone_from(name);
        }
        if !ty.required().is_number() && ty != Type::Any {
            let help = ty
                .required()
                .is_text()
                .then(|| "declare the field as `number` in the system file".to_owned());
            return self.refuse(expr, &format!("one cannot calculate with {}", ty.required().noun()), help);
        }
        Some(Node::Field { path, unknown: ty == Type::Any })
    }

    fn refuse(&mut self, expr: &Expr<'_>, message: &str, help: Option<String>) -> Option<Node> {
        self.refuse_as("wrong-type", expr, message, help)
    }

    fn refuse_as(
        &mut self,
        code: &'static str,
        expr: &Expr<'_>,
        message: &str,
        help: Option<String>,
    ) -> Option<Node> {
        let range = check::range(expr);
        let range = self.place.offset + range.start..self.place.offset + range.end;
        self.problems.push(Problem { code, message: message.to_owned(), range, help });
        None
    }
}

fn operator(op: BinOpKind) -> Option<Operator> {
    Some(match op {
        BinOpKind::Add => Operator::Add,
        BinOpKind::Sub => Operator::Subtract,
        BinOpKind::Mul => Operator::Multiply,
        BinOpKind::Div => Operator::Divide,
        BinOpKind::FloorDiv => Operator::FloorDivide,
        BinOpKind::Rem => Operator::Remainder,
        _ => return None,
    })
}
