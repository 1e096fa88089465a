//! A value: typed, and as bytes, each made from the other when it is first needed; or bytes on disk.
//!
//! So a chain of tasks on one worker never serialises, and a value that is only passed on is never
//! decoded. This module must not know tasks, arguments or who holds a value.

mod size;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use raddle_net::codec;
use raddle_net::error::EncodeError;
use raddle_net::limits::INLINE_VALUE;
use raddle_net::payload::{Blob, Format, SmallValue, ValueType};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::TaskError;
use crate::fingerprint;
use crate::spill::Piece;

/// What can be an argument or the result of a task: anything that serde can write and read, and that
/// threads can share.
///
/// It is implemented for every such type. `bytes::Bytes` and `Vec<u8>` travel as they are, without
/// serde.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument or the result of a task",
    label = "cannot travel between processes",
    note = "it must be `Serialize + DeserializeOwned + Send + Sync + 'static`"
)]
pub trait TaskValue: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> TaskValue for T {}

/// One result or argument. Shared as `Arc<Value>`.
pub struct Value {
    value_type: ValueType,
    nbytes: u64,
    /// At least one of these three is set from the start.
    bytes: OnceLock<Bytes>,
    typed: OnceLock<Box<dyn Typed>>,
    /// Its bytes on disk, which are read when they are first needed.
    piece: Option<Arc<Piece>>,
}

/// A value that is on disk.
#[derive(Clone, Debug)]
pub(crate) struct OnDisk {
    /// What a reader must know of it.
    value_type: ValueType,
    /// Its size as a value.
    nbytes: u64,
    /// Where its bytes are.
    pub(crate) piece: Arc<Piece>,
}

impl Value {
    /// The value of a type that serde can measure; see [`Self::checked`].
    pub(crate) fn new<T: TaskValue>(value: T) -> Self {
        let nbytes = size::of(&value).unwrap_or(size_of::<T>() as u64);
        Self::sized(value, nbytes)
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// If its `Serialize` gives up while it is measured. The most common types are not asked.
    pub(crate) fn checked<T: TaskValue>(value: T) -> Result<Self, EncodeError> {
        let nbytes = size::of(&value)?;
        Ok(Self::sized(value, nbytes))
    }

    fn sized<T: TaskValue>(value: T, nbytes: u64) -> Self {
        let bytes = (&value as &dyn Any).downcast_ref::<Bytes>().cloned();
        Self {
            value_type: fingerprint::value_type::<T>(),
            nbytes,
            bytes: bytes.map_or_else(OnceLock::new, OnceLock::from),
            typed: OnceLock::from(Box::new(value) as Box<dyn Typed>),
            piece: None,
        }
    }

    /// A value that came as bytes. They are checked when it is read.
    pub(crate) fn from_bytes(value_type: ValueType, bytes: Bytes) -> Self {
        let nbytes = bytes.len() as u64;
        let (bytes, typed) = (OnceLock::from(bytes), OnceLock::new());
        Self { value_type, nbytes, bytes, typed, piece: None }
    }

    /// The value that is on disk.
    pub(crate) fn from_disk(on_disk: &OnDisk) -> Self {
        let OnDisk { value_type, nbytes, piece } = on_disk.clone();
        let (bytes, typed) = (OnceLock::new(), OnceLock::new());
        Self { value_type, nbytes, bytes, typed, piece: Some(piece) }
    }

    /// The same, of which `piece` has the bytes.
    pub(crate) const fn to_disk(&self, piece: Arc<Piece>) -> OnDisk {
        OnDisk { value_type: self.value_type, nbytes: self.nbytes, piece }
    }

    /// Whether it takes a look at the disk to use it.
    pub(crate) fn is_away(&self) -> bool {
        self.bytes.get().is_none() && self.typed.get().is_none()
    }

    /// A value that came within a message.
    pub(crate) fn from_small(value: &SmallValue) -> Self {
        Self::from_bytes(value.value_type, Bytes::copy_from_slice(&value.bytes))
    }

    /// Its size in bytes: exact for bytes, strings and vectors of numbers, else that of its encoding.
    pub(crate) const fn nbytes(&self) -> u64 {
        self.nbytes
    }

    /// What a reader must know of it.
    pub(crate) const fn value_type(&self) -> ValueType {
        self.value_type
    }

    /// Its bytes; encodes it the first time.
    ///
    /// # Errors
    ///
    /// [`TaskError::Decode`] if its `Serialize` gives up; [`TaskError::Lost`] if it was on disk, and
    /// cannot be read.
    pub(crate) fn bytes(&self) -> Result<Bytes, TaskError> {
        if let Some(bytes) = self.bytes.get() {
            return Ok(bytes.clone());
        }
        if let (None, Some(piece)) = (self.typed.get(), &self.piece) {
            let read = piece.read().map_err(|error| TaskError::Lost {
                reason: format!("it was on disk, and cannot be read back: {error}"),
            })?;
            return Ok(self.bytes.get_or_init(|| read).clone());
        }
        let encoded = self.kept().encode().map_err(|error| TaskError::Decode {
            expected: format!("a `{}` that can be sent", self.kept().type_name()),
            found: error.to_string(),
        })?;
        // Whoever was first is right: all encode the same value.
        Ok(self.bytes.get_or_init(|| encoded).clone())
    }

    /// Itself for use within a message, if it is small enough.
    pub(crate) fn inline(&self) -> Option<SmallValue> {
        let bytes = match self.bytes.get() {
            Some(bytes) if bytes.len() > INLINE_VALUE => return None,
            Some(bytes) => Blob::from(&bytes[..]),
            None if self.is_away() => return None,
            // An error is told to whoever wants the bytes.
            None => Blob::from(self.kept().encode_bounded(INLINE_VALUE).ok().flatten()?),
        };
        Some(SmallValue { value_type: self.value_type, bytes })
    }

    /// The value as `T`: moved if this is the last handle, else decoded.
    ///
    /// # Errors
    ///
    /// [`TaskError::Decode`] if it is not a `T`.
    pub(crate) fn take<T: TaskValue>(self: Arc<Self>) -> Result<T, TaskError> {
        match Arc::try_unwrap(self) {
            Ok(value) => value.into(),
            Err(shared) => shared.decode(),
        }
    }

    /// As [`Self::take`], but cloned rather than decoded where that is possible.
    pub(crate) fn take_or_clone<T: TaskValue + Clone>(self: Arc<Self>) -> Result<T, TaskError> {
        match Arc::try_unwrap(self) {
            Ok(value) => value.into(),
            Err(shared) => {
                shared.get::<T>().map_or_else(|| shared.decode(), |value| Ok(value.clone()))
            }
        }
    }

    fn into<T: TaskValue>(mut self) -> Result<T, TaskError> {
        if self.get::<T>().is_none() {
            return self.decode();
        }
        let kept: Option<Box<dyn Any>> = self.typed.take().map(|kept| kept as Box<dyn Any>);
        let value = kept.and_then(|kept| kept.downcast().ok());
        Ok(*value.expect("it was looked at above"))
    }

    /// The value as `T`, decoded the first time; `None` if another type is kept already.
    ///
    /// # Errors
    ///
    /// [`TaskError::Decode`] if it is not a `T`.
    pub(crate) fn borrow<T: TaskValue>(&self) -> Result<Option<&T>, TaskError> {
        if self.typed.get().is_none() {
            let value: T = self.decode()?;
            // If another was first, its value is as good, or of another type.
            let _ = self.typed.set(Box::new(value));
        }
        Ok(self.get())
    }

    /// The value, if it is kept as `T`.
    pub(crate) fn get<T: TaskValue>(&self) -> Option<&T> {
        let kept: &dyn Any = &**self.typed.get()?;
        kept.downcast_ref()
    }

    /// The bytes that it is, if it travels as it is. Nothing is copied.
    pub(crate) fn raw(&self) -> Option<&[u8]> {
        match self.value_type.format {
            Format::Bincode => None,
            Format::Raw => match self.bytes.get() {
                Some(bytes) => Some(bytes),
                None => self.get::<Vec<u8>>().map(Vec::as_slice),
            },
        }
    }

    /// The value as a new `T`, by way of bytes.
    ///
    /// # Errors
    ///
    /// [`TaskError::Decode`] if it is not a `T`.
    pub(crate) fn decode<T: TaskValue>(&self) -> Result<T, TaskError> {
        if self.value_type != fingerprint::value_type::<T>() {
            return Err(unexpected::<T>(self.description()));
        }
        from_bytes(self.bytes()?).map_err(unexpected::<T>)
    }

    fn description(&self) -> String {
        let ValueType { format, fingerprint } = self.value_type;
        match (self.typed.get(), format) {
            (Some(kept), _) => format!("a `{}`", kept.type_name()),
            (None, Format::Raw) => format!("{} raw bytes", self.nbytes),
            (None, Format::Bincode) => {
                format!("{} bytes of another type (fingerprint {fingerprint:016x})", self.nbytes)
            }
        }
    }

    fn kept(&self) -> &dyn Typed {
        &**self.typed.get().expect("a value without bytes is typed")
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.typed.get().map(|kept| kept.type_name());
        f.debug_struct("Value")
            .field("type", &kept.unwrap_or("bytes"))
            .field("nbytes", &self.nbytes)
            .finish_non_exhaustive()
    }
}

/// A value of a type that was forgotten.
trait Typed: Any + Send + Sync {
    fn encode(&self) -> Result<Bytes, EncodeError>;
    fn encode_bounded(&self, limit: usize) -> Result<Option<Vec<u8>>, EncodeError>;
    fn type_name(&self) -> &'static str;
}

impl<T: TaskValue> Typed for T {
    fn encode(&self) -> Result<Bytes, EncodeError> {
        let mut bytes = Vec::new();
        append(self, &mut bytes)?;
        Ok(bytes.into())
    }

    fn encode_bounded(&self, limit: usize) -> Result<Option<Vec<u8>>, EncodeError> {
        match raw(self) {
            Some(raw) => Ok((raw.len() <= limit).then(|| raw.to_vec())),
            None => codec::encode_bounded(self, limit),
        }
    }

    fn type_name(&self) -> &'static str {
        std::any::type_name::<T>()
    }
}

/// Appends the bytes of `value`, in the format of its type.
pub(crate) fn append<T: TaskValue>(value: &T, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
    match raw(value) {
        Some(raw) => {
            bytes.extend_from_slice(raw);
            Ok(())
        }
        None => codec::encode(value, bytes),
    }
}

/// The value that `bytes` are, in the format of its type; else what is wrong with them.
pub(crate) fn from_bytes<T: TaskValue>(bytes: Bytes) -> Result<T, String> {
    // Stable Rust has no other way to ask whether `T` is one of these types.
    let mut value: Option<T> = None;
    let place: &mut dyn Any = &mut value;
    if let Some(place) = place.downcast_mut::<Option<Bytes>>() {
        *place = Some(bytes);
    } else if let Some(place) = place.downcast_mut::<Option<Vec<u8>>>() {
        *place = Some(bytes.into());
    } else {
        return codec::decode(&bytes).map_err(|error| error.to_string());
    }
    Ok(value.expect("it was put there above"))
}

/// As [`from_bytes`]; bytes that travel as they are, are copied.
pub(crate) fn from_slice<T: TaskValue>(bytes: &[u8]) -> Result<T, String> {
    match fingerprint::value_type::<T>().format {
        Format::Bincode => codec::decode(bytes).map_err(|error| error.to_string()),
        Format::Raw => from_bytes(Bytes::copy_from_slice(bytes)),
    }
}

/// The error of a reader who wanted a `T`.
pub(crate) fn unexpected<T>(found: String) -> TaskError {
    TaskError::Decode { expected: format!("a `{}`", std::any::type_name::<T>()), found }
}

/// The bytes that `value` is, if it is of a type that travels as it is.
fn raw<T: TaskValue>(value: &T) -> Option<&[u8]> {
    let any: &dyn Any = value;
    let vector = any.downcast_ref::<Vec<u8>>().map(Vec::as_slice);
    vector.or_else(|| any.downcast_ref::<Bytes>().map(|bytes| &bytes[..]))
}
