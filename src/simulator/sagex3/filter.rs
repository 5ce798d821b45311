//! SData's `where`, read strictly: what Sage's help does not name is refused.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::dictionary::{Class, Kind};

/// Why a `where` is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not SData.
    Syntax(String),
    /// The `$query` facet has no such property; X3 endpoints fail with 500.
    UnknownProperty(String),
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
enum Datum {
    Text(String),
    Number(f64),
    Date(Date),
    Instant(Timestamp),
    Truth(bool),
    Nothing,
}

/// A condition over the properties of a row.
#[derive(Debug, Clone)]
pub struct Where(Node);

#[derive(Debug, Clone)]
enum Node {
    Literal(Datum),
    Property(String, Kind),
    Call(String, Vec<Node>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Both(Box<Node>, Box<Node>),
    Either(Box<Node>, Box<Node>),
    Compare(String, Box<Node>, Box<Node>),
    Between(Box<Node>, Box<Node>, Box<Node>),
    In(Box<Node>, Vec<Node>),
    Calculate(char, Box<Node>, Box<Node>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Datum(Datum),
    Sign(char),
}

impl Where {
    /// Reads `text` for the `$query` facet of `class`.
    ///
    /// # Errors
    /// When it is not SData, or names a property that the facet does not carry.
    pub fn parse(text: &str, class: &'static Class) -> Result<Self, Refusal> {
        let mut reader = Reader { tokens: tokens(text)?, at: 0, class };
        let node = reader.either()?;
        if reader.at < reader.tokens.len() {
            return Err(syntax("something follows the condition"));
        }
        match kind(&node)? {
            None => Ok(Self(node)),
            Some(_) => Err(syntax("this is not a condition")),
        }
    }

    /// Whether a row meets it.
    pub fn holds(&self, fields: &Map<String, Value>) -> bool {
        evaluate(&self.0, fields) == Datum::Truth(true)
    }
}

fn syntax(message: &str) -> Refusal {
    Refusal::Syntax(message.to_owned())
}

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
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

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    class: &'static Class,
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

    fn either(&mut self) -> Result<Node, Refusal> {
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

/// What a node yields; `None` for a condition. Only what is alike can be compared.
fn kind(node: &Node) -> Result<Option<Kind>, Refusal> {
    Ok(match node {
        Node::Literal(Datum::Text(_)) => Some(Kind::Text),
        Node::Literal(Datum::Number(_)) => Some(Kind::Decimal),
        Node::Literal(Datum::Date(_)) => Some(Kind::Date),
        Node::Literal(Datum::Instant(_)) => Some(Kind::Instant),
        Node::Literal(Datum::Truth(_)) => None,
        Node::Literal(Datum::Nothing) => Some(Kind::Texts),
        Node::Property(_, Kind::Integer) => Some(Kind::Decimal),
        Node::Property(_, kind) => Some(*kind),
        Node::Call(name, arguments) => Some(call_kind(name, arguments)?),
        Node::Negative(inner) => wants(inner, Kind::Decimal)?,
        Node::Not(inner) => condition(inner)?,
        Node::Both(left, right) | Node::Either(left, right) => {
            condition(left)?;
            condition(right)?
        }
        Node::Compare(operator, left, right) => {
            if operator == "like" {
                wants(left, Kind::Text)?;
                wants(right, Kind::Text)?;
            }
            alike(left, right)?
        }
        Node::Between(value, low, high) => {
            alike(value, low)?;
            alike(value, high)?
        }
        Node::In(value, list) => {
            for item in list {
                alike(value, item)?;
            }
            None
        }
        Node::Calculate(_, left, right) => {
            wants(left, Kind::Decimal)?;
            wants(right, Kind::Decimal)?
        }
    })
}

fn call_kind(name: &str, arguments: &[Node]) -> Result<Kind, Refusal> {
    let (takes, gives): (&[Kind], Kind) = match name {
        "left" | "right" => (&[Kind::Text, Kind::Decimal], Kind::Text),
        "upper" | "lower" | "trim" => (&[Kind::Text], Kind::Text),
        "ascii" | "length" => (&[Kind::Text], Kind::Decimal),
        "char" => (&[Kind::Decimal], Kind::Text),
        "abs" => (&[Kind::Decimal], Kind::Decimal),
        _ => return Err(syntax(&format!("there is no function `{name}`"))),
    };
    if takes.len() != arguments.len() {
        return Err(syntax(&format!("`{name}` takes {} arguments", takes.len())));
    }
    for (argument, kind) in arguments.iter().zip(takes) {
        wants(argument, *kind)?;
    }
    Ok(gives)
}

fn wants(node: &Node, wanted: Kind) -> Result<Option<Kind>, Refusal> {
    match kind(node)? {
        Some(found) if found == wanted => Ok(Some(found)),
        _ => Err(syntax("the types do not fit")),
    }
}

fn condition(node: &Node) -> Result<Option<Kind>, Refusal> {
    match kind(node)? {
        None => Ok(None),
        Some(_) => Err(syntax("this is not a condition")),
    }
}

fn alike(left: &Node, right: &Node) -> Result<Option<Kind>, Refusal> {
    let nothing = |node: &Node| matches!(node, Node::Literal(Datum::Nothing));
    match (kind(left)?, kind(right)?) {
        (Some(_), Some(_)) if nothing(left) || nothing(right) => Ok(None),
        (Some(one), Some(other)) if one == other => Ok(None),
        _ => Err(syntax("what is compared is not of one type")),
    }
}

fn evaluate(node: &Node, fields: &Map<String, Value>) -> Datum {
    let truth = |node: &Node| evaluate(node, fields) == Datum::Truth(true);
    match node {
        Node::Literal(datum) => datum.clone(),
        Node::Property(name, kind) => read(fields.get(name), *kind),
        Node::Call(name, arguments) => {
            call(name, &arguments.iter().map(|argument| evaluate(argument, fields)).collect::<Vec<_>>())
        }
        Node::Negative(inner) => match evaluate(inner, fields) {
            Datum::Number(number) => Datum::Number(-number),
            _ => Datum::Nothing,
        },
        Node::Not(inner) => Datum::Truth(!truth(inner)),
        Node::Both(left, right) => Datum::Truth(truth(left) && truth(right)),
        Node::Either(left, right) => Datum::Truth(truth(left) || truth(right)),
        Node::Compare(operator, left, right) => {
            Datum::Truth(compare(operator, &evaluate(left, fields), &evaluate(right, fields)))
        }
        Node::Between(value, low, high) => {
            let value = evaluate(value, fields);
            let within = compare("ge", &value, &evaluate(low, fields))
                && compare("le", &value, &evaluate(high, fields));
            Datum::Truth(within)
        }
        Node::In(value, list) => {
            let value = evaluate(value, fields);
            Datum::Truth(list.iter().any(|item| compare("eq", &value, &evaluate(item, fields))))
        }
        Node::Calculate(sign, left, right) => match (evaluate(left, fields), evaluate(right, fields)) {
            (Datum::Number(one), Datum::Number(other)) => Datum::Number(match sign {
                '+' => one + other,
                '-' => one - other,
                '/' => one / other,
                '%' => one % other,
                _ => one * other,
            }),
            _ => Datum::Nothing,
        },
    }
}

fn read(value: Option<&Value>, kind: Kind) -> Datum {
    let Some(value) = value else { return Datum::Nothing };
    match kind {
        Kind::Text => value.as_str().map_or(Datum::Nothing, |text| Datum::Text(text.to_owned())),
        Kind::Integer | Kind::Decimal => value.as_f64().map_or(Datum::Nothing, Datum::Number),
        Kind::Date => value.as_str().and_then(|text| text.parse().ok()).map_or(Datum::Nothing, Datum::Date),
        Kind::Instant => {
            value.as_str().and_then(|text| text.parse().ok()).map_or(Datum::Nothing, Datum::Instant)
        }
        Kind::Texts => Datum::Nothing,
    }
}

fn call(name: &str, arguments: &[Datum]) -> Datum {
    let count = |number: f64| if number > 0.0 { number as usize } else { 0 };
    match (name, arguments) {
        ("left", [Datum::Text(text), Datum::Number(most)]) => {
            Datum::Text(text.chars().take(count(*most)).collect())
        }
        ("right", [Datum::Text(text), Datum::Number(most)]) => {
            let skipped = text.chars().count().saturating_sub(count(*most));
            Datum::Text(text.chars().skip(skipped).collect())
        }
        ("upper", [Datum::Text(text)]) => Datum::Text(text.to_uppercase()),
        ("lower", [Datum::Text(text)]) => Datum::Text(text.to_lowercase()),
        ("trim", [Datum::Text(text)]) => Datum::Text(text.trim().to_owned()),
        ("length", [Datum::Text(text)]) => Datum::Number(text.chars().count() as f64),
        ("ascii", [Datum::Text(text)]) => {
            Datum::Number(text.chars().next().map_or(0.0, |first| f64::from(u32::from(first))))
        }
        ("char", [Datum::Number(code)]) => {
            Datum::Text(char::from_u32(count(*code) as u32).map(String::from).unwrap_or_default())
        }
        ("abs", [Datum::Number(number)]) => Datum::Number(number.abs()),
        _ => Datum::Nothing,
    }
}

fn compare(operator: &str, left: &Datum, right: &Datum) -> bool {
    let order = match (left, right) {
        (Datum::Text(one), Datum::Text(other)) if operator == "like" => return like(one, other),
        (Datum::Text(one), Datum::Text(other)) => Some(one.cmp(other)),
        (Datum::Number(one), Datum::Number(other)) => one.partial_cmp(other),
        (Datum::Date(one), Datum::Date(other)) => Some(one.cmp(other)),
        (Datum::Instant(one), Datum::Instant(other)) => Some(one.cmp(other)),
        (Datum::Nothing, Datum::Nothing) => Some(Ordering::Equal),
        _ => None,
    };
    match operator {
        "eq" => order == Some(Ordering::Equal),
        "ne" => order != Some(Ordering::Equal),
        "lt" => order == Some(Ordering::Less),
        "le" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        "gt" => order == Some(Ordering::Greater),
        "ge" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        _ => false,
    }
}

/// `%` stands for any run of characters, `_` for one.
fn like(text: &str, pattern: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '%' => text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| like(&text[at..], rest)),
        _ => text
            .chars()
            .next()
            .is_some_and(|next| (first == '_' || first == next) && like(&text[next.len_utf8()..], rest)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::dictionary::{SORDER, class};
    use super::*;

    fn holds(text: &str) -> Result<bool, Refusal> {
        let order = json!({
            "SOHNUM": "SONNA0110001", "BPCORD": "O'Malley", "ORDSTA": 1, "DLVSTA": 2,
            "ORDDAT": "2026-01-05", "UPDDATTIM": "2026-01-05T10:12:41Z",
        });
        let condition = Where::parse(text, class(SORDER).unwrap())?;
        Ok(condition.holds(order.as_object().unwrap()))
    }

    #[test]
    fn conditions_of_sages_help_are_understood() {
        for text in [
            "UPDDATTIM ge @2026-01-05T10:12:41Z@",
            "UPDDATTIM gt @2026-01-05T05:12:40-05:00@ and ORDSTA eq 1",
            "ORDDAT between @2026-01-01@ and @2026-01-31@ and DLVSTA in (1, 2)",
            "BPCORD eq 'O''Malley' or SOHNUM eq 'x'",
            "not (ORDSTA ne 1) and left(SOHNUM, 3) eq 'SON'",
            "SOHNUM like 'SON%01' and abs(DLVSTA - 3) le 1",
            "CUSORDREF eq null",
        ] {
            assert_eq!(holds(text), Ok(true), "{text}");
        }
        assert_eq!(holds("UPDDATTIM gt @2026-01-05T10:12:41Z@"), Ok(false));
        assert_eq!(holds("SOHNUM like '_'"), Ok(false));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "ORDSTA",
            "ORDSTA = 1",
            "ORDSTA eq",
            "ORDSTA eq '1'",
            "UPDDATTIM ge '2026-01-05T10:12:41Z'",
            "UPDDATTIM ge @2026-01-05T10:12:41@",
            "ORDDAT eq @2026-01-05T10:12:41Z@",
            "SOHNUM eq 'x",
            "(ORDSTA eq 1",
            "ORDSTA eq 1 ORDSTA eq 1",
            "nonsense(ORDSTA) eq 1",
            "ORDSTA eq 1 and SOHNUM",
        ] {
            assert!(matches!(holds(text), Err(Refusal::Syntax(_))), "{text}: {:?}", holds(text));
        }
        // BPTNUM is a property, but of the details.
        for name in ["NOSUCH", "BPTNUM"] {
            assert_eq!(holds(&format!("{name} eq 'x'")), Err(Refusal::UnknownProperty(name.into())));
        }
    }
}
