//! Puts URLs together so that no value can change where a request goes.

use ::url::Url;

use super::TransportError;

/// Encodes a value for one segment of a path, so that it stays one segment. [`join`] refuses what cannot stay one: an
/// empty value, `.` and `..`.
pub fn encode_segment(text: &str) -> String {
    // An empty value would make another path of the template; the encoded NUL is what `join` knows it by.
    if text.is_empty() { "%00".to_owned() } else { encode(text, "") }
}

/// `base` with `path` after it; `path` starts with `/` and its values went through [`encode_segment`].
///
/// # Errors
/// When the base is not a plain http(s) address, or the path is not a path: it holds `.`, `..`, empty segments, a query,
/// a fragment, a backslash or characters that a URL cannot hold.
pub fn join(base: &str, path: &str) -> Result<Url, TransportError> {
    let unwritable = |message: String| Err(TransportError::Unwritable(message));
    let Some(mut url) = Url::parse(base.trim()).ok().filter(is_plain) else {
        return unwritable(format!(
            "The base URL `{}` is not an address such as `https://api.example.com/v1`, without query or user name.",
            without_user(base)
        ));
    };
    if let Some(problem) = problem(path) {
        return unwritable(format!("The path `{path}` {problem}."));
    }
    let joined = format!("{}{path}", url.path().trim_end_matches('/'));
    url.set_path(&joined);
    Ok(url)
}

/// The address that an answer links to, absolute or below the host of `base`.
///
/// # Errors
/// When it is no address, or not one below `base`: what an answer says must not lead our credentials elsewhere.
pub fn below(base: &str, link: &str) -> Result<Url, TransportError> {
    let wrong = |why: &str| {
        let link: String = link.chars().take(200).collect();
        Err(TransportError::Unwritable(format!("The link `{}` {why}.", without_user(&link))))
    };
    let Ok(base) = Url::parse(base.trim()) else { return wrong("cannot be followed from this base URL") };
    let Ok(url) = base.join(link.trim()) else { return wrong("is not an address") };
    if url.origin() != base.origin() || !url.username().is_empty() || url.password().is_some() {
        return wrong("leads to another host than the connection's base URL");
    }
    let root = base.path().trim_end_matches('/');
    let inside = url.path().strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    // A server may decode what a URL parser leaves as it is.
    let lower = url.path().to_ascii_lowercase();
    let climbs = lower.split(['/', '\\']).any(|part| part.replace("%2e", ".") == "..")
        || ["%2f", "%5c", "%00"].iter().any(|hidden| lower.contains(&format!("..{hidden}")))
        || lower.contains("%2f..")
        || lower.contains("%5c..");
    if !inside || climbs {
        return wrong("does not lead below the connection's base URL");
    }
    Ok(url)
}

/// Adds query parameters, each percent-encoded, to those that `url` has.
pub fn append_query(url: &mut Url, query: &[(String, String)]) {
    if query.is_empty() {
        return;
    }
    // `%20`, not `+`: not every server reads a plus sign as a blank. OData's `$` names stay readable.
    let pairs = query.iter().map(|(name, value)| format!("{}={}", encode(name, "$"), encode(value, "")));
    let all: Vec<String> =
        url.query().filter(|query| !query.is_empty()).map(str::to_owned).into_iter().chain(pairs).collect();
    url.set_query(Some(&all.join("&")));
}

/// Puts query parameters into `url`, each in the place of those of its name that it has. Names count as the same whatever
/// the case of their letters: to some servers they are.
pub fn replace_query(url: &mut Url, query: &[(String, String)]) {
    let stays = |name: &str| !query.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let kept: Vec<&str> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| {
            ::url::form_urlencoded::parse(pair.as_bytes()).next().is_none_or(|(name, _)| stays(&name))
        })
        .collect();
    let kept = kept.join("&");
    url.set_query(Some(&kept).filter(|kept| !kept.is_empty()).map(String::as_str));
    append_query(url, query);
}

fn encode(text: &str, plain: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if plain.as_bytes().contains(&byte) => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn is_plain(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// What stands before an `@` may be a password.
fn without_user(base: &str) -> String {
    match (base.find("://"), base.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://…{}", &base[..scheme], &base[at..]),
        _ => base.to_owned(),
    }
}

fn problem(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return None;
    }
    if !path.starts_with('/') {
        return Some("does not start with `/`");
    }
    if path.contains(['?', '#']) {
        return Some("holds a query or fragment; parameters belong in `query`");
    }
    if path.contains('\\') || path.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Some("holds a backslash, a blank or a control character");
    }
    let lower = path.to_ascii_lowercase();
    if lower.contains("%00") {
        return Some("has an empty value in it");
    }
    let dots = lower.replace("%2e", ".");
    let mut segments = dots[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        // A path may end with `/`; anywhere else an empty segment is a value that is missing.
        if (segment.is_empty() && segments.peek().is_some()) || matches!(segment, "." | "..") {
            return Some("has a segment that is empty, `.` or `..`");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(base: &str, path: &str) -> String {
        match join(base, path) {
            Err(TransportError::Unwritable(message)) => message,
            other => panic!("{base} {path}: {other:?}"),
        }
    }

    #[test]
    fn base_and_path_are_joined() {
        for (base, path, expected) in [
            ("https://a.example", "/x/y", "https://a.example/x/y"),
            ("https://a.example/", "/x", "https://a.example/x"),
            ("https://a.example/v1/", "/x/", "https://a.example/v1/x/"),
            ("https://a.example:8443/v1", "", "https://a.example:8443/v1"),
            ("http://127.0.0.1:1/", "/a%2Fb/c", "http://127.0.0.1:1/a%2Fb/c"),
            ("https://a.example", "/Orders('1')/$count", "https://a.example/Orders('1')/$count"),
        ] {
            assert_eq!(join(base, path).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn parameters_take_the_place_of_those_of_their_name() {
        let replaced = |url: &str, query: &[(&str, &str)]| {
            let mut url = Url::parse(url).unwrap();
            let query: Vec<_> = query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            replace_query(&mut url, &query);
            url.query().map(str::to_owned)
        };
        let pointed = "https://a.example/x?batchId=1&Page=3&page%53ize=9&q=a%20b";
        assert_eq!(
            replaced(pointed, &[("page", "1"), ("pageSize", "500")]).as_deref(),
            Some("batchId=1&q=a%20b&page=1&pageSize=500")
        );
        assert_eq!(replaced(pointed, &[]).as_deref(), Some("batchId=1&Page=3&page%53ize=9&q=a%20b"));
        assert_eq!(replaced("https://a.example/x", &[("a", "b c&d")]).as_deref(), Some("a=b%20c%26d"));
        assert_eq!(replaced("https://a.example/x?", &[]), None);
        assert_eq!(replaced("https://a.example/x?a=1", &[("a", "")]).as_deref(), Some("a="));
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for path in [
            "x",
            "//evil.example/x",
            "/a/../b",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/./a",
            "/a//b",
            "/a?x=1",
            "/a#b",
            "/a\\b",
            "/a b",
            "/a\r\nHost: b",
            "@evil.example",
            "/a/%00",
            ":80/x",
        ] {
            assert!(refusal("https://a.example", path).starts_with("The path"), "{path}");
        }
        for base in [
            "",
            "a.example",
            "ftp://a.example",
            "https://",
            "https://a.example?x=1",
            "https://a.example#x",
            "mailto:a@b",
        ] {
            assert!(refusal(base, "/x").starts_with("The base URL"), "{base}");
        }
        assert!(!refusal("https://user:hunter2@a.example", "/x").contains("hunter2"));
    }

    #[test]
    fn values_stay_in_their_segment() {
        assert_eq!(encode_segment("A/B ?#%\\ü"), "A%2FB%20%3F%23%25%5C%C3%BC");
        for value in ["", ".", "..", "\0"] {
            refusal("https://a.example", &format!("/void/{}", encode_segment(value)));
        }
    }

    #[test]
    fn queries_are_encoded_and_appended() {
        let mut url = join("https://a.example", "/x").unwrap();
        append_query(&mut url, &[]);
        assert_eq!(url.query(), None);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        append_query(&mut url, &[pair("$filter", "a eq 'b&c'+1"), pair("q?", "ü=#")]);
        append_query(&mut url, &[pair("page", "")]);
        assert_eq!(url.query(), Some("$filter=a%20eq%20%27b%26c%27%2B1&q%3F=%C3%BC%3D%23&page="));
    }

    proptest! {
        #[test]
        fn no_value_changes_host_or_shape(value in ".*") {
            let path = format!("/a/{}/z", encode_segment(&value));
            if let Ok(url) = join("https://a.example/v1", &path) {
                prop_assert_eq!(url.host_str(), Some("a.example"));
                prop_assert_eq!(url.query(), None);
                let segments: Vec<&str> = url.path_segments().unwrap().collect();
                prop_assert_eq!(segments.len(), 4);
                prop_assert_eq!((segments[0], segments[1], segments[3]), ("v1", "a", "z"));
            }
        }
    }
}
