//! `ml-connector test`: mappings' own tests pass, and each way to be wrong is told with what was expected and what came.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

const SHIPPED: &str = include_str!("../../mappings/sage100-ups.yaml");

async fn tested(arguments: &[&str]) -> Output {
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_ml-connector"));
    program.arg("test").args(arguments).output().await.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The shipped mapping with some texts replaced, each of which must be there.
fn changed(directory: &Path, changes: &[(&str, &str)]) -> String {
    let mut text = SHIPPED.to_owned();
    for (old, new) in changes {
        assert!(text.contains(old), "the mapping does not say `{old}` any more");
        text = text.replacen(old, new, 1);
    }
    let path = directory.join("sage100-ups.yaml");
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

/// Runs the shipped mapping with these changes: what is said below the test's name, without places.
async fn differences(changes: &[(&str, &str)]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let output = tested(&[&changed(directory.path(), changes)]).await;
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let said = said(&output);
    assert!(said.contains("  FAIL  "), "{said}");
    let told = said.lines().filter_map(|line| line.strip_prefix("        "));
    told.map(|line| line.split(" (").next().unwrap().trim().to_owned()).collect()
}

#[tokio::test]
async fn the_shipped_mappings_are_as_their_tests_say() {
    let output = tested(&[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(!said(&output).contains("FAIL"));
}

#[tokio::test]
async fn answers_mean_what_their_vendors_say() {
    let answers = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/specs/answers");
    let output = tested(&[answers]).await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[tokio::test]
async fn what_came_otherwise_is_told_with_what_was_expected() {
    // A mapping that asks for too little.
    let told =
        differences(&[("value: \"{{ order.Lines | sum_of('QuantityOrdered * UnitPrice') }}\"", "value: 1")]);
    assert!(told.await.contains(&"`shipment`: input.value is 1; 141 is expected".to_owned()));
    // An answer that leads elsewhere.
    let told = differences(&[("NoCandidatesIndicator: \"\"", "ValidAddressIndicator: \"\"")]).await;
    assert!(
        told[0].starts_with("`price` calls carrier.rate, and the test says nothing of what is replied"),
        "{told:#?}"
    );
    assert!(
        told.iter().any(|line| line.starts_with("`price` calls carrier.rate, which is not expected")),
        "{told:#?}"
    );
    // A state, a reason and links that are others.
    let told = differences(&[
        ("      reason: UPS asks 20.01", "      reason: UPS wants 20.01"),
        ("tracking_number: [1ZA1B2C30300000018, ", "tracking_number: ["),
    ])
    .await;
    assert!(told.iter().any(|line| line.starts_with("It is linked as tracking_number to")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("in which “UPS wants 20.01")), "{told:#?}");
    let told = differences(&[("state: skipped", "state: done")]).await;
    assert_eq!(told[0], "It ends skipped, not done: The flow's `select` does not want it");
    // A request, in its depth.
    let told = differences(&[("PoliticalDivision2: Austin", "PoliticalDivision2: Boston")]).await;
    let path = "request.body.XAVRequest.AddressKeyFormat.PoliticalDivision2";
    assert_eq!(told, [format!("`address`: {path} is \"Austin\"; \"Boston\" is expected")]);
    // A call too few, and one too many.
    let told =
        differences(&[("calls: [{ step: address }]", "calls: [{ step: address }, { step: price }]")]).await;
    assert_eq!(told, ["`price` is not called"]);
    let told = differences(&[("calls: [{ step: address }]", "calls: []")]).await;
    assert!(told[0].starts_with("`address` calls carrier.validate_address, which is not expected"));
}

#[tokio::test]
async fn machines_get_each_difference_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let changes = [("input: { reference: 0012345-2026-11-20", "input: { reference: other")];
    let output = tested(&[&changed(directory.path(), &changes), "--format", "json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let all: Value = serde_json::from_str(&said(&output)).unwrap();
    let failed: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .filter(|test| test["differences"] != Value::Array(Vec::new()))
        .collect();
    let [test] = failed.as_slice() else { panic!("{all:#}") };
    assert_eq!((&test["mapping"], test["differences"].as_array().unwrap().len()), (&"sage100-ups".into(), 1));
    let difference = &test["differences"][0];
    assert_eq!((&difference["step"], &difference["expected"]), (&"shipment".into(), &"other".into()));
    assert_eq!(difference["found"], "0012345-2026-11-20");
    let line = SHIPPED.lines().position(|line| line.contains("- step: shipment")).unwrap() + 1;
    assert!(
        difference["place"].as_str().unwrap().contains(&format!("sage100-ups.yaml:{line}:")),
        "{difference:#}"
    );
}

#[tokio::test]
async fn a_mapping_with_mistakes_is_not_run() {
    let directory = tempfile::tempdir().unwrap();
    let output = tested(&[&changed(directory.path(), &[("flow: ship_orders", "flow: ship_order")])]).await;
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(1), ""));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no flow `ship_order`"));
    let output = tested(&["no/such/file.yaml"]).await;
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn a_configuration_is_tested_with_its_own_mappings() {
    let directory = tempfile::tempdir().unwrap();
    let mappings = directory.path().join("mappings");
    std::fs::create_dir_all(&mappings).unwrap();
    changed(&mappings, &[("state: skipped", "state: done")]);
    let shipper = "{ name: A, lines: [B], city: C, state: KY, postal_code: \"40213\", country: US }";
    let config = format!(
        "connections:\n  erp: {{ system: sage100, settings: {{ agent_url: http://localhost:1, company: ABC }} }}\n  \
         carrier: {{ system: ups, settings: {{ account: A1B2C3, shipper: {shipper} }} }}\n\
         mappings:\n  abc: {{ mapping: sage100-ups, connections: {{ erp: erp, carrier: carrier }} }}\n"
    );
    std::fs::write(directory.path().join("ml-connector.yaml"), config).unwrap();
    let output = tested(&[&directory.path().to_string_lossy()]).await;
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said(&output).matches("  FAIL  ").count(), 1, "{}", said(&output));
}
