//! What the observer keeps of tasks, runs and workers.
//!
//! It must not know what any of it means.

use std::collections::{BTreeMap, BTreeSet};

use raddle_core::scheduler::ConnectionId;
use raddle_core::time::Instant;
use raddle_net::messages::{NewTask, Runtime, TaskOptions, TaskSpec};
use raddle_net::names::{Key, Priority, RunId, WorkerId};

/// Who wants values: a client on its connection, or a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Client(ConnectionId),
    /// By the number of the run.
    Run(u64),
    /// The cluster: what is published, by the number of the publication.
    Dataset(u64),
    /// The cluster: what is detached and has not ended.
    Detached,
}

/// A wish.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    pub(super) who: Who,
    /// Whether it was told that the key has failed, and not otherwise since.
    pub(super) failed: bool,
}

/// What has happened to a task, over all its lives.
#[derive(Clone, Debug)]
pub(super) struct TaskLog {
    pub(super) key: Key,
    /// The client for which it was submitted first.
    pub(super) process: Option<ConnectionId>,
    /// Who wants it, as the scheduler has heard.
    pub(super) wants: Vec<Want>,
    /// Who wanted it once.
    pub(super) former: Vec<Who>,
    pub(super) dependents: Vec<u32>,
    pub(super) retries: u32,
    pub(super) scattered: bool,
    pub(super) options: TaskOptions,
    /// Runs since the scheduler has known it without a break.
    pub(super) begun: u32,
    /// Whether a client that wanted it has called it off.
    pub(super) called_off: bool,
    /// Its last run; 0 if it has had none.
    pub(super) last: u64,
    pub(super) given: u32,
    pub(super) executions: u32,
    /// Failures by its own error.
    pub(super) failures: u32,
    /// Runs that asked for another one.
    pub(super) reschedules: u32,
    /// Deaths of its worker after an announced run had started.
    pub(super) deaths: u32,
    /// Runs and values that went with their worker.
    pub(super) losses: u32,
}

impl TaskLog {
    pub(super) fn new(new: &NewTask, spec: &TaskSpec, process: Option<ConnectionId>) -> Self {
        Self {
            key: new.key,
            process,
            wants: Vec::new(),
            former: Vec::new(),
            dependents: Vec::new(),
            retries: if spec.options.at_most_once { 0 } else { spec.options.retries },
            scattered: spec.function.runtime == Runtime::Receive,
            options: spec.options.clone(),
            begun: 0,
            called_off: false,
            last: 0,
            given: 0,
            executions: 0,
            failures: 0,
            reschedules: 0,
            deaths: 0,
            losses: 0,
        }
    }

    pub(super) fn is_wanted_by(&self, who: Who) -> bool {
        self.wants.iter().any(|want| want.who == who)
    }

    pub(super) fn want(&mut self, who: Who) {
        if !self.is_wanted_by(who) {
            self.wants.push(Want { who, failed: false });
        }
    }

    pub(super) fn unwant(&mut self, who: Who) {
        if self.is_wanted_by(who) {
            self.wants.retain(|want| want.who != who);
            if !self.former.contains(&who) {
                self.former.push(who);
            }
        }
    }
}

/// What has happened to a run.
#[derive(Clone, Debug)]
pub(super) struct RunLog {
    pub(super) task: u32,
    /// To whom it was given.
    pub(super) worker: u32,
    pub(super) announced: bool,
    /// Whether the scheduler has heard that it has started.
    pub(super) started: bool,
    pub(super) executed: bool,
    /// Whether it was asked back.
    pub(super) recalled: bool,
    pub(super) inputs: Vec<RunId>,
    pub(super) state: RunState,
}

/// Where a run is in its life.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RunState {
    Given,
    /// Who holds its value.
    Finished(Vec<u32>),
    Over,
}

/// What is known of a worker.
#[derive(Clone, Debug, Default)]
pub(super) struct WorkerLog {
    /// What the scheduler calls it.
    pub(super) id: Option<WorkerId>,
    pub(super) name: String,
    pub(super) address: String,
    /// What it has for tasks that need it.
    pub(super) resources: BTreeMap<String, u64>,
    /// What the runs that were given to it take of that.
    pub(super) used: BTreeMap<String, u64>,
    /// When it was told last that time has passed.
    pub(super) struck: Option<Instant>,
    /// When each body began that may take only so long.
    pub(super) entered: BTreeMap<RunId, Instant>,
    /// The connection on which it is registered.
    pub(super) connection: Option<ConnectionId>,
    /// Whether it was told to leave.
    pub(super) leaves: bool,
    /// Whether the scheduler has heard that its memory is full, and nothing else since.
    pub(super) is_full: bool,
    /// Runs that were given to it or whose values it got; some are over.
    pub(super) runs: Vec<RunId>,
    /// Runs that it has been told of and has not started.
    pub(super) waiting: BTreeSet<(Priority, RunId)>,
    /// Their priorities.
    pub(super) priorities: BTreeMap<RunId, (Priority, bool)>,
    /// Bodies that it has entered and that have not ended, but for those it was told to forget.
    pub(super) running: BTreeSet<RunId>,
    /// A run that it has just been asked for back.
    pub(super) asked_back: Option<RunId>,
    /// Until when it leaves alone who was too busy.
    pub(super) paused: BTreeMap<WorkerId, Instant>,
    /// Announced runs whose announcement has not left.
    pub(super) flushing: BTreeSet<RunId>,
}
