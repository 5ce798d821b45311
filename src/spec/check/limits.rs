//! How hard a system may be worked.

use std::time::Duration;

use serde_json::json;

use crate::expression::{Scope, ValueTemplate};
use crate::spec::model::{Breaker, Limits, Rate, RateHeaders, Retry};
use crate::spec::raw::Written;
use crate::spec::raw::limits::{RawBreaker, RawLimits, RawRateHeaders};

use super::checker::Checker;

const SECOND: Duration = Duration::from_secs(1);

/// Reads limits; `names` holds `settings`.
pub fn limits(checker: &mut Checker<'_>, raw: Option<&RawLimits>, names: &Scope) -> Option<Limits> {
    let retry = raw.and_then(|raw| raw.retry.as_ref());
    let first = checker.duration_or(retry.and_then(|raw| raw.first.as_ref()), SECOND);
    let max = checker.duration_or(retry.and_then(|raw| raw.max.as_ref()), SECOND * 300);
    let attempts = retry.and_then(|raw| raw.attempts).unwrap_or(8);
    let timeout = match raw.and_then(|raw| raw.timeout.as_ref()) {
        Some(raw) => checker.yields_duration(raw, names),
        None => Some(ValueTemplate::Literal(json!("60s"))),
    };
    let rate = match raw.and_then(|raw| raw.rate.as_ref()) {
        Some(raw) => {
            let calls = raw.calls.and_then(|tree| checker.yields_integer(tree.0, names));
            let per = raw.per.as_ref().and_then(|per| checker.duration(per));
            Some(Rate { calls: calls?, per: per? })
        }
        None => None,
    };
    let headers = match raw.and_then(|raw| raw.headers.as_ref()) {
        Some(raw) => headers(checker, raw).map(Some),
        None => Some(None),
    };
    let account = match raw.and_then(|raw| raw.account.as_ref()) {
        Some(raw) => checker.naming(raw, names, "the account").map(Some),
        None => Some(None),
    };
    let breaker = breaker(checker, raw.and_then(|raw| raw.breaker.as_ref()));
    Some(Limits {
        rate,
        concurrency: raw.and_then(|raw| raw.concurrency).unwrap_or(4),
        timeout: timeout?,
        retry: Retry { first: first?, max: max?, attempts },
        headers: headers?,
        account: account?,
        take_turns: raw.is_some_and(|raw| raw.take_turns),
        breaker: breaker?,
    })
}

fn headers(checker: &mut Checker<'_>, raw: &RawRateHeaders) -> Option<RateHeaders> {
    let mut header = |written: &Written<String>| {
        let name = http::HeaderName::from_bytes(written.as_bytes()).ok();
        if name.is_none() {
            let headline = format!("`{}` is not the name of a header", written.value);
            checker.report(
                "value-not-allowed",
                written.node,
                headline,
                "write for example `X-Rate-Limit-Remaining`",
            );
        }
        name
    };
    let limit = match &raw.limit {
        Some(limit) => header(limit).map(Some),
        None => Some(None),
    };
    let remaining = raw.remaining.as_ref().and_then(&mut header);
    let reset = raw.reset.as_ref().and_then(&mut header);
    Some(RateHeaders { limit: limit?, remaining: remaining?, reset: reset? })
}

fn breaker(checker: &mut Checker<'_>, raw: Option<&RawBreaker>) -> Option<Breaker> {
    let failures = raw.and_then(|raw| raw.failures).unwrap_or(5);
    let pause = checker.duration_or(raw.and_then(|raw| raw.pause.as_ref()), SECOND * 30);
    let max = checker.duration_or(raw.and_then(|raw| raw.max.as_ref()), SECOND * 60 * 15);
    Some(Breaker { failures, pause: pause?, max: max? })
}
