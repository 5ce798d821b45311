//! What authors write, field by field as serde reads it; the JSON Schemas are generated from these structs.
//!
//! Every field may be missing here, so that the rest of a file with a mistake is still checked: what the schema calls
//! required has been reported by the structural check before.
//!
//! Reading order: [`system`] with its [`stream`]s, [`mapping`], [`config`] the three kinds of file; [`written`] values that know where they
//! stand, and how a tree becomes these structs.

pub mod config;
mod deserialize;
pub mod mapping;
pub mod stream;
pub mod system;
pub mod written;

pub use deserialize::{Dropped, read};
pub use written::{AnyTree, Table, TypeTree, Written};
