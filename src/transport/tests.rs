//! What every kind must do; what each writes and reads stands in a file of its own.

mod enet;
mod graphql;
mod odata;
mod rest;
mod soap;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::{Body, KINDS, Parts, Transport, TransportBlock, TransportConfig, TransportError};
use crate::expression::{BlockChecker, Scope, Template, Type, ValueTemplate};
use crate::http::Incoming;

/// Compiles blocks that must be right.
struct Checking;

impl Checking {
    fn scope() -> Scope {
        Scope::from([("settings".to_owned(), Type::Any), ("request_id".to_owned(), Type::TEXT)])
    }
}

impl BlockChecker for Checking {
    fn template(&mut self, _pointer: &str, source: &str) -> Option<Template> {
        Some(Template::compile(source, &Self::scope()).unwrap())
    }

    fn values(&mut self, _pointer: &str, tree: &Value) -> Option<ValueTemplate> {
        Some(ValueTemplate::compile(tree, &Self::scope(), None).unwrap())
    }

    fn duration(&mut self, _pointer: &str, text: &str) -> Option<Duration> {
        crate::base::duration::parse(text).ok()
    }

    fn credential(&mut self, _pointer: &str, name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    fn seeing(&mut self, _more: Scope, check: &mut dyn FnMut(&mut dyn BlockChecker)) {
        check(self);
    }
}

fn config(block: &Value) -> TransportConfig {
    let block: TransportBlock = serde_json::from_value(block.clone()).unwrap();
    block.check(&mut Checking).unwrap()
}

fn built(block: &Value) -> Arc<dyn Transport> {
    config(block).build(&json!({ "source": "shop", "nothing": null, "number": 7 }))
}

fn parts() -> Parts {
    Parts {
        method: Method::GET,
        url: "https://api.example.com/v1/x".parse().unwrap(),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
        request_id: "r-1".to_owned(),
    }
}

fn incoming(media_type: Option<&str>, body: &[u8]) -> Incoming {
    let mut headers = HeaderMap::new();
    if let Some(media_type) = media_type {
        headers.insert("content-type", media_type.parse().unwrap());
    }
    Incoming { status: StatusCode::OK, headers, body: Bytes::copy_from_slice(body), elapsed: Duration::ZERO }
}

fn unreadable(transport: &dyn Transport, media_type: &str, body: &[u8]) -> String {
    match transport.read(&incoming(Some(media_type), body)) {
        Err(TransportError::Unreadable(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// A body that the kind can write.
fn body(form: &str) -> Body {
    match form {
        "json" => Body::Json(json!({ "b": 1, "a": [2.50] })),
        "xml" => Body::Xml(json!({ "XmlIn": { "Query": { "b": 1, "a": ["ü", 2.50] } } })),
        "graphql" => Body::Graphql {
            query: "query q($n: Int) { a(n: $n) }".to_owned(),
            variables: json!({ "n": 1 }),
            operation_name: Some("q".to_owned()),
        },
        other => panic!("{other}"),
    }
}

/// The method with which the kind sends a body.
fn method(kind: &str) -> Method {
    if kind == "enet" { Method::GET } else { Method::POST }
}

/// An answer of each kind, and what it is read as.
fn answer(kind: &str) -> (&'static str, Value) {
    match kind {
        "rest" => (r#"{"a":[1,"x"]}"#, json!({ "a": [1, "x"] })),
        "odata" => (
            r#"{"@odata.context":"c","value":[{"n":"1"}]}"#,
            json!({ "@odata.context": "c", "value": [{ "n": "1" }] }),
        ),
        "graphql" => (
            r#"{"data":{"a":null},"errors":[{"message":"no"}]}"#,
            json!({ "data": { "a": null }, "errors": [{ "message": "no" }] }),
        ),
        "soap" => (
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><R><a>1</a></R></e:Body></e:Envelope>"#,
            json!({ "R": { "a": "1" } }),
        ),
        "enet" => ("<R><a>1</a></R>", json!({ "R": { "a": "1" } })),
        other => panic!("the kind {other} needs an example here"),
    }
}

#[test]
fn every_kind_writes_the_same_for_the_same_parts_and_reads_nothing_as_null() {
    for kind in KINDS {
        let block = json!({ *kind: {} });
        assert_eq!(serde_json::from_value::<TransportBlock>(block.clone()).unwrap().kind(), *kind);
        let transport = built(&block);
        for form in config(&block).bodies() {
            let written = || {
                let parts = Parts { method: method(kind), body: Some(body(form)), ..parts() };
                transport.write(parts).unwrap()
            };
            let (one, two) = (written(), written());
            assert_eq!((&one.body, &one.headers, &one.url), (&two.body, &two.headers, &two.url));
            assert!(one.body.is_some() || one.url.query().is_some(), "{kind}");
        }
        for body in [&b""[..], b" \r\n\t", b"\xEF\xBB\xBF"] {
            assert_eq!(transport.read(&incoming(None, body)).unwrap(), Value::Null, "{kind}");
        }
        let mut wrong = block;
        wrong[kind]["hedaers"] = json!({});
        assert!(
            serde_json::from_value::<TransportBlock>(wrong).unwrap_err().to_string().contains("`hedaers`")
        );
    }
    assert!(
        serde_json::from_value::<TransportBlock>(json!({ "edifact": {} }))
            .unwrap_err()
            .to_string()
            .contains("`rest`")
    );
}

#[test]
fn every_kind_refuses_bodies_that_it_does_not_name() {
    for kind in KINDS {
        let block = json!({ *kind: {} });
        let bodies = config(&block).bodies();
        assert!(!bodies.is_empty(), "{kind}");
        for form in ["json", "xml", "graphql"].into_iter().filter(|form| !bodies.contains(form)) {
            let parts = Parts { method: method(kind), body: Some(body(form)), ..parts() };
            match built(&block).write(parts) {
                Err(TransportError::Unwritable(reason)) => {
                    let expected =
                        format!("The transport `{kind}` cannot send `{form}`; it sends `{}`.", bodies[0]);
                    assert_eq!(reason, expected);
                }
                other => panic!("{kind} {form}: {other:?}"),
            }
        }
    }
}

#[test]
fn every_kind_reads_its_answers_and_says_how_others_begin() {
    for kind in KINDS {
        let transport = built(&json!({ *kind: {} }));
        let (text, expected) = answer(kind);
        for media_type in [None, Some("application/octet-stream"), Some("text/plain; charset=utf-8")] {
            let read = transport.read(&incoming(media_type, text.as_bytes())).unwrap();
            assert_eq!(read, expected, "{kind}");
        }
        let page = format!("\n<!DOCTYPE html><html>{}\u{0}</html>", "x".repeat(1000));
        let reason = unreadable(&*transport, "text/html", page.as_bytes());
        assert!(reason.starts_with("The answer is ") && reason.len() < 450, "{kind}: {reason}");
        assert!(reason.contains("with text/html; it begins: <!DOCTYPE html><html>xxx"), "{kind}: {reason}");
    }
}

#[test]
fn every_kind_writes_the_headers_of_the_file_and_of_the_operation() {
    for kind in KINDS {
        let transport = built(&json!({ *kind: { "headers": {
            "transId": "{{ request_id }}", "transactionSrc": "{{ settings.source }}", "x-left-out?": "{{ settings.nothing }}",
            "x-fixed": "1",
        } } }));
        let own = vec![("X-Fixed".to_owned(), "2".to_owned())];
        let written = transport.write(Parts { headers: own, ..parts() }).unwrap();
        let header = |name: &str| written.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(
            (header("transid"), header("transactionsrc"), header("x-left-out"), header("x-fixed")),
            (Some("r-1"), Some("shop"), None, Some("2")),
            "{kind}"
        );
        assert!(header("accept").is_some(), "{kind}");
        let split = vec![("x-name".to_owned(), "a\r\nHost: evil".to_owned())];
        assert!(matches!(
            transport.write(Parts { headers: split, ..parts() }),
            Err(TransportError::Unwritable(_))
        ));
    }
}
