//! What a simulated task does, written in its arguments as any task's recipe is.
//!
//! Its value is a hash of the recipe and of the values of its inputs, so that one comparison at the
//! client judges everything upstream.

use raddle_core::random::hash;
use raddle_net::payload::Blob;

/// Streams of chance that belong to values.
const VALUE: u64 = 0x76;

/// A simulated task body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Makes values of different tasks differ.
    pub salt: u64,
    /// Size of the value; one of up to 64 bytes travels with the news.
    pub nbytes: u32,
    /// How long it runs, in microseconds.
    pub micros: u32,
    /// How often it fails before it succeeds; `u8::MAX` is always.
    pub failures: u8,
    /// Tasks it submits and awaits.
    pub children: u8,
    /// Whether it kills its worker.
    pub poison: bool,
    /// How often it asks to be run again before it does anything else.
    pub reschedules: u8,
}

/// How a run ends that makes no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It fails.
    Fail,
    /// It asks to be run again.
    Reschedule,
}

impl Body {
    /// The arguments of a task with this body.
    #[must_use]
    pub fn encode(&self) -> Blob {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.salt.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.nbytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.micros.to_le_bytes());
        let Self { failures, children, poison, reschedules, .. } = *self;
        bytes[16..].copy_from_slice(&[failures, children, u8::from(poison), reschedules]);
        Blob::from(&bytes[..])
    }

    /// The body that these arguments describe.
    ///
    /// # Panics
    ///
    /// If they were not made by [`encode`](Self::encode): the machines changed them.
    #[must_use]
    pub fn decode(args: &Blob) -> Self {
        let args: &[u8; 20] = args[..].try_into().expect("arguments of another length");
        let word =
            |at: usize| u32::from_le_bytes([args[at], args[at + 1], args[at + 2], args[at + 3]]);
        Self {
            salt: u64::from(word(0)) | u64::from(word(4)) << 32,
            nbytes: word(8),
            micros: word(12),
            failures: args[16],
            children: args[17],
            poison: args[18] != 0,
            reschedules: args[19],
        }
    }

    /// The value that this body makes of its inputs' values, and then of its children's.
    #[must_use]
    pub fn value(&self, inputs: impl IntoIterator<Item = u64>) -> u64 {
        let start = hash(self.salt, VALUE, u64::from(self.nbytes), 0);
        inputs.into_iter().fold(start, |value, input| hash(value, VALUE, input, 1))
    }

    /// What a run of it ends with, but for a value, if so many ended without one before.
    #[must_use]
    pub fn refuses(&self, ended: u32) -> Option<Refusal> {
        let asks = u32::from(self.reschedules);
        if ended < asks {
            return Some(Refusal::Reschedule);
        }
        let fails = self.failures == u8::MAX || ended - asks < u32::from(self.failures);
        fails.then_some(Refusal::Fail)
    }

    /// What its `n`-th child does.
    #[must_use]
    pub fn child(&self, n: u8) -> Self {
        let salt = hash(self.salt, VALUE, u64::from(n), 2);
        Self { salt, nbytes: 8, micros: self.micros / 2, ..Self::default() }
    }
}
