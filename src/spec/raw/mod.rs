//! What authors write, field by field as serde reads it; the JSON Schemas are generated from these structs.
//!
//! Every field may be missing here, so that the rest of a file with a mistake is still checked: what the schema calls
//! required has been reported by the structural check before.
//!
//! Reading order: [`system`] with its [`limits`], [`operation`]s, [`request`]s, [`stream`]s and [`webhook`]s; [`mapping`] with its
//! [`source`]s, [`step`]s and [`test`]s; [`config`]; [`written`] values that know where they stand, and how a tree
//! becomes these structs.

pub mod config;
mod deserialize;
pub mod limits;
pub mod mapping;
pub mod operation;
pub mod request;
pub mod source;
pub mod step;
pub mod stream;
pub mod system;
pub mod test;
pub mod webhook;
pub mod written;

pub use deserialize::{Dropped, read};
pub use written::{AnyTree, OneOrMore, Table, TypeTree, Written};
