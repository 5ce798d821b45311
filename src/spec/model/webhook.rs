//! What a system tells by itself: how it proves that it is genuine, and what records are in it.

use std::sync::Arc;

use regex::Regex;

use super::{Operation, Place, Stream};
use crate::expression::{Template, Type, ValueTemplate};
use crate::proof::ProofConfig;

/// Something that a system tells by itself, by a request to us.
#[derive(Debug)]
pub struct Webhook {
    /// Its name in the system file.
    pub name: String,
    /// What it tells.
    pub docs: Option<String>,
    /// Whether a connection has it at all; sees `settings`. Every connection has it without.
    pub when: Option<Template>,
    /// How the sender proves that it is genuine.
    pub proof: ProofConfig,
    /// The JSON body is made to fit this.
    pub body: Type,
    /// Yields what is the same when the sender repeats itself; sees `settings` and `body`. Without it, the SHA-256 of
    /// the body's bytes.
    pub id: Option<Template>,
    /// What records are in it.
    pub content: Content,
    /// The operations by which we ask to be told; without them a person does that at the other side.
    pub register: Option<Register>,
    /// Where it is written.
    pub place: Place,
}

/// What records are in what was told.
#[derive(Debug)]
pub enum Content {
    /// The body holds them.
    Inline {
        /// The type of a record.
        record: Type,
        /// Yields a record, or a list of them; sees `settings` and `body`. The body is the record without it.
        give: Option<ValueTemplate>,
    },
    /// The body says where they are to be fetched.
    Pointer {
        /// Yields the URL; sees `settings` and `body`.
        url: Template,
        /// The hosts that it may lead to, each a pattern that matches the whole name, beside the connection's own.
        hosts: Vec<Regex>,
        /// What is there is a page of this stream.
        stream: Arc<Stream>,
    },
}

impl Webhook {
    /// The type of a record.
    pub fn record_type(&self) -> &Type {
        match &self.content {
            Content::Inline { record, .. } => record,
            Content::Pointer { stream, .. } => &stream.record,
        }
    }
}

/// The operations by which we ask to be told.
#[derive(Debug)]
pub struct Register {
    /// A `read` without input; its result has `found`, a list of `{ id, url, event, active }`.
    pub list: Arc<Operation>,
    /// Takes `{ url, event, name }`.
    pub create: Arc<Operation>,
    /// Takes `{ id }`.
    pub remove: Arc<Operation>,
    /// What the system calls the event.
    pub event: String,
}
