//! Mistakes that would show at night only, or be told twice: what an expression sees, what tests say, what is required.

use std::fs;
use std::path::Path;

use ml_connector::diagnostics::{Diagnostic, Sources, human};
use ml_connector::engine::rehearse;
use ml_connector::spec::{Kind, load_mapping, schema};
use serde_json::{Value, json};

use super::language::mistakes;
use super::{check, codes};

/// Each of these could be loaded once, and parked records when it ran.
#[test]
fn what_cannot_work_is_found_before_it_runs() {
    let tracking = [
        (
            "after: { when: \"{{ not parcel.delivered }}\", give: \"{{ settings.look }}\" }",
            "after:",
            "wrong-type",
        ),
        ("give: \"{{ settings.look }}\"", "give: 0s", "not-a-duration"),
        (
            "record: { number: 1Z0012345, delivered: true }",
            "record: { number: 1Z0012345, deliverd: true }",
            "unknown-field",
        ),
        (
            "    record: { number: 1Z0012345 }",
            "    settings: { look: null }\n    record: { number: 1Z0012345 }",
            "does-not-fit",
        ),
        (
            "{{ line.ItemCode | or_else('?') }}",
            "{{ line.ItemCode | clip(-5) | or_else('?') }}",
            "wrong-argument",
        ),
    ];
    mistakes("tracking-mapping.yaml", &tracking);
    let braces = [
        ("merge: { by: \"{{ parcel.delivered }}\" }", "merge: { by: parcel.delivered }", "not-comparable"),
        (
            "merge: { by: \"{{ parcel.delivered }}\" }",
            "merge: { by: \"{{ settings.look }}\" }",
            "not-comparable",
        ),
        ("    key: \"{{ parcel.number }}\"", "    key: parcel.number", "not-text"),
        (
            "find: { tracking_number: \"{{ event.number }}\" }\n        in",
            "find: { tracking_number: }\n        in",
            "wrong-type",
        ),
    ];
    mistakes("tracking-mapping.yaml", &braces);
    let told = [
        ("    id: \"{{ body.event_id }}\"", "    id: body.event_id", "not-text"),
        ("'^ssapi\\d*\\.example\\.com$'", "'.*\\.com'", "bad-host-pattern"),
        ("'^ssapi\\d*\\.example\\.com$'", "'[a-z.-]+'", "bad-host-pattern"),
        ("resource_url: text(200)", "resource_url: text(0)", "unknown-type"),
    ];
    mistakes("webhook-system.yaml", &told);
    let tables = [("value: \"03\" }", "value: }", "wrong-type")];
    mistakes("tables-mapping.yaml", &tables);
    let batch = [("rate: { calls: 40,", "rate: { calls: ,", "wrong-type")];
    mistakes("batch-system.yaml", &batch);
}

/// A setting that may be left out and has a default is never nothing in expressions.
#[test]
fn a_setting_with_a_default_is_never_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read_to_string("tests/specs/ok/tracking-mapping.yaml").unwrap();
    let path = folder.path().join("tracking-mapping.yaml");
    let changed = good.replace("look: { type: duration,", "look: { type: duration?,");
    assert_ne!(changed, good);
    fs::write(&path, &changed).unwrap();
    assert_eq!(codes(&check(&path).1), [""; 0]);
    let test = "    flow: watch\n";
    fs::write(&path, changed.replacen(test, &format!("{test}    settings: {{ look: }}\n"), 1)).unwrap();
    let (_, findings, _) = check(&path);
    assert_eq!(codes(&findings), ["does-not-fit"]);
    assert_eq!(
        findings[0].help.as_deref(),
        Some("remove the key for the default, `\"6h\"`, or write another value")
    );
}

/// A table that only `again` looks into is read by the flow.
#[test]
fn again_sees_tables() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read_to_string("tests/specs/ok/tracking-mapping.yaml").unwrap();
    let changed = good
        .replacen("flows:\n", "tables:\n  told: { type: { at?: text } }\n\nflows:\n", 1)
        .replacen("not parcel.delivered", "(parcel.number | lookup(tables.told, none)) is none", 1)
        .replacen(
            "      - link:",
            "      - put: { told: { key: \"1Z{{ order.SalesOrderNo }}\", value: { at: \"{{ order.OrderDate }}\" } } }\n      - link:",
            1,
        );
    let path = folder.path().join("tracking-mapping.yaml");
    fs::write(&path, changed).unwrap();
    let (mapping, findings) = load_mapping(&path, &mut Sources::default());
    assert_eq!(codes(&findings), [""; 0]);
    let mapping = mapping.unwrap();
    assert!(mapping.flows["watch"].reads_tables.contains("told"));
    assert!(
        mapping.flows["ship"].puts_tables.contains("told") && mapping.flows["ship"].reads_tables.is_empty()
    );
}

/// A duration of nothing that comes from a setting parks the record: it would come again for ever, at once.
#[tokio::test]
async fn a_record_never_comes_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read_to_string("tests/specs/ok/tracking-mapping.yaml").unwrap();
    let path = folder.path().join("tracking-mapping.yaml");
    fs::write(&path, good.replacen("default: 6h", "default: 0s", 1)).unwrap();
    let (mapping, findings) = load_mapping(&path, &mut Sources::default());
    assert_eq!(codes(&findings), [""; 0]);
    let tested = rehearse(&mapping.unwrap()).await;
    let said: Vec<&str> = tested[0].differences.iter().map(|difference| difference.what.as_str()).collect();
    assert!(said[0].starts_with("It ends parked, not done") && said[0].contains("for ever"), "{said:?}");
}

/// What a webhook is told in a test must be what the connection of the test could be told.
#[test]
fn a_test_is_told_only_what_its_connection_has() {
    let folder = tempfile::tempdir().unwrap();
    crate::readme::copy(Path::new("tests/specs/ok/intake"), folder.path());
    let system = folder.path().join("mappings/systems/parcels.yaml");
    let text = fs::read_to_string(&system).unwrap();
    let changed = text.replacen("  moved:\n", "  moved:\n    when: \"{{ settings.base_url == '' }}\"\n", 1);
    assert_ne!(text, changed);
    fs::write(&system, changed).unwrap();
    let (_, findings, sources) = check(folder.path());
    assert_eq!(codes(&findings), ["unknown-webhook"], "{}", human::render(&findings, &sources, false));
}

/// What a condition would have told, or a value been, is not told as missing wherever it is used.
#[test]
fn mistakes_in_a_mapping_do_not_cascade() {
    let folder = tempfile::tempdir().unwrap();
    for (mapping, from, to, code) in [
        (
            "sage100-ups",
            "settings.max_price is none or price",
            "settings.max_prize is none or price",
            "unknown-field",
        ),
        (
            "sage100-ups",
            "price.price is none or price.price <=",
            "prise.price is none or price.price <=",
            "unknown-name",
        ),
        (
            "sage100-ups",
            "estimated: \"{{ event.estimated |",
            "estimated: \"{{ event.estimate |",
            "unknown-field",
        ),
        (
            "sage100-ups",
            "lookup(tables.told_parcels, nothing) }}",
            "lookup(tables.tolds_parcels, nothing) }}",
            "unknown-field",
        ),
        (
            "sage100-shipstation",
            "settings.api == 'v2' and shipment is not none",
            "setting.api == 'v2' and shipment is not none",
            "unknown-name",
        ),
        (
            "sage300-shipstation",
            "has no customer {{ order.CustomerNumber }}",
            "has no customer {{ oder.CustomerNumber }}",
            "unknown-name",
        ),
        (
            "sage300-shipstation",
            "check: \"{{ parcel is not none }}\"",
            "check: \"{{ parcels is not none }}\"",
            "unknown-name",
        ),
        (
            "syspro-ups",
            "select: \"{{ order.ShippingInstrsCod is not none",
            "select: \"{{ order.ShippingInstrCod is not none",
            "unknown-field",
        ),
    ] {
        let good = fs::read_to_string(format!("mappings/{mapping}.yaml")).unwrap();
        assert!(good.contains(from), "{mapping}: {from}");
        let path = folder.path().join(format!("{mapping}.yaml"));
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let (_, mut findings, sources) = check(&path);
        findings.retain(Diagnostic::is_error);
        assert_eq!(codes(&findings), [code], "{from} -> {to}\n{}", human::render(&findings, &sources, false));
    }
}

/// A key that is required cannot be null, in any of the schemas: the loader would take it for one that is not there. Only
/// the result that a test replies may well be nothing.
#[test]
fn what_is_required_is_never_null() {
    let mut looked_at = 0;
    for kind in [Kind::System, Kind::Mapping, Kind::Config] {
        let root = schema::of(kind);
        let mut wrong = Vec::new();
        every_object(root, &mut |object| {
            let names = object["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            for name in names {
                let mut property = object["properties"][name].clone();
                property["$defs"] = root["$defs"].clone();
                let validator = jsonschema::validator_for(&property).unwrap();
                looked_at += 1;
                if validator.is_valid(&json!(null)) && name != "result" {
                    wrong.push(name.to_owned());
                }
            }
        });
        assert!(wrong.is_empty(), "{kind:?}: {wrong:?}");
    }
    assert!(looked_at > 80, "{looked_at}");
}

fn every_object(schema: &Value, visit: &mut dyn FnMut(&Value)) {
    if schema.get("properties").is_some() {
        visit(schema);
    }
    match schema {
        Value::Object(fields) => fields.values().for_each(|inner| every_object(inner, visit)),
        Value::Array(items) => items.iter().for_each(|inner| every_object(inner, visit)),
        _ => {}
    }
}
