//! Chance without a generator: every decision is a hash of what it is about.
//!
//! No shared stream exists, so one more decision never shifts another.

/// 64 bits for the `counter`-th decision of kind `stream` about `entity` in a run with `seed`.
#[must_use]
pub const fn hash(seed: u64, stream: u64, entity: u64, counter: u64) -> u64 {
    mix(mix(mix(mix(seed) ^ stream) ^ entity) ^ counter)
}

/// A number below `bound`, from 64 random bits. `bound` must not be 0.
#[must_use]
pub const fn below(bits: u64, bound: u64) -> u64 {
    ((bits as u128 * bound as u128) >> 64) as u64
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", OOPSLA 2014) with its increment: a bijection on 64 bits in which every input bit
/// changes every output bit with probability about one half.
const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_argument_matters() {
        let base = hash(1, 2, 3, 4);
        for other in [hash(0, 2, 3, 4), hash(1, 0, 3, 4), hash(1, 2, 0, 4), hash(1, 2, 3, 0)] {
            assert_ne!(base, other);
        }
        assert_eq!(base, hash(1, 2, 3, 4));
    }

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        assert_eq!(below(u64::MAX, 10), 9);
        assert_eq!(below(0, 10), 0);
        assert_eq!(below(u64::MAX, u64::MAX), u64::MAX - 1);
    }
}
