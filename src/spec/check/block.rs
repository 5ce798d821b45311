//! Blocks of pluggable parts: they say what they need checked, and this knows where in the file it stands.

use std::time::Duration;

use serde_json::Value;

use crate::base::duration;
use crate::expression::{BlockChecker, Scope, Template, ValueTemplate};
use crate::spec::raw::Written;
use crate::spec::tree::NodeId;

use super::checker::Checker;

/// Checks one block, whose fields stand below `node`.
pub struct Block<'c, 'a> {
    /// The file.
    pub checker: &'c mut Checker<'a>,
    /// The block.
    pub node: NodeId,
    /// What its templates see.
    pub scope: &'c Scope,
    /// The system's credentials.
    pub credentials: &'c [&'c str],
}

impl Block<'_, '_> {
    /// The node at a pointer; none for what the block filled in itself.
    fn find(&self, pointer: &str) -> Option<NodeId> {
        self.checker.tree.pointer(self.node, pointer)
    }
}

impl BlockChecker for Block<'_, '_> {
    fn template(&mut self, pointer: &str, source: &str) -> Option<Template> {
        match self.find(pointer) {
            Some(node) => self.checker.template(node, self.scope),
            None => Template::compile(source, self.scope).ok(),
        }
    }

    fn values(&mut self, pointer: &str, tree: &Value) -> Option<ValueTemplate> {
        match (self.find(pointer), tree) {
            (Some(node), _) => self.checker.values(node, self.scope, None),
            (None, Value::Object(fields)) if fields.is_empty() => Some(ValueTemplate::Object(Vec::new())),
            (None, tree) => Some(ValueTemplate::Literal(tree.clone())),
        }
    }

    fn duration(&mut self, pointer: &str, text: &str) -> Option<Duration> {
        match self.find(pointer) {
            Some(node) => self.checker.duration(&Written { value: text.to_owned(), node }),
            None => duration::parse(text).ok(),
        }
    }

    fn some_time(&mut self, pointer: &str, text: &str) -> Option<Duration> {
        match self.find(pointer) {
            Some(node) => {
                let what = format!("`{}`", pointer.rsplit('/').next().unwrap_or(pointer));
                self.checker.some_time(&Written { value: text.to_owned(), node }, &what)
            }
            None => duration::parse(text).ok().filter(|time| !time.is_zero()),
        }
    }

    fn credential(&mut self, pointer: &str, name: &str) -> Option<String> {
        // A misspelt `credentials` has been reported.
        let misspelt = self.credentials.is_empty() && self.checker.incomplete(self.checker.tree.root());
        if misspelt || self.credentials.contains(&name) {
            return Some(name.to_owned());
        }
        let node = self.find(pointer).unwrap_or(self.node);
        let headline = format!("there is no credential `{name}`");
        let names = self.credentials.iter().copied();
        self.checker.unknown("unknown-credential", node, headline, names, "the credentials are");
        None
    }

    fn seeing(&mut self, more: Scope, check: &mut dyn FnMut(&mut dyn BlockChecker)) {
        let scope: Scope = self.scope.clone().into_iter().chain(more).collect();
        let (node, credentials) = (self.node, self.credentials);
        check(&mut Block { checker: &mut *self.checker, node, scope: &scope, credentials });
    }
}

/// Reads a block. What does not fit has been reported by the structural check, unless the kind checks more than its
/// schema says.
pub fn read_block<T: serde::de::DeserializeOwned>(
    checker: &mut Checker<'_>,
    key: NodeId,
    block: Value,
) -> Option<T> {
    match serde_json::from_value(block) {
        Ok(block) => Some(block),
        Err(error) => {
            if !checker.findings.iter().any(|finding| finding.is_error()) {
                let headline = format!("`{}` cannot be read: {error}", checker.text(key));
                checker.report("value-not-allowed", key, headline, "correct its keys");
            }
            None
        }
    }
}
