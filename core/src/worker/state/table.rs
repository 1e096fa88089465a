//! A table by run: open addressing by the number of the run, so that finding one costs a step or two
//! whichever runs there are.
//!
//! This module must not know what is kept under a run.

use raddle_net::names::RunId;

/// The place of nothing.
const NOWHERE: u32 = u32::MAX;
/// Places that an empty table may keep.
const KEPT: usize = 32;
/// 2^64 divided by the golden ratio: neighbours come to lie far apart.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// What is kept under each run.
#[derive(Clone, Debug)]
pub struct RunTable<V> {
    entries: Vec<Option<(RunId, V)>>,
    /// Places in `entries` that are free.
    free: Vec<u32>,
    /// Places in `entries`, each at the slot that its run asks for, or after it without a gap. As
    /// many as a power of two, and at least half of them [`NOWHERE`].
    slots: Vec<u32>,
}

impl<V> RunTable<V> {
    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is kept under `run`.
    pub fn get(&self, run: RunId) -> Option<&V> {
        let (_, place) = self.find(run)?;
        self.entries[place].as_ref().map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, run: RunId) -> Option<&mut V> {
        let (_, place) = self.find(run)?;
        self.entries[place].as_mut().map(|(_, value)| value)
    }

    /// Keeps `value` under `run`, under which there is nothing.
    pub fn insert(&mut self, run: RunId, value: V) {
        assert!(self.find(run).is_none(), "{run} is in the table");
        let place = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            u32::try_from(self.entries.len() - 1).expect("four billion runs do not fit in memory")
        });
        self.entries[place as usize] = Some((run, value));
        if 2 * self.len() > self.slots.len() {
            self.grow();
        } else {
            self.enter(place, run);
        }
    }

    /// Removes `run`; returns what was there.
    pub fn remove(&mut self, run: RunId) -> Option<V> {
        let (slot, place) = self.find(run)?;
        let (_, value) = self.entries[place].take()?;
        self.free.push(u32::try_from(place).expect("it came from a slot"));
        self.close(slot);
        if self.is_empty() {
            // What a burst needed is not kept for ever, nor is it given back at every trickle.
            self.entries.clear();
            self.entries.shrink_to(KEPT);
            self.free.clear();
            self.free.shrink_to(KEPT);
            self.slots.truncate(2 * KEPT);
            self.slots.shrink_to_fit();
        }
        Some(value)
    }

    /// All runs with what is kept under them, in ascending order. Cost: sorting them.
    pub fn iter(&self) -> impl Iterator<Item = (RunId, &V)> {
        let mut entries: Vec<_> =
            self.entries.iter().flatten().map(|(run, value)| (*run, value)).collect();
        entries.sort_unstable_by_key(|(run, _)| *run);
        entries.into_iter()
    }

    /// The slot and the place of a run.
    fn find(&self, run: RunId) -> Option<(usize, usize)> {
        let mut slot = self.asked(run);
        loop {
            let place = self.slots.get(slot).copied().filter(|place| *place != NOWHERE)? as usize;
            if self.entries[place].as_ref().is_some_and(|(other, _)| *other == run) {
                return Some((slot, place));
            }
            slot = self.after(slot);
        }
    }

    /// The slot that a run asks for.
    fn asked(&self, run: RunId) -> usize {
        let bits = self.slots.len().trailing_zeros();
        let spread = (run.counter ^ u64::from(run.epoch) << 32).wrapping_mul(SPREAD);
        spread.checked_shr(u64::BITS - bits).unwrap_or(0) as usize
    }

    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    /// Enters a run that is not in the slots, one of which is free.
    fn enter(&mut self, place: u32, run: RunId) {
        let mut slot = self.asked(run);
        while self.slots[slot] != NOWHERE {
            slot = self.after(slot);
        }
        self.slots[slot] = place;
    }

    /// Empties a slot; those behind it that asked for it, or for one before, move up.
    fn close(&mut self, mut gap: usize) {
        let mask = self.slots.len() - 1;
        let mut slot = self.after(gap);
        while self.slots[slot] != NOWHERE {
            let (run, _) = self.entries[self.slots[slot] as usize].as_ref().expect("it has a slot");
            let asked = self.asked(*run);
            if slot.wrapping_sub(asked) & mask >= slot.wrapping_sub(gap) & mask {
                self.slots[gap] = self.slots[slot];
                gap = slot;
            }
            slot = self.after(slot);
        }
        self.slots[gap] = NOWHERE;
    }

    fn grow(&mut self) {
        let slots = (2 * self.slots.len()).max(2 * KEPT);
        self.slots.clear();
        self.slots.resize(slots, NOWHERE);
        for place in 0..self.entries.len() {
            if let Some((run, _)) = self.entries[place] {
                self.enter(u32::try_from(place).expect("it was counted when it was made"), run);
            }
        }
    }
}

impl<V> Default for RunTable<V> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), slots: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn run() -> impl Strategy<Value = RunId> {
        let counter = prop_oneof![0..100_u64, Just(u64::MAX), (0..100_u64).prop_map(|n| n << 40)];
        let epoch = prop_oneof![0..2_u32, Just(u32::MAX)];
        (epoch, counter).prop_map(|(epoch, counter)| RunId { epoch, counter })
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((run(), prop::option::of(0..9_u8)), 0..400)) {
            let (mut table, mut model) = (RunTable::default(), BTreeMap::new());
            for (run, value) in steps {
                match value {
                    Some(value) => {
                        match table.get_mut(run) {
                            Some(known) => *known = value,
                            None => table.insert(run, value),
                        }
                        model.insert(run, value);
                    }
                    None => prop_assert_eq!(table.remove(run), model.remove(&run)),
                }
                prop_assert_eq!(table.get(run), model.get(&run));
                prop_assert_eq!(table.len(), model.len());
            }
            prop_assert!(table.iter().eq(model.iter().map(|(&run, value)| (run, value))));
            for run in model.into_keys() {
                prop_assert!(table.remove(run).is_some());
            }
            prop_assert!(table.slots.iter().all(|place| *place == NOWHERE));
            prop_assert!(table.is_empty() && table.entries.is_empty());
        }
    }
}
