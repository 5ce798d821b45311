//! Takes secrets out of what is written down: logs, the audit, stored requests and answers.

mod named;
mod patterns;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use crate::base::{Secret, json};
use patterns::{Beginnings, Patterns};

/// What stands in a secret's place.
const HIDDEN: &str = "***";

/// Strings longer than this are replaced by their length and digest: labels would fill the audit.
const LONG: usize = 2048;

/// Secrets added later that are remembered; tokens come and go, and older ones have expired.
const REMEMBERED: usize = 64;

/// Headers whose value is a credential, whatever it is.
const HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "credential",
    "x-auth-token",
    "x-shopify-access-token",
];

/// Knows a connection's secrets and hides them, however they are encoded. Clones share what they know.
#[derive(Clone)]
pub struct Redactor {
    known: Arc<RwLock<Known>>,
}

struct Known {
    first: Vec<Patterns>,
    added: VecDeque<Patterns>,
    beginnings: Beginnings,
    headers: BTreeSet<String>,
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Redactor {
    /// A redactor that knows `secrets` for good. Secrets shorter than four characters are not hidden: they would
    /// tear holes into everything.
    pub fn new(secrets: Vec<Secret>) -> Self {
        let first: Vec<Patterns> = secrets.iter().map(Patterns::of).collect();
        let beginnings = Beginnings::of(first.iter());
        let known = Known { first, added: VecDeque::new(), beginnings, headers: BTreeSet::new() };
        Self { known: Arc::new(RwLock::new(known)) }
    }

    /// Learns one more secret, such as a token that was fetched or a credential that was rotated.
    pub fn add(&self, secret: Secret) {
        if self.read(|known| known.all().any(|patterns| patterns.is_of(&secret))) {
            return;
        }
        let patterns = Patterns::of(&secret);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.added.len() == REMEMBERED {
            known.added.pop_front();
        }
        known.added.push_back(patterns);
        known.beginnings = Beginnings::of(known.all());
    }

    /// Learns one more header whose value is always hidden.
    pub fn add_header(&self, name: &HeaderName) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.headers.insert(name.as_str().to_owned());
    }

    /// `text` without secrets, and without the values that stand under the name of a credential in it.
    pub fn text(&self, text: &str) -> String {
        let mut found = Vec::new();
        named::find(text, &mut found);
        self.read(|known| {
            if known.beginnings.may_be_in(text) {
                known.all().for_each(|patterns| patterns.find(text, &mut found));
            }
        });
        if found.is_empty() { text.to_owned() } else { patterns::replace(text, found, HIDDEN) }
    }

    /// An address without secrets, however they are encoded in its query.
    pub fn url(&self, url: &url::Url) -> String {
        let Some(query) = url.query() else { return self.text(url.as_str()) };
        let shown: Vec<String> = query
            .split('&')
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let decoded = decoded(value);
                let redacted = self.text(&decoded);
                match () {
                    () if value.is_empty() => pair.to_owned(),
                    () if named::is_credential(&self::decoded(name)) => format!("{name}={HIDDEN}"),
                    () if redacted != decoded => format!("{name}={}", encoded(&redacted)),
                    () => pair.to_owned(),
                }
            })
            .collect();
        let mut address = url.clone();
        address.set_query(Some(&shown.join("&")));
        self.text(address.as_str())
    }

    /// `value` without secrets and without the contents of long strings.
    pub fn json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text.len() > LONG => Value::String(shortened(text)),
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Object(fields) => fields.iter().map(|(name, value)| self.field(name, value)).collect(),
            // A secret may be all digits.
            Value::Number(number) => {
                let text = number.to_string();
                let redacted = self.text(&text);
                if redacted == text { value.clone() } else { Value::String(redacted) }
            }
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    /// Headers as an object, without secrets. One that comes more than once is a list.
    pub fn headers_json(&self, headers: &HeaderMap) -> Value {
        let mut object = Map::new();
        for name in headers.keys() {
            let mut values: Vec<Value> =
                headers.get_all(name).iter().map(|value| self.header(name, value)).collect();
            let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
            object.insert(name.as_str().to_owned(), value);
        }
        Value::Object(object)
    }

    fn header(&self, name: &HeaderName, value: &http::HeaderValue) -> Value {
        let hidden = value.is_sensitive()
            || HEADERS.contains(&name.as_str())
            || self.read(|known| known.headers.contains(name.as_str()));
        if hidden {
            return Value::from(HIDDEN);
        }
        self.json(&Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned()))
    }

    fn field(&self, name: &str, value: &Value) -> (String, Value) {
        let hidden = !value.is_null() && named::is_credential(name);
        (self.text(name), if hidden { Value::from(HIDDEN) } else { self.json(value) })
    }

    fn read<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        read(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    fn all(&self) -> impl Iterator<Item = &Patterns> {
        self.first.iter().chain(&self.added)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

fn decoded(text: &str) -> String {
    let pair = format!("x={text}");
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn shortened(text: &str) -> String {
    format!("<{} bytes, sha256 {}>", text.len(), &json::sha256_hex(text.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SECRET: &str = "hunter2/\"é+&=<secret>\\";

    fn redactor() -> Redactor {
        Redactor::new(vec![Secret::new(SECRET)])
    }

    #[test]
    fn a_secret_is_found_in_every_encoding() {
        let form: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        let escaped = Value::from(SECRET).to_string();
        for text in [
            SECRET.to_owned(),
            form.clone(),
            form.to_ascii_lowercase(),
            escaped.clone(),
            escaped.replace('/', "\\/"),
            STANDARD.encode(SECRET),
            URL_SAFE.encode(SECRET),
        ] {
            let redacted = redactor().text(&format!("before {text} after"));
            assert!(!redacted.contains("hunter2") && !redacted.contains(&text), "{text} -> {redacted}");
            assert!(redacted.starts_with("before ") && redacted.ends_with(" after"), "{redacted}");
        }
    }

    #[test]
    fn a_secret_is_found_inside_longer_base64() {
        for user in ["", "u", "us", "use", "client"] {
            let whole = format!("{user}:{SECRET}:more");
            let redacted = redactor().text(&STANDARD.encode(&whole));
            assert!(redacted.contains(HIDDEN), "{user}");
            let left: String = redacted.replace(HIDDEN, "");
            assert!(left.len() < STANDARD.encode(format!("{user}::more")).len() + 8, "{user}: {redacted}");
        }
    }

    #[test]
    fn overlapping_secrets_leave_nothing_behind() {
        let redactor = Redactor::new(vec![Secret::new("abcdef"), Secret::new("defghi"), Secret::new("aaaa")]);
        assert_eq!(redactor.text("xabcdefghix"), "x***x");
        assert_eq!(redactor.text("-aaaaaa-"), "-***-");
    }

    #[test]
    fn the_lines_of_a_key_are_hidden_one_by_one() {
        let line = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7";
        let key = format!("-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n");
        assert_eq!(Redactor::new(vec![Secret::new(key)]).text(&format!("> {line}")), "> ***");
    }

    #[test]
    fn short_secrets_tear_no_holes() {
        let redactor = Redactor::new(vec![Secret::new(""), Secret::new("abc"), Secret::new("   \n  ")]);
        assert_eq!(redactor.text("abc    \n   def"), "abc    \n   def");
    }

    #[test]
    fn trees_lose_secrets_token_fields_and_long_strings() {
        let label = "A".repeat(12_345);
        let tree = json!({
            "access_token": "anything", "refreshToken": ["x"], "PASSWORD": 7, "client-secret": null,
            "note": format!("see {SECRET}"), "label": label, "lines": [{ "n": 1.5, "ok": true }],
        });
        let redacted = redactor().json(&tree);
        assert_eq!(redacted["access_token"], "***");
        assert_eq!(redacted["refreshToken"], "***");
        assert_eq!(redacted["PASSWORD"], "***");
        assert_eq!(redacted["client-secret"], Value::Null);
        assert_eq!(redacted["note"], "see ***");
        assert!(redacted["label"].as_str().unwrap().starts_with("<12345 bytes, sha256 "));
        assert_eq!(redacted["lines"], json!([{ "n": 1.5, "ok": true }]));
        assert_eq!(Redactor::new(vec![Secret::new("123456")]).json(&json!([123456])), json!(["***"]));
    }

    #[test]
    fn headers_that_carry_credentials_are_hidden() {
        let redactor = redactor();
        redactor.add_header(&HeaderName::from_static("x-own-key"));
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer x"),
            ("x-own-key", "k"),
            ("accept", "application/json"),
            ("set-cookie", "a=b"),
            ("via", "one"),
            ("via", "two"),
            ("x-note", "hunter2/"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        redactor.add(Secret::new("hunter2/"));
        let expected = json!({
            "authorization": "***", "x-own-key": "***", "accept": "application/json", "set-cookie": "***",
            "via": ["one", "two"], "x-note": "***",
        });
        assert_eq!(redactor.headers_json(&headers), expected);
    }

    #[test]
    fn what_one_clone_learns_all_know_and_old_tokens_are_forgotten() {
        let redactor = redactor();
        let other = redactor.clone();
        for n in 0..REMEMBERED + 10 {
            other.add(Secret::new(format!("token-{n:04}")));
            other.add(Secret::new(format!("token-{n:04}")));
        }
        assert_eq!(redactor.text("token-0000"), "token-0000");
        assert_eq!(redactor.text("token-0073"), "***");
        assert_eq!(redactor.text(SECRET), "***");
        assert!(!format!("{redactor:?}").contains("token"));
    }

    #[test]
    fn what_stands_under_a_credential_s_name_is_hidden() {
        let redactor = Redactor::default();
        for (text, expected) in [
            (
                "<ws:Password>abc</ws:Password><Username>web</Username>",
                "<ws:Password>***</ws:Password><Username>web</Username>",
            ),
            ("<Password a='1'>abc&amp;", "<Password a='1'>***"),
            ("<Password/><x/>", "<Password/><x/>"),
            ("<Password></Password>", "<Password></Password>"),
            ("<logon password = \"abc\" user=\"x\"/>", "<logon password = \"***\" user=\"x\"/>"),
            (
                "Operator=A&OperatorPassword=abc&CompanyId=B&CompanyPassword=&x=y",
                "Operator=A&OperatorPassword=***&CompanyId=B&CompanyPassword=&x=y",
            ),
            ("client_secret=abc", "client_secret=***"),
            ("a password = abc", "a password = abc"),
            ("1 < 2 = true, <, =, <é>", "1 < 2 = true, <, =, <é>"),
        ] {
            assert_eq!(redactor.text(text), expected);
        }
        let tree = json!({ "ws:Password": "a", "@OperatorPassword": "b", "Pass": "c" });
        assert_eq!(
            redactor.json(&tree),
            json!({ "ws:Password": "***", "@OperatorPassword": "***", "Pass": "c" })
        );
    }

    #[test]
    fn addresses_lose_what_their_query_hides() {
        let redactor = redactor();
        for (query, expected) in [
            ("a=1&b=%20x", "a=1&b=%20x"),
            (
                "Operator=A&OperatorPassword=ab%26c&CompanyPassword=",
                "Operator=A&OperatorPassword=***&CompanyPassword=",
            ),
            ("XmlIn=%3CPassword%3Eabc%3C%2FPassword%3E", "XmlIn=%3CPassword%3E***%3C%2FPassword%3E"),
            ("q=hunter2%2F%22%C3%A9%2B%26%3D%3Csecret%3E%5C&r=1", "q=***&r=1"),
        ] {
            let url = format!("https://x.example/Logon?{query}").parse().unwrap();
            assert_eq!(redactor.url(&url), format!("https://x.example/Logon?{expected}"));
        }
        assert_eq!(redactor.url(&"https://x.example/a".parse().unwrap()), "https://x.example/a");
    }

    proptest! {
        #[test]
        fn any_text_can_be_redacted(text in "[ -~é漢<=&\"'/]{0,40}", name in "(Password|apiKey|x|=|<|é)?") {
            let redacted = Redactor::default().text(&format!("{text}{name}{text}={text}>{text}"));
            prop_assert!(!redacted.is_empty());
        }

        #[test]
        fn no_encoding_of_a_secret_is_left(secret in "[!-)+-~]{8,40}", before in ".{0,9}", after in ".{0,9}") {
            let redactor = Redactor::new(vec![Secret::new(secret.clone())]);
            let whole = format!("{before}{secret}{after}");
            let form: String = url::form_urlencoded::byte_serialize(whole.as_bytes()).collect();
            for text in [whole.clone(), form, Value::from(whole.clone()).to_string()] {
                let redacted = redactor.text(&text);
                prop_assert!(!redacted.contains(&secret) && redacted.contains(HIDDEN), "{} -> {}", text, redacted);
            }
            for engine in [STANDARD, URL_SAFE] {
                let encoded = engine.encode(&whole);
                let redacted = redactor.text(&encoded);
                // All that may be left of it are the two characters that it shares with its neighbours.
                let left = redacted.replace(HIDDEN, "").trim_end_matches('=').len();
                let around = engine.encode(&before).len() + engine.encode(&after).len();
                prop_assert!(left <= around + 4, "{} -> {}", encoded, redacted);
            }
        }
    }
}
