//! What a worker holds, with a real file beside it.

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

fn writes(relief: &Relief) -> Vec<u64> {
    relief.writes.iter().map(|(run, _)| run.counter).collect()
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
fn what_was_used_least_recently_goes_to_disk_and_comes_back_the_same() {
    let (mut store, spill, now) = (store(10), spill(), Instant::ZERO);
    for n in 1..=4 {
        drop(store.insert(run(n), value(b'a' + n as u8, 4)));
    }
    drop(store.get(run(1)));
    let relief = store.relieve(now);
    assert_eq!(writes(&relief), [2, 3]);
    assert!(store.is_choked() && store.relieve(now).writes.is_empty());
    for (run, value) in &relief.writes {
        let piece = spill.write(&value.bytes().unwrap()).unwrap();
        assert!(store.written(*run, value, Arc::new(piece)).value.is_some());
    }
    assert!(!store.is_choked());
    assert_eq!((store.resident, store.writing), (8 << 10, 0));
    let back = store.get(run(2)).unwrap();
    assert_eq!(back.bytes().unwrap(), vec![b'c'; 4 << 10]);
    // Now it is in memory and on disk: to make room, it need not be written again.
    drop((store.get(run(4)), store.get(run(1))));
    let relief = store.relieve(now);
    assert_eq!((relief.dropped.len(), relief.writes.len()), (1, 0));
    assert!(Arc::ptr_eq(&relief.dropped[0], &back));
    assert_eq!(store.get(run(3)).unwrap().bytes().unwrap(), vec![b'd'; 4 << 10]);
    for n in 1..=4 {
        assert_eq!(store.remove(run(n)).piece.is_some(), n == 2 || n == 3);
    }
    assert_eq!((store.resident, store.writing, store.by_use.len()), (0, 0, 0));
}

#[test]
fn what_goes_while_it_is_written_leaves_a_piece_that_nobody_needs() {
    let (mut store, spill, now) = (store(1), spill(), Instant::ZERO);
    drop(store.insert(run(1), value(b'a', 4)));
    let (first, written) = store.relieve(now).writes.pop().unwrap();
    // The run of this number made something else meanwhile.
    drop(store.insert(run(1), value(b'b', 4)));
    let piece = Arc::new(spill.write(&written.bytes().unwrap()).unwrap());
    assert!(store.written(first, &written, piece).piece.is_some());
    assert_eq!(store.get(run(1)).unwrap().bytes().unwrap(), vec![b'b'; 4 << 10]);
    assert_eq!(writes(&store.relieve(now)), [1]);
    drop(store.remove(run(1)));
    assert_eq!((store.resident, store.writing), (0, 0));
}

#[test]
fn what_cannot_be_written_stays_and_is_tried_again_after_a_rest() {
    let (mut store, now) = (store(1), Instant::ZERO);
    drop(store.insert(run(1), value(b'a', 4)));
    let (run, value) = store.relieve(now).writes.pop().unwrap();
    store.not_written(run, &value, Unwritten::Disk, now);
    assert!(!store.is_choked());
    assert!(store.relieve(now).writes.is_empty());
    assert_eq!(store.get(run).unwrap().bytes().unwrap(), value.bytes().unwrap());
    let later = now + Duration::from_millis(2_000);
    assert_eq!(store.relieve(later).writes.len(), 1);
}

#[test]
fn what_has_no_bytes_stays_and_holds_up_nobody() {
    let (mut store, now) = (store(1), Instant::ZERO);
    drop(store.insert(run(1), value(b'a', 4)));
    let (mute, value_of_it) = store.relieve(now).writes.pop().unwrap();
    store.not_written(mute, &value_of_it, Unwritten::Value, now);
    drop(store.get(mute));
    drop(store.insert(run(2), value(b'b', 4)));
    assert_eq!(writes(&store.relieve(now)), [2]);
}

#[test]
fn while_the_disk_rests_what_is_on_it_leaves_memory_all_the_same() {
    let (mut store, spill, now) = (store(4), spill(), Instant::ZERO);
    drop(store.insert(run(1), value(b'a', 4)));
    drop(store.insert(run(2), value(b'b', 4)));
    let (first, written) = store.relieve(now).writes.pop().unwrap();
    let piece = Arc::new(spill.write(&written.bytes().unwrap()).unwrap());
    drop(store.written(first, &written, piece));
    drop(store.insert(run(3), value(b'c', 4)));
    let (second, unwritten) = store.relieve(now).writes.pop().unwrap();
    store.not_written(second, &unwritten, Unwritten::Disk, now);
    drop((store.get(first), store.get(second), store.get(run(3))));
    let relief = store.relieve(now);
    assert_eq!((relief.dropped.len(), relief.writes.len()), (1, 0));
}

/// What the counters say of what is held.
fn check(store: &Store) {
    let (mut resident, mut writing, mut spilled) = (0, 0, 0);
    for (run, held) in &store.held {
        let value = held.value.as_ref();
        assert!(value.is_some() || held.on_disk.is_some());
        let nbytes = value.map_or(0, |value| value.nbytes());
        resident += nbytes;
        writing += if held.is_being_written { nbytes } else { 0 };
        let on_disk = held.on_disk.as_ref().filter(|_| value.is_none());
        spilled += on_disk.map_or(0, |on_disk| on_disk.nbytes());
        let may_leave = value.is_some() && !held.is_being_written && !held.stays;
        assert_eq!(held.used.is_some(), may_leave);
        assert!(held.used.is_none_or(|used| store.by_use.get(&used) == Some(run)));
    }
    assert_eq!((store.in_memory(), store.spilled()), ((resident, writing), spilled));
    assert!(store.by_use.len() <= store.held.len());
}

proptest! {
    #[test]
    fn whatever_happens_each_value_is_what_was_kept_and_the_counters_are_right(
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
                    let (run, value): (_, Arc<Value>) = under_way.remove(0);
                    let piece = spill.write(&value.bytes().unwrap()).unwrap();
                    drop(store.written(run, &value, Arc::new(piece)));
                }
                _ => {
                    let (run, value) = under_way.remove(0);
                    let why = [Unwritten::Disk, Unwritten::Value][turn % 2];
                    store.not_written(run, &value, why, now);
                }
            }
            now = now + Duration::from_millis(300);
            under_way.extend(store.relieve(now).writes);
            check(&store);
        }
        for (n, bytes) in model {
            prop_assert_eq!(store.get(run(n)).unwrap().bytes().unwrap(), bytes);
            drop(store.remove(run(n)));
        }
        check(&store);
    }
}

#[test]
fn small_values_stay() {
    let mut store = store(0);
    let small = Arc::new(Value::from_bytes(ValueType::default(), Bytes::from_static(b"small")));
    drop(store.insert(run(1), small));
    assert!(store.relieve(Instant::ZERO).writes.is_empty());
}
