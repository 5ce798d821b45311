//! What an ERP's own books say of an order: what should become of it, and what has come back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::expectation::Expectation;

/// An order as its ERP holds it, in words that are the same for every ERP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// The order's number, as people know it.
    pub number: String,
    /// What the other side's reference for it begins with (or is), as the pair's mapping makes it.
    pub key: String,
    /// What should become of it.
    pub expectation: Expectation,
    /// The tracking numbers that came back.
    pub tracking: Vec<String>,
    /// What must have arrived at the other side as it is now (`name`, `city`, `lines`, …), for pairs that carry orders.
    pub content: BTreeMap<String, String>,
    /// The shipment's status as the ERP shows it; empty where nobody wrote one.
    #[serde(default)]
    pub status: String,
    /// Whether the ERP knows that all of it was delivered.
    #[serde(default)]
    pub delivered: bool,
}
