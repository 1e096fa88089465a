//! What a bug would do, on purpose: one entity is spoilt, and noted as touched. For tests of the
//! checks.
//!
//! This module must not know which check finds it.

use raddle_net::names::{RunId, WorkerId};

use super::task::{TaskId, TaskState};
use super::{ClientId, State};

/// What is spoilt of a task, or of what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Corruption {
    /// A stranger wants it.
    Client,
    /// It is not known to what it depends on.
    Edge,
    /// A stranger holds it.
    Holder,
    /// It is not where the index should have it.
    Index,
    /// It is not found by its key.
    Key,
    /// Its worker is said to have more to do than it has.
    Load,
    /// It counts one missing input too many.
    Missing,
    /// Its spec does not know a worker that qualifies.
    Qualified,
    /// It has a run that was never given out.
    Run,
    /// Its client has no turn although it is queued, or has one although nothing is.
    Turn,
    /// It counts one waiter too many.
    Waiters,
    /// The client that wants it does not know.
    Want,
}

impl Corruption {
    pub const ALL: [Self; 12] = [
        Self::Client,
        Self::Edge,
        Self::Holder,
        Self::Index,
        Self::Key,
        Self::Load,
        Self::Missing,
        Self::Qualified,
        Self::Run,
        Self::Turn,
        Self::Waiters,
        Self::Want,
    ];
}

impl State {
    /// Every task.
    pub fn task_ids(&self) -> Vec<TaskId> {
        self.tasks.keys().collect()
    }

    /// Spoils one task, if it has what is to be spoilt.
    pub fn corrupt(&mut self, corruption: Corruption, id: TaskId) -> Option<()> {
        self.touched.tasks.note(id);
        let task = &mut self.tasks[id];
        match (corruption, &mut task.state) {
            (Corruption::Client, _) => task.clients.push(ClientId(u32::MAX)),
            (Corruption::Edge, _) => {
                let dependency = *task.dependencies.first()?;
                let known = std::mem::take(&mut self.tasks[dependency].dependents);
                for dependent in known.ids().iter().filter(|dependent| **dependent != id) {
                    self.tasks[dependency].dependents.push(*dependent);
                }
            }
            (Corruption::Holder, TaskState::Memory { holders, .. }) => {
                holders.push(WorkerId(u32::MAX));
            }
            (Corruption::Index, _) => {
                let is_indexed =
                    task.kind().is_active() && !matches!(task.state, TaskState::Waiting { .. });
                is_indexed.then(|| self.index.leave(id, &self.tasks[id]))?;
            }
            (Corruption::Key, _) => {
                self.keys.remove(task.key)?;
            }
            (Corruption::Load, TaskState::Processing { worker, .. }) => {
                self.touched.workers.note(*worker);
                self.index.burden(*worker);
            }
            (
                Corruption::Missing,
                TaskState::Processing { missing, .. } | TaskState::Waiting { missing },
            ) => *missing += 1,
            (Corruption::Qualified, _) => {
                let spec = task.spec;
                self.touched.specs.note(spec);
                self.specs.disqualify_first(spec)?;
            }
            (Corruption::Run, TaskState::Processing { run, .. }) => {
                *run = RunId { counter: u64::MAX, ..*run };
            }
            (Corruption::Turn, _) => {
                let client = ClientId(task.priority.client);
                self.shares.queues(client, !self.index.queues(client));
            }
            (Corruption::Waiters, _) => task.waiters += 1,
            (Corruption::Want, _) => {
                let client = *task.clients.first()?;
                self.clients.get_mut(&client)?.wants.remove(&id);
            }
            (
                Corruption::Holder | Corruption::Load | Corruption::Missing | Corruption::Run,
                TaskState::Erred { .. }
                | TaskState::Memory { .. }
                | TaskState::NoWorker
                | TaskState::Processing { .. }
                | TaskState::Queued
                | TaskState::Released
                | TaskState::Waiting { .. },
            ) => return None,
        }
        Some(())
    }
}
