//! Faults that can be switched on: scripted to the call, or at random by seed and rate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::dice::Dice;
use super::exchange::Call;
use crate::base::duration;

/// The ways in which a simulator can misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Acts, then holds the connection open without a word for `delay` (60 s) and resets it.
    ActThenTimeout,
    /// Acts, then resets the connection before the first byte of an answer.
    ActThenDrop,
    /// Acts, then answers 500.
    #[serde(rename = "act_then_status_500")]
    ActThenStatus500,
    /// Resets the connection without acting.
    DropBeforeActing,
    /// Resets the connection now and acts after `delay` (2 s) of the simulator's clock.
    LateAct,
    /// Answers 429 without acting, with `Retry-After` when `retry_after` is given.
    #[serde(rename = "status_429")]
    Status429,
    /// Answers 500 without acting.
    #[serde(rename = "status_500")]
    Status500,
    /// Answers 503 without acting, with `Retry-After` when `retry_after` is given.
    #[serde(rename = "status_503")]
    Status503,
    /// Answers 502 with a proxy's HTML page, without acting.
    HtmlError,
    /// Acts and answers after `delay` (1 s).
    Slow,
    /// Acts, sends half of the answer and closes the connection.
    TruncatedBody,
    /// Makes every token invalid, then goes on: the call meets a 401.
    TokenExpired,
    /// Answers a page whose `next` leads to the same page once more.
    DuplicatePage,
    /// Somebody opens the record: it is locked for `attempts` (1) writes, this one included.
    RecordLock,
    /// No licence is free for a write.
    NoLicence,
    /// The agent's pool of sessions is busy.
    PoolBusy,
    /// Answers 200 with an empty body, without acting.
    #[serde(rename = "empty_200")]
    Empty200,
    /// A look-up finds nothing although there is something.
    LookupLies,
    /// A void is refused.
    VoidRefused,
}

impl Fault {
    /// Whether the system acts on the call and its answer does not arrive whole, so that a repetition is right.
    pub fn loses_answer(self) -> bool {
        matches!(
            self,
            Self::ActThenTimeout
                | Self::ActThenDrop
                | Self::ActThenStatus500
                | Self::LateAct
                | Self::TruncatedBody
        )
    }

    /// The name as written in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::ActThenTimeout => "act_then_timeout",
            Self::ActThenDrop => "act_then_drop",
            Self::ActThenStatus500 => "act_then_status_500",
            Self::DropBeforeActing => "drop_before_acting",
            Self::LateAct => "late_act",
            Self::Status429 => "status_429",
            Self::Status500 => "status_500",
            Self::Status503 => "status_503",
            Self::HtmlError => "html_error",
            Self::Slow => "slow",
            Self::TruncatedBody => "truncated_body",
            Self::TokenExpired => "token_expired",
            Self::DuplicatePage => "duplicate_page",
            Self::RecordLock => "record_lock",
            Self::NoLicence => "no_licence",
            Self::PoolBusy => "pool_busy",
            Self::Empty200 => "empty_200",
            Self::LookupLies => "lookup_lies",
            Self::VoidRefused => "void_refused",
        }
    }
}

/// When which fault strikes. All conditions must hold; a missing one always does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// Only calls of this HTTP method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only calls to this path; `*` stands for any run of characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only calls whose path or body contains this text, for example an order number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// How many matching calls pass before the rule begins.
    #[serde(default)]
    pub skip: u64,
    /// How often it strikes; without it, until it is switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The share of matching calls that it strikes.
    #[serde(default = "always")]
    pub rate: f64,
    /// What the chance is drawn from.
    #[serde(default)]
    pub seed: u64,
    /// How long it takes, as `500ms` or `5s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
    /// The text of the `Retry-After` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// For how many writes a record stays locked.
    #[serde(default = "once")]
    pub attempts: u32,
}

fn always() -> f64 {
    1.0
}

fn once() -> u32 {
    1
}

impl Rule {
    /// A rule that strikes every call with `fault`.
    pub fn every(fault: Fault) -> Self {
        Self {
            fault,
            method: None,
            path: None,
            contains: None,
            skip: 0,
            times: None,
            rate: 1.0,
            seed: 0,
            delay: None,
            retry_after: None,
            attempts: 1,
        }
    }

    /// The same rule, for `method` calls to `path` only.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path = Some(path.to_owned());
        self
    }

    /// The same rule, striking `times` times at most.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// The same rule, striking `rate` of the calls, drawn from `seed`.
    #[must_use]
    pub fn at_random(mut self, rate: f64, seed: u64) -> Self {
        (self.rate, self.seed) = (rate, seed);
        self
    }

    /// The same rule, taking `delay`.
    #[must_use]
    pub fn lasting(mut self, delay: Duration) -> Self {
        self.delay = Some(duration::display(delay));
        self
    }

    fn matches(&self, call: &Call) -> bool {
        let method = self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&call.method));
        let path = self.path.as_ref().is_none_or(|pattern| glob(pattern, &call.path));
        let contains = self.contains.as_ref().is_none_or(|text| {
            call.path.contains(text.as_str()) || String::from_utf8_lossy(&call.body).contains(text.as_str())
        });
        method && path && contains
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else { return false };
    let Some(last) = pattern.rfind('*').map(|star| &pattern[star + 1..]) else { return rest.is_empty() };
    let middle: Vec<&str> = parts.collect();
    for part in middle.iter().take(middle.len().saturating_sub(1)) {
        match rest.find(part) {
            Some(found) => rest = &rest[found + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// A fault that strikes a call.
#[derive(Debug, Clone)]
pub struct Strike {
    /// Which fault.
    pub fault: Fault,
    /// How long it takes, where its rule says so.
    pub delay: Option<Duration>,
    /// The text of the `Retry-After` header.
    pub retry_after: Option<String>,
    /// For how many writes a record stays locked.
    pub attempts: u32,
}

#[derive(Debug)]
struct Armed {
    id: u64,
    rule: Rule,
    dice: Dice,
    matched: u64,
    struck: u64,
}

/// The rules that are switched on, in order; the first that strikes decides.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Armed>,
    last: u64,
}

impl Faults {
    /// Switches a rule on and gives its id.
    ///
    /// # Errors
    /// A sentence when the rule's rate or delay makes no sense.
    pub fn add(&mut self, rule: Rule) -> Result<u64, String> {
        if !(0.0..=1.0).contains(&rule.rate) {
            return Err(format!("rate {} is not between 0 and 1", rule.rate));
        }
        if let Some(delay) = &rule.delay {
            duration::parse(delay)?;
        }
        self.last += 1;
        let dice = Dice::new(rule.seed.wrapping_add(self.last));
        self.rules.push(Armed { id: self.last, rule, dice, matched: 0, struck: 0 });
        Ok(self.last)
    }

    /// Switches one rule off, or all.
    pub fn remove(&mut self, id: Option<u64>) {
        self.rules.retain(|armed| id.is_some_and(|id| armed.id != id));
    }

    /// Decides whether `call` is struck, and counts it.
    pub fn strike(&mut self, call: &Call) -> Option<Strike> {
        self.rules.iter_mut().find_map(|armed| armed.strike(call))
    }

    /// The rules with what they have done so far.
    pub fn list(&self) -> Vec<serde_json::Value> {
        let show = |armed: &Armed| serde_json::json!({ "id": armed.id, "rule": armed.rule, "matched": armed.matched, "struck": armed.struck });
        self.rules.iter().map(show).collect()
    }
}

impl Armed {
    fn strike(&mut self, call: &Call) -> Option<Strike> {
        if self.rule.times.is_some_and(|times| self.struck >= times) || !self.rule.matches(call) {
            return None;
        }
        self.matched += 1;
        if self.matched <= self.rule.skip || !self.dice.chance(self.rule.rate) {
            return None;
        }
        self.struck += 1;
        Some(Strike {
            fault: self.rule.fault,
            delay: self.rule.delay.as_deref().and_then(|delay| duration::parse(delay).ok()),
            retry_after: self.rule.retry_after.clone(),
            attempts: self.rule.attempts,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn strikes(faults: &mut Faults, calls: usize) -> Vec<bool> {
        let call = Call::new("POST", "/api/shipments/v2409/ship", Some(&json!({"reference": "0010001"})));
        (0..calls).map(|_| faults.strike(&call).is_some()).collect()
    }

    #[test]
    fn a_script_strikes_exactly() {
        let mut faults = Faults::default();
        let rule = json!({"fault": "act_then_drop", "method": "post", "path": "/api/shipments/*/ship", "skip": 1, "times": 2});
        faults.add(serde_json::from_value(rule).unwrap()).unwrap();
        assert_eq!(strikes(&mut faults, 5), [false, true, true, false, false]);
    }

    #[test]
    fn chance_repeats_for_a_seed() {
        let run = |seed| {
            let mut faults = Faults::default();
            faults.add(Rule::every(Fault::Status503).at_random(0.3, seed)).unwrap();
            strikes(&mut faults, 50)
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    #[test]
    fn rules_are_checked_and_matched() {
        assert!(glob("/a/*/c*", "/a/b/c/d") && glob("*", "/x") && glob("/x", "/x"));
        assert!(!glob("/x", "/xy") && !glob("/a/*/c", "/a/b/d"));
        let mut faults = Faults::default();
        assert!(faults.add(Rule::every(Fault::Slow).at_random(2.0, 0)).is_err());
        let mut rule = Rule::every(Fault::Slow);
        rule.contains = Some("0010002".into());
        faults.add(rule).unwrap();
        assert_eq!(strikes(&mut faults, 1), [false]);
        assert!(serde_json::from_value::<Rule>(json!({"fault": "status_429", "tiems": 1})).is_err());
        faults.remove(None);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn names_are_what_rules_say() {
        let fault: Fault = serde_json::from_value(json!("act_then_status_500")).unwrap();
        assert_eq!(serde_json::to_value(fault).unwrap(), json!(fault.name()));
        for fault in [Fault::Status429, Fault::Empty200, Fault::TokenExpired, Fault::LateAct] {
            assert_eq!(serde_json::to_value(fault).unwrap(), json!(fault.name()));
        }
    }
}
