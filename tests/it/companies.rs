//! Two companies on one engine, as `examples/two-companies` has them: each order of each ships once, and orders with one number
//! in both do not meet.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::sage100::{self, Orders, Sage100};
use ml_connector::simulator::ups::{self, Ups};
use ml_connector::simulator::verdict::verdict;
use ml_connector::store::RecordState;

use crate::home::{Home, listener};
use crate::world::{Hurried, none, path};

/// The example, with the simulators' own addresses in it.
fn write_example(home: &Home, addresses: &[(&str, String)]) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/two-companies/ml-connector.yaml");
    let mut text = std::fs::read_to_string(example).unwrap();
    for (written, real) in addresses {
        assert!(text.contains(written), "the example does not say {written} any more");
        text = text.replace(written, real);
    }
    // A lost answer is looked up in seconds, and none is given up before it comes, however busy the machine is.
    let account = "      account: A1B2C3\n";
    let times = "      timeout: 10m\n      late_effect: 200ms\n      lookup_lag: 200ms\n      when_absent: recreate\n";
    assert!(text.contains(account));
    home.write("ml-connector.yaml", &text.replace(account, &format!("{account}{times}")));
}

async fn run(home: &Home) -> Vec<(String, RecordState)> {
    assert_eq!(home.run().await.troubles, []);
    let records = home.records_of("ship_orders", &[]).await.into_iter();
    records.map(|record| (record.id.to_string(), record.state)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_both_companies_ship_once_and_never_meet() {
    let clock = Hurried::shared(100);
    let company = async |company: &str, seed, key: &str| {
        let options = sage100::Options {
            company: company.into(),
            api_key: Some(key.into()),
            orders: Orders { seed, count: 25, ..none() },
            clock: Arc::clone(&clock),
            ..sage100::Options::default()
        };
        Sage100::start(options, listener().await).await.unwrap()
    };
    let (abc, xyz) = (company("ABC", 1, "key-of-abc").await, company("XYZ", 2, "key-of-xyz").await);
    let options = ups::Options {
        clock: Arc::clone(&clock),
        visibility_lag: Duration::from_millis(20),
        ..ups::Options::default()
    };
    let ups = Ups::start(options, listener().await).await.unwrap();
    let home = Home::new(Arc::clone(&clock));
    let addresses = [
        ("http://127.0.0.1:7100", abc.url()),
        ("http://127.0.0.1:7101", xyz.url()),
        ("http://127.0.0.1:7200", ups.url()),
    ];
    write_example(&home, &addresses);
    let known = ups.system.options().clone();
    home.set_secrets([
        ("sage-abc.api_key", "key-of-abc"),
        ("sage-xyz.api_key", "key-of-xyz"),
        ("ups.client_id", &known.client_id),
        ("ups.client_secret", &known.client_secret),
    ]);
    // Both companies have an order of every number.
    let numbers = |sage: &sage100::Handle| -> BTreeSet<String> {
        sage.system.state().orders.into_iter().map(|order| order.number).collect()
    };
    assert_eq!(numbers(&abc), numbers(&xyz));
    // Answers get lost, after the shipment was made: what is found must be the company's own.
    for endpoint in [path::SHIP, path::LOOKUP] {
        let lost = Rule::every(Fault::ActThenDrop).on("POST", endpoint).at_random(0.3, 5).times(8);
        ups.system.controls().switch_on(lost).unwrap();
    }
    let records = run(&home).await;
    let again = run(&home).await;
    assert_eq!(records.len(), 50, "each order of each company is a record of its own: {records:#?}");
    assert_eq!(records, again);

    let sent = ups.system.state().sent();
    let mut seen = BTreeSet::new();
    for (sage, prefix) in [(&abc, "ABC-"), (&xyz, "XYZ-")] {
        let own: Vec<_> = sent
            .iter()
            .filter(|sent| sent.references.iter().any(|reference| reference.starts_with(prefix)))
            .cloned()
            .collect();
        let due: Vec<_> = sage.system.state().due().into_iter().map(|due| sage_due(due, prefix)).collect();
        let verdict = verdict(&due, &own);
        let parked = records.iter().filter(|(id, state)| {
            id.starts_with(&prefix[..3].to_lowercase()) && *state == RecordState::Parked
        });
        // A company may have limits of its own, which orders break: those are parked and nothing was sent for them.
        assert!(verdict.duplicates.is_empty() && verdict.wrongly_shipped.is_empty(), "{verdict:#?}");
        assert!(verdict.write_back_missing.is_empty() && verdict.write_back_wrong.is_empty(), "{verdict:#?}");
        assert_eq!(verdict.shipped + parked.count(), 25, "{verdict:#?}");
        assert!(verdict.shipped >= 10, "{verdict:#?}");
        for order in sage.system.state().orders {
            for tracking in order.tracking {
                assert!(seen.insert(tracking.clone()), "{tracking} is at two orders");
                let of = sent.iter().find(|sent| sent.tracking.contains(&tracking)).unwrap();
                let own = format!("{prefix}{}", order.number);
                assert!(of.references.iter().any(|reference| reference.starts_with(&own)), "{of:#?}");
            }
        }
    }
    assert_eq!(sent.iter().flat_map(|sent| &sent.tracking).count(), seen.len());
    assert_eq!(ups.system.summary().contract_violations, 0);
}

/// What an order's references begin with, with the company's prefix.
fn sage_due(due: ml_connector::simulator::due::Due, prefix: &str) -> ml_connector::simulator::due::Due {
    ml_connector::simulator::due::Due { key: format!("{prefix}{}", due.key), ..due }
}
