//! Webhooks, told flows and the intake: what models say of them, and mistakes in them one by one.

use std::path::Path;
use std::time::Duration;

use ml_connector::diagnostics::Sources;
use ml_connector::spec::model::{
    Content, OtherwiseAction, Records, Schedule, Source, StepKind, System, Webhook,
};
use ml_connector::spec::{load_config, load_mapping, load_system};

use super::language::mistakes;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn system() -> System {
    let path = Path::new("tests/specs/ok/webhook-system.yaml");
    let (system, findings) = load_system(path, &mut Sources::default());
    assert!(findings.is_empty(), "{findings:?}");
    std::sync::Arc::into_inner(system.unwrap()).unwrap()
}

#[test]
fn webhooks_say_who_proves_what_and_where_records_are() {
    let system = system();
    let webhook = |name: &str| -> &Webhook { &system.webhooks[name] };
    let kinds: Vec<&str> = system.webhooks.values().map(|webhook| webhook.proof.kind()).collect();
    assert_eq!(kinds, in_order(ml_connector::proof::KINDS, &kinds), "each kind has an example");
    assert_eq!(webhook("moved").proof.credentials(), ["push_id", "push_secret"]);
    assert_eq!(webhook("moved").when.as_ref().unwrap().source(), "{{ settings.push == 'v2' }}");
    assert!(matches!(&webhook("moved").content, Content::Inline { give: Some(_), .. }));
    assert!(matches!(&webhook("moved_v1").content, Content::Inline { give: None, .. }));
    // What is told and what is polled are of one type, named as the file names it.
    assert_eq!(webhook("moved").record_type(), &system.streams["parcels"].record);
    assert_eq!(webhook("moved_v1").record_type(), &webhook("moved_v1").body);
    assert_eq!(webhook("labelled").record_type(), &system.streams["parcels"].record);
    let Content::Pointer { hosts, stream, .. } = &webhook("shipped").content else { panic!() };
    assert_eq!((hosts.len(), stream.name.as_str()), (1, "parcels"));
    let leads = |host: &str| hosts[0].is_match(host);
    assert!(leads("ssapi.example.com") && leads("ssapi12.example.com"));
    assert!(
        !leads("ssapi.example.com.evil.test")
            && !leads("evil-ssapi.example.com")
            && !leads("ssapiX.example.com")
    );
    let register = webhook("shipped").register.as_ref().unwrap();
    assert_eq!((register.create.name.as_str(), register.event.as_str()), ("create_webhook", "SHIPPED"));
    assert!(matches!(system.streams["parcels"].records, Records::Give(_)));
}

/// The kinds in the order in which the example has them.
fn in_order<'k>(kinds: &[&'k str], like: &[&str]) -> Vec<&'k str> {
    let mut kinds = kinds.to_vec();
    kinds.sort_by_key(|kind| like.iter().position(|other| other == kind));
    kinds
}

#[test]
fn flows_say_whom_they_tell_and_what_they_find() {
    let path = Path::new("tests/specs/ok/tracking-mapping.yaml");
    let (mapping, findings) = load_mapping(path, &mut Sources::default());
    assert!(findings.is_empty(), "{findings:?}");
    let mapping = mapping.unwrap();
    let [ship, watch, moved] = ["ship", "watch", "moved"].map(|name| &mapping.flows[name]);
    let tells =
        |tells: &std::collections::BTreeSet<String>| tells.iter().cloned().collect::<Vec<_>>().join(",");
    assert_eq!(
        (tells(&ship.tells), tells(&watch.tells), tells(&moved.tells)),
        ("moved,watch".into(), "moved".into(), "watch".into())
    );
    assert!(matches!(watch.sources[..], [Source::Told]) && watch.sources[0].schedule().is_none());
    assert_eq!(watch.sources[0].name(), None);
    assert_eq!(ship.sources[0].name().as_deref(), Some("erp.sales_orders"));
    assert!(watch.again.as_ref().unwrap().give_up.is_some() && moved.again.is_none());
    assert_eq!(moved.merge.as_ref().unwrap().keep, ["at"]);
    let StepKind::Find { kind, flow, wait, otherwise, .. } = &moved.steps[0].kind else { panic!() };
    assert_eq!((kind.as_str(), flow.as_deref(), *wait), ("tracking_number", Some("ship"), 2 * DAY));
    assert_eq!(otherwise.action, OtherwiseAction::Skip);
    let StepKind::Find { flow: None, wait, otherwise, .. } = &moved.steps[1].kind else { panic!() };
    assert_eq!((*wait, otherwise.action), (DAY, OtherwiseAction::Park));
    assert_eq!(otherwise.message.source(), "there is no record with the tracking_number {{ event.number }}");
    let StepKind::Tell(told) = &ship.steps[1].kind else { panic!() };
    assert_eq!(told.iter().map(|(flow, _)| flow.as_str()).collect::<Vec<_>>(), ["watch", "moved"]);
    let test = &mapping.tests[3];
    assert_eq!(test.links["tracking_number"]["1Z0012345"].idempotency_key, "0012345-2026-11-19");
    assert_eq!(mapping.tests[0].expect.again, Some(Some(DAY / 4)));
    assert_eq!((mapping.tests[1].expect.again, mapping.tests[2].expect.again), (Some(None), None));
    assert_eq!(mapping.tests[2].expect.tells["watch"], Vec::<serde_json::Value>::new());
}

#[test]
fn a_configuration_says_where_it_is_told_and_what_is_open() {
    let (config, findings) = load_config(Path::new("tests/specs/ok/intake"), &mut Sources::default());
    assert!(findings.is_empty(), "{findings:?}");
    let config = config.unwrap();
    let intake = config.intake.as_ref().unwrap();
    assert_eq!(
        (intake.listen.to_string().as_str(), intake.url.as_str()),
        ("0.0.0.0:8480", "https://hooks.example.com/here")
    );
    assert_eq!((intake.body_limit, intake.rate), (65_536, 50));
    assert!(intake.tls.as_ref().unwrap().key.ends_with("tests/specs/ok/intake/keys/server.key"));
    let [pushed, parcels, returns] = &config.mappings["track"].flows["tracking"].sources[..] else {
        panic!()
    };
    let every = |schedule: &Option<Schedule>| match schedule {
        Some(Schedule::Every(every)) => Some(every.as_secs() / 60),
        _ => None,
    };
    assert_eq!((pushed.enabled, every(&pushed.schedule)), (true, None));
    // What is said of one source counts before what is said of the flow, and that before the mapping.
    assert_eq!((every(&parcels.schedule), parcels.full), (Some(5), Some(DAY / 2)));
    assert_eq!((returns.enabled, every(&returns.schedule), returns.full), (false, Some(10), None));
    let test = &config.mappings["track"].mapping.tests[0];
    assert_eq!(test.record["number"], "1Z1", "what is pushed was made the record");
}

/// Each mistake in a good file is told once, by its code.
#[test]
fn each_mistake_is_told_once() {
    let system = [
        ("settings.push == 'v2'", "settings.pusch == 'v2'", "unknown-field"),
        ("when: \"{{ settings.push == 'v2' }}\"", "when: \"{{ settings.push }}\"", "not-a-condition"),
        ("client_id: push_id,", "client_id: push_ide,", "unknown-credential"),
        ("life: 30m", "life: 0s", "not-a-duration"),
        ("life: 30m", "life: soon", "not-a-duration"),
        ("window: 10m", "window: 0s", "not-a-duration"),
        ("jwks: \"{{ settings.keys_url }}\"", "jwks: \"{{ settings.key_url }}\"", "unknown-field"),
        ("api_key_header: x-api-key", "api_key_header: \"x api\"", "value-not-allowed"),
        ("encoding: base64", "encoding: base32", "unknown-word"),
        (
            "header: { header: Credential, credential: shared }",
            "head: { header: Credential }",
            "unknown-kind",
        ),
        ("    proof:\n      secret_url: { credential: shared }\n", "", "missing-key"),
        (
            "secret_url: { credential: shared }",
            "secret_url: { credential: shared }\n      header: { header: X, credential: shared }",
            "several-kinds",
        ),
        ("id: \"{{ body.event_id }}\"", "id: \"{{ body.events }}\"", "not-text"),
        ("at: \"{{ one.at }}\", kind", "at: \"{{ one.time }}\", kind", "unknown-field"),
        ("at: \"{{ one.at }}\", kind: \"{{ one.kind }}\" }", "at: \"{{ one.at }}\" }", "missing-field"),
        ("give: \"$.data\"", "give: \"$.dada\"", "unknown-field"),
        ("give: \"$.data\"", "give: \"$.data.number\"", "not-an-object-type"),
        (
            "    body: { data: event }\n    give: \"$.data\"",
            "    body: { data: event }\n    record: event",
            "missing-key",
        ),
        ("body: event\n  shipped", "body: [event]\n  shipped", "not-an-object-type"),
        ("url: \"{{ body.resource_url }}\"", "url: \"{{ body.resource_uri }}\"", "unknown-field"),
        ("stream: parcels", "stream: parcel", "unknown-stream"),
        ("list: list_webhooks", "list: list_webhook", "unknown-operation"),
        ("active: boolean }] }\n    result", "active: text }] }\n    result", "does-not-fit"),
        ("url?: \"{{ webhooks.moved }}\"", "url: \"{{ webhooks.mooved }}\"", "unknown-field"),
        ("- \"$.returned\"", "- \"$.returns\"", "unknown-field"),
        ("- \"$.returned\"", "- \"$.returned[0]\"", "wrong-type"),
        ("            number: \"{{ parcel.number }}\"\n", "", "missing-field"),
    ];
    let mapping = [
        (
            "find: { tracking_number: \"{{ event.number }}\" }\n        in",
            "find: { tracking: \"{{ event.number }}\" }\n        in",
            "unknown-link",
        ),
        (
            "watch: { number: \"1Z{{ order.SalesOrderNo }}\" }",
            "watsch: { number: \"1Z{{ order.SalesOrderNo }}\" }",
            "unknown-flow",
        ),
        ("watch: { number: \"1Z{{ order.SalesOrderNo }}\" }", "watch: { numbers: [] }", "unknown-field"),
        ("rank: 0, kind: \"{{ line.ItemCode", "rank: zero, kind: \"{{ line.ItemCode", "does-not-fit"),
        (
            "after: { when: \"{{ not parcel.delivered }}\", give: \"{{ settings.look }}\" }",
            "after: often",
            "not-a-duration",
        ),
        (
            "after: { when: \"{{ not parcel.delivered }}\", give: \"{{ settings.look }}\" }",
            "after: \"{{ parcel.number }}\"",
            "does-not-fit",
        ),
        ("give: \"{{ settings.look }}\"", "give: \"{{ parcel.number }}\"", "does-not-fit"),
        (
            "after: { when: \"{{ not parcel.delivered }}\", give: \"{{ settings.look }}\" }",
            "after: 0s",
            "not-a-duration",
        ),
        (
            "after: { when: \"{{ not parcel.delivered }}\", give: \"{{ settings.look }}\" }\n",
            "",
            "missing-key",
        ),
        ("{{ [event.rank, event.at] }}", "{{ [event.rang, event.at] }}", "unknown-field"),
        ("keep: [at]", "keep: [att]", "unknown-field"),
        ("in: ship\n", "in: shop\n", "unknown-flow"),
        ("wait: 2d", "wait: 0s", "not-a-duration"),
        ("wait: 2d\n", "wait: 2d\n        cache: 1h\n", "misplaced-key"),
        ("otherwise: { skip:", "otherwise: { skipp:", "unknown-key"),
        ("{{ order.key }}", "{{ order.kee }}", "unknown-field"),
        ("links: { tracking_number:", "links: { tracking_numbers:", "unknown-link"),
        ("flow: ship, key", "flow: shop, key", "unknown-flow"),
        ("tells: { watch: [] }", "tells: { ship: [] }", "unknown-flow"),
        ("rank: 1 }] }\n      again", "rang: 1 }] }\n      again", "unknown-field"),
        ("again: 6h", "again: sixth", "not-a-duration"),
        ("    record: { number: 1Z0012345 }\n", "", "missing-key"),
    ];
    mistakes("webhook-system.yaml", &system);
    mistakes("tracking-mapping.yaml", &mapping);
}

/// The same in a configuration with its own system and mapping.
#[test]
fn each_mistake_in_a_configuration_is_told_once() {
    let config = [
        ("ml-connector.yaml", "listen: 0.0.0.0:8480", "listen: 0.0.0.0", "not-an-address"),
        ("ml-connector.yaml", "https://hooks.example.com/here/", "http://hooks.example.com", "not-a-url"),
        ("ml-connector.yaml", "https://hooks.example.com/here/", "hooks.example.com", "not-a-url"),
        (
            "ml-connector.yaml",
            "https://hooks.example.com/here/",
            "https://me:pw@hooks.example.com",
            "not-a-url",
        ),
        (
            "ml-connector.yaml",
            "https://hooks.example.com/here/",
            "https://hooks.example.com/?a=b",
            "not-a-url",
        ),
        ("ml-connector.yaml", "https://hooks.example.com/here/", "ftp://hooks.example.com", "not-a-url"),
        ("ml-connector.yaml", ", key: keys/server.key", "", "missing-key"),
        ("ml-connector.yaml", "rate: 50", "rate: 0", "value-not-allowed"),
        ("ml-connector.yaml", "body_limit: 65536", "body_limit: 10", "value-not-allowed"),
        ("ml-connector.yaml", "every: 5m, full", "every: 0s, full", "not-a-duration"),
        ("ml-connector.yaml", "carrier.returns:", "carrier.return:", "unknown-source"),
        (
            "ml-connector.yaml",
            "carrier.moved: { enabled: true }",
            "carrier.moved: { full: 1h }",
            "schedule-without-poll",
        ),
        ("mappings/track.yaml", "webhook: carrier.moved\n", "webhook: carrier.mooved\n", "unknown-webhook"),
        (
            "mappings/track.yaml",
            "pushed: { webhook: carrier.moved",
            "pushed: { webhook: carrier.mooved",
            "unknown-webhook",
        ),
        ("mappings/track.yaml", "body: { event: { number", "body: { events: { number", "unfit-record"),
        ("mappings/track.yaml", "body: { event: { number: \"1Z1\",", "body: { event: {", "unfit-record"),
    ];
    let good = Path::new("tests/specs/ok/intake");
    for (file, from, to, code) in config {
        let folder = tempfile::tempdir().unwrap();
        crate::readme::copy(good, folder.path());
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let (_, findings, sources) = super::check(folder.path());
        let found = super::codes(&findings);
        assert_eq!(
            found,
            [code],
            "{from} -> {to}\n{}",
            ml_connector::diagnostics::human::render(&findings, &sources, false)
        );
    }
}

/// The reference lists every kind of proof and every kind of source.
#[test]
fn the_reference_knows_every_kind() {
    let reference = std::fs::read_to_string("mappings/README.md").unwrap();
    let kinds = ml_connector::proof::KINDS.iter().copied().chain(["poll", "webhook", "told", "schedule"]);
    let missing: Vec<&str> = kinds.filter(|kind| !reference.contains(&format!("\n| `{kind}: "))).collect();
    assert!(missing.is_empty(), "{missing:?} are not in mappings/README.md");
}
