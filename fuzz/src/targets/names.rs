//! Names that mean something to the machine under test: so few keys that everything meets on them,
//! runs that are under way, over or still to come.
//!
//! It must not know messages.

use raddle_net::names::{Key, RunId, Session, WorkerId};

use super::choices::Choices;

/// The top bit of the first half of a hashed key.
const HASHED: u64 = 1 << 63;

/// What may be named.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Halves of keys; any at all, if there are none.
    pub keys: Vec<(u64, u64)>,
    /// Runs in the order in which they began, with their keys.
    pub runs: Vec<(Key, RunId)>,
    /// Workers that there are or were, from 1; any at all, if there are none.
    pub workers: u32,
    /// Specs that were defined.
    pub specs: u32,
    /// Texts; any at all, if there are none.
    pub texts: Vec<String>,
}

impl Names {
    /// So many keys, a fourth of which are hashed; the others belong to two sessions.
    pub fn new(keys: u64, texts: &[&str]) -> Self {
        let key = |n| match n % 4 {
            3 => (HASHED, n),
            _ => (1 + n % 2, n),
        };
        let texts = texts.iter().map(|&text| text.to_owned()).collect();
        Self { keys: (0..keys).map(key).collect(), texts, ..Self::default() }
    }

    /// The halves of a key.
    pub fn key(&self, choices: &mut Choices<'_>) -> (u64, u64) {
        match self.keys.len() {
            0 => (choices.number(), choices.number()),
            keys => self.keys[choices.below(keys)],
        }
    }

    /// A key.
    pub fn some_key(&self, choices: &mut Choices<'_>) -> Key {
        whole(self.key(choices))
    }

    /// A run: one of `key` in most cases; or any other, of this life of the scheduler or another;
    /// or one that has still to come.
    pub fn run(&self, key: Option<(u64, u64)>, choices: &mut Choices<'_>) -> RunId {
        let last = self.runs.last().map_or(RunId { epoch: 1, counter: 0 }, |(_, run)| *run);
        let back = choices.below(32);
        match back {
            31 => RunId { epoch: choices.number() as u32, counter: choices.number() },
            29 | 30 => RunId { counter: last.counter.wrapping_add(back as u64 - 28), ..last },
            21..=28 => self.runs.iter().rev().nth(back - 21).map_or(last, |(_, run)| *run),
            _ => {
                let mut of_key =
                    self.runs.iter().rev().filter(|(of, _)| Some(*of) == key.map(whole));
                of_key.nth(back % 3).map_or(last, |(_, run)| *run)
            }
        }
    }

    /// A worker: one that there is or was, or a stranger.
    pub fn worker(&self, choices: &mut Choices<'_>) -> u64 {
        match u64::from(self.workers) {
            0 => choices.number() & u64::from(u32::MAX),
            workers => choices.number() % (workers + 2),
        }
    }

    /// One of the workers that there are or were.
    pub fn some_worker(&self, choices: &mut Choices<'_>) -> WorkerId {
        WorkerId(self.worker(choices) as u32)
    }

    /// A spec: one that was defined, or the next one.
    pub fn spec(&self, choices: &mut Choices<'_>) -> u64 {
        choices.number() % (u64::from(self.specs) + 1)
    }
}

/// The key of these halves.
pub fn whole((high, low): (u64, u64)) -> Key {
    match high & HASHED {
        0 => Key::numbered(Session::truncate(high), low),
        _ => Key::hashed((u128::from(high) << 64) | u128::from(low)),
    }
}
