//! The steps of a flow: what each does, and which names the later ones see.

use crate::expression::{Scope, Type};
use crate::spec::model::{OnRefusal, Otherwise, Step, StepKind};
use crate::spec::raw::mapping::{RawOtherwise, RawStep};
use crate::spec::raw::{AnyTree, Table, Written};
use crate::spec::tree::NodeId;
use crate::spec::wording::one_of;

use super::checker::Checker;
use super::flow::{member, unknown_member};
use super::mapping::Roles;
use super::system::input;
use super::templates::{after, item_type};

/// Checks steps.
pub struct Steps<'c, 'a> {
    /// The mapping.
    pub checker: &'c mut Checker<'a>,
    /// Its systems.
    pub roles: &'c Roles,
}

/// The keys of which a step has one, with the keys that may stand beside them.
const ACTIONS: [(&str, &[&str]); 5] = [
    ("call", &["with"]),
    ("check", &["otherwise"]),
    ("set", &[]),
    ("link", &[]),
    ("for_each", &["as", "steps"]),
];

impl Steps<'_, '_> {
    /// Checks a list of steps. Names that they define are added to `names`. `prefix` begins their paths.
    pub fn list(&mut self, raw: &[Written<RawStep>], names: &mut Scope, prefix: &str) -> Option<Vec<Step>> {
        let steps: Vec<Option<Step>> = raw
            .iter()
            .enumerate()
            .map(|(index, raw)| {
                let own = raw.id.as_ref().map_or_else(|| format!("step{}", index + 1), |id| id.value.clone());
                let path = if prefix.is_empty() { own } else { format!("{prefix}.{own}") };
                self.step(raw, names, path)
            })
            .collect();
        steps.into_iter().collect()
    }

    fn step(&mut self, raw: &Written<RawStep>, names: &mut Scope, path: String) -> Option<Step> {
        let id_fine = raw.id.as_ref().is_none_or(|id| self.id(id, names));
        let when = match &raw.when {
            Some(when) => self.checker.condition(when, names).map(Some),
            None => Some(None),
        };
        let action = self.action(raw.node);
        let conditional = raw.when.is_some();
        let inner = after(when.as_ref().and_then(Option::as_ref), names, true);
        let mut later = Scope::new();
        let kind = match action {
            Some("call") => raw.call.as_ref().and_then(|call| {
                let (result, kind) = self.call(call, raw, &inner);
                if let Some(id) = &raw.id {
                    later.insert(id.value.clone(), if conditional { result.optional() } else { result });
                }
                kind
            }),
            Some("check") => raw.check.as_ref().and_then(|check| {
                let kind = self.check(check, raw, &inner);
                if let (Some(StepKind::Check { condition, .. }), false) = (&kind, conditional) {
                    *names = condition.narrowed(names, true);
                }
                kind
            }),
            Some("set") => raw.set.as_ref().and_then(|set| self.set(set, &inner, &mut later, conditional)),
            Some("link") => raw.link.as_ref().and_then(|link| self.link(link, &inner)),
            Some("for_each") => {
                raw.for_each.as_ref().and_then(|list| self.for_each(list, raw, &inner, &path))
            }
            _ => {
                // Nobody knows what the step would have defined.
                self.checker.lenient = true;
                None
            }
        };
        names.append(&mut later);
        let id = raw.id.as_ref().map(|id| id.value.clone());
        let head = self.checker.tree.entries(raw.node).first().map_or(raw.node, |(key, _)| *key);
        let step = Step { id, path, when: when?, kind: kind?, place: self.checker.place(head) };
        id_fine.then_some(step)
    }

    fn id(&mut self, id: &Written<String>, names: &Scope) -> bool {
        if id
            .strip_prefix("step")
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()) && !rest.is_empty())
        {
            let headline = format!("`{}` is what a step without an id is called", id.value);
            self.checker.report("bad-name", id.node, headline, "name the step for what it does");
            return false;
        }
        self.checker.identifier(id.node, "a step") && self.checker.free(id.node, names)
    }

    /// The one thing that a step does; reports several, none, and keys that belong to something else.
    fn action(&mut self, node: NodeId) -> Option<&'static str> {
        let keys: Vec<(NodeId, &str)> =
            self.checker.tree.entries(node).iter().map(|(key, _)| (*key, self.checker.text(*key))).collect();
        let found: Vec<(NodeId, &'static str, &[&str])> = keys
            .iter()
            .filter_map(|(key, name)| {
                let action = ACTIONS.iter().find(|(action, _)| action == name)?;
                Some((*key, action.0, action.1))
            })
            .collect();
        let all = ACTIONS.iter().map(|(action, _)| *action);
        let head = keys.first().map_or(node, |(key, _)| *key);
        match found[..] {
            [] => {
                // A misspelt action has been reported as an unknown key.
                let known = ["id", "when", "with", "otherwise", "as", "steps"];
                if keys.iter().all(|(_, name)| known.contains(name)) {
                    let help = one_of("add one of", all);
                    self.checker.report("step-does-nothing", head, "this step does nothing", help);
                }
                None
            }
            [(_, action, beside)] => {
                let foreign = |(action, beside): &(&str, &[&str]), name: &str| {
                    beside.contains(&name).then(|| (*action).to_owned())
                };
                for (key, name) in keys.iter().filter(|(_, name)| !beside.contains(name)) {
                    if let Some(owner) = ACTIONS.iter().find_map(|action| foreign(action, name)) {
                        let headline =
                            format!("`{name}` belongs to `{owner}`, but this step is a `{action}`");
                        self.checker.report("misplaced-key", *key, headline, "remove it");
                    }
                }
                Some(action)
            }
            [_, (second, ..), ..] => {
                let help = "write one step for each, in the order they are to be done";
                self.checker.report("step-does-several", second, "a step does one thing only", help);
                None
            }
        }
    }

    /// The type of the result, which later steps see even when the call has a finding, and the call.
    fn call(&mut self, written: &Written<String>, raw: &RawStep, names: &Scope) -> (Type, Option<StepKind>) {
        let Some((role, name, system)) = member(self.checker, self.roles, written, "operation") else {
            return (Type::Any, None);
        };
        let Some(operation) = system.operations.get(&name) else {
            unknown_member(self.checker, written, &name, "operation", &system.operation_names);
            // What is given is checked as far as it can be.
            raw.with.map(|AnyTree(node)| self.checker.values(node, names, None));
            return (Type::Any, None);
        };
        let with = input(self.checker, raw.with, written.node, &operation.input, names);
        let kind = with.map(|with| StepKind::Call { role, operation: operation.clone(), with });
        (operation.result.result_type(), kind)
    }

    fn check(
        &mut self,
        written: &Written<String>,
        raw: &Written<RawStep>,
        names: &Scope,
    ) -> Option<StepKind> {
        let condition = self.checker.condition(written, names);
        let Some(otherwise) = &raw.otherwise else {
            let help = "add `otherwise: { park: \"…\" }` with what a person is to do, or `otherwise: { skip: \"…\" }`";
            if self.checker.tree.entry(raw.node, "otherwise").is_none() {
                self.checker.report("missing-key", written.node, "`check` needs a key `otherwise`", help);
            }
            return None;
        };
        let otherwise = self.otherwise(otherwise, &after(condition.as_ref(), names, false));
        Some(StepKind::Check { condition: condition?, otherwise: otherwise? })
    }

    fn otherwise(&mut self, raw: &Written<RawOtherwise>, names: &Scope) -> Option<Otherwise> {
        let head = self.checker.tree.entries(raw.node).first().map_or(raw.node, |(key, _)| *key);
        let (action, message) = match (&raw.park, &raw.skip) {
            (Some(message), None) => (OnRefusal::Park, message),
            (None, Some(message)) => (OnRefusal::Skip, message),
            _ => {
                let help = "write `park: \"…\"` to ask a person, or `skip: \"…\"` to leave the record out";
                self.checker.report("park-or-skip", head, "`otherwise` needs either `park` or `skip`", help);
                return None;
            }
        };
        let message = self.checker.template(message.node, names);
        let show = match raw.show {
            Some(AnyTree(node)) => self.checker.values(node, names, None).map(Some),
            None => Some(None),
        };
        Some(Otherwise { action, message: message?, show: show? })
    }

    fn set(
        &mut self,
        set: &Written<Table<AnyTree>>,
        names: &Scope,
        later: &mut Scope,
        conditional: bool,
    ) -> Option<StepKind> {
        let mut names = names.clone();
        let mut values = Vec::new();
        let mut whole = true;
        for (name, AnyTree(node)) in set.iter() {
            whole &= self.checker.identifier(name.node, "a value") && self.checker.free(name.node, &names);
            let value = self.checker.values(*node, &names, None);
            let ty = value.as_ref().map_or(Type::Any, |value| value.result_type());
            later.insert(name.value.clone(), if conditional { ty.clone().optional() } else { ty.clone() });
            names.insert(name.value.clone(), ty);
            match value {
                Some(value) => values.push((name.value.clone(), value)),
                None => whole = false,
            }
        }
        whole.then_some(StepKind::Set(values))
    }

    fn link(&mut self, link: &Written<Table<Written<String>>>, names: &Scope) -> Option<StepKind> {
        let links: Vec<_> = link
            .iter()
            .map(|(kind, value)| {
                let fine = self.checker.name(kind.node, "a kind of link");
                let template = self.checker.naming(value, names, "a link")?;
                fine.then(|| (kind.value.clone(), template))
            })
            .collect();
        links.into_iter().collect::<Option<_>>().map(StepKind::Link)
    }

    fn for_each(
        &mut self,
        written: &Written<String>,
        raw: &Written<RawStep>,
        names: &Scope,
        path: &str,
    ) -> Option<StepKind> {
        let list = self.checker.list(written.node, names);
        let item = list.as_ref().map_or(Type::Any, item_type);
        for key in ["as", "steps"] {
            if self.checker.tree.entry(raw.node, key).is_none() {
                let help = "write `for_each: \"{{ … }}\"`, `as: item` and `steps:`";
                self.checker.report(
                    "missing-key",
                    written.node,
                    format!("`for_each` needs a key `{key}`"),
                    help,
                );
            }
        }
        let name = raw.name.as_ref()?;
        let fine = self.checker.identifier(name.node, "an item") && self.checker.free(name.node, names);
        let mut inner = names.clone();
        inner.insert(name.value.clone(), item);
        let steps = self.list(raw.steps.as_ref()?, &mut inner, path);
        fine.then_some(StepKind::ForEach { list: list?, name: name.value.clone(), steps: steps? })
    }
}
