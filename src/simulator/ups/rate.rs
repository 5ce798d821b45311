//! Rating v2409 (UPS OpenAPI Rating.yaml).

use serde_json::{Value, json};

use super::answer::{self, many, text};
use super::services::{self, amount};
use super::size::{self, Misfit};
use super::{Ups, check, transit};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::places::{self, Address};

impl Ups {
    pub(super) fn rate(&self, call: &Call, option: &str, body: &Value) -> Answer {
        let shipment = &body["RateRequest"]["Shipment"];
        let (from, to) = ends(shipment);
        let number = text(shipment, "/Shipper/ShipperNumber");
        if !number.is_empty() && number != self.options.account {
            return answer::refusal(call, 400, "112111", "Missing or Invalid Shipper Number.");
        }
        for address in [&from, &to] {
            if address.country == "US" && !places::postal_code_lies_in(&address.postal_code, &address.state) {
                let message = format!(
                    "The postal code {} is invalid for {} United States.",
                    address.postal_code, address.state
                );
                return answer::refusal(call, 400, "111285", &message);
            }
        }
        let Some(weights) = check::weights(shipment) else {
            return answer::refusal(call, 400, "111057", "Package weight is missing or invalid.");
        };
        if weights.iter().any(|weight| *weight > check::HEAVIEST) {
            let message = "The maximum per package weight for the selected service from the selected country is 150.00 pounds.";
            return answer::refusal(call, 400, "111035", message);
        }
        let billed = match size::billed(shipment) {
            Ok(billed) => billed,
            Err(misfit) => {
                return answer::refusal(
                    call,
                    400,
                    code_of(misfit),
                    "Package dimensions are missing, invalid or too large.",
                );
            }
        };
        let timed = is_timed(call, option) && shipment["DeliveryTimeInformation"].is_object();
        // Across borders the time depends on customs, which ask for value and weight (api-documentation issue 42).
        let valued = shipment["InvoiceLineTotal"].is_object() && shipment["ShipmentTotalWeight"].is_object();
        if timed && from.country != to.country && !valued {
            return answer::refusal(call, 400, "111549", "Invalid Shipment Contents Value.");
        }
        let offered = services::offered(&from.country, &to);
        let wanted = text(shipment, "/Service/Code");
        let codes: Vec<&str> = match option.to_ascii_lowercase().as_str() {
            "shop" | "shoptimeintransit" => offered,
            _ if offered.contains(&wanted) => vec![wanted],
            _ => {
                let message = "The requested service is unavailable between the selected locations.";
                return answer::refusal(call, 400, "111210", message);
            }
        };
        let rated = codes
            .into_iter()
            .map(|code| {
                let mut rated = self.rated(code, &from, &to, (&weights, &billed), shipment);
                if timed {
                    let (asked, now) = (&shipment["DeliveryTimeInformation"], self.desk.clock.now());
                    rated["TimeInTransit"] = transit::in_rate(code, &from, &to, asked, now);
                }
                rated
            })
            .collect();
        let alert = self.list(vec![reference_rates()]);
        let context =
            body.pointer("/RateRequest/Request/TransactionReference/CustomerContext").and_then(Value::as_str);
        let response = answer::response(context, Some(alert));
        answer::good(
            call,
            &json!({ "RateResponse": { "Response": response, "RatedShipment": self.list(rated) } }),
        )
    }

    /// `weights`: what each parcel weighs, and what it is billed for.
    fn rated(
        &self,
        code: &str,
        from: &Address,
        to: &Address,
        (weights, billed): (&[u64], &[u64]),
        shipment: &Value,
    ) -> Value {
        let cents = services::price(code, from, to, billed);
        let money = |cents| json!({ "CurrencyCode": "USD", "MonetaryValue": amount(cents) });
        let mut rated = json!({
            "Service": { "Code": code, "Description": "" },
            "RatedShipmentAlert": self.list(vec![reference_rates()]),
            "BillingWeight": {
                "UnitOfMeasurement": { "Code": "LBS", "Description": "Pounds" },
                "Weight": check::pounds(billed.iter().sum()),
            },
            "TransportationCharges": money(cents),
            "BaseServiceCharge": money(cents),
            "ServiceOptionsCharges": money(0),
            "TotalCharges": money(cents),
            "Zone": services::zone(from, to).to_string(),
        });
        if self.gives_negotiated(shipment) {
            rated["NegotiatedRateCharges"] = json!({ "TotalCharge": money(negotiated(cents)) });
        }
        if let Some(days) = services::days(code) {
            rated["GuaranteedDelivery"] = json!({ "BusinessDaysInTransit": days.to_string() });
        }
        let packages = weights.iter().zip(billed).map(|(weight, billed)| {
            json!({
                "BillingWeight": {
                    "UnitOfMeasurement": { "Code": "LBS", "Description": "Pounds" },
                    "Weight": check::pounds(*billed),
                },
                "TransportationCharges": money(cents / weights.len() as u64),
                "TotalCharges": money(cents / weights.len() as u64),
                "Weight": check::pounds(*weight),
            })
        });
        rated["RatedPackage"] = self.list(packages.collect());
        rated
    }

    /// Account prices need the indicator and the account's number; otherwise the container is simply absent.
    pub(super) fn gives_negotiated(&self, shipment: &Value) -> bool {
        self.options.negotiated
            && text(shipment, "/Shipper/ShipperNumber") == self.options.account
            && shipment.pointer("/ShipmentRatingOptions/NegotiatedRatesIndicator").is_some()
    }
}

/// Whether times are asked for beside prices: by the path's option, or by the query.
fn is_timed(call: &Call, option: &str) -> bool {
    option.to_ascii_lowercase().ends_with("timeintransit")
        || call.parameter("additionalinfo").is_some_and(|info| info.eq_ignore_ascii_case("timeintransit"))
}

/// The codes follow the numbering of UPS's XML-era guide; their REST spelling is not confirmed.
fn code_of(misfit: Misfit) -> &'static str {
    match misfit {
        Misfit::Unreadable => "111055",
        Misfit::TooLarge => "111036",
    }
}

/// What the account pays, from the published price in cents.
pub fn negotiated(cents: u64) -> u64 {
    cents * 81 / 100
}

/// Where a shipment starts (its origin if named, else the shipper) and ends.
pub fn ends(shipment: &Value) -> (Address, Address) {
    let origin = &shipment["ShipFrom"]["Address"];
    let origin = if origin.is_object() { origin } else { &shipment["Shipper"]["Address"] };
    (address(origin), address(&shipment["ShipTo"]["Address"]))
}

/// An address of Rating and Shipping.
pub fn address(value: &Value) -> Address {
    Address {
        lines: many(&value["AddressLine"]).into_iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        city: text(value, "/City").to_owned(),
        state: text(value, "/StateProvinceCode").to_owned(),
        postal_code: text(value, "/PostalCode").to_owned(),
        country: text(value, "/CountryCode").to_owned(),
    }
}

fn reference_rates() -> Value {
    json!({ "Code": "110971", "Description": "Your invoice may vary from the displayed reference rates" })
}
