//! How the simulated ShipStation is set up.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{Clock, SystemClock};
use crate::simulator::push::{Manner, Patience};

/// What becomes of an edit of an order that is shipped or cancelled. The vendor says that it "may not be updated" and no
/// public source shows the answer, so a caller must be right in both cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locked {
    /// It is refused with this text.
    Refuse(String),
    /// It is answered with 200, and nothing changes.
    Ignore,
}

/// How V2 tells that an `external_shipment_id` is taken: the vendor says "you receive an error message" and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflicts {
    /// The call is refused with `identifier_conflict`.
    #[default]
    Refused,
    /// The call answers 200 with `has_errors`, and the shipment carries the text.
    InAnswer,
}

/// How a parcel travels by itself, counted from when it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transit {
    /// When the carrier first sees it.
    pub seen_after: Duration,
    /// When it is delivered.
    pub delivered_after: Duration,
    /// Every so-manieth parcel meets a delay on its way, which is told as an exception; 0 is none.
    pub delayed: u64,
}

/// The words of `status_code`. The vendor's file takes them from the list of detailed codes; its sister product `ShipEngine`,
/// which sends the same events, writes two letters. What V2 really sends is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusCodes {
    /// `DELIVERED`.
    #[default]
    Words,
    /// `DE`.
    Letters,
}

/// A product in the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Its SKU.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// Its price in cents.
    pub cents: u64,
    /// Its weight in ounces.
    pub ounces: f64,
}

/// How the simulated ShipStation is set up; `Options::default()` suits most.
#[derive(Debug, Clone)]
pub struct Options {
    /// What ids and numbers are made from.
    pub seed: u64,
    /// V1's API key.
    pub api_key: String,
    /// V1's API secret.
    pub api_secret: String,
    /// V2's API key; the keys of V1 do not open V2.
    pub v2_api_key: String,
    /// How many V1 calls a minute are answered.
    pub v1_calls: u64,
    /// How many V2 calls a minute are answered.
    pub v2_calls: u64,
    /// What becomes of an edit of an order that is shipped or cancelled.
    pub locked: Locked,
    /// How V2 tells that an external id is taken.
    pub conflicts: Conflicts,
    /// The warehouse ships every order that has waited so long, on the simulator's clock.
    pub ship_after: Option<Duration>,
    /// Parcels travel by themselves like this; without it they move only when they are told to.
    pub transit: Option<Transit>,
    /// Whether ShipStation learns that a parcel was delivered which was only marked as shipped, so that its fulfillment says
    /// `deliveryDate` and `delivered_at`. The fields are documented; what fills them is not.
    pub marks_arrive: bool,
    /// Whether marking an order as shipped fires V1's `FULFILLMENT_SHIPPED`. The vendor names fulfillment providers only.
    pub marks_notify: bool,
    /// The words of `status_code` in V2's tracking.
    pub status_codes: StatusCodes,
    /// How pushing goes at first.
    pub pushing: Manner,
    /// How long after something happened it is pushed; the vendor says "within a few minutes".
    pub push_delay: Duration,
    /// How patient it is with who does not answer. The vendor says nothing of retries, so there are none unless told so.
    pub patience: Patience,
    /// How long a new order stays invisible to searches; the vendor publishes no figure.
    pub visibility_lag: Duration,
    /// Refuse requests that break the contract; otherwise they are only recorded.
    pub strict: bool,
    /// The catalogue to begin with; items of orders join it by themselves.
    pub products: Vec<Product>,
    /// Inventory warehouses to begin with, each with the names of its locations.
    pub inventory_warehouses: Vec<(String, Vec<String>)>,
    /// How long every answer takes, in real time.
    pub latency: Duration,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            api_key: "sim-key".into(),
            api_secret: "sim-secret".into(),
            v2_api_key: "sim-v2-key".into(),
            v1_calls: 40,
            v2_calls: 200,
            locked: Locked::Refuse("The order is shipped or cancelled and can not be modified.".into()),
            conflicts: Conflicts::Refused,
            ship_after: None,
            transit: None,
            marks_arrive: true,
            marks_notify: false,
            status_codes: StatusCodes::Words,
            pushing: Manner::default(),
            push_delay: Duration::ZERO,
            patience: Patience::default(),
            visibility_lag: Duration::from_millis(300),
            strict: true,
            products: Vec::new(),
            inventory_warehouses: vec![("Main".into(), vec!["Main".into()])],
            latency: Duration::ZERO,
            clock: SystemClock::shared(),
        }
    }
}
