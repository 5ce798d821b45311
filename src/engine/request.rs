//! From a request's templates to bytes that are ready to be sent.

use std::borrow::Cow;

use ::url::Url;
use serde_json::{Map, Value};

use super::connection::Connection;
use crate::auth::placeholder;
use crate::base::random;
use crate::expression::value::ObjectField;
use crate::expression::{EvaluationError, ValueTemplate, Values};
use crate::http::{Outgoing, Redactor};
use crate::spec::model::{Request, RequestBody};
use crate::transport::{self, Body, Parts, url};

/// A request that is ready to be sent as often as the protocol allows.
#[derive(Debug)]
pub struct Prepared {
    /// As it was rendered: the proof of identity is added to this, each time anew.
    pub(super) rendered: Outgoing,
    pub(super) outgoing: Outgoing,
    pub(super) request_id: String,
    /// What it was written from, where a rehearsal wants to know.
    pub(super) parts: Option<Box<Parts>>,
}

impl Prepared {
    /// SHA-256 of the body; where there is none, of the query, in which e.net sends its documents.
    pub fn body_hash(&self) -> String {
        let shown = self.without_credentials();
        let query = shown.url.query().unwrap_or_default().as_bytes();
        crate::base::json::sha256_hex(shown.body.as_deref().unwrap_or(query))
    }

    /// The request as people may see it.
    pub fn shown(&self, redactor: &Redactor) -> Value {
        let (url, body) = transport::readable(&self.without_credentials());
        // Not `json!`, which copies values instead of taking them; this one and those below are large.
        Value::from_iter([
            ("method", Value::from(self.outgoing.method.as_str())),
            ("url", Value::from(redactor.url(&url))),
            ("headers", redactor.headers_json(&self.outgoing.headers)),
            ("body", redactor.json(&body)),
        ])
    }

    /// The request as it was rendered, with `***` where a credential is put just before sending.
    fn without_credentials(&self) -> Outgoing {
        let mut shown = self.rendered.clone();
        if let Some(Ok(text)) = shown.body.as_deref().map(std::str::from_utf8)
            && let Cow::Owned(hidden) = placeholder::hide(text)
        {
            shown.body = Some(hidden.into());
        }
        if let Cow::Owned(hidden) = placeholder::hide(self.rendered.url.as_str())
            && let Ok(url) = hidden.parse()
        {
            shown.url = url;
        }
        shown
    }
}

impl Connection {
    /// Renders a request over `values`, which hold `settings` and what else it sees.
    ///
    /// # Errors
    /// When a template does not fit the data.
    pub fn render(&self, request: &Request, mut values: Values) -> Result<Prepared, EvaluationError> {
        let request_id = name_request(&mut values);
        let path = request.path.encoded(&values, &url::encode_segment)?;
        let url = url::join(&self.base_url, &path).map_err(said)?;
        let query = pairs(request.query.as_ref(), &values)?;
        let headers = pairs(request.headers.as_ref(), &values)?;
        let body = request.body.as_ref().map(|body| body_of(body, &values)).transpose()?;
        self.write(Parts { method: request.method.clone(), url, query, headers, body, request_id })
    }

    /// A request for what `link` names, with the headers of `request` and nothing else of it.
    ///
    /// # Errors
    /// When the link leads elsewhere than below the connection's base URL.
    pub fn follow(&self, request: &Request, values: Values, link: &str) -> Result<Prepared, EvaluationError> {
        let url = url::below(&self.base_url, link).map_err(said)?;
        self.read_at(request, values, url)
    }

    /// A request for what is at `url`, with the headers of `request` and nothing else of it. The caller knows that the URL
    /// may be asked with our credentials.
    ///
    /// # Errors
    /// When a template does not fit the data.
    pub(super) fn read_at(
        &self,
        request: &Request,
        mut values: Values,
        url: Url,
    ) -> Result<Prepared, EvaluationError> {
        let request_id = name_request(&mut values);
        let headers = pairs(request.headers.as_ref(), &values)?;
        let method = http::Method::GET;
        self.write(Parts { method, url, query: Vec::new(), headers, body: None, request_id })
    }

    /// As [`Connection::read_at`], for a page that a sender pointed at: its query gets what `request` asks of every page,
    /// whatever the cursor.
    ///
    /// # Errors
    /// When a template does not fit the data.
    pub(super) fn pointed(
        &self,
        request: &Request,
        values: Values,
        url: &Url,
    ) -> Result<Prepared, EvaluationError> {
        let asked = request.query.as_ref().and_then(whatever_the_cursor);
        let mut url = url.clone();
        url::replace_query(&mut url, &pairs(asked.as_ref(), &values)?);
        self.read_at(request, values, url)
    }

    fn write(&self, parts: Parts) -> Result<Prepared, EvaluationError> {
        let request_id = parts.request_id.clone();
        let kept = self.door.is_script().then(|| Box::new(parts.clone()));
        let outgoing = self.transport.write(parts).map_err(said)?;
        Ok(Prepared { rendered: outgoing.clone(), outgoing, request_id, parts: kept })
    }
}

/// The fields of a query that say nothing of the cursor.
fn whatever_the_cursor(query: &ValueTemplate) -> Option<ValueTemplate> {
    let ValueTemplate::Object(fields) = query else { return None };
    let free = |field: &&ObjectField| {
        let mut free = true;
        field.value.templates(&mut |template| free &= !template.names().iter().any(|name| name == "cursor"));
        free
    };
    Some(ValueTemplate::Object(fields.iter().filter(free).cloned().collect()))
}

fn name_request(values: &mut Values) -> String {
    let request_id = random::id().replace('-', "");
    values.set("request_id", &Value::from(request_id.as_str()));
    request_id
}

fn said(error: impl ToString) -> EvaluationError {
    EvaluationError { message: error.to_string() }
}

/// What a request carries, with its templates evaluated.
///
/// # Errors
/// When a template does not fit the data.
pub(super) fn body_of(body: &RequestBody, values: &Values) -> Result<Body, EvaluationError> {
    Ok(match body {
        RequestBody::Json(tree) => Body::Json(tree.evaluate(values)?),
        RequestBody::Xml(tree) => Body::Xml(tree.evaluate(values)?),
        RequestBody::Graphql { query, variables, operation_name } => Body::Graphql {
            query: query.clone(),
            variables: match variables {
                Some(tree) => tree.evaluate(values)?,
                None => Value::Object(Map::new()),
            },
            operation_name: operation_name.clone(),
        },
    })
}

/// A body as people may see it.
pub(super) fn body_value(body: Body) -> Value {
    match body {
        Body::Json(tree) | Body::Xml(tree) => tree,
        Body::Graphql { query, variables, operation_name } => {
            let mut shown = Map::new();
            shown.insert("query".to_owned(), Value::from(query));
            shown.insert("variables".to_owned(), variables);
            shown.extend(operation_name.map(|name| ("operationName".to_owned(), Value::from(name))));
            Value::Object(shown)
        }
    }
}

fn pairs(tree: Option<&ValueTemplate>, values: &Values) -> Result<Vec<(String, String)>, EvaluationError> {
    let Some(tree) = tree else { return Ok(Vec::new()) };
    let Value::Object(fields) = tree.evaluate(values)? else { return Ok(Vec::new()) };
    Ok(texts(fields))
}

/// Query parameters and headers are text; null leaves one out.
fn texts(fields: Map<String, Value>) -> Vec<(String, String)> {
    fields
        .into_iter()
        .filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, text)),
            other => Some((name, other.to_string())),
        })
        .collect()
}
