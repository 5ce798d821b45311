//! What OData writes.

use super::*;

#[test]
fn every_request_says_json_and_queries_stay_readable() {
    let odata = built(&json!({ "odata": {} }));
    let query = vec![
        ("$filter".to_owned(), "EntrySystemDate ge 2026-01-05T00:00:00Z and Name eq 'A+B'".to_owned()),
        ("$top".to_owned(), "5000".to_owned()),
    ];
    let written = odata.write(Parts { query, ..parts() }).unwrap();
    assert_eq!(
        written.url.query(),
        Some(
            "$filter=EntrySystemDate%20ge%202026-01-05T00%3A00%3A00Z%20and%20Name%20eq%20%27A%2BB%27&$top=5000"
        )
    );
    assert!(written.body.is_none());
    assert_eq!(written.headers["content-type"], "application/json");
    let body = Some(Body::Json(json!({ "b": 1, "a": null })));
    let written = odata.write(Parts { method: Method::POST, body, ..parts() }).unwrap();
    // Sage 300 takes properties in the order in which they come.
    assert_eq!(written.body.unwrap(), r#"{"b":1,"a":null}"#);
}
