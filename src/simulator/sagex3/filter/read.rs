//! Reads SData's text into a tree of nodes.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Datum, Node, Refusal, syntax};
use crate::simulator::sagex3::dictionary::Class;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    Datum(Datum),
    Sign(char),
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' => quoted(rest, first)?,
            '@' => moment(rest)?,
            '0'..='9' => number(rest)?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
                let end = end.unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            }
            '(' | ')' | ',' | '+' | '-' | '*' => (Token::Sign(first), 1),
            other => return Err(syntax(&format!("`{other}` has no meaning here"))),
        };
        found.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

/// A quote inside a text is doubled.
fn quoted(rest: &str, quote: char) -> Result<(Token, usize), Refusal> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != quote {
            text.push(character);
        } else if characters.peek().is_some_and(|(_, next)| *next == quote) {
            characters.next();
            text.push(quote);
        } else {
            return Ok((Token::Datum(Datum::Text(text)), at + 1));
        }
    }
    Err(syntax("a text does not end"))
}

/// `@2008-05-19@` or `@2008-05-19T16:41:00Z@`.
fn moment(rest: &str) -> Result<(Token, usize), Refusal> {
    let end = rest[1..].find('@').ok_or_else(|| syntax("a date does not end"))?;
    let text = &rest[1..=end];
    let datum = match (text.parse::<Timestamp>(), text.parse::<Date>()) {
        (Ok(instant), _) => Datum::Instant(instant),
        (_, Ok(date)) if text.len() == 10 => Datum::Date(date),
        _ => return Err(syntax(&format!("`{text}` is neither a date nor a time with its zone"))),
    };
    Ok((Token::Datum(datum), end + 2))
}

fn number(rest: &str) -> Result<(Token, usize), Refusal> {
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let number = rest[..end].parse().map_err(|_| syntax("this is not a number"))?;
    Ok((Token::Datum(Datum::Number(number)), end))
}

/// Takes tokens one after the other; each method reads what binds tighter than the one before.
pub(super) struct Reader {
    pub(super) tokens: Vec<Token>,
    pub(super) at: usize,
    pub(super) class: &'static Class,
}

impl Reader {
    fn word(&mut self, wanted: &[&str]) -> Option<String> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) if wanted.contains(&word.as_str()) => {
                self.at += 1;
                Some(word.clone())
            }
            _ => None,
        }
    }

    fn sign(&mut self, wanted: char) -> bool {
        let found = self.tokens.get(self.at) == Some(&Token::Sign(wanted));
        self.at += usize::from(found);
        found
    }

    pub(super) fn either(&mut self) -> Result<Node, Refusal> {
        let mut left = self.both()?;
        while self.word(&["or"]).is_some() {
            left = Node::Either(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Node, Refusal> {
        let mut left = self.not()?;
        while self.word(&["and"]).is_some() {
            left = Node::Both(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Node, Refusal> {
        match self.word(&["not"]) {
            Some(_) => Ok(Node::Not(Box::new(self.not()?))),
            None => self.comparison(),
        }
    }

    fn comparison(&mut self) -> Result<Node, Refusal> {
        let left = self.sum()?;
        if self.word(&["between"]).is_some() {
            let low = self.sum()?;
            if self.word(&["and"]).is_none() {
                return Err(syntax("`between` wants `and`"));
            }
            return Ok(Node::Between(Box::new(left), Box::new(low), Box::new(self.sum()?)));
        }
        if self.word(&["in"]).is_some() {
            if !self.sign('(') {
                return Err(syntax("`in` wants a list in parentheses"));
            }
            return Ok(Node::In(Box::new(left), self.list()?));
        }
        match self.word(&["eq", "ne", "lt", "le", "gt", "ge", "like"]) {
            Some(operator) => Ok(Node::Compare(operator, Box::new(left), Box::new(self.sum()?))),
            None => Ok(left),
        }
    }

    fn sum(&mut self) -> Result<Node, Refusal> {
        let mut left = self.product()?;
        loop {
            let sign = if self.sign('+') {
                '+'
            } else if self.sign('-') {
                '-'
            } else {
                return Ok(left);
            };
            left = Node::Calculate(sign, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Node, Refusal> {
        let mut left = self.operand()?;
        loop {
            let sign = match (self.sign('*'), self.word(&["div", "mul", "mod"])) {
                (true, _) => '*',
                (_, Some(word)) if word == "div" => '/',
                (_, Some(word)) if word == "mod" => '%',
                (_, Some(_)) => '*',
                _ => return Ok(left),
            };
            left = Node::Calculate(sign, Box::new(left), Box::new(self.operand()?));
        }
    }

    fn operand(&mut self) -> Result<Node, Refusal> {
        if self.sign('(') {
            let inner = self.either()?;
            return if self.sign(')') { Ok(inner) } else { Err(syntax("a parenthesis is not closed")) };
        }
        if self.sign('-') {
            return Ok(Node::Negative(Box::new(self.operand()?)));
        }
        let token = self.tokens.get(self.at).cloned().ok_or_else(|| syntax("something is missing"))?;
        self.at += 1;
        match token {
            Token::Datum(datum) => Ok(Node::Literal(datum)),
            Token::Word(word) if word == "null" => Ok(Node::Literal(Datum::Nothing)),
            Token::Word(word) if self.sign('(') => Ok(Node::Call(word, self.list()?)),
            Token::Word(word) => match self.class.property(&word) {
                Some(property) if property.listed => Ok(Node::Property(word, property.kind)),
                _ => Err(Refusal::UnknownProperty(word)),
            },
            Token::Sign(sign) => Err(syntax(&format!("`{sign}` has no meaning here"))),
        }
    }

    /// The rest of a list whose parenthesis is open.
    fn list(&mut self) -> Result<Vec<Node>, Refusal> {
        let mut items = vec![self.sum()?];
        while self.sign(',') {
            items.push(self.sum()?);
        }
        if self.sign(')') { Ok(items) } else { Err(syntax("a list is not closed")) }
    }
}
