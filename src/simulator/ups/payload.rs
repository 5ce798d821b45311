//! What Track Alert pushes: flat, blanks as empty text, and now and then in the unlucky forms that UPS's own examples have.

use serde_json::{Map, Value, json};

use super::alert::Subscription;
use super::event::{Event, day, time};

/// The body of a push of `event`; `turn` is which of the parcel's events it is, and decides on unlucky forms.
pub fn body(subscription: &Subscription, event: &Event, turn: usize) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: String| body.insert(name.to_owned(), Value::String(value));
    put("trackingNumber", subscription.number.clone());
    put("localActivityDate", day(event.local().date()));
    put("localActivityTime", time(event.local()));
    put("gmtActivityDate", day(event.gmt().date()));
    put("gmtActivityTime", time(event.gmt()));
    put("gmtOffset", event.offset_text('.'));
    put("scheduledDeliveryDate", event.scheduled.map(day).unwrap_or_default());
    let delivered = event.status.kind == "D";
    put("actualDeliveryDate", if delivered { day(event.local().date()) } else { String::new() });
    put("actualDeliveryTime", if delivered { time(event.local()) } else { String::new() });
    let (start, end, description) = window(event);
    put("deliveryStartTime", start);
    put("deliveryEndTime", end);
    put("deliveryTimeDescription", description);
    put("deliveryPhoto", String::new());
    if subscription.enhanced {
        put("receivedBy", event.signed_by.clone().unwrap_or_default());
    }
    body.insert("activityLocation".to_owned(), location(event));
    body.insert(
        "activityStatus".to_owned(),
        json!({
            "type": event.status.kind,
            "code": event.status.code,
            "description": event.status.short,
            "descriptionCode": event.status.status_code,
        }),
    );
    unlucky(&mut body, event, turn);
    Value::Object(body)
}

fn location(event: &Event) -> Value {
    json!({
        "city": event.city,
        "stateProvince": event.state,
        "postalCode": event.postal_code.clone().unwrap_or_default(),
        "country": event.country,
    })
}

fn window(event: &Event) -> (String, String, String) {
    let (start, end, description) = match (event.status.code.as_str(), event.scheduled) {
        ("UT", _) => ("150000", "170000", "estimated delivery window"),
        (_, Some(_)) if event.status.kind != "D" => ("", "", "end of day"),
        _ => ("", "", ""),
    };
    (start.to_owned(), end.to_owned(), description.to_owned())
}

/// UPS's examples have a space before a number, codes without their zeros, no offset, and blanks that are left out.
fn unlucky(body: &mut Map<String, Value>, event: &Event, turn: usize) {
    match turn % 4 {
        0 => {
            let number = body["trackingNumber"].as_str().unwrap_or_default();
            body["trackingNumber"] = Value::String(format!(" {number}"));
        }
        1 => {
            body.remove("gmtOffset");
            let digits: u32 = event.status.status_code.parse().unwrap_or_default();
            body["activityStatus"]["descriptionCode"] = json!(digits);
        }
        2 => body.retain(|_, value| value.as_str() != Some("")),
        _ => {}
    }
}
