//! What came of a call, and what there is to tell about it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::store::Document;

/// What came of a call.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It worked.
    Ok {
        /// The operation's result.
        result: Value,
        /// What is to be kept.
        documents: Vec<Document>,
    },
    /// It had already been done.
    Done,
    /// There is no such thing.
    Absent(Refusal),
    /// It will not work as it is.
    Rejected(Refusal),
    /// It may work later; nothing can be said of whether it was done.
    Later(Refusal),
    /// The system counts as down, so it was left alone.
    Down(Refusal),
    /// It was never sent.
    NotSent {
        /// Why.
        reason: String,
        /// Whether it will not work before somebody changes something.
        permanent: bool,
    },
    /// It was sent and no whole answer came.
    Lost(String),
    /// It worked, but the answer does not have the shape that was declared.
    Unreadable(Refusal),
    /// We cannot prove who we are; a person must act.
    Unauthorised(String),
    /// Our own templates do not fit the data; nothing was sent.
    Unrenderable(String),
}

/// Why a call did not work, for people.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// One sentence.
    pub message: String,
    /// The other side's code.
    pub code: Option<String>,
    /// Not before this, where the other side said so.
    pub until: Option<Timestamp>,
}

/// A call with what there is to tell about it.
#[derive(Debug, Clone)]
pub struct Call {
    /// What came of it.
    pub outcome: Outcome,
    /// Whether the answer proves that nothing was done (`refused` of a create).
    pub refused: bool,
    /// Whether the answer proves that nobody looked at the request (`untouched` of a create).
    pub untouched: bool,
    /// Small facts for the audit.
    pub facts: Value,
    /// The redacted request and answer.
    pub exchange: Value,
}

impl Call {
    /// A call for which nothing was sent.
    pub(super) fn unsent(outcome: Outcome) -> Self {
        Self { outcome, refused: false, untouched: false, facts: json!({}), exchange: Value::Null }
    }
}

impl Outcome {
    /// One word for the audit.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ok { .. } => "ok",
            Self::Done => "done",
            Self::Absent(_) => "absent",
            Self::Rejected(_) => "rejected",
            Self::Later(_) => "later",
            Self::Down(_) => "down",
            Self::NotSent { .. } => "not_sent",
            Self::Lost(_) => "lost",
            Self::Unreadable(_) => "unreadable",
            Self::Unauthorised(_) => "unauthorised",
            Self::Unrenderable(_) => "unrenderable",
        }
    }

    /// Not before this, where the other side said so.
    pub(super) fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Later(refusal) | Self::Down(refusal) => refusal.until,
            _ => None,
        }
    }

    /// One sentence on why it did not work.
    pub fn cause(&self) -> String {
        match self {
            Self::Ok { .. } => "it worked".to_owned(),
            Self::Done => "it had already been done".to_owned(),
            Self::Absent(refusal)
            | Self::Rejected(refusal)
            | Self::Later(refusal)
            | Self::Down(refusal)
            | Self::Unreadable(refusal) => refusal.message.clone(),
            Self::NotSent { reason, .. }
            | Self::Lost(reason)
            | Self::Unauthorised(reason)
            | Self::Unrenderable(reason) => reason.clone(),
        }
    }

    /// It will not work with this input, or cannot be understood: with several inputs, one of them may be to blame.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Absent(_) | Self::Rejected(_) | Self::Unreadable(_) | Self::Unrenderable(_))
    }
}
