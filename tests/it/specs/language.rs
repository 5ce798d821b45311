//! Batches, cursors, pages, tables, tests and uses: what models say of them, and mistakes in them one by one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ml_connector::diagnostics::{Diagnostic, Sources, human};
use ml_connector::spec::model::{CallRefusal, CursorKind, MappingUse, Reply, Source, StepKind};
use ml_connector::spec::{self, load_config, load_mapping};

use super::{check, codes};

/// What only the engine sees of a file: who reads and puts tables, what a test replies, how a batch is matched.
#[test]
fn models_say_what_was_written() {
    let path = Path::new("tests/specs/ok/tables-mapping.yaml");
    let (mapping, findings) = load_mapping(path, &mut Sources::default());
    assert!(findings.is_empty(), "{findings:?}");
    let mapping = mapping.unwrap();
    let names = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(",");
    let (orders, report) = (&mapping.flows["orders"], &mapping.flows["report"]);
    assert_eq!(
        (names(&orders.reads_tables), names(&orders.puts_tables)),
        (String::new(), "parcels,services".into())
    );
    assert_eq!(
        (names(&report.reads_tables), names(&report.puts_tables)),
        ("parcels,services".into(), String::new())
    );
    assert_eq!(mapping.tables["parcels"].keep, Some(std::time::Duration::from_secs(7 * 24 * 3600)));
    assert!(
        matches!(&orders.sources[..], [Source::Poll { full: Some(full), .. }] if full.as_secs() == 24 * 3600)
    );
    assert!(matches!(report.sources[..], [Source::Schedule { .. }]));
    let StepKind::Call { cache, on_refusal, refusal, .. } = &orders.steps[0].kind else { panic!() };
    assert_eq!((cache.unwrap().as_secs(), *on_refusal), (3600, CallRefusal::GoOn));
    assert_eq!(refusal.as_deref(), Some("no_company"));
    let test = &mapping.tests[0];
    assert_eq!(test.replies["fresh"].replies, [Reply::Absent]);
    assert!(test.replies["fresh"].repeat && !test.replies["keys.again"].repeat);
    assert_eq!(test.replies["keys.again"].replies.len(), 3);
    assert_eq!(test.connections["erp"]["page_size"], 100, "defaults are filled in");
    assert_eq!(
        test.expect.calls.as_ref().unwrap()[0].request.as_ref().unwrap().path.as_deref(),
        Some("/v1/ABC")
    );
    assert!(test.place.to_string().contains("tables-mapping.yaml:"), "{}", test.place);

    let path = Path::new("tests/specs/ok/batch-system.yaml");
    let system = spec::load_system(path, &mut Sources::default()).0.unwrap();
    let batch = system.operations["upsert_orders"].batch.as_ref().unwrap();
    assert_eq!((batch.most, batch.wait.as_millis(), batch.answers.len()), (100, 200, 1));
    let (input, item) = batch.match_.as_ref().unwrap();
    assert_eq!((input.source(), item.source()), ("{{ input.order.orderKey }}", "{{ item.orderKey }}"));
    assert!(matches!(&system.streams["by_key"].cursor, CursorKind::Keyset { number: true, .. }));
    assert_eq!((system.limits.take_turns, system.limits.breaker.failures), (true, 3));
}

#[test]
fn a_mapping_runs_under_several_names() {
    let (config, _) = load_config(Path::new("tests/specs/ok/two-uses"), &mut Sources::default());
    let config = config.unwrap();
    let [first, second] = ["first", "second"].map(|name| &config.mappings[name]);
    assert_eq!((first.name.as_str(), first.mapping.name.as_str()), ("first", "sage100-ups"));
    assert!(Arc::ptr_eq(&first.mapping, &second.mapping));
    let full = |used: &MappingUse| used.flows["ship_orders"].sources[0].full.map(|full| full.as_secs());
    assert_eq!(
        (full(first), full(second)),
        (Some(12 * 3600), Some(24 * 3600)),
        "the mapping's, unless the use says otherwise"
    );
}

/// Each mistake in a good file is told once, by its code.
#[test]
fn each_mistake_is_told_once() {
    let batch = [
        ("items: \"$.results[*]\"", "items: \"$.hasErrors\"", "does-not-fit"),
        ("items: \"$.results[*]\"", "items: results", "invalid-path"),
        (
            "item: \"{{ item.orderKey }}\" }\n      answers",
            "item: \"{{ item.orderKeys }}\" }\n      answers",
            "unknown-field",
        ),
        ("input: \"{{ input.order.orderKey }}\"", "input: \"{{ input.order.lines }}\"", "not-text"),
        ("when: \"{{ not item.success }}\"", "when: \"{{ item.errorMessage }}\"", "not-a-condition"),
        ("message: \"{{ item.errorMessage }}\"", "message: \"{{ input.order.orderKey }}\"", "unknown-name"),
        ("for_each: \"{{ inputs }}\"", "for_each: \"{{ input.order.lines }}\"", "unknown-name"),
        ("most: 100", "most: 1", "value-not-allowed"),
        ("wait: 200ms", "wait: 200", "wrong-type"),
        ("class: reject }]", "class: rejected }]", "unknown-word"),
        ("day: { field: day,", "day: { field: days,", "unknown-field"),
        ("day: { field: day,", "day: { field: id,", "does-not-fit"),
        ("back: \"{{ settings.days }}\"", "back: -1", "not-a-whole-number"),
        ("keyset: { field: id,", "keyset: { field: number,", "value-not-allowed"),
        ("keyset: { field: id,", "keyset: { field: changed,", "does-not-fit"),
        ("above?: \"{{ cursor.key }}\", ", "", "cursor-not-used"),
        ("\"{{ cursor.day }}\"", "\"{{ cursor.key }}\"", "unknown-field"),
        ("token: { next: \"{{ answer.bookmark }}\" }", "token: { next: \"{{ answer.rows }}\" }", "not-text"),
        (
            "link: { next: \"{{ answer['@odata.nextLink'] }}\" }",
            "link: { next: \"{{ answer }}\" }",
            "not-text",
        ),
        ("until: empty", "until: never", "unknown-word"),
        ("remaining: X-Rate-Limit-Remaining", "remaining: \"X Rate\"", "value-not-allowed"),
        ("account: \"{{ settings.account }}\"", "account: \"{{ settings.acount }}\"", "unknown-field"),
        ("breaker: { failures: 3, pause: 10s", "breaker: { failures: 3, pause: soon", "not-a-duration"),
    ];
    let tables = [
        ("cache: 1h", "cache: 0s", "not-a-duration"),
        ("on_refusal: go_on\n        refusal", "on_refusal: park\n        refusal", "unknown-word"),
        (
            "on_refusal: go_on\n      - check: \"{{ fresh",
            "on_refusal: go_on\n        refusal: fresh\n      - check: \"{{ fresh",
            "name-taken",
        ),
        (
            "on_refusal: go_on\n      - check: \"{{ fresh",
            "on_refusal: go_on\n        refusal: order\n      - check: \"{{ fresh",
            "name-taken",
        ),
        ("{{ no_company.message }}", "{{ no_company.reason }}", "unknown-field"),
        ("fresh is not none", "fresh.order.Lines | length > 0", "maybe-nothing"),
        (
            "otherwise: { skip: The order is gone }",
            "otherwise: { skip: It is gone, report: It is gone }",
            "park-or-skip",
        ),
        ("found: \"{{ again is not none }}\"", "found: \"{{ agains is not none }}\"", "unknown-name"),
        ("keys | length", "keys.key | length", "not-an-object"),
        ("number: \"{{ keys | length | text }}\", ", "", "missing-field"),
        ("value: \"03\" }", "value: \"standard\" }", "does-not-fit"),
        (
            "services: { key: \"{{ order.SalesOrderNo }}\"",
            "services: { key: \"{{ order.Lines }}\"",
            "not-text",
        ),
        ("schedule: { cron: \"0 18 * * MON-FRI\", zone: America/New_York }", "schedule: {}", "missing-key"),
        (
            "zone: America/New_York }\n    record",
            "zone: America/New_York, full: 1h }\n    record",
            "unknown-key",
        ),
        ("having('date', run.date)", "having('day', run.date)", "wrong-argument"),
        ("lookup(tables.services, '03')", "lookup(tables.service, '03')", "unknown-field"),
        ("key: \"{{ run.date }}\"", "key: \"{{ run.day }}\"", "unknown-field"),
        ("full: 24h", "full: 0s", "not-a-duration"),
        ("keep: 7d", "keep: long", "not-a-duration"),
        ("flow: orders", "flow: oders", "unknown-flow"),
        ("name: Nothing has shipped", "name: An order is put into the tables", "name-taken"),
        ("absent: true", "absent: false", "value-not-allowed"),
        ("absent: true", "result: { order: 3 }", "does-not-fit"),
        ("lost: true", "lots: true", "unknown-kind"),
        ("services: { \"0012345\": \"03\" }", "service: { \"0012345\": \"03\" }", "unknown-table"),
        ("services: { \"0012345\": \"03\" }", "services: { \"0012345\": \"standard\" }", "does-not-fit"),
        ("state: done", "state: finished", "unknown-word"),
        (
            "request: { method: GET, path",
            "input: { number: \"1\" }\n          request: { method: GET, path",
            "unknown-field",
        ),
        (
            "erp: { agent_url: https://sage.example.com, company: ABC, time",
            "erp: { agent_url: https://sage.example.com, time",
            "missing-setting",
        ),
    ];
    mistakes("batch-system.yaml", &batch);
    mistakes("tables-mapping.yaml", &tables);
}

pub fn mistakes(file: &str, mistakes: &[(&str, &str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    let good = fs::read_to_string(Path::new("tests/specs/ok").join(file)).unwrap();
    let mut wrong = Vec::new();
    for (from, to, code) in mistakes {
        assert!(good.contains(from), "{from}");
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let (_, mut findings, sources) = check(&path);
        // A mistake may leave a setting without a use, which is a warning of its own.
        findings.retain(Diagnostic::is_error);
        if codes(&findings) != [*code] || findings[0].help.is_none() {
            let text = human::render(&findings, &sources, false);
            wrong.push(format!("{from} -> {to}: {code}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
