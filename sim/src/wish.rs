//! What clients wish for tasks that are there, beyond holding them and letting go: that they run
//! again, whoever waits, for nobody any more, or for the whole cluster.
//!
//! It must not know what the scheduler makes of a wish.

use std::fmt;

use raddle_core::client::Event;
use raddle_net::messages::{Query, QueryAnswer};
use raddle_net::names::Key;

use crate::client::SimClient;
use crate::probe::Probe;
use crate::world::{Depth, World};

/// One wish of a client. Names under which something is published are numbers in plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// These are computed to the end, even if nobody holds them any more.
    Detach(Vec<Key>),
    /// These are called off, whoever else wants them.
    Force(Vec<Key>),
    /// These are kept under a name.
    Publish(u64, Vec<Key>),
    /// These run again if they have failed.
    Retry(Vec<Key>),
    /// What is kept under a name is held by the client, too.
    Take(u64),
    /// What is kept under a name is kept no longer.
    Unpublish(u64),
}

impl Wish {
    /// The keys that it names.
    pub(crate) fn keys(&self) -> &[Key] {
        match self {
            Self::Detach(keys) | Self::Force(keys) | Self::Publish(_, keys) | Self::Retry(keys) => {
                keys
            }
            Self::Take(_) | Self::Unpublish(_) => &[],
        }
    }

    /// The keys that it names, to be changed.
    pub(crate) fn keys_mut(&mut self) -> Option<&mut Vec<Key>> {
        match self {
            Self::Detach(keys) | Self::Force(keys) | Self::Publish(_, keys) | Self::Retry(keys) => {
                Some(keys)
            }
            Self::Take(_) | Self::Unpublish(_) => None,
        }
    }

    /// The word for it, in the text of a plan.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Detach(_) => "detach",
            Self::Force(_) => "force",
            Self::Publish(..) => "publish",
            Self::Retry(_) => "retry",
            Self::Take(_) => "take",
            Self::Unpublish(_) => "unpublish",
        }
    }
}

/// What follows the word and the client in the text of a plan.
impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish(name, _) | Self::Take(name) | Self::Unpublish(name) => {
                write!(f, " {name}")?;
            }
            Self::Detach(_) | Self::Force(_) | Self::Retry(_) => {}
        }
        self.keys().iter().try_for_each(|key| write!(f, " {key}"))
    }
}

/// What the cluster knows a name of a plan as.
pub(crate) fn dataset(name: u64) -> String {
    format!("dataset {name}")
}

impl World {
    pub(crate) fn wish(&mut self, client: usize, wish: &Wish) {
        let mut keys = wish.keys().to_vec();
        keys.retain(|key| self.clients[client].holds(*key));
        match wish {
            Wish::Detach(_) => self.client_event(client, Event::Detach { keys }),
            Wish::Force(_) => {
                for key in &keys {
                    self.probe_force(client, *key);
                    self.oracle.cancelled(*key);
                }
                self.client_event(client, Event::Cancel { keys, force: true });
            }
            Wish::Publish(name, _) => {
                self.oracle.published(*name, &keys);
                let query = Query::Publish { name: dataset(*name), keys };
                let _ = self.ask_scheduler(client, query);
            }
            Wish::Retry(_) => {
                for key in &keys {
                    self.probe_retry(client, *key);
                    self.oracle.retried(*key);
                }
                self.clients[client].retries = true;
                self.client_event(client, Event::Retry { keys });
                self.clients[client].retries = false;
            }
            Wish::Take(name) => self.take(client, *name),
            Wish::Unpublish(name) => {
                self.oracle.unpublished(*name);
                self.ask_scheduler(client, Query::Unpublish(dataset(*name)));
            }
        }
    }

    fn take(&mut self, client: usize, name: u64) {
        if let Some(id) = self.ask_scheduler(client, Query::Dataset(dataset(name))) {
            self.clients[client].takes.insert(id);
        }
    }

    /// What a client asked for has been answered.
    pub(crate) fn answered(&mut self, client: usize, id: u64, answer: QueryAnswer) {
        let moved = matches!(answer, QueryAnswer::Rebalanced { values: 1.., .. });
        self.probe_if(Probe::Moved, moved);
        if self.clients[client].takes.remove(&id)
            && let QueryAnswer::Keys(keys) = answer
        {
            self.probe_take(&keys);
            keys.iter().for_each(|key| self.clients[client].hold(*key));
            self.client_event(client, Event::Adopt { keys: keys.clone() });
            for key in keys {
                self.client_event(client, Event::Await { key });
            }
        }
    }

    /// Somebody takes what is published, whoever published it.
    pub(crate) fn take_all(&mut self) {
        let names: Vec<u64> = self.oracle.names().collect();
        if !names.is_empty() {
            let client = self.somebody();
            names.into_iter().for_each(|name| self.take(client, name));
        }
    }

    /// Nothing is published any more.
    pub(crate) fn unpublish_all(&mut self) {
        let names: Vec<u64> = self.oracle.names().collect();
        if !names.is_empty() {
            let client = self.somebody();
            names.into_iter().for_each(|name| self.wish(client, &Wish::Unpublish(name)));
        }
    }

    /// A client that is there, or that comes now.
    fn somebody(&mut self) -> usize {
        let here = |client: &SimClient| !client.gone && !client.cut_off;
        self.clients.iter().position(here).unwrap_or_else(|| {
            let client = self.clients.len();
            self.clients.push(SimClient::new(client, self.plan(), Depth::Paranoid));
            self.connect_client(client);
            client
        })
    }
}
