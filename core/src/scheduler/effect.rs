//! What the scheduler asks its driver to do.

use raddle_net::messages::{SchedulerToClient, SchedulerToWorker};

use super::event::ConnectionId;

/// Something that the driver must do. Messages on one connection leave in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Say why and close. The scheduler has forgotten the connection already.
    Close {
        /// Which.
        connection: ConnectionId,
        /// What the peer did wrong.
        reason: PeerError,
    },
    /// Send a message to a client.
    ToClient {
        /// Its connection.
        connection: ConnectionId,
        /// The message.
        message: SchedulerToClient,
    },
    /// Send a message to a worker.
    ToWorker {
        /// Its connection.
        connection: ConnectionId,
        /// The message.
        message: SchedulerToWorker,
    },
    /// Tell whoever looks after the cluster.
    Warn {
        /// What is odd and what to do, in words.
        text: String,
    },
}

/// What a peer did wrong. It costs the peer its connection, and nobody else anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerError {
    /// Another connected worker serves values at this address.
    AddressTaken(String),
    /// The worker was declared lost while it was connected.
    DeclaredLost,
    /// A number, list or text beyond a limit of the wire.
    BeyondLimit(&'static str),
    /// A worker's first message was not its registration, or a later one was.
    NotRegistered,
    /// Another connected worker has this name.
    NameTaken(String),
    /// A worker offered no threads.
    NoThreads,
    /// A worker reported a run that was never given to it.
    NotItsRun,
    /// A message for the other role.
    NotItsRole,
    /// A session that is connected already.
    SessionTaken,
    /// A spec that was not defined, or was defined out of order.
    UnknownSpec,
}

impl std::fmt::Display for PeerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AddressTaken(address) => write!(
                f,
                "another worker serves values at {address}: give each worker an address of its own"
            ),
            Self::BeyondLimit(what) => write!(f, "{what} beyond the limit of the protocol"),
            Self::DeclaredLost => f.write_str("the worker was declared lost"),
            Self::NotRegistered => {
                f.write_str("a worker's first message, and no other, is its registration")
            }
            Self::NameTaken(name) => write!(
                f,
                "another worker is called `{name}`: give each worker a name of its own, or none"
            ),
            Self::NoThreads => f.write_str("a worker needs at least one thread"),
            Self::NotItsRun => f.write_str("a report of a run that was never given to this worker"),
            Self::NotItsRole => f.write_str("a message that does not belong to the peer's role"),
            Self::SessionTaken => f.write_str("this session is connected already"),
            Self::UnknownSpec => f.write_str("a task spec that was not defined, in order, before"),
        }
    }
}
