//! Shows what a record would cause to be sent, without sending anything.
//!
//! Answers are not known beforehand, so a step's result is stood in for by a value of its type that names itself:
//! `‹shipment.tracking_number›`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::request::{body_of, body_value};
use crate::auth::AuthConfig;
use crate::expression::{Template, Type, ValueTemplate, Values, normalise};
use crate::spec::model::{
    CallRefusal, Effect, Flow, Mapping, Operation, Otherwise, OtherwiseAction, Request, Source, Step,
    StepKind, System,
};
use crate::transport::url;

/// One step of a preview.
#[derive(Debug, Clone, Serialize)]
pub struct PreviewedStep {
    /// The step's path.
    pub step: String,
    /// `file:line:column` of the step.
    pub place: String,
    /// One sentence on what would happen.
    pub what: String,
    /// `{ method, url, body }` where something would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Value>,
}

struct Preview<'a> {
    mapping: &'a Mapping,
    systems: BTreeMap<String, Values>,
    base_urls: BTreeMap<String, String>,
    values: Values,
    /// Names whose values only stand in for what an answer will say.
    unknown: BTreeSet<String>,
    steps: Vec<PreviewedStep>,
}

/// Runs `record` through a flow's steps. `settings` are the mapping's and `connections` each role's settings, whole and
/// fitting their types.
///
/// # Errors
/// A sentence, when the flow does not exist or the record has not the stream's shape.
pub fn preview(
    mapping: &Mapping,
    flow: &str,
    record: Value,
    settings: &Value,
    connections: &BTreeMap<String, Value>,
) -> Result<Vec<PreviewedStep>, String> {
    let Some(flow) = mapping.flows.get(flow) else {
        let names: Vec<&str> = mapping.flows.keys().map(String::as_str).collect();
        return Err(format!("{} has no flow `{flow}`; it has {}", mapping.name, names.join(", ")));
    };
    let source = match flow.sources.first() {
        Some(Source::Poll { stream, .. }) => stream.name.as_str(),
        Some(Source::Webhook { webhook, .. }) => webhook.name.as_str(),
        Some(Source::Schedule { .. }) => "a schedule's",
        Some(Source::Told) | None => "what it is told",
    };
    let record = normalise(record, &flow.record_type).map_err(|mismatches| {
        let places: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        format!("the record does not have the shape of {source}: {}", places.join("; "))
    })?;
    let mut preview = Preview::new(mapping, settings, connections)?;
    preview.begin(flow, &record)?;
    preview.run(&flow.steps);
    Ok(preview.steps)
}

impl<'a> Preview<'a> {
    fn new(
        mapping: &'a Mapping,
        settings: &Value,
        connections: &BTreeMap<String, Value>,
    ) -> Result<Self, String> {
        let mut values = Values::default();
        values.set("settings", settings);
        let (mut systems, mut base_urls) = (BTreeMap::new(), BTreeMap::new());
        for (role, system) in &mapping.systems {
            let mut values = Values::default();
            values.set("settings", connections.get(role).unwrap_or(&Value::Null));
            base_urls.insert(role.clone(), system.base_url.text(&values).map_err(|error| error.to_string())?);
            systems.insert(role.clone(), values);
        }
        Ok(Self { mapping, systems, base_urls, values, unknown: BTreeSet::new(), steps: Vec::new() })
    }

    fn begin(&mut self, flow: &Flow, record: &Value) -> Result<(), String> {
        self.values.set(&flow.record, record);
        // A preview has empty tables.
        let tables = self.mapping.tables.keys().map(|name| (name.clone(), json!({})));
        self.values.set("tables", &Value::Object(tables.collect()));
        let selected = flow.select.as_ref().map_or(Ok(true), |select| select.truth(&self.values));
        let key = flow.key.text(&self.values).map_err(|error| error.to_string())?;
        let once = flow.idempotency_key.text(&self.values).map_err(|error| error.to_string())?;
        self.values.set("key", &Value::from(key.as_str()));
        self.values.set("idempotency_key", &Value::from(once.as_str()));
        let wanted = match selected {
            Ok(true) => "The flow selects it".to_owned(),
            Ok(false) => "The flow does NOT select it; below is what would happen if it did".to_owned(),
            Err(error) => return Err(error.to_string()),
        };
        self.steps.push(PreviewedStep {
            step: "select".to_owned(),
            place: flow.place.to_string(),
            what: format!("{wanted}. Key {key}, idempotency key {once}"),
            request: None,
        });
        Ok(())
    }

    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            let (mut what, request) = self.step(step);
            if reads_tables(step) {
                what.push_str(if what.is_empty() { "Looks into tables" } else { "; it looks into tables" });
                what.push_str(", which are empty in a preview");
            }
            if !what.is_empty() {
                let (step, place) = (step.path.clone(), step.place.to_string());
                self.steps.push(PreviewedStep { step, place, what, request });
            }
        }
    }

    fn step(&mut self, step: &Step) -> (String, Option<Value>) {
        if let Some(when) = &step.when {
            match when.truth(&self.values) {
                Ok(true) => {}
                Ok(false) => {
                    step.id.iter().for_each(|id| self.values.set(id, &Value::Null));
                    return ("Left out: its `when` does not hold".to_owned(), None);
                }
                Err(error) => return (format!("Its `when` cannot be evaluated: {error}"), None),
            }
        }
        match &step.kind {
            StepKind::Call { role, operation, with, on_refusal, refusal, .. } => {
                let input = with.evaluate(&self.values);
                if let Some(id) = &step.id {
                    self.values.set(id, &stand_in(&operation.result.result_type(), id));
                    self.unknown.insert(id.clone());
                }
                refusal.iter().for_each(|name| {
                    self.values.set(name, &Value::Null);
                    self.unknown.insert(name.clone());
                });
                match input {
                    Ok(input) => {
                        let (mut what, request) = self.call(role, operation, &input);
                        if *on_refusal == CallRefusal::GoOn {
                            what.push_str("; if it is refused, the steps go on");
                        }
                        (what, request)
                    }
                    Err(error) => (format!("Its input cannot be made: {error}"), None),
                }
            }
            StepKind::Check { condition, otherwise } => (self.check(condition, otherwise), None),
            StepKind::Set(values) => {
                for (name, tree) in values {
                    match tree.evaluate(&self.values) {
                        Ok(value) => self.values.set(name, &value),
                        Err(error) => return (format!("`{name}` cannot be made: {error}"), None),
                    }
                }
                (String::new(), None)
            }
            StepKind::Link(links) => {
                let names: Vec<&str> = links.iter().map(|(kind, _)| kind.as_str()).collect();
                (format!("The record can then be found by its {}", names.join(", ")), None)
            }
            StepKind::Put(rows) => (self.put(rows), None),
            StepKind::Find { kind, value, flow, otherwise, .. } => {
                if let Some(id) = &step.id {
                    self.values.set(id, &stand_in(&StepKind::found(), id));
                    self.unknown.insert(id.clone());
                }
                (self.find(kind, value, flow.as_deref(), otherwise), None)
            }
            StepKind::Tell(told) => (self.tell(told), None),
            StepKind::ForEach { list, name, steps, give, .. } => {
                let (given, what) = self.for_each(list, name, steps, give.as_ref());
                if let Some(id) = &step.id {
                    self.values.set(id, &Value::Array(given));
                    self.unknown.insert(id.clone());
                }
                (what, None)
            }
        }
    }

    fn for_each(
        &mut self,
        list: &Template,
        name: &str,
        steps: &[Step],
        give: Option<&ValueTemplate>,
    ) -> (Vec<Value>, String) {
        let mut given = Vec::new();
        let items = match list.evaluate(&self.values) {
            Ok(Value::Array(items)) => items,
            Ok(_) => Vec::new(),
            Err(error) => return (given, format!("Its list cannot be made: {error}")),
        };
        for item in &items {
            self.values.set(name, item);
            self.run(steps);
            match give.map(|give| give.evaluate(&self.values)).transpose() {
                Ok(value) => given.extend(value),
                Err(error) => return (given, format!("What it gives cannot be made: {error}")),
            }
        }
        (given, String::new())
    }

    /// Which rows would be written, as far as they are known. The record's own steps do not see them, as in a run.
    fn put(&self, rows: &[(String, Template, ValueTemplate)]) -> String {
        let mut told = Vec::new();
        for (table, key, value) in rows {
            let row = key.text(&self.values).and_then(|key| Ok((key, value.evaluate(&self.values)?)));
            match row {
                Ok((key, value)) => told.push(format!("Puts {key} into the table {table}: {value}")),
                Err(error) => told.push(format!("Its row of {table} cannot be made: {error}")),
            }
        }
        told.join("; ")
    }

    /// Which record would be looked for.
    fn find(&self, kind: &str, value: &Template, flow: Option<&str>, otherwise: &Otherwise) -> String {
        let whose = flow.map(|flow| format!(" of {flow}")).unwrap_or_default();
        match value.evaluate(&self.values) {
            Ok(value) => {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let action = ended(otherwise.action);
                format!("Finds the record{whose} with the {kind} {value}; without it, the record is {action}")
            }
            Err(error) => format!("What it looks for cannot be made: {error}"),
        }
    }

    /// What other flows would be told.
    fn tell(&self, told: &[(String, ValueTemplate)]) -> String {
        let sentences = told.iter().map(|(flow, value)| match value.evaluate(&self.values) {
            Ok(Value::Array(records)) => {
                let records: Vec<String> = records.iter().map(Value::to_string).collect();
                format!("Tells {flow} of {} records: {}", records.len(), records.join(", "))
            }
            Ok(record) => format!("Tells {flow}: {record}"),
            Err(error) => format!("What it tells {flow} cannot be made: {error}"),
        });
        sentences.collect::<Vec<_>>().join("; ")
    }

    fn check(&self, condition: &Template, otherwise: &Otherwise) -> String {
        let action = ended(otherwise.action);
        if condition.names().iter().any(|name| self.unknown.contains(name)) {
            return format!("Goes on only if {}; otherwise the record is {action}", condition.source());
        }
        match condition.truth(&self.values) {
            Ok(true) => format!("Holds: {}", condition.source()),
            Ok(false) => {
                let message = otherwise.message.text(&self.values).unwrap_or_else(|error| error.to_string());
                format!("Does not hold, so the record is {action}: {message}")
            }
            Err(error) => format!("Cannot be evaluated: {error}"),
        }
    }

    fn call(&self, role: &str, operation: &Operation, input: &Value) -> (String, Option<Value>) {
        let once = match operation.effect {
            Effect::Read => "reads",
            Effect::Idempotent => "writes, safe to repeat",
            Effect::Create(_) => "takes effect once",
        };
        let system = &self.mapping.systems[role];
        match self.request(role, operation, input) {
            Ok(request) => (format!("{}: {} ({once})", system.title, operation.name), Some(request)),
            Err(error) => (format!("{}: {} cannot be rendered: {error}", system.title, operation.name), None),
        }
    }

    fn request(&self, role: &str, operation: &Operation, input: &Value) -> Result<Value, String> {
        let request: &Request = &operation.request;
        let mut values = self.systems[role].clone();
        match operation.batch {
            Some(_) => values.set("inputs", &json!([input])),
            None => values.set("input", input),
        }
        let system = &self.mapping.systems[role];
        values.set("secret", &placeholders(system));
        let addresses =
            system.webhooks.keys().map(|name| (name.clone(), Value::from(format!("‹webhooks.{name}›"))));
        values.set("webhooks", &Value::Object(addresses.collect()));
        values.set("request_id", &Value::from("00000000000000000000000000000000"));
        let say = |error: crate::expression::EvaluationError| error.to_string();
        let path = request.path.encoded(&values, &url::encode_segment).map_err(say)?;
        let mut whole = url::join(&self.base_urls[role], &path).map_err(|error| error.to_string())?;
        if let Some(Value::Object(query)) =
            request.query.as_ref().map(|tree| tree.evaluate(&values)).transpose().map_err(say)?
        {
            let mut pairs = whole.query_pairs_mut();
            for (name, value) in query.iter().filter(|(_, value)| !value.is_null()) {
                pairs.append_pair(name, value.as_str().unwrap_or(&value.to_string()));
            }
        }
        let body = request.body.as_ref().map(|body| body_of(body, &values)).transpose().map_err(say)?;
        let body = body.map(body_value);
        Ok(json!({ "method": request.method.as_str(), "url": whole.as_str(), "body": body }))
    }
}

/// What becomes of a record that goes no further.
fn ended(action: OtherwiseAction) -> &'static str {
    match action {
        OtherwiseAction::Park => "parked",
        OtherwiseAction::Skip => "skipped",
        OtherwiseAction::Report => "done, and people are told",
        OtherwiseAction::Done => "done",
    }
}

fn reads_tables(step: &Step) -> bool {
    let mut reads = false;
    let mut note = |template: &Template| reads |= template.fields_of("tables").next().is_some();
    step.when.iter().for_each(&mut note);
    step.kind.templates(&mut note);
    reads
}

/// What stands where the system's credentials will be.
fn placeholders(system: &System) -> Value {
    let names = system.auth.values().flat_map(AuthConfig::placeholders);
    names.map(|name| (name.to_owned(), Value::from(format!("‹{name}›")))).collect::<Map<_, _>>().into()
}

/// A value of the type that says where it stands for something.
fn stand_in(ty: &Type, path: &str) -> Value {
    match ty {
        Type::Boolean | Type::Presence => Value::Bool(true),
        Type::Integer | Type::Number => Value::from(1),
        Type::Text { .. } | Type::Any | Type::Duration | Type::Zone => Value::from(format!("‹{path}›")),
        Type::Null => Value::Null,
        Type::List(item) => json!([stand_in(item, path)]),
        Type::Object(object) => object
            .fields
            .iter()
            .map(|(name, field)| (name.clone(), stand_in(&field.ty, &format!("{path}.{name}"))))
            .collect::<Map<_, _>>()
            .into(),
        Type::Table(_) => json!({}),
        Type::Optional(inner) => stand_in(inner, path),
    }
}
