//! Every request that a shipped mapping or an example makes of UPS or ShipStation keeps to the vendor's OpenAPI files: those of
//! its steps as the mappings' own tests make them, and what no step makes (streams, look-ups) end to end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ml_connector::diagnostics::Sources;
use ml_connector::engine::rehearse;
use ml_connector::simulator::exchange::Call;
use ml_connector::simulator::shipstation::{Api, vendor};
use ml_connector::simulator::ups::vendor::Interface;
use ml_connector::spec::model::{Effect, Mapping, Source, StepKind, every_step};
use ml_connector::spec::{self, Loaded};

use crate::shipstation::shop::Shop;

/// What is asked of vendors whose contracts we have, by system.
const SYSTEMS: [&str; 3] = ["ups", "shipstation-v1", "shipstation-v2"];

/// What no mapping's own test shows: it is seen end to end, where the simulators refuse what does not keep to the same files.
const SEEN_ELSEWHERE: [(&str, &str); 3] = [
    // Look-ups, when an answer was lost: `companies`, and `ups::a_lost_pickup_is_found_by_its_reference`.
    ("ups", "recover_label"),
    ("ups", "pending_pickups"),
    // `sage100_shipstation::shipments_of_v2_take_the_orders_when_told`
    ("shipstation-v2", "update_shipment"),
];

fn mappings() -> Vec<Arc<Mapping>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: BTreeMap<(String, String), Arc<Mapping>> = BTreeMap::new();
    let examples = std::fs::read_dir(root.join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let configured = examples.filter(|path| path.join("ml-connector.yaml").exists());
    for path in std::iter::once(root.join("mappings")).chain(configured) {
        let (loaded, findings) = spec::load_path(&path, &mut Sources::default());
        assert!(!findings.iter().any(|finding| finding.is_error()), "{}: {findings:?}", path.display());
        for loaded in loaded {
            let all = match loaded {
                Loaded::System(_) => Vec::new(),
                Loaded::Mapping(mapping) => vec![mapping],
                Loaded::Config(config) => {
                    config.mappings.values().map(|used| Arc::clone(&used.mapping)).collect()
                }
            };
            for mapping in all {
                found.insert((mapping.name.clone(), mapping.revision.clone()), mapping);
            }
        }
    }
    found.into_values().collect()
}

/// What a mapping asks of a system: its steps' operations, what belongs to them, and its streams.
fn asked(mapping: &Mapping) -> BTreeSet<(String, String)> {
    let mut asked = BTreeSet::new();
    for flow in mapping.flows.values() {
        for source in &flow.sources {
            if let Source::Poll { role, stream, .. } = source {
                asked.insert((mapping.systems[role].name.clone(), format!("stream {}", stream.name)));
            }
        }
        every_step(&flow.steps, &mut |step| {
            let StepKind::Call { role, operation, .. } = &step.kind else { return };
            let system = &mapping.systems[role].name;
            asked.insert((system.clone(), operation.name.clone()));
            if let Effect::Create(create) = &operation.effect {
                // What would undo it is only told to people; nothing calls it.
                asked.insert((system.clone(), create.lookup.operation.name.clone()));
            }
        });
    }
    asked.retain(|(system, _)| SYSTEMS.contains(&system.as_str()));
    asked
}

/// The interface of UPS that a path belongs to.
fn interface(path: &str) -> Interface {
    let part = |text: &str| path.contains(text);
    match () {
        () if part("/addressvalidation/") => Interface::AddressValidation,
        () if part("/rating/") => Interface::Rating,
        () if part("/track/") => Interface::Tracking,
        () if part("/transittimes") => Interface::TimeInTransit,
        () if part("/pickup") => Interface::Pickup,
        () => Interface::Shipping,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_every_mapping_keeps_to_the_vendors_contracts() {
    let (mut wanted, mut seen) = (BTreeMap::new(), BTreeSet::new());
    let (mut checked, mut wrong) = (0, Vec::new());
    for mapping in mappings() {
        for asked in asked(&mapping) {
            wanted.entry(asked).or_insert_with(Vec::new).push(mapping.name.clone());
        }
        for rehearsed in rehearse(&mapping).await {
            for made in &rehearsed.calls {
                let Some(request) = &made.request else { continue };
                if !SYSTEMS.contains(&made.system.as_str()) {
                    continue;
                }
                let path = request.url.path();
                let query = request.url.query_pairs().into_owned().collect();
                // The proof of identity is added later, by the program itself.
                let mut headers = request.headers.clone();
                headers.insert("authorization", "Bearer token".parse().unwrap());
                headers.insert("api-key", "key".parse().unwrap());
                let bytes = request.body.clone().unwrap_or_default();
                let call = Call {
                    method: request.method.as_str().to_owned(),
                    path: path.to_owned(),
                    query,
                    headers,
                    body: bytes.to_vec().into(),
                };
                let body = call.json();
                let violations = match made.system.as_str() {
                    "ups" => interface(path).check(&call, body.as_ref()),
                    "shipstation-v1" => vendor::check(Api::V1, &call, body.as_ref()),
                    _ => vendor::check(Api::V2, &call, body.as_ref()),
                };
                let what = format!("{}, “{}”: {}", rehearsed.mapping, rehearsed.test, made.operation);
                wrong.extend(violations.into_iter().map(|violation| format!("{what}: {violation:?}")));
                seen.insert((made.system.clone(), made.operation.clone()));
                checked += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    seen.extend(SEEN_ELSEWHERE.map(|(system, what)| (system.to_owned(), what.to_owned())));
    seen.extend(streams(&wanted.keys().cloned().collect::<Vec<_>>()).await);
    let never: Vec<_> = wanted.iter().filter(|(asked, _)| !seen.contains(*asked)).collect();
    assert!(never.is_empty(), "no test shows a request of these: {never:#?}");
    println!("{checked} requests of {} operations and streams", wanted.len());
}

/// Reads these streams of ShipStation, end to end: the simulator holds each request against the same files.
async fn streams(asked: &[(String, String)]) -> Vec<(String, String)> {
    let mut flows = String::from("flows:\n");
    let mut read = Vec::new();
    for (system, what) in asked {
        let (Some(api), Some(name)) = (system.strip_prefix("shipstation-"), what.strip_prefix("stream "))
        else {
            continue;
        };
        let (loaded, _) = spec::load_path(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("mappings/systems/{system}.yaml")),
            &mut Sources::default(),
        );
        let Some(Loaded::System(loaded)) = loaded.into_iter().next() else {
            panic!("{system} does not load")
        };
        let key = &loaded.streams[name].key;
        flows += &format!(
            "  {api}_{name}:\n    title: Rows\n    source: {{ poll: {{ stream: {api}.{name}, every: 5m }} }}\n    record: row\n    \
             key: \"{{{{ row.{key} | text }}}}\"\n    idempotency_key: \"{{{{ row.{key} | text }}}}\"\n    \
             steps: [{{ set: {{ known: true }} }}]\n"
        );
        read.push((system.clone(), what.clone()));
    }
    let shop = Shop::new("2026-11-20T18:00:00Z", 0, "page_size: 50", &flows, |_| {}).await;
    shop.write_order("SO-1");
    shop.write_order("SO-2");
    shop.station.system.ship("SO-1", 1).unwrap();
    shop.station.system.mark_as_shipped("SO-2", "MARKED").unwrap();
    shop.run_well().await;
    assert!(shop.station.system.controls().requests().len() >= read.len());
    read
}
