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
        match self.number(key) {
            Some(number) => {
                let index = (number / PAGE).checked_sub(self.first)?;
                let page = self.pages.get(usize::try_from(index).ok()?)?.as_ref()?;
                page.slots[place(number)].as_ref()?.upgrade()
            }
            None => self.others.get(&key)?.upgrade(),
        }
    }

    /// Remembers `slot` under `key`. A number must not be below every number in use by more than
    /// the table ever held: numbers ascend.
    pub(super) fn insert(&mut self, key: Key, slot: &Arc<S>) {
        let slot = Arc::downgrade(slot);
        let Some(number) = self.number(key) else {
            self.others.insert(key, slot);
            return;
        };
        let page = number / PAGE;
        if self.pages.is_empty() {
            self.first = page;
        }
        let index = page.checked_sub(self.first).expect("numbers are drawn in ascending order");
        let index = usize::try_from(index).expect("pages that fit in memory");
        if index >= self.pages.len() {
            self.pages.resize_with(index + 1, || None);
        }
        let page = self.pages[index].get_or_insert_with(|| {
            Box::new(Page { slots: [const { None }; PAGE as usize], used: 0 })
        });
        page.used += usize::from(page.slots[place(number)].replace(slot).is_none());
    }

    /// Forgets `key`, if nobody holds its slot; returns whether it did.
    pub(super) fn remove_dead(&mut self, key: Key) -> bool {
        let dead = |slot: &Weak<S>| slot.strong_count() == 0;
        let Some(number) = self.number(key) else {
            let is_dead = self.others.get(&key).is_some_and(dead);
            if is_dead {
                self.others.remove(&key);
            }
            return is_dead;
        };
        let Some(index) = (number / PAGE).checked_sub(self.first) else { return false };
        let Some(entry) = usize::try_from(index).ok().and_then(|i| self.pages.get_mut(i)) else {
            return false;
        };
        let Some(page) = entry else { return false };
        let slot = &mut page.slots[place(number)];
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

    fn number(&self, key: Key) -> Option<u64> {
        match key.kind() {
            KeyKind::Numbered { session, number } if session == self.session => Some(number),
            KeyKind::Numbered { .. } | KeyKind::Hashed(_) => None,
        }
    }
}

const fn place(number: u64) -> usize {
    (number % PAGE) as usize
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
    }
}
