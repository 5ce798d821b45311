//! Holds a file against its schema: keys, types and words. Finds everything, each at its own place.

use serde_json::{Map, Value};

use crate::diagnostics::{Diagnostic, Span};
use crate::expression::did_you_mean;

use super::Kind;
use super::raw::Dropped;
use super::schema;
use super::tree::{Content, NodeId, Tree};
use super::wording::{first_sentence, noun, one_of, plain, seen, suggest};

/// Checks a whole file. What comes back is what must be left out for the rest to be read.
pub fn check(tree: &Tree, kind: Kind, findings: &mut Vec<Diagnostic>) -> Dropped {
    let root = schema::of(kind);
    let mut walk = Walk { root, tree, findings, dropped: Dropped::new() };
    let head = tree.entries(tree.root()).first().map_or(tree.root(), |(key, _)| *key);
    walk.value(root, At { id: tree.root(), head, name: "the file" });
    walk.dropped
}

struct Walk<'a> {
    root: &'a Value,
    tree: &'a Tree,
    findings: &'a mut Vec<Diagnostic>,
    dropped: Dropped,
}

/// A node, the node to point at when something in it is missing, and what to call it.
#[derive(Clone, Copy)]
struct At<'a> {
    id: NodeId,
    head: NodeId,
    name: &'a str,
}

impl<'a> At<'a> {
    /// The name without quotes.
    fn bare(&self) -> &'a str {
        self.name.trim_matches('`')
    }
}

impl<'a> Walk<'a> {
    /// Whether the node can be read by `schema`, if what was dropped below it is left out.
    fn value(&mut self, schema: &'a Value, at: At<'_>) -> bool {
        let schema = self.resolve(schema);
        let branches = ["oneOf", "anyOf"].iter().find_map(|key| schema.get(*key)?.as_array());
        if let Some(branches) = branches {
            let branches: Vec<&'a Value> = branches.iter().flat_map(|branch| self.branches(branch)).collect();
            return self.choice(&branches, at);
        }
        let Some(wanted) = schema.get("type").and_then(Value::as_str) else {
            return self.words(&[schema], at);
        };
        let content = self.tree.content(at.id);
        if !is_a(content, wanted) {
            return self.wrong_type(&[wanted], schema, at);
        }
        match content {
            Content::Map(_) => self.map(schema, at),
            Content::List(_) => self.list(schema, at),
            _ => self.words(&[schema], at) && self.limits(schema, at),
        }
    }

    /// The shapes that a branch stands for: a choice in a choice is one choice.
    fn branches(&self, branch: &'a Value) -> Vec<&'a Value> {
        let branch = self.resolve(branch);
        match branch.get("oneOf").and_then(Value::as_array) {
            Some(inner) => inner.iter().flat_map(|branch| self.branches(branch)).collect(),
            None => vec![branch],
        }
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
        target.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }

    fn map(&mut self, schema: &'a Value, at: At<'_>) -> bool {
        let properties = schema.get("properties").and_then(Value::as_object);
        let property = |name: &str| properties.and_then(|properties| properties.get(name));
        let names = || properties.into_iter().flat_map(|properties| properties.keys()).map(String::as_str);
        let others = schema.get("additionalProperties");
        for (index, (key, value)) in self.tree.entries(at.id).iter().copied().enumerate() {
            let name = self.tree.as_text(key).unwrap_or_default();
            let quoted = format!("`{name}`");
            let inner = At { id: value, head: key, name: &quoted };
            let fine = match (property(name), others) {
                (Some(property), _) => self.value(property, inner),
                (None, Some(Value::Bool(false))) => {
                    self.unknown_key(key, &suggest(name, names(), "the keys here are"))
                }
                (None, Some(other)) => self.value(other, inner),
                (None, None) => true,
            };
            if !fine {
                self.dropped.insert((at.id, index));
            }
        }
        // A required key that was misspelt has been reported as an unknown one.
        let unknown = self.tree.entries(at.id).iter().filter_map(|(key, _)| self.tree.as_text(*key));
        let misspelt: Vec<&str> = match others {
            Some(Value::Bool(false)) => unknown
                .filter(|key| property(key).is_none())
                .filter_map(|key| did_you_mean(key, names()))
                .collect(),
            _ => Vec::new(),
        };
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if self.tree.entry(at.id, name).is_none() && !misspelt.contains(&name) {
                self.missing_key(name, property(name), at);
            }
        }
        if below(schema, "minProperties", self.tree.entries(at.id).len()) {
            let headline = format!("{} must not be empty", at.name);
            let help = one_of("write one of", names());
            self.report("empty", self.tree.span(at.head), headline, &help);
        }
        true
    }

    fn list(&mut self, schema: &'a Value, at: At<'_>) -> bool {
        let items = self.tree.items(at.id);
        if let Some(item) = schema.get("items") {
            for (index, id) in items.iter().copied().enumerate() {
                let name = format!("item {} of {}", index + 1, at.name);
                let head = self.tree.entries(id).first().map_or(id, |(key, _)| *key);
                if !self.value(item, At { id, head, name: &name }) {
                    self.dropped.insert((at.id, index));
                }
            }
        }
        if below(schema, "minItems", items.len()) {
            let headline = format!("{} must not be empty", at.name);
            self.report(
                "empty",
                self.tree.span(at.head),
                headline,
                "write at least one item, or remove the key",
            );
        }
        if above(schema, "maxItems", items.len()) {
            let headline = format!("{} has too many items", at.name);
            let help = "a list type has exactly one item: the type of what is in the list";
            self.report("too-many-items", self.tree.span(at.id), headline, help);
        }
        true
    }

    /// One of several shapes: told apart by what the node is, and maps by their one key.
    fn choice(&mut self, branches: &[&'a Value], at: At<'_>) -> bool {
        let content = self.tree.content(at.id);
        let kinds: Vec<(&str, &'a Value)> = branches.iter().filter_map(|branch| kind(branch)).collect();
        match content {
            Content::Map(_) if !kinds.is_empty() => return self.one_kind(&kinds, at),
            Content::Text(text) if !kinds.is_empty() => {
                let words: Vec<&str> = branches.iter().flat_map(|branch| words(branch)).collect();
                return words.contains(&text.as_str()) || self.bare_kind(&text.clone(), &words, &kinds, at);
            }
            _ => {}
        }
        let fitting: Vec<&'a Value> =
            branches.iter().copied().filter(|branch| matches(content, branch)).collect();
        match fitting[..] {
            [only] => self.value(only, at),
            [] => {
                let wanted: Vec<&str> = branches.iter().map(|branch| type_of(branch)).collect();
                self.wrong_type(&wanted, &Value::Null, at)
            }
            _ => self.words(&fitting, at),
        }
    }

    /// A block of one key, which is the kind.
    fn one_kind(&mut self, kinds: &[(&str, &'a Value)], at: At<'_>) -> bool {
        let names = || kinds.iter().map(|(name, _)| *name);
        let entries = self.tree.entries(at.id);
        let known = |key: NodeId| kinds.iter().find(|(name, _)| self.tree.as_text(key) == Some(name));
        match entries {
            [] => {
                let headline = format!("{} must say which kind it is", at.name);
                self.report(
                    "missing-kind",
                    self.tree.span(at.head),
                    headline,
                    &one_of("write one of", names()),
                );
                false
            }
            [(key, value)] => match known(*key) {
                Some((name, schema)) => {
                    let quoted = format!("`{name}`");
                    let fine = self.value(schema, At { id: *value, head: *key, name: &quoted });
                    if !fine {
                        self.dropped.insert((at.id, 0));
                    }
                    fine
                }
                None => self.unknown_kind(*key, kinds, at),
            },
            [_, (second, _), ..] => {
                let unknown = entries.iter().find(|(key, _)| known(*key).is_none()).map(|(key, _)| *key);
                let headline = format!("{} must be of one kind only", at.name);
                let place = self.tree.span(unknown.unwrap_or(*second));
                self.report("several-kinds", place, headline, &one_of("keep one of", names()));
                false
            }
        }
    }

    fn unknown_kind(&mut self, key: NodeId, kinds: &[(&str, &'a Value)], at: At<'_>) -> bool {
        let word = self.tree.as_text(key).unwrap_or_default().to_owned();
        let names = || kinds.iter().map(|(name, _)| *name);
        let headline = format!("`{word}` is not a kind of {}", at.name);
        let help = suggest(&word, names(), "the kinds are");
        self.report("unknown-kind", self.tree.span(key), headline, &help);
        false
    }

    /// `paging: token`, where fields are needed below the kind, or a word that is neither.
    fn bare_kind(&mut self, word: &str, words: &[&str], kinds: &[(&str, &'a Value)], at: At<'_>) -> bool {
        let names = || words.iter().copied().chain(kinds.iter().map(|(name, _)| *name));
        let place = self.tree.span(at.id);
        if kinds.iter().any(|(name, _)| *name == word) {
            let headline = format!("`{word}` needs its own keys below it");
            let help = format!("write `{}: {{ {word}: {{ … }} }}`", at.bare());
            self.report("missing-kind", place, headline, &help);
        } else {
            let headline = format!("`{word}` is not a kind of {}", at.name);
            self.report("unknown-kind", place, headline, &suggest(word, names(), "the kinds are"));
        }
        false
    }

    /// A scalar that must be one of the words of these schemas, where they have any.
    fn words(&mut self, schemas: &[&'a Value], at: At<'_>) -> bool {
        let words: Vec<&str> = schemas.iter().flat_map(|schema| words(schema)).collect();
        let value = self.tree.json(at.id);
        if words.is_empty() || value.as_str().is_some_and(|value| words.contains(&value)) {
            return true;
        }
        let written = plain(&value);
        let headline = format!("`{written}` is not a word for {}", at.name);
        let help = suggest(&written, words.iter().copied(), "write one of");
        self.report("unknown-word", self.tree.span(at.id), headline, &help);
        false
    }

    /// Whatever else the schema says of a scalar.
    fn limits(&mut self, schema: &'a Value, at: At<'_>) -> bool {
        const LIMITS: [&str; 7] = [
            "pattern",
            "minLength",
            "maxLength",
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
        ];
        let limits: Map<String, Value> = LIMITS
            .iter()
            .filter_map(|limit| schema.get(*limit).map(|value| ((*limit).to_owned(), value.clone())))
            .collect();
        let value = self.tree.json(at.id);
        if limits.is_empty() {
            return true;
        }
        let Ok(validator) = jsonschema::validator_for(&Value::Object(limits)) else { return true };
        let Err(error) = validator.validate(&value) else { return true };
        let headline = format!("`{}` is not allowed for {}", plain(&value), at.name);
        let help = schema
            .get("description")
            .and_then(Value::as_str)
            .map_or_else(|| error.to_string(), first_sentence);
        let help = match (schema.get("minimum"), schema.get("maximum")) {
            (Some(least), Some(most)) => format!("write a number from {least} to {most}"),
            _ => help,
        };
        self.report("value-not-allowed", self.tree.span(at.id), headline, &help);
        false
    }

    fn unknown_key(&mut self, key: NodeId, help: &str) -> bool {
        let headline = format!("there is no key `{}` here", self.tree.as_text(key).unwrap_or_default());
        self.report("unknown-key", self.tree.span(key), headline, help);
        false
    }

    fn missing_key(&mut self, name: &str, property: Option<&'a Value>, at: At<'_>) {
        let schema = property.map(|schema| self.resolve(schema));
        let example =
            [property, schema].into_iter().flatten().find_map(|schema| schema.get("examples")?.get(0));
        let about =
            [property, schema].into_iter().flatten().find_map(|schema| schema.get("description")?.as_str());
        let mut help = format!("add `{name}:`");
        if let Some(example) = example.and_then(Value::as_str) {
            let quoted = if example.contains("{{") { format!("\"{example}\"") } else { example.to_owned() };
            help = format!("add for example `{name}: {quoted}`");
        }
        if let Some(about) = about {
            help.push_str(&format!(" ({})", first_sentence(about).trim_end_matches('.')));
        }
        let headline = format!("{} needs a key `{name}`", at.name);
        self.report("missing-key", self.tree.span(at.head), headline, &help);
    }

    fn wrong_type(&mut self, wanted: &[&str], schema: &Value, at: At<'_>) -> bool {
        let content = self.tree.content(at.id);
        let mut nouns: Vec<&str> = wanted.iter().map(|wanted| noun(wanted)).collect();
        nouns.dedup();
        let place = match content {
            Content::Null => self.tree.span(at.head),
            _ => self.tree.span(at.id),
        };
        let headline = match content {
            Content::Null => format!("there is nothing after {}", at.name),
            _ => format!("{} must be {}, not {}", at.name, nouns.join(" or "), seen(content)),
        };
        let example = schema.get("examples").and_then(|examples| examples.get(0)?.as_str());
        let help = match content {
            Content::Null => format!("write {} there, or remove the key", nouns.join(" or ")),
            Content::Number(_) | Content::Boolean(_) if example.is_some() => {
                format!("write for example `{}: {}`", at.bare(), example.unwrap_or_default())
            }
            Content::Number(_) | Content::Boolean(_) if wanted.contains(&"string") => {
                let written = self.tree.text.get(self.tree.node(at.id).span.clone()).unwrap_or_default();
                format!("put it in quotes: `\"{written}\"`")
            }
            Content::Text(_) if wanted.contains(&"boolean") => {
                "write `true` or `false`, without quotes".to_owned()
            }
            Content::Text(_) if wanted.contains(&"integer") => {
                "write a whole number, without quotes".to_owned()
            }
            _ if wanted.contains(&"object") && !matches!(content, Content::Map(_)) => {
                let keys = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
                let keys: Vec<String> = keys.map(|(name, _)| format!("`{name}`")).collect();
                let keys = if keys.is_empty() { "" } else { &format!("; the keys are {}", keys.join(", ")) };
                format!("write keys and values below `{}:`, indented{keys}", at.bare())
            }
            Content::Map(_) if wanted == ["array"] => {
                format!("write a list below `{}:`, each item behind a `- `", at.bare())
            }
            _ => format!("write {}", nouns.join(" or ")),
        };
        self.report("wrong-type", place, headline, &help);
        false
    }

    fn report(&mut self, code: &'static str, place: Span, headline: String, help: &str) {
        self.findings.push(Diagnostic::error(code, place, headline).help(help));
    }
}

/// The kind's name and schema, for a branch that is a map with one known key.
fn kind(branch: &Value) -> Option<(&str, &Value)> {
    let properties = branch.get("properties")?.as_object()?;
    let required = branch.get("required")?.as_array()?;
    let (name, schema) = properties.iter().next()?;
    (properties.len() == 1 && required.len() == 1).then_some((name.as_str(), schema))
}

/// The words that a schema allows.
fn words(schema: &Value) -> impl Iterator<Item = &str> {
    let many = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    many.chain(schema.get("const")).filter_map(Value::as_str)
}

fn matches(content: &Content, branch: &Value) -> bool {
    is_a(content, type_of(branch))
}

fn type_of(branch: &Value) -> &str {
    match branch.get("type").and_then(Value::as_str) {
        Some(ty) => ty,
        None if branch.get("const").is_some_and(Value::is_string) || branch.get("enum").is_some() => "string",
        None => "",
    }
}

fn is_a(content: &Content, wanted: &str) -> bool {
    match wanted {
        "string" => matches!(content, Content::Text(_)),
        "boolean" => matches!(content, Content::Boolean(_)),
        "number" => matches!(content, Content::Number(_)),
        "integer" => {
            matches!(content, Content::Number(number) if number.as_f64().is_some_and(|value| value.fract() == 0.0))
        }
        "object" => matches!(content, Content::Map(_)),
        "array" => matches!(content, Content::List(_)),
        "null" => matches!(content, Content::Null),
        _ => true,
    }
}

fn below(schema: &Value, limit: &str, count: usize) -> bool {
    schema.get(limit).and_then(Value::as_u64).is_some_and(|least| (count as u64) < least)
}

fn above(schema: &Value, limit: &str, count: usize) -> bool {
    schema.get(limit).and_then(Value::as_u64).is_some_and(|most| (count as u64) > most)
}
