//! A session: logged on once, its token carried by every request, logged off when there is nothing to do.
//!
//! What must hold:
//! - one session at a time, since its licence may allow no more, and who waited for a logon that failed shares the
//!   failure;
//! - a session that somebody else ended (one operator, one session) is noticed by the answer rules, and the next call
//!   logs on anew; not for ever, though, when it is ended as fast as it begins;
//! - nobody else waits for the session while we have nothing to do.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex as Shared, PoisonError};
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::header::HeaderName;
use super::keys::{Key, Keys};
use super::pause::{self, Pause, Rejections};
use super::request::{self, Request};
use super::secrets::{self, Named, SecretNames};
use super::{AuthContext, AuthError, Authenticator, Boxed};
use crate::base::Secret;
use crate::base::clock::{add, between};
use crate::expression::{BlockChecker, Scope, Template, Type, Values};
use crate::http::{Kind, Outgoing, SendError, percent_encoded, retry_after};

/// How long logging on may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long logging off may take; nothing depends on it.
const GOODBYE: Duration = Duration::from_secs(10);

/// A session: logged on once, its token carried by every request, logged off when there is nothing to do.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Session")]
pub struct Block {
    /// The request that begins a session.
    pub logon: Box<request::Block>,
    /// What the logon's templates see below `secret`: names, and the credentials behind them. A name written `name?` is
    /// empty when its credential is not set.
    #[serde(default)]
    pub credentials: SecretNames,
    /// Whether the answer is a refusal, where its status does not say so; a template over `answer`, which is the body as
    /// text without the quotes of a JSON string, and `settings`.
    #[serde(default)]
    pub refused: Option<String>,
    /// The session's token; a template over `answer` and `settings`.
    pub token: String,
    /// Where every request carries the token.
    pub carry: Carry,
    /// The request that ends a session; it carries the token, and its templates see `token`, too.
    #[serde(default)]
    pub logoff: Option<Box<request::Block>>,
    /// How long a session may go unused before it is not relied on any more.
    #[serde(default = "two_minutes")]
    pub idle: String,
}

/// Where every request carries a session's token.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SessionCarry")]
pub enum Carry {
    /// As the query parameter of this name.
    Query(String),
    /// As the header of this name.
    Header(HeaderName),
}

fn two_minutes() -> String {
    "2m".to_owned()
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    logon: Box<Request>,
    names: Vec<Named>,
    refused: Option<Template>,
    token: Template,
    carry: Carry,
    logoff: Option<Box<Request>>,
    idle: Duration,
}

impl Block {
    /// Compiles what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        // All of it is checked before any `?`, so that one mistake does not hide the next.
        let names = self.credentials.check(checker, "/credentials");
        let (mut logon, mut logoff, mut refused, mut token) = (None, None, None, None);
        let secret = self.credentials.scope();
        checker.seeing(secret.clone(), &mut |checker| logon = self.logon.check(checker, "/logon"));
        let answer = Scope::from([("answer".to_owned(), Type::TEXT)]);
        checker.seeing(answer, &mut |checker| {
            refused = match &self.refused {
                Some(source) => checker.template("/refused", source).map(Some),
                None => Some(None),
            };
            token = checker.template("/token", &self.token);
        });
        let ending = secret.into_iter().chain([("token".to_owned(), Type::TEXT)]).collect();
        checker.seeing(ending, &mut |checker| {
            logoff = match &self.logoff {
                Some(block) => block.check(checker, "/logoff").map(Some),
                None => Some(None),
            };
        });
        let idle = checker.duration("/idle", &self.idle);
        Some(Config {
            logon: Box::new(logon?),
            names: names?,
            refused: refused?,
            token: token?,
            carry: self.carry.clone(),
            logoff: logoff?.map(Box::new),
            idle: idle?,
        })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        secrets::needed(&self.names)
    }

    /// None beside the base URL's: that is where it logs on.
    ///
    /// # Errors
    /// Never.
    pub fn hosts(&self, _values: &Values) -> Result<Vec<String>, AuthError> {
        Ok(Vec::new())
    }

    /// Puts it to work for one connection.
    ///
    /// # Errors
    /// Never: templates are evaluated and credentials are read at each use.
    pub fn build(&self, context: AuthContext) -> Result<Session, AuthError> {
        if let Carry::Header(header) = &self.carry {
            context.redactor.add_header(header.name());
        }
        let keys = Keys::named(&self.names);
        Ok(Session { config: self.clone(), keys, held: Shared::default(), desk: Mutex::default(), context })
    }
}

/// A session at work for one connection.
pub struct Session {
    config: Config,
    keys: Keys,
    held: Shared<Held>,
    desk: Mutex<Desk>,
    context: AuthContext,
}

/// What every caller looks at.
#[derive(Default)]
struct Held {
    open: Option<Arc<Open>>,
    used: Timestamp,
    rejections: Rejections,
}

/// A session that is open as far as we know.
struct Open {
    token: Secret,
    /// The key that opened it.
    key: String,
}

/// What only the one who logs on or off looks at.
#[derive(Default)]
struct Desk {
    pause: Pause,
    /// Logons in a row that were refused.
    refused: u32,
}

/// Why there is no session.
enum Failure {
    /// The other side does not want us, with these credentials or at the moment: it does not always say which.
    Unwanted(String),
    Other(AuthError),
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        Self::Other(error)
    }
}

impl Session {
    async fn open(&self) -> Result<Arc<Open>, AuthError> {
        if let Some(open) = self.usable(&self.keys.current(&self.context)?) {
            return Ok(open);
        }
        let mut desk = self.desk.lock().await;
        // Who had the desk before us may have logged on.
        let key = self.keys.current(&self.context)?;
        if let Some(open) = self.usable(&key) {
            return Ok(open);
        }
        let now = self.context.clock.now();
        desk.pause.check(now, &key.id)?;
        self.held(|held| held.rejections.check(now, &self.name()))?;
        // One that was left unused or belongs to other credentials may still be open.
        self.close().await;
        self.begin(&mut desk, key).await
    }

    /// Logs on, with the value before where the newest is not accepted.
    async fn begin(&self, desk: &mut Desk, mut key: Key) -> Result<Arc<Open>, AuthError> {
        let newest = key.id.clone();
        let mut left = self.keys.all(&self.context)?.len();
        loop {
            left = left.saturating_sub(1);
            let failure = match self.log_on(&key).await {
                Ok(token) => {
                    *desk = Desk::default();
                    let open = Arc::new(Open { token, key: key.id });
                    self.hold(&open);
                    return Ok(open);
                }
                Err(failure) => failure,
            };
            let now = self.context.clock.now();
            let error = match failure {
                Failure::Unwanted(reason) => {
                    self.keys.refuse(&key, now);
                    if left > 0 {
                        key = self.keys.current(&self.context)?;
                        continue;
                    }
                    desk.unwanted(reason, now)
                }
                Failure::Other(error) => error,
            };
            tracing::warn!(connection = self.context.connection, %error, "no session was opened");
            return Err(desk.pause.begin(error, now, &newest));
        }
    }

    async fn log_on(&self, key: &Key) -> Result<Secret, Failure> {
        let AuthContext { client, redactor, clock, .. } = &self.context;
        let mut request = self.config.logon.render(&self.context.base_url, &self.values())?;
        secrets::fill(&mut request, &self.config.names, key)?;
        let answer = match client.send(request, Kind::Once, TIMEOUT).await {
            Ok(answer) => answer,
            Err(SendError::NotSent { reason, permanent: true }) => {
                return Err(AuthError::Refused(reason).into());
            }
            Err(SendError::NotSent { reason, .. } | SendError::Unknown { reason }) => {
                return Err(AuthError::Later { reason, until: None }.into());
            }
        };
        let text = body(&answer.body);
        let mut values = self.values();
        values.set("answer", &Value::from(text.as_str()));
        let said = shown(&redactor.text(&text));
        let (name, number) = (self.name(), answer.status.as_u16());
        match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => {
                return Err(Failure::Unwanted(format!("{name} refused the logon (status {number}){said}.")));
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {}
            status if status.is_server_error() => {}
            status if status.is_success() => return self.token(&values, &name, &said),
            _ => {
                let reason = format!("{name} has no logon at this address (status {number}){said}.");
                return Err(AuthError::Refused(reason).into());
            }
        }
        let reason = format!("{name} cannot log us on at the moment (status {number}){said}.");
        let until = retry_after(&answer.headers, clock.now()).map(|pause| add(clock.now(), pause));
        Err(AuthError::Later { reason, until }.into())
    }

    /// What a logon that was answered well gave.
    fn token(&self, values: &Values, name: &str, said: &str) -> Result<Secret, Failure> {
        let is_refusal = self.config.refused.as_ref().map_or(Ok(false), |refused| refused.truth(values));
        // What a template says when it cannot be evaluated may quote the answer.
        let unfit = |_| {
            let reason =
                format!("The answer of {name} to the logon does not fit `refused` and `token`{said}.");
            AuthError::Refused(reason)
        };
        if is_refusal.map_err(unfit)? {
            return Err(Failure::Unwanted(format!("{name} refused the logon{said}.")));
        }
        let token = Secret::new(self.config.token.text(values).map_err(unfit)?.trim());
        if token.expose().is_empty() || token.expose().chars().any(char::is_control) {
            let reason = format!("{name} answered the logon without a token that can be used.");
            return Err(AuthError::Later { reason, until: None }.into());
        }
        self.context.redactor.add(token.clone());
        Ok(token)
    }

    /// The session that is open with this key, used now.
    fn usable(&self, key: &Key) -> Option<Arc<Open>> {
        let now = self.context.clock.now();
        self.held(|held| {
            let fresh = between(held.used, now) < self.config.idle;
            let open = held.open.as_ref().filter(|open| fresh && open.key == key.id).map(Arc::clone)?;
            held.used = now;
            Some(open)
        })
    }

    fn hold(&self, open: &Arc<Open>) {
        let now = self.context.clock.now();
        self.held(|held| {
            held.open = Some(Arc::clone(open));
            held.used = now;
        });
    }

    /// Logs off, if there is a session and a way to; who holds the desk calls it.
    async fn close(&self) {
        let Some(open) = self.held(|held| held.open.take()) else { return };
        let Some(logoff) = &self.config.logoff else { return };
        let goodbye = self.goodbye(logoff, &open);
        let sent = match goodbye {
            Ok(request) => self
                .context
                .client
                .send(request, Kind::Once, GOODBYE)
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(problem) = sent {
            tracing::info!(connection = self.context.connection, problem, "the session could not be closed");
        }
    }

    fn goodbye(&self, logoff: &Request, open: &Open) -> Result<Outgoing, AuthError> {
        // The token goes the way of the credentials: templates see a text that stands for it.
        let mut values = self.values();
        values.set("token", &Value::from(super::placeholder(TOKEN)));
        let mut request = logoff.render(&self.context.base_url, &values)?;
        let key = self.keys.current(&self.context)?;
        super::placeholder::fill(&mut request, &|name| match name {
            TOKEN => Ok(open.token.clone()),
            name => secrets::of(&self.config.names, &key, name),
        })?;
        self.carry(&mut request, &open.token)?;
        Ok(request)
    }

    fn carry(&self, request: &mut Outgoing, token: &Secret) -> Result<(), AuthError> {
        match &self.config.carry {
            Carry::Header(header) => super::header::insert(request, header.name(), "token", token.expose())?,
            Carry::Query(name) => {
                let pair = carried_pair(name, token);
                let query = match request.url.query().filter(|query| !query.is_empty()) {
                    // A logoff may name it itself.
                    Some(query) if query.split('&').any(|other| other == pair) => query.to_owned(),
                    Some(query) => format!("{pair}&{query}"),
                    None => pair,
                };
                request.url.set_query(Some(&query));
            }
        }
        Ok(())
    }

    fn carries(&self, request: &Outgoing, token: &Secret) -> bool {
        match &self.config.carry {
            Carry::Header(header) => super::header::carries(request, header.name(), token.expose()),
            Carry::Query(name) => {
                let pair = carried_pair(name, token);
                request.url.query().is_some_and(|query| query.split('&').any(|other| other == pair))
            }
        }
    }

    fn reject(&self, request: &Outgoing) {
        let now = self.context.clock.now();
        self.held(|held| {
            // Only the session that was carried is over: another caller may have logged on since.
            if held.open.take_if(|open| self.carries(request, &open.token)).is_some() {
                held.rejections.note(now);
            }
        });
    }

    /// What templates see: `settings` and `secret`.
    fn values(&self) -> Values {
        let mut values = Values::default();
        values.set("settings", &self.context.settings);
        values.set("secret", &secrets::value(&self.config.names));
        values
    }

    /// What to call the other side in sentences.
    fn name(&self) -> String {
        let url = url::Url::parse(&self.context.base_url).ok();
        url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| "The other side".to_owned())
    }

    fn held<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The placeholder that stands for the token; no name of a credential has a dot in it, and a query leaves it as it is.
const TOKEN: &str = "the.token";

impl Desk {
    /// A logon that was refused: the first may only mean that the licence is in use, the second needs a person.
    fn unwanted(&mut self, reason: String, now: Timestamp) -> AuthError {
        self.refused = self.refused.saturating_add(1);
        if self.refused > 1 {
            return AuthError::Refused(format!(
                "{reason} Check the credentials, and that the licence has room for one more user."
            ));
        }
        AuthError::Later { reason, until: Some(add(now, pause::REFUSED)) }
    }
}

fn carried_pair(name: &str, token: &Secret) -> String {
    format!("{}={}", percent_encoded(name), percent_encoded(token.expose()))
}

/// The answer as text; a JSON string without its quotes.
fn body(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim();
    match serde_json::from_str(text) {
        Ok(Value::String(inner)) => inner.trim().to_owned(),
        _ => text.to_owned(),
    }
}

/// What the other side said, for a sentence.
fn shown(text: &str) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).take(200).collect();
    let text = text.trim().trim_end_matches('.');
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl Authenticator for Session {
    fn prepare<'a>(&'a self, request: &'a mut Outgoing) -> Boxed<'a, Result<(), AuthError>> {
        Box::pin(async move {
            let open = self.open().await?;
            self.carry(request, &open.token)
        })
    }

    fn rejected<'a>(&'a self, request: &'a Outgoing) -> Boxed<'a, ()> {
        Box::pin(async move { self.reject(request) })
    }

    fn release(&self) -> Boxed<'_, ()> {
        Box::pin(async move {
            let _desk = self.desk.lock().await;
            self.close().await;
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("connection", &self.context.connection).finish_non_exhaustive()
    }
}
