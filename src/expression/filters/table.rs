//! Filters for tables.

use std::collections::BTreeMap;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::super::Type;
use super::super::data::{Table, is_nothing, plain_text};
use super::{Argument, Filter, Kind, argument, noun, option, param};

/// The filters of this family.
pub const FILTERS: &[Filter] = &[
    Filter {
        name: "lookup",
        takes: Kind::Plain,
        params: &[param("table", Kind::Table), option("default", Kind::Anything)],
        docs: "What a table holds under this key. A key that it does not have yields the default; without one it is an error.",
        example: ("{{ 'USA' | lookup({'USA': 'US', 'CAN': 'CA'}) }}", "\"US\""),
        nulls: false,
        gives: |_, arguments| lookup_type(arguments),
        run: lookup,
    },
    Filter {
        name: "keys",
        takes: Kind::Table,
        params: &[],
        docs: "The list of a table's keys.",
        example: ("{{ {'a': 1, 'b': 2} | keys }}", r#"["a", "b"]"#),
        nulls: false,
        gives: |_, _| Ok(Type::list(Type::TEXT)),
        run: |arguments| {
            Ok(Value::from(
                entries(argument(arguments, 0)?)?.into_iter().map(|(key, _)| key).collect::<Vec<_>>(),
            ))
        },
    },
    Filter {
        name: "merge",
        takes: Kind::Table,
        params: &[param("other", Kind::Table)],
        docs: "The fields of both objects in the order of their names; where both have one, the second's, unless it is nothing.",
        example: (
            "{{ {'b': 1, 'c': 2} | merge({'a': 0, 'c': 3, 'b': none}) }}",
            r#"{"a": 0, "b": 1, "c": 3}"#,
        ),
        nulls: false,
        gives: |input, arguments| {
            let other = arguments.first().map_or(Type::Any, |other| value_type(&other.ty));
            Ok(Type::Table(value_type(input).join(&other).unwrap_or(Type::Any).into()))
        },
        run: |arguments| {
            let mut fields: BTreeMap<String, Value> = BTreeMap::new();
            for (at, table) in arguments.iter().take(2).enumerate() {
                for (key, value) in entries(table)? {
                    if at == 0 || !is_nothing(&value) {
                        fields.insert(key.as_str().unwrap_or_default().to_owned(), value);
                    }
                }
            }
            Ok(Value::from(fields))
        },
    },
    Filter {
        name: "values",
        takes: Kind::Table,
        params: &[],
        docs: "The list of a table's values.",
        example: ("{{ {'a': 1, 'b': 2} | values }}", "[1, 2]"),
        nulls: false,
        gives: |input, _| Ok(Type::list(value_type(input))),
        run: |arguments| {
            Ok(Value::from(
                entries(argument(arguments, 0)?)?.into_iter().map(|(_, value)| value).collect::<Vec<_>>(),
            ))
        },
    },
];

fn value_type(table: &Type) -> Type {
    match table {
        Type::Table(item) => (**item).clone(),
        Type::Object(object) => {
            let mut types = object.fields.values().map(|field| field.ty.clone());
            let first = types.next();
            first.and_then(|first| types.try_fold(first, |joined, ty| joined.join(&ty))).unwrap_or(Type::Any)
        }
        _ => Type::Any,
    }
}

fn lookup_type(arguments: &[Argument]) -> Result<Type, String> {
    let value = arguments.first().map_or(Type::Any, |table| value_type(&table.ty));
    match arguments.get(1) {
        None => Ok(value),
        Some(default) => value.join(&default.ty).ok_or_else(|| {
            format!("the table holds {}, but the default is {}", value.noun(), default.ty.noun())
        }),
    }
}

fn lookup(arguments: &[Value]) -> Result<Value, String> {
    let (given, table) = (argument(arguments, 0)?, argument(arguments, 1)?);
    let key = plain_text(given).ok_or_else(|| format!("a key is text, but it is {}", noun(given)))?;
    let map = table.as_object().filter(|_| table.kind() == ValueKind::Map);
    let map = map.ok_or_else(|| format!("a table was expected, but it is {}", noun(table)))?;
    match (map.get_value_by_str(&key), arguments.get(2)) {
        (Some(unread), _) if unread.kind() == ValueKind::Invalid => Err(unread.to_string()),
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => Err(format!("the table has no key {key:?}")),
    }
}

/// The keys and values of a table.
pub(super) fn entries(table: &Value) -> Result<Vec<(Value, Value)>, String> {
    let entries = match table.downcast_object_ref::<Table>() {
        Some(table) => table.entries()?,
        None => {
            let object = table.as_object().filter(|_| table.kind() == ValueKind::Map);
            let pairs = object.and_then(|object| object.try_iter_pairs());
            pairs.ok_or_else(|| format!("a table was expected, but it is {}", noun(table)))?.collect()
        }
    };
    super::super::budget::charge(entries.len() * super::super::budget::ITEM)?;
    Ok(entries)
}
