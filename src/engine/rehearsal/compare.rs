//! Holds what came of a test against what it expects, and says each difference in a sentence.

use std::time::Duration;

use serde_json::Value;

use super::Difference;
use super::differ::{Differs, differing};
use super::script::Made;
use super::stage::Played;
use crate::base::{clock, duration};
use crate::engine::request::body_value;
use crate::spec::model::{Expectation, ExpectedCall, ExpectedRequest, MappingTest, Place, TestState};
use crate::store::RecordState;
use crate::transport::Parts;

/// What is not as the test expects.
pub(super) fn compare(test: &MappingTest, played: &Played) -> Vec<Difference> {
    let mut found = Found { test: &test.place, all: Vec::new() };
    let expected = &test.expect;
    found.replies(played);
    found.state(expected, played);
    if let Some(calls) = &expected.calls {
        found.calls(calls, played);
    }
    found.links(expected, played);
    found.tables(expected, played);
    found.notices(expected, played);
    found.tells(expected, played);
    found.again(expected, played);
    found.all
}

/// The differences so far.
struct Found<'a> {
    test: &'a Place,
    all: Vec<Difference>,
}

impl Found<'_> {
    fn say(&mut self, what: String) {
        self.at(self.test.clone(), None, what);
    }

    fn at(&mut self, place: Place, step: Option<&str>, what: String) {
        let (step, place) = (step.map(str::to_owned), place.to_string());
        self.all.push(Difference { what, step, place, expected: None, found: None });
    }

    fn values(&mut self, place: &Place, step: Option<&str>, what: String, differs: Differs<'_>) {
        self.all.push(Difference {
            what,
            step: step.map(str::to_owned),
            place: place.to_string(),
            expected: Some(differs.expected.clone()),
            found: Some(differs.found.cloned().unwrap_or(Value::Null)),
        });
    }

    fn replies(&mut self, played: &Played) {
        for unanswered in &played.unanswered {
            let call = &unanswered.call;
            let what = match unanswered.replies {
                0 => format!(
                    "`{}` calls {}, and the test says nothing of what is replied; add `replies: {{ {}: … }}`",
                    call.actual, call.operation, call.step
                ),
                replies => format!(
                    "`{}` calls {} more often than there are replies, which are {replies}",
                    call.actual, call.operation
                ),
            };
            self.at(call.place.clone(), Some(&call.actual), what);
        }
        for (step, left, place) in &played.left_over {
            let what = format!("`{step}` was called less often than there are replies: {left} are left");
            self.at(place.clone(), Some(step), what);
        }
    }

    fn state(&mut self, expected: &Expectation, played: &Played) {
        let reason = played.record.reason.as_ref();
        let because = reason.map(|reason| format!(": {}", reason.message)).unwrap_or_default();
        if let Some(state) = expected.state
            && record_state(state) != played.record.state
        {
            let (is, should) = (word(played.record.state), word(record_state(state)));
            let step = reason.and_then(|reason| reason.step.clone());
            let place = reason.and_then(|reason| reason.place.clone());
            self.all.push(Difference {
                what: format!("It ends {is}, not {should}{because}"),
                step,
                place: place.unwrap_or_else(|| self.test.to_string()),
                expected: Some(Value::from(should)),
                found: Some(Value::from(is)),
            });
        }
        if let Some(part) = &expected.reason {
            match reason {
                Some(reason) if reason.message.contains(part.as_str()) => {}
                Some(reason) => {
                    let what =
                        format!("Its reason is “{}”, in which “{part}” does not stand", reason.message);
                    self.say(what);
                }
                None => self.say(format!("There is no reason, where one with “{part}” is expected")),
            }
        }
    }

    fn calls(&mut self, expected: &[ExpectedCall], played: &Played) {
        for index in 0..expected.len().max(played.calls.len()) {
            match (expected.get(index), played.calls.get(index)) {
                (Some(expected), Some(made)) if is_of(expected, made) => {
                    self.call(expected, made, played);
                }
                (Some(expected), Some(made)) => {
                    let what = format!(
                        "Call {} is `{}` ({}), not `{}`",
                        index + 1,
                        made.actual,
                        made.operation,
                        expected.step
                    );
                    // What comes after is out of step, and would only say the same again.
                    return self.at(expected.place.clone(), Some(&made.actual), what);
                }
                (Some(expected), None) => {
                    let what = format!("`{}` is not called", expected.step);
                    self.at(expected.place.clone(), Some(&expected.step), what);
                }
                (None, Some(made)) => {
                    let what = format!("`{}` calls {}, which is not expected", made.actual, made.operation);
                    self.at(made.place.clone(), Some(&made.actual), what);
                }
                (None, None) => {}
            }
        }
    }

    fn call(&mut self, expected: &ExpectedCall, made: &Made, played: &Played) {
        if let Some(input) = &expected.input {
            self.part(expected, made, "input", input, Some(&made.input));
        }
        let Some(request) = &expected.request else { return };
        match &made.request {
            Some(parts) => {
                let role = made.operation.split('.').next().unwrap_or_default();
                let root = played.roots.get(role).map_or("", String::as_str);
                self.request(expected, request, made, parts, root);
            }
            None => {
                let what = format!("Nothing is sent by `{}`: its request cannot be made", made.actual);
                self.at(expected.place.clone(), Some(&made.actual), what);
            }
        }
    }

    fn request(
        &mut self,
        call: &ExpectedCall,
        expected: &ExpectedRequest,
        made: &Made,
        parts: &Parts,
        root: &str,
    ) {
        if let Some(method) = &expected.method {
            let (should, is) = (Value::from(method.as_str()), Value::from(parts.method.as_str()));
            self.part(call, made, "request.method", &should, Some(&is));
        }
        if let Some(path) = &expected.path {
            let is = parts.url.path();
            let is = Value::from(is.strip_prefix(root).unwrap_or(is));
            self.part(call, made, "request.path", &Value::from(path.as_str()), Some(&is));
        }
        let texts = |pairs: &[(String, String)], name: &str| {
            let found = pairs.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
            found.map(|(_, value)| Value::from(value.as_str()))
        };
        for (kind, wanted, pairs) in
            [("query", &expected.query, &parts.query), ("headers", &expected.headers, &parts.headers)]
        {
            for (name, value) in wanted {
                let should = Value::from(value.as_str());
                let path = format!("request.{kind}.{name}");
                self.part(call, made, &path, &should, texts(pairs, name).as_ref());
            }
        }
        if let Some(body) = &expected.body {
            let is = parts.body.clone().map(body_value);
            self.part(call, made, "request.body", body, is.as_ref());
        }
    }

    /// Says where `found` is not what `expected` says.
    fn part(
        &mut self,
        call: &ExpectedCall,
        made: &Made,
        path: &str,
        expected: &Value,
        found: Option<&Value>,
    ) {
        for differs in differing(path, expected, found) {
            let what = format!("`{}`: {}", made.actual, differs.sentence());
            self.values(&call.place, Some(&made.actual), what, differs);
        }
    }

    fn links(&mut self, expected: &Expectation, played: &Played) {
        for (kind, values) in &expected.links {
            let mut is: Vec<&str> = played
                .links
                .iter()
                .filter(|(other, _)| other == kind)
                .map(|(_, value)| value.as_str())
                .collect();
            let mut should: Vec<&str> = values.iter().map(String::as_str).collect();
            is.sort_unstable();
            should.sort_unstable();
            if is != should {
                let list = |values: &[&str]| {
                    if values.is_empty() { "nothing".to_owned() } else { values.join(", ") }
                };
                self.say(format!("It is linked as {kind} to {}, not to {}", list(&is), list(&should)));
            }
        }
    }

    fn tables(&mut self, expected: &Expectation, played: &Played) {
        for (table, rows) in &expected.tables {
            for (key, should) in rows {
                let row = played.tables.get(table).and_then(|rows| rows.iter().find(|row| row.key == *key));
                let is = row.map(|row| &row.value);
                let path = format!("tables.{table}.{key}");
                let test = self.test.clone();
                for differs in differing(&path, should, is) {
                    let what = capital(&differs.sentence());
                    self.values(&test, None, what, differs);
                }
            }
        }
    }

    fn notices(&mut self, expected: &Expectation, played: &Played) {
        let Some(parts) = &expected.notices else { return };
        let notices = &played.record.notices;
        if notices.len() != parts.len() {
            let texts: Vec<&str> = notices.iter().map(|notice| notice.message.as_str()).collect();
            let (is, should) = (texts.len(), parts.len());
            self.say(format!("There are {is} notices, not {should}: {}", texts.join("; ")));
            return;
        }
        for (part, notice) in parts.iter().zip(notices) {
            if !notice.message.contains(part.as_str()) {
                let what = format!("A notice says “{}”, in which “{part}” does not stand", notice.message);
                self.say(what);
            }
        }
    }
}

impl Found<'_> {
    /// What other flows are told.
    fn tells(&mut self, expected: &Expectation, played: &Played) {
        for (flow, should) in &expected.tells {
            let none = Vec::new();
            let told = played.tells.get(flow).unwrap_or(&none);
            if told.len() != should.len() {
                let (is, should) = (told.len(), should.len());
                self.say(format!("It tells `{flow}` of {is} records, not {should}"));
                continue;
            }
            for (index, (should, is)) in should.iter().zip(told).enumerate() {
                let test = self.test.clone();
                for differs in differing(&format!("tells.{flow}[{index}]"), should, Some(is)) {
                    let what = capital(&differs.sentence());
                    self.values(&test, None, what, differs);
                }
            }
        }
    }

    /// When it comes again.
    fn again(&mut self, expected: &Expectation, played: &Played) {
        let Some(should) = expected.again else { return };
        let record = &played.record;
        let is = record.again.map(|at| clock::between(record.changed, at));
        if is != should {
            let word = |time: Option<Duration>| {
                time.map_or_else(|| "never".to_owned(), |time| format!("after {}", duration::display(time)))
            };
            self.say(format!("It comes again {}, not {}", word(is), word(should)));
        }
    }
}

fn is_of(expected: &ExpectedCall, made: &Made) -> bool {
    expected.step == made.step || expected.step == made.actual
}

fn record_state(state: TestState) -> RecordState {
    match state {
        TestState::Done => RecordState::Done,
        TestState::Parked => RecordState::Parked,
        TestState::Skipped => RecordState::Skipped,
        TestState::InDoubt => RecordState::InDoubt,
        TestState::Waiting => RecordState::Waiting,
    }
}

fn word(state: RecordState) -> String {
    let word = serde_json::to_value(state).ok();
    word.as_ref().and_then(Value::as_str).unwrap_or_default().replace('_', " ")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
