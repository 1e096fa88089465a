//! Which machines are checked when, and what must be left in the end: nothing.
//!
//! It must not know what the checks are.

use raddle_core::random::{below, hash};

use super::{CHANCE, Depth, World};
use crate::failure::Failure;

impl World {
    /// Whether a machine of this size is checked wholly after this event.
    pub(crate) fn checks_wholly(&self, size: u64) -> bool {
        match self.settings.mode.depth {
            Depth::Paranoid => true,
            Depth::Sampled => self.sampled(8 + 8 * size),
            Depth::Touched => self.sampled(1 + size),
        }
    }

    /// Once in so many events, about.
    pub(super) fn sampled(&self, every: u64) -> bool {
        below(hash(self.report.digest, CHANCE, 0, 0), every) == 0
    }

    /// Every machine, when nothing happens any more.
    pub(super) fn check_wholly(&mut self) {
        let workers = self.workers.values().filter_map(|worker| worker.check().err());
        let clients = self.clients.iter().filter_map(|client| client.machine.check().err());
        let first = self.scheduler.machine.check().err().map(Failure::Scheduler);
        let first = first.or_else(|| workers.map(Failure::Worker).next());
        if let Some(failure) = first.or_else(|| clients.map(Failure::Client).next()) {
            self.fail(failure);
        }
    }

    pub(super) fn check_leaks(&self) -> Result<(), Failure> {
        let leak = |what: String| Err(Failure::Leak(what));
        if self.scheduler.machine.tasks() > 0 {
            return leak(format!("{} tasks in the scheduler", self.scheduler.machine.tasks()));
        }
        for (number, worker) in &self.workers {
            if !worker.is_empty() {
                return leak(format!("worker {number} holds {}", worker.holdings()));
            }
        }
        let mut clients = self.clients.iter().filter(|client| !client.gone);
        match clients.find(|client| client.machine.futures() > 0) {
            Some(client) => leak(format!("{} futures in a client", client.machine.futures())),
            None => Ok(()),
        }
    }
}
