//! A mapping as a whole.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::base::json::sha256_hex;
use crate::spec::model::{Flow, Mapping, System};
use crate::spec::raw::mapping::MappingFile;

use super::checker::Checker;
use super::flow::{Around, flow};
use super::flows::Flows;
use super::settings;
use super::system::Checked;
use super::tables::Tables;
use super::test::{Tested, tests};
use super::types::Types;

/// The systems of a mapping by role; none where the name means nothing.
pub type Roles = IndexMap<String, Option<Arc<Checked>>>;

/// Checks a mapping. Findings of its systems are their own.
pub fn check(checker: &mut Checker<'_>, raw: &MappingFile, roles: &Roles) -> Option<Arc<Mapping>> {
    for (role, _) in raw.systems.iter().flat_map(|systems| systems.iter()) {
        checker.name(role.node, "a role");
    }
    let mut types = Types::default();
    let settings = settings::declare(checker, &mut types, &raw.settings);
    settings::unused(checker, &raw.settings);
    let settings_type = settings::scope_type(checker, &settings);
    let tables = Tables::declare(checker, &mut types, &raw.tables);
    let mut flows = IndexMap::new();
    let (known, mut sources) = Flows::read(checker, &mut types, roles, &settings_type, raw.flows.as_ref());
    let around = Around { roles, settings: &settings_type, tables: &tables, flows: &known };
    for (name, raw) in raw.flows.iter().flat_map(|flows| flows.iter()) {
        checker.name(name.node, "a flow");
        let sources = sources.get_mut(&name.value).and_then(Option::take);
        if let Some(flow) = flow(checker, &around, name, raw, sources) {
            flows.insert(name.value.clone(), Arc::new(flow));
        }
    }
    if flows.len() == checker.names_below("flows").len() {
        let flows: Vec<&Flow> = flows.values().map(Arc::as_ref).collect();
        tables.used(checker, &raw.tables, &flows);
    }
    let about = Tested { roles, settings: &settings, tables: &tables, known: &known, flows: &flows };
    let tests = tests(checker, &about, &raw.tests);
    let sound = |checked: &Option<Arc<Checked>>| checked.as_ref().is_some_and(|it| it.system.is_some());
    if !roles.values().all(sound) {
        checker.forget_lengths();
    }
    if checker.findings.iter().any(|finding| finding.is_error()) {
        checker.forget_lengths();
        return None;
    }
    let systems: IndexMap<String, Arc<System>> = roles
        .iter()
        .map(|(role, checked)| Some((role.clone(), Arc::clone(checked.as_ref()?.system.as_ref()?))))
        .collect::<Option<_>>()?;
    let revision = std::iter::once(sha256_hex(checker.tree.text.as_bytes()))
        .chain(systems.iter().map(|(role, system)| format!("{role}:{}", system.revision)))
        .collect::<Vec<_>>()
        .join("\n");
    Some(Arc::new(Mapping {
        name: raw.mapping.as_ref()?.value.clone(),
        title: raw.title.as_ref()?.value.clone(),
        revision: sha256_hex(revision.as_bytes()),
        source: Arc::from(&*checker.tree.text),
        systems,
        settings,
        tables: tables.declared,
        flows,
        tests: tests?,
    }))
}
