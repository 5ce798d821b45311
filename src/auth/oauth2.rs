//! What the OAuth kinds share: [`endpoint`] is where tokens are fetched, [`tokens`] keeps one ready.

pub(super) mod endpoint;
pub(super) mod tokens;

pub use tokens::Oauth2;
