//! A connection at work: one system with its settings, identity, limits and way out, and the ways to ask something of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::batch::Batches;
use super::door::Door;
use super::exchange::{Answered, Terms, unfit};
use super::outcome::{Call, Outcome, Refusal};
use super::request::Prepared;
use super::turns::{Turns, Users};
use crate::auth::{AuthError, Authenticator};
use crate::base::{Clock, clock};
use crate::expression::{EvaluationError, Type, Values, normalise};
use crate::http::client::Kind;
use crate::http::limit::Permit;
use crate::http::{Breaker, Limiter, Redactor, Sign};
use crate::spec::model::{AnswerClass, Operation, System};
use crate::transport::Transport;

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
    pub(super) door: Door,
    pub(super) auth: Arc<dyn Authenticator>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) limiter: Limiter,
    pub(super) redactor: Redactor,
    pub(super) clock: Arc<dyn Clock>,
    /// Whether the system counts as down.
    pub(super) breaker: Mutex<Breaker>,
    /// Where it is used by one poll or record at a time.
    pub(super) turns: Option<Turns>,
    pub(super) users: Users,
    pub(super) batches: Batches,
}

impl Connection {
    /// Calls an operation that is safe to repeat. `who` names the flow, for a fair share of the limits.
    pub async fn call(&self, who: &str, operation: &Operation, input: &Value) -> Call {
        let prepared = match self.prepare(operation, input) {
            Ok(prepared) => prepared,
            Err(error) => return Call::unsent(Outcome::Unrenderable(error.message)),
        };
        match self.ask(who, prepared, Terms::of(operation)).await {
            Ok((prepared, answered)) => self.conclude(operation, input, &prepared, answered),
            Err(call) => call,
        }
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

    /// Sends a request that is safe to repeat, proving who we are anew once if need be.
    ///
    /// # Errors
    /// The call as it ended, when no answer came or it cannot be understood.
    pub(super) async fn ask(
        &self,
        who: &str,
        mut prepared: Prepared,
        terms: Terms<'_>,
    ) -> Result<(Prepared, Answered), Call> {
        for again in [true, false] {
            self.identify(&mut prepared).await?;
            let turn = self.turn(who).await?;
            let answered = self.exchange(&prepared, terms, turn, self.timeout()).await?;
            if answered.judged.class == AnswerClass::Reauthenticate && again {
                self.auth.rejected(&prepared.outgoing).await;
                continue;
            }
            return Ok((prepared, answered));
        }
        Err(Call::unsent(Outcome::Unauthorised("the proof of identity was refused twice".to_owned())))
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
        let terms = Terms { kind: Kind::Once, ..Terms::of(operation) };
        match self.exchange(prepared, terms, turn, left).await {
            Ok(answered) => {
                if answered.judged.class == AnswerClass::Reauthenticate {
                    self.auth.rejected(&prepared.outgoing).await;
                }
                self.conclude(operation, input, prepared, answered)
            }
            Err(call) => call,
        }
    }

    /// Asks for a page of a stream: the page as its type has it. `broken` is what an answer of 500 or above says of the
    /// system, which for some only says that a row of the page cannot be given.
    ///
    /// # Errors
    /// The call as it ended, when there is no page.
    pub async fn page(&self, who: &str, prepared: Prepared, ty: &Type, broken: Sign) -> Result<Value, Call> {
        let terms = Terms { rules: &[], kind: Kind::Repeatable, broken };
        let (prepared, mut answered) = self.ask(who, prepared, terms).await?;
        if answered.judged.class != AnswerClass::Ok {
            let call = self.tell(&prepared, &answered);
            return Err(Call { outcome: self.failed(answered.incoming.status, answered.judged), ..call });
        }
        let body = answered.body.take().unwrap_or_default();
        // Pages are large: what there is to tell about one is made only when something is wrong with it.
        normalise(body, ty).map_err(|mismatches| {
            answered.body = self.transport.read(&answered.incoming).ok();
            let outcome = Outcome::Unreadable(Refusal { message: unfit(&mismatches), ..Refusal::default() });
            Call { outcome, ..self.tell(&prepared, &answered) }
        })
    }

    /// Waits until the connection's limits let one more call of `who` start.
    ///
    /// # Errors
    /// The call as it ended, when the system counts as down.
    pub(super) async fn turn(&self, who: &str) -> Result<Permit, Call> {
        if let Some(down) = self.down() {
            return Err(Call::unsent(Outcome::Down(down)));
        }
        let permit = self.limiter.enter(who).await;
        // Only now, since a call that is let through while the system counts as down must be made.
        match self.breaker().admit(self.clock.now()) {
            Ok(()) => Ok(permit),
            Err(until) => Err(Call::unsent(Outcome::Down(self.why_down(until)))),
        }
    }

    /// Why the system is left alone, while it counts as down.
    pub(super) fn down(&self) -> Option<Refusal> {
        let until = self.breaker().down(self.clock.now())?;
        Some(self.why_down(until))
    }

    fn why_down(&self, until: Timestamp) -> Refusal {
        let message = format!("{} does not answer as it should, so it is left alone for a while", self.name);
        Refusal { message, code: None, until: Some(until) }
    }

    /// Learns whether the system is there.
    pub(super) fn note(&self, sign: Sign) {
        if let Some(until) = self.breaker().note(sign, self.clock.now()) {
            tracing::warn!(connection = self.name, %until, "the system counts as down");
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long one call may take in all, waiting for its turn aside.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The instant at which a request whose turn comes within `wait` is given up.
    pub fn deadline(&self, wait: Duration) -> Timestamp {
        clock::add(clock::add(self.clock.now(), wait), self.timeout())
    }

    /// Until when the other side asked for a pause.
    pub fn held_until(&self) -> Option<Timestamp> {
        self.limiter.held_until()
    }

    /// Somebody is about to work with it.
    pub(super) fn come(&self) {
        self.users.come();
    }

    /// Somebody has ended their work with it; the last one gives back what the proof of identity holds at the other side.
    pub(super) async fn leave(&self) {
        if self.users.leave() {
            self.auth.release().await;
        }
    }
}
