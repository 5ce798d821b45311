//! Requests and answers against an OpenAPI document.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jsonschema::{Draft, Validator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::exchange::Call;
use super::system::lock;

/// One way in which a request or an answer is not what the contract says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The operation, as `POST /shipments/{version}/ship`.
    pub operation: String,
    /// Where: `body/ShipmentRequest/Shipment/Package`, `header transId`, `path`.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// An OpenAPI document, ready to judge.
#[derive(Debug)]
pub struct Contract {
    document: Value,
    draft: Draft,
    prefix: String,
    operations: Vec<Operation>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

#[derive(Debug)]
struct Operation {
    method: String,
    template: String,
    parameters: Vec<Value>,
    item: Value,
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }

    /// The path's parameters when the template fits.
    fn fit(&self, segments: &[String]) -> Option<Vec<(String, String)>> {
        let template: Vec<&str> = self.template.split('/').filter(|part| !part.is_empty()).collect();
        if template.len() != segments.len() {
            return None;
        }
        let mut found = Vec::new();
        for (part, given) in template.into_iter().zip(segments) {
            match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) => found.push((name.to_owned(), given.clone())),
                None if part == given => {}
                None => return None,
            }
        }
        Some(found)
    }
}

impl Contract {
    /// Reads an OpenAPI document; `prefix` is the part of the path that its servers block adds.
    ///
    /// # Errors
    /// When the document is not YAML.
    pub fn parse(yaml: &str, prefix: &str) -> Result<Self, String> {
        // The vendor's files are large and trusted; the reader's guards are for what strangers write. Of the words for
        // truth only `true` and `false` count, so that `N` stays a letter.
        let options = serde_yaml::options! { budget: None, strict_booleans: true };
        let mut document: Value =
            serde_yaml::from_str_with_options(yaml, options).map_err(|error| error.to_string())?;
        accept_null(&mut document);
        let modern = document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1"));
        let operations = operations(&document);
        Ok(Self {
            draft: if modern { Draft::Draft202012 } else { Draft::Draft4 },
            document,
            prefix: prefix.to_owned(),
            operations,
            validators: Mutex::default(),
        })
    }

    /// What is wrong with a request; nothing when it keeps to the contract.
    pub fn check_request(&self, call: &Call, body: Option<&Value>) -> Vec<Violation> {
        let Some((operation, path)) = self.find(&call.method, &call.path) else {
            return vec![Violation {
                operation: format!("{} {}", call.method, call.path),
                path: "path".into(),
                message: "the contract knows no such operation".into(),
            }];
        };
        let mut found = Vec::new();
        for parameter in &operation.parameters {
            self.check_parameter(operation, parameter, call, &path, &mut found);
        }
        let content = &self.resolve(&operation.item["requestBody"])["content"];
        let required = self.resolve(&operation.item["requestBody"])["required"].as_bool().unwrap_or(false);
        let schema =
            content.as_object().and_then(|content| content.values().next()).map(|media| &media["schema"]);
        match (schema, body) {
            (Some(schema), Some(body)) => {
                self.check(
                    operation,
                    &format!("{} request", operation.name()),
                    schema,
                    body,
                    "body",
                    &mut found,
                );
            }
            (Some(_), None) if required => {
                found.push(violation(operation, "body", "the body is missing or is not JSON"));
            }
            _ => {}
        }
        found
    }

    /// What is wrong with an answer to `method path`.
    pub fn check_answer(&self, method: &str, path: &str, status: u16, body: &Value) -> Vec<Violation> {
        let Some((operation, _)) = self.find(method, path) else {
            return vec![Violation {
                operation: format!("{method} {path}"),
                path: "path".into(),
                message: "the contract knows no such operation".into(),
            }];
        };
        let responses = &operation.item["responses"];
        let response = self.resolve(&responses[status.to_string()]);
        let response = if response.is_null() { self.resolve(&responses["default"]) } else { response };
        if response.is_null() {
            return vec![violation(operation, "status", &format!("{status} is not in the contract"))];
        }
        let schema = &response["content"]["application/json"]["schema"];
        let mut found = Vec::new();
        if !schema.is_null() {
            self.check(
                operation,
                &format!("{} {status}", operation.name()),
                schema,
                body,
                "answer",
                &mut found,
            );
        }
        found
    }

    fn find(&self, method: &str, path: &str) -> Option<(&Operation, Vec<(String, String)>)> {
        let path = path.strip_prefix(&self.prefix)?;
        let segments = Call::new(method, path, None).segments();
        self.operations
            .iter()
            .filter(|operation| operation.method.eq_ignore_ascii_case(method))
            .find_map(|operation| operation.fit(&segments).map(|found| (operation, found)))
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => self.document.pointer(pointer).unwrap_or(&Value::Null),
            None => value,
        }
    }

    fn check_parameter(
        &self,
        operation: &Operation,
        parameter: &Value,
        call: &Call,
        path: &[(String, String)],
        found: &mut Vec<Violation>,
    ) {
        let parameter = self.resolve(parameter);
        let (name, place) = (text(parameter, "name"), text(parameter, "in"));
        let given = match place {
            "path" => path.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()),
            "query" => call.parameter(name),
            "header" => call.header(name),
            _ => None,
        };
        let spot = format!("{place} {name}");
        match given {
            Some(given) => {
                let schema = &parameter["schema"];
                let value = typed(given, self.resolve(schema));
                self.check(operation, &format!("{} {spot}", operation.name()), schema, &value, &spot, found);
            }
            None if parameter["required"].as_bool() == Some(true) => {
                found.push(violation(operation, &spot, "it is required"));
            }
            None => {}
        }
    }

    fn check(
        &self,
        operation: &Operation,
        key: &str,
        schema: &Value,
        value: &Value,
        place: &str,
        found: &mut Vec<Violation>,
    ) {
        match self.validator(key, schema) {
            Ok(validator) => found.extend(validator.iter_errors(value).map(|error| {
                let path = format!("{place}{}", error.instance_path());
                violation(operation, &path, &short(&error.to_string()))
            })),
            Err(error) => {
                found.push(violation(operation, place, &format!("the contract is unusable: {error}")))
            }
        }
    }

    fn validator(&self, key: &str, schema: &Value) -> Result<Arc<Validator>, String> {
        if let Some(validator) = lock(&self.validators).get(key) {
            return Ok(validator.clone());
        }
        let mut root = Map::new();
        root.insert("allOf".into(), json!([schema]));
        root.insert("components".into(), json!({ "schemas": self.document["components"]["schemas"] }));
        // From 2020-12 on validators take formats for mere notes unless told otherwise.
        let validator = jsonschema::options()
            .with_draft(self.draft)
            .should_validate_formats(true)
            .build(&Value::Object(root))
            .map_err(|error| error.to_string())?;
        let validator = Arc::new(validator);
        lock(&self.validators).insert(key.to_owned(), validator.clone());
        Ok(validator)
    }
}

/// OpenAPI 3.0 writes `nullable: true` where JSON Schema knows types that include null.
fn accept_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(accept_null),
        Value::Object(object) => {
            object.values_mut().for_each(accept_null);
            // A property may be called `nullable`: only the truth itself is the keyword.
            if object.get("nullable") == Some(&Value::Bool(true)) {
                object.remove("nullable");
                let schema = Value::Object(std::mem::take(object));
                *value = json!({ "anyOf": [schema, { "type": "null" }] });
            }
        }
        _ => {}
    }
}

fn operations(document: &Value) -> Vec<Operation> {
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
    let mut found = Vec::new();
    for (template, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if METHODS.contains(&method.as_str()) {
                let shared = item["parameters"].as_array().into_iter().flatten();
                let own = operation["parameters"].as_array().into_iter().flatten();
                found.push(Operation {
                    method: method.to_uppercase(),
                    template: template.clone(),
                    parameters: shared.chain(own).cloned().collect(),
                    item: operation.clone(),
                });
            }
        }
    }
    found
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A parameter arrives as text; a schema that asks for a number means what the text says.
fn typed(given: &str, schema: &Value) -> Value {
    if let Some(choices) = schema["anyOf"].as_array() {
        return choices.first().map_or_else(|| json!(given), |choice| typed(given, choice));
    }
    match schema["type"].as_str() {
        Some("integer") => given.parse::<i64>().map_or_else(|_| json!(given), |number| json!(number)),
        Some("number") => given.parse::<f64>().map_or_else(|_| json!(given), |number| json!(number)),
        // ShipStation itself writes `False` in the addresses that its webhooks point at.
        Some("boolean") => {
            given.to_ascii_lowercase().parse::<bool>().map_or_else(|_| json!(given), |truth| json!(truth))
        }
        _ => json!(given),
    }
}

fn violation(operation: &Operation, path: &str, message: &str) -> Violation {
    Violation { operation: operation.name(), path: path.to_owned(), message: message.to_owned() }
}

/// Messages begin with the value at fault, which can be a whole request; what is wrong stands at the end.
fn short(message: &str) -> String {
    const KEPT: usize = 240;
    let length = message.chars().count();
    if length <= KEPT {
        message.to_owned()
    } else {
        format!("…{}", message.chars().skip(length - KEPT).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "
openapi: 3.0.0
paths:
  /orders:
    get:
      parameters:
        - { name: pageSize, in: query, schema: { $ref: '#/components/schemas/size' } }
      responses: { '200': {}, default: { content: { application/json: { schema: { type: string } } } } }
    post:
      requestBody:
        content: { application/json: { schema: { $ref: '#/components/schemas/order' } } }
components:
  schemas:
    size: { type: integer, maximum: 500 }
    weight: { type: object, required: [value], properties: { value: { type: number } } }
    order:
      type: object
      properties:
        nullable: { type: boolean }
        notes: { type: string, nullable: true }
        number: { type: string }
        weight: { allOf: [{ $ref: '#/components/schemas/weight' }], nullable: true }
";

    fn wrong(body: &Value) -> Vec<String> {
        let contract = Contract::parse(YAML, "").unwrap();
        let found = contract.check_request(&Call::new("POST", "/orders", None), Some(body));
        found.into_iter().map(|violation| violation.path).collect()
    }

    #[test]
    fn what_is_nullable_may_be_null_and_nothing_else() {
        assert!(wrong(&json!({ "notes": null, "weight": null, "nullable": true })).is_empty());
        assert_eq!(wrong(&json!({ "number": null })), ["body/number"]);
        assert_eq!(wrong(&json!({ "weight": {} })), ["body/weight"]);
        assert_eq!(wrong(&json!({ "nullable": "yes" })), ["body/nullable"]);
    }

    #[test]
    fn parameters_follow_references_and_statuses_fall_back() {
        let contract = Contract::parse(YAML, "").unwrap();
        let ask = |target: &str| contract.check_request(&Call::new("GET", target, None), None).len();
        assert_eq!(
            (ask("/orders?pageSize=500"), ask("/orders?pageSize=501"), ask("/orders?pageSize=x")),
            (0, 1, 1)
        );
        assert!(contract.check_answer("GET", "/orders", 500, &json!("sorry")).is_empty());
        assert_eq!(contract.check_answer("GET", "/orders", 500, &json!(1)).len(), 1);
    }
}
