//! One flow of a mapping.

use std::sync::Arc;

use crate::expression::{Scope, Template, Type};
use crate::spec::model::{AfterDone, Flow, OnChange, OnRefusal, Source};
use crate::spec::raw::Written;
use crate::spec::raw::mapping::{RawAfterDone, RawFlow, RawOnChange, RawOnRefusal};
use crate::spec::raw::source::RawSource;
use crate::spec::wording::suggest;

use super::again::again;
use super::checker::{Checker, scope};
use super::fleeting::Fleeting;
use super::flows::{Flows, Known};
use super::mapping::Roles;
use super::merge::merge;
use super::steps::Steps;
use super::system::Checked;
use super::tables::Tables;
use super::templates::after_optional;

/// What the flows of a mapping name.
pub struct Around<'a> {
    /// The systems by role.
    pub roles: &'a Roles,
    /// The mapping's settings.
    pub settings: &'a Type,
    /// Its tables.
    pub tables: &'a Tables,
    /// What is known of all flows.
    pub flows: &'a Flows,
}

/// Checks a flow; `None` when it has a finding.
pub fn flow(
    checker: &mut Checker<'_>,
    around: &Around<'_>,
    name: &Written<String>,
    raw: &Written<RawFlow>,
    sources: Option<Vec<Source>>,
) -> Option<Flow> {
    let Around { roles, settings, tables, flows } = *around;
    let known = flows.get(&name.value)?;
    let record_type = known.record.clone();
    told_by_somebody(checker, flows, name, raw, known);
    let mut names = scope([("settings", settings)]);
    (checker.lenient, checker.unsure) = (raw.record.is_none(), false);
    let record = raw
        .record
        .as_ref()
        .filter(|record| checker.identifier(record.node, "the record") && checker.free(record.node, &names));
    if let Some(record) = &raw.record {
        names.insert(record.value.clone(), record_type.clone());
    }
    let select = match &raw.select {
        Some(select) => checker.condition(select, &names).map(Some),
        None => Some(None),
    };
    let key = raw.key.as_ref().and_then(|key| checker.naming(key, &names, "the key"));
    let idempotency_key =
        raw.idempotency_key.as_ref().and_then(|key| checker.naming(key, &names, "the idempotency key"));
    let on_change = on_change(checker, raw.on_change.as_ref(), &names);
    let merge = match &raw.merge {
        Some(raw) => merge(checker, raw, &names, &record_type, sources.as_deref()).map(Some),
        None => Some(None),
    };
    // Steps are done only for records that were selected; the rest is asked of every record.
    let mut names = after_optional(select.as_ref(), &names);
    names.insert("key".to_owned(), text_type(key.as_ref()));
    names.insert("idempotency_key".to_owned(), text_type(idempotency_key.as_ref()));
    if let Some(ty) = tables.scope_type() {
        names.insert("tables".to_owned(), ty);
    }
    let steps = raw.steps.as_ref().and_then(|steps| {
        let fleeting = Fleeting::default();
        Steps { checker, roles, tables, flows, flow: &name.value, fleeting }.list(steps, &mut names, "")
    });
    let again = match &raw.again {
        Some(raw) => again(checker, raw, &names).map(Some),
        None => Some(None),
    };
    let (steps, again) = (steps?, again?);
    Some(Flow {
        name: name.value.clone(),
        title: raw.title.as_ref()?.value.clone(),
        sources: sources?,
        record_type,
        record: record?.value.clone(),
        select: select?,
        key: key?,
        merge: merge?,
        reads_tables: tables.read_by(&steps, again.as_ref()),
        again,
        tells: known.tells.clone(),
        idempotency_key: idempotency_key?,
        puts_tables: tables.put_by(&steps),
        steps,
        on_refusal: on_refusal(raw.on_refusal),
        on_change: on_change?,
        place: checker.place(name.node),
    })
}

/// Says so where no other flow tells one that waits to be told.
fn told_by_somebody(
    checker: &mut Checker<'_>,
    flows: &Flows,
    name: &Written<String>,
    raw: &RawFlow,
    known: &Known,
) {
    let written = raw.source.iter().flat_map(|sources| &sources.values);
    let mut told =
        written.filter(|source| matches!(source.value, RawSource::Told(_))).map(|source| source.node);
    let Some(node) = told.next_back().filter(|_| known.told && !flows.is_told(&name.value)) else { return };
    let head = checker.tree.entries(node).first().map_or(node, |(key, _)| *key);
    let headline = format!("no other flow tells `{}`", name.value);
    let help =
        format!("add a step such as `tell: {{ {}: … }}` to another flow, or remove `told`", name.value);
    checker.report("told-by-nobody", head, headline, help);
}

/// Splits `role.name` and finds the role's system; `None` after a finding, or when the system has one.
pub fn member(
    checker: &mut Checker<'_>,
    roles: &Roles,
    written: &Written<String>,
    what: &str,
) -> Option<(String, String, Arc<Checked>)> {
    let Some((role, name)) = written.split_once('.') else {
        let example = roles.keys().next().map_or("role", String::as_str);
        let headline = format!("`{}` does not say whose {what} it is", written.value);
        checker.report(
            "unknown-role",
            written.node,
            headline,
            format!("write for example `{example}.{}`", written.value),
        );
        return None;
    };
    let Some(system) = roles.get(role) else {
        let headline = format!("there is no role `{role}` under `systems`");
        let span = checker.tree.inside(written.node, &(0..role.len()));
        let help = suggest(role, roles.keys().map(String::as_str), "the roles are");
        let finding = checker.error_at("unknown-role", written.node, span, headline).help(help);
        checker.push(finding);
        return None;
    };
    Some((role.to_owned(), name.to_owned(), Arc::clone(system.as_ref()?)))
}

/// Reports a stream, webhook or operation that the system has not; one that it has, with a finding of its own, is passed over.
pub fn unknown_member(
    checker: &mut Checker<'_>,
    written: &Written<String>,
    name: &str,
    what: &str,
    names: &[String],
) {
    if names.iter().any(|known| known == name) {
        return;
    }
    let start = written.len() - name.len();
    let span = checker.tree.inside(written.node, &(start..written.len()));
    let code = match what {
        "stream" => "unknown-stream",
        "webhook" => "unknown-webhook",
        _ => "unknown-operation",
    };
    let headline = format!("`{}` has no {what} `{name}`", &written[..start.saturating_sub(1)]);
    let lead = format!("the {what}s are");
    let help = suggest(name, names.iter().map(String::as_str), &lead);
    let finding = checker.error_at(code, written.node, span, headline).help(help);
    checker.push(finding);
}

/// The type of what names a thing: text, of the length that its template can have.
pub fn text_type(template: Option<&Template>) -> Type {
    match template.map(Template::result_type) {
        Some(Type::Text { max }) => Type::Text { max: *max },
        _ => Type::TEXT,
    }
}

fn on_refusal(raw: Option<RawOnRefusal>) -> OnRefusal {
    match raw {
        Some(RawOnRefusal::Skip) => OnRefusal::Skip,
        Some(RawOnRefusal::Park) | None => OnRefusal::Park,
    }
}

fn on_change(checker: &mut Checker<'_>, raw: Option<&RawOnChange>, names: &Scope) -> Option<OnChange> {
    let watch = match raw.and_then(|raw| raw.watch.as_ref()) {
        Some(watch) => Some(checker.template(watch.node, names)?),
        None => None,
    };
    let after_done = match raw.and_then(|raw| raw.after_done) {
        Some(RawAfterDone::Repeat) => AfterDone::Repeat,
        Some(RawAfterDone::Ignore) => AfterDone::Ignore,
        Some(RawAfterDone::Report) | None => AfterDone::Report,
    };
    Some(OnChange { watch, after_done })
}
