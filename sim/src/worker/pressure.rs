//! A simulated worker that says when its memory is full, by the values that it holds and makes.
//!
//! It must not know what the scheduler makes of that.

use raddle_core::memory::Reading;
use raddle_net::messages::{MemoryUse, WorkerMessage};

use super::Said;
use crate::knobs;
use crate::probe::Probe;
use crate::world::World;

impl World {
    /// Says whether there is too much, when that changes.
    pub(super) fn judge_memory(&mut self, worker: u32) {
        let (limits, now) = (knobs::memory(self.plan()), self.now);
        let Some(node) = self.workers.get_mut(&worker).filter(|node| node.is_registered()) else {
            return;
        };
        let held: u64 = node.store.values().map(|(_, nbytes)| u64::from(*nbytes)).sum();
        let values = held + node.making.values().sum::<u64>();
        let bodies = node.running.len() - node.nested.len();
        let reading = Reading { process: None, values, leaving: 0, bodies };
        let before = node.pressure;
        node.pressure = limits.judge(now, reading, before);
        let is_full = node.pressure.is_full;
        if is_full == before.is_full {
            return;
        }
        if is_full {
            self.probe(Probe::Full);
            if self.workers.values().all(|node| node.pressure.is_full) {
                self.probe(Probe::FullWhole);
            }
        }
        let memory = MemoryUse { is_full, ..MemoryUse::default() };
        self.say(worker, Said::Message(WorkerMessage::Memory(memory)));
    }
}
