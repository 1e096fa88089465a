//! Any value that serde can read, drawn from choices: every kind of message, without a list of them
//! that could fall behind. Lists and texts are short, numbers mostly small, and the names of keys,
//! runs, workers and specs are mostly those that mean something.
//!
//! It must not know any message.

use std::fmt;

use serde::de::value::SeqDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

use super::choices::Choices;
use super::names::Names;

/// The last variants of their enums, which came when seeds had been found: they are drawn by one byte
/// alone, so that seeds mean what they meant.
const LATE: [&str; 1] = ["Memory"];

/// Levels of values within values.
const DEPTH: u32 = 24;

/// A value, or `None` if what was drawn is none of this type.
pub fn draw<T: DeserializeOwned>(choices: &mut Choices<'_>, names: &Names) -> Option<T> {
    T::deserialize(&mut Draw { choices, names, depth: DEPTH, key: None }).ok()
}

struct Draw<'d, 'c> {
    choices: &'d mut Choices<'c>,
    names: &'d Names,
    depth: u32,
    /// The key that was drawn last: what follows is mostly a run of it.
    key: Option<(u64, u64)>,
}

/// What was drawn is no such value.
#[derive(Debug)]
struct NoSuchValue;

impl fmt::Display for NoSuchValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such value")
    }
}

impl std::error::Error for NoSuchValue {}

impl de::Error for NoSuchValue {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl Draw<'_, '_> {
    fn deeper<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, NoSuchValue>,
    ) -> Result<T, NoSuchValue> {
        self.depth = self.depth.checked_sub(1).ok_or(NoSuchValue)?;
        let value = body(self)?;
        self.depth += 1;
        Ok(value)
    }

    /// How long a list or text is: mostly a few elements.
    fn length(&mut self) -> usize {
        match self.choices.byte() {
            255 => 70,
            byte => usize::from(byte) % 4,
        }
    }

    fn text(&mut self) -> String {
        match self.names.texts.len() {
            0 => {
                let length = self.length();
                String::from_utf8_lossy(self.choices.take(length)).into_owned()
            }
            texts => self.names.texts[self.choices.below(texts)].clone(),
        }
    }
}

macro_rules! numbers {
    ($($deserialize:ident $visit:ident $type:ty,)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoSuchValue> {
            visitor.$visit(self.choices.number() as $type)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Draw<'_, '_> {
    type Error = NoSuchValue;

    numbers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NoSuchValue> {
        Err(NoSuchValue)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoSuchValue> {
        visitor.visit_bool(self.choices.below(2) == 1)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoSuchValue> {
        visitor.visit_string(self.text())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoSuchValue> {
        visitor.visit_string(self.text())
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoSuchValue> {
        let length = self.length();
        visitor.visit_bytes(self.choices.take(length))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoSuchValue> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoSuchValue> {
        match self.choices.below(2) {
            0 => visitor.visit_none(),
            _ => self.deeper(|draw| visitor.visit_some(draw)),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoSuchValue> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, NoSuchValue> {
        let number = match name {
            "WorkerId" => self.names.worker(self.choices),
            "SpecId" => self.names.spec(self.choices),
            _ => return visitor.visit_newtype_struct(self),
        };
        visitor.visit_newtype_struct(IntoDeserializer::<NoSuchValue>::into_deserializer(number))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoSuchValue> {
        let length = self.length();
        self.deeper(|draw| visitor.visit_seq(Fields { draw, length }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, NoSuchValue> {
        visitor.visit_seq(Fields { draw: self, length })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, NoSuchValue> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoSuchValue> {
        let length = self.length();
        self.deeper(|draw| visitor.visit_map(Fields { draw, length }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoSuchValue> {
        let pair = match name {
            "Key" => {
                let key = self.names.key(self.choices);
                self.key = Some(key);
                [key.0, key.1]
            }
            "RunId" => {
                let run = self.names.run(self.key, self.choices);
                [u64::from(run.epoch), run.counter]
            }
            _ => return self.deserialize_tuple(fields.len(), visitor),
        };
        visitor.visit_seq(SeqDeserializer::<_, NoSuchValue>::new(pair.into_iter()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoSuchValue> {
        let early = variants.iter().filter(|variant| !LATE.contains(variant)).count();
        let variant = match usize::from(self.choices.byte()) {
            255 if early < variants.len() => early,
            choice => choice % early,
        };
        self.deeper(|draw| visitor.visit_enum(Variant { draw, variant: variant as u32 }))
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    serde::forward_to_deserialize_any! {
        char i128 u128 unit_struct identifier ignored_any
    }
}

/// Elements that are still to be drawn.
struct Fields<'f, 'd, 'c> {
    draw: &'f mut Draw<'d, 'c>,
    length: usize,
}

impl<'de> SeqAccess<'de> for Fields<'_, '_, '_> {
    type Error = NoSuchValue;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NoSuchValue> {
        let Some(left) = self.length.checked_sub(1) else { return Ok(None) };
        self.length = left;
        seed.deserialize(&mut *self.draw).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.length)
    }
}

impl<'de> MapAccess<'de> for Fields<'_, '_, '_> {
    type Error = NoSuchValue;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, NoSuchValue> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, NoSuchValue> {
        seed.deserialize(&mut *self.draw)
    }
}

/// One variant of an enum, whose fields are still to be drawn.
struct Variant<'f, 'd, 'c> {
    draw: &'f mut Draw<'d, 'c>,
    variant: u32,
}

impl<'de> EnumAccess<'de> for Variant<'_, '_, '_> {
    type Error = NoSuchValue;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), NoSuchValue> {
        let index = IntoDeserializer::<NoSuchValue>::into_deserializer(self.variant);
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, '_, '_> {
    type Error = NoSuchValue;

    fn unit_variant(self) -> Result<(), NoSuchValue> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, NoSuchValue> {
        seed.deserialize(self.draw)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, NoSuchValue> {
        visitor.visit_seq(Fields { draw: self.draw, length })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NoSuchValue> {
        self.tuple_variant(fields.len(), visitor)
    }
}
