//! The credentials of a block by the names that its templates know them by.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use super::keys::Key;
use super::{AuthError, placeholder};
use crate::base::Secret;
use crate::expression::{BlockChecker, Field, ObjectType, Scope, Type, is_name};
use crate::http::Outgoing;

/// `credentials:` of a block: names for templates, and the credentials behind them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct SecretNames(BTreeMap<String, String>);

impl TryFrom<BTreeMap<String, String>> for SecretNames {
    type Error = String;

    fn try_from(names: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        match names.keys().find(|name| !is_name(bare(name))) {
            Some(name) => Err(format!(
                "`{name}` cannot be a name in templates; write letters, digits and `_`, such as `company_password`"
            )),
            None => Ok(Self(names)),
        }
    }
}

impl JsonSchema for SecretNames {
    fn schema_name() -> Cow<'static, str> {
        "SecretNames".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "What templates see below `secret`: names, and the credentials behind them. A name written `name?` is empty when its credential is not set.",
            "additionalProperties": { "type": "string" },
        })
    }
}

/// One name with what is behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) credential: String,
    /// Whether it may be missing, and is empty then.
    pub(super) optional: bool,
}

impl SecretNames {
    /// What templates see: `secret`, with a field for each name.
    pub(super) fn scope(&self) -> Scope {
        let field = |name: &String| (bare(name).to_owned(), Field { ty: Type::TEXT, docs: None });
        let fields = self.0.keys().map(field).collect();
        let secret = Type::Object(Arc::new(ObjectType { name: None, fields }));
        Scope::from([("secret".to_owned(), secret)])
    }

    /// Checks every name, which stand at `pointer`.
    pub(super) fn check(&self, checker: &mut dyn BlockChecker, pointer: &str) -> Option<Vec<Named>> {
        let checked: Vec<Option<Named>> = self
            .0
            .iter()
            .map(|(name, credential)| {
                let credential = checker.credential(&format!("{pointer}/{name}"), credential)?;
                Some(Named { name: bare(name).to_owned(), credential, optional: name.ends_with('?') })
            })
            .collect();
        checked.into_iter().collect()
    }
}

fn bare(name: &str) -> &str {
    name.strip_suffix('?').unwrap_or(name)
}

/// The credentials that must be there.
pub(super) fn needed(names: &[Named]) -> Vec<&str> {
    names.iter().filter(|named| !named.optional).map(|named| named.credential.as_str()).collect()
}

/// The value of `secret` in templates.
pub(super) fn value(names: &[Named]) -> Value {
    placeholder::scope_value(names.iter().map(|named| named.name.as_str()))
}

/// Replaces the placeholders of `names` in `request` by the values of `key`, which has one for each.
pub(super) fn fill(request: &mut Outgoing, names: &[Named], key: &Key) -> Result<(), AuthError> {
    placeholder::fill(request, &|name| of(names, key, name))
}

/// The credential that a placeholder names.
pub(super) fn of(names: &[Named], key: &Key, name: &str) -> Result<Secret, AuthError> {
    let index = names.iter().position(|named| named.name == name);
    let value = index.and_then(|index| key.values.get(index)).cloned();
    value.ok_or_else(|| AuthError::Refused(format!("there is no `secret.{name}`")))
}
