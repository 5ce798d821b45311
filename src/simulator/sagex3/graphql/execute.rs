//! What a document yields: data, and errors beside them where a field may not be read.

use serde_json::{Map, Value, json};

use super::super::books::{Books, Record};
use super::super::options::Options;
use super::condition::{Filter, OrderBy};
use super::read::{Argument, Document, Field};
use super::schema::{Node, ROOTS, Root, Shape, unknown};

/// The rows of queries that ask for no number.
const ROWS: usize = 20;

/// What is asked.
#[derive(Debug)]
pub struct World<'a> {
    pub(in crate::simulator::sagex3) books: &'a Books,
    pub(in crate::simulator::sagex3) options: &'a Options,
}

type Variables = Map<String, Value>;

/// A collection's arguments, checked.
struct Wanted {
    first: usize,
    after: Option<String>,
    filter: Filter,
    order: OrderBy,
}

impl World<'_> {
    /// Runs a document.
    ///
    /// # Errors
    /// When it asks for what there is not: nothing of it is run.
    pub fn execute(&self, document: &Document, given: &Variables) -> Result<(Value, Vec<String>), String> {
        if document.operation == "mutation" {
            let name = document.fields.first().map_or("", |field| field.name.as_str());
            return Err(unknown(name, "sageMutation", std::iter::empty()));
        }
        let variables = variables(document, given)?;
        let mut errors = Vec::new();
        let mut data = Map::new();
        for package in &bound(&document.fields, &variables) {
            let roots: Vec<&Root> = ROOTS.iter().filter(|root| root.package == package.name).collect();
            if roots.is_empty() {
                return Err(unknown(&package.name, "sageQuery", ROOTS.iter().map(|root| root.package)));
            }
            let mut nodes = Map::new();
            for field in children(package)? {
                let root = roots.iter().find(|root| root.field == field.name);
                let known = roots.iter().map(|root| root.field);
                let root = root.ok_or_else(|| unknown(&field.name, &package.name, known))?;
                nodes.insert(field.alias.clone(), self.root(root, field, &mut errors)?);
            }
            data.insert(package.alias.clone(), Value::Object(nodes));
        }
        errors.dedup();
        Ok((Value::Object(data), errors))
    }

    fn root(&self, root: &Root, field: &Field, errors: &mut Vec<String>) -> Result<Value, String> {
        let mut shown = Map::new();
        for operation in children(field)? {
            let value = match operation.name.as_str() {
                "query" => {
                    let wanted = self.wanted(operation, root.node)?;
                    let mut rows: Vec<_> = self
                        .books
                        .records(root.class)
                        .filter(|(_, record)| wanted.filter.holds(record, self.books))
                        .collect();
                    wanted.order.sort(&mut rows, self.books);
                    let rows: Vec<(&str, &Record)> =
                        rows.into_iter().map(|(key, record)| (key.as_str(), record)).collect();
                    self.connection(&rows, &wanted, operation, root.node, errors)?
                }
                "read" => {
                    let id = match only(operation, "_id")? {
                        Value::String(id) => id,
                        _ => return Err("Argument \"_id\" is not an Id".to_owned()),
                    };
                    // The shape is checked whether or not there is such a record.
                    let blank = Record::new();
                    let record = self.books.get(root.class, &id);
                    let value = self.node(
                        root.node,
                        record.unwrap_or(&blank),
                        operation,
                        &mut match record {
                            Some(_) => std::mem::take(errors),
                            None => Vec::new(),
                        },
                    );
                    match record {
                        Some(_) => value?,
                        None => value.map(|_| Value::Null)?,
                    }
                }
                other => {
                    let owner = format!("{}_NodeOperations", root.node.name);
                    return Err(unknown(other, &owner, ["query", "read"].into_iter()));
                }
            };
            shown.insert(operation.alias.clone(), value);
        }
        Ok(Value::Object(shown))
    }

    fn wanted(&self, field: &Field, node: &'static Node) -> Result<Wanted, String> {
        let mut wanted =
            Wanted { first: ROWS, after: None, filter: Filter::default(), order: OrderBy::default() };
        for (name, argument) in &field.arguments {
            let value = resolve(argument);
            match (name.as_str(), value) {
                ("first" | "filter" | "orderBy" | "after", Value::Null)
                    if name != "after" || self.options.cursors => {}
                ("first", value) => {
                    let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
                    wanted.first =
                        count.filter(|count| *count > 0).ok_or("Argument \"first\" is not an Int")?;
                }
                ("filter", Value::String(text)) => wanted.filter = Filter::parse(&text, node)?,
                ("orderBy", Value::String(text)) => wanted.order = OrderBy::parse(&text, node)?,
                ("after", Value::String(text)) if self.options.cursors => wanted.after = Some(text),
                _ => return Err(format!("Unknown argument \"{name}\" on field \"{}.query\".", node.name)),
            }
        }
        Ok(wanted)
    }

    fn connection(
        &self,
        rows: &[(&str, &Record)],
        wanted: &Wanted,
        field: &Field,
        node: &'static Node,
        errors: &mut Vec<String>,
    ) -> Result<Value, String> {
        let skipped = match &wanted.after {
            None => 0,
            Some(cursor) => {
                let at = rows.iter().position(|(key, _)| self::cursor(key) == *cursor);
                at.map(|at| at + 1).ok_or_else(|| format!("Invalid cursor {cursor}"))?
            }
        };
        let end = rows.len().min(skipped + wanted.first);
        let page = &rows[skipped..end];
        let mut shown = Map::new();
        for part in children(field)? {
            let value = match part.name.as_str() {
                "edges" => self.edges(page, part, node, errors)?,
                "totalCount" if self.options.cursors => json!(rows.len()),
                "pageInfo" if self.options.cursors => json!({
                    "endCursor": page.last().map(|(key, _)| self::cursor(key)), "hasNextPage": end < rows.len(),
                }),
                other => {
                    return Err(unknown(other, &format!("{}_Connection", node.name), ["edges"].into_iter()));
                }
            };
            shown.insert(part.alias.clone(), value);
        }
        Ok(Value::Object(shown))
    }

    fn edges(
        &self,
        page: &[(&str, &Record)],
        field: &Field,
        node: &'static Node,
        errors: &mut Vec<String>,
    ) -> Result<Value, String> {
        let blank = Record::new();
        // An empty page is asked for with the same shape as a full one.
        let sample = [("", &blank)];
        let rows = if page.is_empty() { &sample[..] } else { page };
        let mut unheard = Vec::new();
        let mut edges = Vec::with_capacity(rows.len());
        for (key, record) in rows {
            let mut edge = Map::new();
            for part in children(field)? {
                let value = match part.name.as_str() {
                    "node" => {
                        let heard = if page.is_empty() { &mut unheard } else { &mut *errors };
                        self.node(node, record, part, heard)?
                    }
                    "cursor" if self.options.cursors => json!(self::cursor(key)),
                    other => {
                        return Err(unknown(other, &format!("{}_Edge", node.name), ["node"].into_iter()));
                    }
                };
                edge.insert(part.alias.clone(), value);
            }
            edges.push(Value::Object(edge));
        }
        Ok(if page.is_empty() { json!([]) } else { Value::Array(edges) })
    }

    fn node(
        &self,
        node: &'static Node,
        record: &Record,
        field: &Field,
        errors: &mut Vec<String>,
    ) -> Result<Value, String> {
        let mut shown = Map::new();
        for part in children(field)? {
            let shape = node.field(&part.name)?;
            let value = match (shape.value(record), shape) {
                (Some(_), _) if !part.fields.is_empty() => {
                    return Err(format!("Field \"{}\" must not have a selection", part.name));
                }
                (Some(value), _) => value,
                (None, Shape::Lines(collection, inner)) => {
                    self.lines(record, collection, inner, part, errors)?
                }
                (None, _) => match shape.follow(record, self.books) {
                    Some((target, inner)) => self.node(inner, &target, part, errors)?,
                    None => Value::Null,
                },
            };
            if self.options.denied.contains(&part.name) {
                errors.push(format!("Access denied on {}.{}", node.name, part.name));
                shown.insert(part.alias.clone(), Value::Null);
            } else {
                shown.insert(part.alias.clone(), value);
            }
        }
        Ok(Value::Object(shown))
    }

    fn lines(
        &self,
        record: &Record,
        collection: &str,
        inner: &'static Node,
        field: &Field,
        errors: &mut Vec<String>,
    ) -> Result<Value, String> {
        let lines: Vec<Record> = record
            .get(collection)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .cloned()
            .collect();
        let mut shown = Map::new();
        for query in children(field)? {
            if query.name != "query" {
                return Err(unknown(
                    &query.name,
                    &format!("{}_Collection", inner.name),
                    ["query"].into_iter(),
                ));
            }
            let wanted = self.wanted(query, inner)?;
            let rows: Vec<(&str, &Record)> = lines.iter().map(|line| ("", line)).collect();
            shown.insert(query.alias.clone(), self.connection(&rows, &wanted, query, inner, errors)?);
        }
        Ok(Value::Object(shown))
    }
}

fn cursor(key: &str) -> String {
    format!("[\"{key}\"]#00")
}

fn children(field: &Field) -> Result<&[Field], String> {
    if field.fields.is_empty() {
        return Err(format!("Field \"{}\" must have a selection of subfields.", field.name));
    }
    Ok(&field.fields)
}

fn only(field: &Field, wanted: &str) -> Result<Value, String> {
    match field.arguments.as_slice() {
        [(name, argument)] if name == wanted => Ok(resolve(argument)),
        _ => Err(format!("Field \"{}\" takes the argument \"{wanted}\"", field.name)),
    }
}

fn resolve(argument: &Argument) -> Value {
    match argument {
        Argument::Value(value) => value.clone(),
        Argument::Variable(_) => Value::Null,
    }
}

/// The fields with the variables' values in place of the variables.
fn bound(fields: &[Field], variables: &Variables) -> Vec<Field> {
    let value = |(name, argument): &(String, Argument)| {
        let value = match argument {
            Argument::Value(value) => value.clone(),
            Argument::Variable(name) => variables.get(name).cloned().unwrap_or(Value::Null),
        };
        (name.clone(), Argument::Value(value))
    };
    let bind = |field: &Field| Field {
        arguments: field.arguments.iter().map(value).collect(),
        fields: bound(&field.fields, variables),
        ..field.clone()
    };
    fields.iter().map(bind).collect()
}

/// The variables that the document declares, each of its type; every variable that it uses must be declared.
fn variables(document: &Document, given: &Variables) -> Result<Variables, String> {
    let mut variables = Map::new();
    for (name, kind, default) in &document.variables {
        let value = given.get(name).cloned().filter(|value| !value.is_null()).or_else(|| default.clone());
        let required = kind.ends_with('!');
        let fits = match (&value, kind.trim_end_matches('!')) {
            (None, _) if required => {
                return Err(format!("Variable \"${name}\" of required type \"{kind}\" was not provided."));
            }
            (None, _) => true,
            (Some(value), "Int") => value.is_i64() || value.is_u64(),
            (Some(value), "String" | "Id") => value.is_string(),
            _ => return Err(format!("Unknown type \"{kind}\".")),
        };
        if !fits {
            return Err(format!("Variable \"${name}\" got invalid value."));
        }
        variables.insert(name.clone(), value.unwrap_or(Value::Null));
    }
    declared(&document.fields, &variables)?;
    Ok(variables)
}

fn declared(fields: &[Field], variables: &Variables) -> Result<(), String> {
    for field in fields {
        for (_, argument) in &field.arguments {
            match argument {
                Argument::Variable(name) if !variables.contains_key(name) => {
                    return Err(format!("Variable \"${name}\" is not defined."));
                }
                _ => {}
            }
        }
        declared(&field.fields, variables)?;
    }
    Ok(())
}
