//! `$filter`: comparisons joined by `and` and `or`, with parentheses.

use std::cmp::Ordering;

use serde_json::{Map, Value};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Day,
    Binary,
}

/// A condition over a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Compare(String, Comparison, Literal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Number(f64),
    Null,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Quoted(String),
    Word(String),
}

/// Reads a filter over columns, which `kind` knows.
///
/// # Errors
/// A sentence that says what was not understood.
pub(super) fn parse(text: &str, kind: &dyn Fn(&str) -> Option<Kind>) -> Result<Condition, String> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0, kind };
    let condition = reader.either()?;
    if reader.at < reader.tokens.len() {
        return Err(format!("Syntax error at position {} in '{text}'.", reader.at));
    }
    Ok(condition)
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            ' ' => {
                rest = &rest[1..];
                continue;
            }
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '\'' => {
                let end = quote_end(&rest[1..]).ok_or("There is an unterminated string literal.")?;
                (Token::Quoted(rest[1..=end].replace("''", "'")), end + 2)
            }
            _ => {
                let end = rest.find([' ', '(', ')', '\'']).unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            }
        };
        tokens.push(token);
        rest = &rest[length..];
    }
    Ok(tokens)
}

/// Where a quoted text ends; two quotes stand for one.
fn quote_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'\'', Some(b'\'')) => at += 2,
            (b'\'', _) => return Some(at),
            _ => at += 1,
        }
    }
    None
}

struct Reader<'r> {
    tokens: Vec<Token>,
    at: usize,
    kind: &'r dyn Fn(&str) -> Option<Kind>,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("The filter ends too early.")?;
        self.at += 1;
        Ok(token)
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.tokens.get(self.at) == Some(&Token::Word(word.to_owned()));
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Condition, String> {
        let mut condition = self.both()?;
        while self.takes("or") {
            condition = Condition::Or(Box::new(condition), Box::new(self.both()?));
        }
        Ok(condition)
    }

    fn both(&mut self) -> Result<Condition, String> {
        let mut condition = self.one()?;
        while self.takes("and") {
            condition = Condition::And(Box::new(condition), Box::new(self.one()?));
        }
        Ok(condition)
    }

    fn one(&mut self) -> Result<Condition, String> {
        let column = match self.next()? {
            Token::Open => {
                let condition = self.either()?;
                return match self.next()? {
                    Token::Close => Ok(condition),
                    other => Err(format!("')' expected, not {other:?}.")),
                };
            }
            Token::Word(word) => word,
            other => return Err(format!("A property was expected, not {other:?}.")),
        };
        let kind =
            (self.kind)(&column).ok_or_else(|| format!("Could not find a property named '{column}'."))?;
        let comparison = match self.next()? {
            Token::Word(word) => match word.as_str() {
                "eq" => Comparison::Eq,
                "ne" => Comparison::Ne,
                "gt" => Comparison::Gt,
                "ge" => Comparison::Ge,
                "lt" => Comparison::Lt,
                "le" => Comparison::Le,
                other => return Err(format!("'{other}' is not an operator.")),
            },
            other => return Err(format!("An operator was expected, not {other:?}.")),
        };
        let literal = literal(&self.next()?, kind)?;
        Ok(Condition::Compare(column, comparison, literal))
    }
}

fn literal(token: &Token, kind: Kind) -> Result<Literal, String> {
    match (token, kind) {
        (Token::Word(word), _) if word == "null" => Ok(Literal::Null),
        (Token::Quoted(text), Kind::Text) => Ok(Literal::Text(text.clone())),
        (Token::Word(word), Kind::Number) => {
            word.parse().map(Literal::Number).map_err(|_| format!("Unrecognized literal '{word}'."))
        }
        (Token::Word(word), Kind::Day) => match word.parse::<jiff::Timestamp>() {
            Ok(instant) => Ok(Literal::Text(instant.to_string())),
            Err(_) => Err(format!("Unrecognized literal '{word}'.")),
        },
        (_, Kind::Binary) => {
            Err("A binary operator was found with operands of type 'Edm.Binary'.".to_owned())
        }
        (other, _) => Err(format!("A binary operator was found with incompatible operands: {other:?}.")),
    }
}

impl Condition {
    /// Whether a row meets it.
    pub(super) fn holds(&self, row: &Map<String, Value>) -> bool {
        match self {
            Self::And(one, other) => one.holds(row) && other.holds(row),
            Self::Or(one, other) => one.holds(row) || other.holds(row),
            Self::Compare(column, comparison, literal) => {
                comparison.allows(compare(row.get(column).unwrap_or(&Value::Null), literal))
            }
        }
    }
}

fn compare(value: &Value, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Null => value.is_null().then_some(Ordering::Equal),
        // SQL Server compares text without case; days are all midnight, so their texts compare as days do.
        Literal::Text(text) => value.as_str().map(|value| value.to_lowercase().cmp(&text.to_lowercase())),
        Literal::Number(number) => value.as_f64()?.partial_cmp(number),
    }
}

impl Comparison {
    /// A comparison with nothing is not true, but for `ne`.
    fn allows(self, ordering: Option<Ordering>) -> bool {
        match (self, ordering) {
            (Self::Ne, None) => true,
            (_, None) => false,
            (Self::Eq, Some(ordering)) => ordering.is_eq(),
            (Self::Ne, Some(ordering)) => ordering.is_ne(),
            (Self::Gt, Some(ordering)) => ordering.is_gt(),
            (Self::Ge, Some(ordering)) => ordering.is_ge(),
            (Self::Lt, Some(ordering)) => ordering.is_lt(),
            (Self::Le, Some(ordering)) => ordering.is_le(),
        }
    }
}
