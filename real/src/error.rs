//! What can go wrong outside of tasks. Each text says what, why, and where possible what to do.
//!
//! This module must not know how the errors come about.

mod task;

use std::io;

use crate::graph::GraphError;

pub use self::task::{Reschedule, TaskError};

/// A result over [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Something outside of tasks went wrong; or a task failed, and its error was passed on with `?`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another program listens there.
    #[error("{address} is in use by another program; choose another port, or 0 for any")]
    AddressInUse {
        /// Where.
        address: String,
    },
    /// A cluster was not started.
    #[error("the cluster could not be started: {reason}")]
    ClusterNotStarted {
        /// Why.
        reason: String,
    },
    /// The scheduler cannot be reached.
    #[error(
        "the scheduler at {address} cannot be reached: {reason}; is it running there \
         (`raddle scheduler`), and is the address right?"
    )]
    Connect {
        /// Where.
        address: String,
        /// Why not.
        reason: String,
    },
    /// The credentials of this process are not there, or not those that the other side wants.
    #[error("{reason}")]
    Credentials {
        /// What is wrong with them.
        reason: String,
    },
    /// The scheduler cannot do what it was asked.
    #[error("{0}")]
    Declined(String),
    /// The connection that is needed is gone.
    #[error("disconnected: {reason}")]
    Disconnected {
        /// Why.
        reason: String,
    },
    /// A graph cannot be submitted.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A bug of raddle.
    #[error("{0}; this is a bug in raddle, please report it")]
    Internal(String),
    /// The text is not an address.
    #[error("{0}")]
    InvalidAddress(String),
    /// The operating system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no worker of that index.
    #[error("there is no worker {index}: the cluster has {workers}, counted from 0")]
    NoSuchWorker {
        /// What was asked for.
        index: usize,
        /// How many there are.
        workers: usize,
    },
    /// Only a process can be paused.
    #[error("{worker} is threads of this process, not a process: start it with `.processes(true)`")]
    NotAProcess {
        /// Which worker.
        worker: String,
    },
    /// The workers are to be processes of a program that does not know how to be one.
    #[error(
        "this program cannot be started as a worker: put `#[raddle::main]` on `main`, or call \
         `raddle::init()` first in it; or name another executable with `.program(path)`, or use \
         `.processes(false)`"
    )]
    NotInitialized,
    /// A worker has ended because of what its process had in memory.
    #[error(
        "the worker's process had {} MiB in memory, more than the {} MiB at which it ends; what ran \
         on it runs elsewhere",
        process >> 20,
        most >> 20
    )]
    OutOfMemory {
        /// Bytes that it had.
        process: u64,
        /// Bytes that it may have at most.
        most: u64,
    },
    /// The peer sent what it must not.
    #[error("{peer} broke the protocol: {reason}; does everybody run the same raddle?")]
    Protocol {
        /// Who.
        peer: String,
        /// How.
        reason: String,
    },
    /// The peer does not want us.
    #[error("{peer} refused the connection: {reason}")]
    Refused {
        /// Who.
        peer: String,
        /// Why, in its words.
        reason: String,
    },
    /// A task failed.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// What was named is not there.
    #[error("{0}")]
    Unknown(String),
    /// The peer speaks another version.
    #[error(
        "{address} speaks version {theirs} of the protocol, this program version {ours}: build \
         both with the same version of raddle"
    )]
    VersionMismatch {
        /// Where.
        address: String,
        /// Our version.
        ours: u32,
        /// The peer's version.
        theirs: u32,
    },
    /// That worker has ended.
    #[error("{worker} has ended")]
    WorkerGone {
        /// Which worker.
        worker: String,
    },
    /// A worker ended before it was registered.
    #[error("{worker} could not be started: {reason}")]
    WorkerNotStarted {
        /// Which worker.
        worker: String,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// The connection that is needed is gone, for this reason.
    pub(crate) fn disconnected(reason: impl Into<String>) -> Self {
        Self::Disconnected { reason: reason.into() }
    }
}
