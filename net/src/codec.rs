//! One value to bytes and back; the only module that knows `bincode`.
//!
//! Integers are of variable length, structs are their fields, enums a number and then the fields:
//! bincode's standard configuration. Encoding is bincode's own. Decoding goes through a
//! deserializer of ours (`reader`), because bincode's own has no limits that hold with serde:
//! ours takes primitives from bincode and bounds the rest. Nothing is allocated for a length that
//! the bytes left could not fill; elements without bytes and nesting are limited; strings and byte
//! strings are borrowed from the input. So the input's length is the limit of what is decoded.
//! This module must not know any message.

mod reader;
#[cfg(test)]
mod tests;

use bincode::config;
use bincode::de::read::Reader;
use bincode::de::{Decode, DecoderImpl};
use bincode::enc::write::Writer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::reader::Fault;
use crate::error::{DecodeError, EncodeError};

/// Appends `value` to `out`.
///
/// # Errors
///
/// If the value's own `Serialize` refuses; `out` is then as it was.
pub fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let before = out.len();
    serialize(value, &mut Append(out)).inspect_err(|_| out.truncate(before))
}

/// The bytes of `value`, or `None` if there are more than `limit`. Stops at the limit.
///
/// # Errors
///
/// If the value's own `Serialize` refuses before the limit is reached.
pub fn encode_bounded<T: Serialize + ?Sized>(
    value: &T,
    limit: usize,
) -> Result<Option<Vec<u8>>, EncodeError> {
    let mut writer = Bounded { bytes: Vec::new(), limit, full: false };
    match serialize(value, &mut writer) {
        _ if writer.full => Ok(None),
        Ok(()) => Ok(Some(writer.bytes)),
        Err(error) => Err(error),
    }
}

/// How many bytes [`encode`] would append for `value`. Allocates nothing.
///
/// # Errors
///
/// If the value's own `Serialize` refuses.
pub fn encoded_len<T: Serialize + ?Sized>(value: &T) -> Result<usize, EncodeError> {
    let mut counter = Count(0);
    serialize(value, &mut counter).map(|()| counter.0)
}

/// The value that `bytes` are, all of them.
///
/// # Errors
///
/// If the bytes are not exactly one value of the type.
pub fn decode<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T, DecodeError> {
    let value = decode_next(&mut bytes)?;
    match bytes.len() {
        0 => Ok(value),
        left => Err(DecodeError::Trailing { left }),
    }
}

/// The value that `bytes` begin with; `bytes` are then those that follow it.
///
/// # Errors
///
/// If the bytes do not begin with a value of the type; they are then as they were.
pub fn decode_next<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, DecodeError> {
    let mut source = Source(bytes);
    let value = reader::read(&mut source)?;
    *bytes = source.0;
    Ok(value)
}

fn serialize<T: Serialize + ?Sized, W: Writer>(
    value: &T,
    writer: &mut W,
) -> Result<(), EncodeError> {
    bincode::serde::encode_into_writer(value, writer, config::standard()).map_err(encode_error)
}

#[cold]
fn encode_error(error: bincode::error::EncodeError) -> EncodeError {
    use bincode::error::EncodeError as Theirs;
    use bincode::serde::EncodeError as Serde;
    if let Theirs::Serde(Serde::SequenceMustHaveLength) = error {
        return EncodeError::UnknownLength;
    }
    if let Theirs::OtherString(text) = error {
        return EncodeError::Message(text.into());
    }
    EncodeError::Message(error.to_string().into())
}

/// Appends.
struct Append<'a>(&'a mut Vec<u8>);

impl Writer for Append<'_> {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Stops at a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl Writer for Bounded {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        if bytes.len() > self.limit - self.bytes.len() {
            self.full = true;
            return Err(bincode::error::EncodeError::UnexpectedEnd);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// Counts.
struct Count(usize);

impl Writer for Count {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0 += bytes.len();
        Ok(())
    }
}

/// The largest number that bincode writes as a single byte, as it is.
const SMALL: u8 = 250;

/// The bytes left to decode, with bincode's way to take a primitive from them.
struct Source<'de>(&'de [u8]);

impl<'de> Source<'de> {
    /// How many bytes are left.
    #[inline(always)]
    fn left(&self) -> usize {
        self.0.len()
    }

    /// The primitive that comes next; `what` names it for people.
    #[inline(always)]
    fn take<T: Decode<()>>(&mut self, what: &'static str) -> Result<T, Fault> {
        let mut decoder = DecoderImpl::new(self, config::standard(), ());
        T::decode(&mut decoder).map_err(|error| decode_error(&error, what))
    }

    /// The number that comes next. Most are small, and then they are a byte; bincode reads others.
    #[inline(always)]
    fn take_number(&mut self) -> Result<u64, Fault> {
        match self.0 {
            [number @ 0..=SMALL, left @ ..] => {
                self.0 = left;
                Ok(u64::from(*number))
            }
            _ => self.take_large(),
        }
    }

    #[inline(never)]
    fn take_large(&mut self) -> Result<u64, Fault> {
        self.take("number")
    }

    /// The bytes that come next, after their length.
    #[inline(always)]
    fn take_bytes(&mut self) -> Result<&'de [u8], Fault> {
        let length = self.take_number()?;
        let taken = usize::try_from(length).ok().and_then(|at| self.0.split_at_checked(at));
        let (bytes, left) = taken.ok_or(DecodeError::Truncated)?;
        self.0 = left;
        Ok(bytes)
    }

    /// The text that comes next, after its length.
    #[inline(always)]
    fn take_str(&mut self) -> Result<&'de str, Fault> {
        let text = str::from_utf8(self.take_bytes()?);
        text.map_err(|_| DecodeError::Invalid { what: "string" }.into())
    }
}

#[cold]
fn decode_error(error: &bincode::error::DecodeError, what: &'static str) -> Fault {
    if matches!(error, bincode::error::DecodeError::UnexpectedEnd { .. }) {
        return DecodeError::Truncated.into();
    }
    DecodeError::Invalid { what }.into()
}

impl Reader for Source<'_> {
    #[inline(always)]
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), bincode::error::DecodeError> {
        let Some((taken, left)) = self.0.split_at_checked(bytes.len()) else {
            let additional = bytes.len() - self.0.len();
            return Err(bincode::error::DecodeError::UnexpectedEnd { additional });
        };
        bytes.copy_from_slice(taken);
        self.0 = left;
        Ok(())
    }

    #[inline(always)]
    fn peek_read(&mut self, length: usize) -> Option<&[u8]> {
        self.0.get(..length)
    }

    #[inline(always)]
    fn consume(&mut self, length: usize) {
        self.0 = self.0.get(length..).unwrap_or_default();
    }
}
