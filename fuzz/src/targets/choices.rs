//! Bytes as choices: a target that is no parser draws from them what it does next. When they are
//! used up, every choice is the first one.
//!
//! It must not know what is chosen.

/// What is left of the input.
#[derive(Clone, Debug)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// All of the input.
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// Whether they are used up.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    /// A number below `bound`, which is from 1 to 256. It takes one byte.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// True once in so many cases, about.
    pub fn one_in(&mut self, cases: usize) -> bool {
        self.below(cases) == cases - 1
    }

    /// Any number: mostly a small one, which takes one byte.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            255 => u64::MAX - u64::from(self.byte()),
            254 => u64::from_le_bytes(std::array::from_fn(|_| self.byte())),
            253 => u64::from(u32::from_le_bytes(std::array::from_fn(|_| self.byte()))),
            252 => 1 << (self.byte() % 64),
            byte => u64::from(byte),
        }
    }

    /// So many of the bytes, or as many as are left.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// All that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}
