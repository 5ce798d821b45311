//! Loops of steps: the list, its items and what tells them apart, and what they give.

use crate::expression::{Scope, Template, Type, ValueTemplate};
use crate::spec::model::{Step, StepKind};
use crate::spec::raw::step::RawStep;
use crate::spec::raw::{AnyTree, Written};

use super::fleeting::make_something;
use super::steps::Steps;
use super::templates::item_type;

impl Steps<'_, '_> {
    /// The type of the result, where it has one, and the loop.
    pub(super) fn for_each(
        &mut self,
        written: &Written<String>,
        raw: &Written<RawStep>,
        names: &Scope,
        path: &str,
    ) -> (Option<Type>, Option<StepKind>) {
        let list = self.checker.list(written.node, names);
        let item = list.as_ref().map_or(Type::Any, item_type);
        for key in ["as", "steps"] {
            if self.checker.tree.entry(raw.node, key).is_none() {
                let help = "write `for_each: \"{{ … }}\"`, `as: item` and `steps:`";
                let headline = format!("`for_each` needs a key `{key}`");
                self.checker.report("missing-key", written.node, headline, help);
            }
        }
        let given = raw.give.map(|_| Type::list(Type::Any));
        let (Some(name), Some(steps)) = (&raw.name, &raw.steps) else { return (given, None) };
        let fine = self.checker.identifier(name.node, "an item") && self.checker.free(name.node, names);
        let mut inner = names.clone();
        inner.insert(name.value.clone(), item);
        let key = match &raw.key {
            Some(key) => self.checker.naming(key, &inner, "the key of an item").map(Some),
            None => Some(None),
        };
        let fleeting = list.as_ref().is_some_and(|list| self.fleeting.is(list));
        self.fleeting.note(&name.value, fleeting);
        let steps = self.list(steps, &mut inner, path);
        if fleeting && raw.key.is_none() && !list.as_ref().is_some_and(Template::one_at_most) {
            self.told_apart(written, &name.value, steps.as_deref());
        }
        let give = self.give(raw, &inner, fleeting);
        self.checker.unsure |= give.is_none() || list.is_none();
        let given = match &give {
            Some(give) => give.as_ref().map(|give| Type::list(give.result_type())),
            None => given,
        };
        let build = || {
            let (list, key, steps, give) = (list?, key?, steps?, give?);
            fine.then(|| StepKind::ForEach { list, name: name.value.clone(), key, steps, give })
        };
        (given, build())
    }

    /// What the loop gives; nothing at all where that is wrong.
    fn give(
        &mut self,
        raw: &Written<RawStep>,
        inner: &Scope,
        fleeting: bool,
    ) -> Option<Option<ValueTemplate>> {
        let Some(AnyTree(node)) = raw.give else { return Some(None) };
        let Some(id) = &raw.id else {
            let key = self.checker.tree.entry(raw.node, "give").map_or(node, |(key, _)| key);
            let help = "add `id:`, by which later steps see the list, or remove `give`";
            self.checker.report("give-without-id", key, "nothing can see what is given", help);
            self.checker.values(node, inner, None);
            return None;
        };
        let give = self.checker.values(node, inner, None)?;
        let fleeting = fleeting || self.fleeting.is_any(&give);
        self.fleeting.note(&id.value, fleeting);
        Some(Some(give))
    }

    /// Of a list that comes and goes, nothing is made for an item that only has a place.
    fn told_apart(&mut self, list: &Written<String>, name: &str, steps: Option<&[Step]>) {
        if steps.is_some_and(make_something) {
            let headline =
                "the list may have changed when the steps go on, and its items cannot be told apart then";
            let help =
                format!("add `key:` with what names an item, for example `key: \"{{{{ {name}.number }}}}\"`");
            self.checker.report("loop-without-key", list.node, headline, help);
        }
    }
}
