//! The size of a value.
//!
//! This module must not know what sizes are used for.

use std::any::Any;

use bytes::Bytes;
use raddle_net::codec;
use raddle_net::error::EncodeError;

use super::TaskValue;

/// The size of `value` in bytes: exact for bytes, strings, numbers and vectors of these, else that of
/// its encoding.
pub(super) fn of<T: TaskValue>(value: &T) -> Result<u64, EncodeError> {
    match known(value) {
        Some(size) => Ok(size as u64),
        None => codec::encoded_len(value).map(|size| size as u64),
    }
}

/// Lists the types of which the size is known without a look at the value. What `T` is, is known when
/// the program is built: nothing is left of this at run time.
macro_rules! known_types {
    ($($number:ty)*) => {
        fn known<T: TaskValue>(value: &T) -> Option<usize> {
            let any: &dyn Any = value;
            $(
                if any.is::<$number>() {
                    return Some(size_of::<$number>());
                }
                if let Some(vector) = any.downcast_ref::<Vec<$number>>() {
                    return Some(size_of::<$number>() * vector.len());
                }
            )*
            let bytes = any.downcast_ref::<Bytes>().map(Bytes::len);
            bytes.or_else(|| any.downcast_ref::<String>().map(String::len))
        }
    };
}

known_types! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool char }
