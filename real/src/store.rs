//! The values that a worker holds, by the run that made each.
//!
//! A body that uses a value has a handle of its own. This module must not know why a value is kept,
//! or for whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use raddle_net::names::RunId;

use crate::value::Value;

/// Values by run.
#[derive(Debug, Default)]
pub(crate) struct Store {
    values: BTreeMap<RunId, Arc<Value>>,
}

impl Store {
    /// Keeps `value` as what `run` made; returns what was there.
    pub(crate) fn insert(&mut self, run: RunId, value: Arc<Value>) -> Option<Arc<Value>> {
        self.values.insert(run, value)
    }

    /// What `run` made, if it is here.
    pub(crate) fn get(&self, run: RunId) -> Option<Arc<Value>> {
        self.values.get(&run).cloned()
    }

    /// Gives up what `run` made. The caller drops it where the value's destructor may take its time.
    pub(crate) fn remove(&mut self, run: RunId) -> Option<Arc<Value>> {
        self.values.remove(&run)
    }

    /// How many there are.
    #[cfg(madsim)]
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Gives up everything.
    pub(crate) fn take_all(&mut self) -> Vec<Arc<Value>> {
        std::mem::take(&mut self.values).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use raddle_net::payload::ValueType;

    use super::*;

    fn run(counter: u64) -> RunId {
        RunId { epoch: 1, counter }
    }

    fn value(bytes: &'static [u8]) -> Arc<Value> {
        Arc::new(Value::from_bytes(ValueType::default(), Bytes::from_static(bytes)))
    }

    #[test]
    fn a_value_is_there_until_it_is_removed_and_each_handle_is_counted() {
        let mut store = Store::default();
        assert!(store.insert(run(1), value(b"one")).is_none());
        let handle = store.get(run(1)).unwrap();
        assert_eq!((Arc::strong_count(&handle), handle.nbytes()), (2, 3));
        drop(store.remove(run(1)));
        assert_eq!(Arc::strong_count(&handle), 1);
        assert!(store.get(run(1)).is_none());
        assert!(store.remove(run(1)).is_none());
    }

    #[test]
    fn everything_can_be_given_up_at_once() {
        let mut store = Store::default();
        drop(store.insert(run(1), value(b"a")));
        drop(store.insert(run(2), value(b"bc")));
        let replaced = store.insert(run(2), value(b"def")).unwrap();
        assert_eq!(replaced.nbytes(), 2);
        let sizes: Vec<_> = store.take_all().iter().map(|value| value.nbytes()).collect();
        assert_eq!(sizes, [1, 3]);
        assert!(store.get(run(1)).is_none());
    }
}
