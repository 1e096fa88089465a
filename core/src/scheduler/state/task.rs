//! A task as the scheduler knows it. A state owns exactly the data that is meaningful in it.
//!
//! This module must not know workers, clients or messages to them; it writes nothing of its own
//! accord: [`State`](super::State) is the one writer.

use std::fmt;
use std::sync::Arc;

use raddle_net::messages::{Failure, TaskSpec};
use raddle_net::names::{Key, Priority, RunId, SpecId, WorkerId};
use raddle_net::payload::Blob;
use smallvec::SmallVec;

use super::client::ClientId;

slotmap::new_key_type! {
    /// One life of a key. A key that is forgotten and submitted again gets a new one.
    pub struct TaskId;
}

/// What a client submitted, and where the scheduler has got with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The client's name for it.
    pub key: Key,
    /// Function and options.
    pub spec: SpecId,
    /// The same function and options, if it takes something of its worker but room.
    pub takes: Option<Arc<TaskSpec>>,
    /// When it runs, relative to others.
    pub priority: Priority,
    /// Arguments, opaque.
    pub args: Blob,
    /// Tasks whose values it needs; one that it names twice is here twice.
    pub dependencies: SmallVec<[TaskId; 2]>,
    /// Tasks that need its value.
    pub dependents: Dependents,
    /// Who wants it. The client that submitted it stays first for as long as it wants it.
    pub clients: SmallVec<[ClientId; 4]>,
    /// How often it was assigned.
    pub attempts: u32,
    /// Deaths of its worker that were charged to it.
    pub deaths: u32,
    /// Failures by error that it may still have.
    pub retries_left: u32,
    /// It named an input that was not known: it can never run.
    pub incomplete: bool,
    /// How often a worker gave it back before it began.
    pub returns: u32,
    /// Its worker died and it may have been the reason: its next run is announced.
    pub suspect: bool,
    pub(super) waiters: u32,
    pub(super) state: TaskState,
}

impl Task {
    /// A task that nobody wants yet.
    pub fn new(
        key: Key,
        spec: SpecId,
        priority: Priority,
        args: Blob,
        dependencies: SmallVec<[TaskId; 2]>,
    ) -> Self {
        Self {
            key,
            spec,
            takes: None,
            priority,
            args,
            dependencies,
            dependents: Dependents::default(),
            clients: SmallVec::new(),
            attempts: 0,
            deaths: 0,
            retries_left: 0,
            incomplete: false,
            returns: 0,
            suspect: false,
            waiters: 0,
            state: TaskState::Released,
        }
    }

    /// Where it is in its life.
    pub fn state(&self) -> &TaskState {
        &self.state
    }

    /// Which state it is in.
    pub fn kind(&self) -> Kind {
        self.state.kind()
    }

    /// Whether a client wants its value or a dependent is on its way to being computed.
    pub fn is_needed(&self) -> bool {
        !self.clients.is_empty() || self.waiters > 0
    }

    /// Whether a dependent is on its way to being computed.
    pub fn is_waited_for(&self) -> bool {
        self.waiters > 0
    }

    /// What it takes of its worker but room.
    pub fn resources(&self) -> &[(String, u64)] {
        self.takes.as_ref().map_or(&[], |spec| &spec.options.resources)
    }

    /// The assignment, if it is processing.
    pub fn processing(&self) -> Option<(WorkerId, RunId)> {
        if let TaskState::Processing { worker, run, .. } = self.state {
            Some((worker, run))
        } else {
            None
        }
    }
}

/// The life of one task. `forgotten` is no state but absence.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskState {
    /// It will have no value.
    Erred {
        /// The task that failed first: this one or one upstream.
        blame: Key,
        /// Why.
        failure: Arc<Failure>,
    },
    /// Done. Invariant: `holders` is not empty, and somebody needs the value.
    Memory {
        /// The run that made the value.
        run: RunId,
        /// Its size.
        nbytes: u64,
        /// Who holds a replica, in the order in which they got it.
        holders: SmallVec<[WorkerId; 2]>,
    },
    /// Every input is in memory, and no worker qualifies.
    NoWorker,
    /// Assigned. Invariant: every input is in memory, or processing on the same worker.
    Processing {
        /// To whom.
        worker: WorkerId,
        /// As which run.
        run: RunId,
        /// What it adds to the worker's occupancy, in nanoseconds.
        cost: u64,
        /// How many of its inputs, with repetition, are not in memory yet.
        missing: u32,
        /// Whether it waits more than it runs: for its value from a client, or for tasks of its own.
        waits: bool,
        /// Whether the worker says when it starts.
        announced: bool,
        /// Whether it said so.
        started: bool,
        /// How far the run says it is, in units of 1/10,000.
        progress: u16,
    },
    /// Every input is in memory, and no worker has room.
    Queued,
    /// Known, and needed by nobody right now.
    Released,
    /// Some inputs are not in memory.
    Waiting {
        /// How many, with repetition. Invariant: not 0 once an event is handled, and exact.
        missing: u32,
    },
}

impl TaskState {
    /// Which state it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Erred { .. } => Kind::Erred,
            Self::Memory { .. } => Kind::Memory,
            Self::NoWorker => Kind::NoWorker,
            Self::Processing { .. } => Kind::Processing,
            Self::Queued => Kind::Queued,
            Self::Released => Kind::Released,
            Self::Waiting { .. } => Kind::Waiting,
        }
    }
}

/// A state without its data: names rows of tables, counters and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It will have no value.
    Erred,
    /// Done: a worker holds its value.
    Memory,
    /// Every input is in memory, and no worker qualifies.
    NoWorker,
    /// Assigned to a worker.
    Processing,
    /// Every input is in memory, and no worker that qualifies has room.
    Queued,
    /// Known, and needed by nobody right now.
    Released,
    /// Some inputs are not in memory.
    Waiting,
}

impl Kind {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 7] = [
        Self::Erred,
        Self::Memory,
        Self::NoWorker,
        Self::Processing,
        Self::Queued,
        Self::Released,
        Self::Waiting,
    ];

    /// The field's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Erred => "erred",
            Self::Memory => "memory",
            Self::NoWorker => "no-worker",
            Self::Processing => "processing",
            Self::Queued => "queued",
            Self::Released => "released",
            Self::Waiting => "waiting",
        }
    }

    /// Whether a task in this state needs its inputs.
    pub const fn is_active(self) -> bool {
        match self {
            Self::NoWorker | Self::Processing | Self::Queued | Self::Waiting => true,
            Self::Erred | Self::Memory | Self::Released => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tasks that depend on one task. A dependent that is forgotten is only counted; the list is
/// cleaned when half of it is gone, so that a root with a million dependents loses each in
/// constant time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependents {
    ids: SmallVec<[TaskId; 2]>,
    forgotten: u32,
}

impl Dependents {
    /// The list, in order of submission; forgotten ones may still be in it.
    pub fn ids(&self) -> &[TaskId] {
        &self.ids
    }

    /// Whether every dependent is forgotten.
    pub fn is_empty(&self) -> bool {
        self.ids.len() == self.forgotten as usize
    }

    pub(super) fn push(&mut self, id: TaskId) {
        self.ids.push(id);
    }

    /// One entry of the list is forgotten. `is_alive` says which are not.
    pub(super) fn forget_one(&mut self, is_alive: impl Fn(TaskId) -> bool) {
        self.forgotten += 1;
        if self.forgotten as usize * 2 >= self.ids.len() {
            self.ids.retain(|id| is_alive(*id));
            self.forgotten = 0;
            if self.ids.is_empty() {
                self.ids = SmallVec::new();
            }
        }
    }
}
