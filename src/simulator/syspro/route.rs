//! Which of the two services a call is for, and how each says that something is wrong.

use serde_json::json;

use super::{Syspro, control, enet, odata};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::Strike;
use crate::simulator::system::{Desk, Subject, System, lock};

/// Where e.net's REST service lies.
pub const ENET: [&str; 2] = ["SYSPROWCFService", "Rest"];
/// Where the OData service lies.
pub const ODATA: [&str; 2] = ["SYSPRO8Odata", "SYSPROOData"];

impl System for Syspro {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn subject(&self, call: &Call) -> Subject {
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let endpoint = match parts.as_slice() {
            [first, second, ..] if [*first, *second] == ENET => {
                call.parameter("BusinessObject").or(parts.last().copied()).unwrap_or_default().to_lowercase()
            }
            [first, second, set, ..] if [*first, *second] == ODATA => format!("odata {set}"),
            _ => "unknown".to_owned(),
        };
        let reference = call.parameter("XmlIn").and_then(|xml| {
            let (_, rest) = xml.split_once("<SalesOrder>")?;
            rest.split_once('<').map(|(number, _)| number.to_owned())
        });
        Subject { endpoint, reference, request_id: call.header("x-request-id").map(str::to_owned) }
    }

    fn act(&self, call: &Call, strike: Option<&Strike>) -> Answer {
        let segments = call.segments();
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        match parts.as_slice() {
            [first, second, rest @ ..] if [*first, *second] == ENET => self.enet(call, rest, strike),
            [first, second, rest @ ..] if [*first, *second] == ODATA => self.odata(call, rest),
            _ => Answer::html(404),
        }
    }

    fn failure(&self, call: &Call, status: u16) -> Answer {
        match status {
            200 => Answer::empty(200),
            _ if call.path.contains(ODATA[1]) => odata::error(status, "The service is not available."),
            _ => enet::fault(status, "The SYSPRO service is not available."),
        }
    }

    fn forget_tokens(&self) {
        lock(&self.site).sessions.close_all();
    }

    fn control(&self, call: &Call, path: &[&str]) -> Option<Answer> {
        control::answer(self, call, path)
    }
}

/// A small card for people: what is served where.
pub fn card(url: &str) -> serde_json::Value {
    json!({ "enet": format!("{url}/{}", ENET.join("/")), "odata": format!("{url}/{}", ODATA.join("/")) })
}
