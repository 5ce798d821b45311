//! The checked model: what the engine runs. Nothing in it is text that still has to be parsed.
//!
//! Reading order: [`System`], [`Operation`], [`Stream`], [`Webhook`]; [`Mapping`], [`Step`], [`MappingTest`]; [`Config`].

mod config;
mod mapping;
mod operation;
mod step;
mod stream;
mod system;
mod test;
mod webhook;

pub use config::{Config, Connection, FlowUse, Intake, IntakeTls, KeySource, MappingUse, SourceUse};
pub use mapping::{
    AfterDone, Again, Cron, Flow, Mapping, Merge, OnChange, OnRefusal, Schedule, Source, TableDecl,
};
pub use operation::{Batch, CreateEffect, Effect, Operation, OperationCall, Request, RequestBody};
pub use step::{CallRefusal, Otherwise, OtherwiseAction, Step, StepKind, every_step};
pub use stream::{CursorKind, Paging, Records, Stream, Until};
pub use system::{
    AnswerClass, AnswerRule, Breaker, Credential, ErrorShape, Limits, Ping, Rate, RateHeaders, Retry,
    Setting, System,
};
pub use test::{
    Expectation, ExpectedCall, ExpectedRequest, FoundRecord, MappingTest, Replies, Reply, TestState,
};
pub use webhook::{Content, Register, Webhook};

use std::fmt;
use std::sync::Arc;

/// Where in the author's files something was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file as the author knows it, such as `mappings/sage100-ups.yaml`.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
