//! What an observer may see of the scheduler, for simulation and tests: states, replicas, sizes.
//!
//! Nothing here decides, and nothing here changes.

use raddle_net::names::{Key, RunId, WorkerId};

use super::Scheduler;
use super::state::{Kind, TaskState};

impl Scheduler {
    /// Every task that is known, and the state it is in.
    pub fn kinds(&self) -> impl Iterator<Item = (Key, Kind)> + '_ {
        self.state.tasks().map(|task| (task.key, task.kind()))
    }

    /// The state of the task of this key, if it is known.
    #[must_use]
    pub fn kind_of(&self, key: Key) -> Option<Kind> {
        self.state.find(key).map(|task| self.state.task(task).kind())
    }

    /// Every replica that is known: whose value, of which run, on which worker.
    pub fn replicas(&self) -> impl Iterator<Item = (Key, RunId, WorkerId)> + '_ {
        self.state.tasks().flat_map(|task| {
            let (run, holders) = match task.state() {
                TaskState::Memory { run, holders, .. } => (*run, holders.as_slice()),
                TaskState::Erred { .. }
                | TaskState::NoWorker
                | TaskState::Processing { .. }
                | TaskState::Queued
                | TaskState::Released
                | TaskState::Waiting { .. } => (RunId::default(), [].as_slice()),
            };
            holders.iter().map(move |holder| (task.key, run, *holder))
        })
    }

    /// How large each table is that belongs to tasks: all are empty when every key is released.
    #[must_use]
    pub fn sizes(&self) -> [(&'static str, usize); 10] {
        let index = self.state.index();
        [
            ("tasks", self.state.tasks().len()),
            ("entries of the index", index.entries()),
            ("clients of runs", self.run_clients.len()),
            ("wishes", self.state.clients().map(|(_, client)| client.wants.len()).sum()),
            ("graces", self.graces.len()),
            ("wishes for copies", self.copies.wished.len()),
            ("copies on their way", self.copies.acquiring.len()),
            ("values that move", self.copies.moves.len()),
            ("questions", self.waiting_queries.len() + self.topics.waiting().count()),
            ("watches for workers", usize::from(self.no_workers_since.is_some())),
        ]
    }

    /// How many there are of connections, of clients and of workers.
    #[must_use]
    pub fn audience(&self) -> (usize, usize, usize) {
        (self.peers.len(), self.state.clients().len(), self.state.workers().len())
    }
}
