//! What listens while an engine runs. It changes state only through the engine's commands.
//!
//! Not here: what a command does (see `engine`), how people type it (see `cli`).
//!
//! Reading order: [`admin`] the socket through which the command line reaches a running engine, [`address`] where
//! that socket is, [`intake`] where other systems push what they have to tell.

pub mod address;
pub mod admin;
pub mod intake;
