//! How two tellings about one record become one content.

use crate::expression::{Scope, Template, Type};
use crate::spec::model::{Merge, Source};
use crate::spec::raw::Written;
use crate::spec::raw::mapping::RawMerge;

use super::checker::Checker;

/// Reads how the records of a flow merge; `names` holds `settings` and the record, whose type is `record`.
pub fn merge(
    checker: &mut Checker<'_>,
    raw: &Written<RawMerge>,
    names: &Scope,
    record: &Type,
    sources: Option<&[Source]>,
) -> Option<Merge> {
    let mut fine = true;
    if let Some([Source::Schedule { .. }]) = sources {
        let head = checker.tree.entries(raw.node).first().map_or(raw.node, |(key, _)| *key);
        let headline = "the time tells each record once, so there is nothing to merge";
        checker.report("merge-on-schedule", head, headline, "remove `merge`");
        fine = false;
    }
    let by = raw.by.as_ref().and_then(|by| comparable(checker, by, names));
    let keep: Vec<Option<String>> = raw.keep.iter().map(|name| kept(checker, name, record)).collect();
    let merge = Merge { by: by?, keep: keep.into_iter().collect::<Option<_>>()? };
    fine.then_some(merge)
}

/// What can be compared: numbers, text and booleans, or a list of them.
fn comparable(checker: &mut Checker<'_>, written: &Written<String>, names: &Scope) -> Option<Template> {
    let template = checker.template(written.node, names)?;
    let single = |ty: &Type| !matches!(ty.required(), Type::List(_) | Type::Object(_) | Type::Table(_));
    let ty = template.result_type();
    let fits = match ty.required() {
        Type::List(item) => single(item),
        other => single(other),
    };
    if !fits || *ty == Type::Null {
        let headline = format!("this is {ty}, which has no order");
        let help = "name a field that only grows, or a list of them such as `{{ [event.rank, event.at] }}`";
        checker.report("not-comparable", written.node, headline, help);
        return None;
    }
    if template.names().iter().all(|name| name == "settings") {
        let headline = "this is the same for every telling, so the first one would count for ever";
        let help = "name a field of the record that only grows, in `{{ … }}`";
        checker.report("not-comparable", written.node, headline, help);
        return None;
    }
    Some(template)
}

/// A field that the later telling may lack.
fn kept(checker: &mut Checker<'_>, name: &Written<String>, record: &Type) -> Option<String> {
    let ty = checker.record_field(record, name)?;
    if !ty.may_be_null() {
        let headline = format!("`{}` is never missing, so there is nothing to keep", name.value);
        let help = "remove it here, or declare the field with a `?`";
        checker.report("keep-never-missing", name.node, headline, help);
        return None;
    }
    Some(name.value.clone())
}
