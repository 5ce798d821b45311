//! From what was written to what runs: names, types, templates, durations. Never stops at the first finding.
//!
//! A part that has a finding is left out of the model and counts as known everywhere else, so that one mistake is one
//! finding.
//!
//! Reading order: [`checker`] what all checks share, [`types`], [`templates`], [`assign`] what may be given where,
//! [`settings`]; then a system: [`system`], [`limits`], [`answers`], [`request`], [`operation`], [`batch`], [`create`],
//! [`stream`], [`webhook`] with its [`register`], [`block`]; a mapping: [`mapping`], [`tables`], [`flows`] before any is read,
//! [`flow`], [`source`], [`merge`], [`steps`] and their [`loops`] with what is [`fleeting`], [`tell`], [`again`],
//! [`schedule`], [`test`] with what is [`given`] and its [`expectation`];
//! and [`config`] with [`flow_use`] and [`intake`].

pub(super) mod again;
pub(super) mod answers;
pub(super) mod assign;
pub(super) mod batch;
pub(super) mod block;
pub(super) mod checker;
pub(super) mod config;
pub(super) mod create;
pub(super) mod expectation;
pub(super) mod fleeting;
pub(super) mod flow;
pub(super) mod flow_use;
pub(super) mod flows;
pub(super) mod given;
pub(super) mod intake;
pub(super) mod limits;
pub(super) mod loops;
pub(super) mod mapping;
pub(super) mod merge;
pub(super) mod operation;
pub(super) mod register;
pub(super) mod request;
pub(super) mod schedule;
pub(super) mod settings;
pub(super) mod source;
pub(super) mod steps;
pub(super) mod stream;
pub(super) mod system;
pub(super) mod tables;
pub(super) mod tell;
pub(super) mod templates;
pub(super) mod test;
pub(super) mod types;
pub(super) mod webhook;
