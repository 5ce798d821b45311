//! UPS's own OpenAPI files, against which every request is checked.

use std::sync::OnceLock;

use serde_json::Value;

use crate::simulator::contract::{Contract, Violation};
use crate::simulator::exchange::Call;

/// The interfaces that are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// Tokens.
    OAuth,
    /// Street-level address validation (XAV).
    AddressValidation,
    /// Prices.
    Rating,
    /// Shipments, voids and label recovery.
    Shipping,
    /// Tracking.
    Tracking,
    /// Subscriptions to events, version 2.
    TrackAlert,
    /// Subscriptions to events, version 1.
    TrackAlertV1,
    /// What happened to all of an account's parcels.
    QuantumView,
    /// Pickups.
    Pickup,
    /// How long parcels take.
    TimeInTransit,
}

type Cell = OnceLock<Result<Contract, String>>;

impl Interface {
    fn contract(self) -> &'static Result<Contract, String> {
        static OAUTH: Cell = OnceLock::new();
        static ADDRESS: Cell = OnceLock::new();
        static RATING: Cell = OnceLock::new();
        static SHIPPING: Cell = OnceLock::new();
        static TRACKING: Cell = OnceLock::new();
        static ALERT: Cell = OnceLock::new();
        static ALERT_V1: Cell = OnceLock::new();
        static QUANTUM: Cell = OnceLock::new();
        static PICKUP: Cell = OnceLock::new();
        static TRANSIT: Cell = OnceLock::new();
        macro_rules! read {
            ($cell:ident, $file:literal, $prefix:literal) => {
                $cell.get_or_init(|| {
                    Contract::parse(include_str!(concat!("../../../tests/contracts/ups/", $file)), $prefix)
                })
            };
        }
        match self {
            Self::OAuth => read!(OAUTH, "OAuthClientCredentials.yaml", ""),
            Self::AddressValidation => read!(ADDRESS, "AddressValidation.yaml", "/api"),
            Self::Rating => read!(RATING, "Rating.yaml", "/api"),
            Self::Shipping => read!(SHIPPING, "Shipping.yaml", "/api"),
            Self::Tracking => read!(TRACKING, "Tracking.yaml", "/api"),
            Self::TrackAlert => read!(ALERT, "UPSTrackAlert.yaml", "/api/track/v2"),
            Self::TrackAlertV1 => read!(ALERT_V1, "UPSTrackAlert-v1.yaml", "/api/track/v1"),
            Self::QuantumView => read!(QUANTUM, "QuantumView.yaml", "/api"),
            Self::Pickup => read!(PICKUP, "Pickup.yaml", "/api"),
            Self::TimeInTransit => read!(TRANSIT, "TimeInTransit.yaml", "/api"),
        }
    }

    /// What is wrong with a request, by the interface's OpenAPI file and by the limits it states in prose.
    pub fn check(self, call: &Call, body: Option<&Value>) -> Vec<Violation> {
        let mut found = match self.contract() {
            Ok(contract) => contract.check_request(call, body),
            Err(error) => vec![Violation {
                operation: format!("{self:?}"),
                path: "contract".into(),
                message: format!("the contract cannot be read: {error}"),
            }],
        };
        if let Some(body) = body {
            let operation = format!("{} {}", call.method, call.path);
            lines_within(self, &operation, body, "body", &mut found);
        }
        found
    }
}

/// UPS writes the limits of address lines on the list, where validators do not look: 35 characters each,
/// three lines at most, 100 characters in address validation, and one line of 73 in pickups (Shipping.yaml,
/// AddressValidation.yaml, Pickup.yaml).
fn lines_within(
    interface: Interface,
    operation: &str,
    value: &Value,
    path: &str,
    found: &mut Vec<Violation>,
) {
    let (most, longest) = match interface {
        Interface::AddressValidation => (3, 100),
        Interface::Pickup => (1, 73),
        _ => (3, 35),
    };
    let mut complain = |path: String, message: String| {
        found.push(Violation { operation: operation.to_owned(), path, message });
    };
    match value {
        Value::Object(object) => {
            if let Some(Value::Array(lines)) = object.get("AddressLine") {
                if lines.is_empty() || lines.len() > most {
                    complain(
                        format!("{path}/AddressLine"),
                        format!("{} lines; 1 to {most} are allowed", lines.len()),
                    );
                }
                for (index, line) in lines.iter().enumerate() {
                    let length = line.as_str().map_or(0, |line| line.chars().count());
                    if length == 0 || length > longest {
                        complain(
                            format!("{path}/AddressLine/{index}"),
                            format!("{length} characters; 1 to {longest} are allowed"),
                        );
                    }
                }
            }
            for (key, value) in object {
                lines_within(interface, operation, value, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                lines_within(interface, operation, item, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}
