//! Which operation a call asks for, and what every call goes through before it.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{Sage100, control, soap};
use crate::simulator::contract::{Contract, Violation};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::{Desk, Pool, Subject, System, lock};

/// The agent's HTTP contract.
///
/// # Errors
/// When the file is not YAML, which a test rules out.
pub fn contract() -> &'static Result<Contract, String> {
    static CONTRACT: OnceLock<Result<Contract, String>> = OnceLock::new();
    CONTRACT.get_or_init(|| Contract::parse(include_str!("../../../schemas/sage100-agent.openapi.yaml"), ""))
}

/// A refusal in the agent's words.
pub fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "code": code, "message": message } }))
}

fn operation(call: &Call) -> Option<(&'static str, Vec<String>)> {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let owned = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", ["v1", company]) => Some(("company", owned(&[company]))),
        ("GET", ["v1", company, "tables", table]) => Some(("list", owned(&[company, table]))),
        ("GET", ["v1", company, "tables", table, key]) => Some(("record", owned(&[company, table, key]))),
        ("PUT", ["v1", company, "sales-orders", number, "tracking"]) => {
            Some(("write_tracking", owned(&[company, number])))
        }
        ("GET", ["v1", company, "sales-orders", number, "status"]) => {
            Some(("read_status", owned(&[company, number])))
        }
        ("PUT", ["v1", company, "sales-orders", number, "status"]) => {
            Some(("write_status", owned(&[company, number])))
        }
        ("PUT", ["v1", company, "sales-orders", number, "packages", id]) => {
            Some(("write_package", owned(&[company, number, id])))
        }
        ("DELETE", ["v1", company, "sales-orders", number, "packages", id]) => {
            Some(("remove_package", owned(&[company, number, id])))
        }
        _ => None,
    }
}

impl Sage100 {
    fn answer(&self, call: &Call, strike: Option<&Strike>) -> Answer {
        let (name, parts) = match self.admit(call) {
            Ok(admitted) => admitted,
            Err(refusal) => return refusal,
        };
        let fault = strike.map(|strike| strike.fault);
        let part = |index: usize| parts.get(index).map(String::as_str).unwrap_or_default();
        match name {
            _ if fault == Some(Fault::PoolBusy) => pool_busy(),
            "write_tracking" => self.write_tracking(part(1), &call.json().unwrap_or(Value::Null), strike),
            "read_status" => self.read_status(part(1)),
            "write_status" => self.write_status(part(1), &call.json().unwrap_or(Value::Null), strike),
            "write_package" => {
                let body = call.json().unwrap_or(Value::Null);
                self.write_package(part(1), part(2), Some(&body), strike)
            }
            "remove_package" => self.write_package(part(1), part(2), None, strike),
            "list" => self.list(call, part(1), fault == Some(Fault::DuplicatePage)),
            "record" => self.record(call, part(1), part(2)),
            _ => self.company(),
        }
    }

    /// Key, address, company and contract, in this order.
    fn admit(&self, call: &Call) -> Result<(&'static str, Vec<String>), Answer> {
        if self.options.api_key.as_deref().is_some_and(|key| call.header("x-api-key") != Some(key)) {
            return Err(refusal(401, "invalid_key", "The API key is missing or unknown."));
        }
        let Some((name, parts)) = operation(call) else {
            return Err(refusal(404, "not_found", "The agent has no such address."));
        };
        if parts.first() != Some(&self.options.company) {
            return Err(refusal(403, "company_not_allowed", "The key does not open this company."));
        }
        let violations = self.violations(call, call.json().as_ref());
        let Some(first) = violations.first() else { return Ok((name, parts)) };
        let message = format!("{}: {}", first.path, first.message);
        // An unknown table is a question, not a malformed request.
        let (status, code) =
            if first.path == "path table" { (404, "not_found") } else { (400, "invalid_request") };
        lock(&self.books).violations.extend(violations);
        Err(refusal(status, code, &message))
    }

    fn company(&self) -> Answer {
        let body = json!({
            "company": self.options.company,
            "name": self.options.company_name,
            "agent_version": env!("CARGO_PKG_VERSION"),
            "sage_version": "2025",
        });
        Answer::json(200, &body)
    }

    fn violations(&self, call: &Call, body: Option<&Value>) -> Vec<Violation> {
        match contract() {
            Ok(contract) => contract.check_request(call, body),
            Err(error) => vec![Violation {
                operation: call.path.clone(),
                path: "contract".into(),
                message: format!("the contract cannot be read: {error}"),
            }],
        }
    }
}

fn pool_busy() -> Answer {
    refusal(429, "pool_busy", "All sessions of the pool are taken.").with("retry-after", "1")
}

impl System for Sage100 {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn subject(&self, call: &Call) -> Subject {
        if let Some(operation) = soap::operation(call) {
            return Subject { endpoint: operation, reference: soap::subject(call), request_id: None };
        }
        let (endpoint, reference) = match operation(call) {
            Some((name, mut parts)) => {
                let reference = match name {
                    "record" | "write_tracking" | "read_status" | "write_status" => parts.pop(),
                    "write_package" | "remove_package" => parts.get(1).cloned(),
                    _ => None,
                };
                (name, reference)
            }
            None => ("unknown", None),
        };
        Subject {
            endpoint: endpoint.to_owned(),
            reference,
            request_id: call.header("x-request-id").map(str::to_owned),
        }
    }

    fn act(&self, call: &Call, strike: Option<&Strike>) -> Answer {
        match soap::operation(call) {
            Some(_) => self.soap(call, strike),
            None => echo(call, self.answer(call, strike)),
        }
    }

    fn failure(&self, call: &Call, status: u16) -> Answer {
        if soap::operation(call).is_some() {
            return match status {
                500 => soap::unexpected(),
                200 => Answer::empty(200),
                // IIS speaks for a service that is not there.
                other => Answer::html(other),
            };
        }
        let answer = match status {
            200 => Answer::empty(200),
            429 => pool_busy(),
            _ => refusal(status, "unavailable", "Sage 100 is not available."),
        };
        echo(call, answer)
    }

    fn control(&self, call: &Call, path: &[&str]) -> Option<Answer> {
        control::answer(self, call, path)
    }

    fn pool(&self) -> Option<Pool> {
        Some(self.pool.clone())
    }
}

fn echo(call: &Call, answer: Answer) -> Answer {
    match call.header("x-request-id") {
        Some(id) => answer.with("x-request-id", id),
        None => answer.with("x-request-id", crate::base::random::id()),
    }
}
