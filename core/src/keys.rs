//! A table by key: numbered keys are found by array index, only hashed ones by search.
//!
//! This module must not know what is kept under a key.

use std::collections::BTreeMap;

use raddle_net::names::{Key, KeyKind, Session};

mod pages;

use self::pages::Pages;

/// What is kept under each key.
#[derive(Clone, Debug)]
pub struct KeyTable<V> {
    hashed: BTreeMap<u128, V>,
    numbered: BTreeMap<Session, Pages<V>>,
    len: usize,
}

impl<V: Copy> KeyTable<V> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { hashed: BTreeMap::new(), numbered: BTreeMap::new(), len: 0 }
    }

    /// How many keys there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What is kept under `key`.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<V> {
        match key.kind() {
            KeyKind::Hashed(hash) => self.hashed.get(&hash).copied(),
            KeyKind::Numbered { session, number } => self.numbered.get(&session)?.get(number),
        }
    }

    /// Keeps `value` under `key`; returns what was there.
    pub fn insert(&mut self, key: Key, value: V) -> Option<V> {
        let previous = match key.kind() {
            KeyKind::Hashed(hash) => self.hashed.insert(hash, value),
            KeyKind::Numbered { session, number } => {
                self.numbered.entry(session).or_default().insert(number, value)
            }
        };
        self.len += usize::from(previous.is_none());
        previous
    }

    /// Removes `key`; returns what was there. Nothing is left of an empty page or session.
    pub fn remove(&mut self, key: Key) -> Option<V> {
        let removed = match key.kind() {
            KeyKind::Hashed(hash) => self.hashed.remove(&hash),
            KeyKind::Numbered { session, number } => self.remove_numbered(session, number),
        };
        self.len -= usize::from(removed.is_some());
        removed
    }

    fn remove_numbered(&mut self, session: Session, number: u64) -> Option<V> {
        let pages = self.numbered.get_mut(&session)?;
        let removed = pages.remove(number);
        if pages.is_empty() {
            self.numbered.remove(&session);
        }
        removed
    }

    /// All keys with what is kept under them, in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (Key, V)> + '_ {
        self.iter_after(None)
    }

    /// Those of [`Self::iter`] that come after a key, found without passing those before.
    pub fn iter_after(&self, after: Option<Key>) -> impl Iterator<Item = (Key, V)> + '_ {
        let (session, from, hash) = match after.map(Key::kind) {
            None => (Some(Session::truncate(0)), 0, None),
            Some(KeyKind::Numbered { session, number }) => (Some(session), number, None),
            Some(KeyKind::Hashed(hash)) => (None, 0, Some(hash)),
        };
        let sessions = session.map(|session| self.numbered.range(session..));
        let numbered = sessions.into_iter().flatten().flat_map(move |(&of, pages)| {
            let from = if Some(of) == session { from } else { 0 };
            pages.iter_from(from).map(move |(number, value)| (Key::numbered(of, number), value))
        });
        let hashed = self.hashed.range(hash.unwrap_or(0)..);
        let hashed = hashed.map(|(&hash, &value)| (Key::hashed(hash), value));
        numbered.chain(hashed).filter(move |(key, _)| after.is_none_or(|after| *key > after))
    }
}

impl<V: Copy> Default for KeyTable<V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;

    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = Key> {
        let number = prop_oneof![0..200_u64, Just(u64::MAX), Just(u64::MAX - 64), 0..1_000_000_u64];
        prop_oneof![
            (0..3_u64, number).prop_map(|(s, n)| Key::numbered(Session::truncate(s), n)),
            (0..50_u128).prop_map(Key::hashed),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((key(), prop::option::of(0..9_u8)), 0..400)) {
            let (mut table, mut model) = (KeyTable::new(), BTreeMap::new());
            for (key, value) in steps {
                match value {
                    Some(value) => {
                        prop_assert_eq!(table.insert(key, value), model.insert(key, value));
                    }
                    None => prop_assert_eq!(table.remove(key), model.remove(&key)),
                }
                prop_assert_eq!(table.get(key), model.get(&key).copied());
                prop_assert_eq!(table.len(), model.len());
            }
            prop_assert!(table.iter().eq(model.iter().map(|(&key, &value)| (key, value))));
            for &after in model.keys() {
                let rest = model.range((Bound::Excluded(after), Bound::Unbounded));
                let rest = rest.map(|(&key, &value)| (key, value));
                prop_assert!(table.iter_after(Some(after)).eq(rest));
            }
            for key in model.into_keys() {
                table.remove(key);
            }
            prop_assert!(table.numbered.is_empty() && table.hashed.is_empty());
        }
    }
}
