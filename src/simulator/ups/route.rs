//! Which operation a call asks for, and what every call goes through before it.

use serde_json::Value;

use super::alert::Version;
use super::vendor::Interface;
use super::{Ups, alert, answer, check, control};
use crate::simulator::contract::Violation;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::{Desk, Subject, System, lock};

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A token.
    Token,
    /// Address validation, with the request option of the path.
    Validate(String),
    /// Prices, with the request option of the path.
    Rate(String),
    /// A shipment.
    Ship,
    /// The void of a shipment.
    Void(String),
    /// Labels and numbers of a shipment booked earlier.
    Recover,
    /// Tracking of a parcel by its number.
    Track(String),
    /// Tracking of all parcels of a shipment, by the number of one.
    TrackShipment(String),
    /// Tracking of parcels by reference.
    TrackReference(String),
    /// Subscriptions to what happens to parcels, with the type in the path.
    Subscribe(Version, String),
    /// What happened to all of the account's parcels.
    QuantumView,
    /// How long parcels take.
    TransitTimes,
    /// A pickup.
    BookPickup,
    /// The pickups that are pending, of the kind in the path.
    PendingPickups(String),
    /// The cancelling of pickups, by what the path says.
    CancelPickup(String),
}

impl Operation {
    /// The operation behind a path; `None` where UPS has nothing.
    pub fn of(call: &Call) -> Option<Self> {
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        Some(match (call.method.as_str(), parts.as_slice()) {
            ("POST", ["security", "v1", "oauth", "token"]) => Self::Token,
            ("POST", ["api", "addressvalidation", _, option]) => Self::Validate((*option).to_owned()),
            ("POST", ["api", "rating", _, option]) => Self::Rate((*option).to_owned()),
            ("POST", ["api", "shipments", _, "ship"]) => Self::Ship,
            ("DELETE", ["api", "shipments", _, "void", "cancel", id]) => Self::Void((*id).to_owned()),
            ("POST", ["api", "labels", _, "recovery"]) => Self::Recover,
            ("POST", ["api", "shipments", _, "transittimes"]) => Self::TransitTimes,
            ("POST", ["api", "pickupcreation", _, "pickup"]) => Self::BookPickup,
            ("GET", ["api", "shipments", _, "pickup", kind]) => Self::PendingPickups((*kind).to_owned()),
            ("DELETE", ["api", "shipments", _, "pickup", by]) => Self::CancelPickup((*by).to_owned()),
            ("GET", ["api", "track", "v1", "reference", "details", reference]) => {
                Self::TrackReference((*reference).to_owned())
            }
            ("GET", ["api", "track", "v1", "details", number]) => Self::Track((*number).to_owned()),
            ("GET", ["api", "track", "v1", "shipment", "details", number]) => {
                Self::TrackShipment((*number).to_owned())
            }
            (_, ["api", "track", "v2", "subscription", kind, "package"]) => {
                Self::Subscribe(Version::V2, (*kind).to_owned())
            }
            (_, ["api", "track", "v1", "subscription", kind, "package"]) => {
                Self::Subscribe(Version::V1, (*kind).to_owned())
            }
            ("POST", ["api", "quantumview", "v3", "events"]) => Self::QuantumView,
            _ => return None,
        })
    }

    fn interface(&self) -> Interface {
        match self {
            Self::Token => Interface::OAuth,
            Self::Validate(_) => Interface::AddressValidation,
            Self::Rate(_) => Interface::Rating,
            Self::Ship | Self::Void(_) | Self::Recover => Interface::Shipping,
            Self::Track(_) | Self::TrackShipment(_) | Self::TrackReference(_) => Interface::Tracking,
            Self::Subscribe(Version::V1, _) => Interface::TrackAlertV1,
            Self::Subscribe(Version::V2, _) => Interface::TrackAlert,
            Self::QuantumView => Interface::QuantumView,
            Self::TransitTimes => Interface::TimeInTransit,
            Self::BookPickup | Self::PendingPickups(_) | Self::CancelPickup(_) => Interface::Pickup,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Validate(_) => "validate_address",
            Self::Rate(_) => "rate",
            Self::Ship => "ship",
            Self::Void(_) => "void",
            Self::Recover => "recover_label",
            Self::Track(_) => "track",
            Self::TrackShipment(_) => "track_shipment",
            Self::TrackReference(_) => "track_reference",
            Self::Subscribe(..) => "subscribe",
            Self::QuantumView => "quantum_view",
            Self::TransitTimes => "transit_times",
            Self::BookPickup => "book_pickup",
            Self::PendingPickups(_) => "pending_pickups",
            Self::CancelPickup(_) => "cancel_pickup",
        }
    }
}

impl System for Ups {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn subject(&self, call: &Call) -> Subject {
        let operation = Operation::of(call);
        let reference = match &operation {
            Some(
                Operation::Void(id)
                | Operation::Track(id)
                | Operation::TrackShipment(id)
                | Operation::TrackReference(id),
            ) => Some(id.clone()),
            Some(Operation::Ship | Operation::Recover) => {
                call.json().and_then(|body| references(&body).into_iter().next())
            }
            Some(Operation::BookPickup) => call
                .json()
                .map(|body| answer::text(&body, "/PickupCreationRequest/ReferenceNumber").to_owned())
                .filter(|reference| !reference.is_empty()),
            Some(Operation::CancelPickup(_)) => call.header("prn").map(str::to_owned),
            _ => None,
        };
        Subject {
            endpoint: operation.map_or("unknown", |operation| operation.name()).to_owned(),
            reference,
            request_id: call.header("transid").map(str::to_owned),
        }
    }

    fn act(&self, call: &Call, strike: Option<&Strike>) -> Answer {
        let Some(operation) = Operation::of(call) else {
            return answer::refusal(call, 404, "10404", "Invalid resource");
        };
        if operation == Operation::Token {
            return self.token(call);
        }
        if !self.knows_bearer(call) {
            lock(&self.book).state.unauthorized += 1;
            return answer::refusal(call, 401, "250002", "Invalid Authentication Information.");
        }
        let body = call.json().map(|body| {
            if operation.interface() == Interface::AddressValidation { unlisted(body) } else { body }
        });
        if let Some((code, message)) = unsigned(&operation, call) {
            let violations = operation.interface().check(call, body.as_ref());
            lock(&self.book).record(&violations);
            return answer::refusal(call, 400, code, message);
        }
        let mut violations = operation.interface().check(call, body.as_ref());
        if let Operation::Subscribe(..) = operation {
            violations = alert::complaints(violations);
        }
        lock(&self.book).record(&violations);
        let body = body.unwrap_or(Value::Null);
        if let Some(first) = violations.first().filter(|_| self.options.strict) {
            match self.ill_formed(call, &operation, &body, first) {
                Some(answer) => return answer,
                None => return answer::empty(call),
            }
        }
        let fault = strike.map(|strike| strike.fault);
        match operation {
            Operation::Token => self.token(call),
            Operation::Validate(option) => self.validate(call, &option, &body),
            Operation::Rate(option) => self.rate(call, &option, &body),
            Operation::Ship => self.ship(call, &body),
            Operation::Void(_) if fault == Some(Fault::VoidRefused) => self.void_refused(call),
            Operation::Void(id) => self.void(call, &id),
            Operation::Recover if fault == Some(Fault::LookupLies) => self.recover_nothing(call),
            Operation::Recover => self.recover(call, &body),
            Operation::Track(number) => self.track(call, &number),
            Operation::TrackShipment(number) => self.track_shipment(call, &number),
            Operation::TrackReference(_) if fault == Some(Fault::LookupLies) => self.track_nothing(call, ""),
            Operation::TrackReference(reference) => self.track_reference(call, &reference),
            Operation::Subscribe(version, kind) => self.subscribe(call, version, &kind, &body),
            Operation::QuantumView => self.quantum_view(call, &body),
            Operation::TransitTimes => self.transit_times(call, &body),
            Operation::BookPickup => self.book_pickup(call, &body),
            Operation::PendingPickups(kind) => {
                self.pending_pickups(call, &kind, fault == Some(Fault::LookupLies))
            }
            Operation::CancelPickup(by) => self.cancel_pickup(call, &by),
        }
    }

    fn failure(&self, call: &Call, status: u16) -> Answer {
        match status {
            429 => answer::refusal(call, 429, "10429", "Too Many Requests"),
            200 => answer::empty(call),
            503 => answer::refusal(call, 503, "10004", "This service is temporarily unavailable."),
            _ => answer::refusal(call, status, "20001", "General process failure"),
        }
    }

    fn forget_tokens(&self) {
        lock(&self.book).forget_tokens();
    }

    fn control(&self, call: &Call, path: &[&str]) -> Option<Answer> {
        control::answer(self, call, path)
    }
}

impl Ups {
    /// What breaks the contract is refused: with the code of the field where UPS has one. A control character
    /// gets the peculiar empty answer instead (`None`).
    fn ill_formed(
        &self,
        call: &Call,
        operation: &Operation,
        body: &Value,
        first: &Violation,
    ) -> Option<Answer> {
        if *operation == Operation::Ship {
            if has_control_characters(body) {
                return None;
            }
            if let Some((code, message)) = check::refusal(&body["ShipmentRequest"], &self.options.account) {
                return Some(answer::refusal(call, 400, code, &message));
            }
        }
        if let Operation::Subscribe(version, kind) = operation {
            if call.method != "POST" {
                return Some(answer::refusal(call, 405, "405", "Method Not Allowed."));
            }
            let known = self.refuses_subscription(call, *version, kind, body);
            let (code, message) = known.unwrap_or(alert::INVALID);
            return Some(answer::refusal(call, 400, code, message));
        }
        let message =
            format!("The request is well formed but is not valid: {} {}", first.path, first.message);
        Some(answer::refusal(call, 400, "10002", &message))
    }
}

/// What a request lacks that tracking and Track Alert demand of every one (UPSTrackAlert.yaml's table of codes; that tracking
/// answers with the same ones is not confirmed).
fn unsigned(operation: &Operation, call: &Call) -> Option<(&'static str, &'static str)> {
    let demanding = matches!(
        operation.interface(),
        Interface::Tracking | Interface::TrackAlert | Interface::TrackAlertV1
    );
    let lacks = |name: &str| demanding && call.header(name).is_none_or(|value| value.trim().is_empty());
    match () {
        () if lacks("transid") => Some(("VSS002", "Missing transId")),
        () if lacks("transactionsrc") => Some(("VSS004", "Missing transactionSrc")),
        () => None,
    }
}

/// The references in a request, each once, parcels' and shipment's and that of a look-up.
pub fn references(body: &Value) -> Vec<String> {
    let shipment = &body["ShipmentRequest"]["Shipment"];
    let packages = answer::many(&shipment["Package"]);
    let mut found: Vec<String> = packages
        .iter()
        .map(|package| &package["ReferenceNumber"])
        .chain([
            &shipment["ReferenceNumber"],
            &body["LabelRecoveryRequest"]["ReferenceValues"]["ReferenceNumber"],
        ])
        .flat_map(answer::many)
        .filter_map(|reference| reference["Value"].as_str())
        .map(str::to_owned)
        .collect();
    let mut seen = std::collections::HashSet::new();
    found.retain(|reference| seen.insert(reference.clone()));
    found
}

/// Whether a text in the request contains a control character.
pub fn has_control_characters(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().any(char::is_control),
        Value::Array(items) => items.iter().any(has_control_characters),
        Value::Object(object) => object.values().any(has_control_characters),
        _ => false,
    }
}

/// UPS takes `AddressKeyFormat` as a list too (recorded), though its contract says object.
fn unlisted(mut body: Value) -> Value {
    let format = &mut body["XAVRequest"]["AddressKeyFormat"];
    if let Value::Array(items) = format
        && let Some(first) = items.first()
    {
        *format = first.clone();
    }
    body
}
