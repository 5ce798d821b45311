//! Documents: one operation, its variables, and nested fields with arguments. No fragments, no directives.

use serde_json::{Map, Value};

/// An operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// `query` or `mutation`.
    pub operation: String,
    /// The variables that it declares: name, type as written, default.
    pub variables: Vec<(String, String, Option<Value>)>,
    /// What it asks for.
    pub fields: Vec<Field>,
}

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The name under which it is answered.
    pub alias: String,
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<(String, Argument)>,
    /// What is asked for of it.
    pub fields: Vec<Field>,
}

/// An argument as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// A variable.
    Variable(String),
    /// A value.
    Value(Value),
}

/// Reads a document.
///
/// # Errors
/// A sentence when it is not GraphQL, or more of it than is known here.
pub fn document(text: &str) -> Result<Document, String> {
    let mut reader = Reader { rest: text };
    reader.blanks();
    let operation = if reader.rest.starts_with('{') { "query".to_owned() } else { reader.name()? };
    if !["query", "mutation"].contains(&operation.as_str()) {
        return Err(format!("Syntax Error: Unexpected Name \"{operation}\"."));
    }
    if !reader.rest.starts_with(['{', '(']) {
        reader.name()?;
    }
    let variables = if reader.take("(") { reader.variables()? } else { Vec::new() };
    let fields = reader.selection()?;
    if reader.rest.is_empty() {
        Ok(Document { operation, variables, fields })
    } else {
        Err("Syntax Error: only one operation is understood".to_owned())
    }
}

/// Reads a value in the loose notation of filters: `{code:'AE003'}`.
///
/// # Errors
/// A sentence when it is none.
pub fn loose(text: &str) -> Result<Value, String> {
    let mut reader = Reader { rest: text };
    reader.blanks();
    match reader.argument()? {
        Argument::Value(value) if reader.rest.is_empty() => Ok(value),
        _ => Err(format!("`{text}` is not an object")),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n', ',', '\u{feff}']);
            if !self.rest.starts_with('#') {
                return;
            }
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    fn take(&mut self, sign: &str) -> bool {
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                self.blanks();
                true
            }
            None => false,
        }
    }

    fn want(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("Syntax Error: Expected \"{sign}\".")) }
    }

    fn name(&mut self) -> Result<String, String> {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("Syntax Error: Expected Name.".to_owned());
        }
        self.rest = rest;
        self.blanks();
        Ok(name.to_owned())
    }

    fn variables(&mut self) -> Result<Vec<(String, String, Option<Value>)>, String> {
        let mut found = Vec::new();
        while !self.take(")") {
            self.want("$")?;
            let name = self.name()?;
            self.want(":")?;
            let mut kind = self.name()?;
            if self.take("!") {
                kind.push('!');
            }
            let default = match self.take("=") {
                false => None,
                true => match self.argument()? {
                    Argument::Value(value) => Some(value),
                    Argument::Variable(_) => return Err("Syntax Error: a default is a value".to_owned()),
                },
            };
            found.push((name, kind, default));
        }
        Ok(found)
    }

    fn selection(&mut self) -> Result<Vec<Field>, String> {
        self.want("{")?;
        let mut fields = Vec::new();
        while !self.take("}") {
            fields.push(self.field()?);
        }
        if fields.is_empty() {
            Err("Syntax Error: Expected Name, found \"}\".".to_owned())
        } else {
            Ok(fields)
        }
    }

    fn field(&mut self) -> Result<Field, String> {
        let alias = self.name()?;
        let name = if self.take(":") { self.name()? } else { alias.clone() };
        let mut arguments = Vec::new();
        if self.take("(") {
            while !self.take(")") {
                let name = self.name()?;
                self.want(":")?;
                arguments.push((name, self.argument()?));
            }
        }
        let fields = if self.rest.starts_with('{') { self.selection()? } else { Vec::new() };
        Ok(Field { alias, name, arguments, fields })
    }

    fn argument(&mut self) -> Result<Argument, String> {
        if self.take("$") {
            return Ok(Argument::Variable(self.name()?));
        }
        let value = |argument| match argument {
            Argument::Value(value) => Ok(value),
            Argument::Variable(name) => Err(format!("Syntax Error: Unexpected variable \"${name}\".")),
        };
        let read = if self.take("[") {
            let mut items = Vec::new();
            while !self.take("]") {
                items.push(value(self.argument()?)?);
            }
            Value::Array(items)
        } else if self.take("{") {
            let mut fields = Map::new();
            while !self.take("}") {
                let name = match self.rest.starts_with(['\'', '"']) {
                    true => self.text()?,
                    false => self.name()?,
                };
                self.want(":")?;
                fields.insert(name, value(self.argument()?)?);
            }
            Value::Object(fields)
        } else if self.rest.starts_with(['\'', '"']) {
            Value::String(self.text()?)
        } else if self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            self.number()?
        } else {
            match self.name()?.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                word => Value::String(word.to_owned()),
            }
        };
        Ok(Argument::Value(read))
    }

    fn text(&mut self) -> Result<String, String> {
        let quote = self.rest.chars().next().unwrap_or('"');
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => text
                    .push(characters.next().map_or('\\', |(_, next)| if next == 'n' { '\n' } else { next })),
                _ if character == quote => {
                    self.rest = &self.rest[at + 1..];
                    self.blanks();
                    return Ok(text);
                }
                _ => text.push(character),
            }
        }
        Err("Syntax Error: Unterminated string.".to_owned())
    }

    fn number(&mut self) -> Result<Value, String> {
        let end = self.rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c)));
        let (number, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        self.blanks();
        serde_json::from_str(number).map_err(|_| format!("Syntax Error: Invalid number \"{number}\"."))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sages_own_queries_are_read() {
        let text = "query mySpeList($first: Int!, $filter: String) { x3Purchasing { purchaseOrder { query(first: $first, filter: $filter) { edges { node { _id who: orderFromSupplier { code { code } } } } } } } }";
        let document = document(text).unwrap();
        assert_eq!(document.variables[0], ("first".into(), "Int!".into(), None));
        let query = &document.fields[0].fields[0].fields[0];
        assert_eq!(query.arguments[0], ("first".into(), Argument::Variable("first".into())));
        assert_eq!(query.fields[0].fields[0].fields[1].alias, "who");
    }

    #[test]
    fn filters_are_loose() {
        assert_eq!(
            loose("[{orderFromSupplier:{_id:'CN001'}}, {a:{_gte:2}}]"),
            Ok(json!([{ "orderFromSupplier": { "_id": "CN001" } }, { "a": { "_gte": 2 } }]))
        );
        for text in ["", "{a:}", "{a:1", "{a:1} x", "$x"] {
            assert!(loose(text).is_err(), "{text}");
        }
    }
}
