//! What a worker asks its driver to do.

use raddle_net::messages::{Item, SchedulerToClient, TaskSpec, WorkerMessage};
use raddle_net::names::{Key, RunId, SpecId, WorkerId};
use raddle_net::payload::Blob;
use smallvec::SmallVec;
use std::sync::Arc;

use super::event::RequestId;

/// Something that the driver must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Keep the scattered value of this request in the store, under its run's id, and say so.
    Accept {
        /// The request.
        request: RequestId,
        /// The run.
        run: RunId,
    },
    /// Say why and close the connection to the scheduler; end with
    /// [`Event::Disconnected`](super::Event::Disconnected). The message at fault changed nothing.
    Close {
        /// What the scheduler did wrong.
        reason: PeerError,
    },
    /// Run this body. Its inputs are in the store.
    Execute(Execute),
    /// Say [`Event::Flushed`](super::Event::Flushed) when every message before this has left.
    Flush {
        /// The announced run.
        run: RunId,
    },
    /// Remove this value from the store. A body that uses it keeps its own handle.
    Forget {
        /// The run that made it.
        run: RunId,
    },
    /// Ask a peer for values, on a connection of its own; end with
    /// [`Event::Gathered`](super::Event::Gathered).
    Gather {
        /// The peer.
        peer: WorkerId,
        /// Where it listens.
        address: Arc<str>,
        /// What is wanted.
        items: Vec<Item>,
        /// Bytes expected, together.
        nbytes: u64,
    },
    /// End: close the connection to the scheduler when every message before this has left, and do
    /// not come back.
    Leave,
    /// Refuse the scattered value of this request: it is not expected here.
    Reject {
        /// The request.
        request: RequestId,
    },
    /// A blocked body has its slot again.
    Resume {
        /// The run.
        run: RunId,
    },
    /// Answer a peer: each item asked for, in order, with the value if it is `true`. End with
    /// [`Event::Served`](super::Event::Served).
    Serve {
        /// The request.
        request: RequestId,
        /// What was asked for, and whether it is held.
        items: Vec<(Item, bool)>,
    },
    /// Answer a peer: too many at once. No `Served` follows.
    ServeBusy {
        /// The request.
        request: RequestId,
    },
    /// The run is not wanted any more: its context says so; the body ends when it ends.
    Stop {
        /// The run.
        run: RunId,
    },
    /// Pass on to a body that submits tasks.
    ToRun {
        /// The run.
        run: RunId,
        /// What its client is told.
        message: SchedulerToClient,
    },
    /// Send a message to the scheduler.
    ToScheduler(WorkerMessage),
}

/// A body to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execute {
    /// The task.
    pub key: Key,
    /// This run of it.
    pub run: RunId,
    /// How often the task was assigned, this time included.
    pub attempt: u32,
    /// What to run.
    pub spec: Arc<TaskSpec>,
    /// Runs that made its inputs, in the order in which the arguments count them.
    pub inputs: SmallVec<[RunId; 1]>,
    /// Its arguments.
    pub args: Blob,
}

/// What the scheduler did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerError {
    /// A number, list or text beyond a limit of the wire.
    BeyondLimit(&'static str),
    /// A run given before the worker was told its own id.
    NotRegistered,
    /// A second registration on one connection, with another id.
    Registered,
    /// A run that was given before, or that made a value known here.
    RepeatedRun(RunId),
    /// A spec that was defined before as something else.
    RepeatedSpec(SpecId),
    /// A run that is an input of itself.
    RunNeedsItself(RunId),
    /// One run, two keys.
    RunOfTwoKeys(RunId),
    /// A peer that was never introduced.
    UnknownPeer(WorkerId),
    /// A spec that was never defined.
    UnknownSpec(SpecId),
}

impl std::fmt::Display for PeerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BeyondLimit(what) => write!(f, "{what} beyond the limit of the protocol"),
            Self::NotRegistered => f.write_str("a run before the answer to the registration"),
            Self::Registered => f.write_str("a second registration on one connection"),
            Self::RepeatedRun(run) => write!(f, "run {run} was given before"),
            Self::RepeatedSpec(spec) => write!(f, "spec {} was defined before", spec.0),
            Self::RunNeedsItself(run) => write!(f, "run {run} is an input of itself"),
            Self::RunOfTwoKeys(run) => write!(f, "run {run} belongs to two keys"),
            Self::UnknownPeer(worker) => write!(f, "worker {worker} was never introduced"),
            Self::UnknownSpec(spec) => write!(f, "spec {} was never defined", spec.0),
        }
    }
}
