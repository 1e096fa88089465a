//! The deserializer: what serde asks for, taken from a [`Source`], within limits.
//!
//! A peer may claim any length and nest as deep as it likes. A sequence is therefore never given
//! room for more than a fraction of the elements that the bytes left could be, elements without
//! bytes are counted, and so is nesting, before the stack feels it. This module must not know how a
//! primitive is written.

use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

use super::Source;
use crate::error::DecodeError;
use crate::limits::{MAX_DEPTH, MAX_EMPTY_ELEMENTS};

/// Elements for which a sequence is given room at once, at most; beyond, it grows as they come.
const ROOM: usize = 1 << 12;
/// Bytes left for each element for which a sequence is given room before it has come. A task or an
/// input is some hundred bytes in memory, and may claim to be one byte here.
const BYTES_OF_ROOM: usize = 16;
/// Elements for which a sequence is given room however few bytes are left.
const LEAST_ROOM: usize = 16;

/// The value that comes next.
pub(super) fn read<T: DeserializeOwned>(source: &mut Source<'_>) -> Result<T, DecodeError> {
    let mut value = ValueReader { source, depth: MAX_DEPTH, empty: MAX_EMPTY_ELEMENTS };
    T::deserialize(&mut value).map_err(Fault::into_error)
}

/// Reads one value.
struct ValueReader<'s, 'de> {
    source: &'s mut Source<'de>,
    /// Levels that may still be opened.
    depth: u32,
    /// Elements without bytes that may still come.
    empty: u32,
}

impl<'de> ValueReader<'_, 'de> {
    /// Does `body` one level deeper. After an error the level stays: nothing more is read.
    #[inline(always)]
    fn deeper<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| Fault::from(DecodeError::TooDeep))?;
        let value = body(self)?;
        self.depth += 1;
        Ok(value)
    }

    /// An integer; `what` names its type for people.
    #[inline(always)]
    fn number<T: TryFrom<u64>>(&mut self, what: &'static str) -> Result<T, Fault> {
        let number = self.source.take_number()?;
        T::try_from(number).map_err(|_| DecodeError::Invalid { what }.into())
    }

    /// How many elements follow.
    #[inline(always)]
    fn length(&mut self) -> Result<usize, Fault> {
        let claimed = self.source.take_number()?;
        let left = self.source.left();
        match usize::try_from(claimed) {
            Ok(length) if length <= left.saturating_add(self.empty as usize) => Ok(length),
            Ok(_) | Err(_) => Err(DecodeError::TooLong { claimed, left }.into()),
        }
    }

    /// Reads an element of a sequence or map, and counts it if it had no bytes.
    #[inline(always)]
    fn element<T>(
        &mut self,
        length: usize,
        body: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let left = self.source.left();
        let value = body(self)?;
        if self.source.left() == left {
            let too_long = || DecodeError::TooLong { claimed: length as u64, left };
            self.empty = self.empty.checked_sub(1).ok_or_else(too_long)?;
        }
        Ok(value)
    }

    #[inline(always)]
    fn tuple<V: Visitor<'de>>(&mut self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(Fields { reader: self, length })
    }
}

macro_rules! primitives {
    ($($deserialize:ident $visit:ident $type:ty,)*) => {$(
        #[inline(always)]
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.source.take::<$type>(stringify!($type))?)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut ValueReader<'_, 'de> {
    type Error = Fault;

    primitives! {
        deserialize_bool visit_bool bool,
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u128 visit_u128 u128,
        deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64,
        deserialize_char visit_char char,
    }

    #[inline(always)]
    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u16(self.number("u16")?)
    }

    #[inline(always)]
    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u32(self.number("u32")?)
    }

    #[inline(always)]
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_u64(self.source.take_number()?)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(DecodeError::NotSelfDescribing.into())
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(DecodeError::NotSelfDescribing.into())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(DecodeError::NotSelfDescribing.into())
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.source.take_str()?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_bytes(self.source.take_bytes()?)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.source.take::<u8>("option")? {
            0 => visitor.visit_none(),
            1 => self.deeper(|reader| visitor.visit_some(reader)),
            _ => Err(DecodeError::Invalid { what: "option" }.into()),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let length = self.length()?;
        self.deeper(|reader| visitor.visit_seq(Elements { reader, length }))
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.tuple(length, visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.tuple(length, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let length = self.length()?;
        self.deeper(|reader| visitor.visit_map(Elements { reader, length }))
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.tuple(fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deeper(|reader| visitor.visit_enum(reader))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The fields of a struct, or the elements of a tuple: as many as the type says.
struct Fields<'r, 's, 'de> {
    reader: &'r mut ValueReader<'s, 'de>,
    length: usize,
}

impl<'de> SeqAccess<'de> for Fields<'_, '_, 'de> {
    type Error = Fault;

    #[inline(always)]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        if self.length == 0 {
            return Ok(None);
        }
        self.length -= 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.length)
    }
}

/// The elements of a sequence, or the entries of a map: as many as the bytes say.
struct Elements<'r, 's, 'de> {
    reader: &'r mut ValueReader<'s, 'de>,
    length: usize,
}

impl Elements<'_, '_, '_> {
    fn room(&self) -> usize {
        let left = self.reader.source.left();
        self.length.min(left).min(left / BYTES_OF_ROOM + LEAST_ROOM).min(ROOM)
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, '_, 'de> {
    type Error = Fault;

    #[inline(always)]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        if self.length == 0 {
            return Ok(None);
        }
        let element = self.reader.element(self.length, |reader| seed.deserialize(reader))?;
        self.length -= 1;
        Ok(Some(element))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.room())
    }
}

impl<'de> MapAccess<'de> for Elements<'_, '_, 'de> {
    type Error = Fault;

    #[inline(always)]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        if self.length == 0 {
            return Ok(None);
        }
        let key = self.reader.element(self.length, |reader| seed.deserialize(reader))?;
        self.length -= 1;
        Ok(Some(key))
    }

    #[inline(always)]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.room())
    }
}

impl<'de> EnumAccess<'de> for &mut ValueReader<'_, 'de> {
    type Error = Fault;
    type Variant = Self;

    #[inline(always)]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let index: u32 = self.number("variant")?;
        let variant = seed.deserialize(IntoDeserializer::<Fault>::into_deserializer(index))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for &mut ValueReader<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.tuple(length, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.tuple(fields.len(), visitor)
    }
}

/// A [`DecodeError`], small while it is passed up: what is read fits into registers beside it.
pub(super) struct Fault(Box<DecodeError>);

impl Fault {
    /// What is wrong.
    pub(super) fn into_error(self) -> DecodeError {
        *self.0
    }
}

impl From<DecodeError> for Fault {
    #[cold]
    fn from(error: DecodeError) -> Self {
        Self(Box::new(error))
    }
}

impl de::Error for Fault {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        DecodeError::Message(message.to_string().into()).into()
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
