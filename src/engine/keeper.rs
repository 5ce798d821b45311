//! Gives the kinds of auth and proof their credentials from the vault and keeps their tokens, encrypted, in the store.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::auth::{Boxed, Credentials, Refresh, StoredToken, TokenStore};
use crate::base::{Secret, clock};
use crate::http::Redactor;
use crate::proof;
use crate::store::{Batch, Store, Write};
use crate::vault::Vault;

/// One connection's share of the vault and the store.
pub(super) struct Keeper {
    pub(super) connection: String,
    pub(super) vault: Arc<Vault>,
    pub(super) store: Arc<dyn Store>,
    pub(super) redactor: Redactor,
}

impl Credentials for Keeper {
    fn get_all(&self, name: &str) -> Result<Vec<Secret>, String> {
        self.values(name)
    }
}

impl proof::Credentials for Keeper {
    fn get_all(&self, name: &str) -> Result<Vec<Secret>, String> {
        self.values(name)
    }
}

impl Keeper {
    /// The values of a credential, the newest first.
    fn values(&self, name: &str) -> Result<Vec<Secret>, String> {
        let full = format!("{}.{name}", self.connection);
        // A credential that was rotated meanwhile counts from now on; a vault that cannot be read keeps what it had.
        if let Err(error) = self.vault.reload_if_changed() {
            tracing::warn!(%error, "the changed vault cannot be read");
        }
        let found = self.vault.get(&full).map_err(|error| error.to_string())?.unwrap_or_default();
        if found.is_empty() {
            return Err(format!(
                "the credential {full} is not set; set it with `ml-connector secret set {full}`"
            ));
        }
        // Rotated credentials arrive while we run; nothing may show them either.
        found.iter().for_each(|secret| self.redactor.add(secret.clone()));
        Ok(found)
    }

    fn token_name(&self, name: &str) -> String {
        format!("token/{}/{name}", self.connection)
    }

    async fn put(&self, name: String, bytes: Vec<u8>) -> Result<(), String> {
        let writes = vec![Write::Blob { name, bytes: Some(bytes) }];
        self.store.commit(Batch { writes }).await.map_err(|error| error.to_string())
    }

    fn read_token(&self, name: &str) -> Result<Option<StoredToken>, String> {
        let full = self.token_name(name);
        let Some(sealed) = self.store.blob(&full).map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        // A token that cannot be opened (the master key was changed) is only a token: a new one is fetched.
        let Ok(plain) = self.vault.unseal(&full, &sealed) else { return Ok(None) };
        let Ok(kept) = serde_json::from_slice::<Value>(&plain) else { return Ok(None) };
        let text = |field: &str| kept.get(field).and_then(Value::as_str);
        let stamp = |field: &str| text(field).and_then(|text| text.parse::<Timestamp>().ok());
        let refresh =
            || Some(Refresh { token: Secret::new(text("refresh")?), chain: text("chain")?.to_owned() });
        Ok((|| {
            Some(StoredToken {
                token: Secret::new(text("token")?),
                issued: stamp("issued")?,
                expires: stamp("expires")?,
                credentials: text("credentials")?.to_owned(),
                refresh: refresh(),
            })
        })())
    }

    async fn write_token(&self, name: &str, token: &StoredToken) -> Result<(), String> {
        let full = self.token_name(name);
        let plain = json!({
            "token": token.token.expose(),
            "issued": token.issued.to_string(),
            "expires": token.expires.to_string(),
            "credentials": token.credentials,
            "refresh": token.refresh.as_ref().map(|refresh| refresh.token.expose()),
            "chain": token.refresh.as_ref().map(|refresh| refresh.chain.as_str()),
        });
        let sealed =
            self.vault.seal(&full, plain.to_string().as_bytes()).map_err(|error| error.to_string())?;
        self.put(full, sealed).await
    }

    async fn count(&self, name: &str, now: Timestamp) -> Result<u32, String> {
        let full = format!("token-count/{}/{name}", self.connection);
        let kept = self.store.blob(&full).map_err(|error| error.to_string())?;
        let mut fetches: Vec<Timestamp> =
            kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        fetches.retain(|at| clock::between(*at, now) < Duration::from_secs(86_400));
        fetches.push(now);
        let bytes = serde_json::to_vec(&fetches).map_err(|error| error.to_string())?;
        self.put(full, bytes).await?;
        Ok(u32::try_from(fetches.len()).unwrap_or(u32::MAX))
    }
}

impl TokenStore for Keeper {
    fn load<'a>(&'a self, name: &'a str) -> Boxed<'a, Result<Option<StoredToken>, String>> {
        Box::pin(async move { self.read_token(name) })
    }

    fn save<'a>(&'a self, name: &'a str, token: &'a StoredToken) -> Boxed<'a, Result<(), String>> {
        Box::pin(self.write_token(name, token))
    }

    fn count_fetch<'a>(&'a self, name: &'a str, now: Timestamp) -> Boxed<'a, Result<u32, String>> {
        Box::pin(self.count(name, now))
    }
}
