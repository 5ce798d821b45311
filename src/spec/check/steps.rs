//! The steps of a flow: what each does, and which names the later ones see.

use std::time::Duration;

use crate::expression::{Scope, Template, Type, ValueTemplate};
use crate::spec::model::{CallRefusal, Effect, Operation, Otherwise, OtherwiseAction, Step, StepKind};
use crate::spec::raw::step::{RawOtherwise, RawRow, RawStep, RawStepRefusal};
use crate::spec::raw::{AnyTree, Table, Written};
use crate::spec::tree::NodeId;
use crate::spec::wording::one_of;

use super::checker::Checker;
use super::fleeting::Fleeting;
use super::flow::{member, unknown_member};
use super::flows::{Flows, Known};
use super::mapping::Roles;
use super::system::input;
use super::tables::Tables;
use super::templates::{after, after_optional};

/// Checks steps.
pub struct Steps<'c, 'a> {
    /// The mapping.
    pub checker: &'c mut Checker<'a>,
    /// Its systems.
    pub roles: &'c Roles,
    /// Its tables.
    pub tables: &'c Tables,
    /// Its flows.
    pub flows: &'c Flows,
    /// The flow that the steps are of.
    pub flow: &'c str,
    /// The names whose values may be others when the steps go on.
    pub fleeting: Fleeting,
}

/// The keys of which a step has one, with the keys that may stand beside them.
const ACTIONS: [(&str, &[&str]); 8] = [
    ("call", &["with", "cache", "on_refusal", "refusal"]),
    ("check", &["otherwise"]),
    ("set", &[]),
    ("link", &[]),
    ("put", &[]),
    ("for_each", &["as", "key", "steps", "give"]),
    ("find", &["in", "wait", "otherwise"]),
    ("tell", &[]),
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
                self.step(raw, names, path, !prefix.is_empty())
            })
            .collect();
        steps.into_iter().collect()
    }

    fn step(
        &mut self,
        raw: &Written<RawStep>,
        names: &mut Scope,
        path: String,
        in_loop: bool,
    ) -> Option<Step> {
        let id_fine = raw.id.as_ref().is_none_or(|id| self.id(id, names));
        let when = match &raw.when {
            Some(when) => self.checker.condition(when, names).map(Some),
            None => Some(None),
        };
        let action = self.action(raw.node);
        let conditional = raw.when.is_some();
        let inner = after_optional(when.as_ref(), names);
        let mut later = Scope::new();
        let kind = match action {
            Some("call") => raw.call.as_ref().and_then(|call| {
                let (result, kind) = self.call(call, raw, &inner);
                if let Some(id) = &raw.id {
                    later.insert(id.value.clone(), if conditional { result.optional() } else { result });
                }
                if let Some(refusal) = &raw.refusal {
                    later.insert(refusal.value.clone(), refusal_type());
                }
                kind
            }),
            Some("check") => raw.check.as_ref().and_then(|check| {
                let condition = self.checker.condition(check, &inner);
                if !conditional {
                    *names = after(condition.as_ref(), names, true);
                }
                self.check(condition, check, raw, &inner)
            }),
            Some("set") => raw.set.as_ref().and_then(|set| self.set(set, &inner, &mut later, conditional)),
            Some("link") => raw.link.as_ref().and_then(|link| self.link(link, &inner)),
            Some("put") => raw.put.as_ref().and_then(|put| self.put(put, &inner)),
            Some("for_each") => raw.for_each.as_ref().and_then(|list| {
                let (given, kind) = self.for_each(list, raw, &inner, &path);
                if let (Some(id), Some(given)) = (&raw.id, given) {
                    later.insert(id.value.clone(), if conditional { given.optional() } else { given });
                }
                kind
            }),
            Some("find") => raw.find.as_ref().and_then(|find| {
                if let Some(id) = &raw.id {
                    let flow = raw.within.as_ref().and_then(|flow| self.flows.get(flow));
                    let found = flow.map_or_else(StepKind::found, Known::found);
                    later.insert(id.value.clone(), if conditional { found.optional() } else { found });
                }
                self.find(find, raw, &inner, in_loop)
            }),
            Some("tell") => raw.tell.as_ref().and_then(|tell| self.tell(tell, &inner)),
            _ => {
                // Nobody knows what the step would have defined.
                self.checker.lenient = true;
                None
            }
        };
        // A name that is taken already has a finding, and goes on meaning what it meant.
        later.retain(|name, _| !names.contains_key(name));
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
                let beside = || ACTIONS.iter().flat_map(|(_, beside)| beside.iter());
                let known =
                    |name: &str| ["id", "when"].contains(&name) || beside().any(|known| *known == name);
                if keys.iter().all(|(_, name)| known(name)) {
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
    fn call(
        &mut self,
        written: &Written<String>,
        raw: &Written<RawStep>,
        names: &Scope,
    ) -> (Type, Option<StepKind>) {
        let Some((role, name, system)) = member(self.checker, self.roles, written, "operation") else {
            self.checker.unsure = true;
            return (Type::Any, None);
        };
        let Some(operation) = system.operations.get(&name) else {
            unknown_member(self.checker, written, &name, "operation", &system.operation_names);
            // What is given is checked as far as it can be.
            raw.with.map(|AnyTree(node)| self.checker.values(node, names, None));
            self.checker.unsure = true;
            return (Type::Any, None);
        };
        let with = input(self.checker, raw.with, written.node, &operation.input, names);
        let cache = self.cache(raw, operation);
        let on_refusal = self.on_refusal(raw, names);
        let result = operation.result.result_type();
        let result = match raw.on_refusal {
            Some(RawStepRefusal::GoOn) => result.optional(),
            None => result,
        };
        let build = || {
            let (on_refusal, refusal) = on_refusal?;
            let (with, cache) = (with?, cache?);
            Some(StepKind::Call { role, operation: operation.clone(), with, cache, on_refusal, refusal })
        };
        (result, build())
    }

    /// How long an answer is used again, which only one that changes nothing can be.
    fn cache(&mut self, raw: &RawStep, operation: &Operation) -> Option<Option<Duration>> {
        let Some(cache) = &raw.cache else { return Some(None) };
        if !matches!(operation.effect, Effect::Read) {
            let headline =
                format!("`{}` does more than read, so its answer cannot be used again", operation.name);
            self.checker.report("cache-not-read", cache.node, headline, "remove `cache`");
            return None;
        }
        self.checker.some_time(cache, "`cache`").map(Some)
    }

    /// What becomes of the record when this call is refused, and the name of the refusal.
    fn on_refusal(&mut self, raw: &Written<RawStep>, names: &Scope) -> Option<(CallRefusal, Option<String>)> {
        match (raw.on_refusal, &raw.refusal) {
            (None, None) => Some((CallRefusal::Default, None)),
            (Some(RawStepRefusal::GoOn), None) => Some((CallRefusal::GoOn, None)),
            (Some(RawStepRefusal::GoOn), Some(name)) => {
                let same = raw.id.as_ref().is_some_and(|id| id.value == name.value);
                if same {
                    let headline = format!("the name `{}` is taken already", name.value);
                    let help = "choose another name; this one is the step's `id`";
                    self.checker.report("name-taken", name.node, headline, help);
                }
                let fine =
                    self.checker.identifier(name.node, "a refusal") && self.checker.free(name.node, names);
                (fine && !same).then(|| (CallRefusal::GoOn, Some(name.value.clone())))
            }
            // Another word for it has been reported.
            (None, Some(_)) if self.checker.incomplete(raw.node) => None,
            (None, Some(name)) => {
                let help = "add `on_refusal: go_on`, or remove `refusal`";
                let headline = "a refused call ends the steps, so nothing can see its refusal";
                self.checker.report("refusal-not-seen", name.node, headline, help);
                None
            }
        }
    }

    fn check(
        &mut self,
        condition: Option<Template>,
        written: &Written<String>,
        raw: &Written<RawStep>,
        names: &Scope,
    ) -> Option<StepKind> {
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

    /// What becomes of a record that goes no further, and why.
    pub fn otherwise(&mut self, raw: &Written<RawOtherwise>, names: &Scope) -> Option<Otherwise> {
        let head = self.checker.tree.entries(raw.node).first().map_or(raw.node, |(key, _)| *key);
        let (action, message) = match (&raw.park, &raw.skip, &raw.report, &raw.done) {
            (Some(message), None, None, None) => (OtherwiseAction::Park, message),
            (None, Some(message), None, None) => (OtherwiseAction::Skip, message),
            (None, None, Some(message), None) => (OtherwiseAction::Report, message),
            (None, None, None, Some(message)) => (OtherwiseAction::Done, message),
            // A misspelt word has been reported.
            _ if self.checker.incomplete(raw.node) => return None,
            _ => {
                let help = "write `park: \"…\"` to ask a person, `skip: \"…\"` to leave the record out, \
                            `report: \"…\"` to be done with it and tell people, or `done: \"…\"` to be done with it";
                let headline = "`otherwise` needs one of `park`, `skip`, `report` and `done`";
                self.checker.report("park-or-skip", head, headline, help);
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
            let fleeting = value.as_ref().is_some_and(|value| self.fleeting.is_any(value));
            self.fleeting.note(&name.value, fleeting);
            let ty = value.as_ref().map_or(Type::Any, |value| value.result_type());
            later.insert(name.value.clone(), if conditional { ty.clone().optional() } else { ty.clone() });
            names.insert(name.value.clone(), ty);
            match value {
                Some(value) => values.push((name.value.clone(), value)),
                None => (whole, self.checker.unsure) = (false, true),
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

    /// Rows of tables.
    fn put(&mut self, put: &Written<Table<Written<RawRow>>>, names: &Scope) -> Option<StepKind> {
        let rows: Vec<_> = put.iter().map(|(table, row)| self.row(table, row, names)).collect();
        rows.into_iter().collect::<Option<_>>().map(StepKind::Put)
    }

    fn row(
        &mut self,
        table: &Written<String>,
        row: &Written<RawRow>,
        names: &Scope,
    ) -> Option<(String, Template, ValueTemplate)> {
        let key = row.key.as_ref().and_then(|key| self.checker.naming(key, names, "the key of a row"));
        let value =
            row.value.value.and_then(|AnyTree(node)| Some((self.checker.values(node, names, None)?, node)));
        if !self.tables.names.contains(&table.value) {
            self.tables.unknown(self.checker, table);
            return None;
        }
        let ty = &self.tables.declared.get(&table.value)?.ty;
        let (value, node) = value?;
        let head = self.checker.tree.entry(row.node, "value").map_or(row.node, |(key, _)| key);
        self.checker.assign(&value, node, head, ty).then_some((table.value.clone(), key?, value))
    }
}

/// What a refusal is: null when the call worked.
fn refusal_type() -> Type {
    Type::object([("code", Type::TEXT.optional()), ("message", Type::TEXT)]).optional()
}
