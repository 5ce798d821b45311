//! What values look like: the types that streams, operations and settings declare.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use super::similar;

/// The type of a value. Every value is a JSON value at run time; the type says which ones are allowed and how
/// outside data is made to fit (see [`super::normalise()`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Nothing is known; every access is allowed and checked only at run time.
    Any,
    /// Only null.
    Null,
    /// `true` or `false`; outside data may say `"true"`, `"Y"`, `1` and the like.
    Boolean,
    /// A presence indicator: any value, `""` too, means true; absent or null means false.
    Presence,
    /// A whole number; outside data may carry it as text.
    Integer,
    /// A number; outside data may carry it as text.
    Number,
    /// Text of at most `max` characters; outside data may carry a number.
    Text {
        /// The most characters allowed, where the field has a limit.
        max: Option<u32>,
    },
    /// Text that is a duration, such as `15m`.
    Duration,
    /// Text that names a time zone, such as `America/New_York`.
    Zone,
    /// A list; outside data may give a single value for a list of one, and null or `""` for an empty list.
    List(Arc<Type>),
    /// Named fields; outside data may give `""` for an object with no fields.
    Object(Arc<ObjectType>),
    /// A table with text keys and values of one type, as settings hold.
    Table(Arc<Type>),
    /// The inner type, or null. Never nested.
    Optional(Arc<Type>),
}

/// The fields of an object type, in the order they were declared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectType {
    /// The name it was declared under in `types:`, for messages.
    pub name: Option<String>,
    /// The fields. A field written `name?:` has an [`Type::Optional`] type.
    pub fields: IndexMap<String, Field>,
}

/// One field of an object type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The field's type; [`Type::Optional`] when it may be absent.
    pub ty: Type,
    /// What the field means, where its author said so.
    pub docs: Option<String>,
}

/// The names that an expression may use, with their types.
pub type Scope = BTreeMap<String, Type>;

impl Type {
    /// Text of any length.
    pub const TEXT: Self = Self::Text { max: None };

    /// An object type from names and types.
    pub fn object<const N: usize>(fields: [(&str, Self); N]) -> Self {
        let fields =
            fields.into_iter().map(|(name, ty)| (name.to_owned(), Field { ty, docs: None })).collect();
        Self::Object(Arc::new(ObjectType { name: None, fields }))
    }

    /// A list of `item`.
    pub fn list(item: Self) -> Self {
        Self::List(Arc::new(item))
    }

    /// This type or null. A presence indicator that is absent is false, never null.
    #[must_use]
    pub fn optional(self) -> Self {
        match self {
            Self::Optional(_) | Self::Any | Self::Null | Self::Presence => self,
            other => Self::Optional(Arc::new(other)),
        }
    }

    /// The type without its "or null".
    pub fn required(&self) -> &Self {
        match self {
            Self::Optional(inner) => inner,
            other => other,
        }
    }

    /// Whether null is one of its values.
    pub fn may_be_null(&self) -> bool {
        matches!(self, Self::Optional(_) | Self::Null | Self::Any)
    }
}

/// The names as they would be if nothing could be missing: for what stands behind a condition that is itself wrong, so
/// that nobody knows what it guards.
pub fn certain(scope: &Scope) -> Scope {
    scope.iter().map(|(name, ty)| (name.clone(), ty.certain())).collect()
}

impl fmt::Display for Type {
    /// The type as an author would call it: `text of at most 35 characters`, `list of number, or nothing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::Null => f.write_str("nothing"),
            Self::Boolean | Self::Presence => f.write_str("boolean"),
            Self::Integer => f.write_str("integer"),
            Self::Number => f.write_str("number"),
            Self::Text { max: None } => f.write_str("text"),
            Self::Text { max: Some(max) } => write!(f, "text of at most {max} characters"),
            Self::Duration => f.write_str("duration"),
            Self::Zone => f.write_str("time zone"),
            Self::List(item) => write!(f, "list of {item}"),
            Self::Object(object) => match &object.name {
                Some(name) => f.write_str(name),
                None => f.write_str("object"),
            },
            Self::Table(item) => write!(f, "table of {item}"),
            Self::Optional(inner) => write!(f, "{inner}, or nothing"),
        }
    }
}

/// Whether a value of type `from` may be given where `to` is wanted. Text of unknown length may be given where there
/// is a limit, anything may be given anywhere: both are checked again at run time.
///
/// # Errors
/// Every reason why not, one sentence each, joined by `; `.
pub fn assignable(from: &Type, to: &Type) -> Result<(), String> {
    let mut reasons = Vec::new();
    assign(from, to, "", &mut reasons);
    if reasons.is_empty() { Ok(()) } else { Err(reasons.join("; ")) }
}

fn assign(from: &Type, to: &Type, path: &str, reasons: &mut Vec<String>) {
    let subject = || if path.is_empty() { "it".to_owned() } else { format!("`{path}`") };
    match (from, to) {
        (Type::Any, _) | (_, Type::Any) | (Type::Null, Type::Null | Type::Optional(_)) => {}
        (Type::Optional(from), Type::Optional(to)) => assign(from, to, path, reasons),
        (_, Type::Optional(to)) => assign(from, to, path, reasons),
        (Type::Null, _) => reasons.push(format!("{} is nothing, but {to} is wanted", subject())),
        (Type::Optional(from), _) => {
            reasons.push(format!("{} may be nothing", subject()));
            assign(from, to, path, reasons);
        }
        (Type::Text { max: Some(from) }, Type::Text { max: Some(to) }) if from > to => reasons.push(format!(
            "{} may have {from} characters, but at most {to} fit; shorten it with `| clip({to})`",
            subject()
        )),
        (Type::List(from), Type::List(_)) if **from == Type::Null => {}
        (Type::List(from), Type::List(to)) | (Type::Table(from), Type::Table(to)) => {
            assign(from, to, &format!("{path}[]"), reasons);
        }
        (Type::Object(from), Type::Object(to)) => assign_fields(from, to, path, reasons),
        (Type::Object(from), Type::Table(to)) => {
            for (name, field) in &from.fields {
                assign(&field.ty, to, &join_path(path, name), reasons);
            }
        }
        (from, to) if same_kind(from, to) => {}
        _ => reasons.push(format!("{} is {from}, but {to} is wanted", subject())),
    }
}

fn assign_fields(from: &ObjectType, to: &ObjectType, path: &str, reasons: &mut Vec<String>) {
    for (name, wanted) in &to.fields {
        match from.fields.get(name) {
            Some(given) => assign(&given.ty, &wanted.ty, &join_path(path, name), reasons),
            None if wanted.ty.may_be_null() => {}
            None => reasons.push(format!("`{}` is missing", join_path(path, name))),
        }
    }
    for name in from.fields.keys().filter(|name| !to.fields.contains_key(*name)) {
        let near = similar::suggestion(name, to.fields.keys().map(String::as_str));
        let near = near.map_or(String::new(), |near| format!(" ({near})"));
        reasons.push(format!(
            "`{}` is not a field of {}{near}",
            join_path(path, name),
            Type::Object(to.clone().into())
        ));
    }
}

fn join_path(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn same_kind(from: &Type, to: &Type) -> bool {
    match to {
        Type::Boolean | Type::Presence => matches!(from, Type::Boolean | Type::Presence),
        Type::Integer => *from == Type::Integer,
        Type::Number => from.is_number(),
        Type::Text { .. } | Type::Duration | Type::Zone => from.is_text(),
        _ => from == to,
    }
}

impl Type {
    /// Whether every value but null is text.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::Duration | Self::Zone)
    }

    /// Whether every value but null is a number.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }

    /// Whether every value but null is `true` or `false`.
    pub(super) fn is_boolean(&self) -> bool {
        matches!(self, Self::Boolean | Self::Presence)
    }

    /// The type without limits and names, for messages about what something is.
    pub(super) fn noun(&self) -> String {
        match self {
            Self::Text { .. } => "text".to_owned(),
            Self::Optional(inner) => format!("{} or nothing", inner.noun()),
            other => other.to_string(),
        }
    }

    /// The type as it would be if nothing in it could be missing.
    fn certain(&self) -> Self {
        match self {
            Self::Optional(inner) => inner.certain(),
            Self::List(item) => Self::list(item.certain()),
            Self::Table(item) => Self::Table(Arc::new(item.certain())),
            Self::Object(object) => {
                let field = |(name, field): (&String, &Field)| {
                    (name.clone(), Field { ty: field.ty.certain(), docs: field.docs.clone() })
                };
                let fields = object.fields.iter().map(field).collect();
                Self::Object(Arc::new(ObjectType { name: object.name.clone(), fields }))
            }
            other => other.clone(),
        }
    }

    /// The type that holds the values of both; `None` when they have nothing in common.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (a, b) if a == b => a.clone(),
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::Null, some) | (some, Self::Null) => some.clone().optional(),
            (Self::Optional(a), b) | (b, Self::Optional(a)) => a.join(b.required())?.optional(),
            (Self::Text { max: Some(a) }, Self::Text { max: Some(b) }) => Self::Text { max: Some(*a.max(b)) },
            (a, b) if a.is_text() && b.is_text() => Self::TEXT,
            (a, b) if a.is_number() && b.is_number() => Self::Number,
            (a, b) if a.is_boolean() && b.is_boolean() => Self::Boolean,
            (Self::List(a), some) | (some, Self::List(a))
                if **a == Self::Null && matches!(some, Self::List(_)) =>
            {
                some.clone()
            }
            (Self::List(a), Self::List(b)) => Self::list(a.join(b)?),
            (Self::Table(a), Self::Table(b)) => Self::Table(Arc::new(a.join(b)?)),
            (Self::Object(a), Self::Object(b)) => Self::Object(Arc::new(a.join(b)?)),
            _ => return None,
        })
    }
}

impl ObjectType {
    fn join(&self, other: &Self) -> Option<Self> {
        let mut fields = IndexMap::new();
        for (name, a) in &self.fields {
            let ty = match other.fields.get(name) {
                Some(b) => a.ty.join(&b.ty)?,
                None => a.ty.clone().optional(),
            };
            fields.insert(name.clone(), Field { ty, docs: a.docs.clone() });
        }
        for (name, b) in other.fields.iter().filter(|(name, _)| !self.fields.contains_key(*name)) {
            fields.insert(name.clone(), Field { ty: b.ty.clone().optional(), docs: b.docs.clone() });
        }
        Some(Self { name: self.name.clone().filter(|name| other.name.as_ref() == Some(name)), fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(max: u32) -> Type {
        Type::Text { max: Some(max) }
    }

    #[test]
    fn says_what_may_be_given_where() {
        let address = Type::object([("city", text(30)), ("state", Type::TEXT.optional())]);
        for (from, to, expected) in [
            (Type::Integer, Type::Number, Ok(())),
            (Type::Number, Type::Integer, Err("it is number, but integer is wanted")),
            (Type::TEXT, text(2), Ok(())),
            (
                text(3),
                text(2),
                Err("it may have 3 characters, but at most 2 fit; shorten it with `| clip(2)`"),
            ),
            (Type::TEXT.optional(), Type::TEXT, Err("it may be nothing")),
            (Type::Null, Type::TEXT, Err("it is nothing, but text is wanted")),
            (Type::Null, Type::TEXT.optional(), Ok(())),
            (Type::Any, Type::list(Type::TEXT), Ok(())),
            (Type::list(Type::Null), Type::list(Type::TEXT), Ok(())),
            (Type::list(Type::TEXT), Type::list(Type::Number), Err("`[]` is text, but number is wanted")),
            (Type::object([("city", Type::TEXT)]), address.clone(), Ok(())),
            (
                Type::object([("cty", Type::TEXT)]),
                address.clone(),
                Err("`city` is missing; `cty` is not a field of object (did you mean `city`?)"),
            ),
            (Type::object([("a", Type::Integer)]), Type::Table(Arc::new(Type::Number)), Ok(())),
        ] {
            assert_eq!(assignable(&from, &to), expected.map_err(str::to_owned), "{from} to {to}");
        }
    }

    #[test]
    fn joins_what_has_something_in_common() {
        for (a, b, expected) in [
            (Type::Integer, Type::Number, Some(Type::Number)),
            (Type::Null, Type::TEXT, Some(Type::TEXT.optional())),
            (text(2).optional(), text(3), Some(text(3).optional())),
            (Type::list(Type::Null), Type::list(Type::TEXT), Some(Type::list(Type::TEXT))),
            (Type::TEXT, Type::Number, None),
            (
                Type::object([("a", Type::TEXT)]),
                Type::object([("b", Type::TEXT)]),
                Some(Type::object([("a", Type::TEXT.optional()), ("b", Type::TEXT.optional())])),
            ),
        ] {
            assert_eq!(a.join(&b), expected, "{a} and {b}");
        }
    }
}
