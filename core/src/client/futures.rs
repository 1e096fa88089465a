//! Futures by key, small and found by index. What only some of them need, for some time, is in side
//! tables elsewhere. This module must not know messages.

use std::sync::Arc;

use raddle_net::messages::Failure;
use raddle_net::names::{Key, RunId, WorkerId};
use raddle_net::payload::SmallValue;
use slotmap::SlotMap;

use super::effect::Settled;
use crate::keys::KeyTable;
use crate::touched::Log;

slotmap::new_key_type! {
    /// One life of a key in this client.
    pub(super) struct FutureId;
}

/// A key that the user holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Future {
    /// How often it was submitted and not released. Invariant: 0 if and only if it is `Released`, or
    /// nobody holds it and its value is still to be sent: a task may need it.
    pub(super) refs: u32,
    /// Somebody waits for the value, which is not in the driver's hands.
    pub(super) awaited: bool,
    /// The scheduler never heard of it: it was refused here.
    pub(super) local: bool,
    /// What is known of its value.
    pub(super) state: State,
}

/// What is known of the value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It will have none.
    Erred {
        /// The task that failed first.
        blame: Key,
        /// Why.
        failure: Arc<Failure>,
    },
    /// A worker holds it.
    InMemory(Place),
    /// There is none yet.
    Pending,
    /// Nobody holds the key any more, but the scheduler is not told yet.
    Released,
    /// The driver has it; the scheduler has not said yet which worker is to. It outlives its last
    /// handle, until the value has arrived.
    Scattered,
    /// The driver sends it to a worker.
    Sending {
        /// The run that it will be the value of.
        run: RunId,
        /// Which worker.
        worker: WorkerId,
    },
}

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The run that made it.
    pub(super) run: RunId,
    /// Its size in bytes.
    pub(super) nbytes: u64,
    /// Who holds it.
    pub(super) worker: WorkerId,
    /// It came with the news, and the driver has it. It is not kept here a second time.
    pub(super) inline: bool,
}

impl Future {
    /// Held once, in `state`.
    pub(super) fn new(state: State) -> Self {
        Self { refs: 1, awaited: false, local: false, state }
    }

    /// Whether the user holds it, or the machine has still to have its value sent.
    pub(super) fn is_held(&self) -> bool {
        self.refs > 0 || self.is_unsent()
    }

    /// Whether its value is not on a worker yet.
    pub(super) fn is_unsent(&self) -> bool {
        matches!(self.state, State::Scattered | State::Sending { .. })
    }

    /// How it ended, if it did, with its value, if that is at hand.
    pub(super) fn settled(&self, value: Option<SmallValue>) -> Option<Settled> {
        match &self.state {
            State::Erred { blame, failure } => {
                Some(Settled::Erred { blame: *blame, failure: Arc::clone(failure) })
            }
            State::InMemory(Place { run, nbytes, .. }) => {
                Some(Settled::InMemory { run: *run, nbytes: *nbytes, value })
            }
            State::Pending | State::Released | State::Scattered | State::Sending { .. } => None,
        }
    }
}

/// All futures of a client.
#[derive(Clone, Debug)]
pub(super) struct Futures {
    ids: KeyTable<FutureId>,
    futures: SlotMap<FutureId, Future>,
    touched: Log<Key>,
}

impl Futures {
    /// There are none yet.
    pub(super) fn new(track_touched: bool) -> Self {
        let touched = Log::new(track_touched);
        Self { ids: KeyTable::new(), futures: SlotMap::with_key(), touched }
    }

    /// What was touched since the current event began, or looked at to be.
    pub(super) fn touched(&self) -> &Log<Key> {
        &self.touched
    }

    /// An event begins: nothing is touched yet.
    pub(super) fn begin_event(&mut self) {
        self.touched.clear();
    }

    /// How many there are, with those that are `Released`.
    pub(super) fn len(&self) -> usize {
        self.futures.len()
    }

    /// The future of `key`, `Released` or not.
    pub(super) fn get(&self, key: Key) -> Option<&Future> {
        self.futures.get(self.ids.get(key)?)
    }

    /// The future of `key`, `Released` or not.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Future> {
        self.touched.note(key);
        self.futures.get_mut(self.ids.get(key)?)
    }

    /// The future of `key`, if somebody holds it or its value is still to be sent.
    pub(super) fn held(&mut self, key: Key) -> Option<&mut Future> {
        self.get_mut(key).filter(|future| future.is_held())
    }

    /// The future of `key`, if it is not `Released` and the scheduler has heard of it.
    pub(super) fn known(&mut self, key: Key) -> Option<&mut Future> {
        self.held(key).filter(|future| !future.local)
    }

    /// A new life for `key`, which has none.
    pub(super) fn insert(&mut self, key: Key, future: Future) {
        self.touched.note(key);
        let id = self.futures.insert(future);
        assert!(self.ids.insert(key, id).is_none(), "{key} has a future already");
    }

    /// Forgets `key`.
    pub(super) fn remove(&mut self, key: Key) {
        self.touched.note(key);
        if let Some(id) = self.ids.remove(key) {
            self.futures.remove(id);
        }
    }

    /// All keys with their futures' ids, in the order of keys.
    pub(super) fn ids(&self) -> impl Iterator<Item = (Key, FutureId)> + '_ {
        self.ids.iter()
    }

    /// All keys, in order.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.ids.iter().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_takes_at_most_64_bytes() {
        let entry = size_of::<Option<FutureId>>();
        let slot = (size_of::<Future>() + size_of::<u32>()).next_multiple_of(align_of::<Future>());
        assert!(entry + slot <= 64, "{entry} + {slot}");
    }
}
