//! Values given on the command line: `ups.account=A1B2C3`, `ups.shipper.city=Albany`.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::compose::Composition;
use crate::cli::names;
use crate::cli::outcome::Trouble;
use crate::expression::Type;
use crate::spec::model::Setting;

/// Takes one assignment over.
///
/// # Errors
/// A sentence, when the name is not known or the value does not fit its type.
pub fn apply(composition: &mut Composition, text: &str) -> Result<(), Trouble> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(Trouble::usage(format!(
            "`--set {text}` has no `=`; write for example `--set ups.account=A1B2C3`"
        )));
    };
    let mut path = name.trim().split('.');
    let (owner, setting) = (path.next().unwrap_or_default(), path.next().unwrap_or_default());
    let rest: Vec<&str> = path.collect();
    let known: Vec<String> =
        composition.connections.keys().chain(composition.mappings.keys()).cloned().collect();
    if let Some(part) = composition.connections.get_mut(owner) {
        return assign(&part.of.settings, &mut part.values, setting, &rest, value);
    }
    match composition.mappings.get_mut(owner) {
        Some((part, _)) => assign(&part.of.settings, &mut part.values, setting, &rest, value),
        None => Err(Trouble::usage(names::unknown("connection or mapping", owner, known))),
    }
}

fn assign(
    settings: &IndexMap<String, Setting>,
    values: &mut Map<String, Value>,
    name: &str,
    rest: &[&str],
    text: &str,
) -> Result<(), Trouble> {
    let Some(setting) = settings.get(name) else {
        return Err(Trouble::usage(names::unknown("setting", name, settings.keys())));
    };
    put(values, name, &setting.ty, rest, text)
}

fn put(
    values: &mut Map<String, Value>,
    name: &str,
    ty: &Type,
    rest: &[&str],
    text: &str,
) -> Result<(), Trouble> {
    let [field, rest @ ..] = rest else {
        values.insert(name.to_owned(), read(name, ty, text)?);
        return Ok(());
    };
    let inner = match ty.required() {
        Type::Object(object) => match object.fields.get(*field) {
            Some(field) => &field.ty,
            None => return Err(Trouble::usage(names::unknown("field", field, object.fields.keys()))),
        },
        Type::Table(item) => item,
        other => return Err(Trouble::usage(format!("`{name}` is {other}; it has no fields"))),
    };
    let slot = values.entry(name).or_insert_with(|| Value::Object(Map::new()));
    match slot {
        Value::Object(fields) => put(fields, field, inner, rest, text),
        _ => Err(Trouble::usage(format!("`{name}` was given as a whole already"))),
    }
}

/// Reads a value as its type wants it.
fn read(name: &str, ty: &Type, text: &str) -> Result<Value, Trouble> {
    let json = || {
        serde_json::from_str(text)
            .map_err(|_| Trouble::usage(format!("`{name}` is {}; `{text}` is not", ty.required())))
    };
    match ty.required() {
        Type::Text { .. } | Type::Duration | Type::Zone => Ok(Value::from(text)),
        Type::List(item) if !text.trim_start().starts_with('[') => {
            Ok(Value::Array(vec![read(name, item, text)?]))
        }
        Type::Any => Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))),
        _ => json(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::spec::model::Place;

    fn settings() -> IndexMap<String, Setting> {
        let place = Place { file: Arc::from("x"), line: 1, column: 1 };
        let setting =
            |ty| Setting { ty, default: None, one_of: Vec::new(), docs: None, place: place.clone() };
        let shipper = Type::object([("city", Type::TEXT), ("lines", Type::list(Type::TEXT))]);
        [("account", setting(Type::TEXT)), ("limit", setting(Type::Integer)), ("shipper", setting(shipper))]
            .into_iter()
            .map(|(name, setting)| (name.to_owned(), setting))
            .collect()
    }

    #[test]
    fn values_take_the_type_of_their_setting() {
        let (settings, mut values) = (settings(), Map::new());
        assign(&settings, &mut values, "account", &[], "012345").unwrap();
        assign(&settings, &mut values, "limit", &[], "60").unwrap();
        assign(&settings, &mut values, "shipper", &["city"], "Albany").unwrap();
        assign(&settings, &mut values, "shipper", &["lines"], "1 Main St").unwrap();
        let expected =
            json!({"account": "012345", "limit": 60, "shipper": {"city": "Albany", "lines": ["1 Main St"]}});
        assert_eq!(Value::Object(values), expected);
    }

    #[test]
    fn mistakes_are_named() {
        let (settings, mut values) = (settings(), Map::new());
        let mut fail = |name: &str, rest: &[&str], text: &str| {
            assign(&settings, &mut values, name, rest, text).unwrap_err().message
        };
        assert!(fail("acount", &[], "x").contains("did you mean `account`"));
        assert!(fail("shipper", &["town"], "x").contains("there is no field `town`"));
        assert!(fail("limit", &[], "many").contains("is integer; `many` is not"));
        assert!(fail("account", &["x"], "y").contains("has no fields"));
    }
}
