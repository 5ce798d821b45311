//! How the simulated SYSPRO is set up.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Clock, SystemClock};
use crate::simulator::orders::Orders;

/// How the simulated SYSPRO is set up; `Options::default()` suits most.
#[derive(Debug, Clone)]
pub struct Options {
    /// The operator that callers log on as, both over e.net and OData.
    pub operator: String,
    /// Their password.
    pub operator_password: String,
    /// The company.
    pub company: String,
    /// Its password.
    pub company_password: String,
    /// Whether XML comes as a JSON string, as on newer versions, or raw and in Windows-1252.
    pub wrapped: bool,
    /// How long a session lives without a call.
    pub idle: Duration,
    /// Business objects that are not in the licence.
    pub unlicensed: Vec<String>,
    /// The fields of the custom form for sales orders, with their lengths; 0 for numbers.
    pub custom_fields: Vec<(String, usize)>,
    /// The most rows that OData gives in one answer.
    pub max_rows: usize,
    /// The zone of the server's clock, whose days dates are.
    pub zone: String,
    /// The orders to begin with.
    pub orders: Orders,
    /// How long every answer takes, in real time.
    pub latency: Duration,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        let field = |name: &str, length| (name.to_owned(), length);
        Self {
            operator: "MLAPI".into(),
            operator_password: "sim-operator-password".into(),
            company: "EDU1".into(),
            company_password: "sim-company-password".into(),
            wrapped: true,
            idle: Duration::from_secs(20 * 60),
            unlicensed: Vec::new(),
            custom_fields: vec![
                field("TrackingNo", 100),
                field("ShipmentStatus", 20),
                field("ShipmentCost", 0),
                field("EstimatedDelivery", 10),
                field("DeliveryDate", 10),
                field("DeliveryException", 1),
                field("ExceptionText", 60),
            ],
            max_rows: 5000,
            zone: "America/New_York".into(),
            orders: Orders::default(),
            latency: Duration::ZERO,
            clock: SystemClock::shared(),
        }
    }
}
