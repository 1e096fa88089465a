//! What a client machine asks its driver to do.

use std::sync::Arc;

use raddle_net::messages::{ClientMessage, Failure, QueryAnswer};
use raddle_net::names::{Key, RunId, WorkerId};
use raddle_net::payload::SmallValue;

/// Something that the driver must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The answer to a question.
    Answer {
        /// The question's id.
        id: u64,
        /// The answer.
        answer: QueryAnswer,
    },
    /// Close the connection to the scheduler, which cannot be understood, and say
    /// [`Event::Disconnected`](super::Event::Disconnected). Nothing else has changed.
    Close {
        /// What the scheduler did wrong.
        reason: PeerError,
    },
    /// Pull a value; end with [`Event::Fetched`](super::Event::Fetched).
    Fetch {
        /// The key.
        key: Key,
        /// The run that made the value.
        run: RunId,
        /// Its size in bytes.
        nbytes: u64,
        /// Who holds it.
        worker: WorkerId,
        /// Where that worker listens.
        address: Arc<str>,
        /// How to come there.
        route: Route,
    },
    /// Push scattered data; end with [`Event::Sent`](super::Event::Sent).
    Send {
        /// The key.
        key: Key,
        /// The run it will be the value of.
        run: RunId,
        /// Where to.
        address: Arc<str>,
        /// How to come there.
        route: Route,
    },
    /// The key has a value, or will have none. Said again whenever that changes.
    Settled {
        /// The key.
        key: Key,
        /// What it is now.
        settled: Settled,
    },
    /// Send a message to the scheduler.
    ToScheduler(ClientMessage),
    /// The key has no value any more; it is computed again.
    Unsettled {
        /// The key.
        key: Key,
    },
}

/// How a value travels between this client and a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// On a connection of the two.
    Direct,
    /// Through the scheduler, which passes on bytes: the last resort.
    Relayed,
}

/// How a future ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// No value.
    Erred {
        /// The task that failed first.
        blame: Key,
        /// Why.
        failure: Arc<Failure>,
    },
    /// A value, held by a worker.
    InMemory {
        /// The run that made it.
        run: RunId,
        /// Its size in bytes.
        nbytes: u64,
        /// The value itself, if it is small and came with the news.
        value: Option<SmallValue>,
    },
}

/// What the scheduler did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerError {
    /// It named a worker without having said where that worker listens.
    UnknownPeer(WorkerId),
}

impl std::fmt::Display for PeerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownPeer(worker) => {
                write!(f, "the scheduler named worker {worker} before saying where it listens")
            }
        }
    }
}
