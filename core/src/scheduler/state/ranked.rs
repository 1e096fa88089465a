//! Tasks in the order of a rank, for lists in which most come last and go first: queues, what a
//! worker runs, what it holds.
//!
//! Those that come last stand in a line, where going first, or coming last, costs a step; one that
//! goes from the middle leaves a gap. Any other stands aside, in a tree. This module must not know
//! what a rank means.

use std::collections::{BTreeSet, VecDeque};

use slotmap::Key as _;

use super::task::TaskId;

/// Gaps that are not worth closing.
const FEW_GAPS: usize = 32;
/// Places that an empty line may keep.
const KEPT_PLACES: usize = 1 << 10;

/// Tasks in the order of a rank; those of one rank in that of their ids.
#[derive(Clone, Debug)]
pub struct Ranked<R> {
    /// Ranks grow strictly; a gap has a rank, but no task. Neither the first nor the last is a gap.
    line: VecDeque<(R, TaskId)>,
    gaps: usize,
    aside: BTreeSet<(R, TaskId)>,
}

impl<R: Ord + Copy> Ranked<R> {
    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.line.len() - self.gaps + self.aside.len()
    }

    /// The first task.
    pub fn first(&self) -> Option<(R, TaskId)> {
        let (line, aside) = (self.line.front(), self.aside.first());
        line.into_iter().chain(aside).min().copied()
    }

    /// Whether this task is here, with this rank.
    pub fn contains(&self, rank: R, id: TaskId) -> bool {
        self.place(rank).is_some_and(|place| self.line[place].1 == id)
            || self.aside.contains(&(rank, id))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = TaskId> + Clone + '_ {
        let mut line = self.line.iter().filter(|(_, id)| !id.is_null()).peekable();
        let mut aside = self.aside.iter().peekable();
        std::iter::from_fn(move || {
            let from_aside = match (line.peek(), aside.peek()) {
                (Some(line), Some(aside)) => aside < line,
                (line, _) => line.is_none(),
            };
            let next = if from_aside { aside.next() } else { line.next() };
            next.map(|&(_, id)| id)
        })
    }

    /// All of them, the last first.
    pub fn iter_back(&self) -> impl Iterator<Item = TaskId> + '_ {
        let mut line = self.line.iter().rev().filter(|(_, id)| !id.is_null()).peekable();
        let mut aside = self.aside.iter().rev().peekable();
        std::iter::from_fn(move || {
            let from_aside = match (line.peek(), aside.peek()) {
                (Some(line), Some(aside)) => aside > line,
                (line, _) => line.is_none(),
            };
            let next = if from_aside { aside.next() } else { line.next() };
            next.map(|&(_, id)| id)
        })
    }

    /// Adds a task; `false` if it is here.
    pub fn insert(&mut self, rank: R, id: TaskId) -> bool {
        if self.line.back().is_none_or(|(last, _)| *last < rank) {
            self.line.push_back((rank, id));
            return true;
        }
        !self.contains(rank, id) && self.aside.insert((rank, id))
    }

    /// Takes a task out; `false` if it is not here.
    pub fn remove(&mut self, rank: R, id: TaskId) -> bool {
        if !self.aside.is_empty() && self.aside.remove(&(rank, id)) {
            return true;
        }
        let Some(place) = self.place(rank).filter(|place| self.line[*place].1 == id) else {
            return false;
        };
        self.line[place].1 = TaskId::null();
        self.gaps += 1;
        self.close_gaps();
        true
    }

    /// Where a rank stands in the line.
    fn place(&self, rank: R) -> Option<usize> {
        let (first, _) = self.line.front()?;
        if *first == rank {
            return Some(0);
        }
        self.line.binary_search_by(|(other, _)| other.cmp(&rank)).ok()
    }

    /// At both ends, and everywhere if they are many.
    fn close_gaps(&mut self) {
        while self.line.front().is_some_and(|(_, id)| id.is_null()) {
            self.line.pop_front();
            self.gaps -= 1;
        }
        while self.line.back().is_some_and(|(_, id)| id.is_null()) {
            self.line.pop_back();
            self.gaps -= 1;
        }
        if self.gaps > FEW_GAPS && 2 * self.gaps > self.line.len() {
            self.line.retain(|(_, id)| !id.is_null());
            self.gaps = 0;
        }
        if self.line.is_empty() && self.line.capacity() > KEPT_PLACES {
            self.line = VecDeque::new();
        }
    }
}

impl<R> Default for Ranked<R> {
    fn default() -> Self {
        Self { line: VecDeque::new(), gaps: 0, aside: BTreeSet::new() }
    }
}

/// Where a task stands is nobody's business.
impl<R: Ord + Copy> PartialEq for Ranked<R> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use slotmap::SlotMap;

    use super::*;

    proptest! {
        #[test]
        fn it_is_an_ordered_set(steps in prop::collection::vec((0..40_u64, 0..3_usize, 0..3_u8), 0..600)) {
            let mut names: SlotMap<TaskId, ()> = SlotMap::with_key();
            let ids = [names.insert(()), names.insert(()), names.insert(())];
            let (mut ranked, mut model) = (Ranked::default(), BTreeSet::new());
            let mut later = 0;
            for (rank, id, step) in steps {
                let id = ids[id];
                match step {
                    0 => prop_assert_eq!(ranked.insert(rank, id), model.insert((rank, id))),
                    1 => prop_assert_eq!(ranked.remove(rank, id), model.remove(&(rank, id))),
                    _ => {
                        later += 1;
                        prop_assert!(ranked.insert(100 + later, id));
                        model.insert((100 + later, id));
                    }
                }
                prop_assert_eq!(ranked.contains(rank, id), model.contains(&(rank, id)));
                prop_assert_eq!(ranked.first(), model.first().copied());
                prop_assert_eq!(ranked.len(), model.len());
            }
            prop_assert!(ranked.iter().eq(model.iter().map(|(_, id)| *id)));
            prop_assert!(ranked.iter_back().eq(model.iter().rev().map(|(_, id)| *id)));
            let mut other = Ranked::default();
            prop_assert!(model.iter().rev().all(|&(rank, id)| other.insert(rank, id)));
            prop_assert!(other == ranked);
            prop_assert!(model.iter().all(|&(rank, id)| ranked.remove(rank, id)));
            prop_assert!(ranked == Ranked::default() && ranked.line.is_empty());
        }
    }
}
