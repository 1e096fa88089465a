//! What the scheduler asks its driver to do.

use raddle_net::messages::{SchedulerToClient, SchedulerToWorker};

use super::event::ConnectionId;

/// Something that the driver must do. Messages on one connection leave in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Say why and end the session, connected or not. The scheduler has forgotten it already. This is
    /// said of every session but one of which the driver said itself that it has ended.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why.
        reason: PeerError,
    },
    /// End: tell everybody who is connected that it is over, and be gone.
    End,
    /// Send a message to a client. If it is away, keep the message until it is back.
    ToClient {
        /// Its connection.
        connection: ConnectionId,
        /// The message.
        message: SchedulerToClient,
    },
    /// Send a message to a worker. If it is away, keep the message until it is back.
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

/// Why the scheduler is done with a peer. Mostly what it did wrong: that costs the peer its session,
/// and nobody else anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerError {
    /// Another connected worker serves values at this address.
    AddressTaken(String),
    /// Its connection broke, and it did not come back in time.
    Away,
    /// The worker was declared lost, for this reason.
    DeclaredLost(String),
    /// It said goodbye.
    Left,
    /// A number, list or text beyond a limit of the wire.
    BeyondLimit(&'static str),
    /// A worker's first message was not its registration, or a later one was.
    NotRegistered,
    /// Another connected worker has this name.
    NameTaken(String),
    /// A worker offered no threads.
    NoThreads,
    /// The worker has too much in memory, and ends.
    OutOfMemory {
        /// Bytes of its process.
        process: u64,
        /// Bytes that it may use; 0 if it never said.
        limit: u64,
    },
    /// A worker reported a run that was never given to it.
    NotItsRun,
    /// A message for the other role.
    NotItsRole,
    /// The same process has come anew, or another worker in its place.
    Superseded,
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
            Self::Away => f.write_str("its connection broke, and it did not come back in time"),
            Self::BeyondLimit(what) => write!(f, "{what} beyond the limit of the protocol"),
            Self::DeclaredLost(reason) => f.write_str(reason),
            Self::Left => f.write_str("it said goodbye"),
            Self::NotRegistered => {
                f.write_str("a worker's first message, and no other, is its registration")
            }
            Self::NameTaken(name) => write!(
                f,
                "another worker is called `{name}`: give each worker a name of its own, or none"
            ),
            Self::NoThreads => f.write_str("a worker needs at least one thread"),
            Self::OutOfMemory { process, limit } => write!(
                f,
                "its process ran out of memory: it had {} MiB of the {} MiB that it may use",
                process >> 20,
                limit >> 20
            ),
            Self::NotItsRun => f.write_str("a report of a run that was never given to this worker"),
            Self::NotItsRole => f.write_str("a message that does not belong to the peer's role"),
            Self::Superseded => f.write_str("another one has come in its place"),
            Self::UnknownSpec => f.write_str("a task spec that was not defined, in order, before"),
        }
    }
}
