//! A value tree to XML text.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::DEPTH;
use super::characters::{is_character, is_name, split};

/// Writes a document in UTF-8, without a declaration.
///
/// # Errors
/// One sentence that says what the tree holds that XML cannot, and where.
pub fn write(tree: &Value) -> Result<String, String> {
    Writer::default().document(tree)
}

/// How a tree is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Writer<'w> {
    /// Prefixes that are declared around the document.
    pub prefixes: &'w [String],
    /// Whether the encoding in which the text will be sent has the character; one it has not is written as a reference.
    pub has: Option<fn(char) -> bool>,
}

impl Writer<'_> {
    /// Writes a document: an object of one field, which is its element.
    ///
    /// # Errors
    /// One sentence that says what the tree holds that XML cannot, and where.
    pub fn document(&self, tree: &Value) -> Result<String, String> {
        match tree {
            Value::Object(fields) if fields.len() == 1 && !fields.values().any(Value::is_array) => {}
            _ => return Err("An XML document is an object of one field, its element.".to_owned()),
        }
        if tree.as_object().and_then(|fields| fields.values().next()).is_some_and(Value::is_null) {
            return Err("An XML document needs its element; this one is null.".to_owned());
        }
        self.elements(tree)
    }

    /// Writes the fields of an object as elements, one after the other.
    ///
    /// # Errors
    /// As [`Writer::document`].
    pub fn elements(&self, tree: &Value) -> Result<String, String> {
        let Value::Object(fields) = tree else {
            return Err("Elements are the fields of an object.".to_owned());
        };
        let mut writing = Writing {
            out: String::new(),
            has: self.has.unwrap_or(|_| true),
            prefixes: self.prefixes.iter().cloned().collect(),
            path: Vec::new(),
        };
        for (name, value) in fields {
            writing.field(name, value)?;
        }
        Ok(writing.out)
    }
}

struct Writing {
    out: String,
    has: fn(char) -> bool,
    prefixes: BTreeSet<String>,
    /// The elements that are open, outermost first.
    path: Vec<String>,
}

impl Writing {
    fn field(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match value {
            Value::Null => Ok(()),
            Value::Array(items) => items.iter().try_for_each(|item| match item {
                Value::Array(_) => self.fail(name, "is a list in a list, which XML has no form for"),
                item => self.field(name, item),
            }),
            value => self.element(name, value),
        }
    }

    fn element(&mut self, name: &str, value: &Value) -> Result<(), String> {
        if self.path.len() == DEPTH {
            return self.fail(name, &format!("is nested more than {DEPTH} deep"));
        }
        let outside = self.prefixes.clone();
        if let Value::Object(fields) = value {
            let declared = fields.keys().filter_map(|key| key.strip_prefix("@xmlns:"));
            self.prefixes.extend(declared.map(str::to_owned));
        }
        self.check_name(name, name)?;
        self.path.push(name.to_owned());
        self.out.push('<');
        self.out.push_str(name);
        if let Value::Object(fields) = value {
            self.attributes(fields)?;
        }
        self.out.push('>');
        let begins = self.out.len();
        match value {
            Value::Object(fields) => self.content(fields)?,
            value => self.text("#text", value)?,
        }
        if self.out.len() == begins {
            self.out.truncate(begins - 1);
            self.out.push_str("/>");
        } else {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
        self.path.pop();
        self.prefixes = outside;
        Ok(())
    }

    fn attributes(&mut self, fields: &Map<String, Value>) -> Result<(), String> {
        for (key, value) in fields {
            let Some(name) = key.strip_prefix('@') else { continue };
            if value.is_null() {
                continue;
            }
            if name != "xmlns" && !name.starts_with("xmlns:") {
                self.check_name(key, name)?;
            } else if !name.strip_prefix("xmlns:").is_none_or(is_name) {
                return self.fail(key, "is not a name");
            }
            let value = self.plain(key, value)?;
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.escaped(key, &value, true)?;
            self.out.push('"');
        }
        Ok(())
    }

    fn content(&mut self, fields: &Map<String, Value>) -> Result<(), String> {
        for (key, value) in fields {
            match key.as_str() {
                _ if value.is_null() || key.starts_with('@') => {}
                "#text" => self.text(key, value)?,
                "#xml" => self.document_inside(value)?,
                "#elements" => self.named(value)?,
                _ => self.field(key, value)?,
            }
        }
        Ok(())
    }

    /// Elements whose names are data: a list of `{ name, value }`.
    fn named(&mut self, list: &Value) -> Result<(), String> {
        let items = match list {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        for item in items {
            let Some(name) = item.get("name").and_then(Value::as_str) else {
                return self.fail("#elements", "must be a list of `{ name, value }`");
            };
            // Not the words that mean something else here.
            if name.starts_with(['@', '#']) {
                return self.fail(name, "is not a name that XML allows");
            }
            self.field(name, item.get("value").unwrap_or(&Value::Null))?;
        }
        Ok(())
    }

    /// A document as text, in CDATA.
    fn document_inside(&mut self, tree: &Value) -> Result<(), String> {
        // Namespaces are not inherited: it is text to whoever reads the outer document.
        let text = match (Writer { prefixes: &[], has: None }).document(tree) {
            Ok(text) => text,
            Err(reason) => return self.fail("#xml", &format!("cannot be written: {reason}")),
        };
        if let Some(c) = text.chars().find(|c| !(self.has)(*c)) {
            return self.fail(
                "#xml",
                &format!("holds `{c}`, which the encoding has not and CDATA cannot spell out"),
            );
        }
        // The end mark `]]>` cannot stand inside: every `>` of a text has been escaped.
        self.out.push_str("<![CDATA[");
        self.out.push_str(&text);
        self.out.push_str("]]>");
        Ok(())
    }

    fn text(&mut self, key: &str, value: &Value) -> Result<(), String> {
        let text = self.plain(key, value)?;
        self.escaped(key, &text, false)
    }

    /// A value that is one text.
    fn plain(&self, key: &str, value: &Value) -> Result<String, String> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(truth) => Ok(truth.to_string()),
            Value::Null => Ok(String::new()),
            Value::Array(_) | Value::Object(_) => {
                self.fail(key, "must be one text, but is a list or an object")
            }
        }
    }

    fn escaped(&mut self, key: &str, text: &str, attribute: bool) -> Result<(), String> {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' if attribute => self.out.push_str("&quot;"),
                // A reader would make a line feed or a blank of them.
                '\r' => self.out.push_str("&#13;"),
                '\n' if attribute => self.out.push_str("&#10;"),
                '\t' if attribute => self.out.push_str("&#9;"),
                c if !is_character(c) => {
                    let problem =
                        format!("holds the character U+{:04X}, which XML cannot hold", u32::from(c));
                    return self.fail(key, &problem);
                }
                c if !(self.has)(c) => self.out.push_str(&format!("&#{};", u32::from(c))),
                c => self.out.push(c),
            }
        }
        Ok(())
    }

    fn check_name(&self, key: &str, name: &str) -> Result<(), String> {
        let (prefix, local) = split(name);
        if !is_name(local) || prefix.is_some_and(|prefix| !is_name(prefix)) || !name.chars().all(self.has) {
            return self.fail(key, "is not a name that XML allows");
        }
        match prefix {
            Some(prefix) if prefix != "xml" && !self.prefixes.contains(prefix) => {
                self.fail(key, &format!("has the prefix `{prefix}`, which is not declared"))
            }
            _ => Ok(()),
        }
    }

    fn fail<T>(&self, key: &str, problem: &str) -> Result<T, String> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).chain([key]).collect();
        Err(format!("`{}` {problem}.", path.join("/").escape_debug()))
    }
}
