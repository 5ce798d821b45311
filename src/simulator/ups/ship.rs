//! Booking a shipment, v2409 (UPS OpenAPI Shipping.yaml).

use serde_json::{Value, json};

use super::answer::{self, many, text};
use super::rate::{ends, negotiated};
use super::services::{self, amount};
use super::state::{Book, Parcel, Shipment};
use super::{Ups, check, label, ledger, life, number, route, size};
use crate::base::clock;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::places::Address;
use crate::simulator::system::lock;

impl Ups {
    pub(super) fn ship(&self, call: &Call, body: &Value) -> Answer {
        // Recorded: a control character in an address gives 200 with nothing in it.
        if route::has_control_characters(body) {
            return answer::empty(call);
        }
        let request = &body["ShipmentRequest"];
        if let Some((code, message)) = check::refusal(request, &self.options.account) {
            return answer::refusal(call, 400, code, &message);
        }
        let weights = size::billed(&request["Shipment"]).unwrap_or_default();
        let (from, to) = ends(&request["Shipment"]);
        let published = services::price(text(&request["Shipment"], "/Service/Code"), &from, &to, &weights);
        let special = self.gives_negotiated(&request["Shipment"]).then(|| negotiated(published));
        let shipment = {
            let mut book = lock(&self.book);
            let shipment =
                self.book_shipment(&mut book, call, body, (from, to), special.unwrap_or(published));
            if let Some(path) = &self.options.ledger {
                // Written before the answer, and inside the lock, so that lines keep their order.
                if ledger::append(path, &shipment).is_err() {
                    return answer::refusal(call, 500, "20001", "General process failure");
                }
            }
            book.add(shipment.clone());
            shipment
        };
        answer::good(call, &self.booked(body, &shipment, published, special))
    }

    fn book_shipment(
        &self,
        book: &mut Book,
        call: &Call,
        body: &Value,
        (from, to): (Address, Address),
        cents: u64,
    ) -> Shipment {
        let request = &body["ShipmentRequest"];
        let service = text(&request["Shipment"], "/Service/Code");
        let now = self.desk.clock.now();
        let packages: Vec<Parcel> = many(&request["Shipment"]["Package"])
            .into_iter()
            .map(|package| Parcel {
                tracking_number: number::tracking_number(&self.options.account, service, book.next_serial()),
                weight: text(package, "/PackageWeight/Weight").to_owned(),
                dimensions: ["/Dimensions/Length", "/Dimensions/Width", "/Dimensions/Height"]
                    .into_iter()
                    .map(|pointer| text(package, pointer).to_owned())
                    .filter(|side| !side.is_empty())
                    .collect(),
                voided_at: None,
                events: Vec::new(),
            })
            .collect();
        let mut shipment = Shipment {
            id: packages.first().map(|package| package.tracking_number.clone()).unwrap_or_default(),
            references: route::references(body),
            account: self.options.account.clone(),
            service: service.to_owned(),
            name: text(&request["Shipment"], "/ShipTo/Name").to_owned(),
            ship_from: from,
            ship_to: to,
            packages,
            label_format: match text(request, "/LabelSpecification/LabelImageFormat/Code") {
                "" => "GIF".to_owned(),
                format => format.to_owned(),
            },
            cents,
            transaction: call.header("transid").map(str::to_owned),
            created_at: now,
            visible_at: clock::add(now, self.options.visibility_lag),
            voided_at: None,
        };
        let made: Vec<_> =
            shipment.packages.iter().map(|parcel| life::label_created(&shipment, parcel, now)).collect();
        for (parcel, event) in shipment.packages.iter_mut().zip(made) {
            parcel.events.push(event);
        }
        shipment
    }

    fn booked(&self, body: &Value, shipment: &Shipment, published: u64, special: Option<u64>) -> Value {
        let money = |cents| json!({ "CurrencyCode": "USD", "MonetaryValue": amount(cents) });
        let weights = size::billed(&body["ShipmentRequest"]["Shipment"]).unwrap_or_default();
        let packages =
            shipment.packages.iter().map(|package| self.package_result(shipment, package)).collect();
        let mut results = json!({
            "ShipmentCharges": {
                "TransportationCharges": money(published),
                "ServiceOptionsCharges": money(0),
                "TotalCharges": money(published),
            },
            "BillingWeight": {
                "UnitOfMeasurement": { "Code": "LBS", "Description": "Pounds" },
                "Weight": check::pounds(weights.iter().sum()),
            },
            "ShipmentIdentificationNumber": shipment.id,
            "PackageResults": self.list(packages),
        });
        if let Some(special) = special {
            results["NegotiatedRateCharges"] = json!({ "TotalCharge": money(special) });
        }
        // An Alert is a warning beside success: 123005 as recorded, 120900 where the account has no own prices.
        let asked = body
            .pointer("/ShipmentRequest/Shipment/ShipmentRatingOptions/NegotiatedRatesIndicator")
            .is_some();
        let alert = match shipment.service.as_str() {
            "14" | "54" => Some((
                "123005",
                "The selected service may not guarantee early AM arrival to the requested location.",
            )),
            _ if asked && special.is_none() => Some((
                "120900",
                "User Id and Shipper Number combination is not qualified to receive negotiated rates",
            )),
            _ => None,
        };
        let alerts = alert.map(|(code, text)| self.list(vec![json!({ "Code": code, "Description": text })]));
        let context = body
            .pointer("/ShipmentRequest/Request/TransactionReference/CustomerContext")
            .and_then(Value::as_str);
        json!({ "ShipmentResponse": { "Response": answer::response(context, alerts), "ShipmentResults": results } })
    }

    fn package_result(&self, shipment: &Shipment, package: &Parcel) -> Value {
        let reference = shipment.references.first().map(String::as_str).unwrap_or_default();
        json!({
            "TrackingNumber": package.tracking_number,
            "ServiceOptionsCharges": { "CurrencyCode": "USD", "MonetaryValue": "0.00" },
            "ShippingLabel": {
                "ImageFormat": { "Code": shipment.label_format, "Description": shipment.label_format },
                "GraphicImage": label::image(&shipment.label_format, &package.tracking_number, reference),
            },
        })
    }
}
