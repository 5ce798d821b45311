//! What may be given where: templates and plain values against the types that are wanted.

use crate::diagnostics::Diagnostic;
use crate::expression::{ObjectType, Type, ValueTemplate, assignable, did_you_mean, fits};
use crate::spec::tree::{Content, NodeId};
use crate::spec::wording::suggest;

use super::checker::Checker;

impl Checker<'_> {
    /// Checks that what `value` yields may be given where `wanted` is; each finding is at the very key. `node` is what
    /// `value` was compiled from, `head` where to point when something is missing.
    pub fn assign(&mut self, value: &ValueTemplate, node: NodeId, head: NodeId, wanted: &Type) -> bool {
        match (value, wanted.required()) {
            (ValueTemplate::Object(fields), Type::Object(object)) => {
                let mut fine = true;
                for field in fields {
                    let Some((key, inner)) = self.field_node(node, &field.name) else { continue };
                    match object.fields.get(&field.name) {
                        None => fine = self.unknown_field(key, &field.name, object),
                        // What is left out when it is empty may well be nothing, if the field is optional.
                        Some(wanted) if field.omit_empty && !wanted.ty.may_be_null() => {
                            let headline = format!("`{}` may be left out, but it is needed", field.name);
                            self.report("does-not-fit", key, headline, format!("write `{}:`", field.name));
                            fine = false;
                        }
                        Some(wanted) => fine &= self.assign(&field.value, inner, key, &wanted.ty),
                    }
                }
                let given: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                fine & self.all_fields(head, object, &given)
            }
            (ValueTemplate::Object(fields), Type::Table(item)) => fields.iter().fold(true, |fine, field| {
                let inner = self.field_node(node, &field.name);
                fine & inner.is_none_or(|(key, inner)| self.assign(&field.value, inner, key, item))
            }),
            (ValueTemplate::List(items), Type::List(wanted)) => {
                let nodes = self.tree.items(node).to_vec();
                let pairs = items.iter().zip(nodes);
                pairs.fold(true, |fine, (item, inner)| fine & self.assign(item, inner, inner, wanted))
            }
            (ValueTemplate::ForEach { give, .. }, Type::List(wanted)) => {
                match self.tree.entry(node, "give") {
                    Some((key, inner)) => self.assign(give, inner, key, wanted),
                    None => false,
                }
            }
            (ValueTemplate::When { give, otherwise, .. }, _) => {
                self.assign_when(give, otherwise.as_deref(), node, wanted)
            }
            (ValueTemplate::Set { give, .. }, _) => match self.tree.entry(node, "give") {
                Some((key, inner)) => self.assign(give, inner, key, wanted),
                None => false,
            },
            (ValueTemplate::Concat(parts), Type::List(_)) => {
                let wanted = wanted.clone().optional();
                let nodes = self.tree.entry(node, "concat").map(|(_, list)| self.tree.items(list).to_vec());
                let pairs = parts.iter().zip(nodes.unwrap_or_default());
                pairs.fold(true, |fine, (part, inner)| fine & self.assign(part, inner, inner, &wanted))
            }
            (ValueTemplate::Literal(_), _) => self.literal(node, head, wanted),
            _ => match assignable(&value.result_type(), wanted) {
                Ok(()) => {
                    self.may_be_too_long(value, node, wanted);
                    true
                }
                Err(reason) => self.does_not_fit(node, &reason, wanted),
            },
        }
    }

    /// Warns of text of any length where only so much fits: one long name would park its record.
    fn may_be_too_long(&mut self, value: &ValueTemplate, node: NodeId, wanted: &Type) {
        let (ValueTemplate::Template(template), Type::Text { max: Some(max) }) = (value, wanted.required())
        else {
            return;
        };
        if !matches!(template.result_type().required(), Type::Text { max: None }) {
            return;
        }
        let headline = format!("this may be longer than the {max} characters that fit");
        let help =
            format!("declare how long the fields it comes from can be, or shorten it with `| clip({max})`");
        let finding = Diagnostic::warning("may-be-too-long", self.tree.span(node), headline).help(help);
        self.push(finding);
    }

    fn assign_when(
        &mut self,
        give: &ValueTemplate,
        otherwise: Option<&ValueTemplate>,
        node: NodeId,
        wanted: &Type,
    ) -> bool {
        let first = self.tree.entry(node, "give");
        let fine = first.is_none_or(|(key, inner)| self.assign(give, inner, key, wanted));
        match (otherwise, self.tree.entry(node, "otherwise")) {
            (Some(value), Some((key, inner))) => self.assign(value, inner, key, wanted) && fine,
            _ if wanted.may_be_null() => fine,
            _ => self.does_not_fit(
                node,
                "it is nothing when the condition does not hold; add `otherwise:`",
                wanted,
            ),
        }
    }

    fn field_node(&self, node: NodeId, name: &str) -> Option<(NodeId, NodeId)> {
        self.tree.entry(node, name).or_else(|| self.tree.entry(node, &format!("{name}?")))
    }

    /// Reports a field that an object has not; always false.
    pub fn unknown_field(&mut self, key: NodeId, name: &str, object: &ObjectType) -> bool {
        let headline = match &object.name {
            Some(kind) => format!("`{kind}` has no field `{name}`"),
            None => format!("there is no field `{name}` here"),
        };
        let help = suggest(name, object.fields.keys().map(String::as_str), "the fields are");
        self.report("unknown-field", key, headline, help);
        false
    }

    /// Reports the fields that are missing, but for those that were misspelt.
    fn all_fields(&mut self, head: NodeId, object: &ObjectType, given: &[&str]) -> bool {
        let names = || object.fields.keys().map(String::as_str);
        let misspelt: Vec<&str> = given
            .iter()
            .filter(|name| !object.fields.contains_key(**name))
            .filter_map(|name| did_you_mean(name, names()))
            .collect();
        let given = |name: &str| given.contains(&name) || misspelt.contains(&name);
        let mut fine = true;
        for (name, field) in
            object.fields.iter().filter(|(name, field)| !given(name) && !field.ty.may_be_null())
        {
            let headline = format!("the field `{name}` is missing");
            self.report("missing-field", head, headline, format!("add `{name}:` ({})", field.ty));
            fine = false;
        }
        fine
    }

    fn does_not_fit(&mut self, node: NodeId, reason: &str, wanted: &Type) -> bool {
        let mut finding = self.error("does-not-fit", node, format!("this does not fit: {reason}"));
        let written = self.tree.text.get(self.tree.node(node).span.clone()).unwrap_or_default();
        finding.help = match (self.tree.content(node), wanted.required()) {
            (Content::Number(_) | Content::Boolean(_), Type::Text { .. }) => {
                Some(format!("put it in quotes: `\"{written}\"`"))
            }
            _ if reason.contains("may be nothing") => Some(
                "give another value with `| or_else(…)`, or do the step only `when:` it is there".to_owned(),
            ),
            _ => Some(format!("{wanted} is wanted here")),
        };
        self.push(finding);
        false
    }

    /// Checks that a plain value fits `wanted`, with each finding at the very key.
    pub fn literal(&mut self, node: NodeId, head: NodeId, wanted: &Type) -> bool {
        match (self.tree.content(node), wanted.required()) {
            (Content::Map(entries), Type::Object(object)) => {
                let mut fine = true;
                for (key, value) in entries {
                    let name = self.text(*key);
                    fine &= match object.fields.get(name) {
                        Some(field) => self.literal(*value, *key, &field.ty),
                        None => self.unknown_field(*key, name, object),
                    };
                }
                let given: Vec<&str> = entries.iter().map(|(key, _)| self.text(*key)).collect();
                fine & self.all_fields(head, object, &given)
            }
            (Content::Map(entries), Type::Table(item)) => {
                entries.iter().fold(true, |fine, (key, value)| fine & self.literal(*value, *key, item))
            }
            (Content::List(items), Type::List(item)) => {
                items.iter().fold(true, |fine, value| fine & self.literal(*value, *value, item))
            }
            _ => match fits(&self.tree.json(node), wanted) {
                Ok(()) => true,
                Err(mismatches) => {
                    let reasons: Vec<String> =
                        mismatches.into_iter().map(|mismatch| mismatch.message).collect();
                    self.does_not_fit(node, &reasons.join("; "), wanted)
                }
            },
        }
    }
}
