//! ml-connector: a declarative sync engine that keeps ERPs and carriers in step.
//!
//! What it is for stands in README.md, how it is built in ARCHITECTURE.md. The rooms in reading order: [`base`] time, ids and
//! secrets; [`diagnostics`] what authors are told; [`expression`] types and templates; [`spec`] YAML to a checked model;
//! [`http`], [`auth`] and [`transport`] the way out; [`proof`] who may come in; [`store`] and [`vault`] what is kept; [`engine`] the work itself;
//! [`server`] and [`cli`] the ways in; [`simulator`] the other systems.

pub mod auth;
pub mod base;
pub mod cli;
pub mod diagnostics;
pub mod engine;
pub mod expression;
pub mod http;
pub mod proof;
pub mod server;
pub mod simulator;
pub mod spec;
pub mod store;
pub mod transport;
pub mod vault;
