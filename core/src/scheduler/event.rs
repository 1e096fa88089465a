//! What the scheduler is told.

use raddle_net::messages::{ClientMessage, WorkerMessage};
use raddle_net::names::{Session, WorkerId};

/// A connection to the scheduler, numbered by the driver; a number is never used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Something that happened outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A client said hello.
    ClientConnected {
        /// Its connection.
        connection: ConnectionId,
        /// Its own name for this life.
        session: Session,
        /// Its name for people.
        name: String,
    },
    /// The connection of a client broke.
    ClientDisconnected {
        /// Its connection.
        connection: ConnectionId,
    },
    /// A client said something.
    FromClient {
        /// Its connection.
        connection: ConnectionId,
        /// What it said.
        message: ClientMessage,
    },
    /// A worker said something.
    FromWorker {
        /// Its connection.
        connection: ConnectionId,
        /// What it said.
        message: WorkerMessage,
    },
    /// The time of [`next_deadline`](super::Scheduler::next_deadline) has come.
    Tick,
    /// A worker said hello. Its first message registers it.
    WorkerConnected {
        /// Its connection.
        connection: ConnectionId,
        /// Its own name for this life.
        session: Session,
    },
    /// The connection of a worker broke. It may come back.
    WorkerDisconnected {
        /// Its connection.
        connection: ConnectionId,
        /// What broke, in words.
        reason: String,
    },
    /// A worker is known to be gone: its process has exited, or nothing listens where it did.
    WorkerLost {
        /// The worker.
        worker: WorkerId,
        /// How that is known, in words.
        reason: String,
    },
}

impl Event {
    /// The connection on which it happened, if it did on one.
    #[must_use]
    pub const fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::ClientConnected { connection, .. }
            | Self::ClientDisconnected { connection }
            | Self::FromClient { connection, .. }
            | Self::FromWorker { connection, .. }
            | Self::WorkerConnected { connection, .. }
            | Self::WorkerDisconnected { connection, .. } => Some(*connection),
            Self::Tick | Self::WorkerLost { .. } => None,
        }
    }
}
