//! Who wants to be told of what: one list for both interfaces, each of which shows its own.

use serde::{Deserialize, Serialize};

use super::state::Api;

/// V1's events (vendor's page on webhooks).
pub const V1_EVENTS: &[&str] = &[
    "ORDER_NOTIFY",
    "ITEM_ORDER_NOTIFY",
    "SHIP_NOTIFY",
    "ITEM_SHIP_NOTIFY",
    "FULFILLMENT_SHIPPED",
    "FULFILLMENT_REJECTED",
];

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// `WebHookID`; `se-<id>` in V2.
    pub id: u64,
    /// Through which interface it was made, and by which it is told.
    pub api: Api,
    /// The event, as it was subscribed to.
    pub event: String,
    /// Where it is told.
    pub url: String,
    /// What people call it.
    pub name: Option<String>,
    /// Only what happens in this store.
    pub store: Option<u64>,
    /// Headers to send along; V2 alone has them.
    pub headers: Vec<(String, String)>,
    /// Somebody may have switched it off: V1 shows that, V2 lists only what is on.
    pub active: bool,
}

impl Webhook {
    /// Whether it wants to hear of an event in a store.
    pub fn hears(&self, api: Api, event: &str, store: u64) -> bool {
        self.active
            && self.api == api
            && self.event == event
            && self.store.is_none_or(|wanted| wanted == store)
    }
}
