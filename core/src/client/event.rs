//! What a client machine is told.

use std::sync::Arc;

use raddle_net::messages::{Query, SchedulerToClient, TaskSpec};
use raddle_net::names::{Key, RunId};
use raddle_net::payload::Blob;
use smallvec::SmallVec;

/// Something that happened outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Hold keys that somebody else submitted. Each is held once more.
    Adopt {
        /// The keys.
        keys: Vec<Key>,
    },
    /// Somebody waits for the value of a key.
    Await {
        /// A key of this client.
        key: Key,
    },
    /// Do not compute these keys.
    Cancel {
        /// Keys of this client.
        keys: Vec<Key>,
        /// Even if other clients want them.
        force: bool,
    },
    /// Compute these keys to the end, even if nobody holds them any more.
    Detach {
        /// Keys of this client.
        keys: Vec<Key>,
    },
    /// The connection to the scheduler is gone for good.
    Disconnected {
        /// What broke, in words.
        reason: String,
    },
    /// The driver can send: what was gathered leaves now.
    Flush,
    /// A fetch ended. A value found is in the driver's hands.
    Fetched {
        /// The key.
        key: Key,
        /// The run that was asked for.
        run: RunId,
        /// How it ended.
        outcome: FetchOutcome,
    },
    /// The scheduler said something.
    FromScheduler(SchedulerToClient),
    /// Ask the scheduler about the cluster.
    Query {
        /// Chosen by the driver; the answer repeats it.
        id: u64,
        /// What is asked.
        query: Query,
    },
    /// The last handle of a submission was dropped.
    Release {
        /// The key: as often as it was submitted.
        key: Key,
    },
    /// Compute these keys again, if they failed. They are pending from now on.
    Retry {
        /// Keys of this client.
        keys: Vec<Key>,
    },
    /// Data to put on a worker. The driver keeps it until its key settles, even if it is released: a
    /// task may need it, and a worker that took it may die before the scheduler knows.
    Scatter {
        /// Its key.
        key: Key,
    },
    /// A send of scattered data ended.
    Sent {
        /// The key.
        key: Key,
        /// The run it was sent as.
        run: RunId,
        /// How it ended.
        outcome: SendOutcome,
    },
    /// New tasks, all of one call; each after those it depends on.
    Submit {
        /// The tasks.
        tasks: Vec<Task>,
    },
    /// The time of `next_deadline` has come.
    Tick,
}

/// A task to submit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    /// Its key.
    pub key: Key,
    /// Function and options.
    pub spec: Arc<TaskSpec>,
    /// The user's priority; higher runs first.
    pub priority: i32,
    /// Tasks whose values are arguments.
    pub dependencies: SmallVec<[Key; 1]>,
    /// Arguments.
    pub args: Blob,
}

/// How a fetch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchOutcome {
    /// The worker serves as many as it may; ask again later.
    Busy,
    /// The value is there.
    Found,
    /// The worker does not hold it.
    Missing,
    /// The worker did not answer.
    Unreachable,
}

/// How a send ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendOutcome {
    /// The worker has the value.
    Delivered,
    /// The worker does not want it, or not now.
    Declined,
    /// The worker did not answer.
    Unreachable,
}
