//! What e.net writes and reads.

use super::*;

fn enet() -> Arc<dyn Transport> {
    built(&json!({ "enet": {} }))
}

fn query(body: Value) -> Result<Vec<(String, String)>, TransportError> {
    let query = vec![("BusinessObject".to_owned(), "SORTOI".to_owned())];
    let written = enet().write(Parts { query, body: Some(Body::Xml(body)), ..parts() })?;
    assert!(written.body.is_none() && !written.headers.contains_key("content-type"));
    Ok(written.url.query_pairs().into_owned().collect())
}

#[test]
fn documents_are_query_parameters() {
    let sent = query(json!({
        "XmlParameters": { "SalesOrders": { "Parameters": { "Process": "IMPORT" } } },
        "XmlIn": { "SalesOrders": { "Name": "Müller & Söhne € Łódź", "Empty": "", "Left": null } },
        "XmlOut": null,
    }))
    .unwrap();
    let declaration = r#"<?xml version="1.0" encoding="Windows-1252"?>"#;
    let pair = |name: &str, value: String| (name.to_owned(), value);
    assert_eq!(
        sent,
        [
            pair("BusinessObject", "SORTOI".to_owned()),
            pair(
                "XmlParameters",
                format!(
                    "{declaration}<SalesOrders><Parameters><Process>IMPORT</Process></Parameters></SalesOrders>"
                )
            ),
            pair(
                "XmlIn",
                // What the declared encoding has not is written as a reference.
                format!(
                    "{declaration}<SalesOrders><Name>Müller &amp; Söhne € &#321;ód&#378;</Name><Empty/></SalesOrders>"
                )
            ),
        ]
    );
}

#[test]
fn what_e_net_cannot_take_is_not_written() {
    for (body, expected) in [
        (json!({ "XmlIn": { "a": "", "b": "" } }), "an object of one field"),
        (json!({ "XmlIn": { "Łódź": "" } }), "not a name"),
        (json!({ "XmlIn": { "a": "\u{b}" } }), "U+000B"),
        (json!({ "XmlIn": "<Query/>" }), "an object of one field"),
        (json!(["x"]), "by name"),
    ] {
        match query(body) {
            Err(TransportError::Unwritable(reason)) => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    let post = Parts { method: Method::POST, body: Some(body("xml")), ..parts() };
    assert!(
        matches!(enet().write(post), Err(TransportError::Unwritable(reason)) if reason.contains("not POST"))
    );
}

#[test]
fn answers_are_read_in_every_wrapping() {
    let document =
        json!({ "SorDetail": { "SalesOrder": "000100", "Name": "Müller", "Rate": "     1.000000" } });
    let xml = "<?xml version=\"1.0\" encoding=\"Windows-1252\"?>\r\n<SorDetail><SalesOrder>000100</SalesOrder><Name>Müller</Name><Rate>     1.000000</Rate></SorDetail>";
    let latin: Vec<u8> = xml.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let quoted = Value::from(xml).to_string();
    for (media_type, body) in [
        ("text/xml", latin.as_slice()),
        ("text/xml; charset=utf-8", &latin),
        ("application/xml; charset=windows-1252", &latin),
        ("application/json; charset=utf-8", quoted.as_bytes()),
        ("application/json", quoted.as_bytes()),
        ("text/plain; charset=utf-8", quoted.as_bytes()),
    ] {
        assert_eq!(enet().read(&incoming(Some(media_type), body)).unwrap(), document, "{media_type}");
    }
}

#[test]
fn what_is_no_xml_is_text() {
    for (body, expected) in [
        ("\"aaaabbbb-cccc-dddd-eeee-ffffffffffff\"", "aaaabbbb-cccc-dddd-eeee-ffffffffffff"),
        ("ERROR: Invalid operator password\r\n", "ERROR: Invalid operator password"),
        ("\"ERROR: Invalid operator password \"", "ERROR: Invalid operator password"),
        ("\"not closed", "\"not closed"),
        ("\"\"", ""),
        ("{\"a\":1}", "{\"a\":1}"),
    ] {
        let read = enet().read(&incoming(Some("application/json"), body.as_bytes())).unwrap();
        assert_eq!(read, json!({ "text": expected }));
    }
}

#[test]
fn broken_xml_is_said_with_its_place_and_beginning() {
    let reason = unreadable(&*enet(), "text/xml", b"<SorDetail>\n<SalesOrder>1</Salesorder></SorDetail>");
    assert!(reason.contains("no XML") && reason.contains("line 2"), "{reason}");
    assert!(reason.contains("it begins: <SorDetail>"), "{reason}");
    let quoted = unreadable(&*enet(), "application/json", b"\"<SorDetail>&nbsp;</SorDetail>\"");
    assert!(quoted.contains("`&nbsp;` is refused"), "{quoted}");
}
