//! What a store chooses, with names for values and numbers for places on a disk.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const NOW: Instant = Instant::ZERO;
/// Values of fewer bytes stay.
const LEAST: u64 = 10;

type Names = Store<&'static str, u32>;

fn run(counter: u64) -> RunId {
    RunId { epoch: 1, counter }
}

fn store(target: u64) -> Names {
    Store::new(Limits { target, pause: target + target / 4, ..Limits::NONE }, LEAST)
}

fn removed(value: Option<&'static str>, on_disk: Option<u32>) -> Removed<&'static str, u32> {
    Removed { value, on_disk }
}

/// Reads what must not be read.
fn unread(_: &u32) -> &'static str {
    unreachable!("it is in memory")
}

/// What is to be written now: the runs of it.
fn writes(store: &mut Names, now: Instant) -> Vec<(Ticket, &'static str)> {
    let relief = store.relieve(now);
    assert_eq!(relief.dropped, [""; 0]);
    relief.writes
}

#[test]
fn a_value_is_there_until_it_is_removed_or_another_one_comes() {
    let mut store = Store::<_, u32>::new(Limits::NONE, LEAST);
    assert_eq!(store.insert(run(1), 30, "a"), removed(None, None));
    assert_eq!(store.insert(run(2), 40, "b"), removed(None, None));
    assert_eq!(store.get(run(1), unread), Some("a"));
    assert_eq!(store.insert(run(2), 50, "c"), removed(Some("b"), None));
    assert_eq!((store.in_memory(), store.spilled(), store.len()), ((80, 0), 0, 2));
    assert_eq!(store.remove(run(1)), removed(Some("a"), None));
    assert_eq!(store.remove(run(1)), removed(None, None));
    assert_eq!(store.get(run(1), unread), None);
    assert_eq!(store.check(NOW), Ok(()));
    assert!(store.take_all().eq([removed(Some("c"), None)]));
    assert!(store.is_empty() && store.in_memory() == (0, 0));
}

#[test]
fn what_was_used_least_recently_is_written_and_leaves_memory() {
    let mut store = store(100);
    for (n, name) in (1..).zip(["a", "b", "c", "d"]) {
        store.insert(run(n), 40, name);
    }
    assert_eq!(store.get(run(1), unread), Some("a"));
    assert_eq!(store.check(NOW), Err(Fault::TooMuch));
    let leaving = writes(&mut store, NOW);
    let names: Vec<_> = leaving.iter().map(|(ticket, name)| (ticket.run, *name)).collect();
    assert_eq!(names, [(run(2), "b"), (run(3), "c")]);
    assert_eq!((store.in_memory(), store.is_choked()), ((160, 80), true));
    assert_eq!(writes(&mut store, NOW), []);
    for (n, (ticket, name)) in (1..).zip(leaving) {
        assert_eq!(store.written(ticket, n), removed(Some(name), None));
    }
    assert_eq!((store.in_memory(), store.spilled(), store.is_choked()), ((80, 0), 80, false));
    assert_eq!(store.check(NOW), Ok(()));
}

#[test]
fn what_was_read_back_is_on_disk_still_and_need_not_be_written_again() {
    let mut store = store(50);
    store.insert(run(1), 40, "a");
    store.insert(run(2), 40, "b");
    let (ticket, _) = writes(&mut store, NOW)[0];
    store.written(ticket, 7);
    let read = |place: &u32| if *place == 7 { "a, read" } else { "another one" };
    assert_eq!(store.get(run(1), read), Some("a, read"));
    assert_eq!(store.get(run(1), unread), Some("a, read"));
    assert_eq!((store.in_memory(), store.spilled()), ((80, 0), 0));
    store.get(run(2), unread);
    let relief = store.relieve(NOW);
    assert_eq!(relief, Relief { dropped: vec!["a, read"], writes: vec![] });
    assert_eq!(store.remove(run(1)), removed(None, Some(7)));
    assert_eq!((store.in_memory(), store.spilled()), ((40, 0), 0));
    assert_eq!(store.check(NOW), Ok(()));
}

#[test]
fn what_goes_while_it_is_written_leaves_a_place_that_nobody_needs() {
    let mut store = store(10);
    store.insert(run(1), 40, "a");
    let (ticket, _) = writes(&mut store, NOW)[0];
    // The run of this number made something else meanwhile, which is to be written, too.
    assert_eq!(store.insert(run(1), 40, "b"), removed(Some("a"), None));
    let (second, _) = writes(&mut store, NOW)[0];
    assert_eq!(store.written(ticket, 1), removed(None, Some(1)));
    assert_eq!(store.get(run(1), unread), Some("b"));
    assert_eq!(store.remove(run(1)), removed(Some("b"), None));
    assert_eq!(store.written(second, 2), removed(None, Some(2)));
    store.not_written(second, Unwritten::Value, NOW);
    assert_eq!((store.in_memory(), store.check(NOW)), ((0, 0), Ok(())));
}

#[test]
fn what_the_disk_refuses_stays_and_is_tried_again_after_a_rest() {
    let mut store = store(50);
    store.insert(run(1), 40, "a");
    store.insert(run(2), 40, "b");
    let (ticket, _) = writes(&mut store, NOW)[0];
    store.not_written(ticket, Unwritten::Disk, NOW);
    assert!(store.is_disk_refusing() && !store.is_choked());
    let soon = NOW + REST / 2;
    assert_eq!((writes(&mut store, soon), store.check(soon)), (vec![], Ok(())));
    assert_eq!(store.check(NOW + REST), Err(Fault::TooMuch));
    let (ticket, name) = writes(&mut store, NOW + REST)[0];
    assert_eq!(name, "b", "what was to be written is as if it had just been used");
    store.written(ticket, 1);
    assert!(!store.is_disk_refusing());
}

#[test]
fn while_the_disk_rests_what_is_on_it_leaves_memory_all_the_same() {
    let mut store = store(50);
    store.insert(run(1), 40, "a");
    store.insert(run(2), 40, "b");
    let (ticket, _) = writes(&mut store, NOW)[0];
    store.written(ticket, 1);
    store.insert(run(3), 40, "c");
    let (ticket, _) = writes(&mut store, NOW)[0];
    store.not_written(ticket, Unwritten::Disk, NOW);
    store.get(run(1), |_| "a, read");
    store.get(run(3), unread);
    let relief = store.relieve(NOW);
    assert_eq!(relief, Relief { dropped: vec!["a, read"], writes: vec![] });
}

#[test]
fn what_cannot_be_written_and_what_is_small_stay_and_hold_up_nobody() {
    let mut store = store(50);
    store.insert(run(1), 40, "mute");
    store.insert(run(2), LEAST - 1, "small");
    store.insert(run(3), 40, "c");
    let (ticket, name) = writes(&mut store, NOW)[0];
    assert_eq!(name, "mute");
    store.not_written(ticket, Unwritten::Value, NOW);
    assert!(!store.is_disk_refusing());
    store.get(run(1), unread);
    store.get(run(2), unread);
    let (ticket, name) = writes(&mut store, NOW)[0];
    assert_eq!(name, "c");
    store.written(ticket, 1);
    store.insert(run(4), 60, "d");
    store.get(run(4), unread);
    assert_eq!(writes(&mut store, NOW).len(), 1);
    assert_eq!((store.in_memory(), store.check(NOW)), ((100, 60), Ok(())));
}

#[test]
fn less_may_be_allowed_than_the_target_and_never_more() {
    let mut store = store(100);
    store.insert(run(1), 60, "a");
    store.insert(run(2), 60, "b");
    store.allow(200);
    assert_eq!(writes(&mut store, NOW).len(), 1);
    store.allow(59);
    assert_eq!(writes(&mut store, NOW).len(), 1);
    assert_eq!(writes(&mut store, NOW), []);
}

proptest! {
    #[test]
    fn whatever_happens_each_value_is_what_was_kept_and_all_is_as_it_must_be(
        steps in prop::collection::vec((0..7_u8, 1..8_u64, 5..40_u64), 0..200)
    ) {
        let (mut store, mut now) = (Store::<u64, u64>::new(store(90).limits, LEAST), NOW);
        let (mut model, mut under_way, mut disk) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        for (turn, (step, n, nbytes)) in (0_u64..).zip(steps) {
            let gone = match step {
                0 | 1 => {
                    model.insert(n, turn);
                    Some(store.insert(run(n), nbytes, turn))
                }
                2 | 3 => {
                    let held = store.get(run(n), |place| disk[place]);
                    prop_assert_eq!(held, model.get(&n).copied());
                    None
                }
                4 => {
                    model.remove(&n);
                    Some(store.remove(run(n)))
                }
                _ if under_way.is_empty() => None,
                5 => {
                    let (ticket, value) = under_way.remove(0);
                    disk.insert(turn, value);
                    Some(store.written(ticket, turn))
                }
                _ => {
                    let why = [Unwritten::Disk, Unwritten::Value][(turn % 2) as usize];
                    store.not_written(under_way.remove(0).0, why, now);
                    None
                }
            };
            disk.retain(|place, _| gone.as_ref().is_none_or(|gone| gone.on_disk != Some(*place)));
            now = now + Duration::from_millis(300);
            under_way.extend(store.relieve(now).writes);
            prop_assert_eq!(store.check(now), Ok(()));
            let places: BTreeSet<_> = store.iter().filter_map(|(_, place)| place).collect();
            prop_assert!(places.into_iter().eq(disk.keys()));
        }
        for (n, value) in model {
            prop_assert_eq!(store.get(run(n), |place| disk[place]), Some(value));
            store.remove(run(n));
        }
        prop_assert_eq!((store.in_memory(), store.spilled(), store.check(now)), ((0, 0), 0, Ok(())));
    }
}
