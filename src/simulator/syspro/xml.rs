//! Documents as e.net reads and writes them: elements and text; attributes carry filters.

use std::collections::BTreeMap;

use quick_xml::XmlVersion;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// One element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its children, in order.
    pub children: Vec<Element>,
    /// Its own text.
    pub text: String,
}

impl Element {
    /// An element of that name, empty.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// An element that holds text.
    pub fn of(name: &str, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::new(name) }
    }

    /// The same element with one more child.
    #[must_use]
    pub fn with(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    /// The same element with one more child that holds text.
    #[must_use]
    pub fn field(self, name: &str, text: impl Into<String>) -> Self {
        self.with(Self::of(name, text))
    }

    /// The first child of that name. Names are case sensitive.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of that name, trimmed; nothing when there is none.
    pub fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.trim())
    }

    /// The element at the end of a path of names.
    pub fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The children of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The document, with the declaration that SYSPRO writes.
    pub fn document(&self) -> String {
        let mut out = "<?xml version=\"1.0\" encoding=\"Windows-1252\"?>\r\n".to_owned();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.push_str(&format!(" {name}=\"{}\"", escape(value.as_str())));
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        out.push_str(&escape(self.text.as_str()));
        self.children.iter().for_each(|child| child.write(out));
        out.push_str(&format!("</{}>", self.name));
    }
}

/// Reads a document.
///
/// # Errors
/// A sentence when it is not well formed.
pub fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim());
    reader.config_mut().expand_empty_elements = true;
    // A holder for the root, which is closed last.
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) => {
                let mut element = Element::new(tag.name().0);
                for attribute in tag.attributes() {
                    let attribute = attribute.map_err(|error| error.to_string())?;
                    let value = attribute
                        .normalized_value(XmlVersion::Explicit1_0)
                        .map_err(|error| error.to_string())?;
                    element.attributes.insert(attribute.key.0.to_owned(), value.into_owned());
                }
                open.push(element);
            }
            Event::End(_) => {
                let element = open.pop().unwrap_or_default();
                if let Some(parent) = open.last_mut() {
                    parent.children.push(element);
                }
            }
            Event::Text(text) => add(&mut open, &text.xml10_content()),
            Event::CData(text) => add(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let c = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                let text = c.map(String::from).or(resolve_predefined_entity(&reference).map(str::to_owned));
                add(
                    &mut open,
                    &text.ok_or_else(|| format!("Reference to undeclared entity '{}'", &*reference))?,
                );
            }
            Event::DocType(_) => return Err("DTD is prohibited".to_owned()),
            Event::Eof => break,
            _ => {}
        }
    }
    match open.as_mut_slice() {
        [holder] if holder.children.len() == 1 && holder.text.trim().is_empty() => {
            Ok(holder.children.remove(0))
        }
        _ => Err("There is an error in the XML document.".to_owned()),
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}
