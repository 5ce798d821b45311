//! What values look like: the types that streams, operations and settings declare.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

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
        let fields = fields.into_iter().map(|(name, ty)| (name.to_owned(), Field { ty, docs: None })).collect();
        Self::Object(Arc::new(ObjectType { name: None, fields }))
    }

    /// A list of `item`.
    pub fn list(item: Self) -> Self {
        Self::List(Arc::new(item))
    }

    /// This type or null.
    #[must_use]
    pub fn optional(self) -> Self {
        match self {
            Self::Optional(_) | Self::Any | Self::Null => self,
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
