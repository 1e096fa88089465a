//! Values of a worker by the run that made each: in memory, on disk, or both; and which of them leave
//! memory when those in it are more than they may be: those that were used least recently.
//!
//! Whoever holds a handle of a value that has left memory keeps it there, and nobody here minds. This
//! module must not know what a value is, how it is written, or how it is read.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::mem;

use raddle_net::names::RunId;

use super::Limits;
use crate::time::{Duration, Instant};

/// How long nothing is written after the disk has failed.
pub const REST: Duration = Duration::from_millis(1_000);
/// Values that are looked at for one that is on disk already, while nothing is written.
const LOOK: usize = 64;

/// Values by run: `M` is a handle of one in memory, `D` says where one is on disk.
#[derive(Clone, Debug)]
pub struct Store<M, D> {
    held: BTreeMap<RunId, Held<M, D>>,
    /// Those that may leave memory, by their last use.
    by_use: BTreeMap<u64, RunId>,
    /// Uses so far.
    uses: u64,
    /// Values so far.
    serials: u64,
    /// Bytes in memory, of values that are large enough to leave it.
    resident: u64,
    /// Of these, those that are being written.
    writing: u64,
    /// Bytes on disk alone.
    spilled: u64,
    limits: Limits,
    /// Values of fewer bytes stay in memory.
    least: u64,
    /// Bytes in memory beyond which some go to disk: the target, or less.
    allowed: u64,
    /// Nothing is written before.
    rests_until: Instant,
    /// The disk failed when something was last written.
    is_disk_refusing: bool,
}

/// A value. Invariant: in memory, on disk, or both.
#[derive(Clone, Debug)]
struct Held<M, D> {
    /// Which one it is of all that were ever held.
    serial: u64,
    nbytes: u64,
    value: Option<M>,
    on_disk: Option<D>,
    /// Its place in `by_use`, if it has one.
    used: Option<u64>,
    is_being_written: bool,
    /// It cannot be written.
    stays: bool,
}

/// A value that is to be written, and no other that the same run makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// The run that made it.
    pub run: RunId,
    serial: u64,
}

/// Why a value stays in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritten {
    /// The disk is full, or worse.
    Disk,
    /// It cannot be made bytes of.
    Value,
}

/// What is given up.
#[derive(Debug, PartialEq, Eq)]
pub struct Removed<M, D> {
    /// The value, if it was in memory.
    pub value: Option<M>,
    /// Where it is on disk, if it is.
    pub on_disk: Option<D>,
}

/// What must happen so that less is in memory.
#[derive(Debug, PartialEq, Eq)]
pub struct Relief<M> {
    /// These have left memory: they are on disk already.
    pub dropped: Vec<M>,
    /// To be written; what became of it must be told.
    pub writes: Vec<(Ticket, M)>,
}

/// What is wrong with a store: a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A value is neither in memory nor on disk.
    Nowhere(RunId),
    /// A value that could leave memory is not among those that may, or another one is.
    Order(RunId),
    /// Bytes are not what they are counted as.
    Count,
    /// There is more in memory than may be, although something could leave it.
    TooMuch,
}

impl<M: Clone, D> Store<M, D> {
    /// Holds nothing; of values of `least` bytes or more, no more in memory than `limits` say, if it
    /// can.
    #[must_use]
    pub const fn new(limits: Limits, least: u64) -> Self {
        Self {
            held: BTreeMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            serials: 0,
            resident: 0,
            writing: 0,
            spilled: 0,
            limits,
            least,
            allowed: limits.target,
            rests_until: Instant::ZERO,
            is_disk_refusing: false,
        }
    }

    /// Keeps `value`, of so many bytes, as what `run` made; returns what was there.
    pub fn insert(&mut self, run: RunId, nbytes: u64, value: M) -> Removed<M, D> {
        let removed = self.remove(run);
        self.serials += 1;
        let held = Held {
            serial: self.serials,
            nbytes,
            value: Some(value),
            on_disk: None,
            used: None,
            is_being_written: false,
            stays: false,
        };
        self.held.insert(run, held);
        if nbytes >= self.least {
            self.resident += nbytes;
            self.touch(run);
        }
        removed
    }

    /// What `run` made, if it is held. If it is on disk alone, `read` makes it what is in memory from
    /// now on.
    pub fn get(&mut self, run: RunId, read: impl FnOnce(&D) -> M) -> Option<M> {
        let held = self.held.get_mut(&run)?;
        let value = match (&held.value, &held.on_disk) {
            (Some(value), _) => value.clone(),
            (None, Some(on_disk)) => {
                self.resident += held.nbytes;
                self.spilled -= held.nbytes;
                held.value.insert(read(on_disk)).clone()
            }
            (None, None) => unreachable!("a value is in memory or on disk"),
        };
        if held.nbytes >= self.least && !held.is_being_written {
            self.touch(run);
        }
        Some(value)
    }

    /// Gives up what `run` made.
    pub fn remove(&mut self, run: RunId) -> Removed<M, D> {
        let Some(held) = self.held.remove(&run) else {
            return Removed { value: None, on_disk: None };
        };
        if let Some(used) = held.used {
            self.by_use.remove(&used);
        }
        match held.value {
            None => self.spilled -= held.nbytes,
            Some(_) if held.nbytes >= self.least => {
                self.resident -= held.nbytes;
                self.writing -= if held.is_being_written { held.nbytes } else { 0 };
            }
            Some(_) => {}
        }
        Removed { value: held.value, on_disk: held.on_disk }
    }

    /// Chooses what leaves memory, if there is too much.
    pub fn relieve(&mut self, now: Instant) -> Relief<M> {
        let mut relief = Relief { dropped: Vec::new(), writes: Vec::new() };
        while let Some((used, run)) = self.next_to_leave(now) {
            let held = self.held.get_mut(&run).expect("what is used is held");
            self.by_use.remove(&used);
            held.used = None;
            let value = held.value.take().expect("only what is in memory is used");
            if held.on_disk.is_some() {
                self.resident -= held.nbytes;
                self.spilled += held.nbytes;
                relief.dropped.push(value);
            } else {
                self.writing += held.nbytes;
                held.is_being_written = true;
                held.value = Some(value.clone());
                relief.writes.push((Ticket { run, serial: held.serial }, value));
            }
        }
        relief
    }

    /// What is to leave memory now: its last use, and its run.
    fn next_to_leave(&self, now: Instant) -> Option<(u64, RunId)> {
        if self.resident - self.writing <= self.allowed {
            return None;
        }
        let may_write = now >= self.rests_until;
        let may_go = |(_, run): &(&u64, &RunId)| {
            may_write || self.held.get(run).is_some_and(|held| held.on_disk.is_some())
        };
        let first = self.by_use.iter().take(LOOK).find(may_go);
        first.map(|(used, run)| (*used, *run))
    }

    /// What was to be written is at `on_disk`: it leaves memory. If it is not held any more, that is
    /// of no use, and is returned.
    pub fn written(&mut self, ticket: Ticket, on_disk: D) -> Removed<M, D> {
        let Some(held) = self.no_longer_writing(ticket) else {
            return Removed { value: None, on_disk: Some(on_disk) };
        };
        held.on_disk = Some(on_disk);
        let (removed, nbytes) = (held.value.take(), held.nbytes);
        self.resident -= nbytes;
        self.spilled += nbytes;
        self.is_disk_refusing = false;
        Removed { value: removed, on_disk: None }
    }

    /// What was to be written could not be, at `now`: it stays in memory, and if that was not its own
    /// fault, it is tried again later.
    pub fn not_written(&mut self, ticket: Ticket, why: Unwritten, now: Instant) {
        if why == Unwritten::Disk {
            self.rests_until = now + REST;
            self.is_disk_refusing = true;
        }
        if let Some(held) = self.no_longer_writing(ticket) {
            held.stays = why == Unwritten::Value;
            self.touch(ticket.run);
        }
    }

    /// Whether bodies should wait until something has been written.
    #[must_use]
    pub const fn is_choked(&self) -> bool {
        self.writing > 0 && self.resident > self.limits.pause
    }

    /// From now on values of no more bytes than this stay in memory, if that is less than the target.
    pub fn allow(&mut self, bytes: u64) {
        self.allowed = bytes.min(self.limits.target);
    }

    /// Bytes of values in memory, and those of them that are on their way to disk.
    #[must_use]
    pub const fn in_memory(&self) -> (u64, u64) {
        (self.resident, self.writing)
    }

    /// Bytes of values on disk alone.
    #[must_use]
    pub const fn spilled(&self) -> u64 {
        self.spilled
    }

    /// Whether the disk failed when something was last written.
    #[must_use]
    pub const fn is_disk_refusing(&self) -> bool {
        self.is_disk_refusing
    }

    /// The runs whose values are held, and where each is on disk, if it is.
    pub fn iter(&self) -> impl Iterator<Item = (RunId, Option<&D>)> {
        self.held.iter().map(|(run, held)| (*run, held.on_disk.as_ref()))
    }

    /// Whether the value of a run is held.
    #[must_use]
    pub fn contains(&self, run: RunId) -> bool {
        self.held.contains_key(&run)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Gives up everything.
    pub fn take_all(&mut self) -> impl Iterator<Item = Removed<M, D>> + use<M, D> {
        (self.resident, self.writing, self.spilled) = (0, 0, 0);
        self.by_use.clear();
        let held = mem::take(&mut self.held).into_values();
        held.map(|Held { value, on_disk, .. }| Removed { value, on_disk })
    }

    /// Looks whether all is as it must be, [`relieve`](Self::relieve) has done its work at `now`
    /// included.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self, now: Instant) -> Result<(), Fault> {
        let (mut resident, mut writing, mut spilled) = (0, 0, 0);
        let mut something_could_leave = false;
        for (run, held) in &self.held {
            if held.value.is_none() && held.on_disk.is_none() {
                return Err(Fault::Nowhere(*run));
            }
            let is_counted = held.nbytes >= self.least;
            match held.value {
                Some(_) if is_counted => resident += held.nbytes,
                Some(_) => {}
                None => spilled += held.nbytes,
            }
            writing += if held.is_being_written { held.nbytes } else { 0 };
            let could_leave = held.value.is_some() && !held.is_being_written && !held.stays;
            let may_leave = could_leave && is_counted && self.limits.target < u64::MAX;
            let is_in_order = held.used.is_some_and(|used| self.by_use.get(&used) == Some(run));
            if may_leave != is_in_order || held.used.is_some() != is_in_order {
                return Err(Fault::Order(*run));
            }
            something_could_leave |= may_leave;
        }
        if (resident, writing, spilled) != (self.resident, self.writing, self.spilled) {
            return Err(Fault::Count);
        }
        let is_too_much = resident - writing > self.allowed && now >= self.rests_until;
        if is_too_much && something_could_leave { Err(Fault::TooMuch) } else { Ok(()) }
    }

    /// What is held for the ticket, if it is still this value that is being written. It is no more.
    fn no_longer_writing(&mut self, ticket: Ticket) -> Option<&mut Held<M, D>> {
        let is_it = |held: &&mut Held<M, D>| held.serial == ticket.serial && held.is_being_written;
        let held = self.held.get_mut(&ticket.run).filter(is_it)?;
        held.is_being_written = false;
        self.writing -= held.nbytes;
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
