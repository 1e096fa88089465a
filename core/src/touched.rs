//! What an event touched, so that a check can look at just that.
//!
//! This module must not know what is checked.

use std::fmt;

/// Lists longer than this are looked at by a full check only: a check of what an event touched costs
/// as much as the event, whatever the size of what is known.
pub const WIDE: usize = 256;

/// Ids of one kind that were touched since it was last cleared. Unless it is on it remembers
/// nothing, and costs a comparison.
#[derive(Clone, Default)]
pub struct Log<T> {
    is_on: bool,
    ids: Vec<T>,
}

impl<T: Copy + Ord> Log<T> {
    /// Nothing was touched yet.
    #[must_use]
    pub const fn new(is_on: bool) -> Self {
        Self { is_on, ids: Vec::new() }
    }

    /// `id` is touched.
    pub fn note(&mut self, id: T) {
        if self.is_on {
            self.ids.push(id);
        }
    }

    /// Each of `ids` is touched.
    pub fn note_all(&mut self, ids: impl IntoIterator<Item = T>) {
        if self.is_on {
            self.ids.extend(ids);
        }
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.ids.clear();
    }

    /// What was touched, each once, in order.
    #[must_use]
    pub fn distinct(&self) -> Vec<T> {
        distinct(self.ids.clone())
    }
}

/// What was touched is no part of what is known: two machines that print the same are in the same
/// state.
impl<T> fmt::Debug for Log<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

/// Each id once, in order.
pub fn distinct<T: Ord>(mut ids: Vec<T>) -> Vec<T> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
