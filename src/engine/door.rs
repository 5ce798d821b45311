//! The way out of a connection: the network, or a script that answers in its place.
//!
//! Which of the two it is, is decided when the connection is made: [`super::start`] knows only the network, and what
//! [`super::rehearsal`] makes holds no client, so that it cannot reach anything.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::outcome::Outcome;
use super::rehearsal::script::Script;
use super::request::Prepared;
use crate::http::client::Kind;
use crate::http::{Client, Incoming, SendError};
use crate::transport::Transport;

/// The way out of a connection.
#[derive(Debug)]
pub(super) enum Door {
    /// To the other system.
    Network(Client),
    /// To nobody.
    Script(Arc<Script>),
}

/// An answer that came in.
pub(super) struct Came {
    pub(super) incoming: Incoming,
    /// The body as the transport reads it, or why it cannot be read.
    pub(super) body: Result<Value, String>,
}

impl Door {
    pub(super) fn is_script(&self) -> bool {
        matches!(self, Self::Script(_))
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// What came of it, when no answer came.
    pub(super) async fn send(
        &self,
        prepared: &Prepared,
        kind: Kind,
        timeout: Duration,
        transport: &dyn Transport,
    ) -> Result<Came, Outcome> {
        match self {
            Self::Network(client) => {
                let sent = client.send(prepared.outgoing.clone(), kind, timeout).await;
                let incoming = sent.map_err(|error| match error {
                    SendError::NotSent { reason, permanent } => Outcome::NotSent { reason, permanent },
                    SendError::Unknown { reason } => Outcome::Lost(reason),
                })?;
                let body = transport.read(&incoming).map_err(|error| error.to_string());
                Ok(Came { incoming, body })
            }
            Self::Script(script) => script.answer(prepared),
        }
    }
}
