//! What is published: keys that the cluster wants under a name, whoever published them may go.
//!
//! This module must not know who asks.

use raddle_net::limits::{MAX_KEYS, MAX_NAME};
use raddle_net::messages::QueryAnswer;
use raddle_net::names::Key;

use super::effect::PeerError;
use super::state::{Channel, Client, ClientId, TaskId};
use super::turn::Turn;
use super::{Scheduler, Violation};

/// Names under which something is published, at a time.
const MAX_DATASETS: usize = 1 << 12;

/// Keys under one name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dataset {
    /// The client that wants them: the cluster itself.
    pub(super) client: ClientId,
    /// In the order of the publisher, perhaps some of them twice.
    keys: Vec<Key>,
}

impl Scheduler {
    /// Keeps what the client wants under a name.
    pub(super) fn publish(
        &mut self,
        client: ClientId,
        name: String,
        keys: Vec<Key>,
    ) -> QueryAnswer {
        let declined = QueryAnswer::Declined;
        if self.datasets.contains_key(&name) {
            return declined(format!("`{name}` is published already: unpublish it first"));
        }
        if self.datasets.len() >= MAX_DATASETS {
            return declined(format!("{MAX_DATASETS} names are published, and no more may be"));
        }
        let wanted = |task: &TaskId| self.state.task(*task).clients.contains(&client);
        let mut tasks = Vec::with_capacity(keys.len());
        for key in &keys {
            match self.state.find(*key).filter(wanted) {
                Some(task) => tasks.push(task),
                None => return declined(format!("{key} is not known, or not to be wanted")),
            }
        }
        let client = self.state.add_client(Client::new(Channel::Cluster, name.clone(), 0));
        for task in tasks {
            self.state.want(client, task);
        }
        self.datasets.insert(name, Dataset { client, keys });
        QueryAnswer::Done
    }

    /// What is published under a name. Whoever asks does not want it yet.
    pub(super) fn dataset(&self, name: &str) -> QueryAnswer {
        match self.datasets.get(name) {
            Some(dataset) => QueryAnswer::Keys(dataset.keys.clone()),
            None => unknown(name),
        }
    }

    pub(super) fn unpublish(&mut self, name: &str, turn: &mut Turn<'_>) -> QueryAnswer {
        match self.datasets.remove(name) {
            Some(dataset) => {
                self.end_client(dataset.client, turn);
                QueryAnswer::Done
            }
            None => unknown(name),
        }
    }

    /// What is published is wanted.
    pub(super) fn check_datasets(&self) -> Result<(), Violation> {
        for (name, dataset) in &self.datasets {
            let client = self.state.client(dataset.client);
            let wants = |key: &Key| {
                let task = self.state.find(*key);
                task.is_some_and(|task| client.is_some_and(|client| client.wants.contains(&task)))
            };
            if !dataset.keys.iter().all(wants) {
                return Err(Violation::Dataset(name.clone()));
            }
        }
        Ok(())
    }

    /// Whether what a client wants is published: it is of the cluster's own, and is not the one for
    /// which tasks are computed whoever wants them.
    pub(super) fn publishes(&self, client: ClientId) -> bool {
        let is_own = |client: &Client| client.channel == Channel::Cluster;
        self.state.client(client).is_some_and(is_own) && self.detached != Some(client)
    }

    /// Whether a client of the cluster's own has something to want.
    pub(super) fn is_own(&self, client: ClientId) -> bool {
        let published = || self.datasets.values().any(|dataset| dataset.client == client);
        self.detached == Some(client) || published()
    }
}

/// What may be published at once.
pub(super) fn judge_dataset(name: &str, keys: &[Key]) -> Result<(), PeerError> {
    if keys.len() > MAX_KEYS || name.len() > MAX_NAME {
        return Err(PeerError::BeyondLimit("keys or name of a dataset"));
    }
    Ok(())
}

fn unknown(name: &str) -> QueryAnswer {
    QueryAnswer::Unknown(format!("nothing is published under the name `{name}`"))
}
