//! Keys, windows and 429.

use std::time::Duration;

use super::*;

#[test]
fn v1_counts_forty_calls_a_window_and_says_so() {
    let site = site(|options| options.v1_calls = 40);
    let first = site.send("GET", "/carriers", None);
    assert_eq!(first.header("x-rate-limit-limit"), Some("40"));
    assert_eq!(first.header("x-rate-limit-remaining"), Some("39"));
    // Half past the minute: thirty seconds to go, and never an instant.
    assert_eq!(first.header("x-rate-limit-reset"), Some("30"));
    assert!((0..39).all(|_| site.send("GET", "/carriers", None).status == 200));
    let late = site.send("GET", "/carriers", None);
    assert_eq!((late.status, late.value()), (429, json!({ "message": "Too Many Requests" })));
    assert_eq!((late.header("x-rate-limit-remaining"), late.header("retry-after")), (Some("0"), None));
    assert_eq!((site.station.summary().v1_most_calls, site.station.summary().v1_throttled), (41, 1));
    site.clock.advance(Duration::from_secs(30));
    assert_eq!(site.send("GET", "/carriers", None).header("x-rate-limit-remaining"), Some("39"));
    // V2 has a count of its own.
    assert_eq!(site.station.summary().v2_most_calls, 0);
}

#[test]
fn errors_carry_the_headers_too() {
    let site = site(|_| {});
    let refused = site.send("POST", "/orders/createorder", Some(&json!({})));
    assert_eq!((refused.status, refused.header("x-rate-limit-limit")), (400, Some("1000")));
    let call = Call::new("GET", "/orders", None);
    let failed = site.station.failure(&call, 500);
    assert_eq!((failed.status, failed.header("x-rate-limit-remaining")), (500, Some("998")));
    assert_eq!(site.station.failure(&call, 429).value(), json!({ "message": "Too Many Requests" }));
}

#[test]
fn v2_says_it_when_it_is_too_late() {
    let site = site(|options| options.v2_calls = 2);
    assert!(site.send("GET", "/v2/carriers", None).header("x-rate-limit-limit").is_none());
    site.send("GET", "/v2/carriers", None);
    let late = site.send("GET", "/v2/carriers", None);
    assert_eq!(
        (late.status, late.header("retry-after"), code(&late).as_str()),
        (429, Some("30"), "rate_limit_exceeded")
    );
    assert_eq!(site.station.summary().v2_throttled, 1);
}

#[test]
fn keys_open_their_own_door_only() {
    let site = site(|_| {});
    let basic = format!("Basic {}", STANDARD.encode("sim-key:sim-secret"));
    for call in [
        Call::new("GET", "/orders", None),
        Call::new("GET", "/orders", None).with("authorization", "Basic bm86bm8="),
        Call::new("GET", "/orders", None).with("api-key", "sim-v2-key"),
        Call::new("GET", "/v2/shipments", None).with("authorization", &basic),
        Call::new("GET", "/v2/shipments", None).with("api-key", "sim-key"),
    ] {
        assert_eq!(site.station.act(&call, None).status, 401, "{}", call.path);
    }
    assert_eq!(site.station.summary().unauthorized, 5);
    assert_eq!(site.station.summary().v1_most_calls, 0);
}
