//! The GraphQL interface (Xtrem): `POST /xtrem/api`.
//!
//! Sources: Sage's sample portal and how-to (paths, `first`, `filter`, `orderBy`, `edges { node }`, nested
//! collections), its list of API errors, and typings in which decimals are text. Names that no source shows are
//! refused as unknown, `after` and `pageInfo` among them unless the options say otherwise.
//!
//! In reading order: [`read`] (documents), [`schema`] (what there is), [`condition`] (`filter` and `orderBy`),
//! [`execute`].

pub mod condition;
pub mod execute;
pub mod read;
pub mod schema;

use serde_json::{Value, json};

use super::SageX3;
use crate::simulator::exchange::{Answer, Call};
use crate::simulator::system::lock;

impl SageX3 {
    pub(super) fn graphql(&self, call: &Call) -> Answer {
        if let Err(answer) = self.bearer(call) {
            return answer;
        }
        if call.header("x-xtrem-endpoint") != Some(self.options.endpoint.as_str()) {
            return self.mistaken(refused("The header x-xtrem-endpoint names no endpoint"));
        }
        if !call.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
            return self.mistaken(refused("The content type is not application/json"));
        }
        let Some(body) = call.json() else { return self.mistaken(refused("The body is not JSON")) };
        let variables = match &body["variables"] {
            Value::Object(variables) => variables.clone(),
            Value::Null => serde_json::Map::new(),
            _ => return self.mistaken(refused("variables is not an object")),
        };
        let document =
            body["query"].as_str().ok_or("The query is missing".to_owned()).and_then(read::document);
        let books = lock(&self.books);
        let world = execute::World { books: &books, options: &self.options };
        let done = document.and_then(|document| world.execute(&document, &variables));
        drop(books);
        match done {
            Ok((data, errors)) => {
                let mut body = json!({ "data": data, "extensions": { "diagnoses": [] } });
                if !errors.is_empty() {
                    body["errors"] =
                        errors.into_iter().map(|message| json!({ "message": message })).collect();
                }
                Answer::json(200, &body)
            }
            Err(message) => self.mistaken(refused(&message)),
        }
    }
}

fn refused(message: &str) -> Answer {
    Answer::json(400, &json!({ "errors": [{ "message": message }], "extensions": {} }))
}
