//! What has happened, as far back as there is room: for people who ask what became of a task or of a
//! worker.
//!
//! Nothing here decides anything, and nothing that is decided may depend on it. The rings forget the
//! oldest first; what they take is bounded by [`TASK_LINES`] and [`WORKER_LINES`].

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use raddle_net::names::{Key, RunId, WorkerId};

use super::task::{Kind, TaskState};
use crate::time::Instant;

/// Changes of tasks that are remembered: about 4 MB.
pub const TASK_LINES: usize = 1 << 16;
/// Changes of workers that are remembered.
pub const WORKER_LINES: usize = 1 << 12;

/// What has happened lately.
#[derive(Clone, Default)]
pub struct Story {
    now: Instant,
    cause: &'static str,
    tasks: VecDeque<TaskLine>,
    workers: VecDeque<WorkerLine>,
}

/// What happens now is no part of it until something has.
impl fmt::Debug for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Story({} changes of tasks", self.tasks.len())?;
        write!(f, ", {} of workers)", self.workers.len())
    }
}

/// A change of a task.
#[derive(Clone, Copy, Debug)]
pub struct TaskLine {
    /// When.
    pub at: Instant,
    /// Which.
    pub key: Key,
    /// What it was; `None`: it was not known.
    pub from: Option<Kind>,
    /// What it became; `None`: it is not known any more.
    pub to: Option<Kind>,
    /// The run that it was or is assigned as, or that made its value.
    pub run: Option<RunId>,
    /// Where.
    pub worker: Option<WorkerId>,
    /// What gave rise to it.
    pub cause: &'static str,
}

/// A change of a worker.
#[derive(Clone, Debug)]
pub struct WorkerLine {
    /// When.
    pub at: Instant,
    /// Which.
    pub worker: WorkerId,
    /// Its name.
    pub name: Arc<str>,
    /// Where it serves values.
    pub address: Arc<str>,
    /// What became of it.
    pub to: &'static str,
    /// What gave rise to it.
    pub cause: &'static str,
}

impl Story {
    /// What happens from here on happens now, for this reason.
    pub fn turn(&mut self, now: Instant, cause: &'static str) {
        (self.now, self.cause) = (now, cause);
    }

    /// A task went from one state to the other.
    pub(super) fn tell(&mut self, key: Key, from: Option<&TaskState>, to: Option<&TaskState>) {
        if self.tasks.len() == TASK_LINES {
            self.tasks.pop_front();
        }
        let at = [to, from].into_iter().flatten().find_map(place);
        self.tasks.push_back(TaskLine {
            at: self.now,
            key,
            from: from.map(TaskState::kind),
            to: to.map(TaskState::kind),
            run: at.map(|(run, _)| run),
            worker: at.map(|(_, worker)| worker),
            cause: self.cause,
        });
    }

    /// Something became of a worker.
    pub(super) fn tell_worker(
        &mut self,
        worker: WorkerId,
        name: &str,
        address: &str,
        to: &'static str,
    ) {
        if self.workers.len() == WORKER_LINES {
            self.workers.pop_front();
        }
        let (name, address) = (Arc::from(name), Arc::from(address));
        let (at, cause) = (self.now, self.cause);
        self.workers.push_back(WorkerLine { at, worker, name, address, to, cause });
    }

    /// Changes of tasks, the oldest first.
    pub fn tasks(&self) -> impl DoubleEndedIterator<Item = &TaskLine> {
        self.tasks.iter()
    }

    /// Changes of workers, the oldest first.
    pub fn workers(&self) -> impl DoubleEndedIterator<Item = &WorkerLine> {
        self.workers.iter()
    }
}

fn place(state: &TaskState) -> Option<(RunId, WorkerId)> {
    match state {
        TaskState::Memory { run, holders, .. } => Some((*run, *holders.first()?)),
        TaskState::Processing { run, worker, .. } => Some((*run, *worker)),
        TaskState::Erred { .. }
        | TaskState::NoWorker
        | TaskState::Queued
        | TaskState::Released
        | TaskState::Waiting { .. } => None,
    }
}
