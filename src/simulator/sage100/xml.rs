//! As much XML as SOAP needs: elements with their namespaces, and text.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The deepest nesting that is read.
const DEEPEST: usize = 40;

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name without the prefix.
    pub name: String,
    /// Its namespace; empty without one.
    pub namespace: String,
    /// Whether it says `xsi:nil="true"`.
    pub nil: bool,
    /// What stands in it, without blanks at the ends.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Element>,
}

impl Element {
    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of that name; `None` without one, or where it is nil.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.child(name).filter(|child| !child.nil).map(|child| child.text.as_str())
    }
}

/// Reads a document.
///
/// # Errors
/// A sentence when it is not well-formed, or holds what SOAP forbids.
pub fn read(text: &str) -> Result<Element, String> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let text = match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").ok_or("the declaration does not end")?.1,
        None => text,
    };
    let mut reader = Reader { rest: text };
    let root = reader.element(&BTreeMap::new(), 0)?;
    if reader.misc()?.trim().is_empty() && reader.rest.is_empty() {
        Ok(root)
    } else {
        Err("something stands behind the root element".into())
    }
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    /// Text up to the next tag; comments are left out, CDATA is text.
    fn misc(&mut self) -> Result<String, String> {
        let mut text = String::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix("<!--") {
                self.rest = rest.split_once("-->").ok_or("a comment does not end")?.1;
            } else if let Some(rest) = self.rest.strip_prefix("<![CDATA[") {
                let (inside, rest) = rest.split_once("]]>").ok_or("a CDATA section does not end")?;
                text.push_str(inside);
                self.rest = rest;
            } else if self.rest.starts_with("<!") || self.rest.starts_with("<?") {
                return Err("document types and instructions are not allowed".into());
            } else if self.rest.starts_with('<') || self.rest.is_empty() {
                return Ok(text);
            } else {
                let end = self.rest.find('<').unwrap_or(self.rest.len());
                text.push_str(&decoded(&self.rest[..end])?);
                self.rest = &self.rest[end..];
            }
        }
    }

    fn element(&mut self, outer: &BTreeMap<String, String>, depth: usize) -> Result<Element, String> {
        if depth > DEEPEST {
            return Err("it is nested too deeply".into());
        }
        self.misc()?;
        let rest = self.rest.strip_prefix('<').ok_or("an element was expected")?;
        let end = tag_end(rest).ok_or("a tag does not end")?;
        let (tag, rest) = (&rest[..end], &rest[end + 1..]);
        self.rest = rest;
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let at = tag.find(char::is_whitespace).unwrap_or(tag.len());
        let (name, attributes) = (&tag[..at], attributes(&tag[at..])?);
        let mut spaces = outer.clone();
        for (key, value) in &attributes {
            if key == "xmlns" {
                spaces.insert(String::new(), value.clone());
            } else if let Some(prefix) = key.strip_prefix("xmlns:") {
                spaces.insert(prefix.to_owned(), value.clone());
            }
        }
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let namespace = match spaces.get(prefix) {
            Some(namespace) => namespace.clone(),
            None if prefix.is_empty() => String::new(),
            None => return Err(format!("the prefix {prefix} is not declared")),
        };
        let nil = attributes.iter().any(|(key, value)| key.ends_with(":nil") && value == "true");
        let mut element = Element { name: local.to_owned(), namespace, nil, ..Element::default() };
        if closed {
            return Ok(element);
        }
        loop {
            element.text.push_str(&self.misc()?);
            if let Some(rest) = self.rest.strip_prefix("</") {
                let (closing, rest) = rest.split_once('>').ok_or("a tag does not end")?;
                if closing.trim_end() != name {
                    return Err(format!("{name} is closed by {closing}"));
                }
                self.rest = rest;
                element.text = element.text.trim().to_owned();
                return Ok(element);
            }
            if self.rest.is_empty() {
                return Err(format!("{name} is not closed"));
            }
            element.children.push(self.element(&spaces, depth + 1)?);
        }
    }
}

/// Where a tag ends; a `>` inside quotes does not end it.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, character)| {
        match (quote, character) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
        None
    })
}

fn attributes(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=').ok_or("an attribute has no value")?;
        let value = value.trim_start();
        let quote = value
            .chars()
            .next()
            .filter(|quote| ['"', '\''].contains(quote))
            .ok_or("an attribute has no quotes")?;
        let (value, after) = value[1..].split_once(quote).ok_or("an attribute does not end")?;
        found.push((name.trim().to_owned(), decoded(value)?));
        rest = after.trim_start();
    }
    Ok(found)
}

/// The five entities that XML has, and characters by number.
fn decoded(text: &str) -> Result<String, String> {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, rest) = part.split_once(';').ok_or("an entity does not end")?;
        let number = |digits: &str, base| u32::from_str_radix(digits, base).ok().and_then(char::from_u32);
        let character = match entity {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            other => match other.strip_prefix('#') {
                Some(digits) => match digits.strip_prefix(['x', 'X']) {
                    Some(digits) => number(digits, 16),
                    None => number(digits, 10),
                },
                None => None,
            },
        };
        out.push(character.ok_or_else(|| format!("the entity {entity} is not known"))?);
        out.push_str(rest);
    }
    Ok(out)
}

/// Text as XML writes it.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

/// An element that holds text.
pub fn element(name: &str, text: &str) -> String {
    let mut out = String::new();
    // Writing to text cannot fail.
    let _ = if text.is_empty() {
        write!(out, "<{name}/>")
    } else {
        write!(out, "<{name}>{}</{name}>", escaped(text))
    };
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_inherited_and_text_is_decoded() {
        let root = read(
            "<?xml version=\"1.0\"?><s:Envelope xmlns:s='urn:s'><s:Body><Get xmlns=\"urn:m\"><a>R &amp; S &#233;</a><b/><c i:nil='true' xmlns:i='urn:i'/></Get></s:Body></s:Envelope>",
        )
        .unwrap();
        let get = root.child("Body").and_then(|body| body.child("Get")).unwrap();
        assert_eq!((root.namespace.as_str(), get.namespace.as_str()), ("urn:s", "urn:m"));
        assert_eq!(get.child("a").unwrap().namespace, "urn:m");
        assert_eq!((get.value("a"), get.value("b"), get.value("c")), (Some("R & S é"), Some(""), None));
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in
            ["", "<a>", "<a></b>", "<a b></a>", "<a>&x;</a>", "<!DOCTYPE a><a/>", "<x:a/>", "<a/><b/>"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
