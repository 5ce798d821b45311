//! What SOAP writes and reads.

use super::*;
use crate::http::Outgoing;

fn sage(version: &str) -> Arc<dyn Transport> {
    built(&json!({ "soap": {
        "version": version,
        "namespaces": { "ws": "http://mas90.sage.com/ws", "own": "urn:{{ settings.source }}&more" },
        "header": { "own:Trace": { "@own:kind": "call", "#text": "{{ request_id }}" } },
    } }))
}

fn write(
    transport: &dyn Transport,
    body: Value,
    headers: &[(&str, &str)],
) -> Result<Outgoing, TransportError> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    transport.write(Parts { method: Method::POST, headers, body: Some(Body::Xml(body)), ..parts() })
}

#[test]
fn a_body_is_put_into_an_envelope() {
    let body = json!({ "ws:GetSalesOrder": { "ws:salesOrderNo": "1 & 2", "ws:none": null } });
    let action = "http://mas90.sage.com/ws/IMasService/GetSalesOrder";
    let written = write(&*sage("1.1"), body.clone(), &[("SOAPAction", action)]).unwrap();
    assert_eq!(
        written.body.unwrap(),
        concat!(
            r#"<?xml version="1.0" encoding="utf-8"?>"#,
            r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/""#,
            r#" xmlns:ws="http://mas90.sage.com/ws" xmlns:own="urn:shop&amp;more">"#,
            r#"<soapenv:Header><own:Trace own:kind="call">r-1</own:Trace></soapenv:Header>"#,
            r#"<soapenv:Body><ws:GetSalesOrder><ws:salesOrderNo>1 &amp; 2</ws:salesOrderNo></ws:GetSalesOrder></soapenv:Body>"#,
            r#"</soapenv:Envelope>"#
        )
    );
    assert_eq!(written.headers["content-type"], "text/xml; charset=utf-8");
    assert_eq!(written.headers["soapaction"], format!("\"{action}\""));
    let newer = write(&*sage("1.2"), body.clone(), &[("soapaction", "\"urn:x\"")]).unwrap();
    assert_eq!(newer.headers["content-type"], "application/soap+xml; charset=utf-8; action=\"urn:x\"");
    assert!(!newer.headers.contains_key("soapaction"));
    let without = write(&*sage("1.1"), body, &[]).unwrap();
    assert_eq!(without.headers["soapaction"], "\"\"");
}

#[test]
fn what_cannot_be_in_an_envelope_is_said() {
    for (body, expected) in [
        (json!({ "x:Order": "" }), "the prefix `x`"),
        (json!({ "ws:Order": "a\u{1}b" }), "U+0001"),
        (json!("text"), "fields of an object"),
    ] {
        match write(&*sage("1.1"), body, &[]) {
            Err(TransportError::Unwritable(reason)) => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    for prefix in ["soapenv", "xmlns", "a b", ""] {
        let soap = built(&json!({ "soap": { "namespaces": { prefix: "urn:x" } } }));
        assert!(
            matches!(write(&*soap, json!({ "a": "" }), &[]), Err(TransportError::Unwritable(_))),
            "{prefix}"
        );
    }
}

#[test]
fn the_content_of_an_answer_s_body_is_read() {
    let soap = sage("1.1");
    let read = |text: &str| soap.read(&incoming(Some("text/xml; charset=utf-8"), text.as_bytes())).unwrap();
    let fault = read(concat!(
        r#"<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header/><s:Body id="b">"#,
        r#"<s:Fault><faultcode xmlns:a="http://mas90.sage.com/ws">a:CI_NOF</faultcode><faultstring xml:lang="en-US">no such order</faultstring>"#,
        r#"<detail><MasFault xmlns="http://mas90.sage.com/ws"><ErrorCode>CI_NOF</ErrorCode></MasFault></detail></s:Fault></s:Body></s:Envelope>"#
    ));
    assert_eq!(
        fault,
        json!({ "Fault": {
            "faultcode": "a:CI_NOF", "faultstring": "no such order", "detail": { "MasFault": { "ErrorCode": "CI_NOF" } },
        } })
    );
    let typed = read(concat!(
        r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">"#,
        r#"<soapenv:Body><wss:modifyResponse xmlns:wss="http://www.adonix.com/WSS" soapenv:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">"#,
        r#"<modifyReturn xsi:type="wss:CAdxResultXml"><status xsi:type="xsd:int">1</status><resultXml xsi:nil="true"/><x xsi:type="xsd:string"></x></modifyReturn>"#,
        r#"</wss:modifyResponse></soapenv:Body></soapenv:Envelope>"#
    ));
    assert_eq!(
        typed,
        json!({ "modifyResponse": { "modifyReturn": { "status": "1", "resultXml": null, "x": "" } } })
    );
    assert_eq!(read("<Envelope><Body/></Envelope>"), json!({}));
}

#[test]
fn what_is_no_envelope_is_said() {
    let soap = sage("1.1");
    for (text, expected) in [
        ("<html><body>Service unavailable</body></html>", "no SOAP envelope with a body"),
        ("<Envelope><Header/></Envelope>", "no SOAP envelope with a body"),
        ("{\"a\": 1}", "no XML"),
        ("<Envelope><Body>", "The text ends inside `<Body>`"),
    ] {
        let reason = unreadable(&*soap, "text/xml", text.as_bytes());
        assert!(reason.contains(expected) && reason.contains("it begins: "), "{reason}");
    }
}
