//! The steps by which flows work together: finding the record of another one, and telling another one.

use std::time::Duration;

use crate::expression::{Scope, Template, Type, ValueTemplate};
use crate::spec::model::{Otherwise, OtherwiseAction, StepKind};
use crate::spec::raw::step::RawStep;
use crate::spec::raw::{AnyTree, Table, Written};

use super::steps::Steps;

/// How long an event waits for what it is about.
const WAIT: Duration = Duration::from_secs(24 * 3600);

impl Steps<'_, '_> {
    /// A step that finds a record by a link.
    pub fn find(
        &mut self,
        written: &Written<Table<Written<String>>>,
        raw: &Written<RawStep>,
        names: &Scope,
        in_loop: bool,
    ) -> Option<StepKind> {
        let head = self.checker.tree.entry(raw.node, "find").map_or(raw.node, |(key, _)| key);
        if in_loop {
            let headline =
                "a record that is found is held until the steps end, so it cannot be found in a loop";
            let help = "hand each item to a flow of its own with `tell`, which finds its record";
            self.checker.report("find-in-loop", head, headline, help);
        }
        let flow = match &raw.within {
            Some(name) => self.flows.named(self.checker, name).map(|_| Some(name.value.clone())),
            None => Some(None),
        };
        let wait = match &raw.wait {
            Some(wait) => self.checker.some_time(wait, "`wait`"),
            None => Some(WAIT),
        };
        let [(kind, link)] = &written.0[..] else {
            let help =
                "write one kind of link and its value, such as `find: { tracking_number: \"{{ … }}\" }`";
            // One without its value has been reported.
            if !self.checker.incomplete(written.node) {
                self.checker.report("one-link", head, "`find` goes by one link", help);
            }
            return None;
        };
        let known = self.made(kind, flow.as_ref().and_then(Option::as_deref));
        let value = self.checker.naming(link, names, "what is looked for");
        let otherwise = match &raw.otherwise {
            Some(raw) => self.otherwise(raw, names),
            None => value.as_ref().and_then(|value| in_vain(kind, value, names)),
        };
        let kind = kind.value.clone();
        let step = StepKind::Find { kind, value: value?, flow: flow?, wait: wait?, otherwise: otherwise? };
        (known && !in_loop).then_some(step)
    }

    /// Whether some step makes such links; says so if not.
    fn made(&mut self, kind: &Written<String>, flow: Option<&str>) -> bool {
        let (kinds, whose) = match flow.and_then(|flow| self.flows.get(flow)) {
            Some(known) => {
                let kinds: Vec<&str> = known.links.iter().map(String::as_str).collect();
                (kinds, format!("`{}` makes no link", flow.unwrap_or_default()))
            }
            None => {
                (self.flows.links(self.flow).into_iter().collect(), "no other flow makes a link".to_owned())
            }
        };
        let found = kinds.contains(&kind.value.as_str());
        if !found {
            let headline = format!("{whose} `{}`", kind.value);
            let names = kinds.into_iter();
            self.checker.unknown("unknown-link", kind.node, headline, names, "the kinds of links are");
        }
        found
    }

    /// A step that hands records to other flows.
    pub fn tell(&mut self, written: &Table<AnyTree>, names: &Scope) -> Option<StepKind> {
        let told: Vec<_> = written.iter().map(|(flow, tree)| self.tell_one(flow, *tree, names)).collect();
        told.into_iter().collect::<Option<_>>().map(StepKind::Tell)
    }

    fn tell_one(
        &mut self,
        name: &Written<String>,
        AnyTree(node): AnyTree,
        names: &Scope,
    ) -> Option<(String, ValueTemplate)> {
        let value = self.checker.values(node, names, None);
        let known = self.flows.named(self.checker, name)?;
        if name.value == self.flow {
            let help = "use `again:` for a record that comes again";
            self.checker.report("tells-itself", name.node, "a flow cannot tell itself", help);
            return None;
        }
        if !known.told {
            let headline = format!("`{}` is not told by other flows", name.value);
            let help = format!("add `told: {{}}` to the sources of `{}`", name.value);
            self.checker.report("not-told", name.node, headline, help);
            return None;
        }
        let value = value?;
        let wanted = match value.result_type() {
            Type::List(_) => Type::list(known.record.clone()),
            _ => known.record.clone(),
        };
        self.checker.assign(&value, node, name.node, &wanted).then(|| (name.value.clone(), value))
    }
}

/// What becomes of a record that has waited in vain, where nothing says otherwise.
fn in_vain(kind: &str, value: &Template, names: &Scope) -> Option<Otherwise> {
    let message = format!("there is no record with the {kind} {}", value.source());
    let message = Template::compile(&message, names).ok()?;
    Some(Otherwise { action: OtherwiseAction::Park, message, show: None })
}
