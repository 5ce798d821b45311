//! Filters for values of every kind.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::super::data::{plain_text, to_json};
use super::super::{Type, budget};
use super::table::entries;
use super::{Argument, Filter, Kind, argument, is_empty, is_nothing, made, noun, param, text_at};

/// The filters of this family.
pub const FILTERS: &[Filter] = &[
    Filter {
        name: "or_else",
        takes: Kind::Anything,
        params: &[param("value", Kind::Anything)],
        docs: "Another value in place of nothing or blank text.",
        example: ("{{ none | or_else('USA') }}", "\"USA\""),
        nulls: true,
        gives: |input, arguments| {
            let other = arguments.first().map_or(&Type::Any, |argument| &argument.ty);
            if *input == Type::Null {
                return Ok(other.clone());
            }
            let kind = input.required();
            kind.join(other)
                .ok_or_else(|| format!("the value is {}, but the other is {}", kind.noun(), other.noun()))
        },
        run: |arguments| {
            let value = argument(arguments, 0)?;
            // An empty list or object is an answer; blank text is how many systems say nothing.
            let nothing = is_empty(value) && value.len().is_none_or(|_| value.as_str().is_some());
            Ok(if nothing { argument(arguments, 1)?.clone() } else { value.clone() })
        },
    },
    Filter {
        name: "text",
        takes: Kind::Plain,
        params: &[],
        docs: "A number as text, written plainly.",
        example: ("{{ 12.50 | text }}", "\"12.5\""),
        nulls: false,
        gives: |input, _| Ok(if input.is_text() { input.clone() } else { Type::TEXT }),
        run: |arguments| {
            let value = argument(arguments, 0)?;
            made(
                plain_text(value)
                    .ok_or_else(|| format!("text or a number was expected, but it is {}", noun(value)))?,
            )
        },
    },
    Filter {
        name: "length",
        takes: Kind::Sequence,
        params: &[],
        docs: "How many characters a text has, or how many items a list.",
        example: ("{{ ['a', 'b'] | length }}", "2"),
        nulls: false,
        gives: |_, _| Ok(Type::Integer),
        run: |arguments| {
            let value = argument(arguments, 0)?;
            let length = match value.as_str() {
                Some(text) => Some(text.chars().count()),
                None => value.len(),
            };
            length.map(Value::from).ok_or_else(|| format!("{} has no length", noun(value)))
        },
    },
    Filter {
        name: "json",
        takes: Kind::Anything,
        params: &[],
        docs: "The value as compact JSON text.",
        example: ("{{ {'a': [1, none]} | json }}", r#""{\"a\":[1,null]}""#),
        nulls: true,
        gives: |_, _| Ok(Type::TEXT),
        run: |arguments| made(to_json(argument(arguments, 0)?)?.to_string()),
    },
    Filter {
        name: "named",
        takes: Kind::Anything,
        params: &[param("field", Kind::Name)],
        docs: "The values of all fields of this name, at any depth; those of a list one by one.",
        example: ("{{ {'a': {'why': 'No'}, 'b': [{'why': 'Never'}]} | named('why') }}", r#"["No", "Never"]"#),
        nulls: true,
        gives: named_type,
        run: |arguments| {
            let mut found = Vec::new();
            collect(argument(arguments, 0)?, text_at(arguments, 1)?, &mut found)?;
            Ok(Value::from(found))
        },
    },
];

fn named_type(input: &Type, arguments: &[Argument]) -> Result<Type, String> {
    let name = arguments.first().and_then(|name| name.literal.as_ref()).and_then(Value::as_str);
    let name = name.unwrap_or_default();
    let mut types = Vec::new();
    let known = collect_types(input, name, &mut types);
    let mut types = types.into_iter();
    match types.next() {
        _ if !known => Ok(Type::list(Type::Any)),
        None => Err(format!("there is no field `{name}` in it")),
        Some(first) => Ok(Type::list(types.try_fold(first, |all, ty| all.join(&ty)).unwrap_or(Type::Any))),
    }
}

/// The types of the fields called `name`; false where parts of the value are unknown.
fn collect_types(ty: &Type, name: &str, types: &mut Vec<Type>) -> bool {
    match ty.required() {
        Type::Any => false,
        Type::List(item) => collect_types(item, name, types),
        // Any name may be among the keys.
        Type::Table(_) => false,
        Type::Object(object) => object.fields.iter().fold(true, |known, (key, field)| {
            if key == name {
                types.push(match field.ty.required() {
                    Type::List(item) => (**item).clone(),
                    other => other.clone(),
                });
            }
            known & collect_types(&field.ty, name, types)
        }),
        _ => true,
    }
}

/// Adds the values of the fields called `name`, in the order in which they stand.
fn collect(value: &Value, name: &str, found: &mut Vec<Value>) -> Result<(), String> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => value
            .try_iter()
            .map_err(|error| error.to_string())?
            .try_for_each(|item| collect(&item, name, found)),
        ValueKind::Map => entries(value)?.into_iter().try_for_each(|(key, inner)| {
            if key.as_str() == Some(name) && !is_nothing(&inner) {
                budget::charge(budget::ITEM)?;
                match inner.kind() {
                    ValueKind::Seq => found.extend(inner.try_iter().map_err(|error| error.to_string())?),
                    _ => found.push(inner.clone()),
                }
            }
            collect(&inner, name, found)
        }),
        _ => Ok(()),
    }
}
