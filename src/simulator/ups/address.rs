//! Street-level address validation, XAV v2 (UPS OpenAPI AddressValidation.yaml).

use serde_json::{Value, json};

use super::answer::{self, many, text};
use super::{Lists, Ups};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::places::{self, Address, Judgement};

/// UPS's default for `maximumcandidatelistsize`.
const MOST_CANDIDATES: usize = 15;

impl Ups {
    pub(super) fn validate(&self, call: &Call, option: &str, body: &Value) -> Answer {
        if !["1", "2", "3"].contains(&option) {
            return answer::refusal(call, 400, "9264028", "Invalid or missing request option.");
        }
        let address = read(&body["XAVRequest"]["AddressKeyFormat"]);
        if address.country != "US" && address.country != "PR" {
            return answer::refusal(call, 400, "9264029", "The country is not supported.");
        }
        if self.options.test_environment
            && !["NY", "CA", "NEW YORK", "CALIFORNIA"].contains(&address.state.to_uppercase().as_str())
        {
            let message = "The state is not supported in the Customer Integration Environment.";
            return answer::refusal(call, 400, "9264030", message);
        }
        let judgement = places::judge(&address);
        let mut response =
            json!({ "Response": { "ResponseStatus": { "Code": "1", "Description": "Success" } } });
        // With option 2 no indicator comes, only the classification (recorded).
        if option != "2" {
            self.add_indicator(&mut response, &judgement, call);
        }
        if option != "1" {
            response["AddressClassification"] = classification(&judgement);
        }
        answer::good(call, &json!({ "XAVResponse": response }))
    }

    /// Indicators say yes by being there: their value is empty text.
    fn add_indicator(&self, response: &mut Value, judgement: &Judgement, call: &Call) {
        let most = call
            .parameter("maximumcandidatelistsize")
            .and_then(|most| most.parse().ok())
            .unwrap_or(MOST_CANDIDATES);
        let candidates = match judgement {
            Judgement::Valid(address) => {
                response["ValidAddressIndicator"] = json!("");
                std::slice::from_ref(address)
            }
            Judgement::Ambiguous(addresses) => {
                response["AmbiguousAddressIndicator"] = json!("");
                addresses.as_slice()
            }
            Judgement::Unknown => {
                response["NoCandidatesIndicator"] = json!("");
                return;
            }
        };
        let candidates = candidates.iter().take(most).map(|address| self.candidate(address)).collect();
        response["Candidate"] = self.list(candidates);
    }

    fn candidate(&self, address: &Address) -> Value {
        let (five, extension) = address.postal_code.split_once('-').unwrap_or((&address.postal_code, ""));
        let lines: Vec<Value> = address.lines.iter().map(|line| json!(line)).collect();
        // A single line was text instead of a list before (api-documentation issues 58 and 225).
        let lines = if self.options.lists == Lists::Kept { Value::Array(lines) } else { self.list(lines) };
        json!({
            "AddressKeyFormat": {
                "AddressLine": lines,
                "PoliticalDivision2": address.city,
                "PoliticalDivision1": address.state,
                "PostcodePrimaryLow": five,
                "PostcodeExtendedLow": extension,
                "Region": format!("{} {} {}", address.city, address.state, address.postal_code),
                "CountryCode": address.country,
            }
        })
    }
}

fn read(format: &Value) -> Address {
    Address {
        lines: many(&format["AddressLine"])
            .into_iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        city: text(format, "/PoliticalDivision2").to_owned(),
        state: text(format, "/PoliticalDivision1").to_owned(),
        postal_code: text(format, "/PostcodePrimaryLow").to_owned(),
        country: text(format, "/CountryCode").to_owned(),
    }
}

/// 0 Unknown, 1 Commercial, 2 Residential.
fn classification(judgement: &Judgement) -> Value {
    match judgement {
        Judgement::Valid(address) if address.lines.len() > 1 => {
            json!({ "Code": "1", "Description": "Commercial" })
        }
        Judgement::Valid(_) => json!({ "Code": "2", "Description": "Residential" }),
        _ => json!({ "Code": "0", "Description": "Unknown" }),
    }
}
