//! Gathers inputs of many records into one call, in which each has an outcome of its own.
//!
//! The first input opens a batch and waits for company; the batch goes when it is full, when the wait is over or when the
//! engine stops. A call that is refused as a whole is asked again in halves until the bad input is alone, so that it stops
//! only its own record. All of this is for calls that are safe to repeat.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::answer;
use super::connection::Connection;
use super::exchange::{Answered, Terms, read_result, unfit};
use super::outcome::{Call, Outcome, Refusal};
use super::request::Prepared;
use crate::base::clock;
use crate::expression::{Template, Values, normalise};
use crate::spec::model::{AnswerClass, Batch, Operation};

/// The batches of a connection that still take inputs, by operation.
#[derive(Debug, Default)]
pub(super) struct Batches(Mutex<HashMap<usize, Arc<Gathering>>>);

/// A batch that still takes inputs.
#[derive(Debug, Default)]
struct Gathering {
    members: Mutex<Vec<Member>>,
    full: Notify,
}

/// An input, and who waits for what comes of it.
#[derive(Debug)]
struct Member {
    input: Value,
    answer: oneshot::Sender<Call>,
}

/// Who asks for what, over all of a batch.
#[derive(Clone, Copy)]
struct Asked<'a> {
    who: &'a str,
    operation: &'a Operation,
    batch: &'a Batch,
}

impl Connection {
    /// Calls an operation that takes many inputs at once, together with others who do so now.
    pub(super) async fn call_together(
        self: &Arc<Self>,
        who: &str,
        operation: &Arc<Operation>,
        input: &Value,
        stop: &CancellationToken,
    ) -> Call {
        let Some(batch) = &operation.batch else { return self.call(who, operation, input).await };
        let (answer, answered) = oneshot::channel();
        let member = Member { input: input.clone(), answer };
        if let Some(gathering) = self.batches.join(operation, batch.most as usize, member) {
            let (connection, operation) = (Arc::clone(self), Arc::clone(operation));
            let (who, stop) = (who.to_owned(), stop.clone());
            // A task of its own: the records of a batch do not depend on the one that opened it.
            tokio::spawn(async move { connection.gather(&who, &operation, &gathering, &stop).await });
        }
        answered.await.unwrap_or_else(|_| {
            let reason = "a bug stopped the batch; please report it with the log".to_owned();
            Call::unsent(Outcome::NotSent { reason, permanent: false })
        })
    }

    async fn gather(
        &self,
        who: &str,
        operation: &Arc<Operation>,
        gathering: &Arc<Gathering>,
        stop: &CancellationToken,
    ) {
        let Some(batch) = &operation.batch else { return };
        tokio::select! {
            () = self.clock.sleep(batch.wait) => {}
            () = gathering.full.notified() => {}
            () = stop.cancelled() => {}
        }
        let asked = Asked { who, operation, batch };
        let mut groups = vec![self.batches.close(operation, gathering)];
        while let Some(mut group) = groups.pop() {
            group.retain(|member| !member.answer.is_closed());
            match self.ask_together(asked, &group).await {
                Ok(calls) => answer(group, calls),
                Err(call) if group.len() > 1 && call.outcome.is_refusal() => {
                    let second = group.split_off(group.len() / 2);
                    groups.extend([second, group]);
                }
                Err(call) => {
                    let calls = group.iter().map(|member| self.shared_by(&call, member, group.len()));
                    let calls = calls.collect();
                    answer(group, calls);
                }
            }
        }
    }

    /// One call for all of a group, and what came of each input.
    ///
    /// # Errors
    /// The call as it ended, when it ended so for all of them.
    async fn ask_together(&self, asked: Asked<'_>, group: &[Member]) -> Result<Vec<Call>, Call> {
        if group.is_empty() {
            return Ok(Vec::new());
        }
        let unrenderable = |message| Call::unsent(Outcome::Unrenderable(message));
        // Before it is sent: an input without a name could not be told from the others in the answer.
        let names = self.names(asked.batch, group).map_err(unrenderable)?;
        let mut values = self.values.clone();
        values.set("inputs", &group.iter().map(|member| member.input.clone()).collect());
        let prepared = self.render(&asked.operation.request, values);
        let prepared = prepared.map_err(|error| unrenderable(error.message))?;
        let (prepared, mut answered) = self.ask(asked.who, prepared, Terms::of(asked.operation)).await?;
        match answered.judged.class {
            AnswerClass::Ok => {}
            AnswerClass::Done => return Err(self.tell(&prepared, &answered)),
            _ => {
                let call = self.tell(&prepared, &answered);
                return Err(Call { outcome: self.failed(answered.incoming.status, answered.judged), ..call });
            }
        }
        let body = answered.body.take().unwrap_or_default();
        self.share_out(asked, group, names, &prepared, &answered, body).map_err(|message| {
            let outcome = Outcome::Unreadable(Refusal { message, ..Refusal::default() });
            Call { outcome, ..self.tell(&prepared, &answered) }
        })
    }

    /// What names each input in the answer; `None` where they are told apart by their order.
    fn names(&self, batch: &Batch, group: &[Member]) -> Result<Option<Vec<String>>, String> {
        let Some((by, _)) = &batch.match_ else { return Ok(None) };
        let name = |member: &Member| {
            let mut values = self.values.clone();
            values.set("input", &member.input);
            named(by, &values)?.ok_or_else(|| format!("`{}` yields nothing for an input", by.source()))
        };
        group.iter().map(name).collect::<Result<_, _>>().map(Some)
    }

    fn share_out(
        &self,
        asked: Asked<'_>,
        group: &[Member],
        names: Option<Vec<String>>,
        prepared: &Prepared,
        answered: &Answered,
        body: Value,
    ) -> Result<Vec<Call>, String> {
        let body = normalise(body, &asked.operation.answer).map_err(|mismatches| unfit(&mismatches))?;
        let items = match asked.batch.items.select(&body).map_err(|error| error.to_string())? {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            single => vec![single],
        };
        let items = match (&asked.batch.match_, names) {
            (Some((_, by)), Some(names)) => self.by_name(by, items, &names)?,
            _ if items.len() > group.len() => {
                return Err(format!("{} items came for {} inputs", items.len(), group.len()));
            }
            _ => items.into_iter().map(Some).chain(std::iter::repeat(None)).take(group.len()).collect(),
        };
        let mut facts = self.facts(prepared, answered);
        facts["batch"] = Value::from(group.len());
        let mut values = self.values.clone();
        values.set("answer", &body);
        // What all have in common is made once: a batch is large, and each member gets a copy of the rest only.
        let mut common = prepared.shown(&self.redactor);
        without_inputs(&mut common, group.len());
        let headers = self.redactor.headers_json(&answered.incoming.headers);
        let calls = group.iter().zip(items).map(|(member, item)| {
            let outcome = self.outcome_of(asked, values.clone(), &member.input, item.as_ref());
            let answer = json!({
                "status": answered.incoming.status.as_u16(),
                "headers": headers,
                "item": item.as_ref().map(|item| self.redactor.json(item)),
            });
            let mut request = common.clone();
            request["input"] = self.redactor.json(&member.input);
            let exchange = Value::from_iter([("request", request), ("answer", answer)]);
            Call { facts: facts.clone(), exchange, ..Call::unsent(outcome) }
        });
        Ok(calls.collect())
    }

    fn by_name(
        &self,
        by: &Template,
        items: Vec<Value>,
        names: &[String],
    ) -> Result<Vec<Option<Value>>, String> {
        let mut found: HashMap<String, Value> = HashMap::new();
        for item in items {
            let mut values = self.values.clone();
            values.set("item", &item);
            if let Some(name) = named(by, &values)? {
                found.insert(name, item);
            }
        }
        Ok(names.iter().map(|name| found.get(name).cloned()).collect())
    }

    /// What an item says of its input. `values` hold the answer.
    fn outcome_of(
        &self,
        asked: Asked<'_>,
        mut values: Values,
        input: &Value,
        item: Option<&Value>,
    ) -> Outcome {
        let Some(item) = item else {
            let message = format!("{} answered nothing for this one of several", self.system.title);
            return Outcome::Later(Refusal { message, ..Refusal::default() });
        };
        values.set("input", input);
        values.set("item", item);
        let judged = (|| {
            let (mut class, mut pause) = (AnswerClass::Ok, None);
            for rule in &asked.batch.answers {
                if rule.when.truth(&values)? {
                    (class, pause) = (rule.class, answer::pause(rule, &values)?);
                    break;
                }
            }
            let message = match &asked.batch.message {
                Some(message) if class != AnswerClass::Ok => named(message, &values)
                    .map_err(|message| crate::expression::EvaluationError { message })?,
                _ => None,
            };
            Ok::<_, crate::expression::EvaluationError>((class, pause, message))
        })();
        let unreadable = |message| Outcome::Unreadable(Refusal { message, ..Refusal::default() });
        let (class, pause, message) = match judged {
            Ok(judged) => judged,
            Err(error) => return unreadable(format!("the rules for items do not fit this one: {error}")),
        };
        let said = message.unwrap_or_else(|| format!("{} did not accept this one", self.system.title));
        let until = pause.map(|pause| clock::add(self.clock.now(), pause));
        let refusal = || Refusal { message: self.redactor.text(&said), until, ..Refusal::default() };
        match class {
            AnswerClass::Ok => read_result(asked.operation, &values).unwrap_or_else(unreadable),
            AnswerClass::Done => Outcome::Done,
            AnswerClass::Absent => Outcome::Absent(refusal()),
            AnswerClass::Reject => Outcome::Rejected(refusal()),
            AnswerClass::Retry | AnswerClass::Locked | AnswerClass::Reauthenticate => {
                Outcome::Later(refusal())
            }
        }
    }

    /// The call as one of several who shared it may see it: nothing of the others.
    fn shared_by(&self, call: &Call, member: &Member, size: usize) -> Call {
        if size == 1 {
            return call.clone();
        }
        let mut call = call.clone();
        if let Some(facts) = call.facts.as_object_mut() {
            facts.insert("batch".to_owned(), Value::from(size));
        }
        if let Some(request) = call.exchange.get_mut("request").filter(|request| request.is_object()) {
            without_inputs(request, size);
            request["input"] = self.redactor.json(&member.input);
        }
        if let Some(answer) = call.exchange.get_mut("answer").and_then(Value::as_object_mut) {
            answer.remove("body");
        }
        call
    }
}

impl Batches {
    /// Takes an input into the operation's open batch; the batch, if this opened it.
    fn join(&self, operation: &Arc<Operation>, most: usize, member: Member) -> Option<Arc<Gathering>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = place(operation);
        let opened = !open.contains_key(&place);
        let gathering = Arc::clone(open.entry(place).or_default());
        let count = {
            let mut members = gathering.members.lock().unwrap_or_else(PoisonError::into_inner);
            members.push(member);
            members.len()
        };
        if count >= most {
            open.remove(&place);
            gathering.full.notify_one();
        }
        opened.then_some(gathering)
    }

    /// Lets no more into a batch, and takes those that are in it.
    fn close(&self, operation: &Arc<Operation>, gathering: &Arc<Gathering>) -> Vec<Member> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(&place(operation)).is_some_and(|other| Arc::ptr_eq(other, gathering)) {
            open.remove(&place(operation));
        }
        std::mem::take(&mut *gathering.members.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Takes the inputs out of a request that many share. Some transports send documents in the query.
fn without_inputs(request: &mut Value, size: usize) {
    let Some(request) = request.as_object_mut() else { return };
    request.remove("body");
    if let Some(Value::String(url)) = request.get_mut("url") {
        url.truncate(url.find('?').unwrap_or(url.len()));
    }
    request.insert("batch".to_owned(), Value::from(size));
}

/// Tells operations apart, those of an earlier revision of a system too. Whoever is in a batch keeps its operation alive.
fn place(operation: &Arc<Operation>) -> usize {
    Arc::as_ptr(operation) as usize
}

fn answer(group: Vec<Member>, calls: Vec<Call>) {
    for (member, call) in group.into_iter().zip(calls) {
        // Whoever asked may have been stopped meanwhile.
        let _ = member.answer.send(call);
    }
}

/// What a template yields, as text; `None` where that is nothing.
fn named(template: &Template, values: &Values) -> Result<Option<String>, String> {
    Ok(match template.evaluate(values).map_err(|error| error.to_string())? {
        Value::Null => None,
        Value::String(text) => Some(text).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    })
}
