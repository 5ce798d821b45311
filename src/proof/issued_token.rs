//! A token that we issued to the sender for a client id and its secret.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::token::{Client, Worth};
use super::{Boxed, Claim, Issued, Judgement, ProofContext, ProofError, Verifier, judged, same};
use crate::base::Secret;
use crate::expression::BlockChecker;
use crate::http::HeaderName;

/// A token that we issued to the sender for a client id and its secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "IssuedToken")]
pub struct Block {
    /// The credential that is the client id.
    pub client_id: String,
    /// The credential that is the client secret.
    pub client_secret: String,
    /// A header in which the sender must repeat the client id.
    pub api_key_header: Option<HeaderName>,
    /// How long a token is good.
    #[serde(default = "one_hour")]
    pub life: String,
}

fn one_hour() -> String {
    "1h".to_owned()
}

/// A checked [`Block`].
#[derive(Debug, Clone)]
pub struct Config {
    client_id: String,
    client_secret: String,
    api_key_header: Option<HeaderName>,
    life: Duration,
}

impl Block {
    /// Checks what is written.
    pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<Config> {
        // All of it is checked before any `?`, so that one mistake does not hide the next.
        let client_id = checker.credential("/client_id", &self.client_id);
        let client_secret = checker.credential("/client_secret", &self.client_secret);
        let life = checker.some_time("/life", &self.life);
        Some(Config {
            client_id: client_id?,
            client_secret: client_secret?,
            api_key_header: self.api_key_header.clone(),
            life: life?,
        })
    }
}

impl Config {
    /// The names of the credentials it needs.
    pub fn credentials(&self) -> Vec<&str> {
        vec![&self.client_id, &self.client_secret]
    }

    /// Puts it to work for one webhook of one connection.
    ///
    /// # Errors
    /// Never.
    pub fn build(&self, context: ProofContext) -> Result<Arc<dyn Verifier>, ProofError> {
        Ok(Arc::new(IssuedTokens { config: self.clone(), context }))
    }
}

/// What stands before a token in the header `Authorization`, in whatever case.
const BEARER: &str = "bearer ";

/// Tokens that we issued, at work.
#[derive(Debug)]
struct IssuedTokens {
    config: Config,
    context: ProofContext,
}

impl IssuedTokens {
    fn check(&self, claim: Claim<'_>) -> Result<(), Judgement> {
        let given = claim.header_text(&AUTHORIZATION)?;
        let (ids, secrets) = self.clients()?;
        self.check_api_key(claim, &ids)?;
        let scheme = given.get(..BEARER.len()).ok_or(Judgement::Wrong)?;
        judged(scheme.eq_ignore_ascii_case(BEARER))?;
        let token = given[BEARER.len()..].trim();
        let pairs = ids.iter().flat_map(|id| secrets.iter().map(move |secret| (id, secret)));
        let worth: Vec<Worth> = pairs
            .map(|(id, secret)| {
                Client { connection: &self.context.connection, id, secret }.worth(token, claim.now)
            })
            .collect();
        match () {
            () if worth.contains(&Worth::Good) => Ok(()),
            () if worth.contains(&Worth::Expired) => Err(Judgement::Stale),
            () => Err(Judgement::Wrong),
        }
    }

    /// UPS sends its client id beside the token ("required for OAUTH clients").
    fn check_api_key(&self, claim: Claim<'_>, ids: &[Secret]) -> Result<(), Judgement> {
        let Some(name) = &self.config.api_key_header else { return Ok(()) };
        judged(same::is_one_of(ids, claim.header(name.name())?))
    }

    /// All client ids and all secrets there are.
    fn clients(&self) -> Result<(Vec<Secret>, Vec<Secret>), Judgement> {
        Ok((self.context.all(&self.config.client_id)?, self.context.all(&self.config.client_secret)?))
    }
}

impl Verifier for IssuedTokens {
    fn judge<'a>(&'a self, claim: Claim<'a>) -> Boxed<'a, Judgement> {
        Box::pin(async move { Judgement::of(self.check(claim)) })
    }

    fn issue(&self, client_id: &str, client_secret: &str, now: Timestamp) -> Result<Option<Issued>, String> {
        let (ids, secrets) = match self.clients() {
            Ok(clients) => clients,
            Err(Judgement::Unable(reason)) => return Err(reason),
            Err(_) => return Ok(None),
        };
        // Both are looked at, so that the time it takes does not say which of them is wrong.
        let known = same::is_one_of(&ids, client_id.as_bytes());
        if !(known & same::is_one_of(&secrets, client_secret.as_bytes())) {
            return Ok(None);
        }
        // Made with the very secret that was shown, so that it dies with that one.
        let (id, secret) = (Secret::new(client_id), Secret::new(client_secret));
        let client = Client { connection: &self.context.connection, id: &id, secret: &secret };
        let token = Secret::new(client.token(now, self.config.life));
        Ok(Some(Issued { token, life: self.config.life }))
    }
}
