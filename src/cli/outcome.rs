//! How a command ends: the exit codes that scripts rely on, and the sentence that goes with a bad one.

use std::fmt;
use std::process::ExitCode;

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Fine,
    /// There are findings, or records or connections that failed.
    Findings,
    /// The command was not understood.
    Usage,
    /// What the command needs is not there: configuration, key, store.
    CannotStart,
    /// Our own mistake.
    Bug,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Fine => Self::from(0),
            Exit::Findings => Self::from(1),
            Exit::Usage => Self::from(2),
            Exit::CannotStart => Self::from(3),
            Exit::Bug => Self::from(4),
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct Trouble {
    /// The exit code.
    pub exit: Exit,
    /// Sentences that say what is wrong and what to do; empty when it has been said already.
    pub message: String,
}

impl Trouble {
    /// The command failed at what it was asked.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Findings, message: message.to_string() }
    }

    /// The command was asked for something that makes no sense.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string() }
    }

    /// What the command needs is not there.
    pub fn cannot_start(message: impl fmt::Display) -> Self {
        Self { exit: Exit::CannotStart, message: message.to_string() }
    }
}

/// How a command ended.
pub type Outcome = Result<Exit, Trouble>;
