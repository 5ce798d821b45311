//! What can be polled.

use std::sync::Arc;
use std::time::Duration;

use crate::base::duration;
use crate::expression::{Scope, Type, ValueTemplate, assignable};
use crate::spec::model::{CursorKind, Paging, Stream};
use crate::spec::raw::Written;
use crate::spec::raw::stream::{RawCursor, RawPaging, RawStream};
use crate::spec::tree::NodeId;

use super::checker::{Checker, scope};
use super::request::request;
use super::types::Types;

const OVERLAP: Duration = Duration::from_secs(5 * 60);

/// Reads a stream.
pub fn stream(
    checker: &mut Checker<'_>,
    types: &mut Types,
    settings: &Type,
    name: &Written<String>,
    raw: &Written<RawStream>,
) -> Option<Arc<Stream>> {
    let record = types.object(checker, raw.record?, "a record");
    let answer = raw.answer.map_or(Type::Any, |tree| types.read(checker, tree));
    let key = raw.key.as_ref().and_then(|key| field(checker, key, &record, Need::Name));
    let names = request_scope(settings, raw.cursor.as_ref());
    let sent = raw.request.as_ref().and_then(|raw| request(checker, raw, &names));
    let records = raw.records.as_ref().and_then(|path| records(checker, path, &answer, &record));
    let paging = paging(checker, settings, &answer, raw.paging.as_ref());
    let cursor = raw.cursor.as_ref().and_then(|raw| cursor(checker, settings, &record, raw));
    let volatile: Vec<_> =
        raw.volatile.iter().map(|name| field(checker, name, &record, Need::Nothing)).collect();
    let fine = moves_on(checker, raw, name.node);
    let stream = Stream {
        name: name.value.clone(),
        docs: raw.docs.as_ref().map(|docs| docs.value.clone()),
        record,
        key: key?,
        request: sent?,
        answer,
        records: records?,
        paging: paging?,
        cursor: cursor?,
        volatile: volatile.into_iter().collect::<Option<_>>()?,
        place: checker.place(name.node),
    };
    fine.then(|| Arc::new(stream))
}

/// What requests of a stream see. `cursor` is there only if the stream has one.
fn request_scope(settings: &Type, cursor: Option<&RawCursor>) -> Scope {
    let page = Type::object([
        ("number", Type::Integer),
        ("offset", Type::Integer),
        ("token", Type::TEXT.optional()),
    ]);
    let mut names = scope([("settings", settings), ("page", &page), ("request_id", &Type::TEXT)]);
    let cursor = match cursor {
        Some(RawCursor::DateAndDecimalHours(_)) => Type::object([("date", Type::TEXT), ("time", Type::TEXT)]),
        Some(RawCursor::Timestamp(_)) => Type::object([("at", Type::TEXT)]),
        Some(RawCursor::None) => return names,
        None => Type::Any,
    };
    names.insert("cursor".to_owned(), cursor.optional());
    names
}

/// What a field of the record is needed for.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    /// To tell records apart.
    Name,
    /// As a stamp.
    Stamp,
    /// It need only be there.
    Nothing,
}

fn field(checker: &mut Checker<'_>, name: &Written<String>, record: &Type, need: Need) -> Option<String> {
    let Type::Object(object) = record else { return Some(name.value.clone()) };
    let Some(field) = object.fields.get(&name.value) else {
        let headline = format!("the record has no field `{}`", name.value);
        let names = object.fields.keys().map(String::as_str);
        checker.unknown("unknown-field", name.node, headline, names, "the fields are");
        return None;
    };
    let fits = match need {
        Need::Name => matches!(field.ty, Type::Text { .. } | Type::Integer | Type::Any),
        Need::Stamp => matches!(field.ty, Type::Text { .. } | Type::Number | Type::Integer | Type::Any),
        Need::Nothing => true,
    };
    if !fits {
        let headline = format!("`{}` is {}, but it must be text that is always there", name.value, field.ty);
        checker.report(
            "does-not-fit",
            name.node,
            headline,
            "name another field, or declare this one without `?`",
        );
        return None;
    }
    Some(name.value.clone())
}

fn records(
    checker: &mut Checker<'_>,
    path: &Written<String>,
    answer: &Type,
    record: &Type,
) -> Option<crate::expression::Selector> {
    if !path.starts_with('$') {
        let help = format!("write a JSONPath such as `$.{}[*]`", path.trim_matches(['{', '}', ' ']));
        checker.report("invalid-path", path.node, "a JSONPath begins with `$`", help);
        return None;
    }
    let selector = checker.path(path.node, path, answer)?;
    let wrong = match selector.result_type().required() {
        Type::Any => None,
        Type::List(item) => assignable(item, record).err(),
        other => Some(format!("it is {other}, but a list of records is wanted")),
    };
    if let Some(reason) = wrong {
        let help = "pick the records from the page, for example with `$.records[*]`";
        checker.report("does-not-fit", path.node, format!("these are not the records: {reason}"), help);
        return None;
    }
    Some(selector)
}

fn paging(
    checker: &mut Checker<'_>,
    settings: &Type,
    answer: &Type,
    raw: Option<&RawPaging>,
) -> Option<Paging> {
    let names = scope([("settings", settings)]);
    Some(match raw {
        None | Some(RawPaging::Single) => Paging::Single,
        Some(RawPaging::Token(raw)) => {
            let next = raw.next.as_ref()?;
            let template =
                checker.template(next.node, &scope([("settings", settings), ("answer", answer)]))?;
            let ty = template.result_type();
            if !matches!(ty.required(), Type::Text { .. } | Type::Integer | Type::Any) {
                let headline = format!("the next page's token must be text, but this is {ty}");
                checker.report("not-text", next.node, headline, "name the field that names the next page");
                return None;
            }
            Paging::Token { next: template }
        }
        Some(RawPaging::Number(raw)) => Paging::Number {
            first: raw.first.unwrap_or(1),
            size: checker.yields_integer(raw.size?.0, &names)?,
        },
        Some(RawPaging::Offset(raw)) => Paging::Offset { size: checker.yields_integer(raw.size?.0, &names)? },
    })
}

fn cursor(checker: &mut Checker<'_>, settings: &Type, record: &Type, raw: &RawCursor) -> Option<CursorKind> {
    let names = scope([("settings", settings)]);
    let overlap = |checker: &mut Checker<'_>, written: &Option<Written<String>>| match written {
        Some(written) => checker.yields_duration(written, &names),
        None => Some(ValueTemplate::Literal(duration::display(OVERLAP).into())),
    };
    let stamp = |checker: &mut Checker<'_>, name: &Option<Written<String>>| {
        name.as_ref().and_then(|name| field(checker, name, record, Need::Stamp))
    };
    match raw {
        RawCursor::None => Some(CursorKind::None),
        RawCursor::Timestamp(raw) => {
            let field = stamp(checker, &raw.field);
            let zone = match &raw.zone {
                Some(zone) => checker.yields_zone(zone, &names),
                None => Some(ValueTemplate::Literal("UTC".into())),
            };
            let overlap = overlap(checker, &raw.overlap);
            Some(CursorKind::Timestamp { field: field?, zone: zone?, overlap: overlap? })
        }
        RawCursor::DateAndDecimalHours(raw) => {
            let date = stamp(checker, &raw.date);
            let time = stamp(checker, &raw.time);
            let zone = raw.zone.as_ref().and_then(|zone| checker.yields_zone(zone, &names));
            let overlap = overlap(checker, &raw.overlap);
            Some(CursorKind::DateAndDecimalHours { date: date?, time: time?, zone: zone?, overlap: overlap? })
        }
    }
}

/// A stream that has pages or a cursor must ask for them, or it would read the same page for ever.
fn moves_on(checker: &mut Checker<'_>, raw: &RawStream, node: NodeId) -> bool {
    let Some(request) = raw.request.as_ref().map(|request| request.node) else { return false };
    let mut fine = true;
    let paged = !matches!(raw.paging, None | Some(RawPaging::Single));
    if paged && !checker.mentions(request, "page") {
        let help = "use `{{ page.token }}`, `{{ page.number }}` or `{{ page.offset }}` in the request";
        checker.report("page-not-used", node, "the request asks for the first page again and again", help);
        fine = false;
    }
    let cursor = matches!(raw.cursor, Some(RawCursor::Timestamp(_) | RawCursor::DateAndDecimalHours(_)));
    if cursor && !checker.mentions(request, "cursor") {
        let help = "use `{{ cursor.at }}`, or `{{ cursor.date }}` and `{{ cursor.time }}`, in the request; \
                    write `cursor: none` if the system cannot say what changed";
        checker.report("cursor-not-used", node, "the request asks for everything at each poll", help);
        fine = false;
    }
    fine
}
