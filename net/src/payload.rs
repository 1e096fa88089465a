//! Payloads: arguments and values, opaque to everyone but the code that made them.
//!
//! This module must not know which types exist; it carries a format, a fingerprint and bytes.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use smallvec::SmallVec;

/// How the bytes of a value are to be read.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Format {
    /// The codec of this crate ([`crate::codec`]).
    #[default]
    Bincode,
    /// The bytes are the value.
    Raw,
}

/// What a reader must know of a value before it may touch the bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ValueType {
    /// How to read it.
    pub format: Format,
    /// 64 bits that differ for different types.
    pub fingerprint: u64,
}

/// A value small enough to travel inside a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SmallValue {
    /// What it is.
    pub value_type: ValueType,
    /// Its bytes, at most [`INLINE_VALUE`](crate::limits::INLINE_VALUE).
    pub bytes: Blob,
}

/// A short run of opaque bytes; up to 16 of them need no allocation.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob(SmallVec<[u8; 16]>);

impl Blob {
    /// No bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self(SmallVec::from_slice(bytes))
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        // A short vector is copied into the blob, so that its allocation does not outlive it.
        if bytes.len() <= 16 { Self::from(&bytes[..]) } else { Self(SmallVec::from_vec(bytes)) }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len() {
            0..=24 => write!(f, "Blob({:02x?})", &self[..]),
            len => write!(f, "Blob({len} bytes)"),
        }
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(BlobVisitor)
    }
}

struct BlobVisitor;

impl de::Visitor<'_> for BlobVisitor {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Blob, E> {
        Ok(Blob::from(bytes))
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Blob, E> {
        Ok(Blob::from(bytes))
    }
}
