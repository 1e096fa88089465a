//! Hashes of names: of types, of signatures, of keys. The same in every build and on every machine.
//!
//! All are FNV-1a (Fowler, Noll and Vo), in 64 and in 128 bits: short inputs, no enemies.
//!
//! A type is known by its path (`std::any::type_name`). So two types of one path are the same to
//! us, also when they come from different versions of a crate, and a type that was moved is another
//! one. Compilers may print a path differently: everybody in a cluster should be built with the same
//! one. What passes the check is still decoded with all checks; garbage is an error, at worst a
//! wrong value of the right shape.

use std::any::TypeId;

use bytes::Bytes;
use raddle_net::names::Key;
use raddle_net::payload::{Format, ValueType};

/// How values of `T` travel. [`Bytes`] and `Vec<u8>` travel as they are, and may be read as each
/// other.
pub fn value_type<T: 'static>() -> ValueType {
    match is_raw::<T>() {
        true => ValueType { format: Format::Raw, fingerprint: hash64(b"bytes") },
        false => ValueType {
            format: Format::Bincode,
            fingerprint: hash64(std::any::type_name::<T>().as_bytes()),
        },
    }
}

fn is_raw<T: 'static>() -> bool {
    TypeId::of::<T>() == TypeId::of::<Bytes>() || TypeId::of::<T>() == TypeId::of::<Vec<u8>>()
}

/// The fingerprint of a function with arguments and a result of these types.
pub fn signature(arguments: &[ValueType], result: ValueType) -> u64 {
    let mut bytes = Vec::with_capacity(8 * (arguments.len() + 1));
    for value_type in arguments.iter().chain([&result]) {
        bytes.extend_from_slice(&value_type.fingerprint.to_le_bytes());
    }
    hash64(&bytes)
}

const fn hash64(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
}

/// 128 bits of a sequence of byte strings; where one ends and the next begins matters.
#[derive(Debug)]
pub(crate) struct KeyHasher(u128);

impl KeyHasher {
    pub(crate) const fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        for &byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            self.0 =
                (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    pub(crate) const fn finish(&self) -> u128 {
        self.0
    }
}

/// The key that these texts have together.
pub(crate) fn key(parts: &[&str]) -> Key {
    let mut hasher = KeyHasher::new();
    parts.iter().for_each(|part| hasher.write(part.as_bytes()));
    Key::hashed(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        // From the authors' test vectors.
        assert_eq!(hash64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash64(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn bytes_and_vectors_of_bytes_are_one_type_and_others_differ() {
        assert_eq!(value_type::<Bytes>(), value_type::<Vec<u8>>());
        assert_ne!(value_type::<u64>(), value_type::<i64>());
        assert_ne!(value_type::<Vec<u8>>(), value_type::<String>());
    }

    #[test]
    fn a_signature_knows_the_order_of_its_arguments() {
        let (a, b) = (value_type::<u64>(), value_type::<String>());
        let all = [signature(&[a, b], a), signature(&[b, a], a), signature(&[a], a)];
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
        assert_eq!(signature(&[a, b], a), all[0]);
    }

    #[test]
    fn a_key_knows_where_its_parts_end() {
        let hash = |parts: &[&str]| {
            let mut hasher = KeyHasher::new();
            parts.iter().for_each(|part| hasher.write(part.as_bytes()));
            hasher.finish()
        };
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_eq!(hash(&["ab", "c"]), hash(&["ab", "c"]));
    }
}
