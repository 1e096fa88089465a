//! What the scheduler has defined on the current connection. This module must not know runs or data.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use raddle_net::limits::{MAX_NAME, MAX_SPECS};
use raddle_net::messages::TaskSpec;
use raddle_net::names::{SpecId, WorkerId};

use super::effect::PeerError;

/// Names that mean something on the current connection.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// This worker's own id.
    pub me: Option<WorkerId>,
    /// The scheduler was wrong: nothing that it says is listened to until the connection is gone.
    pub is_closing: bool,
    addresses: BTreeMap<WorkerId, Arc<str>>,
    specs: BTreeMap<SpecId, Arc<TaskSpec>>,
}

impl Session {
    /// Learns this worker's id.
    pub fn register(&mut self, worker: WorkerId) -> Result<(), PeerError> {
        match self.me {
            Some(me) if me != worker => Err(PeerError::Registered),
            Some(_) | None => {
                self.me = Some(worker);
                Ok(())
            }
        }
    }

    /// Learns what `id` stands for.
    pub fn define(&mut self, id: SpecId, spec: TaskSpec) -> Result<(), PeerError> {
        if self.specs.len() >= MAX_SPECS {
            return Err(PeerError::BeyondLimit("specs"));
        }
        match self.specs.entry(id) {
            Entry::Occupied(known) if **known.get() != spec => Err(PeerError::RepeatedSpec(id)),
            Entry::Occupied(_) => Ok(()),
            Entry::Vacant(place) => {
                place.insert(Arc::new(spec));
                Ok(())
            }
        }
    }

    /// Learns where a peer listens. It may have moved.
    pub fn introduce(&mut self, peer: WorkerId, address: &str) -> Result<(), PeerError> {
        if address.len() > MAX_NAME {
            return Err(PeerError::BeyondLimit("an address"));
        }
        self.addresses.insert(peer, Arc::from(address));
        Ok(())
    }

    /// What `id` stands for.
    pub fn spec(&self, id: SpecId) -> Option<&Arc<TaskSpec>> {
        self.specs.get(&id)
    }

    /// Where a peer listens.
    pub fn address(&self, peer: WorkerId) -> Option<&Arc<str>> {
        self.addresses.get(&peer)
    }

    /// Whether `peer` is another worker that was introduced.
    pub fn is_peer(&self, peer: WorkerId) -> bool {
        Some(peer) != self.me && self.addresses.contains_key(&peer)
    }
}
