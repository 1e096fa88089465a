//! A table by run. Runs are numbered in ascending order, so neighbours share a page, and finding one
//! costs a search among pages and an array index.
//!
//! This module must not know what is kept under a run.

use std::collections::BTreeMap;

use raddle_net::names::RunId;

/// Runs of one page.
const PAGE: u64 = 32;
/// The place of a run that is not in the table.
const NOWHERE: u32 = u32::MAX;

/// What is kept under each run.
#[derive(Clone, Debug)]
pub struct RunTable<V> {
    pages: BTreeMap<u128, Page>,
    values: Vec<Option<V>>,
    /// Places in `values` that are free.
    free: Vec<u32>,
}

/// Where the values of 32 runs are.
#[derive(Clone, Debug)]
struct Page {
    places: [u32; PAGE as usize],
    used: u32,
}

impl<V> RunTable<V> {
    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is kept under `run`.
    pub fn get(&self, run: RunId) -> Option<&V> {
        self.values.get(self.place(run)?).and_then(Option::as_ref)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, run: RunId) -> Option<&mut V> {
        let place = self.place(run)?;
        self.values.get_mut(place).and_then(Option::as_mut)
    }

    /// Keeps `value` under `run`, under which there is nothing.
    pub fn insert(&mut self, run: RunId, value: V) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.values.push(None);
            u32::try_from(self.values.len() - 1).expect("four billion runs do not fit in memory")
        });
        let page = self
            .pages
            .entry(page_of(run))
            .or_insert_with(|| Page { places: [NOWHERE; PAGE as usize], used: 0 });
        let entry = &mut page.places[slot_of(run)];
        assert!(*entry == NOWHERE, "{run} is in the table");
        *entry = place;
        page.used += 1;
        self.values[place as usize] = Some(value);
    }

    /// Removes `run`; returns what was there. Nothing is left of an empty page.
    pub fn remove(&mut self, run: RunId) -> Option<V> {
        let page = self.pages.get_mut(&page_of(run))?;
        let place = std::mem::replace(&mut page.places[slot_of(run)], NOWHERE);
        if place == NOWHERE {
            return None;
        }
        page.used -= 1;
        if page.used == 0 {
            self.pages.remove(&page_of(run));
        }
        self.free.push(place);
        let value = self.values[place as usize].take();
        if self.pages.is_empty() {
            // What a burst needed is not kept for ever, nor is it given back at every trickle.
            self.values.clear();
            self.values.shrink_to(PAGE as usize);
            self.free.clear();
            self.free.shrink_to(PAGE as usize);
        }
        value
    }

    /// All runs with what is kept under them, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (RunId, &V)> {
        self.pages.iter().flat_map(move |(&page, Page { places, .. })| {
            places.iter().zip(0..PAGE).filter_map(move |(&place, slot)| {
                let value = self.values.get(place as usize)?.as_ref()?;
                Some((run_of(page, slot), value))
            })
        })
    }

    fn place(&self, run: RunId) -> Option<usize> {
        let place = self.pages.get(&page_of(run))?.places[slot_of(run)];
        (place != NOWHERE).then_some(place as usize)
    }
}

impl<V> Default for RunTable<V> {
    fn default() -> Self {
        Self { pages: BTreeMap::new(), values: Vec::new(), free: Vec::new() }
    }
}

/// The epoch, then the counter without its last bits.
fn page_of(run: RunId) -> u128 {
    u128::from(run.epoch) << 64 | u128::from(run.counter / PAGE)
}

fn slot_of(run: RunId) -> usize {
    (run.counter % PAGE) as usize
}

fn run_of(page: u128, slot: u64) -> RunId {
    RunId { epoch: (page >> 64) as u32, counter: page as u64 * PAGE + slot }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run() -> impl Strategy<Value = RunId> {
        let counter = prop_oneof![0..100_u64, Just(u64::MAX), Just(u64::MAX - PAGE)];
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
            prop_assert!(table.is_empty() && table.pages.is_empty() && table.values.is_empty());
        }
    }
}
