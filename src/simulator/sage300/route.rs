//! Which resource a call asks for, and what every call goes through before it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::books::Part;
use super::model::{DAY_END, RESOURCES, Resource, TRACKING};
use super::{Sage300, control, query};
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::faults::{Fault, Strike};
use crate::simulator::system::{Desk, Pool, Subject, System, lock};

/// A refusal: status, code and message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

/// A refusal in Sage's words.
pub(super) fn refuse(status: u16, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { status, code, message: message.into() }
}

impl Refusal {
    pub(super) fn no_record() -> Self {
        // The official text.
        refuse(404, "RecordNotFound", "A Record cannot be found for the specified entity key")
    }

    pub(super) fn no_resource() -> Self {
        refuse(404, "ResourceNotFound", "The resource cannot be found.")
    }

    fn answer(&self) -> Answer {
        let message = json!({ "lang": "en-US", "value": self.message });
        Answer::json(self.status, &json!({ "error": { "code": self.code, "message": message } }))
    }
}

/// What a path names below the company.
struct Target {
    resource: &'static Resource,
    key: Option<String>,
}

impl Sage300 {
    /// The module and the name under which a resource is served.
    pub(super) fn address(&self, resource: &Resource) -> (String, String) {
        let endpoint = self.options.tracking_endpoint.as_deref().unwrap_or_default();
        match endpoint.split_once('/') {
            Some((module, name)) if resource.name == TRACKING => (module.to_owned(), name.to_owned()),
            _ => (resource.module.to_owned(), resource.name.to_owned()),
        }
    }

    fn answer(&self, call: &Call, strike: Option<&Strike>) -> Answer {
        let answered = self.admit(call, strike).and_then(|target| self.serve(call, &target, strike));
        answered.unwrap_or_else(|refusal| {
            *lock(&self.books).refused.entry(refusal.code.to_owned()).or_default() += 1;
            refusal.answer()
        })
    }

    /// Credentials, content type, company, module and resource, in this order.
    fn admit(&self, call: &Call, strike: Option<&Strike>) -> Result<Target, Refusal> {
        lock(&self.books).last_call = Some(self.desk.clock.now());
        let segments = decoded(&call.path);
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["Sage300WebApi", "v1.0", "-", company, module, name] = parts.as_slice() else {
            return Err(Refusal::no_resource());
        };
        self.sign_in(call, company)?;
        match strike.map(|strike| strike.fault) {
            Some(Fault::PoolBusy) => {
                return Err(refuse(429, "TooManyRequests", "Too many sessions are open for this user."));
            }
            Some(Fault::NoLicence) => {
                return Err(refuse(409, "SessionError", "The session could not be opened."));
            }
            Some(Fault::RecordLock) => {
                return Err(refuse(423, "SessionError", "The record is in use by another program."));
            }
            _ => {}
        }
        if !call.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
            return Err(refuse(500, "InternalServerError", "An internal server error occurred."));
        }
        if !self.options.modules.iter().any(|allowed| allowed == module) {
            return Err(refuse(403, "Forbidden", format!("You are not authorized to use module {module}.")));
        }
        let (name, key) = match name.split_once('(') {
            Some((name, key)) => {
                (name, Some(key.strip_suffix(')').ok_or_else(Refusal::no_resource)?.to_owned()))
            }
            None => (*name, None),
        };
        let served = |resource: &&Resource| self.address(resource) == ((*module).to_owned(), name.to_owned());
        let resource = RESOURCES.iter().find(served).ok_or_else(Refusal::no_resource)?;
        Ok(Target { resource, key })
    }

    fn sign_in(&self, call: &Call, company: &str) -> Result<(), Refusal> {
        let refused = || refuse(401, "Unauthorized", "The user name, password or company is not valid.");
        let sent =
            call.header("authorization").and_then(|text| text.strip_prefix("Basic ")).ok_or_else(refused)?;
        let sent = STANDARD.decode(sent).map_err(|_| refused())?;
        let sent = String::from_utf8(sent).map_err(|_| refused())?;
        // Sage holds both in capitals and does not raise what it is given.
        let known = sent == format!("{}:{}", self.options.user, self.options.password);
        if !known || company != self.options.company {
            return Err(refused());
        }
        if self.options.user == "ADMIN" && !self.options.allow_admin {
            return Err(refuse(403, "Forbidden", "ADMIN is not allowed to use the Web API."));
        }
        Ok(())
    }

    fn serve(&self, call: &Call, target: &Target, strike: Option<&Strike>) -> Result<Answer, Refusal> {
        let resource = target.resource;
        let mut books = lock(&self.books);
        let special = target.key.as_deref().filter(|key| key.starts_with("'$"));
        if let Some(action) = special {
            return match (call.method.as_str(), action, resource.name) {
                ("POST", "'$process'", DAY_END) => {
                    self.day_end(&mut books);
                    Ok(Answer::empty(204))
                }
                ("POST", "'$template'", name) if name != DAY_END && resource.verbs.contains(&"POST") => {
                    Ok(Answer::json(200, &Value::Object(self.entity(resource, &resource.template()))))
                }
                _ => {
                    Err(refuse(400, "InvalidAction", format!("{action} is not an action of this resource.")))
                }
            };
        }
        if !resource.verbs.contains(&call.method.as_str()) || resource.name == DAY_END {
            let message = format!("The method {} is not supported by this resource.", call.method);
            return Err(refuse(405, "MethodNotAllowed", message));
        }
        let payload =
            || call.json().ok_or_else(|| refuse(400, "InvalidPayload", "The payload is not valid JSON."));
        let key: Option<Vec<Part>> = match &target.key {
            Some(text) => Some(query::key(text, resource)?),
            None => None,
        };
        match (call.method.as_str(), key) {
            ("GET", Some(key)) => self.entry(&books, resource, &key),
            ("GET", None) => {
                let again = strike.is_some_and(|strike| strike.fault == Fault::DuplicatePage);
                self.page(&books, resource, call, again)
            }
            ("POST", None) => self.insert(&mut books, resource, &payload()?),
            ("PUT", Some(key)) => self.replace(&mut books, resource, &key, &payload()?),
            ("PATCH", Some(key)) => self.update(&mut books, resource, &key, &payload()?, strike),
            ("DELETE", Some(key)) => self.delete(&mut books, resource, &key),
            ("POST", Some(_)) => Err(refuse(400, "InvalidAction", "A record cannot be posted to.")),
            _ => Err(refuse(400, "InvalidEntityKey", "The entity's key is missing.")),
        }
    }
}

/// The path's parts as IIS hands them on: it reads percent signs before it takes the path apart, so that a slash
/// in a key cannot be sent.
fn decoded(path: &str) -> Vec<String> {
    let form = path.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let whole: String =
        url::form_urlencoded::parse(form.as_bytes()).map(|(name, _)| name.into_owned()).collect();
    whole.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

impl System for Sage300 {
    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn subject(&self, call: &Call) -> Subject {
        let segments = decoded(&call.path);
        let last = segments.get(5).map(String::as_str).unwrap_or("unknown");
        let (name, key) = last.split_once('(').map_or((last, None), |(name, key)| (name, Some(key)));
        let order = call.json().and_then(|body| body["OrderNumber"].as_str().map(str::to_owned));
        Subject {
            endpoint: format!("{} {name}", call.method),
            reference: key.map(|key| key.trim_end_matches(')').to_owned()).or(order),
            request_id: call.header("x-request-id").map(str::to_owned),
        }
    }

    fn act(&self, call: &Call, strike: Option<&Strike>) -> Answer {
        self.answer(call, strike)
    }

    fn failure(&self, _: &Call, status: u16) -> Answer {
        match status {
            200 => Answer::empty(200),
            429 => refuse(429, "TooManyRequests", "Too many requests.").answer(),
            // The application pool is gone or starting: IIS answers, not Sage.
            503 => Answer::html(503),
            _ => refuse(status, "InternalServerError", "An internal server error occurred.").answer(),
        }
    }

    fn control(&self, call: &Call, path: &[&str]) -> Option<Answer> {
        control::answer(self, call, path)
    }

    fn pool(&self) -> Option<Pool> {
        Some(self.pool.clone())
    }

    fn waits(&self, _: &Call) -> Duration {
        let now = self.desk.clock.now();
        let mut books = lock(&self.books);
        let idle =
            jiff::SignedDuration::try_from(self.options.idle_after).unwrap_or(jiff::SignedDuration::MAX);
        let warm = books.last_call.is_some_and(|last| now.duration_since(last) < idle);
        books.last_call = Some(now);
        if warm {
            return Duration::ZERO;
        }
        books.cold_starts += 1;
        self.options.cold_start
    }
}
