//! Reads structs from a tree, without the parts that the structural check has refused.

use std::collections::{BTreeSet, VecDeque};

use serde::de::value::{Error, StringDeserializer, U32Deserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::spec::tree::{Content, NodeId, Tree};

use super::written::{ONE_OR_MORE, ONLY_NODE, WITH_NODE};

/// The children that were refused: the node they are in, and their number in it.
pub type Dropped = BTreeSet<(NodeId, usize)>;

/// Reads the node `id`.
///
/// # Errors
/// When what is left does not fit; the structural check has then said so, or has a gap.
pub fn read<T: DeserializeOwned>(tree: &Tree, id: NodeId, dropped: &Dropped) -> Result<T, Error> {
    T::deserialize(At { tree, id, dropped })
}

#[derive(Clone, Copy)]
struct At<'a> {
    tree: &'a Tree,
    id: NodeId,
    dropped: &'a Dropped,
}

impl<'a> At<'a> {
    fn at(self, id: NodeId) -> Self {
        Self { id, ..self }
    }

    fn kept(self, index: usize) -> bool {
        !self.dropped.contains(&(self.id, index))
    }

    fn entries(self) -> Entries<'a> {
        let entries = self.tree.entries(self.id).iter().enumerate();
        Entries {
            at: self,
            left: entries.filter(|(index, _)| self.kept(*index)).map(|(_, entry)| *entry).collect(),
        }
    }

    fn items(self) -> Items<'a> {
        let items = self.tree.items(self.id).iter().enumerate();
        Items {
            at: self,
            left: items.filter(|(index, _)| self.kept(*index)).map(|(_, item)| *item).collect(),
        }
    }
}

impl<'de> Deserializer<'de> for At<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.tree.content(self.id) {
            Content::Null => visitor.visit_unit(),
            Content::Boolean(value) => visitor.visit_bool(*value),
            Content::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(whole), _, _) => visitor.visit_u64(whole),
                (_, Some(whole), _) => visitor.visit_i64(whole),
                // JSON Schema counts `2.0` among the integers.
                (_, _, Some(float)) if float.fract() == 0.0 && (0.0..=4_294_967_295.0).contains(&float) =>
                {
                    #[allow(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "the range was checked"
                    )]
                    visitor.visit_u64(float as u64)
                }
                (_, _, number) => visitor.visit_f64(number.unwrap_or_default()),
            },
            Content::Text(text) => visitor.visit_str(text),
            Content::List(_) => visitor.visit_seq(self.items()),
            Content::Map(_) => visitor.visit_map(self.entries()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.tree.content(self.id) {
            // A bare `name:` among arbitrary trees is a null that was written, so only its reader can tell.
            Content::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == WITH_NODE {
            visitor.visit_seq(Both { at: self, step: 0 })
        } else {
            self.deserialize_any(visitor)
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == ONLY_NODE { visitor.visit_u32(self.id.0) } else { self.deserialize_any(visitor) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.tree.content(self.id) {
            Content::List(_) if name == ONE_OR_MORE => visitor.visit_seq(self.items()),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.tree.content(self.id) {
            Content::Text(text) => visitor.visit_enum(text.clone().into_deserializer()),
            Content::Map(_) => match *self.entries().left.make_contiguous() {
                [(key, value)] => visitor.visit_enum(OneKey { at: self, key, value }),
                _ => Err(Error::custom("one key was expected")),
            },
            _ => Err(Error::custom("text or one key was expected")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit seq tuple map struct
        identifier ignored_any
    }
}

/// A node's id, then its value.
struct Both<'a> {
    at: At<'a>,
    step: u8,
}

impl<'de> SeqAccess<'de> for Both<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.step += 1;
        match self.step {
            1 => seed.deserialize(U32Deserializer::new(self.at.id.0)).map(Some),
            2 => seed.deserialize(self.at).map(Some),
            _ => Ok(None),
        }
    }
}

struct Items<'a> {
    at: At<'a>,
    left: VecDeque<NodeId>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.left.pop_front().map(|id| seed.deserialize(self.at.at(id))).transpose()
    }
}

struct Entries<'a> {
    at: At<'a>,
    left: VecDeque<(NodeId, NodeId)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.left.front().map(|(key, _)| seed.deserialize(self.at.at(*key))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((_, value)) = self.left.pop_front() else { return Err(Error::custom("no value")) };
        seed.deserialize(self.at.at(value))
    }
}

struct OneKey<'a> {
    at: At<'a>,
    key: NodeId,
    value: NodeId,
}

impl<'a, 'de> EnumAccess<'de> for OneKey<'a> {
    type Error = Error;
    type Variant = OneValue<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, OneValue<'a>), Error> {
        let name = self.at.tree.as_text(self.key).unwrap_or_default().to_owned();
        let variant: StringDeserializer<Error> = name.into_deserializer();
        Ok((seed.deserialize(variant)?, OneValue(self.at.at(self.value))))
    }
}

struct OneValue<'a>(At<'a>);

impl<'de> VariantAccess<'de> for OneValue<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Err(Error::custom("this stands alone"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }
}
