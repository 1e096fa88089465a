//! The values that a worker holds, by the run that made each: in memory, on disk, or both.
//!
//! When those in memory are more than they may be, those that were used least recently leave it. A
//! body that uses a value has a handle of its own. This module must not know why a value is kept, or
//! for whom; it writes nothing to disk itself.

#[cfg(test)]
mod tests;

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
