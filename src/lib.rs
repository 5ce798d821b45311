//! ml-connector: a declarative sync engine that keeps ERPs and carriers in step.

pub mod auth;
pub mod base;
pub mod cli;
pub mod diagnostics;
pub mod engine;
pub mod expression;
pub mod http;
pub mod server;
pub mod simulator;
pub mod spec;
pub mod store;
pub mod transport;
pub mod vault;
