//! Workers that are to be given nothing new: paused until a client says otherwise, full until they say
//! otherwise themselves, or retiring until they have nothing that others need.
//!
//! What is copied first, and when a worker may leave, is told in `copies.rs`.

use std::collections::BTreeSet;

use raddle_net::messages::{MemoryUse, QueryAnswer};
use raddle_net::names::WorkerId;

use super::Scheduler;
use super::queries::no_worker;
use super::state::{Duty, TaskId, Worker};
use super::turn::Turn;

impl Scheduler {
    /// These workers are given nothing new, or are given something again. All of them, or none if
    /// one is not known or about to leave.
    pub(super) fn pause(
        &mut self,
        names: &[String],
        paused: bool,
        turn: &mut Turn<'_>,
    ) -> QueryAnswer {
        let workers = match self.named(names) {
            Ok(workers) => workers,
            Err(answer) => return answer,
        };
        let duty = if paused { Duty::Paused } else { Duty::Active };
        let known = workers.iter().filter_map(|worker| self.state.worker(*worker));
        if let Some(worker) = known.clone().find(|worker| !worker.stays()) {
            let (name, is) = (&worker.name, worker.duty.name());
            return QueryAnswer::Declined(format!(
                "worker {name} is {is}: nothing else is to come"
            ));
        }
        let others: Vec<WorkerId> = known.filter(|w| w.duty != duty).map(|w| w.id).collect();
        for worker in others {
            let gained = self.state.set_duty(worker, duty);
            self.can_be_given_tasks(&gained, turn);
        }
        QueryAnswer::Done
    }

    /// These workers are to leave. All of them, or none if one is not known.
    pub(super) fn retire(
        &mut self,
        names: &[String],
        turn: &mut Turn<'_>,
    ) -> Result<BTreeSet<WorkerId>, QueryAnswer> {
        let workers = self.named(names)?;
        for &worker in &workers {
            self.retire_one(worker, turn);
        }
        Ok(workers)
    }

    /// This worker is to leave. What it has not begun is for others.
    pub(super) fn retire_one(&mut self, worker: WorkerId, turn: &mut Turn<'_>) {
        if !self.state.worker(worker).is_some_and(Worker::stays) {
            return;
        }
        self.begin_retirement(worker);
        self.recall_all(worker, turn);
    }

    /// How it is with the memory of a worker. One that is full is given nothing new, and what it has
    /// not begun is for others, if there are any.
    pub(super) fn on_memory(&mut self, worker: WorkerId, memory: MemoryUse, turn: &mut Turn<'_>) {
        let was_full = self.state.worker(worker).is_some_and(|worker| worker.memory.is_full);
        let gained = self.state.set_memory(worker, memory);
        match (was_full, memory.is_full) {
            (false, true) if self.state.index().open_workers() > 0 => {
                self.recall_all(worker, turn);
            }
            (true, false) => self.is_open_again(&gained, turn),
            (false, _) | (true, true) => {}
        }
    }

    /// Somebody can be given tasks, and nobody could before: what is with those that are full, and has
    /// not begun, need not wait for them.
    pub(super) fn relieve_the_full(&mut self, turn: &mut Turn<'_>) {
        let full = self.state.workers().filter(|worker| worker.memory.is_full);
        let full: Vec<WorkerId> = full.map(|worker| worker.id).collect();
        for worker in full {
            self.recall_all(worker, turn);
        }
    }

    fn recall_all(&mut self, worker: WorkerId, turn: &mut Turn<'_>) {
        let load = self.state.index().load(worker);
        let tasks: Vec<TaskId> = load.into_iter().flat_map(|load| load.processing.iter()).collect();
        for task in tasks {
            self.recall(task, None, turn);
        }
    }

    /// The workers of these names or addresses; or which of them there is not.
    pub(super) fn named(&self, names: &[String]) -> Result<BTreeSet<WorkerId>, QueryAnswer> {
        let find = |name: &String| {
            let mut workers = self.state.workers();
            let found = workers.find(|worker| worker.name == *name || worker.address == *name);
            found.map(|worker| worker.id).ok_or_else(|| no_worker(name))
        };
        names.iter().map(find).collect()
    }
}
