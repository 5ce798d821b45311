//! Quantum View: files, pages, ranges and failures.

use super::*;
use crate::simulator::ups::Scan;

impl Desk {
    fn view(&self, request: Value) -> Value {
        let mut body = json!({ "QuantumViewRequest": { "Request": { "RequestAction": "QVEvents" } } });
        for (key, value) in request.as_object().unwrap() {
            body["QuantumViewRequest"][key] = value.clone();
        }
        let answer = self.send("POST", "/api/quantumview/v3/events", Some(&body));
        assert_eq!(answer.status, 200, "{}", answer.value());
        answer.value()["QuantumViewResponse"].clone()
    }

    fn range(&self, begin: &str) -> Value {
        self.view(json!({ "SubscriptionRequest": [{ "DateTimeRange": { "BeginDateTime": begin } }] }))
    }
}

fn files(view: &Value) -> Vec<Value> {
    let files = &view["QuantumViewEvents"]["SubscriptionEvents"][0]["SubscriptionFile"];
    files.as_array().cloned().unwrap_or_default()
}

/// The kinds of records, file by file.
fn kinds(view: &Value) -> Vec<String> {
    let known = ["Manifest", "Origin", "Exception", "Delivery", "Generic"];
    let of = |file: &Value| {
        known
            .iter()
            .filter(|kind| file.get(**kind).is_some())
            .map(|kind| (*kind).to_owned())
            .collect::<Vec<_>>()
    };
    files(view).iter().flat_map(of).collect()
}

#[test]
fn every_kind_of_record_is_told_but_no_scan_on_the_way() {
    let desk = ups(|_| {});
    let number = desk.parcel("R-1");
    for scan in [
        Scan::PickedUp,
        Scan::InTransit,
        Scan::Exception,
        Scan::Estimated,
        Scan::OutForDelivery,
        Scan::Delivered,
    ] {
        desk.clock.advance(Duration::from_secs(60));
        desk.ups.advance(&number, scan).unwrap();
    }
    assert_eq!(desk.ups.carriage().polled, 0);
    let view = desk.range("20261120000000");
    let carriage = desk.ups.carriage();
    assert_eq!(carriage.polled, 6, "the departure is not told");
    assert!(carriage.parcels[&number].told && carriage.parcels[&number].delivered);
    assert_eq!(kinds(&view), ["Manifest", "Origin", "Exception", "Generic", "Generic", "Delivery"]);
    let files = files(&view);
    assert_eq!(files[0]["Manifest"][0]["Package"][0]["TrackingNumber"], number);
    assert_eq!(files[0]["Manifest"][0]["Package"][0]["ReferenceNumber"][0]["Value"], "R-1");
    assert_eq!(files[0]["Manifest"][0]["Package"][0]["PackageWeight"]["Weight"], "+0008.0");
    // Local time: fifteen hours in UTC are ten in Raleigh.
    assert_eq!(files[1]["Origin"][0]["Time"], "100101");
    let delivery = files.last().unwrap();
    assert_eq!(delivery["Delivery"][0]["DeliveryLocation"]["SignedForByName"], "DOE");
    assert_eq!(delivery["Delivery"][0]["COD"], "");
    assert_eq!(desk.ups.summary().contract_violations, 0, "{:?}", desk.ups.state().contract_violations);
}

#[test]
fn pages_follow_the_bookmark_until_there_is_none() {
    let desk = ups(|options| options.quantum_page = 2);
    for index in 0..5 {
        desk.parcel(&format!("R-{index}"));
    }
    let asked = json!({ "SubscriptionRequest": [{ "Name": "OutboundXML", "DateTimeRange": { "BeginDateTime": "20261119000000" } }] });
    let (mut numbers, mut asked, mut pages) = (std::collections::BTreeSet::new(), asked, 0);
    loop {
        let view = desk.view(asked.clone());
        pages += 1;
        for file in files(&view) {
            numbers.insert(file["Manifest"][0]["Package"][0]["TrackingNumber"].as_str().unwrap().to_owned());
        }
        match view.get("Bookmark") {
            Some(bookmark) => asked["Bookmark"] = bookmark.clone(),
            None => break,
        }
    }
    assert_eq!((numbers.len(), pages), (5, 3));
    let strange = desk.view(json!({ "Bookmark": STANDARD.encode("somebody else") }));
    assert_eq!(strange["Response"]["ResponseStatusCode"], "0");
}

#[test]
fn what_was_read_is_unread_no_more() {
    let desk = ups(|options| options.quantum_page = 1);
    desk.parcel("R-1");
    desk.parcel("R-2");
    let first = desk.view(json!({}));
    assert_eq!(files(&first)[0]["StatusType"]["Code"], "U");
    let second = desk.view(json!({ "Bookmark": first["Bookmark"] }));
    assert_ne!(files(&first)[0]["FileName"], files(&second)[0]["FileName"]);
    assert!(second.get("Bookmark").is_none());
    assert!(files(&desk.view(json!({}))).is_empty());
    let again = desk.range("20261120000000");
    assert_eq!(files(&again)[0]["StatusType"]["Code"], "R");
    let name = files(&first)[0]["FileName"].clone();
    assert_eq!(name.as_str().unwrap().len(), 16);
    let named = desk.view(json!({ "SubscriptionRequest": [{ "FileName": [name] }] }));
    assert_eq!(files(&named)[0]["FileName"], name);
    let patient = ups(|options| options.reading_marks = false);
    patient.parcel("R-1");
    assert_eq!(files(&patient.view(json!({}))), files(&patient.view(json!({}))));
}

#[test]
fn failures_are_in_the_body_of_a_200() {
    let desk = ups(|_| {});
    desk.parcel("R-1");
    let old = desk.range("20261101000000");
    assert_eq!(old["Response"]["Error"][0]["ErrorSeverity"], "Hard");
    desk.ups.tire_quantum_view(1, 90);
    let tired = desk.range("20261120000000");
    assert_eq!(tired["Response"]["Error"][0]["MinimumRetrySeconds"], "90");
    assert!(tired.get("QuantumViewEvents").is_none());
    assert_eq!(kinds(&desk.range("20261120000000")), ["Manifest"]);
}

#[test]
fn lists_of_one_collapse_when_told() {
    let desk = ups(|options| options.lists = Lists::Collapsed);
    desk.parcel("R-1");
    let view = desk.range("20261120000000");
    let file = &view["QuantumViewEvents"]["SubscriptionEvents"]["SubscriptionFile"];
    assert!(file["Manifest"]["Package"].is_array() && file.is_object(), "{view}");
}

#[test]
fn a_ledger_keeps_the_events() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ups.jsonl");
    let desk = ups(|options| options.ledger = Some(ledger.clone()));
    let number = desk.parcel("R-1");
    desk.ups.advance(&number, Scan::PickedUp).unwrap();
    let after = ups(|options| options.ledger = Some(ledger));
    after.clock.set(desk.clock.now());
    assert_eq!(after.ups.state().statuses()[&number], Scan::PickedUp);
    assert_eq!(kinds(&after.range("20261120000000")), ["Manifest", "Origin"]);
}
