//! What the scheduler is told.

use raddle_net::messages::{ClientMessage, WorkerMessage};
use raddle_net::names::{Session, WorkerId};

/// The stream of one session with the scheduler, numbered by the driver; a number is never used
/// twice. When a connection breaks and the same session dials again and resumes, the stream goes on
/// under its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Something that happened outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A client said hello, in a new session.
    ClientConnected {
        /// Its connection.
        connection: ConnectionId,
        /// Its own name for this life.
        session: Session,
        /// Its name for people.
        name: String,
    },
    /// The connection of a client broke. It may come back.
    ClientDisconnected {
        /// Its connection.
        connection: ConnectionId,
    },
    /// A client that was away is connected again: it goes on where it was.
    ClientResumed {
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
    /// A session cannot go on, or must not: its peer broke the rules of the stream, or more would
    /// have to be kept for it than may be. The driver has closed it.
    SessionEnded {
        /// Its connection.
        connection: ConnectionId,
        /// Why, in words.
        reason: String,
    },
    /// The time of [`next_deadline`](super::Scheduler::next_deadline) has come.
    Tick,
    /// A worker said hello, in a new session. Its first message registers it.
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
    /// A worker that was away is connected again: it goes on where it was.
    WorkerResumed {
        /// Its connection.
        connection: ConnectionId,
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
            | Self::ClientResumed { connection }
            | Self::FromClient { connection, .. }
            | Self::FromWorker { connection, .. }
            | Self::SessionEnded { connection, .. }
            | Self::WorkerConnected { connection, .. }
            | Self::WorkerDisconnected { connection, .. }
            | Self::WorkerResumed { connection } => Some(*connection),
            Self::Tick | Self::WorkerLost { .. } => None,
        }
    }

    /// What it is, in a word or two.
    pub(super) const fn cause(&self) -> &'static str {
        match self {
            Self::ClientConnected { .. } => "a client came",
            Self::ClientDisconnected { .. } => "a client went",
            Self::ClientResumed { .. } | Self::WorkerResumed { .. } => "a connection is back",
            Self::FromClient { message, .. }
            | Self::FromWorker { message: WorkerMessage::FromRun { message, .. }, .. } => {
                client_cause(message)
            }
            Self::FromWorker { message, .. } => worker_cause(message),
            Self::SessionEnded { .. } => "a session ended",
            Self::Tick => "time passed",
            Self::WorkerConnected { .. } => "a worker came",
            Self::WorkerDisconnected { .. } => "a connection broke",
            Self::WorkerLost { .. } => "a worker was lost",
        }
    }
}

const fn client_cause(message: &ClientMessage) -> &'static str {
    match message {
        ClientMessage::Cancel { .. } => "cancel",
        ClientMessage::Define { .. } => "define",
        ClientMessage::Detach { .. } => "fire and forget",
        ClientMessage::Goodbye => "a client left",
        ClientMessage::Locate { .. } => "a client missed a value",
        ClientMessage::Query { .. } => "a question",
        ClientMessage::Release { .. } => "release",
        ClientMessage::Retry { .. } => "retry",
        ClientMessage::Submit { .. } => "submit",
        ClientMessage::Want { .. } => "want",
    }
}

const fn worker_cause(message: &WorkerMessage) -> &'static str {
    match message {
        WorkerMessage::Failed { .. } => "a run failed",
        WorkerMessage::Fetched { .. } => "a value was copied",
        WorkerMessage::Finished { .. } => "a run finished",
        WorkerMessage::FromRun { .. } => "a run spoke",
        WorkerMessage::Goodbye => "a worker left",
        WorkerMessage::Locate { .. } => "a worker missed a value",
        WorkerMessage::Memory(_) => "a worker told of its memory",
        WorkerMessage::Note { .. } => "a run made a note",
        WorkerMessage::Recalled { .. } => "a run was asked back",
        WorkerMessage::Register(_) => "a worker registered",
        WorkerMessage::Retire => "a worker asked to leave",
        WorkerMessage::Started { .. } => "a run started",
    }
}
