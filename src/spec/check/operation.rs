//! What can be asked of a system.

use std::sync::Arc;

use crate::expression::{Scope, Type, ValueTemplate};
use crate::spec::model::{AnswerRule, Batch, Effect, Operation, Request};
use crate::spec::raw::operation::{RawEffect, RawOperation};
use crate::spec::raw::{AnyTree, Written};
use crate::spec::tree::NodeId;

use super::answers;
use super::batch;
use super::checker::{Checker, scope};
use super::request::request;
use super::types::Types;

/// An operation without its effect, which may need other operations.
pub struct Draft {
    pub name: String,
    pub node: NodeId,
    pub input: Type,
    pub docs: Option<String>,
    pub request: Request,
    pub answers: Vec<AnswerRule>,
    pub answer: Type,
    pub result: ValueTemplate,
    pub result_node: Option<NodeId>,
    pub documents: Option<ValueTemplate>,
    pub batch: Option<Batch>,
}

/// What all operations of a system see.
pub struct Surroundings<'a> {
    pub settings: &'a Type,
    pub rules: &'a Scope,
    /// What requests see beside what is their own: `settings`, `request_id`, and `secret` where there is such.
    pub sent: &'a Scope,
}

impl Draft {
    /// Reads everything but the effect.
    pub fn read(
        checker: &mut Checker<'_>,
        types: &mut Types,
        around: &Surroundings<'_>,
        name: &Written<String>,
        raw: &Written<RawOperation>,
    ) -> Option<Self> {
        let input = match raw.input {
            Some(tree) => types.object(checker, tree, "the input"),
            // A misspelt `input` has been reported.
            None if checker.incomplete(raw.node) => Type::Any,
            None => Type::object([]),
        };
        let answer = raw.answer.map_or(Type::Any, |tree| types.read(checker, tree));
        let mut names = around.sent.clone();
        match &raw.batch {
            Some(_) => names.insert("inputs".to_owned(), Type::list(input.clone())),
            None => names.insert("input".to_owned(), input.clone()),
        };
        let sent = raw.request.as_ref().and_then(|raw| request(checker, raw, &names));
        let answers = answers::rules(checker, &raw.answers, around.rules);
        let mut names = scope([("settings", around.settings), ("input", &input), ("answer", &answer)]);
        let batch = match &raw.batch {
            Some(raw) => {
                let batch = batch::batch(checker, around.settings, &input, &answer, raw);
                let item = batch.as_ref().map_or(Type::Any, |batch| batch::item_type(&batch.items));
                names.insert("item".to_owned(), item);
                batch.map(Some)
            }
            None => Some(None),
        };
        let result = match raw.result {
            Some(AnyTree(node)) => checker.values(node, &names, Some("answer")),
            None => Some(ValueTemplate::Object(Vec::new())),
        };
        let documents = documents(checker, raw.documents, &names);
        Some(Self {
            name: name.value.clone(),
            node: name.node,
            input,
            docs: raw.docs.as_ref().map(|docs| docs.value.clone()),
            request: sent?,
            answers: answers?,
            answer,
            result: result?,
            result_node: raw.result.map(|tree| tree.0),
            documents: documents?,
            batch: batch?,
        })
    }

    /// Finishes the operation.
    pub fn with(self, checker: &Checker<'_>, effect: Effect) -> Arc<Operation> {
        Arc::new(Operation {
            place: checker.place(self.node),
            name: self.name,
            docs: self.docs,
            effect,
            input: self.input,
            request: self.request,
            answers: self.answers,
            answer: self.answer,
            result: self.result,
            documents: self.documents,
            batch: self.batch,
        })
    }
}

/// The effect of an operation that needs no other operations.
pub fn simple_effect(raw: &RawEffect) -> Option<Effect> {
    match raw {
        RawEffect::Read => Some(Effect::Read),
        RawEffect::Idempotent => Some(Effect::Idempotent),
        RawEffect::Create(_) => None,
    }
}

fn documents(
    checker: &mut Checker<'_>,
    raw: Option<AnyTree>,
    names: &Scope,
) -> Option<Option<ValueTemplate>> {
    let Some(AnyTree(node)) = raw else { return Some(None) };
    let value = checker.values(node, names, Some("answer"))?;
    let document =
        Type::object([("kind", Type::TEXT), ("name", Type::TEXT), ("base64", Type::TEXT.optional())]);
    checker.assign(&value, node, node, &Type::list(document)).then_some(Some(value))
}
