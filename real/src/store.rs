//! The values that a worker holds, by the run that made each: in memory, on disk, or both.
//!
//! When those in memory are more than they may be, those that were used least recently leave it. A
//! body that uses a value has a handle of its own. This module must not know why a value is kept, or
//! for whom; it writes nothing to disk itself.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use raddle_core::memory::Limits;
use raddle_core::time::{Duration, Instant};
use raddle_net::names::RunId;

use crate::spill::Piece;
use crate::value::{OnDisk, Value};

/// Values of fewer bytes stay in memory: a file is no place for them.
const LEAST: u64 = 1 << 10;
/// How long nothing is written after the disk has failed.
pub(crate) const REST: Duration = Duration::from_millis(1_000);
/// Values that are looked at for one that is on disk already, while nothing is written.
const LOOK: usize = 64;

/// Values by run.
#[derive(Debug)]
pub(crate) struct Store {
    held: BTreeMap<RunId, Held>,
    /// Those that may leave memory, by their last use.
    by_use: BTreeMap<u64, RunId>,
    /// Uses so far.
    uses: u64,
    /// Bytes in memory, of values that are large enough to leave it.
    resident: u64,
    /// Of these, those that are being written.
    writing: u64,
    /// Bytes on disk alone.
    spilled: u64,
    limits: Limits,
    /// Bytes in memory beyond which some go to disk: the target, or less.
    allowed: u64,
    /// Nothing is written before.
    rests_until: Instant,
    /// The disk failed when something was last written.
    is_disk_refusing: bool,
}

/// A value. Invariant: in memory, on disk, or both.
#[derive(Debug)]
struct Held {
    value: Option<Arc<Value>>,
    on_disk: Option<OnDisk>,
    /// Its place in `by_use`, if it has one.
    used: Option<u64>,
    is_being_written: bool,
    /// It has no bytes: its `Serialize` gave up.
    stays: bool,
}

/// Why a value stays in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwritten {
    /// The disk is full, or worse.
    Disk,
    /// It cannot be made bytes of.
    Value,
}

/// What is given up: to be dropped where the value's destructor may take its time, and where waiting
/// for the disk hurts nobody.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    /// The value, if it was in memory.
    pub(crate) value: Option<Arc<Value>>,
    /// Its piece of the file, if it was on disk.
    pub(crate) piece: Option<Arc<Piece>>,
}

/// What must happen so that less is in memory.
#[derive(Debug, Default)]
pub(crate) struct Relief {
    /// These are on disk already.
    pub(crate) dropped: Vec<Arc<Value>>,
    /// To be written.
    pub(crate) writes: Vec<(RunId, Arc<Value>)>,
}

impl Store {
    /// Holds nothing, and no more in memory than `limits` say, if it can.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            held: BTreeMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            resident: 0,
            writing: 0,
            spilled: 0,
            limits,
            allowed: limits.target,
            rests_until: Instant::ZERO,
            is_disk_refusing: false,
        }
    }

    /// Keeps `value` as what `run` made; returns what was there.
    pub(crate) fn insert(&mut self, run: RunId, value: Arc<Value>) -> Removed {
        let removed = self.remove(run);
        let nbytes = value.nbytes();
        let value = Some(value);
        let held = Held { value, on_disk: None, used: None, is_being_written: false, stays: false };
        self.held.insert(run, held);
        if nbytes >= LEAST {
            self.resident += nbytes;
            self.touch(run);
        }
        removed
    }

    /// What `run` made, if it is here. If it is on disk alone, it is read when it is first looked at,
    /// and counts as in memory from now on.
    pub(crate) fn get(&mut self, run: RunId) -> Option<Arc<Value>> {
        let held = self.held.get_mut(&run)?;
        let value = match (&held.value, &held.on_disk) {
            (Some(value), _) => Arc::clone(value),
            (None, Some(on_disk)) => {
                let value = Arc::new(Value::from_disk(on_disk));
                self.resident += value.nbytes();
                self.spilled -= value.nbytes();
                held.value = Some(Arc::clone(&value));
                value
            }
            (None, None) => unreachable!("a value is in memory or on disk"),
        };
        if value.nbytes() >= LEAST && !held.is_being_written {
            self.touch(run);
        }
        Some(value)
    }

    /// Gives up what `run` made.
    pub(crate) fn remove(&mut self, run: RunId) -> Removed {
        let Some(held) = self.held.remove(&run) else { return Removed::default() };
        if let Some(used) = held.used {
            self.by_use.remove(&used);
        }
        let nbytes = held.value.as_ref().map_or(0, |value| value.nbytes());
        if nbytes >= LEAST {
            self.resident -= nbytes;
            self.writing -= if held.is_being_written { nbytes } else { 0 };
        }
        if let (None, Some(on_disk)) = (&held.value, &held.on_disk) {
            self.spilled -= on_disk.nbytes();
        }
        Removed { value: held.value, piece: held.on_disk.map(|on_disk| on_disk.piece) }
    }

    /// Chooses what leaves memory, if there is too much.
    pub(crate) fn relieve(&mut self, now: Instant) -> Relief {
        let mut relief = Relief::default();
        let may_write = now >= self.rests_until;
        while self.resident - self.writing > self.allowed {
            let may_go = |(_, run): &(&u64, &RunId)| {
                may_write || self.held.get(run).is_some_and(|held| held.on_disk.is_some())
            };
            let first = self.by_use.iter().take(LOOK).find(may_go);
            let Some((&used, &run)) = first else { break };
            let held = self.held.get_mut(&run).expect("what is used is held");
            self.by_use.remove(&used);
            held.used = None;
            let value = held.value.take().expect("only what is in memory is used");
            if held.on_disk.is_some() {
                self.resident -= value.nbytes();
                self.spilled += value.nbytes();
                relief.dropped.push(value);
            } else {
                self.writing += value.nbytes();
                held.is_being_written = true;
                held.value = Some(Arc::clone(&value));
                relief.writes.push((run, value));
            }
        }
        relief
    }

    /// `value` of `run` is on disk: it leaves memory. If it is not held any more, the piece is of no
    /// use.
    pub(crate) fn written(&mut self, run: RunId, value: &Arc<Value>, piece: Arc<Piece>) -> Removed {
        let Some(held) = self.writing(run, value) else {
            return Removed { value: None, piece: Some(piece) };
        };
        held.on_disk = Some(value.to_disk(piece));
        let removed = held.value.take();
        self.resident -= value.nbytes();
        self.spilled += value.nbytes();
        self.is_disk_refusing = false;
        Removed { value: removed, piece: None }
    }

    /// `value` of `run` could not be written at `now`: it stays in memory, and if that was not its own
    /// fault, it is tried again later.
    pub(crate) fn not_written(
        &mut self,
        run: RunId,
        value: &Arc<Value>,
        why: Unwritten,
        now: Instant,
    ) {
        if why == Unwritten::Disk {
            self.rests_until = now + REST;
            self.is_disk_refusing = true;
        }
        if let Some(held) = self.writing(run, value) {
            held.stays = why == Unwritten::Value;
            self.touch(run);
        }
    }

    /// Whether bodies should wait until something has been written.
    pub(crate) const fn is_choked(&self) -> bool {
        self.writing > 0 && self.resident > self.limits.pause
    }

    /// From now on values of no more bytes than this stay in memory, if that is less than the target.
    pub(crate) fn allow(&mut self, bytes: u64) {
        self.allowed = bytes.min(self.limits.target);
    }

    /// Bytes of values in memory, and those of them that are on their way to disk.
    pub(crate) const fn in_memory(&self) -> (u64, u64) {
        (self.resident, self.writing)
    }

    /// Bytes of values on disk alone.
    pub(crate) const fn spilled(&self) -> u64 {
        self.spilled
    }

    /// Whether the disk failed when something was last written.
    pub(crate) const fn is_disk_refusing(&self) -> bool {
        self.is_disk_refusing
    }

    /// How many there are.
    #[cfg(madsim)]
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Gives up everything.
    pub(crate) fn take_all(&mut self) -> Vec<Removed> {
        (self.resident, self.writing, self.spilled) = (0, 0, 0);
        self.by_use.clear();
        let held = mem::take(&mut self.held).into_values();
        held.map(|Held { value, on_disk, .. }| {
            let piece = on_disk.map(|on_disk| on_disk.piece);
            Removed { value, piece }
        })
        .collect()
    }

    /// What is held for `run`, if it is still this value that is being written. It is no more.
    fn writing(&mut self, run: RunId, value: &Arc<Value>) -> Option<&mut Held> {
        let held = self.held.get_mut(&run).filter(|held| held.is_being_written)?;
        if !held.value.as_ref().is_some_and(|held| Arc::ptr_eq(held, value)) {
            return None;
        }
        held.is_being_written = false;
        self.writing -= value.nbytes();
        Some(held)
    }

    /// It is used now.
    fn touch(&mut self, run: RunId) {
        if self.limits.target == u64::MAX {
            return;
        }
        let Some(held) = self.held.get_mut(&run).filter(|held| !held.stays) else { return };
        self.uses += 1;
        if let Some(before) = held.used.replace(self.uses) {
            self.by_use.remove(&before);
        }
        self.by_use.insert(self.uses, run);
    }
}

#[cfg(test)]
mod tests {
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
        Store::new(Limits { target: target << 10, spill: pause, pause })
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
        let sizes: Vec<_> = store
            .take_all()
            .iter()
            .map(|removed| removed.value.as_ref().unwrap().nbytes())
            .collect();
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
}
