//! What a worker asks its driver to do.

use raddle_net::messages::{Item, SchedulerToClient, TaskSpec, WorkerMessage};
use raddle_net::names::{Key, RunId, WorkerId};
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
    /// What to run.
    pub spec: Arc<TaskSpec>,
    /// Runs that made its inputs, in the order in which the arguments count them.
    pub inputs: SmallVec<[RunId; 1]>,
    /// Its arguments.
    pub args: Blob,
}
