//! Texts that stand for credentials in a rendered request until it is sent.
//!
//! A template that saw a credential could put it anywhere: into an error, a log, another record. So it sees a text
//! that names the credential, and only what proves us replaces it, in the bytes that go out. The text holds a mark
//! that is new with every start of the process: no order's text can pretend to be one.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::AuthError;
use crate::base::{Secret, json, random};
use crate::http::Outgoing;

/// From the private use area: no text of a system holds them, and JSON and XML carry them as they are.
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// The same, as a URL holds them.
const OPEN_IN_URL: &str = "%EE%80%80";
const CLOSE_IN_URL: &str = "%EE%80%81";

/// Letters and digits, so that no encoding changes it.
static MARK: LazyLock<String> = LazyLock::new(|| json::hex(&random::bytes::<12>()));

/// What stands for the credential `name` in a rendered request.
pub fn placeholder(name: &str) -> String {
    format!("{OPEN}{}{name}{CLOSE}", *MARK)
}

/// The value of `secret` in templates: a placeholder for each of `names`.
pub fn scope_value<'n>(names: impl IntoIterator<Item = &'n str>) -> Value {
    names.into_iter().map(|name| (name.to_owned(), Value::from(placeholder(name)))).collect()
}

/// `text` as people may see it: `***` for each placeholder.
pub fn hide(text: &str) -> Cow<'_, str> {
    if !text.contains(MARK.as_str()) {
        return Cow::Borrowed(text);
    }
    let mut shown = text.to_owned();
    for place in [Place::Text, Place::Url] {
        let hidden = place.replace(&shown, &mut |_| Ok("***".to_owned()));
        shown = hidden.unwrap_or_else(|_| "***".to_owned());
    }
    Cow::Owned(shown)
}

/// Replaces the placeholders in the body and the query of `request` by what `secret` gives for their names.
///
/// # Errors
/// When there is no such credential, or a template has changed or misplaced a placeholder.
pub(super) fn fill(
    request: &mut Outgoing,
    secret: &dyn Fn(&str) -> Result<Secret, AuthError>,
) -> Result<(), AuthError> {
    if let Some(query) = request.url.query().filter(|query| query.contains(MARK.as_str())) {
        let filled = Place::Url
            .replace(query, &mut |name| Ok(crate::http::percent_encoded(secret(name)?.expose())))?;
        request.url.set_query(Some(&filled));
    }
    let form = Form::of(request);
    if let Some(text) = request.body.as_deref().and_then(|body| std::str::from_utf8(body).ok())
        && text.contains(MARK.as_str())
    {
        let filled = Place::Text.replace(text, &mut |name| Ok(form.write(secret(name)?.expose())))?;
        request.body = Some(Bytes::from(filled));
    }
    check_left(request)
}

/// Replaces the placeholders in a JSON text by what `secret` gives for their names.
///
/// # Errors
/// When there is no such credential, or a template has changed a placeholder.
pub(super) fn fill_json(
    text: &str,
    secret: &dyn Fn(&str) -> Result<Secret, AuthError>,
) -> Result<String, AuthError> {
    let filled = Place::Text.replace(text, &mut |name| Ok(Form::Json.write(secret(name)?.expose())))?;
    if left(filled.as_bytes()) { Err(misused()) } else { Ok(filled) }
}

/// Nothing that begins as a placeholder may go out: its credential is missing, and nobody would know.
fn check_left(request: &Outgoing) -> Result<(), AuthError> {
    let headers = request.headers.values().any(|value| left(value.as_bytes()));
    if headers || left(request.url.as_str().as_bytes()) || request.body.as_deref().is_some_and(left) {
        return Err(misused());
    }
    Ok(())
}

fn left(bytes: &[u8]) -> bool {
    let mark = MARK.as_bytes();
    bytes.windows(mark.len()).any(|window| window.eq_ignore_ascii_case(mark))
}

fn misused() -> AuthError {
    AuthError::Refused(
        "A template changes a `secret` or puts it where none can be; write it as it is, in the body or the query."
            .to_owned(),
    )
}

/// Where placeholders are looked for.
#[derive(Clone, Copy)]
enum Place {
    Text,
    Url,
}

impl Place {
    fn replace(
        self,
        text: &str,
        with: &mut dyn FnMut(&str) -> Result<String, AuthError>,
    ) -> Result<String, AuthError> {
        let (open, close) = match self {
            Self::Text => (format!("{OPEN}{}", *MARK), CLOSE.to_string()),
            Self::Url => (format!("{OPEN_IN_URL}{}", *MARK), CLOSE_IN_URL.to_owned()),
        };
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(&open) {
            let Some((name, after)) = after.split_once(&close) else { break };
            out.push_str(before);
            out.push_str(&with(name)?);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// How a body writes text.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Xml,
    Urlencoded,
    Plain,
}

impl Form {
    fn of(request: &Outgoing) -> Self {
        let media_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_ascii_lowercase();
        match media_type.split(';').next().unwrap_or_default().trim() {
            json if json.ends_with("json") => Self::Json,
            xml if xml.ends_with("xml") => Self::Xml,
            "application/x-www-form-urlencoded" => Self::Urlencoded,
            _ => Self::Plain,
        }
    }

    fn write(self, text: &str) -> String {
        match self {
            Self::Json => {
                let quoted = Value::from(text).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            Self::Xml => xml(text),
            Self::Urlencoded => crate::http::percent_encoded(text),
            Self::Plain => text.to_owned(),
        }
    }
}

/// As text or an attribute's value, whatever the quotes.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => {
                // Writing to a string does not fail.
                let _ = write!(out, "&#{};", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;

    const SECRET: &str = "p&<ä\"' 1\\]]>%";

    fn request(url: &str, media_type: &'static str, body: String) -> Outgoing {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))]);
        Outgoing { method: Method::POST, url: url.parse().unwrap(), headers, body: Some(body.into()) }
    }

    fn filled(mut request: Outgoing) -> Result<(String, String), String> {
        let secret = |name: &str| match name {
            "password" => Ok(Secret::new(SECRET)),
            other => Err(AuthError::Refused(format!("no {other}"))),
        };
        fill(&mut request, &secret).map_err(|error| error.to_string())?;
        let body = String::from_utf8(request.body.unwrap().to_vec()).unwrap();
        Ok((request.url.to_string(), body))
    }

    #[test]
    fn a_body_and_a_query_hold_the_credential_as_they_write_text() {
        let it = placeholder("password");
        for (media_type, expected) in [
            ("application/json", r#"p&<ä\"' 1\\]]>%"#),
            ("application/problem+json; charset=utf-8", r#"p&<ä\"' 1\\]]>%"#),
            ("text/xml;charset=utf-8", "p&amp;&lt;ä&quot;&apos; 1\\]]&gt;%"),
            ("application/soap+xml", "p&amp;&lt;ä&quot;&apos; 1\\]]&gt;%"),
            ("application/x-www-form-urlencoded", "p%26%3C%C3%A4%22%27%201%5C%5D%5D%3E%25"),
            ("text/plain", SECRET),
        ] {
            let body = format!("a {it} b {it} c");
            let url = format!("https://a.example/x?p={}&q=1", crate::http::percent_encoded(&it));
            let (url, body) = filled(request(&url, media_type, body)).unwrap();
            assert_eq!(body, format!("a {expected} b {expected} c"), "{media_type}");
            assert_eq!(url, "https://a.example/x?p=p%26%3C%C3%A4%22%27%201%5C%5D%5D%3E%25&q=1");
        }
    }

    #[test]
    fn what_only_looks_like_a_placeholder_stays() {
        let body = format!("{OPEN}password{CLOSE} {OPEN}0123{CLOSE}");
        let (_, left) =
            filled(request("https://a.example/?a=%EE%80%80password%EE%80%81", "text/plain", body.clone()))
                .unwrap();
        assert_eq!(left, body);
    }

    #[test]
    fn a_placeholder_that_cannot_be_filled_is_refused() {
        let it = placeholder("password");
        let refusals = [
            request("https://a.example/", "text/plain", it.to_uppercase()),
            request("https://a.example/", "text/plain", it.trim_end_matches(CLOSE).to_owned()),
            request(&format!("https://a.example/{it}"), "text/plain", String::new()),
        ];
        for refused in refusals {
            assert!(filled(refused).unwrap_err().contains("write it as it is"));
        }
        let unknown = request("https://a.example/", "text/plain", placeholder("other"));
        assert_eq!(filled(unknown).unwrap_err(), "no other");
    }

    #[test]
    fn people_see_none() {
        let it = placeholder("password");
        assert_eq!(hide(&format!("a {it} b")), "a *** b");
        assert_eq!(hide(&crate::http::percent_encoded(&it)), "***");
        assert!(matches!(hide("a b"), Cow::Borrowed("a b")));
    }
}
