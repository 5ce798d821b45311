//! What can be polled.

use std::sync::Arc;
use std::time::Duration;

use crate::base::duration;
use crate::expression::{Scope, Selector, Template, Type, ValueTemplate, assignable};
use crate::spec::model::{CursorKind, Paging, Records, Stream, Until};
use crate::spec::raw::AnyTree;
use crate::spec::raw::Written;
use crate::spec::raw::stream::{RawCursor, RawPaging, RawStream, RawUntil};
use crate::spec::tree::NodeId;

use super::checker::{Checker, scope};
use super::operation::Surroundings;
use super::request::request;
use super::types::Types;

const OVERLAP: Duration = Duration::from_secs(5 * 60);

/// Reads a stream.
pub fn stream(
    checker: &mut Checker<'_>,
    types: &mut Types,
    around: &Surroundings<'_>,
    name: &Written<String>,
    raw: &Written<RawStream>,
) -> Option<Arc<Stream>> {
    let settings = around.settings;
    let record = types.object(checker, raw.record?, "a record");
    let answer = raw.answer.map_or(Type::Any, |tree| types.read(checker, tree));
    let key = raw.key.as_ref().and_then(|key| field(checker, key, &record, Need::Name));
    let names = request_scope(around, &record, raw);
    let sent = raw.request.as_ref().and_then(|raw| request(checker, raw, &names));
    let records = raw.records.and_then(|tree| records(checker, tree, settings, &answer, &record));
    let paging = paging(checker, settings, &answer, raw.paging.as_ref());
    let cursor = raw.cursor.as_ref().and_then(|raw| cursor(checker, settings, &record, &answer, raw));
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
fn request_scope(around: &Surroundings<'_>, record: &Type, raw: &RawStream) -> Scope {
    let sized = matches!(raw.paging, Some(RawPaging::Number(_) | RawPaging::Offset(_)));
    let page = Type::object([
        ("number", Type::Integer),
        ("offset", Type::Integer),
        ("token", Type::TEXT.optional()),
        ("size", if sized { Type::Integer } else { Type::Integer.optional() }),
    ]);
    let mut names = around.sent.clone();
    names.insert("page".to_owned(), page);
    let cursor = match &raw.cursor {
        Some(RawCursor::DateAndDecimalHours(_)) => Type::object([("date", Type::TEXT), ("time", Type::TEXT)]),
        Some(RawCursor::Timestamp(_)) => Type::object([("at", Type::TEXT)]),
        Some(RawCursor::Day(_)) => Type::object([("day", Type::TEXT)]),
        Some(RawCursor::Keyset(raw)) => Type::object([("key", key_type(record, raw.field.as_ref()))]),
        Some(RawCursor::Token(_)) => Type::object([("token", Type::TEXT)]),
        Some(RawCursor::None) => return names,
        None => Type::Any,
    };
    // A source that reaches only so far is always asked from somewhere.
    let bounded = matches!(&raw.cursor, Some(RawCursor::Timestamp(raw)) if raw.reach.is_some());
    names.insert("cursor".to_owned(), if bounded { cursor } else { cursor.optional() });
    names
}

/// The type of a keyset's values.
fn key_type(record: &Type, field: Option<&Written<String>>) -> Type {
    let (Type::Object(object), Some(name)) = (record, field) else { return Type::Any };
    match object.fields.get(&name.value).map(|field| field.ty.required()) {
        Some(ty @ (Type::Integer | Type::Number)) => ty.clone(),
        Some(Type::Text { .. }) => Type::TEXT,
        _ => Type::Any,
    }
}

/// What a field of the record is needed for.
#[derive(Clone, Copy, PartialEq)]
enum Need {
    /// To tell records apart.
    Name,
    /// As a stamp.
    Stamp,
    /// As a day.
    Day,
    /// It need only be there.
    Nothing,
}

fn field(checker: &mut Checker<'_>, name: &Written<String>, record: &Type, need: Need) -> Option<String> {
    let ty = checker.record_field(record, name)?;
    let fits = match need {
        Need::Name => matches!(ty, Type::Text { .. } | Type::Integer | Type::Any),
        Need::Stamp => matches!(ty, Type::Text { .. } | Type::Number | Type::Integer | Type::Any),
        Need::Day => matches!(ty.required(), Type::Text { .. } | Type::Any),
        Need::Nothing => true,
    };
    if !fits {
        let wanted = match need {
            Need::Name => "text or a whole number that is always there",
            Need::Stamp => "text or a number that is always there",
            Need::Day | Need::Nothing => "text",
        };
        let headline = format!("`{}` is {ty}, but it must be {wanted}", name.value);
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

/// What of a page is the records: text is a path unless it has an expression in it.
fn records(
    checker: &mut Checker<'_>,
    AnyTree(node): AnyTree,
    settings: &Type,
    answer: &Type,
    record: &Type,
) -> Option<Records> {
    if let Some(text) = checker.tree.as_text(node).filter(|text| !text.contains("{{")) {
        let path = Written { value: text.to_owned(), node };
        return picked(checker, &path, answer, record).map(Records::Path);
    }
    let names = scope([("settings", settings), ("answer", answer)]);
    let value = checker.values(node, &names, Some("answer"))?;
    // Nothing is no records.
    let wanted = Type::list(record.clone()).optional();
    checker.assign(&value, node, node, &wanted).then_some(Records::Give(value))
}

fn picked(
    checker: &mut Checker<'_>,
    path: &Written<String>,
    answer: &Type,
    record: &Type,
) -> Option<Selector> {
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
        Some(RawPaging::Token(raw)) => Paging::Token {
            next: next(checker, settings, answer, raw.next.as_ref()?, "the next page's token")?,
        },
        Some(RawPaging::Number(raw)) => Paging::Number {
            first: raw.first.unwrap_or(1),
            size: checker.yields_integer(raw.size?.0, &names)?,
            until: until(raw.until),
            halve: raw.halve,
        },
        Some(RawPaging::Offset(raw)) => Paging::Offset {
            size: checker.yields_integer(raw.size?.0, &names)?,
            until: until(raw.until),
            halve: raw.halve,
        },
        Some(RawPaging::Link(raw)) => Paging::Link {
            next: next(checker, settings, answer, raw.next.as_ref()?, "the next page's address")?,
        },
    })
}

fn until(raw: Option<RawUntil>) -> Until {
    match raw {
        Some(RawUntil::Empty) => Until::Empty,
        Some(RawUntil::Short) | None => Until::Short,
    }
}

/// What an answer says of how to go on; null where there is nothing more.
fn next(
    checker: &mut Checker<'_>,
    settings: &Type,
    answer: &Type,
    written: &Written<String>,
    what: &str,
) -> Option<Template> {
    let template = checker.template(written.node, &scope([("settings", settings), ("answer", answer)]))?;
    let ty = template.result_type();
    if matches!(ty.required(), Type::Text { .. } | Type::Integer | Type::Any) {
        return Some(template);
    }
    let headline = format!("{what} must be text, but this is {ty}");
    checker.report("not-text", written.node, headline, "name the field of the answer that holds it");
    None
}

fn cursor(
    checker: &mut Checker<'_>,
    settings: &Type,
    record: &Type,
    answer: &Type,
    raw: &RawCursor,
) -> Option<CursorKind> {
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
            let zone = zone_or_utc(checker, raw.zone.as_ref(), &names);
            let overlap = overlap(checker, &raw.overlap);
            let reach = match &raw.reach {
                Some(reach) => checker.yields_duration(reach, &names).map(Some),
                None => Some(None),
            };
            Some(CursorKind::Timestamp { field: field?, zone: zone?, overlap: overlap?, reach: reach? })
        }
        RawCursor::DateAndDecimalHours(raw) => {
            let date = stamp(checker, &raw.date);
            let time = stamp(checker, &raw.time);
            let zone = raw.zone.as_ref().and_then(|zone| checker.yields_zone(zone, &names));
            let overlap = overlap(checker, &raw.overlap);
            Some(CursorKind::DateAndDecimalHours { date: date?, time: time?, zone: zone?, overlap: overlap? })
        }
        RawCursor::Day(raw) => {
            let field = raw.field.as_ref().and_then(|name| field(checker, name, record, Need::Day));
            let back = back(checker, raw.back, 1, &names);
            let zone = zone_or_utc(checker, raw.zone.as_ref(), &names);
            Some(CursorKind::Day { field: field?, back: back?, zone: zone? })
        }
        RawCursor::Keyset(raw) => {
            let name = raw.field.as_ref();
            let field = name.and_then(|name| field(checker, name, record, Need::Stamp));
            let number = matches!(key_type(record, name), Type::Integer | Type::Number);
            let text = matches!(key_type(record, name), Type::Text { .. });
            if let (Some(AnyTree(node)), true) = (raw.back, text && field.is_some()) {
                let headline = "text has nothing to read back by: `back` is for numbers";
                checker.report("value-not-allowed", node, headline, "remove `back`");
                return None;
            }
            let back = back(checker, raw.back, 0, &names);
            Some(CursorKind::Keyset { field: field?, number, back: back? })
        }
        RawCursor::Token(raw) => {
            let next = next(checker, settings, answer, raw.next.as_ref()?, "the mark to go on from")?;
            Some(CursorKind::Token { next })
        }
    }
}

fn zone_or_utc(
    checker: &mut Checker<'_>,
    written: Option<&Written<String>>,
    names: &Scope,
) -> Option<ValueTemplate> {
    match written {
        Some(zone) => checker.yields_zone(zone, names),
        None => Some(ValueTemplate::Literal("UTC".into())),
    }
}

/// How far to read back: a whole number, zero too.
fn back(
    checker: &mut Checker<'_>,
    tree: Option<AnyTree>,
    otherwise: u32,
    names: &Scope,
) -> Option<ValueTemplate> {
    match tree {
        Some(AnyTree(node)) if checker.tree.json(node) == 0 => Some(ValueTemplate::Literal(0.into())),
        Some(AnyTree(node)) => checker.yields_integer(node, names),
        None => Some(ValueTemplate::Literal(otherwise.into())),
    }
}

/// A stream that has pages or a cursor must ask for them, or it would read the same page for ever.
fn moves_on(checker: &mut Checker<'_>, raw: &RawStream, node: NodeId) -> bool {
    let Some(request) = raw.request.as_ref().map(|request| request.node) else { return false };
    let mut fine = true;
    // The address of a next page is whole: nothing is left for the request to say.
    let paged = !matches!(raw.paging, None | Some(RawPaging::Single | RawPaging::Link(_)));
    if paged && !checker.mentions(request, "page") {
        let help = "use `{{ page.token }}`, `{{ page.number }}` or `{{ page.offset }}` in the request";
        checker.report("page-not-used", node, "the request asks for the first page again and again", help);
        fine = false;
    }
    let halves = match &raw.paging {
        Some(RawPaging::Number(raw)) => raw.halve,
        Some(RawPaging::Offset(raw)) => raw.halve,
        _ => false,
    };
    if halves && !checker.reads(request, "page.size") {
        let help = "pass on `{{ page.size }}` in the request, or remove `halve`";
        checker.report("size-not-used", node, "the request asks for pages of one size only", help);
        fine = false;
    }
    let uses = match raw.cursor {
        None | Some(RawCursor::None) => None,
        Some(RawCursor::Timestamp(_)) => Some("`{{ cursor.at }}`"),
        Some(RawCursor::DateAndDecimalHours(_)) => Some("`{{ cursor.date }}` and `{{ cursor.time }}`"),
        Some(RawCursor::Day(_)) => Some("`{{ cursor.day }}`"),
        Some(RawCursor::Keyset(_)) => Some("`{{ cursor.key }}`"),
        Some(RawCursor::Token(_)) => Some("`{{ cursor.token }}`"),
    };
    if let Some(uses) = uses.filter(|_| !checker.mentions(request, "cursor")) {
        let help =
            format!("use {uses} in the request; write `cursor: none` if the system cannot say what changed");
        checker.report("cursor-not-used", node, "the request asks for everything at each poll", help);
        fine = false;
    }
    fine
}
