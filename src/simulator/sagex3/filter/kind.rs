//! Of what kind each part of a condition is: only what is alike can be compared.

use super::{Datum, Node, Refusal, syntax};
use crate::simulator::sagex3::dictionary::Kind;

/// What a node yields; `None` for a condition. Only what is alike can be compared.
pub(super) fn kind(node: &Node) -> Result<Option<Kind>, Refusal> {
    Ok(match node {
        Node::Literal(Datum::Text(_)) => Some(Kind::Text),
        Node::Literal(Datum::Number(_)) => Some(Kind::Decimal),
        Node::Literal(Datum::Date(_)) => Some(Kind::Date),
        Node::Literal(Datum::Instant(_)) => Some(Kind::Instant),
        Node::Literal(Datum::Truth(_)) => None,
        Node::Literal(Datum::Nothing) => Some(Kind::Texts),
        Node::Property(_, Kind::Integer) => Some(Kind::Decimal),
        Node::Property(_, kind) => Some(*kind),
        Node::Call(name, arguments) => Some(call_kind(name, arguments)?),
        Node::Negative(inner) => wants(inner, Kind::Decimal)?,
        Node::Not(inner) => condition(inner)?,
        Node::Both(left, right) | Node::Either(left, right) => {
            condition(left)?;
            condition(right)?
        }
        Node::Compare(operator, left, right) => {
            if operator == "like" {
                wants(left, Kind::Text)?;
                wants(right, Kind::Text)?;
            }
            alike(left, right)?
        }
        Node::Between(value, low, high) => {
            alike(value, low)?;
            alike(value, high)?
        }
        Node::In(value, list) => {
            for item in list {
                alike(value, item)?;
            }
            None
        }
        Node::Calculate(_, left, right) => {
            wants(left, Kind::Decimal)?;
            wants(right, Kind::Decimal)?
        }
    })
}

fn call_kind(name: &str, arguments: &[Node]) -> Result<Kind, Refusal> {
    let (takes, gives): (&[Kind], Kind) = match name {
        "left" | "right" => (&[Kind::Text, Kind::Decimal], Kind::Text),
        "upper" | "lower" | "trim" => (&[Kind::Text], Kind::Text),
        "ascii" | "length" => (&[Kind::Text], Kind::Decimal),
        "char" => (&[Kind::Decimal], Kind::Text),
        "abs" => (&[Kind::Decimal], Kind::Decimal),
        _ => return Err(syntax(&format!("there is no function `{name}`"))),
    };
    if takes.len() != arguments.len() {
        return Err(syntax(&format!("`{name}` takes {} arguments", takes.len())));
    }
    for (argument, kind) in arguments.iter().zip(takes) {
        wants(argument, *kind)?;
    }
    Ok(gives)
}

fn wants(node: &Node, wanted: Kind) -> Result<Option<Kind>, Refusal> {
    match kind(node)? {
        Some(found) if found == wanted => Ok(Some(found)),
        _ => Err(syntax("the types do not fit")),
    }
}

fn condition(node: &Node) -> Result<Option<Kind>, Refusal> {
    match kind(node)? {
        None => Ok(None),
        Some(_) => Err(syntax("this is not a condition")),
    }
}

fn alike(left: &Node, right: &Node) -> Result<Option<Kind>, Refusal> {
    let nothing = |node: &Node| matches!(node, Node::Literal(Datum::Nothing));
    match (kind(left)?, kind(right)?) {
        (Some(_), Some(_)) if nothing(left) || nothing(right) => Ok(None),
        (Some(one), Some(other)) if one == other => Ok(None),
        _ => Err(syntax("what is compared is not of one type")),
    }
}
