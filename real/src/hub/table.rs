//! Which slot a key has: an array, indexed by the number of the key.
//!
//! Numbers are drawn in ascending order, so the array is a window over the numbers in use, in
//! pages. An old future that is kept for long pins one page, and 8 bytes for each page after it.
//! This module must not know what a slot is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};

use raddle_net::names::{Key, KeyKind, Session};

/// Numbers of one page.
const PAGE: u64 = 256;

/// The slots of one session's futures. It does not keep them alive.
pub(super) struct Table<S> {
    session: Session,
    /// The page number of the first of `pages`.
    first: u64,
    pages: VecDeque<Option<Box<Page<S>>>>,
    /// Keys that are not numbers of this session.
    others: BTreeMap<Key, Weak<S>>,
}

struct Page<S> {
    slots: [Option<Weak<S>>; PAGE as usize],
    used: usize,
}

impl<S> Table<S> {
    /// No futures yet.
    pub(super) const fn new(session: Session) -> Self {
        Self { session, first: 0, pages: VecDeque::new(), others: BTreeMap::new() }
    }

    /// The slot of `key`, if somebody still holds it.
    pub(super) fn get(&self, key: Key) -> Option<Arc<S>> {
        match self.index(key) {
            Some(index) => {
                let page = self.pages.get(index)?.as_ref()?;
                page.slots[place(key)].as_ref()?.upgrade()
            }
            None => self.others.get(&key)?.upgrade(),
        }
    }

    /// Remembers `slot` under `key`.
    pub(super) fn insert(&mut self, key: Key, slot: &Arc<S>) {
        let slot = Arc::downgrade(slot);
        if let Some(number) = self.number(key).filter(|_| self.pages.is_empty()) {
            self.first = number / PAGE;
        }
        let Some(index) = self.index(key) else {
            self.others.insert(key, slot);
            return;
        };
        if index >= self.pages.len() {
            self.pages.resize_with(index + 1, || None);
        }
        let page = self.pages[index].get_or_insert_with(|| {
            Box::new(Page { slots: [const { None }; PAGE as usize], used: 0 })
        });
        page.used += usize::from(page.slots[place(key)].replace(slot).is_none());
    }

    /// Forgets `key`, if nobody holds its slot; returns whether it did.
    pub(super) fn remove_dead(&mut self, key: Key) -> bool {
        let dead = |slot: &Weak<S>| slot.strong_count() == 0;
        let Some(index) = self.index(key) else {
            let is_dead = self.others.get(&key).is_some_and(dead);
            if is_dead {
                self.others.remove(&key);
            }
            return is_dead;
        };
        let Some(entry) = self.pages.get_mut(index) else { return false };
        let Some(page) = entry else { return false };
        let slot = &mut page.slots[place(key)];
        let is_dead = slot.as_ref().is_some_and(dead);
        if is_dead {
            *slot = None;
            page.used -= 1;
        }
        if page.used == 0 {
            *entry = None;
            while let Some(None) = self.pages.front() {
                self.pages.pop_front();
                self.first += 1;
            }
        }
        is_dead
    }

    /// Every slot that somebody still holds.
    pub(super) fn live(&self) -> impl Iterator<Item = Arc<S>> + '_ {
        let numbered = self.pages.iter().flatten().flat_map(|page| page.slots.iter().flatten());
        numbered.chain(self.others.values()).filter_map(Weak::upgrade)
    }

    /// The page of a number of the window. A number before the window is rare: it was given up, and
    /// came back from another client. It is among the others, from then on or until the window is
    /// where it was.
    fn index(&self, key: Key) -> Option<usize> {
        if self.others.contains_key(&key) {
            return None;
        }
        usize::try_from((self.number(key)? / PAGE).checked_sub(self.first)?).ok()
    }

    fn number(&self, key: Key) -> Option<u64> {
        match key.kind() {
            KeyKind::Numbered { session, number } if session == self.session => Some(number),
            KeyKind::Numbered { .. } | KeyKind::Hashed(_) => None,
        }
    }
}

fn place(key: Key) -> usize {
    match key.kind() {
        KeyKind::Numbered { number, .. } => (number % PAGE) as usize,
        KeyKind::Hashed(_) => unreachable!("only numbers have a place"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Key {
        Key::numbered(Session::truncate(7), number)
    }

    #[test]
    fn it_finds_what_is_alive_and_forgets_pages_that_are_empty() {
        let mut table = Table::new(Session::truncate(7));
        let slots: Vec<_> = (0..1000_u64).map(Arc::new).collect();
        for (number, slot) in (0..).zip(&slots) {
            table.insert(key(number), slot);
        }
        let named = Arc::new(5000);
        table.insert(Key::hashed(1), &named);
        assert_eq!(table.get(key(999)).as_deref(), Some(&999));
        assert_eq!(table.get(Key::hashed(1)).as_deref(), Some(&5000));
        assert_eq!(table.get(key(1000)), None);
        assert_eq!(table.get(Key::numbered(Session::truncate(8), 1)), None);
        assert_eq!(table.live().count(), 1001);

        assert!(!table.remove_dead(key(3)) && !table.remove_dead(Key::hashed(1)));
        assert_eq!(table.live().count(), 1001);

        drop((slots, named));
        assert_eq!((table.get(key(3)), table.live().count()), (None, 0));
        for number in (0..990).filter(|number| *number != 3) {
            table.remove_dead(key(number));
        }
        assert_eq!((table.pages.len(), table.first), (4, 0));
        assert!(table.remove_dead(key(3)));
        assert_eq!((table.pages.len(), table.first), (1, 3));
        for number in 990..1000 {
            table.remove_dead(key(number));
        }
        assert!(table.remove_dead(Key::hashed(1)));
        assert_eq!((table.pages.len(), table.others.len()), (0, 0));
        let late = Arc::new(1);
        table.insert(key(100_000), &late);
        assert_eq!(table.pages.len(), 1);
        // A number that was given up comes back.
        let back = Arc::new(2);
        table.insert(key(5), &back);
        assert_eq!((table.get(key(5)), table.live().count()), (Some(Arc::clone(&back)), 2));
        drop(back);
        assert!(table.remove_dead(key(5)) && table.others.is_empty());
    }
}
