//! Filters for text.

use minijinja::Value;

use super::super::Type;
use super::super::budget;
use super::super::data::plain_text;
use super::{
    Argument, Filter, Kind, argument, character, count_at, filled, list_at, made, option, param, text_at,
};

/// The most pieces that `split` makes.
const PIECES: usize = 10_000;

/// The filters of this family.
pub const FILTERS: &[Filter] = &[
    Filter {
        name: "upper",
        takes: Kind::Text,
        params: &[],
        docs: "All letters as capitals.",
        example: ("{{ 'abc' | upper }}", "\"ABC\""),
        nulls: false,
        gives: |_, _| Ok(Type::TEXT),
        run: |arguments| made(text_at(arguments, 0)?.to_uppercase()),
    },
    Filter {
        name: "lower",
        takes: Kind::Text,
        params: &[],
        docs: "All letters as small letters.",
        example: ("{{ 'GIF' | lower }}", "\"gif\""),
        nulls: false,
        gives: |_, _| Ok(Type::TEXT),
        run: |arguments| made(text_at(arguments, 0)?.to_lowercase()),
    },
    Filter {
        name: "title",
        takes: Kind::Text,
        params: &[],
        docs: "Each word with a capital and then small letters.",
        example: ("{{ 'NEW YORK' | title }}", "\"New York\""),
        nulls: false,
        gives: |_, _| Ok(Type::TEXT),
        run: |arguments| made(title(text_at(arguments, 0)?)),
    },
    Filter {
        name: "trim",
        takes: Kind::Text,
        params: &[],
        docs: "Without blanks at both ends.",
        example: ("{{ ' a b ' | trim }}", "\"a b\""),
        nulls: false,
        gives: same,
        run: |arguments| made(text_at(arguments, 0)?.trim().to_owned()),
    },
    Filter {
        name: "replace",
        takes: Kind::Text,
        params: &[param("from", Kind::Filled), param("to", Kind::Text)],
        docs: "With every `from` replaced by `to`.",
        example: ("{{ '12345-6789' | replace('-', '') }}", "\"123456789\""),
        nulls: false,
        gives: |_, _| Ok(Type::TEXT),
        run: replace,
    },
    Filter {
        name: "clip",
        takes: Kind::Text,
        params: &[param("most", Kind::Count)],
        docs: "At most `most` characters, without blanks at the end.",
        example: ("{{ 'Ship to here' | clip(8) }}", "\"Ship to\""),
        nulls: false,
        gives: |_, arguments| Ok(clipped(arguments)),
        run: |arguments| made(clip(text_at(arguments, 0)?, count_at(arguments, 1)?).to_owned()),
    },
    Filter {
        name: "clip_each",
        takes: Kind::Plains,
        params: &[param("most", Kind::Count)],
        docs: "A list with each text clipped as by `clip`.",
        example: ("{{ ['first line', 'second'] | clip_each(6) }}", r#"["first", "second"]"#),
        nulls: false,
        gives: |input, arguments| {
            let clipped = clipped(arguments);
            let optional = super::item_type(input).may_be_null() && super::item_type(input) != Type::Any;
            Ok(Type::list(if optional { clipped.optional() } else { clipped }))
        },
        run: clip_each,
    },
    Filter {
        name: "pad_left",
        takes: Kind::Plain,
        params: &[param("width", Kind::Count), option("with", Kind::Character)],
        docs: "At least `width` characters, filled up on the left with blanks or the character `with`.",
        example: ("{{ 42 | pad_left(7, '0') }}", "\"0000042\""),
        nulls: false,
        gives: |_, _| Ok(Type::TEXT),
        run: |arguments| pad(arguments, true),
    },
    Filter {
        name: "pad_right",
        takes: Kind::Plain,
        params: &[param("width", Kind::Count), option("with", Kind::Character)],
        docs: "At least `width` characters, filled up on the right with blanks or the character `with`.",
        example: ("{{ 'AB' | pad_right(4, '.') }}", "\"AB..\""),
        nulls: false,
        gives: |_, _| Ok(Type::TEXT),
        run: |arguments| pad(arguments, false),
    },
    Filter {
        name: "split",
        takes: Kind::Text,
        params: &[param("at", Kind::Filled)],
        docs: "The list of what stands between the separators.",
        example: ("{{ 'a,b,c' | split(',') }}", r#"["a", "b", "c"]"#),
        nulls: false,
        gives: |_, _| Ok(Type::list(Type::TEXT)),
        run: split,
    },
    Filter {
        name: "join",
        takes: Kind::Plains,
        params: &[option("with", Kind::Text)],
        docs: "The items as one text, with `with` between them. Items that are nothing are left out.",
        example: ("{{ ['a', none, 3] | join(', ') }}", "\"a, 3\""),
        nulls: false,
        gives: |_, _| Ok(Type::TEXT),
        run: join,
    },
    Filter {
        name: "digits",
        takes: Kind::Text,
        params: &[],
        docs: "Only the digits.",
        example: ("{{ '(212) 555-0100' | digits }}", "\"2125550100\""),
        nulls: false,
        gives: same,
        run: |arguments| made(text_at(arguments, 0)?.chars().filter(char::is_ascii_digit).collect()),
    },
    Filter {
        name: "starts_with",
        takes: Kind::Text,
        params: &[param("with", Kind::Text)],
        docs: "Whether the text starts so.",
        example: ("{{ 'UPS GROUND' | starts_with('UPS') }}", "true"),
        nulls: false,
        gives: |_, _| Ok(Type::Boolean),
        run: |arguments| Ok(Value::from(text_at(arguments, 0)?.starts_with(text_at(arguments, 1)?))),
    },
    Filter {
        name: "ends_with",
        takes: Kind::Text,
        params: &[param("with", Kind::Text)],
        docs: "Whether the text ends so.",
        example: ("{{ 'label.zpl' | ends_with('.zpl') }}", "true"),
        nulls: false,
        gives: |_, _| Ok(Type::Boolean),
        run: |arguments| Ok(Value::from(text_at(arguments, 0)?.ends_with(text_at(arguments, 1)?))),
    },
    Filter {
        name: "contains",
        takes: Kind::Text,
        params: &[param("part", Kind::Text)],
        docs: "Whether the text has this in it.",
        example: ("{{ 'PO BOX 7' | contains('PO BOX') }}", "true"),
        nulls: false,
        gives: |_, _| Ok(Type::Boolean),
        run: |arguments| Ok(Value::from(text_at(arguments, 0)?.contains(text_at(arguments, 1)?))),
    },
];

fn same(input: &Type, _: &[Argument]) -> Result<Type, String> {
    Ok(if input.is_text() { input.clone() } else { Type::TEXT })
}

fn clipped(arguments: &[Argument]) -> Type {
    let most = arguments.first().and_then(|most| most.literal.as_ref()).and_then(Value::as_i64);
    Type::Text { max: most.and_then(|most| u32::try_from(most).ok()) }
}

/// The first `most` characters, without blanks at the end.
fn clip(text: &str, most: usize) -> &str {
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    text[..end].trim_end()
}

fn clip_each(arguments: &[Value]) -> Result<Value, String> {
    let most = count_at(arguments, 1)?;
    let clip = |item: Value| match plain_text(&item) {
        Some(text) => made(clip(&text, most).to_owned()),
        None if super::is_nothing(&item) => Ok(item),
        None => Err(format!("an item is {}", super::noun(&item))),
    };
    Ok(Value::from(list_at(arguments, 0)?.into_iter().map(clip).collect::<Result<Vec<_>, _>>()?))
}

fn title(text: &str) -> String {
    let mut fresh = true;
    let mut title = String::with_capacity(text.len());
    for c in text.chars() {
        if fresh {
            title.extend(c.to_uppercase());
        } else {
            title.extend(c.to_lowercase());
        }
        fresh = !c.is_alphanumeric() && c != '\'';
    }
    title
}

fn replace(arguments: &[Value]) -> Result<Value, String> {
    let (text, to) = (text_at(arguments, 0)?, text_at(arguments, 2)?);
    let from = filled(argument(arguments, 1)?)?;
    // The size is known before the text is made, so a bomb is refused instead of built.
    let found = text.matches(from).count();
    budget::charge(found.saturating_mul(to.len()).saturating_add(text.len()))?;
    Ok(Value::from(text.replace(from, to)))
}

fn pad(arguments: &[Value], left: bool) -> Result<Value, String> {
    let value = argument(arguments, 0)?;
    let text =
        plain_text(value).ok_or_else(|| format!("text was expected, but it is {}", super::noun(value)))?;
    let fill = arguments.get(2).map_or(Ok(' '), character)?;
    let missing = count_at(arguments, 1)?.saturating_sub(text.chars().count());
    let padding: String = std::iter::repeat_n(fill, missing).collect();
    made(if left { padding + &text } else { text + &padding })
}

fn split(arguments: &[Value]) -> Result<Value, String> {
    let (text, at) = (text_at(arguments, 0)?, filled(argument(arguments, 1)?)?);
    let pieces: Vec<&str> = text.split(at).take(PIECES + 1).collect();
    if pieces.len() > PIECES {
        return Err(format!("that makes more than {PIECES} pieces"));
    }
    budget::charge(text.len() + pieces.len() * budget::ITEM)?;
    Ok(Value::from(pieces.into_iter().map(Value::from).collect::<Vec<_>>()))
}

fn join(arguments: &[Value]) -> Result<Value, String> {
    let with = if arguments.len() > 1 { text_at(arguments, 1)? } else { "" };
    let mut text = String::new();
    for (index, item) in list_at(arguments, 0)?.iter().filter(|item| !super::is_nothing(item)).enumerate() {
        let item = plain_text(item).ok_or_else(|| format!("an item is {}", super::noun(item)))?;
        budget::charge(item.len() + with.len())?;
        if index > 0 {
            text.push_str(with);
        }
        text.push_str(&item);
    }
    Ok(Value::from(text))
}
