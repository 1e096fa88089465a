//! Client ↔ scheduler. The same words serve a run that submits tasks of its own: they then travel
//! inside the worker's stream ([`WorkerMessage::FromRun`](super::WorkerMessage::FromRun)).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::query::{Query, QueryAnswer};
use super::task::{NewTask, TaskSpec};
use crate::names::{Key, RunId, SpecId, WorkerId};
use crate::payload::SmallValue;

/// What a client says to the scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClientMessage {
    /// From now on `spec` is called `id` on this connection. Each id is defined once, in order from 0.
    Define {
        /// The client's number for it.
        id: SpecId,
        /// What it stands for.
        spec: TaskSpec,
    },
    /// New tasks, each after those it depends on. Tasks of one submission may come in several
    /// messages.
    Submit {
        /// Which submission, counted by the client.
        submission: u64,
        /// The tasks.
        tasks: Vec<NewTask>,
    },
    /// The client no longer wants these keys.
    Release {
        /// Keys it wanted.
        keys: Vec<Key>,
        /// Whether the client may come to want them again, and so must hear
        /// [`SchedulerToClient::Released`]: what was said before that is of their former lives.
        answer: bool,
    },
    /// The client does not want these keys computed; it is told `Erred` with
    /// [`Failure::Cancelled`]. If nobody else wants them, or what is on its way because of them,
    /// nobody computes them.
    Cancel {
        /// Keys it wants.
        keys: Vec<Key>,
        /// Whoever else wants them: they are told the same.
        force: bool,
    },
    /// Compute these keys to the end, whoever stops wanting them. Their values are kept no longer
    /// than somebody else wants them.
    Detach {
        /// Keys it wants.
        keys: Vec<Key>,
    },
    /// Compute these keys again, if they failed: the tasks that failed first run again, and so does
    /// all that failed because of them and is still wanted. Whoever wants any of these is told
    /// `Recomputing`; of a key that is not computed again, the client is told where it stands.
    Retry {
        /// Keys it wants.
        keys: Vec<Key>,
    },
    /// Where is this key's value? Sent when a worker that should have it did not answer. The
    /// scheduler answers with what it knows now, and again when that changes.
    Locate {
        /// The key.
        key: Key,
        /// The worker that did not have it or did not answer.
        failed: Option<WorkerId>,
    },
    /// A question about the cluster.
    Query {
        /// Chosen by the client; the answer repeats it.
        id: u64,
        /// What is asked.
        query: Query,
    },
    /// The client wants keys that it has from somebody else, and is told where each stands.
    Want {
        /// Keys it does not want yet.
        keys: Vec<Key>,
    },
    /// The client leaves on purpose and wants nothing any more.
    Goodbye,
}

/// What the scheduler says to a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SchedulerToClient {
    /// The worker called `id` listens at `address`. Precedes the first message that names it.
    Peer {
        /// The worker.
        id: WorkerId,
        /// Where it serves values, `tcp://host:port`.
        address: String,
    },
    /// The key has a value.
    InMemory {
        /// The key.
        key: Key,
        /// The run that made the value.
        run: RunId,
        /// Its size in bytes.
        nbytes: u64,
        /// A worker that holds it.
        worker: WorkerId,
        /// The value, if it is small and at hand.
        value: Option<SmallValue>,
    },
    /// The key will have no value.
    Erred {
        /// The key.
        key: Key,
        /// The task that failed first; `key` itself or one it depends on.
        blame: Key,
        /// Why.
        failure: Arc<Failure>,
    },
    /// Every copy of the key's value is gone, or its failure is taken back; it is computed again.
    Recomputing {
        /// The key.
        key: Key,
    },
    /// What the client released before is released: whatever was said of these keys so far belongs to
    /// their former lives. Said if it was asked for.
    Released {
        /// Keys of one release message.
        keys: Vec<Key>,
    },
    /// Send the scattered value of `key` to `worker`, as `run`.
    Send {
        /// The key.
        key: Key,
        /// The run it will be the value of.
        run: RunId,
        /// Where to.
        worker: WorkerId,
    },
    /// The answer to a question.
    Answer {
        /// The question's id.
        id: u64,
        /// The answer.
        answer: QueryAnswer,
    },
}
