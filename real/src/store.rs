//! The values that a worker holds, by the run that made each: in memory, on disk, or both.
//!
//! Which of them leave memory, and when, is decided in `raddle_core::memory`. A body that uses a value
//! has a handle of its own. This module must not know why a value is kept, or for whom; it writes
//! nothing to disk itself.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use raddle_core::memory::{self, Limits, Ticket, Unwritten};
use raddle_core::time::Instant;
use raddle_net::names::RunId;

use crate::spill::Piece;
use crate::value::{OnDisk, Value};

/// Values of fewer bytes stay in memory: a file is no place for them.
const LEAST: u64 = 1 << 10;

/// What must happen so that less is in memory.
pub(crate) type Relief = memory::Relief<Arc<Value>>;

/// Values by run.
#[derive(Debug)]
pub(crate) struct Store(memory::Store<Arc<Value>, OnDisk>);

/// What is given up: to be dropped where the value's destructor may take its time, and where waiting
/// for the disk hurts nobody.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    /// The value, if it was in memory.
    pub(crate) value: Option<Arc<Value>>,
    /// Its piece of the file, if it was on disk.
    pub(crate) piece: Option<Arc<Piece>>,
}

impl Store {
    /// Holds nothing, and no more in memory than `limits` say, if it can.
    pub(crate) fn new(limits: Limits) -> Self {
        Self(memory::Store::new(limits, LEAST))
    }

    /// Keeps `value` as what `run` made; returns what was there.
    pub(crate) fn insert(&mut self, run: RunId, value: Arc<Value>) -> Removed {
        self.0.insert(run, value.nbytes(), value).into()
    }

    /// What `run` made, if it is here. If it is on disk alone, it is read when it is first looked at,
    /// and counts as in memory from now on.
    pub(crate) fn get(&mut self, run: RunId) -> Option<Arc<Value>> {
        self.0.get(run, |on_disk| Arc::new(Value::from_disk(on_disk)))
    }

    /// Gives up what `run` made.
    pub(crate) fn remove(&mut self, run: RunId) -> Removed {
        self.0.remove(run).into()
    }

    /// Chooses what leaves memory, if there is too much.
    pub(crate) fn relieve(&mut self, now: Instant) -> Relief {
        self.0.relieve(now)
    }

    /// `value` is on disk: it leaves memory. If it is not held any more, the piece is of no use.
    pub(crate) fn written(
        &mut self,
        ticket: Ticket,
        value: &Arc<Value>,
        piece: Arc<Piece>,
    ) -> Removed {
        self.0.written(ticket, value.to_disk(piece)).into()
    }

    /// It could not be written at `now`: it stays in memory, and if that was not its own fault, it is
    /// tried again later.
    pub(crate) fn not_written(&mut self, ticket: Ticket, why: Unwritten, now: Instant) {
        self.0.not_written(ticket, why, now);
    }

    /// Whether bodies should wait until something has been written.
    pub(crate) const fn is_choked(&self) -> bool {
        self.0.is_choked()
    }

    /// From now on values of no more bytes than this stay in memory, if that is less than the target.
    pub(crate) fn allow(&mut self, bytes: u64) {
        self.0.allow(bytes);
    }

    /// Bytes of values in memory, and those of them that are on their way to disk.
    pub(crate) const fn in_memory(&self) -> (u64, u64) {
        self.0.in_memory()
    }

    /// Bytes of values on disk alone.
    pub(crate) const fn spilled(&self) -> u64 {
        self.0.spilled()
    }

    /// Whether the disk failed when something was last written.
    pub(crate) const fn is_disk_refusing(&self) -> bool {
        self.0.is_disk_refusing()
    }

    /// How many there are.
    #[cfg(madsim)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Gives up everything.
    pub(crate) fn take_all(&mut self) -> Vec<Removed> {
        self.0.take_all().map(Removed::from).collect()
    }
}

impl From<memory::Removed<Arc<Value>, OnDisk>> for Removed {
    fn from(removed: memory::Removed<Arc<Value>, OnDisk>) -> Self {
        let piece = removed.on_disk.map(|on_disk| on_disk.piece);
        Self { value: removed.value, piece }
    }
}
