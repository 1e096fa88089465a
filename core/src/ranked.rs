//! Tasks or runs in the order of a rank, for lists in which most come last and go first: queues, what
//! a worker runs, what it holds.
//!
//! Those that come last stand in a line, where going first, or coming last, costs a step; one that
//! goes from the middle leaves a gap. Any other stands aside, in a tree. This module must not know
//! what a rank means, or what it ranks.

use std::collections::{BTreeSet, VecDeque};

/// Gaps that are not worth closing.
const FEW_GAPS: usize = 32;
/// Places that an empty line may keep.
const KEPT_PLACES: usize = 1 << 10;

/// Ids in the order of a rank; those of one rank in their own.
#[derive(Clone, Debug)]
pub struct Ranked<R, I> {
    /// Ranks grow strictly; a gap has a rank, but no id. Neither the first nor the last is a gap.
    line: VecDeque<(R, Option<I>)>,
    gaps: usize,
    aside: BTreeSet<(R, I)>,
}

impl<R: Ord + Copy, I: Ord + Copy> Ranked<R, I> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.line.len() - self.gaps + self.aside.len()
    }

    /// The first.
    pub fn first(&self) -> Option<(R, I)> {
        let line = self.line.front().and_then(present);
        line.into_iter().chain(self.aside.first().copied()).min()
    }

    /// Whether this one is here, with this rank.
    pub fn contains(&self, rank: R, id: I) -> bool {
        self.place(rank).is_some_and(|place| self.line[place].1 == Some(id))
            || self.aside.contains(&(rank, id))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = I> + Clone + '_ {
        let mut line = self.line.iter().filter_map(present).peekable();
        let mut aside = self.aside.iter().copied().peekable();
        std::iter::from_fn(move || {
            let from_aside = match (line.peek(), aside.peek()) {
                (Some(line), Some(aside)) => aside < line,
                (line, _) => line.is_none(),
            };
            let next = if from_aside { aside.next() } else { line.next() };
            next.map(|(_, id)| id)
        })
    }

    /// All of them, the last first.
    pub fn iter_back(&self) -> impl Iterator<Item = I> + '_ {
        let mut line = self.line.iter().rev().filter_map(present).peekable();
        let mut aside = self.aside.iter().rev().copied().peekable();
        std::iter::from_fn(move || {
            let from_aside = match (line.peek(), aside.peek()) {
                (Some(line), Some(aside)) => aside > line,
                (line, _) => line.is_none(),
            };
            let next = if from_aside { aside.next() } else { line.next() };
            next.map(|(_, id)| id)
        })
    }

    /// Adds one; `false` if it is here.
    pub fn insert(&mut self, rank: R, id: I) -> bool {
        if self.line.back().is_none_or(|(last, _)| *last < rank) {
            self.line.push_back((rank, Some(id)));
            return true;
        }
        !self.contains(rank, id) && self.aside.insert((rank, id))
    }

    /// Takes one out; `false` if it is not here.
    pub fn remove(&mut self, rank: R, id: I) -> bool {
        if !self.aside.is_empty() && self.aside.remove(&(rank, id)) {
            return true;
        }
        let Some(place) = self.place(rank).filter(|place| self.line[*place].1 == Some(id)) else {
            return false;
        };
        self.line[place].1 = None;
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
        while self.line.front().is_some_and(|(_, id)| id.is_none()) {
            self.line.pop_front();
            self.gaps -= 1;
        }
        while self.line.back().is_some_and(|(_, id)| id.is_none()) {
            self.line.pop_back();
            self.gaps -= 1;
        }
        if self.gaps > FEW_GAPS && 2 * self.gaps > self.line.len() {
            self.line.retain(|(_, id)| id.is_some());
            self.gaps = 0;
        }
        if self.line.is_empty() && self.line.capacity() > KEPT_PLACES {
            self.line = VecDeque::new();
        }
    }
}

fn present<R: Copy, I: Copy>(&(rank, id): &(R, Option<I>)) -> Option<(R, I)> {
    Some((rank, id?))
}

impl<R, I> Default for Ranked<R, I> {
    fn default() -> Self {
        Self { line: VecDeque::new(), gaps: 0, aside: BTreeSet::new() }
    }
}

/// Where one stands is nobody's business.
impl<R: Ord + Copy, I: Ord + Copy> PartialEq for Ranked<R, I> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<R: Ord + Copy, I: Ord + Copy> Eq for Ranked<R, I> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_an_ordered_set(steps in prop::collection::vec((0..40_u64, 0..3_u32, 0..3_u8), 0..600)) {
            let (mut ranked, mut model) = (Ranked::default(), BTreeSet::new());
            let mut later = 0;
            for (rank, id, step) in steps {
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
