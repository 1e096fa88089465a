//! Durations and sizes by chance: a number per draw, from a hash of the graph's name.
//!
//! It must not know what is drawn.

use std::cell::Cell;

use raddle_core::random::hash;

/// A stream of numbers.
#[derive(Debug)]
pub(super) struct Draw {
    seed: u64,
    drawn: Cell<u64>,
}

impl Draw {
    /// The stream of this name.
    pub(super) fn named(name: &str) -> Self {
        let seed = name.bytes().fold(0, |seed, byte| hash(seed, 0, u64::from(byte), 0));
        Self { seed, drawn: Cell::new(0) }
    }

    /// 64 bits.
    pub(super) fn bits(&self) -> u64 {
        let drawn = self.drawn.get();
        self.drawn.set(drawn + 1);
        hash(self.seed, 1, drawn, 0)
    }

    /// From 0 up to, without, 1.
    fn unit(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About a normal distribution, as the sum of twelve uniform ones, cut off just above 0.
    pub(super) fn normal(&self, mean: f64, deviation: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.unit()).sum();
        (mean + (sum - 6.0) * deviation).max(1e-8)
    }

    /// An exponential distribution.
    pub(super) fn exponential(&self, mean: f64) -> f64 {
        (-(1.0 - self.unit()).ln() * mean).max(1e-8)
    }

    /// One of these.
    pub(super) fn one_of<T: Copy>(&self, list: &[T]) -> T {
        list[(self.bits() % list.len() as u64) as usize]
    }
}
