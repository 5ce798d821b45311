//! Parcels' lives, and how tracking tells them.

use super::*;
use crate::simulator::ups::{Happening, Scan};

impl Desk {
    /// A booked parcel that look-ups see.
    pub(super) fn parcel(&self, reference: &str) -> String {
        let booked = self.ship(&shipment(reference)).value();
        self.clock.advance(Duration::from_secs(1));
        booked["ShipmentResponse"]["ShipmentResults"]["ShipmentIdentificationNumber"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn tracked(&self, number: &str) -> Value {
        self.send("GET", &format!("/api/track/v1/details/{number}"), None).value()
    }
}

#[test]
fn a_parcel_goes_its_way_to_the_end() {
    let desk = ups(|_| {});
    let number = desk.parcel("R-1");
    assert_eq!(desk.ups.state().parcel(&number).unwrap().scan(), Scan::LabelCreated);
    for expected in [Scan::PickedUp, Scan::InTransit, Scan::Preparing, Scan::OutForDelivery, Scan::Delivered]
    {
        desk.clock.advance(Duration::from_secs(3_600));
        assert_eq!(desk.ups.advance_all(), 1);
        assert_eq!(desk.ups.state().statuses()[&number], expected);
    }
    assert_eq!(desk.ups.advance_all(), 0);
    assert!(desk.ups.advance(&number, Scan::InTransit).unwrap_err().contains("come to its end"));
    assert!(desk.ups.advance("1Z", Scan::InTransit).unwrap_err().contains("no parcel"));
    assert_eq!(desk.ups.summary().delivered, 1);
}

#[test]
fn tracking_is_newest_first_in_local_time_and_utc() {
    let desk = ups(|_| {});
    let number = desk.parcel("R-1");
    // 07:47:00 UTC is written without its zero; in Raleigh it is still night.
    desk.clock.set("2026-11-23T07:47:00Z".parse().unwrap());
    desk.ups.advance(&number, Scan::PickedUp).unwrap();
    desk.ups.deliver(&number).unwrap();
    let body = desk.tracked(&number);
    let package = &body["trackResponse"]["shipment"][0]["package"][0];
    let activity = package["activity"].as_array().unwrap();
    assert_eq!(activity.len(), 6);
    assert_eq!(activity[5]["status"]["code"], "MP");
    let picked = &activity[4];
    assert_eq!((&picked["date"], &picked["time"]), (&json!("20261123"), &json!("024700")));
    assert_eq!((&picked["gmtDate"], &picked["gmtTime"]), (&json!("20261123"), &json!("74700")));
    assert_eq!(picked["gmtOffset"], "-05:00");
    assert_eq!(picked["location"]["address"]["city"], "Raleigh");
    assert_eq!(package["currentStatus"]["statusCode"], "011");
    assert_eq!(package["deliveryTime"], json!({ "type": "DEL", "endTime": "024700" }));
    assert_eq!(package["deliveryInformation"], json!({ "location": "FRONT DOOR", "receivedBy": "DOE" }));
    let kinds: Vec<&str> = package["deliveryDate"]
        .as_array()
        .unwrap()
        .iter()
        .map(|date| date["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["SDD", "DEL"]);
    assert_eq!(desk.ups.summary().contract_violations, 0);
}

#[test]
fn a_new_estimate_is_no_activity_but_a_date() {
    let desk = ups(|_| {});
    let number = desk.parcel("R-1");
    desk.ups.advance(&number, Scan::PickedUp).unwrap();
    desk.ups.advance(&number, Scan::Estimated).unwrap();
    let body = desk.tracked(&number);
    let package = &body["trackResponse"]["shipment"][0]["package"][0];
    assert_eq!(package["activity"].as_array().unwrap().len(), 2);
    assert_eq!(package["deliveryDate"][1]["type"], "RDD");
    assert!(package["deliveryDate"][1]["date"].as_str() > package["deliveryDate"][0]["date"].as_str());
}

#[test]
fn what_is_late_changes_no_status() {
    let desk = ups(|_| {});
    let number = desk.parcel("R-1");
    desk.ups.deliver(&number).unwrap();
    let at = Some(desk.clock.now() - jiff::SignedDuration::from_secs(1));
    let late = Happening { at, ..Scan::Exception.into() };
    desk.ups.advance(&number, late).unwrap();
    assert_eq!(desk.ups.state().statuses()[&number], Scan::Delivered);
}

#[test]
fn unknown_old_and_unsigned_inquiries() {
    let desk = ups(|_| {});
    let number = desk.parcel("R-1");
    let warning = |body: Value| body["trackResponse"]["shipment"][0]["warnings"][0]["code"].clone();
    assert_eq!(warning(desk.tracked("1Z12345E0205271688")), "TW0001");
    assert_eq!(code(&desk.send("GET", "/api/track/v1/details/1Z", None)), "TV1002");
    desk.clock.advance(Duration::from_secs(120 * 86_400));
    assert_eq!(warning(desk.tracked(&number)), "TW0001");
    let bearer = format!("Bearer {}", desk.token().value()["access_token"].as_str().unwrap());
    let bare =
        Call::new("GET", &format!("/api/track/v1/details/{number}"), None).with("authorization", &bearer);
    assert_eq!(code(&desk.ups.act(&bare, None)), "VSS002");
    assert_eq!(code(&desk.ups.act(&bare.with("transid", "t"), None)), "VSS004");
}

#[test]
fn a_void_is_an_event_too() {
    let desk = ups(|_| {});
    let number = desk.parcel("R-1");
    desk.send("DELETE", &format!("/api/shipments/v2409/void/cancel/{number}"), None);
    let body = desk.tracked(&number);
    assert_eq!(body["trackResponse"]["shipment"][0]["package"][0]["currentStatus"]["type"], "MV");
    assert_eq!(desk.ups.advance_all(), 0);
}

#[test]
fn time_alone_moves_parcels_when_told() {
    let desk = ups(|options| options.scan_every = Some(Duration::from_secs(60)));
    let number = desk.parcel("R-1");
    let again = desk.ups.live().unwrap();
    desk.clock.set(again);
    desk.ups.live();
    assert_eq!(desk.ups.state().statuses()[&number], Scan::PickedUp);
}
