//! What a condition yields for a row.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{Datum, Node};
use crate::simulator::sagex3::dictionary::Kind;

pub(super) fn evaluate(node: &Node, fields: &Map<String, Value>) -> Datum {
    let truth = |node: &Node| evaluate(node, fields) == Datum::Truth(true);
    match node {
        Node::Literal(datum) => datum.clone(),
        Node::Property(name, kind) => read(fields.get(name), *kind),
        Node::Call(name, arguments) => {
            call(name, &arguments.iter().map(|argument| evaluate(argument, fields)).collect::<Vec<_>>())
        }
        Node::Negative(inner) => match evaluate(inner, fields) {
            Datum::Number(number) => Datum::Number(-number),
            _ => Datum::Nothing,
        },
        Node::Not(inner) => Datum::Truth(!truth(inner)),
        Node::Both(left, right) => Datum::Truth(truth(left) && truth(right)),
        Node::Either(left, right) => Datum::Truth(truth(left) || truth(right)),
        Node::Compare(operator, left, right) => {
            Datum::Truth(compare(operator, &evaluate(left, fields), &evaluate(right, fields)))
        }
        Node::Between(value, low, high) => {
            let value = evaluate(value, fields);
            let within = compare("ge", &value, &evaluate(low, fields))
                && compare("le", &value, &evaluate(high, fields));
            Datum::Truth(within)
        }
        Node::In(value, list) => {
            let value = evaluate(value, fields);
            Datum::Truth(list.iter().any(|item| compare("eq", &value, &evaluate(item, fields))))
        }
        Node::Calculate(sign, left, right) => match (evaluate(left, fields), evaluate(right, fields)) {
            (Datum::Number(one), Datum::Number(other)) => Datum::Number(match sign {
                '+' => one + other,
                '-' => one - other,
                '/' => one / other,
                '%' => one % other,
                _ => one * other,
            }),
            _ => Datum::Nothing,
        },
    }
}

fn read(value: Option<&Value>, kind: Kind) -> Datum {
    let Some(value) = value else { return Datum::Nothing };
    match kind {
        Kind::Text => value.as_str().map_or(Datum::Nothing, |text| Datum::Text(text.to_owned())),
        Kind::Integer | Kind::Decimal => value.as_f64().map_or(Datum::Nothing, Datum::Number),
        Kind::Date => value.as_str().and_then(|text| text.parse().ok()).map_or(Datum::Nothing, Datum::Date),
        Kind::Instant => {
            value.as_str().and_then(|text| text.parse().ok()).map_or(Datum::Nothing, Datum::Instant)
        }
        Kind::Texts => Datum::Nothing,
    }
}

fn call(name: &str, arguments: &[Datum]) -> Datum {
    let count = |number: f64| if number > 0.0 { number as usize } else { 0 };
    match (name, arguments) {
        ("left", [Datum::Text(text), Datum::Number(most)]) => {
            Datum::Text(text.chars().take(count(*most)).collect())
        }
        ("right", [Datum::Text(text), Datum::Number(most)]) => {
            let skipped = text.chars().count().saturating_sub(count(*most));
            Datum::Text(text.chars().skip(skipped).collect())
        }
        ("upper", [Datum::Text(text)]) => Datum::Text(text.to_uppercase()),
        ("lower", [Datum::Text(text)]) => Datum::Text(text.to_lowercase()),
        ("trim", [Datum::Text(text)]) => Datum::Text(text.trim().to_owned()),
        ("length", [Datum::Text(text)]) => Datum::Number(text.chars().count() as f64),
        ("ascii", [Datum::Text(text)]) => {
            Datum::Number(text.chars().next().map_or(0.0, |first| f64::from(u32::from(first))))
        }
        ("char", [Datum::Number(code)]) => {
            Datum::Text(char::from_u32(count(*code) as u32).map(String::from).unwrap_or_default())
        }
        ("abs", [Datum::Number(number)]) => Datum::Number(number.abs()),
        _ => Datum::Nothing,
    }
}

fn compare(operator: &str, left: &Datum, right: &Datum) -> bool {
    let order = match (left, right) {
        (Datum::Text(one), Datum::Text(other)) if operator == "like" => return like(one, other),
        (Datum::Text(one), Datum::Text(other)) => Some(one.cmp(other)),
        (Datum::Number(one), Datum::Number(other)) => one.partial_cmp(other),
        (Datum::Date(one), Datum::Date(other)) => Some(one.cmp(other)),
        (Datum::Instant(one), Datum::Instant(other)) => Some(one.cmp(other)),
        (Datum::Nothing, Datum::Nothing) => Some(Ordering::Equal),
        _ => None,
    };
    match operator {
        "eq" => order == Some(Ordering::Equal),
        "ne" => order != Some(Ordering::Equal),
        "lt" => order == Some(Ordering::Less),
        "le" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        "gt" => order == Some(Ordering::Greater),
        "ge" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        _ => false,
    }
}

/// `%` stands for any run of characters, `_` for one.
fn like(text: &str, pattern: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '%' => text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| like(&text[at..], rest)),
        _ => text
            .chars()
            .next()
            .is_some_and(|next| (first == '_' || first == next) && like(&text[next.len_utf8()..], rest)),
    }
}
