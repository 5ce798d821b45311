//! Filters for values of every kind.

use minijinja::Value;

use super::super::Type;
use super::super::data::{plain_text, to_json};
use super::{Filter, Kind, argument, is_empty, made, noun, param};

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
];
