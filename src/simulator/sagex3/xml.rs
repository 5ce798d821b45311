//! Just enough XML for RPC/encoded SOAP: elements with their namespaces, attributes and text; no DTD.

use std::collections::BTreeMap;

/// One element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name without prefix.
    pub name: String,
    /// The namespace it is in; empty for none.
    pub namespace: String,
    /// Its attributes by their names without prefix.
    pub attributes: BTreeMap<String, String>,
    /// Its children.
    pub children: Vec<Element>,
    /// Its own text, CDATA included.
    pub text: String,
}

impl Element {
    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of that name, trimmed; empty when there is none.
    pub fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.trim())
    }

    /// An attribute; empty when there is none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// Reads a document.
///
/// # Errors
/// A sentence when it is not well formed, or has a DTD.
pub fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader { rest: text.trim_start_matches('\u{feff}') };
    reader.prolog()?;
    let root = reader.element(&BTreeMap::new(), 0)?;
    reader.prolog()?;
    if reader.rest.is_empty() { Ok(root) } else { Err("something follows the root element".to_owned()) }
}

/// Text as it may stand in an element or an attribute.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The deepest that elements may be nested.
const DEEPEST: usize = 60;

struct Reader<'a> {
    rest: &'a str,
}

type Prefixes = BTreeMap<String, String>;

impl<'a> Reader<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes what stands before `end`, and `end`.
    fn until(&mut self, end: &str) -> Result<&'a str, String> {
        let (taken, rest) = self.rest.split_once(end).ok_or_else(|| format!("`{end}` is missing"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn take(&mut self, start: &str) -> bool {
        match self.rest.strip_prefix(start) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The declaration, comments and blanks.
    fn prolog(&mut self) -> Result<(), String> {
        loop {
            self.skip_blanks();
            if self.take("<?") {
                self.until("?>")?;
            } else if self.take("<!--") {
                self.until("-->")?;
            } else if self.rest.starts_with("<!") {
                return Err("a DTD is not allowed".to_owned());
            } else {
                return Ok(());
            }
        }
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || "_-.:".contains(c)));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        if name.is_empty() { Err("a name is missing".to_owned()) } else { Ok(name) }
    }

    fn element(&mut self, outer: &Prefixes, depth: usize) -> Result<Element, String> {
        if depth > DEEPEST {
            return Err("elements are nested too deeply".to_owned());
        }
        if !self.take("<") {
            return Err("an element is missing".to_owned());
        }
        let tag = self.name()?;
        let (attributes, prefixes) = self.attributes(outer)?;
        let (prefix, name) = tag.split_once(':').unwrap_or(("", tag));
        let namespace = match prefixes.get(prefix) {
            Some(namespace) => namespace.clone(),
            None if prefix.is_empty() => String::new(),
            None => return Err(format!("the prefix `{prefix}` is not declared")),
        };
        let mut element = Element { name: name.to_owned(), namespace, attributes, ..Element::default() };
        if self.take("/>") {
            return Ok(element);
        }
        if !self.take(">") {
            return Err(format!("`<{tag}` does not end"));
        }
        self.content(&mut element, &prefixes, depth)?;
        let closed = self.name()?;
        self.skip_blanks();
        if closed != tag || !self.take(">") {
            return Err(format!("`<{tag}>` is closed by `</{closed}>`"));
        }
        Ok(element)
    }

    fn attributes(&mut self, outer: &Prefixes) -> Result<(BTreeMap<String, String>, Prefixes), String> {
        let (mut attributes, mut prefixes) = (BTreeMap::new(), outer.clone());
        loop {
            self.skip_blanks();
            if self.rest.starts_with(['>', '/']) {
                return Ok((attributes, prefixes));
            }
            let name = self.name()?;
            self.skip_blanks();
            if !self.take("=") {
                return Err(format!("the attribute `{name}` has no value"));
            }
            self.skip_blanks();
            let quote = if self.take("\"") {
                "\""
            } else if self.take("'") {
                "'"
            } else {
                return Err(format!("the value of `{name}` is not quoted"));
            };
            let value = unescape(self.until(quote)?)?;
            match name.split_once(':') {
                Some(("xmlns", prefix)) => drop(prefixes.insert(prefix.to_owned(), value)),
                None if name == "xmlns" => drop(prefixes.insert(String::new(), value)),
                Some((_, local)) => drop(attributes.insert(local.to_owned(), value)),
                None => drop(attributes.insert(name.to_owned(), value)),
            }
        }
    }

    /// Everything up to the closing tag's name.
    fn content(&mut self, element: &mut Element, prefixes: &Prefixes, depth: usize) -> Result<(), String> {
        loop {
            let at = self.rest.find('<').ok_or_else(|| format!("`<{}>` is not closed", element.name))?;
            element.text.push_str(&unescape(&self.rest[..at])?);
            self.rest = &self.rest[at..];
            if self.take("</") {
                return Ok(());
            } else if self.take("<![CDATA[") {
                element.text.push_str(self.until("]]>")?);
            } else if self.take("<!--") {
                self.until("-->")?;
            } else if self.take("<?") {
                self.until("?>")?;
            } else {
                element.children.push(self.element(prefixes, depth + 1)?);
            }
        }
    }
}

fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, after) = after.split_once(';').ok_or("an entity does not end")?;
        plain.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => numbered(entity).ok_or_else(|| format!("the entity `{entity}` is unknown"))?,
        });
        rest = after;
    }
    plain.push_str(rest);
    Ok(plain)
}

fn numbered(entity: &str) -> Option<char> {
    let number = entity.strip_prefix('#')?;
    let code = match number.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_namespaces_and_texts_are_read() {
        let text = "<?xml version=\"1.0\"?><!-- x --><a:R xmlns:a=\"urn:a\" k='1 &lt; 2'><b>x &amp; y</b><c><![CDATA[<P/>]]></c><d/></a:R>";
        let root = parse(text).unwrap();
        assert_eq!(
            (root.name.as_str(), root.namespace.as_str(), root.attribute("k")),
            ("R", "urn:a", "1 < 2")
        );
        assert_eq!((root.text_of("b"), root.text_of("c"), root.text_of("d")), ("x & y", "<P/>", ""));
        assert_eq!(root.child("b").unwrap().namespace, "");
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for text in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "<a b=1/>",
            "<p:a/>",
            "<a>&nope;</a>",
            "<!DOCTYPE a><a/>",
            "<a/><b/>",
            "<a",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse(&escape("<a>")), Err("an element is missing".to_owned()));
    }
}
