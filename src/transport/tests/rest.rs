//! What REST writes and reads.

use proptest::prelude::*;

use super::*;
use crate::http::Outgoing;

fn rest() -> Arc<dyn Transport> {
    built(&json!({ "rest": { "headers": {
        "transId": "{{ request_id }}", "transactionSrc": "{{ settings.source }}", "x-left-out?": "{{ settings.nothing }}",
        "x-number": "{{ settings.number }}", "x-fixed": "1",
    } } }))
}

fn with_header(name: &str, value: &str) -> Result<Outgoing, TransportError> {
    rest().write(Parts { headers: vec![(name.to_owned(), value.to_owned())], ..parts() })
}

#[test]
fn a_request_is_written() {
    let written = rest()
        .write(Parts {
            method: Method::POST,
            query: vec![("q".to_owned(), "a b".to_owned())],
            headers: vec![("X-Fixed".to_owned(), "2".to_owned()), ("Prefer".to_owned(), "x".to_owned())],
            body: Some(Body::Json(json!({ "b": "ü", "a": null }))),
            ..parts()
        })
        .unwrap();
    assert_eq!(written.method, Method::POST);
    assert_eq!(written.url.as_str(), "https://api.example.com/v1/x?q=a%20b");
    assert_eq!(written.body.unwrap(), r#"{"b":"ü","a":null}"#);
    let mut headers: Vec<String> =
        written.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    headers.sort_unstable();
    let expected = [
        "accept: application/json",
        "content-type: application/json",
        "prefer: x",
        "transactionsrc: shop",
        "transid: r-1",
        "x-fixed: 2",
        "x-number: 7",
    ];
    assert_eq!(headers, expected);
}

#[test]
fn without_a_body_there_is_no_content_type() {
    let written = rest().write(parts()).unwrap();
    assert!(written.body.is_none() && !written.headers.contains_key("content-type"));
}

#[test]
fn what_no_header_can_carry_is_not_written() {
    for value in ["a\r\nHost: evil", "a\n", "a\0", "\u{7f}", "Grüße", "a\rb"] {
        match with_header("x-name", value) {
            Err(TransportError::Unwritable(reason)) => {
                assert!(reason.contains("`x-name`") && !reason.contains('\n'), "{reason}");
            }
            other => panic!("{value:?}: {other:?}"),
        }
    }
    for name in ["", "x y", "x:", "x\r\ny", "Host", "Content-Length", "transfer-encoding", "Connection"] {
        assert!(matches!(with_header(name, "x"), Err(TransportError::Unwritable(_))), "{name:?}");
    }
    let mut request_id = parts();
    request_id.request_id = "a\r\nb".to_owned();
    assert!(matches!(rest().write(request_id), Err(TransportError::Unwritable(_))));
}

#[test]
fn a_header_without_text_is_not_written() {
    let transport = built(&json!({ "rest": { "headers": { "x-empty": "{{ settings.nothing }}" } } }));
    match transport.write(parts()) {
        Err(TransportError::Unwritable(reason)) => assert!(reason.contains("write `x-empty?`"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn json_is_read_whatever_it_is_called() {
    for (media_type, body) in [
        (Some("application/json"), &b"{\"a\": 1}"[..]),
        (Some("application/json; charset=utf-8"), b"\xEF\xBB\xBF{\"a\":1}"),
        (Some("text/html"), b"\r\n{\"a\":1}\r\n"),
        (Some("application/octet-stream"), b"{\"a\":1}"),
        (None, b"{\"a\":1}"),
    ] {
        assert_eq!(rest().read(&incoming(media_type, body)).unwrap(), json!({ "a": 1 }), "{media_type:?}");
    }
    let large = rest().read(&incoming(None, b"[9007199254740993, 1.10, \"1e400\"]")).unwrap();
    assert_eq!(large[0], json!(9_007_199_254_740_993_u64));
}

#[test]
fn what_is_no_json_is_said_with_its_beginning() {
    let page = format!("\n<!DOCTYPE html><html>{}\u{0}</html>", "x".repeat(1000));
    let reason = unreadable(&*rest(), "text/html", page.as_bytes());
    assert!(
        reason.starts_with("The answer is a page of HTML or XML, with text/html; it begins: <!DOCTYPE"),
        "{reason}"
    );
    assert!(reason.len() < 300, "{reason}");
    for body in [&b"{\"a\":"[..], b"{} {}", b"1e400", b"{'a':1}", b"OK"] {
        assert!(unreadable(&*rest(), "application/json", body).contains("no JSON"), "{body:?}");
    }
    assert!(unreadable(&*rest(), "application/json", b"{\"a\":\"\xFF\"}").contains("not UTF-8"));
    let deep = "[".repeat(100_000);
    assert!(unreadable(&*rest(), "application/json", deep.as_bytes()).contains("no JSON"));
}

proptest! {
    #[test]
    fn no_value_splits_a_header(value in any::<String>()) {
        if let Ok(written) = with_header("x-name", &value) {
            let bytes = written.headers["x-name"].as_bytes();
            prop_assert!(bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')));
        }
    }

    #[test]
    fn reading_never_panics(body in prop::collection::vec(any::<u8>(), 0..200), charset in "[a-z0-9-]{0,12}") {
        let media_type = format!("application/json; charset={charset}");
        let _ = rest().read(&incoming(Some(&media_type), &body));
    }
}
