//! What answers mean: rules, and how the reason is read from an answer that is not ok.

use std::sync::Arc;

use crate::expression::{Scope, Template, Type};
use crate::spec::model::{AnswerClass, AnswerRule, ErrorShape};
use crate::spec::raw::Written;
use crate::spec::raw::system::{RawAnswerClass, RawAnswerRule, RawErrorShape};

use super::checker::{Checker, scope};
use super::types::Types;

/// What answer rules see. `error` is the type that the system declares, if it does.
pub fn rule_scope(settings: &Type, error: Option<&Type>) -> Scope {
    let mut names = reason_scope(settings, error);
    names.insert("error_code".to_owned(), Type::TEXT.optional());
    names
}

fn reason_scope(settings: &Type, error: Option<&Type>) -> Scope {
    let headers = Type::Table(Arc::new(Type::TEXT.optional()));
    let error = error.cloned().unwrap_or(Type::Any).optional();
    scope([
        ("settings", settings),
        ("status", &Type::Integer),
        ("headers", &headers),
        ("body", &Type::Any),
        ("error", &error),
    ])
}

/// Reads rules; `None` when one has a finding.
pub fn rules(checker: &mut Checker<'_>, raw: &[RawAnswerRule], names: &Scope) -> Option<Vec<AnswerRule>> {
    let rules: Vec<Option<AnswerRule>> = raw.iter().map(|raw| rule(checker, raw, names)).collect();
    rules.into_iter().collect()
}

fn rule(checker: &mut Checker<'_>, raw: &RawAnswerRule, names: &Scope) -> Option<AnswerRule> {
    let written = raw.when.as_ref()?;
    let when = checker.condition(written, names);
    let class = match raw.class? {
        RawAnswerClass::Ok => AnswerClass::Ok,
        RawAnswerClass::Retry => AnswerClass::Retry,
        RawAnswerClass::Reauthenticate => AnswerClass::Reauthenticate,
        RawAnswerClass::Reject => AnswerClass::Reject,
        RawAnswerClass::Done => AnswerClass::Done,
        RawAnswerClass::Locked => AnswerClass::Locked,
        RawAnswerClass::Absent => AnswerClass::Absent,
    };
    let pause = match &raw.pause {
        Some(pause) => self::pause(checker, pause, class, names).map(Some),
        None => Some(None),
    };
    Some(AnswerRule { when: when?, class, pause: pause?, place: checker.place(written.node) })
}

/// How long to leave alone what may work later.
fn pause(
    checker: &mut Checker<'_>,
    written: &Written<String>,
    class: AnswerClass,
    names: &Scope,
) -> Option<Template> {
    if !matches!(class, AnswerClass::Retry | AnswerClass::Locked) {
        let headline = "a pause is for what may work later: classes `retry` and `locked`";
        checker.report("value-not-allowed", written.node, headline, "remove `pause`, or change the class");
        return None;
    }
    if !written.contains("{{") {
        checker.duration(written)?;
    }
    let template = checker.template(written.node, names)?;
    let ty = template.result_type();
    let fits = matches!(
        ty.required(),
        Type::Integer | Type::Number | Type::Duration | Type::Text { .. } | Type::Any | Type::Null
    );
    if !fits {
        let headline = format!("a pause is a number of seconds or a duration, but this is {ty}");
        let help = "name the field of the answer that holds it";
        checker.report("does-not-fit", written.node, headline, help);
        return None;
    }
    Some(template)
}

/// Reads how the reason of a refusal is found.
pub fn error_shape(
    checker: &mut Checker<'_>,
    types: &mut Types,
    raw: &RawErrorShape,
    settings: &Type,
) -> Option<ErrorShape> {
    let ty = types.read(checker, raw.ty?);
    let names = reason_scope(settings, Some(&ty));
    let mut text = |written: &Option<Written<String>>| match written {
        Some(written) => reason(checker, written, &names).map(Some),
        None => Some(None),
    };
    let (code, message) = (text(&raw.code), text(&raw.message));
    Some(ErrorShape { ty, code: code?, message: message? })
}

/// A template that yields text, a number or nothing.
pub fn reason(
    checker: &mut Checker<'_>,
    written: &Written<String>,
    names: &Scope,
) -> Option<crate::expression::Template> {
    let template = checker.template(written.node, names)?;
    let ty = template.result_type();
    if matches!(ty.required(), Type::List(_) | Type::Object(_) | Type::Table(_)) {
        let headline = format!("this must be text, but it is {ty}");
        checker.report("not-text", written.node, headline, "name a field that is text");
        return None;
    }
    Some(template)
}
