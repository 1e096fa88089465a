//! What a worker holds, with a real file beside it. What leaves memory when is tested where it is
//! decided.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use raddle_net::payload::ValueType;

use super::*;
use crate::spill::Spill;

fn run(counter: u64) -> RunId {
    RunId { epoch: 1, counter }
}

/// So many KiB, of this letter.
fn value(letter: u8, kib: usize) -> Arc<Value> {
    Arc::new(Value::from_bytes(ValueType::default(), Bytes::from(vec![letter; kib << 10])))
}

fn store(target: u64) -> Store {
    let pause = (target << 10) + (target << 8);
    Store::new(Limits { target: target << 10, spill: pause, pause, ..Limits::NONE })
}

fn spill() -> Spill {
    Spill::new(std::env::temp_dir(), u64::MAX)
}

#[test]
fn a_value_is_there_until_it_is_removed_and_each_handle_is_counted() {
    let mut store = Store::new(Limits::NONE);
    assert!(store.insert(run(1), value(b'a', 3)).value.is_none());
    let handle = store.get(run(1)).unwrap();
    assert_eq!((Arc::strong_count(&handle), handle.nbytes()), (2, 3 << 10));
    drop(store.remove(run(1)));
    assert_eq!(Arc::strong_count(&handle), 1);
    assert!(store.get(run(1)).is_none());
    assert!(store.remove(run(1)).value.is_none());
}

#[test]
fn everything_can_be_given_up_at_once() {
    let mut store = Store::new(Limits::NONE);
    drop(store.insert(run(1), value(b'a', 1)));
    drop(store.insert(run(2), value(b'b', 2)));
    let replaced = store.insert(run(2), value(b'c', 3)).value.unwrap();
    assert_eq!(replaced.nbytes(), 2 << 10);
    let sizes: Vec<_> =
        store.take_all().iter().map(|removed| removed.value.as_ref().unwrap().nbytes()).collect();
    assert_eq!(sizes, [1 << 10, 3 << 10]);
    assert!(store.get(run(1)).is_none());
}

#[test]
fn what_goes_to_disk_leaves_memory_and_comes_back_the_same() {
    let (mut store, spill, now) = (store(4), spill(), Instant::ZERO);
    drop(store.insert(run(1), value(b'a', 4)));
    drop(store.insert(run(2), value(b'b', 4)));
    let mut writes = store.relieve(now).writes;
    let (ticket, written) = writes.pop().unwrap();
    assert!(ticket.run == run(1) && writes.is_empty());
    let piece = spill.write(&written.bytes().unwrap()).unwrap();
    assert!(store.written(ticket, &written, Arc::new(piece)).value.is_some());
    assert_eq!((Arc::strong_count(&written), store.in_memory()), (1, (4 << 10, 0)));
    let back = store.get(run(1)).unwrap();
    assert!(back.is_away(), "it is read when it is looked at");
    assert_eq!(back.bytes().unwrap(), vec![b'a'; 4 << 10]);
    drop(store.get(run(2)));
    let relief = store.relieve(now);
    assert!(Arc::ptr_eq(&relief.dropped[0], &back) && relief.writes.is_empty());
    let removed = store.remove(run(1));
    assert!(removed.value.is_none() && removed.piece.is_some());
}

#[test]
fn small_values_stay() {
    let mut store = store(0);
    let small = Arc::new(Value::from_bytes(ValueType::default(), Bytes::from_static(b"small")));
    drop(store.insert(run(1), small));
    assert!(store.relieve(Instant::ZERO).writes.is_empty());
}

proptest! {
    #[test]
    fn whatever_happens_each_value_is_what_was_kept(
        steps in prop::collection::vec((0..6_u8, 1..8_u64, 1..6_usize), 0..200)
    ) {
        let (mut store, spill, mut now) = (store(12), spill(), Instant::ZERO);
        let (mut model, mut under_way) = (BTreeMap::new(), Vec::new());
        for (turn, (step, n, kib)) in steps.into_iter().enumerate() {
            match step {
                0 | 1 => {
                    drop(store.insert(run(n), value(turn as u8, kib)));
                    model.insert(n, vec![turn as u8; kib << 10]);
                }
                2 => {
                    let held = store.get(run(n)).map(|value| value.bytes().unwrap().to_vec());
                    prop_assert_eq!(held.as_ref(), model.get(&n));
                }
                3 => {
                    drop(store.remove(run(n)));
                    model.remove(&n);
                }
                _ if under_way.is_empty() => {}
                4 => {
                    let (ticket, value): (_, Arc<Value>) = under_way.remove(0);
                    let piece = spill.write(&value.bytes().unwrap()).unwrap();
                    drop(store.written(ticket, &value, Arc::new(piece)));
                }
                _ => {
                    let (ticket, _) = under_way.remove(0);
                    store.not_written(ticket, [Unwritten::Disk, Unwritten::Value][turn % 2], now);
                }
            }
            now = now + Duration::from_millis(300);
            under_way.extend(store.relieve(now).writes);
            prop_assert_eq!(store.0.check(now), Ok(()));
        }
        for (n, bytes) in model {
            prop_assert_eq!(store.get(run(n)).unwrap().bytes().unwrap(), bytes);
            drop(store.remove(run(n)));
        }
        prop_assert_eq!((store.in_memory(), store.spilled()), ((0, 0), 0));
    }
}
