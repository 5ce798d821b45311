//! XML text to a value tree.

use std::fmt;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;
use serde_json::{Map, Value};

use super::characters::{is_character, is_name, split};
use super::{ATTRIBUTES, DEPTH, PARTS};

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Namespaces whose attributes describe the document: XML itself, schema instances, SOAP 1.1 and 1.2.
const ABOUT_THE_DOCUMENT: &[&str] = &[
    "http://www.w3.org/XML/1998/namespace",
    XSI,
    "http://schemas.xmlsoap.org/soap/envelope/",
    "http://schemas.xmlsoap.org/soap/encoding/",
    "http://www.w3.org/2003/05/soap-envelope",
    "http://www.w3.org/2003/05/soap-encoding",
];

/// Reads a document. What its declaration says of its encoding is not looked at: `text` has been decoded.
///
/// # Errors
/// One sentence with the line and the column at which the document is not what it should be.
pub fn read(text: &str) -> Result<Value, String> {
    let (offset, reason) = match invalid_character(text) {
        Some(found) => found,
        None => match Reading::new(text).document() {
            Ok(tree) => return Ok(tree),
            Err(failure) => failure,
        },
    };
    let (line, column) = place(text, offset);
    Err(format!("{reason} (line {line}, column {column})"))
}

/// Where something is wrong, in bytes, and what.
type Failure = (usize, String);

struct Reading<'t> {
    text: &'t str,
    reader: NsReader<&'t [u8]>,
    /// The elements that are open, outermost first.
    open: Vec<Element>,
    root: Option<(String, Value)>,
    parts: usize,
    /// Where the event that is being looked at begins.
    at: usize,
}

/// An element that is being read.
#[derive(Default)]
struct Element {
    name: String,
    /// Attributes, then children.
    fields: Map<String, Value>,
    text: String,
    has_children: bool,
    nil: bool,
}

impl<'t> Reading<'t> {
    fn new(text: &'t str) -> Self {
        let mut reader = NsReader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        reader.config_mut().check_comments = true;
        Self { text, reader, open: Vec::new(), root: None, parts: 0, at: 0 }
    }

    fn document(mut self) -> Result<Value, Failure> {
        loop {
            self.at = self.position();
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let at = usize::try_from(self.reader.error_position()).unwrap_or(self.at);
                    return Err((at, sentence(&error)));
                }
            };
            match event {
                Event::Start(tag) => self.start(&tag)?,
                Event::Empty(tag) => {
                    self.start(&tag)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::CData(text) if self.open.is_empty() => self.text(&text)?,
                Event::CData(text) => self.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => self.reference(&reference)?,
                Event::DocType(_) => {
                    return self.fail(
                        "A document type (`<!DOCTYPE …>`) is refused: it can make a document mean anything",
                    );
                }
                Event::Decl(_) if self.at > 0 => {
                    return self.fail("The declaration `<?xml …?>` does not stand at the beginning");
                }
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        if let Some(element) = self.open.last() {
            let reason = format!("The text ends inside `<{}>`", element.name);
            return Err((self.text.len(), reason));
        }
        match self.root {
            Some((name, value)) => Ok(Value::from_iter([(name, value)])),
            None => Err((self.text.len(), "There is no element".to_owned())),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), Failure> {
        if self.open.is_empty() && self.root.is_some() {
            return self.fail("There is a second element beside the document's own");
        }
        if self.open.len() == DEPTH {
            return self.fail(format!("Elements are nested more than {DEPTH} deep"));
        }
        self.count()?;
        let name = tag.name();
        let mut element = Element { name: self.local(name.0)?.to_owned(), ..Element::default() };
        for (index, attribute) in tag.attributes().enumerate() {
            if index == ATTRIBUTES {
                return self.fail(format!("`<{}>` has more than {ATTRIBUTES} attributes", name.0));
            }
            self.count()?;
            let attribute =
                attribute.map_err(|error| (self.at, format!("In `<{}>`: {error}", element.name)))?;
            let (key, local) = (attribute.key.0, self.local(attribute.key.0)?);
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|error| (self.at, format!("In the attribute `{key}`: {}", sentence(&error))))?;
            if let Some(c) = value.chars().find(|c| !is_character(*c)) {
                return self.fail(not_a_character(c));
            }
            if key == "xmlns" || key.starts_with("xmlns:") {
                continue;
            }
            if let (ResolveResult::Bound(Namespace(namespace)), _) =
                self.reader.resolver().resolve_attribute(attribute.key)
                && ABOUT_THE_DOCUMENT.contains(&namespace)
            {
                element.nil |= namespace == XSI && local == "nil" && matches!(value.trim(), "true" | "1");
                continue;
            }
            push(&mut element.fields, format!("@{local}"), Value::from(value));
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) {
        // The reader has seen to it that tags match.
        let Some(element) = self.open.pop() else { return };
        let name = element.name.clone();
        let value = element.value();
        match self.open.last_mut() {
            Some(parent) => {
                parent.has_children = true;
                push(&mut parent.fields, name, value);
            }
            None => self.root = Some((name, value)),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Failure> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => {}
            None => return self.fail("There is text outside the document's element"),
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Failure> {
        let resolved = match reference.resolve_char_ref() {
            Ok(Some(c)) if is_character(c) => c.to_string(),
            Ok(Some(c)) => return self.fail(not_a_character(c)),
            Ok(None) => match resolve_predefined_entity(reference) {
                Some(text) => text.to_owned(),
                None => {
                    return self.fail(format!(
                        "`&{};` is refused: XML has five entities, and this is none of them",
                        &**reference
                    ));
                }
            },
            Err(error) => return self.fail(sentence(&error)),
        };
        self.text(&resolved)
    }

    /// A name without its prefix.
    fn local<'n>(&self, name: &'n str) -> Result<&'n str, Failure> {
        let (prefix, local) = split(name);
        if prefix.is_some_and(|prefix| !is_name(prefix)) || !is_name(local) {
            let name: String = name.chars().take(40).collect();
            return self.fail(format!("`{}` is not a name", name.escape_debug()));
        }
        Ok(local)
    }

    fn count(&mut self) -> Result<(), Failure> {
        self.parts += 1;
        if self.parts > PARTS {
            return self.fail(format!("There are more than {PARTS} elements and attributes"));
        }
        Ok(())
    }

    fn fail<T>(&self, reason: impl Into<String>) -> Result<T, Failure> {
        Err((self.at, reason.into()))
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(self.text.len())
    }
}

impl Element {
    fn value(mut self) -> Value {
        if self.nil {
            return Value::Null;
        }
        let blank = self.text.trim_matches([' ', '\t', '\r', '\n']).is_empty();
        if self.fields.is_empty() {
            return Value::String(if blank { String::new() } else { self.text });
        }
        if !blank {
            // Between children, the white space around it is layout.
            let text = if self.has_children { self.text.trim().to_owned() } else { self.text };
            self.fields.insert("#text".to_owned(), Value::String(text));
        }
        Value::Object(self.fields)
    }
}

/// Adds a field; a name that is there already becomes a list. No single value is a list.
fn push(fields: &mut Map<String, Value>, name: String, value: Value) {
    match fields.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
        None => {
            fields.insert(name, value);
        }
    }
}

fn invalid_character(text: &str) -> Option<Failure> {
    text.char_indices().find(|(_, c)| !is_character(*c)).map(|(at, c)| (at, not_a_character(c)))
}

fn not_a_character(c: char) -> String {
    format!("The character U+{:04X} is not allowed in XML", u32::from(c))
}

/// Line and column, from 1, of a place in bytes.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let offset = (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The reader's message as the beginning of a sentence.
fn sentence(error: &dyn fmt::Display) -> String {
    let text = error.to_string();
    let text =
        text.strip_prefix("ill-formed document: ").or(text.strip_prefix("syntax error: ")).unwrap_or(&text);
    let mut characters = text.trim_end_matches('.').chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
