//! What a worker is told.

use std::sync::Arc;

use raddle_net::messages::{ClientMessage, Failure, Item, Note, SchedulerToWorker};
use raddle_net::names::{Key, RunId, WorkerId};
use raddle_net::payload::SmallValue;

/// A request of a peer for values, numbered by the driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Something that happened outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A peer asks for values.
    Asked {
        /// The request.
        request: RequestId,
        /// What it asks for.
        items: Vec<Item>,
    },
    /// The body of a run waits for a task of its own, and gives its slot back.
    Blocked {
        /// The run.
        run: RunId,
    },
    /// The connection to the scheduler broke. (Everything is dropped; the driver may start anew.)
    Disconnected,
    /// The body of a run returned.
    Executed {
        /// The run.
        run: RunId,
        /// What came of it. A value is in the driver's store, under the run's id.
        outcome: Outcome,
    },
    /// [`Effect::Flush`](super::Effect::Flush) is done: what was said before has left.
    Flushed {
        /// The announced run.
        run: RunId,
    },
    /// A body that submits tasks speaks to the scheduler.
    FromRun {
        /// The run.
        run: RunId,
        /// What it says.
        message: ClientMessage,
    },
    /// The scheduler said something.
    FromScheduler(SchedulerToWorker),
    /// A gather ended. Values found are in the driver's store.
    Gathered {
        /// The peer that was asked.
        peer: WorkerId,
        /// How it ended.
        outcome: GatherOutcome,
    },
    /// A body says something about itself.
    Noted {
        /// The run.
        run: RunId,
        /// What it says.
        note: Note,
    },
    /// A scattered value has come for a run of runtime `Receive`.
    Received {
        /// The request that carried it; it is answered by `Accept` or `Reject`.
        request: RequestId,
        /// Its key and run.
        item: Item,
        /// Its size in bytes.
        nbytes: u64,
        /// The value, if it is small.
        value: Option<SmallValue>,
    },
    /// The answer to a peer's request has left, or cannot.
    Served {
        /// The request.
        request: RequestId,
    },
    /// The time of `next_deadline` has come.
    Tick,
    /// What a body waited for is there; it wants a slot again.
    Unblocked {
        /// The run.
        run: RunId,
    },
}

/// What came of the body of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// An error or a panic.
    Failed {
        /// The task that failed first, if the body returned the error of another one.
        blame: Option<Key>,
        /// Why.
        failure: Arc<Failure>,
    },
    /// A value.
    Finished {
        /// Its size in bytes.
        nbytes: u64,
        /// How long the body took, in nanoseconds.
        duration: u64,
        /// The value, if it is small.
        value: Option<SmallValue>,
    },
}

/// How a gather ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GatherOutcome {
    /// The peer serves as many as it may.
    Busy,
    /// The connection failed before everything was there; nothing of it is kept.
    Failed,
    /// The peer answered; each item asked for is in one of the lists.
    Got {
        /// In the store now, with sizes in bytes.
        found: Vec<(RunId, u64)>,
        /// Not held by the peer.
        missing: Vec<RunId>,
    },
}
