//! Values that stand under the name of a credential in a text: XML elements, attributes and parameters.

use std::ops::Range;

/// Fields whose value is a credential, whatever it is; compared without case, `_` and `-`.
const FIELDS: &[&str] = &[
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "clientsecret",
    "clientassertion",
    "passphrase",
    "apikey",
    "apisecret",
    "privatekey",
    "authorization",
];

/// What every such name ends with: `OperatorPassword`, `company_password`.
const ENDING: &str = "password";

/// No name is longer; it bounds how far is looked back.
const LONGEST: usize = 64;

/// Whether a field, an element (`ws:Password`), an attribute (`@password`) or a parameter of this name holds a credential.
pub(super) fn is_credential(name: &str) -> bool {
    let local = name.rsplit([':', '@']).next().unwrap_or(name);
    let plain = || local.bytes().filter(|b| !matches!(b, b'_' | b'-')).map(|b| b.to_ascii_lowercase());
    FIELDS.iter().any(|field| plain().eq(field.bytes()))
        || plain().rev().take(ENDING.len()).eq(ENDING.bytes().rev())
}

/// Every value in `text` that stands under such a name: `<Password>value</Password>`, `password="value"`,
/// `OperatorPassword=value&`.
pub(super) fn find(text: &str, found: &mut Vec<Range<usize>>) {
    for (at, mark) in text.match_indices(['<', '=']) {
        let value = if mark == "<" { element(text, at) } else { assignment(text, at) };
        found.extend(value.filter(|value| !text[value.clone()].trim().is_empty()));
    }
}

/// The content of the element whose tag begins at `at`.
fn element(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at + 1..];
    let name = &rest[..rest.find(|c: char| !is_of_name(c))?];
    if name.is_empty() || !is_credential(name) {
        return None;
    }
    let begins = at + 1 + rest.find('>')? + 1;
    if text[..begins].ends_with("/>") {
        return None;
    }
    // What is cut off in the middle has no end tag.
    let ends = text[begins..].find("</").map_or(text.len(), |end| begins + end);
    Some(begins..ends)
}

/// The value after the `=` at `at`.
fn assignment(text: &str, at: usize) -> Option<Range<usize>> {
    let before = text[..at].trim_end_matches([' ', '\t']);
    let name = before.rfind(|c: char| !is_of_name(c)).map_or(before, |at| {
        let after = before[at..].chars().next().map_or(0, char::len_utf8);
        &before[at + after..]
    });
    if name.is_empty() || name.len() > LONGEST || !is_credential(name) {
        return None;
    }
    let blanks = text[at + 1..].len() - text[at + 1..].trim_start_matches([' ', '\t']).len();
    let value = &text[at + 1 + blanks..];
    let (skip, ends) = match value.chars().next()? {
        quote @ ('"' | '\'') => (1, value[1..].find(quote).map_or(value.len(), |end| end + 1)),
        _ if blanks > 0 => return None,
        _ => (0, value.find(|c: char| c.is_whitespace() || "&;<>\"'".contains(c)).unwrap_or(value.len())),
    };
    let begins = at + 1 + blanks;
    Some(begins + skip..begins + ends)
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')
}
