//! What the scheduler knows of a client: a process with a connection, or a run that submits tasks.
//!
//! This module must not know tasks beyond their ids.

use std::collections::BTreeSet;

use raddle_net::names::{Key, RunId, Session, SpecId, WorkerId};

use super::super::event::ConnectionId;
use super::State;
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
    /// Tasks that it called off, and that went on for others: it may want them again. Some may not be
    /// known any more.
    pub called_off: BTreeSet<TaskId>,
    /// Workers whose address it was told.
    pub peers: BTreeSet<WorkerId>,
    /// The submission it is at: its own number, and the scheduler's.
    pub submission: Option<(u64, u64)>,
    /// How deep its tasks are nested: 0 for a process, one more than its own task's for a run.
    pub depth: i16,
    /// Of a run, the client for which it runs.
    pub parent: Option<ClientId>,
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
            called_off: BTreeSet::new(),
            peers: BTreeSet::new(),
            submission: None,
            depth,
            parent: None,
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

impl State {
    /// The client wants the task. False if it did already.
    pub fn want(&mut self, client: ClientId, id: TaskId) -> bool {
        let Some(known) = self.clients.get_mut(&client) else { return false };
        let new = known.wants.insert(id);
        if new {
            self.tasks[id].clients.push(client);
            self.touched.wish(client, id);
        }
        new
    }

    /// The client does not want the task any more. False if it did not.
    pub fn unwant(&mut self, client: ClientId, id: TaskId) -> bool {
        let Some(known) = self.clients.get_mut(&client) else { return false };
        let removed = known.wants.remove(&id);
        if removed {
            self.tasks[id].clients.retain(|c| *c != client);
            self.touched.wish(client, id);
        }
        removed
    }

    /// The client may want a task again that it has called off, and that goes on for others.
    pub fn note_called_off(&mut self, client: ClientId, id: TaskId) {
        let Some(known) = self.clients.get_mut(&client) else { return };
        known.called_off.insert(id);
        // Now and then, so that there are never more than twice as many as are known.
        if known.called_off.len().is_power_of_two() {
            known.called_off.retain(|id| self.tasks.contains_key(*id));
        }
    }

    /// Takes in a client.
    pub fn add_client(&mut self, client: Client) -> ClientId {
        self.clients_seen += 1;
        let id = ClientId(self.clients_seen);
        if client.parent.is_none() {
            self.shares.open(id);
        }
        self.clients.insert(id, client);
        self.touched.clients.note(id);
        id
    }

    /// Changes what is known of a client; what it wants changes by `want` and `unwant` only.
    pub fn client_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.touched.clients.note(id);
        self.clients.get_mut(&id)
    }

    /// Removes a client that wants nothing any more.
    pub fn remove_client(&mut self, id: ClientId) {
        self.touched.clients.note(id);
        let client = self.clients.remove(&id);
        assert!(client.is_none_or(|client| client.wants.is_empty()));
        self.shares.close(id);
    }
}
