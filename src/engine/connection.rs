//! A connection at work: one system with its settings, identity, limits and clients, and the way a call is made.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::{self, Judged};
use crate::auth::{AuthError, Authenticator, placeholder};
use crate::base::{Clock, clock, random};
use crate::expression::{EvaluationError, ValueTemplate, Values, normalise};
use crate::http::client::Kind;
use crate::http::limit::Permit;
use crate::http::{Client, Incoming, Limiter, Outgoing, Redactor, SendError};
use crate::spec::model::{AnswerClass, AnswerRule, Operation, Request, RequestBody, System};
use crate::store::Document;
use crate::transport::{Body, Parts, Transport, url};

/// A system with settings, ready to be asked.
#[derive(Debug)]
pub struct Connection {
    /// Its name in the configuration.
    pub name: String,
    /// What it speaks to.
    pub system: Arc<System>,
    /// Its settings, and what stands for credentials in requests: `{ settings, secret }`.
    pub values: Values,
    pub(super) base_url: String,
    pub(super) timeout: Duration,
    pub(super) client: Client,
    pub(super) auth: Arc<dyn Authenticator>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) limiter: Limiter,
    pub(super) redactor: Redactor,
    pub(super) clock: Arc<dyn Clock>,
}

/// What came of a call.
#[derive(Debug)]
pub enum Outcome {
    /// It worked.
    Ok {
        /// The operation's result.
        result: Value,
        /// What is to be kept.
        documents: Vec<Document>,
    },
    /// It had already been done.
    Done,
    /// There is no such thing.
    Absent(Refusal),
    /// It will not work as it is.
    Rejected(Refusal),
    /// It may work later; nothing can be said of whether it was done.
    Later(Refusal),
    /// It was never sent.
    NotSent {
        /// Why.
        reason: String,
        /// Whether it will not work before somebody changes something.
        permanent: bool,
    },
    /// It was sent and no whole answer came.
    Lost(String),
    /// It worked, but the answer does not have the shape that was declared.
    Unreadable(Refusal),
    /// We cannot prove who we are; a person must act.
    Unauthorised(String),
    /// Our own templates do not fit the data; nothing was sent.
    Unrenderable(String),
}

/// Why a call did not work, for people.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// One sentence.
    pub message: String,
    /// The other side's code.
    pub code: Option<String>,
    /// Not before this, where the other side said so.
    pub until: Option<Timestamp>,
}

/// A call with what there is to tell about it.
#[derive(Debug)]
pub struct Call {
    /// What came of it.
    pub outcome: Outcome,
    /// Whether the answer proves that nothing was done (`refused` of a create).
    pub refused: bool,
    /// Whether the answer proves that nobody looked at the request (`untouched` of a create).
    pub untouched: bool,
    /// Small facts for the audit.
    pub facts: Value,
    /// The redacted request and answer.
    pub exchange: Value,
}

/// An answer with what it means.
struct Answered {
    incoming: Incoming,
    /// `None` when it cannot be read.
    body: Option<Value>,
    judged: Judged,
}

/// A request that is ready to be sent as often as the protocol allows.
#[derive(Debug)]
pub struct Prepared {
    /// As it was rendered: the proof of identity is added to this, each time anew.
    pub(super) rendered: Outgoing,
    pub(super) outgoing: Outgoing,
    pub(super) request_id: String,
}

impl Prepared {
    /// SHA-256 of the body.
    pub fn body_hash(&self) -> String {
        let body = self.rendered.body.as_deref().unwrap_or_default();
        match std::str::from_utf8(body) {
            Ok(text) => crate::base::json::sha256_hex(placeholder::hide(text).as_bytes()),
            Err(_) => crate::base::json::sha256_hex(body),
        }
    }

    /// The request as people may see it.
    pub fn shown(&self, redactor: &Redactor) -> Value {
        let body = self.body();
        let body = serde_json::from_str(&body).unwrap_or_else(|_| Value::from(body));
        let url = placeholder::hide(self.rendered.url.as_str());
        // Not `json!`, which copies values instead of taking them; this one and those below are large.
        Value::from_iter([
            ("method", Value::from(self.outgoing.method.as_str())),
            ("url", Value::from(redactor.text(&url))),
            ("headers", redactor.headers_json(&self.outgoing.headers)),
            ("body", redactor.json(&body)),
        ])
    }

    /// The body without the credentials that go into it just before sending.
    fn body(&self) -> String {
        let body = String::from_utf8_lossy(self.rendered.body.as_deref().unwrap_or_default());
        placeholder::hide(&body).into_owned()
    }
}

impl Connection {
    /// Calls an operation that is safe to repeat, proving who we are anew once if need be.
    pub async fn call(&self, operation: &Operation, input: &Value) -> Call {
        let mut prepared = match self.prepare(operation, input) {
            Ok(prepared) => prepared,
            Err(error) => return Call::unsent(Outcome::Unrenderable(error.message)),
        };
        for again in [true, false] {
            if let Err(call) = self.identify(&mut prepared).await {
                return call;
            }
            let turn = self.turn().await;
            let exchanged =
                self.exchange(&prepared, &operation.answers, Kind::Repeatable, turn, self.timeout()).await;
            let answered = match exchanged {
                Ok(answered) => answered,
                Err(call) => return call,
            };
            if answered.judged.class == AnswerClass::Reauthenticate && again {
                self.auth.rejected(&prepared.outgoing).await;
                continue;
            }
            return self.conclude(operation, input, &prepared, answered);
        }
        Call::unsent(Outcome::Unauthorised("the proof of identity was refused twice".to_owned()))
    }

    /// Renders an operation's request.
    ///
    /// # Errors
    /// When a template does not fit the data.
    pub fn prepare(&self, operation: &Operation, input: &Value) -> Result<Prepared, EvaluationError> {
        let mut values = self.values.clone();
        values.set("input", input);
        self.render(&operation.request, values)
    }

    /// Renders any request over `values`, which hold `settings` and what else it sees.
    ///
    /// # Errors
    /// When a template does not fit the data.
    pub fn render(&self, request: &Request, mut values: Values) -> Result<Prepared, EvaluationError> {
        let request_id = random::id().replace('-', "");
        values.set("request_id", &Value::from(request_id.as_str()));
        let path = request.path.encoded(&values, &url::encode_segment)?;
        let url = url::join(&self.base_url, &path)
            .map_err(|error| EvaluationError { message: error.to_string() })?;
        let headers = pairs(request.headers.as_ref(), &values)?;
        let query = pairs(request.query.as_ref(), &values)?;
        let body = request.body.as_ref().map(|body| body_of(body, &values)).transpose()?;
        let parts = Parts {
            method: request.method.clone(),
            url,
            query,
            headers,
            body,
            request_id: request_id.clone(),
        };
        let outgoing =
            self.transport.write(parts).map_err(|error| EvaluationError { message: error.to_string() })?;
        Ok(Prepared { rendered: outgoing.clone(), outgoing, request_id })
    }

    /// Adds the proof of identity.
    ///
    /// # Errors
    /// The call as it ended, when we cannot prove who we are.
    pub async fn identify(&self, prepared: &mut Prepared) -> Result<(), Call> {
        prepared.outgoing = prepared.rendered.clone();
        self.auth.prepare(&mut prepared.outgoing).await.map_err(|error| {
            Call::unsent(match error {
                AuthError::Refused(reason) => Outcome::Unauthorised(reason),
                AuthError::Later { reason, until } => {
                    Outcome::Later(Refusal { message: reason, code: None, until })
                }
            })
        })
    }

    /// Sends a request that must take effect at most once. The caller has made its intent durable.
    ///
    /// After `deadline` nobody waits for the answer any more, however long it took to get here: the look-up that follows a
    /// lost answer counts from there.
    pub async fn send_once(
        &self,
        operation: &Operation,
        input: &Value,
        prepared: &Prepared,
        turn: Permit,
        deadline: Timestamp,
    ) -> Call {
        let left = clock::between(self.clock.now(), deadline).min(self.timeout());
        match self.exchange(prepared, &operation.answers, Kind::Once, turn, left).await {
            Ok(answered) => {
                if answered.judged.class == AnswerClass::Reauthenticate {
                    self.auth.rejected(&prepared.outgoing).await;
                }
                self.conclude(operation, input, prepared, answered)
            }
            Err(call) => call,
        }
    }

    /// Asks for a page of a stream: the page as its type has it.
    pub async fn page(
        &self,
        request: &Request,
        values: Values,
        ty: &crate::expression::Type,
    ) -> Result<Value, Call> {
        let mut prepared = self
            .render(request, values)
            .map_err(|error| Call::unsent(Outcome::Unrenderable(error.message)))?;
        for again in [true, false] {
            self.identify(&mut prepared).await?;
            let turn = self.turn().await;
            let mut answered = self.exchange(&prepared, &[], Kind::Repeatable, turn, self.timeout()).await?;
            if answered.judged.class == AnswerClass::Reauthenticate && again {
                self.auth.rejected(&prepared.outgoing).await;
                continue;
            }
            if answered.judged.class != AnswerClass::Ok {
                let call = self.tell(&prepared, &answered);
                return Err(Call { outcome: self.failed(answered.incoming.status, answered.judged), ..call });
            }
            let body = answered.body.take().unwrap_or_default();
            // Pages are large: what there is to tell about one is made only when something is wrong with it.
            return normalise(body, ty).map_err(|mismatches| {
                answered.body = self.transport.read(&answered.incoming).ok();
                let outcome =
                    Outcome::Unreadable(Refusal { message: list(&mismatches), ..Refusal::default() });
                Call { outcome, ..self.tell(&prepared, &answered) }
            });
        }
        Err(Call::unsent(Outcome::Unauthorised("the proof of identity was refused twice".to_owned())))
    }

    /// Waits until the connection's limits let one more call start.
    pub async fn turn(&self) -> Permit {
        self.limiter.enter(&self.name).await
    }

    /// How long one call may take in all, waiting for its turn aside.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    async fn exchange(
        &self,
        prepared: &Prepared,
        rules: &[AnswerRule],
        kind: Kind,
        turn: Permit,
        timeout: Duration,
    ) -> Result<Answered, Call> {
        let sent = self.client.send(prepared.outgoing.clone(), kind, timeout).await;
        drop(turn);
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => {
                let outcome = match error {
                    SendError::NotSent { reason, permanent } => Outcome::NotSent { reason, permanent },
                    SendError::Unknown { reason } => Outcome::Lost(reason),
                };
                return Err(Call {
                    exchange: json!({ "request": prepared.shown(&self.redactor) }),
                    ..Call::unsent(outcome)
                });
            }
        };
        self.limiter.observe(answer.status, &answer.headers);
        let body = self.transport.read(&answer);
        let seen = body.as_ref().unwrap_or(&Value::Null);
        let judged = answer::judge(&self.system, rules, &self.values, answer.status, &answer.headers, seen);
        match judged {
            Ok(judged) => {
                let unreadable = body.as_ref().err().map(ToString::to_string);
                let answered = Answered { incoming: answer, body: body.ok(), judged };
                match unreadable {
                    // A body that cannot be read is no excuse for an answer that says it failed; an "ok" needs its body.
                    Some(message) if answered.judged.class == AnswerClass::Ok => {
                        // It quotes what was answered.
                        let message = self.redactor.text(&message);
                        let outcome = Outcome::Unreadable(Refusal { message, ..Refusal::default() });
                        Err(Call { outcome, ..self.tell(prepared, &answered) })
                    }
                    _ => Ok(answered),
                }
            }
            Err(error) => {
                let message =
                    format!("the answer rules of {} do not fit this answer: {error}", self.system.name);
                Err(Call::unsent(Outcome::Unreadable(Refusal { message, ..Refusal::default() })))
            }
        }
    }

    fn conclude(
        &self,
        operation: &Operation,
        input: &Value,
        prepared: &Prepared,
        answered: Answered,
    ) -> Call {
        let mut call = self.tell(prepared, &answered);
        let Answered { incoming, body, judged } = answered;
        if let crate::spec::model::Effect::Create(create) = &operation.effect {
            call.refused = create.refused.truth(&judged.values).unwrap_or(false);
            call.untouched = create.untouched.truth(&judged.values).unwrap_or(false);
        }
        call.outcome = match judged.class {
            AnswerClass::Ok => self.succeeded(operation, input, body.unwrap_or_default()),
            AnswerClass::Done => Outcome::Done,
            _ => self.failed(incoming.status, judged),
        };
        call
    }

    fn succeeded(&self, operation: &Operation, input: &Value, body: Value) -> Outcome {
        let read = || -> Result<Outcome, String> {
            let body = normalise(body, &operation.answer).map_err(|mismatches| list(&mismatches))?;
            let mut values = self.values.clone();
            values.set("input", input);
            values.set("answer", &body);
            let result = operation.result.evaluate(&values).map_err(|error| error.to_string())?;
            let documents = match &operation.documents {
                Some(tree) => documents(&tree.evaluate(&values).map_err(|error| error.to_string())?)?,
                None => Vec::new(),
            };
            Ok(Outcome::Ok { result, documents })
        };
        read().unwrap_or_else(|message| Outcome::Unreadable(Refusal { message, ..Refusal::default() }))
    }

    fn failed(&self, status: StatusCode, judged: Judged) -> Outcome {
        let said = judged.message.unwrap_or_else(|| {
            format!(
                "{} answered {} {}",
                self.system.title,
                status.as_u16(),
                status.canonical_reason().unwrap_or("")
            )
            .trim_end()
            .to_owned()
        });
        let until = self.limiter.held_until();
        let refusal = Refusal { message: self.redactor.text(&said), code: judged.code, until };
        match judged.class {
            AnswerClass::Absent => Outcome::Absent(refusal),
            AnswerClass::Retry | AnswerClass::Locked => Outcome::Later(refusal),
            AnswerClass::Reauthenticate => Outcome::Unauthorised(format!(
                "{} does not accept our credentials: {}",
                self.system.title, refusal.message
            )),
            AnswerClass::Ok | AnswerClass::Done | AnswerClass::Reject => Outcome::Rejected(refusal),
        }
    }

    fn tell(&self, prepared: &Prepared, answered: &Answered) -> Call {
        let Answered { incoming, body, judged } = answered;
        let body = match body {
            Some(body) => self.redactor.json(body),
            None => Value::from(self.redactor.text(&String::from_utf8_lossy(&incoming.body))),
        };
        let answer = Value::from_iter([
            ("status", Value::from(incoming.status.as_u16())),
            ("headers", self.redactor.headers_json(&incoming.headers)),
            ("body", body),
        ]);
        Call {
            outcome: Outcome::Done,
            refused: false,
            untouched: false,
            facts: json!({
                "connection": self.name,
                "request_id": prepared.request_id,
                "method": prepared.outgoing.method.as_str(),
                "path": prepared.outgoing.url.path(),
                "status": incoming.status.as_u16(),
                "class": format!("{:?}", judged.class).to_lowercase(),
                "code": judged.code,
                "milliseconds": u64::try_from(incoming.elapsed.as_millis()).unwrap_or(u64::MAX),
            }),
            exchange: Value::from_iter([("request", prepared.shown(&self.redactor)), ("answer", answer)]),
        }
    }

    /// The instant at which a request whose turn comes within `wait` is given up.
    pub fn deadline(&self, wait: Duration) -> Timestamp {
        clock::add(clock::add(self.clock.now(), wait), self.timeout())
    }

    /// Until when the other side asked for a pause.
    pub fn held_until(&self) -> Option<Timestamp> {
        self.limiter.held_until()
    }
}

impl Call {
    fn unsent(outcome: Outcome) -> Self {
        Self { outcome, refused: false, untouched: false, facts: json!({}), exchange: Value::Null }
    }
}

/// A request's body, rendered.
pub(super) fn body_of(body: &RequestBody, values: &Values) -> Result<Body, EvaluationError> {
    Ok(match body {
        RequestBody::Json(tree) => Body::Json(tree.evaluate(values)?),
        RequestBody::Xml(tree) => Body::Xml(tree.evaluate(values)?),
        RequestBody::Graphql { query, variables, operation_name } => Body::Graphql {
            query: query.clone(),
            variables: match variables {
                Some(variables) => variables.evaluate(values)?,
                None => Value::Object(serde_json::Map::new()),
            },
            operation_name: operation_name.clone(),
        },
    })
}

fn pairs(tree: Option<&ValueTemplate>, values: &Values) -> Result<Vec<(String, String)>, EvaluationError> {
    let Some(tree) = tree else { return Ok(Vec::new()) };
    let Value::Object(fields) = tree.evaluate(values)? else { return Ok(Vec::new()) };
    Ok(texts(fields))
}

/// Query parameters and headers are text; null leaves one out.
fn texts(fields: Map<String, Value>) -> Vec<(String, String)> {
    fields
        .into_iter()
        .filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, text)),
            other => Some((name, other.to_string())),
        })
        .collect()
}

fn documents(value: &Value) -> Result<Vec<Document>, String> {
    use base64::Engine as _;
    let text =
        |item: &Value, field: &str| item.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut kept = Vec::new();
    for item in value.as_array().into_iter().flatten() {
        // An answer without the bytes (a label that is sent by post, say) is not a failure of the call.
        let encoded: String = text(item, "base64").split_whitespace().collect();
        if encoded.is_empty() {
            continue;
        }
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(&encoded)
            .map_err(|error| format!("the document {} is not base64: {error}", text(item, "name")))?;
        let size = bytes.len() as u64;
        kept.push(Document { kind: text(item, "kind"), name: text(item, "name"), bytes, size });
    }
    Ok(kept)
}

fn list(mismatches: &[crate::expression::Mismatch]) -> String {
    let places: Vec<String> = mismatches.iter().take(5).map(ToString::to_string).collect();
    format!("the answer does not have the declared shape: {}", places.join("; "))
}

impl Outcome {
    /// One word for the audit.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ok { .. } => "ok",
            Self::Done => "done",
            Self::Absent(_) => "absent",
            Self::Rejected(_) => "rejected",
            Self::Later(_) => "later",
            Self::NotSent { .. } => "not_sent",
            Self::Lost(_) => "lost",
            Self::Unreadable(_) => "unreadable",
            Self::Unauthorised(_) => "unauthorised",
            Self::Unrenderable(_) => "unrenderable",
        }
    }

    /// One sentence on why it did not work.
    pub fn cause(&self) -> String {
        match self {
            Self::Ok { .. } => "it worked".to_owned(),
            Self::Done => "it had already been done".to_owned(),
            Self::Absent(refusal)
            | Self::Rejected(refusal)
            | Self::Later(refusal)
            | Self::Unreadable(refusal) => refusal.message.clone(),
            Self::NotSent { reason, .. }
            | Self::Lost(reason)
            | Self::Unauthorised(reason)
            | Self::Unrenderable(reason) => reason.clone(),
        }
    }
}
