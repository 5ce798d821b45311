//! Which of the three interfaces a call is for, and how each of them fails.

use serde_json::json;

use super::rest::{Entity, Strikes, diagnosis};
use super::{SageX3, control, soap};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::{Desk, Subject, System, lock};

/// The path of the Classic web services.
pub const SOAP: &str = "/soap-generic/syracuse/collaboration/syracuse/CAdxWebServiceXmlCC";

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Interface {
    Rest { endpoint: String, entity: String },
    Graphql,
    Token,
    Soap,
    Unknown,
}

fn interface(call: &Call) -> Interface {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), parts.as_slice()) {
        (_, ["api1", "x3", "erp", endpoint, entity]) => {
            Interface::Rest { endpoint: (*endpoint).to_owned(), entity: (*entity).to_owned() }
        }
        ("POST", ["xtrem", "api"]) => Interface::Graphql,
        ("POST", ["v1", "token"]) => Interface::Token,
        ("POST", _) if call.path == SOAP => Interface::Soap,
        _ => Interface::Unknown,
    }
}

impl System for SageX3 {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn subject(&self, call: &Call) -> Subject {
        let (endpoint, reference) = match interface(call) {
            Interface::Rest { entity, .. } => match Entity::parse(&entity) {
                Some(entity) => {
                    let facet = call.parameter("representation").unwrap_or_default();
                    let facet = facet.rsplit('$').next().unwrap_or_default().to_owned();
                    (format!("rest.{}.{facet}", entity.class), entity.key)
                }
                None => ("rest".to_owned(), None),
            },
            Interface::Graphql => ("graphql".to_owned(), None),
            Interface::Token => ("token".to_owned(), None),
            Interface::Soap => soap::subject(&call.body),
            Interface::Unknown => ("unknown".to_owned(), None),
        };
        Subject { endpoint, reference, request_id: call.header("x-request-id").map(str::to_owned) }
    }

    fn act(&self, call: &Call, strike: Option<&Strike>) -> Answer {
        let fault = strike.map(|strike| strike.fault);
        let locks = strike.filter(|strike| strike.fault == Fault::RecordLock).map(|strike| strike.attempts);
        match interface(call) {
            Interface::Rest { endpoint, entity } => {
                if !self.knows(call) {
                    let answer = diagnosis(401, "Unauthorized");
                    return self.turned_away(answer.with("www-authenticate", "Basic realm=\"Syracuse\""));
                }
                let strikes = Strikes { strike, duplicate: fault == Some(Fault::DuplicatePage), locks };
                self.rest(call, &endpoint, &entity, strikes)
            }
            Interface::Graphql => self.graphql(call),
            Interface::Token => self.token(call),
            Interface::Soap if !self.knows(call) => self.turned_away(Answer::empty(401)),
            Interface::Soap => self.soap(call, strike),
            Interface::Unknown => Answer::empty(404),
        }
    }

    fn failure(&self, call: &Call, status: u16) -> Answer {
        match (interface(call), status) {
            (_, 200) => Answer::empty(200),
            (Interface::Graphql | Interface::Token, _) => Answer::json(
                status,
                &json!({
                    "$severity": "error", "$dataCode": "InternalServerError", "$message": "", "$source": "Gateway",
                }),
            ),
            (Interface::Soap, 500) => soap::fault("No web services accepted"),
            (Interface::Soap, _) => Answer::empty(status),
            _ => diagnosis(status, "The server cannot answer at present"),
        }
    }

    fn forget_tokens(&self) {
        lock(&self.books).chain.forget();
    }

    fn control(&self, call: &Call, path: &[&str]) -> Option<Answer> {
        control::answer(self, call, path)
    }
}
