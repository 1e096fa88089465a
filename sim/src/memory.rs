//! How much memory workers have: what a process holds and what its bodies make is counted, and who
//! needs more than there is, is killed, as an operating system does, or says so and ends itself.
//!
//! It must not know what the scheduler makes of such a death.

use raddle_core::random::{below, hash};
use raddle_core::time::Duration;
use raddle_net::messages::{MemoryUse, WorkerMessage};

use crate::client::entity;
use crate::plan::{Plan, TaskDef};
use crate::probe::Probe;
use crate::worker::Said;
use crate::world::{Delivery, Node, World};

/// The stream of chance that belongs to memory.
const MEMORY: u64 = 0x6d65_6d6f;
/// One plan of so many has limits.
const PLANS: u64 = 8;
/// In these, one task of so many makes more than fits.
const TASKS: u64 = 30;
/// What a worker says leaves its process before this is over.
const LAST_WORDS: Duration = Duration::from_micros(100);
/// No limit is above this, so that a value can be.
const MOST: u64 = 3_000_000_000;

impl Plan {
    /// Gives all workers a limit that all values together do not reach, and a few tasks values that do,
    /// if the seed says so. (A value that fits into some workers only would kill whoever else gathers
    /// it, for ever: such deaths come before a body starts, and are nobody's.)
    pub(crate) fn limit_memory(&mut self, seed: u64) {
        let draw = |n: u64, of: u64| below(hash(seed, MEMORY, 0, n), of);
        if draw(0, PLANS) != 0 {
            return;
        }
        let limit = (2 * self.nbytes() + 1_000).min(MOST);
        self.memory = vec![limit];
        for task in self.submitted_mut() {
            if hash(seed ^ entity(task.key), MEMORY, 1, 0).is_multiple_of(TASKS) {
                task.body.nbytes = limit as u32 + 1;
            }
        }
    }

    /// The values of all tasks together.
    fn nbytes(&self) -> u64 {
        let tasks = self.ops.iter().flat_map(|step| step.op.tasks());
        tasks.map(|task| u64::from(task.body.nbytes)).sum()
    }

    /// The memory of the worker of this number, in bytes, if it has a limit.
    fn memory_of(&self, number: u32) -> Option<u64> {
        let turn = (number as usize).checked_rem(self.memory.len())?;
        Some(self.memory[turn]).filter(|limit| *limit > 0)
    }

    /// Bytes that fit into any worker's memory; none, if some have no limit.
    pub(crate) fn largest_memory(&self) -> Option<u64> {
        self.memory.iter().copied().max().filter(|_| !self.memory.contains(&0))
    }
}

/// Whether this task's value alone is more than any worker can have.
pub(crate) fn is_too_large(task: &TaskDef, memory: Option<u64>) -> bool {
    !task.scattered && memory.is_some_and(|limit| u64::from(task.body.nbytes) > limit)
}

impl World {
    /// A worker has got a value, or a body that makes one. Says whether that was too much.
    pub(crate) fn account(&mut self, worker: u32) -> bool {
        if self.plan().memory.is_empty() {
            return false;
        }
        let Some(node) = self.workers.get(&worker) else { return false };
        let (held, _) = node.store.in_memory();
        let bytes = held + node.making.values().sum::<u64>();
        self.report.peak_bytes = self.report.peak_bytes.max(bytes);
        let dies = self.plan().memory_of(worker).is_some_and(|limit| bytes > limit);
        if dies {
            self.probe(Probe::OutOfMemory);
            self.ends_for_memory(worker, bytes);
        }
        dies
    }

    /// At once, or when it has said why.
    fn ends_for_memory(&mut self, worker: u32, process: u64) {
        if self.chance(Node::Worker(worker).number(), 2) == 0 {
            return self.at(self.now, Delivery::Die(worker));
        }
        self.probe(Probe::OutOfMemoryTold);
        let memory = MemoryUse { process, is_over: true, ..MemoryUse::default() };
        self.say(worker, Said::Message(WorkerMessage::Memory(memory)));
        self.at(self.now + LAST_WORDS, Delivery::Die(worker));
    }
}
