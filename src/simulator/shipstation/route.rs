//! Which operation a call asks for, and what every call goes through before it.

use serde_json::Value;

use super::state::Api;
use super::{ShipStation, control, v1, v2, vendor};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::{Desk, Subject, System, lock};

/// The interface that a path belongs to: V2's paths begin with `/v2`, V1's with what they are about.
pub fn api(call: &Call) -> Api {
    if call.path.starts_with("/v2/") { Api::V2 } else { Api::V1 }
}

impl System for ShipStation {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn subject(&self, call: &Call) -> Subject {
        if call.path == "/jwks" {
            return Subject { endpoint: "jwks".to_owned(), ..Subject::default() };
        }
        let (endpoint, reference) = match api(call) {
            Api::V1 => (v1::Operation::of(call).map(v1::Operation::name), v1::reference(call)),
            Api::V2 => (v2::Operation::of(call).map(|operation| operation.name()), v2::reference(call)),
        };
        Subject { endpoint: endpoint.unwrap_or("unknown").to_owned(), reference, request_id: None }
    }

    fn act(&self, call: &Call, strike: Option<&Strike>) -> Answer {
        if call.path == "/jwks" {
            return self.show_keys();
        }
        let api = api(call);
        if !self.knows(api, call) {
            return match api {
                Api::V1 => v1::message(401, "Authorization has been denied for this request."),
                Api::V2 => v2::refusal(401, "security", "unauthorized", "The API key is missing or unknown."),
            };
        }
        let pass = self.enter(api);
        if !pass.is_open() {
            return match api {
                Api::V1 => pass.on(v1::throttled()),
                Api::V2 => v2::throttled(pass.reset()),
            };
        }
        drop(self.catch_up());
        let body = call.json();
        let violations = vendor::check(api, call, body.as_ref());
        lock(&self.books).record(&violations);
        let body = body.unwrap_or(Value::Null);
        let violations = if self.options.strict { violations } else { Vec::new() };
        let fault = strike.map(|strike| strike.fault);
        let answer = match api {
            Api::V1 => pass.on(self.v1(call, &body, &violations, fault)),
            Api::V2 => self.v2(call, &body, &violations, fault),
        };
        self.tell(&mut lock(&self.books));
        if call.method != "GET" {
            // What was written may be due to ship by itself sooner than anything else.
            self.outbox.wake();
        }
        answer
    }

    fn failure(&self, call: &Call, status: u16) -> Answer {
        let api = api(call);
        // A call that the fault turns away was still a call.
        let pass = self.enter(api);
        match (api, status) {
            (_, 200) => Answer::empty(200),
            (Api::V1, 429) => pass.on(v1::throttled()),
            (Api::V1, _) => pass.on(v1::failure(status)),
            (Api::V2, 429) => v2::throttled(pass.reset()),
            (Api::V2, _) => v2::refusal(status, "system", "unspecified", "An unexpected error occurred."),
        }
    }

    fn control(&self, call: &Call, path: &[&str]) -> Option<Answer> {
        self.outbox.control(call, path).or_else(|| control::answer(self, call, path))
    }
}

impl ShipStation {
    /// At the vendor the keys are on another host, and open to everybody.
    fn show_keys(&self) -> Answer {
        match self.keys.list() {
            Ok(keys) => Answer::json(200, &keys),
            Err(error) => v2::refusal(500, "system", "unspecified", &error),
        }
    }
}

/// Whether a search is to find nothing although there is something.
pub(super) fn lies(fault: Option<Fault>) -> bool {
    fault == Some(Fault::LookupLies)
}
