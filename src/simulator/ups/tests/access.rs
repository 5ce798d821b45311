//! Tokens and addresses.

use super::*;

#[test]
fn tokens_are_text_and_expire() {
    let desk = ups(|options| options.token_life = Duration::from_secs(3600));
    let token = desk.token();
    assert_eq!(token.value()["expires_in"], "3600");
    assert_eq!(token.value()["issued_at"], "1795186800000");
    let bearer = format!("Bearer {}", token.value()["access_token"].as_str().unwrap());
    let call = Call::new("GET", "/api/track/v1/details/1Z12345E0205271688", None)
        .with("authorization", &bearer)
        .with("transid", "t")
        .with("transactionsrc", "s");
    assert_eq!(desk.ups.act(&call, None).status, 200);
    desk.clock.advance(Duration::from_secs(3600));
    let expired = desk.ups.act(&call, None);
    assert_eq!((expired.status, code(&expired).as_str()), (401, "250002"));
    assert_eq!(desk.ups.state().unauthorized, 1);
}

#[test]
fn strangers_and_the_greedy_get_no_token() {
    let desk = ups(|options| options.tokens_a_day = Some(1));
    let call = Call::new("POST", "/security/v1/oauth/token", None).with("authorization", "Basic bm86bm8=");
    let refused = desk.ups.act(&call, None);
    assert_eq!((refused.status, code(&refused).as_str()), (401, "10401"));
    assert_eq!(desk.token().status, 200);
    assert_eq!(desk.token().status, 429);
    desk.clock.advance(Duration::from_secs(86_400));
    assert_eq!(desk.token().status, 200);
}

fn xav(line: &str, state: &str, postal_code: &str) -> Value {
    json!({ "XAVRequest": { "AddressKeyFormat": {
        "ConsigneeName": "X", "AddressLine": [line], "PoliticalDivision2": "Orlando",
        "PoliticalDivision1": state, "PostcodePrimaryLow": postal_code, "CountryCode": "US",
    }}})
}

#[test]
fn addresses_are_valid_ambiguous_or_unknown() {
    let desk = ups(|_| {});
    let ask = |body: &Value| {
        desk.send("POST", "/api/addressvalidation/v2/1", Some(body)).value()["XAVResponse"].clone()
    };
    let valid = ask(&xav("7007 Sea World Dr", "FL", "32821"));
    assert_eq!(valid["ValidAddressIndicator"], "");
    assert_eq!(valid["Candidate"][0]["AddressKeyFormat"]["AddressLine"], json!(["7007 SEA WORLD DR"]));
    let ambiguous = ask(&xav("Sea World Dr", "FL", "32821"));
    assert_eq!(ambiguous["AmbiguousAddressIndicator"], "");
    assert_eq!(ambiguous["Candidate"][0]["AddressKeyFormat"]["AddressLine"][0], "1-99 SEA WORLD DR");
    assert!(ambiguous.get("ValidAddressIndicator").is_none());
    assert_eq!(ask(&xav("123 Does Not Exist St", "FL", "32821"))["NoCandidatesIndicator"], "");
    assert_eq!(ask(&xav("7007 Sea World Dr", "VA", "32821"))["NoCandidatesIndicator"], "");
}

#[test]
fn address_lists_collapse_when_told_and_the_test_environment_is_small() {
    let desk = ups(|options| options.lists = Lists::Collapsed);
    let answer =
        desk.send("POST", "/api/addressvalidation/v2/1", Some(&xav("7007 Sea World Dr", "FL", "32821")));
    assert_eq!(
        answer.value()["XAVResponse"]["Candidate"]["AddressKeyFormat"]["AddressLine"],
        "7007 SEA WORLD DR"
    );
    let small = ups(|options| options.test_environment = true);
    let answer =
        small.send("POST", "/api/addressvalidation/v2/1", Some(&xav("7007 Sea World Dr", "FL", "32821")));
    assert_eq!((answer.status, code(&answer).as_str()), (400, "9264030"));
}
