//! What the scheduler knows of a client: a process with a connection, or a run that submits tasks.
//!
//! This module must not know tasks beyond their ids.

use std::collections::BTreeSet;

use raddle_net::names::{Key, RunId, Session, SpecId, WorkerId};

use super::super::event::ConnectionId;
use super::task::TaskId;

/// A client, numbered in the order in which they came; never used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientId(pub u32);

/// Who wants values.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// How it is reached.
    pub channel: Channel,
    /// Its name for people.
    pub name: String,
    /// Specs it defined, by its own number for them.
    pub specs: Vec<SpecId>,
    /// Tasks it wants.
    pub wants: BTreeSet<TaskId>,
    /// Workers whose address it was told.
    pub peers: BTreeSet<WorkerId>,
    /// The submission it is at: its own number, and the scheduler's.
    pub submission: Option<(u64, u64)>,
    /// How deep its tasks are nested: 0 for a process, one more than its own task's for a run.
    pub depth: i16,
    /// It wants too much, and that was said.
    pub is_warned: bool,
}

impl Client {
    /// A client that wants nothing yet.
    pub fn new(channel: Channel, name: String, depth: i16) -> Self {
        Self {
            channel,
            name,
            specs: Vec::new(),
            wants: BTreeSet::new(),
            peers: BTreeSet::new(),
            submission: None,
            depth,
            is_warned: false,
        }
    }
}

/// How a client is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Channel {
    /// Not at all: the cluster itself wants something, on behalf of somebody who may be gone.
    Cluster,
    /// A process with a connection of its own.
    Connection {
        /// The connection.
        connection: ConnectionId,
        /// The process' own name for its life.
        session: Session,
    },
    /// A run, through its worker.
    Run {
        /// The task.
        key: Key,
        /// The run.
        run: RunId,
        /// The worker.
        worker: WorkerId,
    },
}
