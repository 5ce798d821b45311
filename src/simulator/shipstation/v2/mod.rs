//! V2: which operation a path is, and how V2 says no.
//!
//! In reading order: [`shipments`], [`labels`] (with fulfillments), [`inventory`], [`catalogue`] (products, warehouses,
//! carriers), [`webhooks`], [`filter`].

pub mod catalogue;
pub mod filter;
pub mod inventory;
pub mod labels;
pub mod shipments;
pub mod webhooks;

use serde_json::{Value, json};

use super::ShipStation;
use crate::base::random;
use crate::simulator::contract::Violation;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Fault;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `POST /v2/shipments`.
    CreateShipments,
    /// `GET /v2/shipments`.
    Shipments,
    /// `GET /v2/shipments/{shipment_id}`.
    Shipment(String),
    /// `GET /v2/shipments/external_shipment_id/{external_shipment_id}`.
    External(String),
    /// `PUT /v2/shipments/{shipment_id}`.
    UpdateShipment(String),
    /// `PUT /v2/shipments/{shipment_id}/cancel`.
    CancelShipment(String),
    /// `GET /v2/labels`.
    Labels,
    /// `GET /v2/labels/{label_id}`.
    Label(String),
    /// `GET /v2/labels/{label_id}/track`.
    TrackLabel(String),
    /// `PUT /v2/labels/{label_id}/void`.
    VoidLabel(String),
    /// `GET /v2/fulfillments`.
    Fulfillments,
    /// `POST /v2/fulfillments`.
    CreateFulfillments,
    /// `GET /v2/inventory`.
    Inventory,
    /// `POST /v2/inventory`.
    ChangeInventory,
    /// Inventory warehouses or locations: the list.
    Rooms(inventory::Kind),
    /// A new one.
    CreateRoom(inventory::Kind),
    /// One of them.
    Room(inventory::Kind, String),
    /// A new name for one.
    UpdateRoom(inventory::Kind, String),
    /// One of them is given up.
    DeleteRoom(inventory::Kind, String),
    /// `GET /v2/products`.
    Products,
    /// `GET /v2/warehouses`.
    Warehouses,
    /// `GET /v2/warehouses/{warehouse_id}`.
    Warehouse(String),
    /// `GET /v2/carriers`.
    Carriers,
    /// `GET /v2/carriers/{carrier_id}/services`.
    Services(String),
    /// `GET /v2/environment/webhooks`.
    Webhooks,
    /// `POST /v2/environment/webhooks`.
    CreateWebhook,
    /// `GET /v2/environment/webhooks/{webhook_id}`.
    Webhook(String),
    /// `PUT /v2/environment/webhooks/{webhook_id}`.
    UpdateWebhook(String),
    /// `DELETE /v2/environment/webhooks/{webhook_id}`.
    DeleteWebhook(String),
}

impl Operation {
    /// The operation behind a path; `None` where V2 has nothing that is simulated.
    pub fn of(call: &Call) -> Option<Self> {
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (method, parts) = (call.method.as_str(), parts.get(1..)?);
        if let Some((kind, rest)) =
            parts.split_first().and_then(|(name, rest)| Some((inventory::Kind::of(name)?, rest)))
        {
            return Some(match (method, rest) {
                ("GET", []) => Self::Rooms(kind),
                ("POST", []) => Self::CreateRoom(kind),
                ("GET", [id]) => Self::Room(kind, (*id).to_owned()),
                ("PUT", [id]) => Self::UpdateRoom(kind, (*id).to_owned()),
                ("DELETE", [id]) => Self::DeleteRoom(kind, (*id).to_owned()),
                _ => return None,
            });
        }
        Some(match (method, parts) {
            ("POST", ["shipments"]) => Self::CreateShipments,
            ("GET", ["shipments"]) => Self::Shipments,
            ("GET", ["shipments", "external_shipment_id", id]) => Self::External((*id).to_owned()),
            ("GET", ["shipments", id]) => Self::Shipment((*id).to_owned()),
            ("PUT", ["shipments", id]) => Self::UpdateShipment((*id).to_owned()),
            ("PUT", ["shipments", id, "cancel"]) => Self::CancelShipment((*id).to_owned()),
            ("GET", ["labels"]) => Self::Labels,
            ("GET", ["labels", id]) => Self::Label((*id).to_owned()),
            ("GET", ["labels", id, "track"]) => Self::TrackLabel((*id).to_owned()),
            ("PUT", ["labels", id, "void"]) => Self::VoidLabel((*id).to_owned()),
            ("GET", ["fulfillments"]) => Self::Fulfillments,
            ("POST", ["fulfillments"]) => Self::CreateFulfillments,
            ("GET", ["inventory"]) => Self::Inventory,
            ("POST", ["inventory"]) => Self::ChangeInventory,
            ("GET", ["products"]) => Self::Products,
            ("GET", ["warehouses"]) => Self::Warehouses,
            ("GET", ["warehouses", id]) => Self::Warehouse((*id).to_owned()),
            ("GET", ["carriers"]) => Self::Carriers,
            ("GET", ["carriers", id, "services"]) => Self::Services((*id).to_owned()),
            ("GET", ["environment", "webhooks"]) => Self::Webhooks,
            ("POST", ["environment", "webhooks"]) => Self::CreateWebhook,
            ("GET", ["environment", "webhooks", id]) => Self::Webhook((*id).to_owned()),
            ("PUT", ["environment", "webhooks", id]) => Self::UpdateWebhook((*id).to_owned()),
            ("DELETE", ["environment", "webhooks", id]) => Self::DeleteWebhook((*id).to_owned()),
            _ => return None,
        })
    }

    /// Its name in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateShipments => "v2 create shipments",
            Self::Shipments => "v2 shipments",
            Self::Shipment(_) => "v2 shipment",
            Self::External(_) => "v2 shipment by external id",
            Self::UpdateShipment(_) => "v2 update shipment",
            Self::CancelShipment(_) => "v2 cancel shipment",
            Self::Labels => "v2 labels",
            Self::Label(_) => "v2 label",
            Self::TrackLabel(_) => "v2 track label",
            Self::VoidLabel(_) => "v2 void label",
            Self::Fulfillments => "v2 fulfillments",
            Self::CreateFulfillments => "v2 create fulfillments",
            Self::Inventory => "v2 inventory",
            Self::ChangeInventory => "v2 change inventory",
            Self::Rooms(_) => "v2 inventory rooms",
            Self::CreateRoom(_) => "v2 create inventory room",
            Self::Room(..) => "v2 inventory room",
            Self::UpdateRoom(..) => "v2 update inventory room",
            Self::DeleteRoom(..) => "v2 delete inventory room",
            Self::Products => "v2 products",
            Self::Warehouses => "v2 warehouses",
            Self::Warehouse(_) => "v2 warehouse",
            Self::Carriers => "v2 carriers",
            Self::Services(_) => "v2 services",
            Self::Webhooks => "v2 webhooks",
            Self::CreateWebhook => "v2 create webhook",
            Self::Webhook(_) => "v2 webhook",
            Self::UpdateWebhook(_) => "v2 update webhook",
            Self::DeleteWebhook(_) => "v2 delete webhook",
        }
    }
}

/// The shipment, or the SKU, that a call is about.
pub fn reference(call: &Call) -> Option<String> {
    if let Some(Operation::External(id)) = Operation::of(call) {
        return Some(id);
    }
    let body = call.json()?;
    let about = [&body["shipments"][0]["external_shipment_id"], &body["external_shipment_id"], &body["sku"]];
    about.into_iter().find_map(Value::as_str).map(str::to_owned)
}

impl ShipStation {
    pub(super) fn v2(
        &self,
        call: &Call,
        body: &Value,
        violations: &[Violation],
        fault: Option<Fault>,
    ) -> Answer {
        let Some(operation) = Operation::of(call) else { return missing("resource") };
        if let Some(first) = violations.first() {
            return invalid(first);
        }
        match operation {
            Operation::CreateShipments => self.create_shipments(body),
            Operation::Shipments => self.list_shipments_v2(call, fault),
            Operation::Shipment(id) => self.shipment(&id),
            Operation::External(key) => self.external(&key, fault),
            Operation::UpdateShipment(id) => self.update_shipment(&id, body),
            Operation::CancelShipment(id) => self.cancel_shipment(&id),
            Operation::Labels => self.list_labels(call, fault),
            Operation::Label(id) => self.label(&id),
            Operation::TrackLabel(id) => self.track_label(&id),
            Operation::VoidLabel(id) => self.void_label_v2(&id, fault == Some(Fault::VoidRefused)),
            Operation::Fulfillments => self.list_fulfillments_v2(call, fault),
            Operation::CreateFulfillments => self.create_fulfillments(body),
            Operation::Inventory => self.list_inventory(call, fault),
            Operation::ChangeInventory => self.change_inventory(body),
            Operation::Rooms(kind) => self.rooms(kind, call, fault),
            Operation::CreateRoom(kind) => self.create_room(kind, body),
            Operation::Room(kind, id) => self.room(kind, &id),
            Operation::UpdateRoom(kind, id) => self.update_room(kind, &id, body),
            Operation::DeleteRoom(kind, id) => self.delete_room(kind, &id, call),
            Operation::Products => self.list_products_v2(call, fault),
            Operation::Warehouses => catalogue::warehouses(),
            Operation::Warehouse(id) => catalogue::warehouse(&id),
            Operation::Carriers => catalogue::carriers(),
            Operation::Services(id) => catalogue::services(&id),
            Operation::Webhooks => self.list_webhooks_v2(),
            Operation::CreateWebhook => self.create_webhook(body),
            Operation::Webhook(id) => self.webhook(&id),
            Operation::UpdateWebhook(id) => self.update_webhook(&id, body),
            Operation::DeleteWebhook(id) => self.delete_webhook(&id),
        }
    }
}

/// The error body of the contract.
pub fn refusal(status: u16, kind: &str, code: &str, message: &str) -> Answer {
    let error =
        json!({ "error_source": "ShipStation", "error_type": kind, "error_code": code, "message": message });
    Answer::json(status, &json!({ "request_id": random::id(), "errors": [error] }))
}

/// There is no such thing.
pub fn missing(what: &str) -> Answer {
    refusal(404, "validation", "invalid_identifier", &format!("The {what} was not found."))
}

/// Too many calls: when to come again is said here and only here.
pub fn throttled(reset: i64) -> Answer {
    refusal(429, "system", "rate_limit_exceeded", "Rate limit exceeded. Please slow down.")
        .with("retry-after", reset.to_string())
}

fn invalid(first: &Violation) -> Answer {
    let code = match () {
        () if first.message.ends_with("is a required property") => "field_value_required",
        () if first.path == "body" && first.message.starts_with("the body is missing") => {
            "request_body_required"
        }
        () => "invalid_field_value",
    };
    refusal(400, "validation", code, &format!("{}: {}", first.path, first.message))
}
