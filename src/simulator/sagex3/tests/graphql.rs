//! GraphQL, and the tokens of its gateway.

use super::*;

const LIST: &str = "query q($first: Int, $filter: String, $orderBy: String) { x3Sales { salesOrder { query(first: $first, filter: $filter, orderBy: $orderBy) { edges { node { _id orderDate orderStatus linesAmountExcludingTax _updateStamp soldToCustomer { code { code } } } } } } } }";

#[test]
fn graphql_lists_reads_and_nests() {
    let site = site(|_| {});
    let token = site.jwt(|_| {}, "sim-secret");
    let list = site.graphql(&token, LIST, json!({})).value();
    let edges = list["data"]["x3Sales"]["salesOrder"]["query"]["edges"].as_array().unwrap().clone();
    assert_eq!((edges.len(), list["extensions"].clone()), (20, json!({ "diagnoses": [] })));
    let node = &edges[0]["node"];
    assert!(
        node["linesAmountExcludingTax"].is_string()
            && ["open", "closed"].contains(&node["orderStatus"].as_str().unwrap())
    );
    assert!(
        node["_updateStamp"].as_str().unwrap().ends_with(".000Z")
            && node["soldToCustomer"]["code"]["code"].is_string()
    );
    // Keyset paging with what is known: an order, `_gte`, and the last row once more.
    let mut seen = BTreeSet::new();
    let mut last = String::new();
    loop {
        let filter = format!("[{{_updateStamp:{{_gte:'2026-01-05T10:00:00Z'}}}},{{_id:{{_gte:'{last}'}}}}]");
        let page =
            site.graphql(&token, LIST, json!({ "first": 7, "filter": filter, "orderBy": "{_id:1}" })).value();
        let ids: Vec<String> = page["data"]["x3Sales"]["salesOrder"]["query"]["edges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|edge| edge["node"]["_id"].as_str().unwrap().to_owned())
            .collect();
        last = ids.last().unwrap().clone();
        let count = ids.len();
        seen.extend(ids);
        if count < 7 {
            break;
        }
    }
    assert_eq!(seen.len(), 50);
    let read = "query d($id: Id!) { x3Purchasing { purchaseOrder { read(_id: $id) { _id receiptStatus isClosed purchaseOrderLines { query { edges { node { lineNumber product { code description1 } quantityInOrderUnitOrdered orderUnit { code } } } } } } } } }";
    let order = site.graphql(&token, read, json!({ "id": "PONA0110001" })).value();
    let order = &order["data"]["x3Purchasing"]["purchaseOrder"]["read"];
    let line = &order["purchaseOrderLines"]["query"]["edges"][0]["node"];
    assert!(
        order["isClosed"].is_boolean()
            && line["quantityInOrderUnitOrdered"].as_str().unwrap().ends_with(".000")
    );
    let none = site.graphql(&token, read, json!({ "id": "NOSUCH" }));
    assert_eq!(
        (none.status, none.value()["data"]["x3Purchasing"]["purchaseOrder"]["read"].clone()),
        (200, Value::Null)
    );
}

#[test]
fn graphql_refuses_what_no_source_shows() {
    let site = site(|_| {});
    let token = site.jwt(|_| {}, "sim-secret");
    let of = |inner: &str| format!("{{ x3Sales {{ salesOrder {{ {inner} }} }} }}");
    for (query, message) in [
        (
            "{ x3Sale { a } }".to_owned(),
            "Cannot query field \"x3Sale\" on type \"sageQuery\". Did you mean \"x3Sales\"?",
        ),
        (
            of("query { edges { node { trackingNumber } } }"),
            "Cannot query field \"trackingNumber\" on type \"SalesOrder\".",
        ),
        (of("query(after: \"x\") { edges { node { _id } } }"), "Unknown argument \"after\""),
        (of("query { pageInfo { endCursor } }"), "Cannot query field \"pageInfo\""),
        (of("query(first: $n) { edges { node { _id } } }"), "Variable \"$n\" is not defined."),
        (
            of("query(filter: \"{_id:{_like:'x'}}\") { edges { node { _id } } }"),
            "Unknown filter operator _like",
        ),
        (of("query { edges { node } }"), "must have a selection"),
        ("mutation { x3Sales { salesOrder { update(data: {}) { _id } } } }".to_owned(), "sageMutation"),
        (
            "query q($n: Int!) { x3Sales { salesOrder { query(first: $n) { edges { node { _id } } } } } }"
                .to_owned(),
            "was not provided",
        ),
    ] {
        let answer = site.graphql(&token, &query, json!({}));
        let said = answer.value()["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && said.contains(message), "{query}: {said}");
        assert_eq!(answer.value()["extensions"], json!({}));
    }
    let cursors = self::site(|options| options.cursors = true);
    let token = cursors.jwt(|_| {}, "sim-secret");
    let query = of("query(first: 3) { edges { cursor node { _id } } pageInfo { endCursor hasNextPage } }");
    let page =
        cursors.graphql(&token, &query, json!({})).value()["data"]["x3Sales"]["salesOrder"]["query"].clone();
    assert_eq!(
        (page["pageInfo"]["hasNextPage"].clone(), page["pageInfo"]["endCursor"].clone()),
        (json!(true), page["edges"][2]["cursor"].clone())
    );
}

#[test]
fn graphql_answers_data_and_errors_together() {
    let site = site(|options| options.denied = BTreeSet::from(["linesAmountExcludingTax".to_owned()]));
    let token = site.jwt(|_| {}, "sim-secret");
    let answer = site.graphql(&token, LIST, json!({ "first": 3 }));
    let body = answer.value();
    assert_eq!((answer.status, body["errors"].as_array().unwrap().len()), (200, 1));
    let node = &body["data"]["x3Sales"]["salesOrder"]["query"]["edges"][2]["node"];
    assert!(node["linesAmountExcludingTax"].is_null() && node["_id"].is_string());
}

#[test]
fn signed_tokens_are_checked_claim_by_claim() {
    let site = site(|_| {});
    let try_one = |token: String| {
        let answer = site.graphql(
            &token,
            "{ x3Sales { salesOrder { query { edges { node { _id } } } } } }",
            json!({}),
        );
        (answer.status, if answer.status == 200 { String::new() } else { said(&answer) })
    };
    assert_eq!(try_one(site.jwt(|_| {}, "sim-secret")).0, 200);
    let old = |claims: &mut Value| claims["exp"] = json!(claims["iat"].as_i64().unwrap() - 1);
    for (token, code) in [
        (site.jwt(|claims| claims["iss"] = json!("x"), "sim-secret"), 41),
        (site.jwt(|claims| claims["sub"] = json!("x"), "sim-secret"), 42),
        (site.jwt(|claims| claims["aud"] = json!("xtrem/"), "sim-secret"), 45),
        (site.jwt(|_| {}, "other"), 50),
        (site.jwt(old, "sim-secret"), 50),
    ] {
        assert_eq!(try_one(token), (401, format!("Error {code}: Invalid token")));
    }
    assert_eq!(try_one("nonsense".into()), (401, "{\"message\":\"Unauthorised\"}".into()));
}

#[test]
fn the_gateway_rotates_refresh_tokens() {
    let site = site(|_| {});
    let first = site.refresh("sim-refresh").value();
    let (access, refresh) =
        (first["access_token"].as_str().unwrap(), first["refresh_token"].as_str().unwrap());
    assert_eq!((first["expires_in"].clone(), refresh == "sim-refresh"), (json!(300), false));
    let query = "{ x3Sales { salesOrder { query { edges { node { _id } } } } } }";
    assert_eq!(site.graphql(access, query, json!({})).status, 200);
    site.clock.advance(Duration::from_secs(301));
    assert_eq!(site.graphql(access, query, json!({})).status, 401);
    let second = site.refresh(refresh).value();
    let access = second["access_token"].as_str().unwrap();
    assert_eq!(site.graphql(access, query, json!({})).status, 200);
    // A token that was used before ends everything.
    assert_eq!(site.refresh(refresh).status, 403);
    assert_eq!(site.graphql(access, query, json!({})).status, 401);
    assert_eq!(site.refresh(second["refresh_token"].as_str().unwrap()).status, 403);
    assert!(site.x3.state().chain.ended);
    let again = site.x3.pair();
    assert_eq!(site.refresh(&again).status, 200);
    site.clock.advance(Duration::from_secs(31 * 86_400));
    let current = site.x3.state().chain.current;
    assert_eq!(site.refresh(&current).status, 403);
    let client = &site.x3.options.client_id;
    for (form, status) in [
        (String::new(), 400),
        (format!("grant_type=password&client_id={client}&client_secret=sim-secret"), 400),
        (format!("grant_type=refresh_token&client_id={client}&client_secret=sim-secret"), 400),
        ("grant_type=refresh_token&client_id=x&client_secret=y&refresh_token=z".to_owned(), 404),
    ] {
        assert_eq!(site.token(&form).status, status, "{form}");
    }
}
