//! Requests as people may read them: documents as value trees, wherever they stand.

use ::url::Url;
use serde_json::{Map, Value};

use super::charset::{Charset, decode_xml};
use super::xml;
use crate::http::Outgoing;

/// A request's address and body: JSON and XML as trees, other bodies as text. Documents in the query are taken out of the
/// address and shown as the body, which is what `xml:` of a request over e.net holds.
pub fn readable(request: &Outgoing) -> (Url, Value) {
    match &request.body {
        Some(body) => (request.url.clone(), tree(body)),
        None => {
            let (url, documents) = without_documents(&request.url);
            (url, if documents.is_empty() { Value::from("") } else { Value::Object(documents) })
        }
    }
}

fn tree(body: &[u8]) -> Value {
    if let Ok(json) = serde_json::from_slice(body) {
        return json;
    }
    let Ok(text) = decode_xml(body, "", Charset::Utf8) else {
        return Value::from(String::from_utf8_lossy(body));
    };
    document(&text).unwrap_or(Value::String(text))
}

/// A text that is an XML document, with the documents that are texts in it.
fn document(text: &str) -> Option<Value> {
    let mut tree = text.trim_start().starts_with('<').then(|| xml::read(text.trim()).ok())??;
    unfold(&mut tree);
    Some(tree)
}

fn unfold(tree: &mut Value) {
    match tree {
        Value::String(text) => {
            if let Some(inner) = document(text) {
                *tree = inner;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unfold),
        Value::Object(fields) => fields.values_mut().for_each(unfold),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn without_documents(url: &Url) -> (Url, Map<String, Value>) {
    let mut documents = Map::new();
    let raw = url.query().unwrap_or_default().split('&');
    let kept: Vec<&str> = raw
        .zip(url.query_pairs())
        .filter(|(_, (name, value))| match document(value) {
            Some(tree) => {
                documents.insert(name.clone().into_owned(), tree);
                false
            }
            None => true,
        })
        .map(|(raw, _)| raw)
        .collect();
    let mut shown = url.clone();
    if !documents.is_empty() {
        shown.set_query((!kept.is_empty()).then(|| kept.join("&")).as_deref());
    }
    (shown, documents)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Method};
    use serde_json::json;

    use super::*;

    fn shown(url: &str, body: Option<&str>) -> (String, Value) {
        let body = body.map(|body| Bytes::copy_from_slice(body.as_bytes()));
        let request =
            Outgoing { method: Method::GET, url: url.parse().unwrap(), headers: HeaderMap::new(), body };
        let (url, body) = readable(&request);
        (url.to_string(), body)
    }

    #[test]
    fn bodies_are_trees_or_text() {
        let body = |text| shown("https://x.example/a?b=1", Some(text)).1;
        assert_eq!(body("{\"a\":1}"), json!({ "a": 1 }));
        assert_eq!(body("<?xml version=\"1.0\"?>\n<a><b>1</b></a>"), json!({ "a": { "b": "1" } }));
        let inside = "<a><objectXml><![CDATA[<PARAM><FLD NAME=\"X\">1</FLD></PARAM>]]></objectXml></a>";
        assert_eq!(
            body(inside),
            json!({ "a": { "objectXml": { "PARAM": { "FLD": { "@NAME": "X", "#text": "1" } } } } })
        );
        assert_eq!(body("<a>"), json!("<a>"));
        assert_eq!(body("grant_type=x"), json!("grant_type=x"));
        assert_eq!(shown("https://x.example/a?b=1", None), ("https://x.example/a?b=1".to_owned(), json!("")));
    }

    #[test]
    fn documents_in_a_query_are_the_body() {
        let (url, body) = shown(
            "https://x.example/Post?UserId=u&XmlParameters=%3CP%3E%3Ca%2F%3E%3C%2FP%3E&XmlIn=%3CQ%3EA%26amp%3BB%3C%2FQ%3E&$x=a%20b",
            None,
        );
        assert_eq!(url, "https://x.example/Post?UserId=u&$x=a%20b");
        assert_eq!(body, json!({ "XmlParameters": { "P": { "a": "" } }, "XmlIn": { "Q": "A&B" } }));
        assert_eq!(shown("https://x.example/Post?XmlIn=%3CQ%2F%3E", None).0, "https://x.example/Post");
    }
}
