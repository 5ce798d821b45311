//! Reading: one record by its key, or a page of those that a query asks for.

use serde_json::{Map, Value, json};

use super::Sage300;
use super::books::{Books, Part};
use super::filter;
use super::model::{Kind, Resource};
use super::route::{Refusal, refuse};
use crate::simulator::exchange::{Answer, Call};

/// The options that a query may have, each once.
const OPTIONS: [&str; 5] = ["$skip", "$top", "$count", "$filter", "$select"];

impl Sage300 {
    /// One record.
    pub(super) fn entry(&self, books: &Books, resource: &Resource, key: &[Part]) -> Result<Answer, Refusal> {
        let record = books.record(resource.name, key).ok_or_else(Refusal::no_record)?;
        Ok(Answer::json(200, &Value::Object(self.entity(resource, record))))
    }

    /// A record as the API shows it.
    pub(super) fn entity(&self, resource: &Resource, record: &Map<String, Value>) -> Map<String, Value> {
        let context =
            format!("{}/$metadata#{}/$entity", self.module_url(resource), self.shown_name(resource));
        let mut entity = Map::new();
        entity.insert("@odata.context".into(), json!(context));
        entity.extend(record.clone());
        entity
    }

    /// A page of records. With `again`, its link leads to the same page once more.
    pub(super) fn page(
        &self,
        books: &Books,
        resource: &Resource,
        call: &Call,
        again: bool,
    ) -> Result<Answer, Refusal> {
        let options = options(call)?;
        let whole = |name: &str| -> Result<Option<usize>, Refusal> {
            let Some(text) = options.get(name) else { return Ok(None) };
            let text = text.as_str().unwrap_or_default();
            text.parse()
                .map(Some)
                .map_err(|_| refuse(400, "InvalidParameters", format!("Invalid value '{text}' for {name}.")))
        };
        let (skip, top) = (whole("$skip")?.unwrap_or(0), whole("$top")?);
        let invalid = |message| refuse(400, "InvalidParameters", message);
        let condition = match options.get("$filter").and_then(Value::as_str) {
            Some(text) => Some(filter::parse(text, resource).map_err(invalid)?),
            None => None,
        };
        let select = match options.get("$select").and_then(Value::as_str) {
            Some(text) => Some(selected(text, resource).map_err(invalid)?),
            None => None,
        };
        let found: Vec<_> = books
            .records(resource.name)
            .filter(|record| condition.as_ref().is_none_or(|condition| condition.holds(record)))
            .collect();
        let size = top.unwrap_or(usize::MAX).min(self.options.page_size);
        let page: Vec<Value> = found
            .iter()
            .skip(skip)
            .take(size)
            .map(|record| Value::Object(pick(record, select.as_deref())))
            .collect();
        let columns = select.map(|names| format!("({})", names.join(","))).unwrap_or_default();
        let context =
            format!("{}/$metadata#{}{columns}", self.module_url(resource), self.shown_name(resource));
        let mut body = json!({ "@odata.context": context });
        if options.get("$count").and_then(Value::as_str) == Some("true") {
            body["@odata.count"] = json!(found.len());
        }
        let left = found.len().saturating_sub(skip + page.len());
        let wanted = top.is_none_or(|top| top > page.len());
        body["value"] = Value::Array(page);
        if (left > 0 && wanted) || again {
            let next = if again { skip } else { skip + size };
            // The link keeps nothing of the query, and names the host by which the site knows itself.
            body["@odata.nextLink"] =
                json!(format!("{}/{}?$skip={next}", self.module_url(resource), self.shown_name(resource)));
        }
        Ok(Answer::json(200, &body))
    }

    fn module_url(&self, resource: &Resource) -> String {
        let (module, _) = self.address(resource);
        format!("http://localhost/Sage300WebApi/v1.0/-/{}/{module}", self.options.company)
    }

    fn shown_name(&self, resource: &Resource) -> String {
        self.address(resource).1
    }
}

fn options(call: &Call) -> Result<Map<String, Value>, Refusal> {
    let mut options = Map::new();
    for (name, value) in call.query.iter().filter(|(name, _)| name.starts_with('$')) {
        let refused = match name.as_str() {
            "$orderby" | "$expand" | "$search" | "$apply" => {
                Some(format!("The query option '{name}' is not supported."))
            }
            name if !OPTIONS.contains(&name) => {
                Some(format!("The query parameter '{name}' is not supported."))
            }
            name if options.contains_key(name) => {
                Some(format!("Query option '{name}' was specified more than once."))
            }
            _ => None,
        };
        if let Some(message) = refused {
            return Err(refuse(400, "InvalidParameters", message));
        }
        options.insert(name.clone(), json!(value));
    }
    Ok(options)
}

fn selected(text: &str, resource: &Resource) -> Result<Vec<String>, String> {
    let known = |name: &str| match resource.property(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(format!("Could not find a property named '{name}' on type '{}'.", resource.name)),
    };
    text.split(',').map(|name| known(name.trim())).collect()
}

fn pick(record: &Map<String, Value>, select: Option<&[String]>) -> Map<String, Value> {
    match select {
        None => record.clone(),
        Some(names) => record
            .iter()
            .filter(|(name, _)| names.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    }
}

/// The values of a key such as `'1200'`, `10021638` or `ItemNumber='x', Location='1'`.
pub(super) fn key(text: &str, resource: &Resource) -> Result<Vec<Part>, Refusal> {
    let invalid = || refuse(400, "InvalidEntityKey", format!("({text}) is not a key of {}.", resource.name));
    let mut parts = Vec::new();
    for (index, piece) in pieces(text).into_iter().enumerate() {
        let name = *resource.keys.get(index).ok_or_else(invalid)?;
        let value = match piece.split_once('=') {
            Some((given, value)) if given.trim() == name => value.trim().to_owned(),
            Some((given, _)) if !given.contains('\'') => return Err(invalid()),
            _ if resource.keys.len() > 1 => return Err(invalid()),
            _ => piece.trim().to_owned(),
        };
        let quoted = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        let part = match (resource.property(name).map(|property| property.kind), quoted) {
            (Some(Kind::Number), None) => Part::Number(value.parse().map_err(|_| invalid())?),
            // Two apostrophes stand for one.
            (Some(Kind::Text(_)), Some(text)) if !text.replace("''", "").contains('\'') => {
                Part::Text(text.replace("''", "'"))
            }
            _ => return Err(invalid()),
        };
        parts.push(part);
    }
    if parts.len() == resource.keys.len() { Ok(parts) } else { Err(invalid()) }
}

/// What stands between commas that are outside of quotes.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        quoted ^= letter == '\'';
        match pieces.last_mut() {
            Some(piece) if letter != ',' || quoted => piece.push(letter),
            _ => pieces.push(String::new()),
        }
    }
    pieces
}
