//! V1: which operation a path is, and how V1 says no.
//!
//! In reading order: [`write`](mod@write) (orders), [`read`] (lists), [`filter`], [`view`] (what shipments and fulfillments
//! look like), [`catalogue`] (products, warehouses, stores, carriers, customers), [`webhooks`].

pub mod catalogue;
pub mod filter;
pub mod read;
pub mod view;
pub mod webhooks;
pub mod write;

use serde_json::{Map, Value, json};

use super::ShipStation;
use crate::simulator::contract::Violation;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Fault;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `POST /orders/createorder`: the upsert of one order.
    CreateOrder,
    /// `POST /orders/createorders`: of up to a hundred.
    CreateOrders,
    /// `POST /orders/markasshipped`.
    MarkAsShipped,
    /// `POST /orders/holduntil`.
    Hold,
    /// `POST /orders/restorefromhold`.
    Restore,
    /// `GET /orders`.
    Orders,
    /// `GET /orders/{orderId}`.
    Order(String),
    /// `DELETE /orders/{orderId}`.
    DeleteOrder(String),
    /// `GET /shipments`.
    Shipments,
    /// `POST /shipments/voidlabel`.
    VoidLabel,
    /// `GET /fulfillments`.
    Fulfillments,
    /// `GET /products`.
    Products,
    /// `GET /products/{productId}`.
    Product(String),
    /// `PUT /products/{productId}`.
    UpdateProduct(String),
    /// `GET /customers`.
    Customers,
    /// `GET /warehouses`.
    Warehouses,
    /// `GET /warehouses/{warehouseId}`.
    Warehouse(String),
    /// `GET /stores`.
    Stores,
    /// `GET /carriers`.
    Carriers,
    /// `GET /carriers/listservices`.
    Services,
    /// `POST /webhooks/subscribe`.
    Subscribe,
    /// `GET /webhooks`.
    Webhooks,
    /// `DELETE /webhooks/{webhookId}`.
    Unsubscribe(String),
}

impl Operation {
    /// The operation behind a path; `None` where V1 has nothing that is simulated.
    pub fn of(call: &Call) -> Option<Self> {
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        Some(match (call.method.as_str(), parts.as_slice()) {
            ("POST", ["orders", "createorder"]) => Self::CreateOrder,
            ("POST", ["orders", "createorders"]) => Self::CreateOrders,
            ("POST", ["orders", "markasshipped"]) => Self::MarkAsShipped,
            ("POST", ["orders", "holduntil"]) => Self::Hold,
            ("POST", ["orders", "restorefromhold"]) => Self::Restore,
            ("GET", ["orders"]) => Self::Orders,
            ("GET", ["orders", id]) => Self::Order((*id).to_owned()),
            ("DELETE", ["orders", id]) => Self::DeleteOrder((*id).to_owned()),
            ("GET", ["shipments"]) => Self::Shipments,
            ("POST", ["shipments", "voidlabel"]) => Self::VoidLabel,
            ("GET", ["fulfillments"]) => Self::Fulfillments,
            ("GET", ["products"]) => Self::Products,
            ("GET", ["products", id]) => Self::Product((*id).to_owned()),
            ("PUT", ["products", id]) => Self::UpdateProduct((*id).to_owned()),
            ("GET", ["customers"]) => Self::Customers,
            ("GET", ["warehouses"]) => Self::Warehouses,
            ("GET", ["warehouses", id]) => Self::Warehouse((*id).to_owned()),
            ("GET", ["stores"]) => Self::Stores,
            ("GET", ["carriers"]) => Self::Carriers,
            ("GET", ["carriers", "listservices"]) => Self::Services,
            ("POST", ["webhooks", "subscribe"]) => Self::Subscribe,
            ("GET", ["webhooks"]) => Self::Webhooks,
            ("DELETE", ["webhooks", id]) => Self::Unsubscribe((*id).to_owned()),
            _ => return None,
        })
    }

    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateOrder => "v1 createorder",
            Self::CreateOrders => "v1 createorders",
            Self::MarkAsShipped => "v1 markasshipped",
            Self::Hold => "v1 holduntil",
            Self::Restore => "v1 restorefromhold",
            Self::Orders => "v1 orders",
            Self::Order(_) => "v1 order",
            Self::DeleteOrder(_) => "v1 delete order",
            Self::Shipments => "v1 shipments",
            Self::VoidLabel => "v1 voidlabel",
            Self::Fulfillments => "v1 fulfillments",
            Self::Products => "v1 products",
            Self::Product(_) => "v1 product",
            Self::UpdateProduct(_) => "v1 update product",
            Self::Customers => "v1 customers",
            Self::Warehouses => "v1 warehouses",
            Self::Warehouse(_) => "v1 warehouse",
            Self::Stores => "v1 stores",
            Self::Carriers => "v1 carriers",
            Self::Services => "v1 listservices",
            Self::Subscribe => "v1 subscribe",
            Self::Webhooks => "v1 webhooks",
            Self::Unsubscribe(_) => "v1 unsubscribe",
        }
    }
}

/// The order that a call is about.
pub fn reference(call: &Call) -> Option<String> {
    let body = call.json()?;
    let order = body.as_array().and_then(|orders| orders.first()).unwrap_or(&body);
    order["orderKey"].as_str().or_else(|| order["orderNumber"].as_str()).map(str::to_owned)
}

impl ShipStation {
    pub(super) fn v1(
        &self,
        call: &Call,
        body: &Value,
        violations: &[Violation],
        fault: Option<Fault>,
    ) -> Answer {
        let Some(operation) = Operation::of(call) else {
            return message(
                404,
                &format!("No HTTP resource was found that matches the request URI '{}'.", call.path),
            );
        };
        if !violations.is_empty() {
            return invalid(violations);
        }
        match operation {
            Operation::CreateOrder => self.create_order(body),
            Operation::CreateOrders => self.create_orders(body),
            Operation::MarkAsShipped => self.mark(body),
            Operation::Hold => self.hold(body, true),
            Operation::Restore => self.hold(body, false),
            Operation::Orders => self.list_orders(call, fault),
            Operation::Order(id) => self.one_order(&id),
            Operation::DeleteOrder(id) => self.delete_order(&id),
            Operation::Shipments => self.list_shipments(call, fault),
            Operation::VoidLabel => self.void_label(body, fault == Some(Fault::VoidRefused)),
            Operation::Fulfillments => self.list_fulfillments(call, fault),
            Operation::Products => self.list_products(call, fault),
            Operation::Product(id) => self.one_product(&id),
            Operation::UpdateProduct(id) => self.update_product(&id, body),
            Operation::Customers => self.list_customers(call, fault),
            Operation::Warehouses => catalogue::warehouses(),
            Operation::Warehouse(id) => catalogue::warehouse(&id),
            Operation::Stores => catalogue::stores(call),
            Operation::Carriers => catalogue::carriers(),
            Operation::Services => catalogue::services(call),
            Operation::Subscribe => self.subscribe(body),
            Operation::Webhooks => self.list_webhooks(),
            Operation::Unsubscribe(id) => self.unsubscribe(&id),
        }
    }
}

/// V1 speaks of itself in a `Message`.
pub fn message(status: u16, text: &str) -> Answer {
    Answer::json(status, &json!({ "Message": text }))
}

/// As `SkuVault`'s client has met it: the body in lower case, unlike all others.
pub fn throttled() -> Answer {
    Answer::json(429, &json!({ "message": "Too Many Requests" }))
}

/// A fault of the server's own.
pub fn failure(status: u16) -> Answer {
    let body = json!({
        "Message": "An error has occurred.",
        "ExceptionMessage": "Object reference not set to an instance of an object.",
    });
    Answer::json(status, &body)
}

/// What breaks the contract, as the model binder of V1 tells it: field by field, below the parameter's name.
pub fn invalid(violations: &[Violation]) -> Answer {
    let mut state: Map<String, Value> = Map::new();
    for violation in violations {
        for (field, text) in said(violation) {
            let texts = state.entry(field).or_insert_with(|| json!([]));
            if let Some(texts) = texts.as_array_mut() {
                texts.push(json!(text));
            }
        }
    }
    Answer::json(400, &json!({ "Message": "The request is invalid.", "ModelState": state }))
}

fn said(violation: &Violation) -> Vec<(String, String)> {
    let path: Vec<&str> = violation.path.split('/').skip(1).collect();
    let place = match path.as_slice() {
        [] => "apiOrder".to_owned(),
        [index, rest @ ..] if index.parse::<usize>().is_ok() => format!("apiOrders[{index}]{}", below(rest)),
        path => format!("apiOrder{}", below(path)),
    };
    // `"orderDate" is a required property` is how the validator says it.
    match violation.message.strip_suffix(" is a required property") {
        Some(field) => {
            let field = field.trim_matches('"');
            vec![(format!("{place}.{field}"), format!("The {field} field is required."))]
        }
        None => vec![(place, violation.message.clone())],
    }
}

fn below(path: &[&str]) -> String {
    path.iter()
        .map(|part| if part.parse::<usize>().is_ok() { format!("[{part}]") } else { format!(".{part}") })
        .collect()
}
