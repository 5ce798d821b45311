//! Which values of credentials prove us while they are being rotated.
//!
//! A vendor's new key may work only from tomorrow, and the old one only until tonight. So the newest is tried first;
//! where it is not accepted, the one before is used until that is not accepted either. The newest gets another chance
//! from time to time, and at once after a change of the vault.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::secrets::Named;
use super::{AuthContext, AuthError};
use crate::base::clock::between;
use crate::base::{Secret, json};

/// How long a value that was not accepted is left alone while another one works. Accounts are locked for less frequent
/// failures than these only where nothing succeeds in between.
const REST: Duration = Duration::from_secs(15 * 60);

/// The credentials that prove us together, and which of their values were not accepted.
pub(super) struct Keys {
    names: Vec<Name>,
    state: Mutex<State>,
}

/// A credential, and whether it may be missing: then it is empty.
struct Name {
    credential: String,
    optional: bool,
}

#[derive(Default)]
struct State {
    refused: Vec<(String, Timestamp)>,
    /// The older one that was last told of.
    told: Option<String>,
}

/// One value of each credential, in the order of their names.
pub(super) struct Key {
    pub(super) values: Vec<Secret>,
    /// Tells it apart from others without giving it away.
    pub(super) id: String,
}

impl Keys {
    pub(super) fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let name = |name: &str| Name { credential: name.to_owned(), optional: false };
        Self { names: names.into_iter().map(name).collect(), state: Mutex::default() }
    }

    /// Those behind the names of a block, in their order.
    pub(super) fn named(names: &[Named]) -> Self {
        let name = |named: &Named| Name { credential: named.credential.clone(), optional: named.optional };
        Self { names: names.iter().map(name).collect(), state: Mutex::default() }
    }

    /// All there are, the newest first. Credentials that are rotated together belong together.
    pub(super) fn all(&self, context: &AuthContext) -> Result<Vec<Key>, AuthError> {
        let values = self.names.iter().map(|name| name.read(context)).collect::<Result<Vec<_>, _>>()?;
        let depth = values.iter().map(Vec::len).max().unwrap_or(1);
        Ok((0..depth)
            .map(|age| Key::new(values.iter().map(|all| all[age.min(all.len() - 1)].clone())))
            .collect())
    }

    /// The one to use now.
    pub(super) fn current(&self, context: &AuthContext) -> Result<Key, AuthError> {
        let mut all = self.all(context)?;
        let now = context.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .refused
            .retain(|(id, at)| *at <= now && between(*at, now) < REST && all.iter().any(|key| key.id == *id));
        let rested = all.iter().position(|key| state.refused.iter().all(|(id, _)| *id != key.id));
        if rested.is_none() {
            state.refused.clear();
        }
        let age = rested.unwrap_or(0);
        let key = all.swap_remove(age);
        if age == 0 {
            state.told = None;
        } else if state.told.as_ref() != Some(&key.id) {
            state.told = Some(key.id.clone());
            tracing::warn!(
                connection = context.connection,
                credentials = self.told_names(),
                "the newest value was not accepted; the one before is in use"
            );
        }
        Ok(key)
    }

    fn told_names(&self) -> String {
        self.names.iter().map(|name| name.credential.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Says that `key` was not accepted.
    pub(super) fn refuse(&self, key: &Key, now: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.refused.retain(|(id, _)| *id != key.id);
        state.refused.push((key.id.clone(), now));
    }

    /// Says that the one of which `carried` is true was not accepted.
    pub(super) fn refuse_carried(&self, context: &AuthContext, carried: impl Fn(&Key) -> bool) {
        // Where the vault cannot be read there is nothing to try next either.
        if let Some(key) = self.all(context).ok().and_then(|all| all.into_iter().find(|key| carried(key))) {
            self.refuse(&key, context.clock.now());
        }
    }
}

impl Name {
    fn read(&self, context: &AuthContext) -> Result<Vec<Secret>, AuthError> {
        match context.all(&self.credential) {
            Err(_) if self.optional => Ok(vec![Secret::new("")]),
            read => read,
        }
    }
}

impl Key {
    fn new(values: impl Iterator<Item = Secret>) -> Self {
        let values: Vec<Secret> = values.collect();
        let id = json::fingerprint(&values.iter().map(|secret| Value::from(secret.expose())).collect());
        Self { values, id }
    }
}
