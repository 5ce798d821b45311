//! ml-connector: a declarative sync engine that keeps ERPs and carriers in step.

pub mod base;
pub mod diagnostics;
pub mod expression;
pub mod http;
pub mod auth;
pub mod transport;
pub mod spec;
pub mod store;
pub mod vault;
pub mod engine;
pub mod server;
pub mod simulator;
pub mod cli;
