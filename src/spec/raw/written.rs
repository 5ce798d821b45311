//! Values that know which node of the file they were written as.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::json;

use crate::spec::tree::NodeId;

/// By this name the deserializer of this room knows that a node's id is wanted beside its value.
pub(super) const WITH_NODE: &str = "ml-connector/with-node";
/// By this name it knows that only the node's id is wanted.
pub(super) const ONLY_NODE: &str = "ml-connector/only-node";

/// By this name it knows that a single value counts as a list of one.
pub(super) const ONE_OR_MORE: &str = "ml-connector/one-or-more";

/// A value and the node it was written as.
#[derive(Debug, Clone)]
pub struct Written<T> {
    /// The value.
    pub value: T,
    /// The node.
    pub node: NodeId,
}

impl<T> Deref for Written<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Both<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Both<T> {
            type Value = Written<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Written<T>, A::Error> {
                let missing = || A::Error::custom("only files can be read into this");
                let node = seq.next_element()?.map(NodeId).ok_or_else(missing)?;
                let value = seq.next_element()?.ok_or_else(missing)?;
                Ok(Written { value, node })
            }
        }
        deserializer.deserialize_tuple_struct(WITH_NODE, 2, Both(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Written<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Names and values in the order they were written.
#[derive(Debug, Clone)]
pub struct Table<T>(pub Vec<(Written<String>, T)>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Table<T> {
    /// The names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&Written<String>, &T)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The value called `name`.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.iter().find(|(key, _)| key.value == name).map(|(_, value)| value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Table<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Table(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Table<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Table_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}

/// One value, or a list of them.
#[derive(Debug, Clone)]
pub struct OneOrMore<T> {
    /// The values.
    pub values: Vec<T>,
    /// Whether they were written as a list.
    pub listed: bool,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(ONE_OR_MORE, Several(PhantomData))
    }
}

/// Reads a list, or a single value as what a newtype holds.
struct Several<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Several<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<OneOrMore<T>, D::Error> {
        Ok(OneOrMore { values: vec![T::deserialize(deserializer)?], listed: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMore<T>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(OneOrMore { values, listed: true })
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMore_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "oneOf": [one.clone(), { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// Any value: read node by node later.
#[derive(Debug, Clone, Copy)]
pub struct AnyTree(pub NodeId);

impl<'de> Deserialize<'de> for AnyTree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        node_only(deserializer).map(Self)
    }
}

impl JsonSchema for AnyTree {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}

/// The schema of a value that must be there, whatever it is.
pub struct Something;

impl JsonSchema for Something {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Something".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kinds = ["string", "number", "boolean", "array", "object"].map(|kind| json!({ "type": kind }));
        json_schema!({ "oneOf": kinds })
    }
}

/// The schema of a number, or a template that yields one.
pub struct Count;

impl JsonSchema for Count {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [{ "type": "number" }, { "type": "string" }] })
    }
}

/// The schema of text, or a block that yields it.
pub struct TextOrBlock;

impl JsonSchema for TextOrBlock {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TextOrBlock".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [{ "type": "string" }, { "type": "object" }] })
    }
}

/// A type as authors write it: read node by node later.
#[derive(Debug, Clone, Copy)]
pub struct TypeTree(pub NodeId);

impl<'de> Deserialize<'de> for TypeTree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        node_only(deserializer).map(Self)
    }
}

impl JsonSchema for TypeTree {
    fn schema_name() -> Cow<'static, str> {
        "Type".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = generator.subschema_for::<Self>();
        json_schema!({
            "title": "A type",
            "description": "`text`, `text(35)`, `number`, `integer`, `boolean`, `presence`, `duration`, `zone`, `any` or a name from `types`, with a `?` behind it where it may be missing; `[type]` for a list; `{ field: type, optional_field?: type }` for an object; `{ \"*\": type }` for a table.",
            "oneOf": [
                { "type": "string", "examples": ["text", "text(35)", "number", "integer?"] },
                { "type": "array", "items": inner.clone(), "minItems": 1, "maxItems": 1 },
                { "type": "object", "additionalProperties": inner },
            ],
        })
    }
}

fn node_only<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
    struct Id;
    impl Visitor<'_> for Id {
        type Value = NodeId;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value with its place")
        }

        fn visit_u32<E: Error>(self, id: u32) -> Result<NodeId, E> {
            Ok(NodeId(id))
        }
    }
    deserializer.deserialize_unit_struct(ONLY_NODE, Id)
}
