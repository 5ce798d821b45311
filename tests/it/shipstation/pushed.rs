//! What ShipStation pushes, end to end with Sage 300: subscriptions, lost and doubled pushes, polls beneath, and forged events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ml_connector::base::{Clock, SystemClock};
use ml_connector::engine::RunOptions;
use ml_connector::server::intake;
use ml_connector::simulator::exchange::Call;
use ml_connector::simulator::faults::{Fault, Rule};
use ml_connector::simulator::post::post;
use ml_connector::simulator::push::Manner;
use ml_connector::simulator::sage300::{self, Orders, Sage300};
use ml_connector::simulator::shipstation::keys::Keys;
use ml_connector::simulator::shipstation::webhooks::Webhook;
use ml_connector::simulator::shipstation::{self, Product, ShipStation, Stage};
use ml_connector::simulator::system::System;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::home::{Home, at_home, listener};

const SECRET: &str = "a-long-word-of-our-own";

/// Both simulators, and where the engine listens.
struct Site {
    home: Home,
    sage: sage300::Handle,
    station: shipstation::Handle,
    url: String,
}

at_home!(Site);

impl Site {
    async fn new(orders: usize) -> Self {
        let orders = Orders { count: orders, ..Orders::default() };
        let sage =
            Sage300::start(sage300::Options { orders, ..sage300::Options::default() }, listener().await);
        let sage = sage.await.unwrap();
        let known = |item: serde_json::Value| Product {
            sku: item["ItemNumber"].as_str().unwrap().to_owned(),
            name: "imported".to_owned(),
            cents: 100,
            ounces: 0.0,
        };
        let options = shipstation::Options {
            visibility_lag: Duration::ZERO,
            v1_calls: 100_000,
            v2_calls: 100_000,
            products: sage.system.records("ICItems").into_iter().map(known).collect(),
            ..shipstation::Options::default()
        };
        let station = ShipStation::start(options, listener().await).await.unwrap();
        // A port that is free: who pushes must know it before anybody listens.
        let url = format!("http://{}", listener().await.local_addr().unwrap());
        let site = Self { home: Home::new(SystemClock::shared()), sage, station, url };
        site.configure();
        site
    }

    fn configure(&self) {
        let (sage, station, listen) = (self.sage.url(), self.station.url(), &self.url["http://".len()..]);
        let fast = "rate_limit: 100000, timeout: 5s, late_effect: 1s, lookup_lag: 1s, when_absent: recreate";
        self.write(
            "ml-connector.yaml",
            &format!(
                "connections:\n  sage: {{ system: sage300, settings: {{ base_url: \"{sage}\", company: {} }} }}\n  \
                 v1: {{ system: shipstation-v1, settings: {{ base_url: \"{station}\", {fast} }} }}\n  \
                 v2: {{ system: shipstation-v2, settings: {{ base_url: \"{station}\", jwks_url: \"{station}/jwks\", place_when_absent: recreate, {fast} }} }}\n\
                 mappings:\n  sage300-shipstation: {{ connections: {{ erp: sage, v1: v1, v2: v2 }} }}\n\
                 intake: {{ listen: \"{listen}\", url: \"{}\" }}\n",
                self.sage.system.options().company,
                self.url,
            ),
        );
        let keys = self.station.system.options();
        self.set_secrets([
            ("sage.user", "webapi"),
            ("sage.password", "sim-password"),
            ("v1.api_key", &*keys.api_key),
            ("v1.api_secret", &keys.api_secret),
            ("v1.webhook_secret", SECRET),
            ("v2.api_key", &keys.v2_api_key),
        ]);
    }

    /// Runs an engine with its listener for as long as `act` takes, and then until nothing is left to do.
    async fn running<T>(&self, act: impl Future<Output = T>) -> T {
        let (engine, store) = self.engine();
        let (stop, hold) = (CancellationToken::new(), CancellationToken::new());
        let listener = intake::bind(self.config().intake.as_ref().unwrap()).await.unwrap();
        let taking = tokio::spawn(intake::serve(Arc::clone(&engine), listener, stop.clone()));
        let options = RunOptions { until_idle: true, hold: Some(hold.clone()), ..RunOptions::default() };
        let acting = async {
            let done = act.await;
            hold.cancel();
            done
        };
        let (summary, done) = tokio::time::timeout(Duration::from_secs(120), async {
            tokio::join!(engine.run(options), acting)
        })
        .await
        .unwrap();
        assert_eq!(summary.unwrap().troubles, []);
        stop.cancel();
        taking.await.unwrap();
        drop(engine);
        store.close().unwrap();
        done
    }

    fn hooks(&self) -> Vec<Webhook> {
        self.station.system.state().webhooks
    }

    /// Ships all that ShipStation has, a label each.
    fn ship(&self) -> Vec<String> {
        let open =
            self.station.system.orders().into_iter().filter(|order| order.status == "awaiting_shipment");
        open.flat_map(|order| self.station.system.ship(&order.key, 1).unwrap()).collect()
    }

    /// Everything that was shipped is in Sage once, and known to have arrived.
    fn assert_delivered_once(&self, numbers: &[String]) {
        let state = self.sage.system.state();
        let mut written: Vec<&str> = Vec::new();
        for shipment in state.orders.iter().flat_map(|order| order.shipped()) {
            written.push(&shipment.number);
            assert_eq!(shipment.delivery, "delivered", "{}", shipment.number);
            assert!(shipment.delivered.is_some() && shipment.estimated.is_some(), "{shipment:?}");
        }
        let mut numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        numbers.sort_unstable();
        written.sort_unstable();
        assert_eq!(written, numbers);
        assert_eq!((state.repeated_shipments, state.write_backs_doubled), (0, 0));
    }
}

/// Waits until something has become so.
async fn until(what: &str, so: impl Fn() -> bool) {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < Duration::from_secs(60), "it never came to: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn now() -> jiff::Timestamp {
    SystemClock.now()
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_registered_repaired_and_bring_shipments_and_deliveries_once() {
    let site = Site::new(6).await;
    // Somebody has switched ours off, and a word of ours was another one before.
    let stale = [
        format!("{}/hooks/v1/item_ship_notify/{SECRET}", site.url),
        format!("{}/hooks/v1/item_ship_notify/old", site.url),
    ];
    for url in &stale {
        let body = json!({ "target_url": url, "event": "ITEM_SHIP_NOTIFY" });
        let call = Call::new("POST", "/webhooks/subscribe", Some(&body));
        assert_eq!(
            site.station
                .system
                .act(&call.with("authorization", "Basic c2ltLWtleTpzaW0tc2VjcmV0"), None)
                .status,
            200
        );
    }
    assert!(site.station.system.deactivate(site.hooks()[0].id));
    let station = &site.station.system;
    let numbers = site
        .running(async {
            let wanted = |site: &Site, event: &str| {
                let all = site.hooks();
                let of: Vec<_> = all.iter().filter(|hook| hook.event == event).collect();
                of.len() == 1
                    && of[0].active
                    && of[0].url.starts_with(&site.url)
                    && !of[0].url.ends_with("/old")
            };
            let events = ["ITEM_SHIP_NOTIFY", "FULFILLMENT_SHIPPED", "track_event_v2"];
            until("one subscription each", || events.iter().all(|event| wanted(&site, event))).await;
            let due = site.sage.system.summary().should_ship;
            until("all orders sent", || station.summary().orders >= due).await;
            // Every push comes twice, and whoever writes meets an order that somebody has open.
            station.outbox().set_manner(Manner { double: 1.0, ..Manner::default() });
            let locked = Rule {
                path: Some("*ShipmentTracking*".into()),
                times: Some(2),
                attempts: 2,
                ..Rule::every(Fault::RecordLock)
            };
            site.sage.system.controls().switch_on(locked).unwrap();
            let numbers = site.ship();
            until("shipments by push", || site.sage.system.summary().with_tracking > 0).await;
            for number in &numbers {
                station.scan(number, Stage::InTransit).unwrap();
                station.scan(number, Stage::Exception).unwrap();
                station.scan(number, Stage::Delivered).unwrap();
            }
            until("deliveries by push", || site.sage.system.summary().delivered > 0).await;
            numbers
        })
        .await;
    assert!(!numbers.is_empty());
    site.assert_delivered_once(&numbers);
    let counts = station.outbox().counts();
    assert_eq!((counts.refused, counts.unreachable), (0, 0), "{counts:?}");
    assert!(counts.doubled >= 4 * numbers.len() as u64, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_push_tells_the_polls_find() {
    let site = Site::new(6).await;
    let station = &site.station.system;
    site.running(async {
        let due = site.sage.system.summary().should_ship;
        until("all orders sent", || station.summary().orders >= due).await;
    })
    .await;
    // A third of all pushes is lost while it ships, and all of them while it arrives.
    station.outbox().set_manner(Manner { drop: 0.34, double: 0.34, ..Manner::default() });
    let numbers = site.running(async { site.ship() }).await;
    station.outbox().set_manner(Manner { on: false, ..Manner::default() });
    site.running(async { assert_eq!(station.deliver_all(), numbers.len()) }).await;
    site.assert_delivered_once(&numbers);
    // And a run with nothing new writes nothing.
    site.running(async {}).await;
    site.assert_delivered_once(&numbers);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_shipstation_signed_just_now_is_taken() {
    let site = Site::new(0).await;
    let body = json!({ "data": { "tracking_number": "1Z", "status_code": "DE", "events": [] } }).to_string();
    let hook = format!("{}/hooks/v2/track_event", site.url);
    let limit = Duration::from_secs(5);
    site.running(async {
        let send = async |headers: &[(String, String)], body: &str| {
            post(&hook, headers, body.as_bytes(), limit).await.unwrap().status
        };
        until("the listener", || std::net::TcpStream::connect(&site.url["http://".len()..]).is_ok()).await;
        let keys = site.station.system.keys();
        // A list of several keys, one of them of another kind.
        keys.list().unwrap();
        keys.rotate().unwrap();
        assert_eq!(send(&[], &body).await, 404, "unsigned");
        let signed = keys.sign(body.as_bytes(), now()).unwrap();
        assert_eq!(send(&signed, &body.replace("DE", "EX")).await, 401, "another body");
        assert_eq!(
            send(&Keys::default().sign(body.as_bytes(), now()).unwrap(), &body).await,
            401,
            "another key"
        );
        let old = now() - jiff::SignedDuration::from_mins(6);
        assert_eq!(send(&keys.sign(body.as_bytes(), old).unwrap(), &body).await, 400, "too old");
        assert!(matches!(send(&signed, &body).await, 200..=299));
        // V1 signs nothing: only the address proves it.
        for wrong in ["/hooks/v1/item_ship_notify", "/hooks/v1/item_ship_notify/guess"] {
            let heard = post(&format!("{}{wrong}", site.url), &[], b"{}", limit).await.unwrap();
            assert_eq!(heard.status, 404, "{wrong}");
        }
    })
    .await;
}
