//! Worker ↔ scheduler. One ordered stream each way carries everything.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::client::{ClientMessage, SchedulerToClient};
use super::failure::Failure;
use super::task::TaskSpec;
use crate::names::{Key, Priority, RunId, SpecId, WorkerId};
use crate::payload::{Blob, SmallValue};

/// What a worker is, said once after hello.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Registration {
    /// Unique among connected workers.
    pub name: String,
    /// Where it serves values, `tcp://host:port`; unique among connected workers.
    pub address: String,
    /// Tasks it runs at a time.
    pub nthreads: u32,
    /// Bytes of memory that it may use, if it knows.
    pub memory_limit: Option<u64>,
    /// Native functions that its executable registered.
    pub functions: Vec<FunctionName>,
    /// What it has for tasks that need it, by name, in units of 1/10,000.
    pub resources: Vec<(String, u64)>,
}

/// How it is with the memory of a worker, as far as it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemoryUse {
    /// Bytes of its process that are in memory; 0 if it does not know.
    pub process: u64,
    /// Bytes of values that are on disk and not in memory.
    pub spilled: u64,
    /// There is so much in memory that it is to be given nothing new, until it says otherwise.
    pub is_full: bool,
    /// Nothing can be written to disk now: its values stay in memory.
    pub is_disk_refusing: bool,
    /// There is so much in memory that it ends, with all that it has: nobody waits for it.
    pub is_over: bool,
}

/// A native function that a worker offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FunctionName {
    /// Its name.
    pub name: String,
    /// Fingerprint of its argument and result types.
    pub signature: u64,
}

/// What the scheduler says to a worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SchedulerToWorker {
    /// The answer to a registration: the worker's id.
    Registered {
        /// Its id.
        worker: WorkerId,
    },
    /// From now on `spec` is called `id` on this connection.
    Define {
        /// The scheduler's number for it.
        id: SpecId,
        /// What it stands for.
        spec: TaskSpec,
    },
    /// The worker called `id` listens at `address`. Precedes the first message that names it.
    Peer {
        /// The worker.
        id: WorkerId,
        /// Where it serves values.
        address: String,
    },
    /// Hold a copy of this value, which others hold, as if a run needed it. The worker says
    /// [`WorkerMessage::Fetched`] when it does, and [`WorkerMessage::Locate`] while it cannot.
    Acquire(Input),
    /// Run this.
    Compute(Compute),
    /// This run, or its value, or the copy of it that was to be acquired, is not needed any more,
    /// whatever has become of it.
    Free {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
    },
    /// The answer to [`WorkerMessage::Locate`]: who holds the value. Empty: nobody, and a `Free` of
    /// what needs it follows or has come already.
    Holders {
        /// The task.
        key: Key,
        /// The run that made the value.
        run: RunId,
        /// Who holds it.
        workers: SmallVec<[WorkerId; 2]>,
    },
    /// Nothing here is needed any more: say [`WorkerMessage::Goodbye`], and end. Nothing else follows
    /// that matters.
    Leave,
    /// For a run that submitted tasks.
    ToRun {
        /// The run that is the client.
        run: RunId,
        /// What it is told.
        message: SchedulerToClient,
    },
    /// Give this run back if its body is not entered, as if it had never been given out. The worker
    /// answers with [`WorkerMessage::Recalled`], unless the run has ended, or is freed.
    Recall {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
    },
}

/// One run of a task, assigned to a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Compute {
    /// The task.
    pub key: Key,
    /// This run of it.
    pub run: RunId,
    /// What to run, as defined on this connection.
    pub spec: SpecId,
    /// When to run it, relative to others.
    pub priority: Priority,
    /// Say [`WorkerMessage::Started`], and have it leave, before the body is entered.
    pub announce: bool,
    /// How often the task was assigned, this time included.
    pub attempt: u32,
    /// Values it needs, in the order in which its arguments count them.
    pub inputs: SmallVec<[Input; 1]>,
    /// Its arguments.
    pub args: Blob,
}

/// A value that a run needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Input {
    /// The task that makes it.
    pub key: Key,
    /// The run that made it, or that will: an input without holders is made by a run that this
    /// worker was given before (sub-graph dispatch).
    pub run: RunId,
    /// Its size in bytes; 0 if not yet known.
    pub nbytes: u64,
    /// Who holds it, at most [`MAX_HOLDERS`](crate::limits::MAX_HOLDERS).
    pub holders: SmallVec<[WorkerId; 2]>,
}

/// What a worker says to the scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WorkerMessage {
    /// The first message, and only the first.
    Register(Registration),
    /// A run made a value, which this worker holds.
    Finished {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
        /// Size of the value in bytes.
        nbytes: u64,
        /// How long the body took, in nanoseconds.
        duration: u64,
        /// The value, if it is small.
        value: Option<SmallValue>,
    },
    /// A run ended without a value.
    Failed {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
        /// The task that failed first, if the run returned the error of another one that it awaited.
        blame: Option<Key>,
        /// Why.
        failure: Arc<Failure>,
    },
    /// An announced run is about to enter its body.
    Started {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
    },
    /// This worker holds one more copy of a value.
    Fetched {
        /// The task.
        key: Key,
        /// The run that made it.
        run: RunId,
    },
    /// Nobody known to this worker gives it a value that it needs. It asks again, with back-off,
    /// while it needs the value.
    Locate {
        /// The task.
        key: Key,
        /// The run that made it.
        run: RunId,
    },
    /// The worker leaves on purpose, with all that it has: nobody waits for it.
    Goodbye,
    /// A run says something about itself.
    Note {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
        /// What it says.
        note: Note,
    },
    /// From a run that submits tasks: it is their client.
    FromRun {
        /// The run's task.
        key: Key,
        /// The run.
        run: RunId,
        /// What it says.
        message: ClientMessage,
    },
    /// This worker is to leave, once it has nothing that others need: as if a client had said so by
    /// [`Query::Retire`](super::Query::Retire).
    Retire,
    /// The answer to a [`SchedulerToWorker::Recall`].
    Recalled {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
        /// Whether the run is given back: its body was not entered, and never will be.
        returned: bool,
    },
    /// How it is with this worker's memory now.
    Memory(MemoryUse),
}

/// What a run says about itself, for people.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Note {
    /// A line of its log, of at most [`MAX_EVENT_TEXT`](crate::limits::MAX_EVENT_TEXT) bytes.
    Log(String),
    /// How far it is, in units of 1/10,000.
    Progress(u16),
}
