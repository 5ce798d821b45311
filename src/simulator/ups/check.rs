//! What UPS refuses when a shipment is booked.
//!
//! Codes with a recording or an issue behind them: 120100, 120202, 120512, 120541, 120542, 120802, 121100.
//! The other 120… codes follow the numbering of UPS's XML-era guide; their REST spelling is not confirmed.

use serde_json::Value;

use super::answer::{many, text};
use super::rate::ends;
use super::services;
use super::size::{self, Misfit};
use crate::simulator::places::{self, Address};

/// The heaviest parcel, in tenths of a pound.
pub const HEAVIEST: u64 = 1_500;

/// A refusal: code and text.
pub type Refusal = (&'static str, String);

/// The parcels' weights in tenths of a pound; `None` when one is missing, zero or not a number.
pub fn weights(shipment: &Value) -> Option<Vec<u64>> {
    let packages = many(&shipment["Package"]);
    let weigh = |package: &&Value| {
        let weight = &package["PackageWeight"];
        let pounds: f64 = text(weight, "/Weight").parse().ok()?;
        let pounds = match text(weight, "/UnitOfMeasurement/Code") {
            "KGS" => pounds * 2.204_622,
            "OZS" => pounds / 16.0,
            _ => pounds,
        };
        (pounds > 0.0 && pounds.is_finite()).then(|| (pounds * 10.0).round() as u64)
    };
    let weights: Option<Vec<u64>> = packages.iter().map(weigh).collect();
    weights.filter(|weights| !weights.is_empty())
}

/// Tenths of a pound as UPS writes weights.
pub fn pounds(tenths: u64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The first reason to refuse a shipment request, if there is one.
pub fn refusal(request: &Value, account: &str) -> Option<Refusal> {
    let shipment = &request["Shipment"];
    let (from, to) = ends(shipment);
    accounts(shipment, account)
        .or_else(|| origin(shipment, &from))
        .or_else(|| recipient(request, &to))
        .or_else(|| references(shipment, &from.country, &to.country))
        .or_else(|| service(shipment, &from, &to))
        .or_else(|| parcels(shipment))
        .or_else(|| crossing(shipment, &from.country, &to.country))
        .or_else(|| label(request))
}

fn refuse(code: &'static str, message: &str) -> Option<Refusal> {
    Some((code, message.to_owned()))
}

fn accounts(shipment: &Value, account: &str) -> Option<Refusal> {
    if text(shipment, "/Shipper/ShipperNumber") != account {
        return refuse("120100", "Missing or invalid shipper number");
    }
    let charges = many(&shipment["PaymentInformation"]["ShipmentCharge"]);
    if charges.is_empty() {
        return refuse("120430", "Missing or invalid payment information");
    }
    let payers: Vec<&str> = charges.iter().map(|charge| text(charge, "/BillShipper/AccountNumber")).collect();
    if payers.iter().any(|payer| !payer.is_empty() && *payer != account) {
        return refuse("120413", "The account cannot be billed");
    }
    None
}

/// A third party's origin. The codes are those of the recipient's fields, one block further on.
fn origin(shipment: &Value, from: &Address) -> Option<Refusal> {
    if !shipment["ShipFrom"].is_object() {
        return None;
    }
    if text(shipment, "/ShipFrom/Name").trim().is_empty() {
        return refuse("120301", "Missing or invalid ship from name");
    }
    for (index, code) in ["120302", "120303", "120304"].into_iter().enumerate() {
        let line = from.lines.get(index);
        let missing = index == 0 && line.is_none_or(|line| line.trim().is_empty());
        if missing || line.is_some_and(|line| line.chars().count() > 35) {
            return Some((code, format!("Missing or invalid ship from address line {}", index + 1)));
        }
    }
    if from.country == "US" && !places::postal_code_lies_in(&from.postal_code, &from.state) {
        return refuse("120308", "Missing or invalid ship from PostalCode");
    }
    None
}

fn recipient(request: &Value, to: &Address) -> Option<Refusal> {
    // Recorded: a first line of 36 characters meets 120202; the following codes are those of the other lines.
    let codes = ["120202", "120203", "120204"];
    for (index, code) in codes.into_iter().enumerate() {
        let line = to.lines.get(index);
        let missing = index == 0 && line.is_none_or(|line| line.trim().is_empty());
        if missing || line.is_some_and(|line| line.chars().count() > 35) {
            return Some((code, format!("Missing or invalid ship to address line {}", index + 1)));
        }
    }
    let needs_state = ["US", "CA", "VN"].contains(&to.country.as_str());
    if needs_state && to.state.is_empty() {
        return refuse("120206", "Missing or invalid ship to StateProvinceCode");
    }
    let postal_code_fits = match to.country.as_str() {
        // Shipping.yaml: 5 or 9 digits for the US and Puerto Rico, A#A#A# for Canada.
        "US" | "PR" => {
            matches!(to.postal_code.len(), 5 | 9) && to.postal_code.bytes().all(|byte| byte.is_ascii_digit())
        }
        "CA" => canadian(&to.postal_code),
        _ => true,
    };
    if !postal_code_fits {
        return refuse("120208", "Missing or invalid ship to PostalCode");
    }
    // Shipping.yaml, RequestOption: `nonvalidate` still checks state and postal code, `validate` the city too.
    let domestic = to.country == "US";
    let misplaced = domestic && !places::postal_code_lies_in(&to.postal_code, &to.state);
    let checks_city = text(request, "/Request/RequestOption") == "validate";
    if misplaced || (domestic && checks_city && !places::city_fits(&to.postal_code, &to.city)) {
        return refuse("120802", "Address Validation Error on ShipTo address");
    }
    None
}

fn canadian(postal_code: &str) -> bool {
    postal_code.len() == 6
        && postal_code.chars().enumerate().all(|(place, character)| {
            if place % 2 == 0 { character.is_ascii_uppercase() } else { character.is_ascii_digit() }
        })
}

/// References belong to parcels inside the US and inside Puerto Rico, to the shipment elsewhere.
fn references(shipment: &Value, from: &str, to: &str) -> Option<Refusal> {
    let of_shipment = many(&shipment["ReferenceNumber"]).len();
    let of_packages: Vec<usize> =
        many(&shipment["Package"]).iter().map(|package| many(&package["ReferenceNumber"]).len()).collect();
    let most = of_packages.iter().copied().max().unwrap_or_default();
    match services::is_domestic(from, to) {
        true if of_shipment > 0 => {
            refuse("120541", "Shipment/ReferenceNumber is not allowed for this shipment")
        }
        false if most > 0 => refuse("120542", "Package/ReferenceNumber is not allowed for this shipment"),
        _ if of_shipment > 2 => refuse("120543", "At most two references are allowed for a shipment"),
        _ if most > 2 => refuse("120544", "At most two references are allowed for a package"),
        _ => None,
    }
}

fn service(shipment: &Value, from: &Address, to: &Address) -> Option<Refusal> {
    let code = text(shipment, "/Service/Code");
    if services::offered(&from.country, to).contains(&code) {
        return None;
    }
    refuse("121100", "The requested service is invalid from the selected origin.")
}

fn parcels(shipment: &Value) -> Option<Refusal> {
    match weights(shipment) {
        None => refuse("120110", "Missing or invalid package weight"),
        Some(weights) if weights.iter().any(|weight| *weight > HEAVIEST) => {
            refuse("120111", "Package exceeds the maximum weight of 150 pounds")
        }
        Some(_) => match size::billed(shipment) {
            Err(Misfit::Unreadable) => refuse("120125", "Missing or invalid package dimensions"),
            Err(Misfit::TooLarge) => refuse("120126", "Package exceeds the maximum size of 165 inches"),
            Ok(_) => None,
        },
    }
}

/// What Shipping.yaml requires where sender's and recipient's country or territory differ: a description of
/// the goods, names and telephones to ask, and from the US to Canada and Puerto Rico the goods' value.
fn crossing(shipment: &Value, from: &str, to: &str) -> Option<Refusal> {
    if from == to {
        return None;
    }
    let missing = |pointer: &str| text(shipment, pointer).trim().is_empty();
    if missing("/Description") {
        return refuse("120512", "Missing or invalid shipment description");
    }
    if missing("/Shipper/AttentionName") || missing("/Shipper/Phone/Number") {
        return refuse("120117", "Missing or invalid shipper attention name or phone number");
    }
    if missing("/ShipTo/AttentionName") {
        return refuse("120217", "Missing or invalid ship to attention name");
    }
    if missing("/ShipTo/Phone/Number") {
        return refuse("120213", "Missing or invalid ship to phone number");
    }
    if from == "US" && (to == "CA" || to == "PR") && missing("/InvoiceLineTotal/MonetaryValue") {
        return refuse("120518", "Missing or invalid invoice line total");
    }
    None
}

fn label(request: &Value) -> Option<Refusal> {
    let format = text(request, "/LabelSpecification/LabelImageFormat/Code");
    // Recorded: without a label specification UPS books the shipment all the same.
    if ["", "GIF", "ZPL", "EPL", "SPL", "PNG"].contains(&format) {
        return None;
    }
    refuse("120600", "Missing or invalid label image format")
}
