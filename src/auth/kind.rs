//! The kinds there are: one line each in `kinds!`, from which blocks, schema and dispatch follow.

use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::{AuthContext, AuthError, Authenticator};
use super::{api_key, basic, body_credentials, mutual_tls};
use super::{oauth2_client_credentials, oauth2_refresh_token, session, signed_jwt};
use crate::expression::{BlockChecker, Values};

/// Declares the kinds. A kind's module has a `Block` (what authors write), a `Config` (the same, checked) and its
/// [`Authenticator`].
macro_rules! kinds {
    ($( $(#[doc = $doc:literal])* $variant:ident in $module:ident; )+) => {
        /// What an author writes of one kind: one key, which is the kind, with its fields below.
        #[derive(Debug, Clone, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum AuthBlock {
            $( $(#[doc = $doc])* $variant($module::Block), )+
        }

        /// A checked [`AuthBlock`].
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub enum AuthConfig {
            $( $(#[doc = $doc])* $variant($module::Config), )+
        }

        /// The names of all kinds.
        pub const KINDS: &[&str] = &[$( stringify!($module) ),+];

        impl AuthBlock {
            /// The kind's name.
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$variant(_) => stringify!($module), )+ }
            }

            /// Compiles what is written; `None` when a finding was made. Pointers are relative to the kind's fields.
            pub fn check(&self, checker: &mut dyn BlockChecker) -> Option<AuthConfig> {
                match self { $( Self::$variant(block) => block.check(checker).map(AuthConfig::$variant), )+ }
            }
        }

        impl AuthConfig {
            /// The kind's name.
            pub fn kind(&self) -> &'static str {
                match self { $( Self::$variant(_) => stringify!($module), )+ }
            }

            /// The names of the credentials it needs.
            pub fn credentials(&self) -> Vec<&str> {
                match self { $( Self::$variant(config) => config.credentials(), )+ }
            }

            /// The names that requests may use as `secret.NAME`; the kind puts the credential in place of each just
            /// before sending.
            pub fn placeholders(&self) -> Vec<&str> {
                match self { $( Self::$variant(config) => config.placeholders(), )+ }
            }

            /// The hosts beside the base URL's that it must reach, as [`crate::http::authority`] writes them.
            /// `values` holds `settings`.
            ///
            /// # Errors
            /// When a template cannot be evaluated or yields no URL.
            pub fn hosts(&self, values: &Values) -> Result<Vec<String>, AuthError> {
                match self { $( Self::$variant(config) => config.hosts(values), )+ }
            }

            /// Puts it to work for one connection.
            ///
            /// # Errors
            /// When a template cannot be evaluated. Credentials are read at each use, so a missing one is no error yet.
            pub fn build(&self, context: AuthContext) -> Result<Arc<dyn Authenticator>, AuthError> {
                match self {
                    $( Self::$variant(config) => config.build(context).map(|built| Arc::new(built) as _), )+
                }
            }
        }

        impl AuthBlocks {
            fn properties(generator: &mut SchemaGenerator) -> serde_json::Map<String, serde_json::Value> {
                let mut properties = serde_json::Map::new();
                $( properties.insert(
                    stringify!($module).to_owned(),
                    generator.subschema_for::<$module::Block>().to_value(),
                ); )+
                properties
            }
        }
    };
}

/// What holds for kinds that say nothing of it: a `Config` with a method of its own has that one called.
trait NoPlaceholders {
    fn placeholders(&self) -> Vec<&str> {
        Vec::new()
    }
}

impl<T> NoPlaceholders for T {}

kinds! {
    /// A key in a header of every request.
    ApiKey in api_key;
    /// A user name and a password in a header of every request.
    Basic in basic;
    /// Credentials where the operations put them: in the body or the query.
    BodyCredentials in body_credentials;
    /// A client certificate, with an API key beside it where the other side wants both.
    MutualTls in mutual_tls;
    /// OAuth 2: tokens fetched with a client id and secret.
    Oauth2ClientCredentials in oauth2_client_credentials;
    /// OAuth 2: tokens fetched with a refresh token, which a person got by pairing.
    Oauth2RefreshToken in oauth2_refresh_token;
    /// A session that is logged on and off.
    Session in session;
    /// Tokens that we sign ourselves.
    SignedJwt in signed_jwt;
}

/// The schema of a system file's `auth:`, which holds one or more kinds; each is read as an [`AuthBlock`].
#[derive(Debug, Clone, Copy)]
pub struct AuthBlocks;

impl JsonSchema for AuthBlocks {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Auth".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let properties = Self::properties(generator);
        json_schema!({
            "type": "object",
            "description": "The ways to prove who we are; a connection chooses one, and the first is the default.",
            "properties": properties,
            "additionalProperties": false,
            "minProperties": 1,
        })
    }
}
