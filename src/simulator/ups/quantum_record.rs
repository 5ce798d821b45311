//! Quantum View's records: manifests, origins, exceptions, deliveries and the rest (UPS OpenAPI QuantumView.yaml).
//!
//! None of them has UTC or an offset: dates and times are those of the place. Scans on the way are not told at all.

use serde_json::{Value, json};

use super::event::{Event, Scan, day, time};
use super::services;
use super::state::{Parcel, Shipment};

/// The record of an event, with the list that it stands in; `None` for what Quantum View does not tell.
pub fn of(shipment: &Shipment, parcel: &Parcel, event: &Event) -> Option<(&'static str, Value)> {
    Some(match event.scan {
        Scan::LabelCreated => ("Manifest", manifest(shipment, parcel, event)),
        Scan::PickedUp => ("Origin", origin(shipment, parcel, event)),
        Scan::Exception | Scan::Attempted | Scan::Held | Scan::Returning => {
            ("Exception", exception(shipment, parcel, event))
        }
        Scan::Delivered => ("Delivery", delivery(shipment, parcel, event)),
        Scan::Voided => ("Generic", generic("VM", shipment, parcel, event)),
        Scan::Returned => ("Generic", generic("UR", shipment, parcel, event)),
        Scan::OutForDelivery => ("Generic", generic("OT", shipment, parcel, event)),
        Scan::Estimated => {
            let mut record = generic("UD", shipment, parcel, event);
            record["RescheduledDeliveryDate"] = json!(event.scheduled.map(day).unwrap_or_default());
            ("Generic", record)
        }
        Scan::InTransit | Scan::Preparing | Scan::Retimed => return None,
    })
}

/// Whether Quantum View tells it at all.
pub fn is_told(scan: Scan) -> bool {
    !matches!(scan, Scan::InTransit | Scan::Preparing | Scan::Retimed)
}

fn references(shipment: &Shipment) -> Value {
    shipment.references.iter().map(|reference| json!({ "Number": "1", "Value": reference })).collect()
}

/// What every record but manifests begins with.
fn head(shipment: &Shipment, parcel: &Parcel, event: &Event) -> Value {
    json!({
        "PackageReferenceNumber": references(shipment),
        "ShipperNumber": shipment.account,
        "TrackingNumber": parcel.tracking_number,
        "Date": day(event.local().date()),
        "Time": time(event.local()),
        "ActivityLocation": { "AddressArtifactFormat": {
            "PoliticalDivision2": event.city,
            "PoliticalDivision1": event.state,
            "CountryCode": event.country,
        }},
        "BillToAccount": { "Option": "01", "Number": shipment.account },
    })
}

fn manifest(shipment: &Shipment, parcel: &Parcel, event: &Event) -> Value {
    let (from, to) = (&shipment.ship_from, &shipment.ship_to);
    let weight: f64 = parcel.weight.parse().unwrap_or_default();
    json!({
        "Shipper": {
            "Name": "Company",
            "ShipperNumber": shipment.account,
            "Address": { "City": from.city, "StateProvinceCode": from.state, "CountryCode": from.country },
        },
        "ShipTo": {
            "CompanyName": shipment.name,
            "Address": {
                "City": to.city,
                "StateProvinceCode": to.state,
                "PostalCode": to.postal_code,
                "CountryCode": to.country,
            },
        },
        "ReferenceNumber": references(shipment),
        // Three characters here, two in Shipping.
        "Service": { "Code": format!("{:0>3}", shipment.service), "Description": services::name(&shipment.service) },
        "PickupDate": day(event.local().date()),
        "Package": [{
            "Activity": [{ "Date": day(event.local().date()), "Time": time(event.local()) }],
            "PackageWeight": { "Weight": format!("{weight:+07.1}") },
            "TrackingNumber": parcel.tracking_number,
            "ReferenceNumber": references(shipment),
        }],
        "BillToAccount": { "Option": "01", "Number": shipment.account },
    })
}

fn origin(shipment: &Shipment, parcel: &Parcel, event: &Event) -> Value {
    let mut record = head(shipment, parcel, event);
    if let Some(date) = event.scheduled {
        record["ScheduledDeliveryDate"] = json!(day(date));
    }
    record
}

fn exception(shipment: &Shipment, parcel: &Parcel, event: &Event) -> Value {
    let mut record = head(shipment, parcel, event);
    record["StatusCode"] = json!(event.status.code);
    // The contract allows 120 characters, and 40 of the reason.
    record["StatusDescription"] = json!(clip(&event.status.description, 120));
    record["ReasonCode"] = json!(event.status.code);
    record["ReasonDescription"] = json!(clip(&event.status.short, 40));
    if let Some(date) = event.scheduled {
        record["RescheduledDeliveryDate"] = json!(day(date));
    }
    record
}

fn delivery(shipment: &Shipment, parcel: &Parcel, event: &Event) -> Value {
    let mut record = head(shipment, parcel, event);
    record["DeliveryLocation"] = json!({
        "AddressArtifactFormat": {
            "PoliticalDivision2": event.city,
            "PoliticalDivision1": event.state,
            "CountryCode": event.country,
            "PostcodePrimaryLow": event.postal_code,
        },
        "Description": event.left_at,
        "SignedForByName": event.signed_by,
    });
    // An object that is empty text (api-documentation issue 117).
    record["COD"] = json!("");
    record
}

fn generic(kind: &str, shipment: &Shipment, parcel: &Parcel, event: &Event) -> Value {
    json!({
        "ActivityType": kind,
        "TrackingNumber": parcel.tracking_number,
        "ShipperNumber": shipment.account,
        "PackageReferenceNumber": references(shipment),
        "Service": { "Code": format!("{:0>3}", shipment.service) },
        "Activity": { "Date": day(event.local().date()), "Time": time(event.local()) },
        "BillToAccount": { "Option": "01", "Number": shipment.account },
    })
}

fn clip(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
