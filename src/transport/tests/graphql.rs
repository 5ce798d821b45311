//! What GraphQL writes.

use super::*;

fn written(body: Body) -> Value {
    let graphql = built(&json!({ "graphql": {} }));
    let written = graphql.write(Parts { method: Method::POST, body: Some(body), ..parts() }).unwrap();
    assert_eq!(written.headers["content-type"], "application/json");
    serde_json::from_slice(&written.body.unwrap()).unwrap()
}

#[test]
fn a_document_is_posted_with_its_variables() {
    let query = "query q($n: Int) { a(n: $n) }".to_owned();
    let body = Body::Graphql {
        query: query.clone(),
        variables: json!({ "n": 1, "after": null }),
        operation_name: Some("q".to_owned()),
    };
    let expected = json!({ "query": query, "variables": { "n": 1, "after": null }, "operationName": "q" });
    assert_eq!(written(body), expected);
    let bare = Body::Graphql { query: "{ a }".to_owned(), variables: json!({}), operation_name: None };
    assert_eq!(written(bare), json!({ "query": "{ a }" }));
}

#[test]
fn a_document_is_never_sent_with_another_method() {
    let graphql = built(&json!({ "graphql": {} }));
    match graphql.write(Parts { body: Some(body("graphql")), ..parts() }) {
        Err(TransportError::Unwritable(reason)) => assert!(reason.contains("POST, not GET"), "{reason}"),
        other => panic!("{other:?}"),
    }
}
