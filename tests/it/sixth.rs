//! A pair that an integrator made without Rust: examples/sagex3-shipstation, as it stands there, against both simulators.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command as Program;
use std::sync::Arc;
use std::time::Duration;

use ml_connector::base::Clock;
use ml_connector::engine::command::Shown;
use ml_connector::simulator::expectation::Expectation;
use ml_connector::simulator::sagex3::{self, Orders, SageX3};
use ml_connector::simulator::shipstation::{self, Placed, ShipStation};
use ml_connector::store::RecordState;
use serde_json::json;

use crate::home::{Home, at_home, listener};
use crate::world::Hurried;

const EXAMPLE: &str = "examples/sagex3-shipstation";
const MAPPING: &str = "mappings/sagex3-shipstation.yaml";

#[test]
fn the_example_is_valid_and_does_what_its_tests_say() {
    for command in ["validate", "test"] {
        let told =
            Program::new(env!("CARGO_BIN_EXE_ml-connector")).args([command, EXAMPLE]).output().unwrap();
        let text = String::from_utf8_lossy(&told.stdout) + String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success() && text.contains("all is well"), "{command}: {text}");
    }
}

/// The example's own files, with the simulators' addresses.
struct Site {
    home: Home,
    x3: sagex3::Handle,
    ship: shipstation::Handle,
}

at_home!(Site);

impl Site {
    async fn new(orders: Orders) -> Self {
        let clock: Arc<dyn Clock> = Hurried::from("2026-11-20T18:00:00Z".parse().unwrap(), 200);
        let x3 = sagex3::Options { orders, clock: Arc::clone(&clock), ..sagex3::Options::default() };
        let ship = shipstation::Options { clock: Arc::clone(&clock), ..shipstation::Options::default() };
        let site = Self {
            home: Home::new(clock),
            x3: SageX3::start(x3, listener().await).await.unwrap(),
            ship: ShipStation::start(ship, listener().await).await.unwrap(),
        };
        let text = std::fs::read_to_string(Path::new(EXAMPLE).join("ml-connector.yaml")).unwrap();
        let text = text.replace("http://127.0.0.1:7300", &site.x3.url());
        // Time runs fast here, and calls with it.
        let ship = format!("{}\n      timeout: 10m", site.ship.url());
        site.write("ml-connector.yaml", &text.replace("http://127.0.0.1:7400", &ship));
        site.write(MAPPING, &std::fs::read_to_string(Path::new(EXAMPLE).join(MAPPING)).unwrap());
        let (known, carrier) = (site.x3.system.options(), site.ship.system.options());
        site.set_secrets([
            ("x3.username", &*known.user),
            ("x3.password", &known.password),
            ("x3-soap.username", &known.user),
            ("x3-soap.password", &known.password),
            ("shipstation.api_key", &carrier.api_key),
            ("shipstation.api_secret", &carrier.api_secret),
        ]);
        site
    }

    /// Runs until idle; nobody has to see to anything.
    async fn run(&self) {
        assert_eq!(self.home.run().await.troubles, []);
        let left = self.records(&[RecordState::Parked, RecordState::InDoubt, RecordState::Waiting]).await;
        assert!(left.is_empty(), "{left:#?}");
    }

    async fn show(&self, order: &str) -> Shown {
        self.home.show(&format!("sagex3-shipstation/orders/{order}")).await
    }

    fn edit(&self, order: &str, property: &str, value: &str) {
        let set = json!({ property: value });
        self.x3.system.edit_order(order, set.as_object().unwrap(), Some(Expectation::Ships)).unwrap();
    }

    fn placed(&self) -> BTreeMap<String, Placed> {
        self.ship.system.orders().into_iter().map(|order| (order.key.clone(), order)).collect()
    }

    /// Every order is in ShipStation once, and in X3 are exactly the numbers of what is under way.
    fn assert_equal(&self) {
        let (orders, placed) = (self.x3.system.state().orders, self.placed());
        assert_eq!(placed.len(), self.ship.system.orders().len(), "an order is there twice");
        assert_eq!(placed.len(), orders.len());
        for order in orders {
            let mut tracking = placed[&order.number].tracking.clone();
            let mut written = order.tracking;
            tracking.sort();
            written.sort();
            assert_eq!(written, tracking, "{}", order.number);
        }
        assert_eq!(self.ship.system.state().contract_violations, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_go_over_change_ship_in_parts_and_are_voided() {
    let site = Site::new(Orders::plain(8, 0)).await;
    site.run().await;
    site.assert_equal();
    let number = |at: usize| format!("SONNA011{at:04}");
    // Before anything ships: an edit, a hold, and one that X3 gives up.
    site.edit(&number(1), "CUSORDREF", "PO-NEW");
    site.edit(&number(2), "HLDSTA", "2");
    site.edit(&number(3), "ORDSTA", "2");
    site.run().await;
    let status = |order: &str| site.placed()[order].status.clone();
    let statuses = [1, 2, 3, 4].map(|at| status(&number(at)));
    assert_eq!(statuses, ["awaiting_shipment", "on_hold", "cancelled", "awaiting_shipment"]);
    let state = site.ship.system.state();
    let first = state.orders.iter().find(|order| order.key == number(1)).unwrap();
    assert_eq!(first.content.body["advancedOptions"]["customField1"], "PO-NEW");

    // In parts, without a label, and while somebody has the order open in X3.
    let parts = site.ship.system.ship(&number(4), 3).unwrap();
    site.ship.system.mark_as_shipped(&number(5), "MARKED1").unwrap();
    site.ship.system.ship(&number(6), 1).unwrap();
    site.x3.system.lock_order(&number(6), "MJONE", Some(2));
    site.run().await;
    site.assert_equal();

    // An edit that comes too late is told; a void takes its number out again, and the other parts stay.
    site.edit(&number(6), "CUSORDREF", "PO-LATE");
    site.ship.system.void(&number(4), Some(parts[1].as_str())).unwrap();
    site.run().await;
    site.assert_equal();
    assert_eq!(site.placed()[&number(4)].tracking.len(), 2);
    let late = site.show(&number(6)).await.record;
    assert_eq!((late.state, late.notices.len()), (RecordState::Done, 1), "{late:#?}");

    // Our own writes have stamped the orders: they are compared, done, and not sent again.
    let writes = |site: &Site| site.placed().values().map(|order| order.writes).sum::<u64>();
    let before = writes(&site);
    tokio::time::sleep(Duration::from_millis(10)).await;
    site.run().await;
    site.assert_equal();
    assert_eq!(writes(&site), before);
    assert_eq!(site.show(&number(4)).await.record.state, RecordState::Done);
}
