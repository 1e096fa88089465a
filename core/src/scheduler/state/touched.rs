//! What one event touched, noted by the one writer.
//!
//! This module must not know what is checked of it.

use raddle_net::names::{RunId, SpecId, WorkerId};

use super::client::ClientId;
use super::task::{TaskId, TaskState};
use crate::scheduler::ConnectionId;
use crate::touched::Log;

/// What one event touched.
#[derive(Clone, Debug)]
pub struct Touched {
    /// Tasks that are new or in another state: what holds for their neighbours depends on it.
    pub changed: Log<TaskId>,
    /// Tasks of which something else changed.
    pub tasks: Log<TaskId>,
    /// Workers that came, or went, or lost their connection.
    pub moved: Log<WorkerId>,
    /// Workers that have other tasks, or hold other values, or know more.
    pub workers: Log<WorkerId>,
    /// Clients of which anything changed.
    pub clients: Log<ClientId>,
    /// Specs that were named.
    pub specs: Log<SpecId>,
    /// Runs that began or ended.
    pub runs: Log<RunId>,
    /// Connections on which something happened.
    pub connections: Log<ConnectionId>,
}

impl Touched {
    /// Remembers what is touched from here on, if it is on.
    pub fn new(is_on: bool) -> Self {
        Self {
            changed: Log::new(is_on),
            tasks: Log::new(is_on),
            moved: Log::new(is_on),
            workers: Log::new(is_on),
            clients: Log::new(is_on),
            specs: Log::new(is_on),
            runs: Log::new(is_on),
            connections: Log::new(is_on),
        }
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        let Self { changed, tasks, moved, workers, clients, specs, runs, connections } = self;
        changed.clear();
        tasks.clear();
        moved.clear();
        workers.clear();
        clients.clear();
        specs.clear();
        runs.clear();
        connections.clear();
    }

    /// A task has left one state for another.
    pub fn set(&mut self, id: TaskId, previous: &TaskState, next: &TaskState) {
        self.changed.note(id);
        for state in [previous, next] {
            match state {
                TaskState::Memory { holders, .. } => self.workers.note_all(holders.iter().copied()),
                TaskState::Processing { worker, run, .. } => {
                    self.workers.note(*worker);
                    self.runs.note(*run);
                }
                TaskState::Erred { .. }
                | TaskState::NoWorker
                | TaskState::Queued
                | TaskState::Released
                | TaskState::Waiting { .. } => {}
            }
        }
    }

    /// A worker holds one replica more, or less.
    pub fn replica(&mut self, id: TaskId, worker: WorkerId) {
        self.tasks.note(id);
        self.workers.note(worker);
    }

    /// A client wants a task, or does so no more.
    pub fn wish(&mut self, client: ClientId, id: TaskId) {
        self.tasks.note(id);
        self.clients.note(client);
    }
}
