//! `ml-connector preview`: every request that a record would cause, without sending any.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::library;
use super::names;
use super::outcome::{Exit, Outcome, Trouble};
use super::output::{FormatArg, Output};
use super::workspace::{ConfigArg, Workspace};
use crate::engine::{PreviewedStep, preview};
use crate::spec::model::{Mapping, Setting};

/// Shows every step that a record would go through and every request it would cause; nothing is sent.
///
/// Answers are not known beforehand: where a later step uses one, its place is shown, such as ‹shipment.tracking_number›.
/// With a configuration that uses the mapping its settings are used, else the defaults.
///
/// Example: `ml-connector preview sage100-ups ship_orders --record order.json`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of a shipped mapping or of one in the configuration, or a file.
    #[arg(value_name = "MAPPING")]
    mapping: String,
    /// The flow.
    #[arg(value_name = "FLOW")]
    flow: String,
    /// A JSON file with the record as its source gives it; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    record: PathBuf,
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    format: FormatArg,
}

impl Args {
    /// Runs the command.
    ///
    /// # Errors
    /// When the mapping, the flow or the record cannot be used.
    pub fn run(self, output: &Output) -> Outcome {
        let record = self.record()?;
        library::check_named(&self.config)?;
        let mapping = library::mapping(&self.mapping, &self.config, output)?;
        if !mapping.flows.contains_key(&self.flow) {
            return Err(Trouble::usage(names::unknown("flow", &self.flow, mapping.flows.keys())));
        }
        let (settings, connections) = self.settings(&mapping, output)?;
        let steps =
            preview(&mapping, &self.flow, record, &settings, &connections).map_err(Trouble::failed)?;
        for step in &steps {
            if self.format.json() { output.json(step)? } else { output.line(text(step)) }
        }
        Ok(Exit::Fine)
    }

    fn record(&self) -> Result<Value, Trouble> {
        let (name, text) = if self.record.as_os_str() == "-" {
            ("standard input".to_owned(), std::io::read_to_string(std::io::stdin()))
        } else {
            (self.record.display().to_string(), std::fs::read_to_string(&self.record))
        };
        let text = text.map_err(|error| Trouble::usage(format!("{name} cannot be read: {error}")))?;
        serde_json::from_str(&text).map_err(|error| Trouble::usage(format!("{name} is not JSON: {error}")))
    }

    /// The mapping's settings and those of each role: the operator's where there is a configuration, else defaults.
    fn settings(
        &self,
        mapping: &Mapping,
        output: &Output,
    ) -> Result<(Value, BTreeMap<String, Value>), Trouble> {
        if self.config.config.join("ml-connector.yaml").is_file() {
            let config = Workspace::load(&self.config, output)?.config;
            // A use by the name that was given, else the first of the mapping.
            let first = || config.mappings.values().find(|used| used.mapping.name == mapping.name);
            if let Some(used) = config.mappings.get(&self.mapping).or_else(first) {
                let of = |name: &String| {
                    config.connections.get(name).map(|connection| connection.settings.clone())
                };
                let roles = used.connections.iter();
                let connections =
                    roles.map(|(role, name)| (role.clone(), of(name).unwrap_or_default())).collect();
                return Ok((used.settings.clone(), connections));
            }
        }
        output.say("no configuration uses this mapping: settings without a default are made up");
        let connections =
            mapping.systems.iter().map(|(role, system)| (role.clone(), defaults(&system.settings)));
        Ok((defaults(&mapping.settings), connections.collect()))
    }
}

/// Defaults, and stand-ins where there are none.
fn defaults(settings: &indexmap::IndexMap<String, Setting>) -> Value {
    let value = |name: &str, setting: &Setting| {
        setting.default.clone().unwrap_or_else(|| {
            if setting.ty.may_be_null() { Value::Null } else { stand_in(&setting.ty, name) }
        })
    };
    Value::Object(settings.iter().map(|(name, setting)| (name.clone(), value(name, setting))).collect())
}

fn stand_in(ty: &crate::expression::Type, name: &str) -> Value {
    use crate::expression::Type;
    match ty {
        Type::Boolean | Type::Presence => Value::Bool(false),
        Type::Integer | Type::Number => Value::from(1),
        Type::List(item) => Value::Array(vec![stand_in(item, name)]),
        Type::Table(_) => Value::Object(serde_json::Map::new()),
        Type::Object(object) => object
            .fields
            .iter()
            .map(|(field, of)| (field.clone(), stand_in(&of.ty, field)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Type::Null | Type::Optional(_) => Value::Null,
        Type::Duration => Value::from("1m"),
        Type::Zone => Value::from("UTC"),
        Type::Text { .. } | Type::Any if name.ends_with("url") => {
            Value::from(format!("https://{}.example", name.replace('_', "-")))
        }
        Type::Text { .. } | Type::Any => Value::from(name.to_uppercase()),
    }
}

fn text(step: &PreviewedStep) -> String {
    let mut text = format!("{} ({})\n  {}", step.step, step.place, step.what);
    if let Some(request) = &step.request {
        let part = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
        text.push_str(&format!("\n\n  {} {}", part("method"), part("url")));
        if let Some(body) = request.get("body").filter(|body| !body.is_null()) {
            let body = serde_json::to_string_pretty(body).unwrap_or_default();
            text.push_str(&format!("\n  {}", body.replace('\n', "\n  ")));
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_shown_below_its_step() {
        let step = PreviewedStep {
            step: "shipment".to_owned(),
            place: "m.yaml:3:1".to_owned(),
            what: "Orders a shipment".to_owned(),
            request: Some(json!({ "method": "POST", "url": "https://x/ship", "body": { "a": 1 } })),
        };
        assert_eq!(
            text(&step),
            "shipment (m.yaml:3:1)\n  Orders a shipment\n\n  POST https://x/ship\n  {\n    \"a\": 1\n  }\n"
        );
    }
}
