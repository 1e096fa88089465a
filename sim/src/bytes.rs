//! Values as bytes, where they are moved for real: each byte says whose it is, so that what was changed
//! or cut on the way is seen.
//!
//! It must not know who moves them.

use raddle_core::random::hash;

/// Values above the size that travels with the news are shorter than the plan says by this factor:
/// what large values do is simulated, what copying megabytes costs is not.
const SHORTER: u32 = 100;
/// The largest value that travels with the news.
const SMALL: u32 = 64;
/// Chance of the bytes of values.
const BYTES: u64 = 0x6279_7465;

/// A value as bytes, about as many as the plan says.
#[must_use]
pub fn pack(value: u64, nbytes: u32) -> Vec<u8> {
    fill(
        value,
        match nbytes <= SMALL {
            true => nbytes.max(8),
            false => SMALL + 1 + (nbytes - SMALL) / SHORTER,
        },
    )
}

/// The value in these bytes.
///
/// # Errors
///
/// They are not what [`pack`] makes: somebody changed or cut them on the way.
pub fn unpack(bytes: &[u8]) -> Result<u64, String> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let value = bytes.first_chunk().map(|first| u64::from_le_bytes(*first));
    let whole = value.filter(|value| fill(*value, length) == bytes);
    whole.ok_or_else(|| format!("{length} bytes are damaged"))
}

fn fill(value: u64, length: u32) -> Vec<u8> {
    let length = length as usize;
    let mut bytes = Vec::with_capacity(length + 8);
    bytes.extend(value.to_le_bytes());
    let mut word = value ^ length as u64;
    while bytes.len() < length {
        word = hash(word, BYTES, 0, 0);
        bytes.extend(word.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
