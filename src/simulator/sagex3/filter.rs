//! SData's `where`, read strictly: what Sage's help does not name is refused.

mod evaluate;
mod kind;
mod read;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use self::evaluate::evaluate;
use self::kind::kind;
use self::read::{Reader, tokens};
use super::dictionary::{Class, Kind};

/// Why a `where` is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not SData.
    Syntax(String),
    /// The `$query` facet has no such property; X3 endpoints fail with 500.
    UnknownProperty(String),
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
enum Datum {
    Text(String),
    Number(f64),
    Date(Date),
    Instant(Timestamp),
    Truth(bool),
    Nothing,
}

/// A condition over the properties of a row.
#[derive(Debug, Clone)]
pub struct Where(Node);

#[derive(Debug, Clone)]
enum Node {
    Literal(Datum),
    Property(String, Kind),
    Call(String, Vec<Node>),
    Not(Box<Node>),
    Negative(Box<Node>),
    Both(Box<Node>, Box<Node>),
    Either(Box<Node>, Box<Node>),
    Compare(String, Box<Node>, Box<Node>),
    Between(Box<Node>, Box<Node>, Box<Node>),
    In(Box<Node>, Vec<Node>),
    Calculate(char, Box<Node>, Box<Node>),
}

impl Where {
    /// Reads `text` for the `$query` facet of `class`.
    ///
    /// # Errors
    /// When it is not SData, or names a property that the facet does not carry.
    pub fn parse(text: &str, class: &'static Class) -> Result<Self, Refusal> {
        let mut reader = Reader { tokens: tokens(text)?, at: 0, class };
        let node = reader.either()?;
        if reader.at < reader.tokens.len() {
            return Err(syntax("something follows the condition"));
        }
        match kind(&node)? {
            None => Ok(Self(node)),
            Some(_) => Err(syntax("this is not a condition")),
        }
    }

    /// Whether a row meets it.
    pub fn holds(&self, fields: &Map<String, Value>) -> bool {
        evaluate(&self.0, fields) == Datum::Truth(true)
    }
}

fn syntax(message: &str) -> Refusal {
    Refusal::Syntax(message.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::dictionary::{SORDER, class};
    use super::*;

    fn holds(text: &str) -> Result<bool, Refusal> {
        let order = json!({
            "SOHNUM": "SONNA0110001", "BPCORD": "O'Malley", "ORDSTA": 1, "DLVSTA": 2,
            "ORDDAT": "2026-01-05", "UPDDATTIM": "2026-01-05T10:12:41Z",
        });
        let condition = Where::parse(text, class(SORDER).unwrap())?;
        Ok(condition.holds(order.as_object().unwrap()))
    }

    #[test]
    fn conditions_of_sages_help_are_understood() {
        for text in [
            "UPDDATTIM ge @2026-01-05T10:12:41Z@",
            "UPDDATTIM gt @2026-01-05T05:12:40-05:00@ and ORDSTA eq 1",
            "ORDDAT between @2026-01-01@ and @2026-01-31@ and DLVSTA in (1, 2)",
            "BPCORD eq 'O''Malley' or SOHNUM eq 'x'",
            "not (ORDSTA ne 1) and left(SOHNUM, 3) eq 'SON'",
            "SOHNUM like 'SON%01' and abs(DLVSTA - 3) le 1",
            "CUSORDREF eq null",
        ] {
            assert_eq!(holds(text), Ok(true), "{text}");
        }
        assert_eq!(holds("UPDDATTIM gt @2026-01-05T10:12:41Z@"), Ok(false));
        assert_eq!(holds("SOHNUM like '_'"), Ok(false));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "ORDSTA",
            "ORDSTA = 1",
            "ORDSTA eq",
            "ORDSTA eq '1'",
            "UPDDATTIM ge '2026-01-05T10:12:41Z'",
            "UPDDATTIM ge @2026-01-05T10:12:41@",
            "ORDDAT eq @2026-01-05T10:12:41Z@",
            "SOHNUM eq 'x",
            "(ORDSTA eq 1",
            "ORDSTA eq 1 ORDSTA eq 1",
            "nonsense(ORDSTA) eq 1",
            "ORDSTA eq 1 and SOHNUM",
        ] {
            assert!(matches!(holds(text), Err(Refusal::Syntax(_))), "{text}: {:?}", holds(text));
        }
        // BPTNUM is a property, but of the details.
        for name in ["NOSUCH", "BPTNUM"] {
            assert_eq!(holds(&format!("{name} eq 'x'")), Err(Refusal::UnknownProperty(name.into())));
        }
    }
}
