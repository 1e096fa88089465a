//! A simulated worker looks how much is in its memory, by the values that it holds and makes: some go
//! to disk, and it says when it is full.
//!
//! It must not know what the scheduler makes of that.

use raddle_core::memory::{Limits, Reading};
use raddle_net::messages::{MemoryUse, WorkerMessage};

use super::Said;
use crate::knobs;
use crate::probe::Probe;
use crate::world::World;

impl World {
    /// Has values leave memory, and says whether there is too much, when that changes.
    pub(super) fn judge_memory(&mut self, worker: u32) {
        let (limits, now) = (knobs::memory(self.plan()), self.now);
        let Some(node) = self.workers.get_mut(&worker).filter(|_| limits != Limits::NONE) else {
            return;
        };
        let (values, leaving) = node.store.in_memory();
        let process = Some(values + node.making.values().sum::<u64>());
        let bodies = node.running.len() - node.nested.len();
        let is_disk_refusing = node.store.is_disk_refusing();
        let reading = Reading { process, values, leaving, is_disk_refusing, bodies };
        node.pressure = limits.judge(now, reading, node.pressure);
        node.store.allow(limits.allowed(reading, node.pressure));
        self.relieve(worker);
        self.check_store(worker);
        self.tell_memory(worker);
    }

    fn check_store(&mut self, worker: u32) {
        let node = &self.workers[&worker];
        if self.checks_wholly(node.store.len() as u64)
            && let Err(failure) = node.check_store(self.now)
        {
            self.fail(failure);
        }
    }

    /// Says how it is, if something has changed.
    fn tell_memory(&mut self, worker: u32) {
        let Some(node) = self.workers.get_mut(&worker).filter(|node| node.is_registered()) else {
            return;
        };
        let (is_full, is_disk_refusing) = (node.pressure.is_full, node.store.is_disk_refusing());
        let told = std::mem::replace(&mut node.told, (is_full, is_disk_refusing));
        if told == node.told {
            return;
        }
        let spilled = node.store.spilled();
        if is_full && !told.0 {
            self.probe(Probe::Full);
            if self.workers.values().all(|node| node.pressure.is_full) {
                self.probe(Probe::FullWhole);
            }
        }
        let memory = MemoryUse { spilled, is_full, is_disk_refusing, ..MemoryUse::default() };
        self.say(worker, Said::Message(WorkerMessage::Memory(memory)));
    }
}
