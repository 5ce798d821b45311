//! Values in the form that expressions run over, and the way there and back.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectExt, ValueKind};
use serde_json::{Map, Number, Value as Json};

use super::budget;

/// A JSON object whose fields are found by their text, without making a key value first.
#[derive(Debug, Default, Clone)]
pub(super) struct Fields(pub(super) IndexMap<String, Value>);

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.get(key.as_str()?).cloned()
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| Box::new(this.0.keys().map(|key| Value::from(key.as_str()))))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}

/// A table whose rows lie elsewhere, such as in the store: it may be large, and most expressions want one row.
pub trait Rows: Send + Sync {
    /// The row under `key`.
    ///
    /// # Errors
    /// A sentence, when it cannot be read.
    fn row(&self, key: &str) -> Result<Option<Json>, String>;

    /// All rows with their keys, in the order of the keys.
    ///
    /// # Errors
    /// A sentence, when they cannot be read.
    fn all(&self) -> Result<Vec<(String, Json)>, String>;
}

/// [`Rows`] as expressions see them.
pub(super) struct Table(Arc<dyn Rows>);

impl Table {
    /// All rows at once.
    pub(super) fn entries(&self) -> Result<Vec<(Value, Value)>, String> {
        let rows = self.0.all()?.into_iter();
        Ok(rows.map(|(key, row)| (Value::from(key), from_json(&row))).collect())
    }
}

impl fmt::Debug for Table {
    /// No rows: they are customers' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table")
    }
}

impl Object for Table {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match self.0.row(key) {
            Ok(row) => row.as_ref().map(from_json),
            // Whoever uses it gets the error: a row that cannot be read is not one that is missing.
            Err(error) => {
                Some(Value::from(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, error)))
            }
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.0.all() {
            Ok(rows) => Enumerator::Values(rows.into_iter().map(|(key, _)| Value::from(key)).collect()),
            Err(_) => Enumerator::NonEnumerable,
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        self.0.all().ok().map(|rows| rows.len())
    }
}

/// The values that expressions see, by name. Cheap to clone; setting a name converts its value once.
#[derive(Clone, Default)]
pub struct Values(Arc<Fields>);

impl Values {
    /// Adds or replaces the value called `name`.
    pub fn set(&mut self, name: &str, value: &Json) {
        self.put(name, from_json(value));
    }

    /// Takes a name away again.
    pub fn remove(&mut self, name: &str) {
        Arc::make_mut(&mut self.0).0.shift_remove(name);
    }

    /// Adds or replaces an object of tables called `name`; their rows are read when an expression asks for them.
    pub fn set_tables(&mut self, name: &str, tables: impl IntoIterator<Item = (String, Arc<dyn Rows>)>) {
        let tables = tables.into_iter().map(|(name, rows)| (name, Value::from_object(Table(rows))));
        self.put(name, Value::from_object(Fields(tables.collect())));
    }

    pub(super) fn put(&mut self, name: &str, value: Value) {
        let fields = &mut Arc::make_mut(&mut self.0).0;
        match fields.get_mut(name) {
            Some(place) => *place = value,
            None => drop(fields.insert(name.to_owned(), value)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.0.get(name)
    }

    /// The names as the root that an expression is evaluated over, with `extra` values that only it can name.
    pub(super) fn root(&self, extra: &[(String, Value)]) -> Value {
        if extra.is_empty() {
            Value::from_dyn_object(self.0.clone())
        } else {
            Value::from_object(Root { names: self.0.clone(), extra: extra.to_vec() })
        }
    }
}

impl fmt::Debug for Values {
    /// Names only: the values are customers' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Values").field(&self.0.0.keys().collect::<Vec<_>>()).finish()
    }
}

#[derive(Debug)]
struct Root {
    names: Arc<Fields>,
    extra: Vec<(String, Value)>,
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let extra = || self.extra.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        self.names.0.get(key).cloned().or_else(extra)
    }
}

/// Converts JSON to the form that expressions run over.
pub(super) fn from_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => from_number(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(from_json).collect::<Vec<_>>()),
        Json::Object(object) => Value::from_object(Fields(
            object.iter().map(|(name, value)| (name.clone(), from_json(value))).collect(),
        )),
    }
}

fn from_number(number: &Number) -> Value {
    if let Some(whole) = number.as_i64() {
        Value::from(whole)
    } else if let Some(whole) = number.as_u64() {
        Value::from(whole)
    } else {
        Value::from(number.as_f64().unwrap_or(f64::NAN))
    }
}

/// Converts a result back to JSON. Missing values are null; the budget bounds how much comes out.
pub(super) fn to_json(value: &Value) -> Result<Json, String> {
    budget::charge(ITEM_COST)?;
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => number_to_json(value)?,
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            budget::charge(text.len())?;
            Json::String(text.to_owned())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|error| error.to_string())?;
            Json::Array(items.map(|item| to_json(&item)).collect::<Result<_, _>>()?)
        }
        ValueKind::Map => Json::Object(map_to_json(value)?),
        kind => return Err(format!("gives a {kind}, which is not data")),
    })
}

const ITEM_COST: usize = budget::ITEM;

fn map_to_json(value: &Value) -> Result<Map<String, Json>, String> {
    if let Some(fields) = value.downcast_object_ref::<Fields>() {
        return fields.0.iter().map(|(name, value)| Ok((name.clone(), to_json(value)?))).collect();
    }
    let keys = value.try_iter().map_err(|error| error.to_string())?;
    keys.map(|key| {
        let name = key.as_str().ok_or("has a key that is not text")?.to_owned();
        Ok((name, to_json(&value.get_item(&key).map_err(|error| error.to_string())?)?))
    })
    .collect()
}

fn number_to_json(value: &Value) -> Result<Json, String> {
    if value.is_integer() {
        if let Some(whole) = value.as_i64() {
            return Ok(Json::from(whole));
        }
        return u64::try_from(value.clone())
            .map(Json::from)
            .map_err(|_| "gives a number that is too large".into());
    }
    let number = f64::try_from(value.clone()).map_err(|error| error.to_string())?;
    Number::from_f64(number).map(Json::Number).ok_or_else(|| "gives a number that is not finite".into())
}

/// A number or text as the text that goes into a template; `None` for everything else.
pub(super) fn plain_text(value: &Value) -> Option<String> {
    match value.kind() {
        ValueKind::String => value.as_str().map(str::to_owned),
        ValueKind::Number if value.is_integer() => Some(value.to_string()),
        // Rust writes floats without exponents and without a needless `.0`.
        ValueKind::Number => {
            f64::try_from(value.clone()).ok().filter(|n| n.is_finite()).map(|n| n.to_string())
        }
        _ => None,
    }
}

/// Whether a value is null or missing.
pub(super) fn is_nothing(value: &Value) -> bool {
    value.is_none() || value.is_undefined()
}

/// What a value is, as an author would call it.
pub(super) fn noun(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "missing",
        ValueKind::None => "nothing",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "an object",
        _ => "not data",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_survives_the_way_there_and_back() {
        let value = json!({
            "z": [1, -2, 18_446_744_073_709_551_615_u64, 2.5, 12.0, null, true],
            "a": {"text": "ä\n\"", "empty": {}, "none": []},
        });
        budget::start();
        let back = to_json(&from_json(&value)).unwrap();
        assert_eq!(back, value);
        assert_eq!(back.to_string(), value.to_string(), "the order of keys and the kind of numbers stay");
    }

    #[test]
    fn numbers_are_written_plainly() {
        for (number, text) in
            [(json!(12.0), "12"), (json!(12.5), "12.5"), (json!(1e21), "1000000000000000000000")]
        {
            assert_eq!(plain_text(&from_json(&number)).as_deref(), Some(text));
        }
        assert_eq!(plain_text(&Value::from(true)), None);
    }

    #[test]
    fn arbitrary_precision_stays_off() {
        // With that feature numbers become maps in minijinja and arithmetic breaks.
        assert_eq!(serde_json::from_str::<Json>("1.10").unwrap().to_string(), "1.1");
    }
}
