//! What the scheduler has defined on the current connection. This module must not know runs or data.

use std::collections::BTreeMap;
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
    /// Whether this may be the worker's id.
    pub fn judge_id(&self, worker: WorkerId) -> Result<(), PeerError> {
        if self.me.is_none_or(|me| me == worker) { Ok(()) } else { Err(PeerError::Registered) }
    }

    /// Whether `id` may stand for `spec`.
    pub fn judge_definition(&self, id: SpecId, spec: &TaskSpec) -> Result<(), PeerError> {
        match self.specs.get(&id) {
            Some(known) if **known == *spec => Ok(()),
            Some(_) => Err(PeerError::RepeatedSpec(id)),
            None if self.specs.len() >= MAX_SPECS => Err(PeerError::BeyondLimit("specs")),
            None => Ok(()),
        }
    }

    /// Whether a peer may listen there.
    pub fn judge_address(address: &str) -> Result<(), PeerError> {
        if address.len() <= MAX_NAME { Ok(()) } else { Err(PeerError::BeyondLimit("an address")) }
    }

    /// Learns what `id` stands for.
    pub fn define(&mut self, id: SpecId, spec: TaskSpec) {
        self.specs.entry(id).or_insert_with(|| Arc::new(spec));
    }

    /// Learns where a peer listens. It may have moved.
    pub fn introduce(&mut self, peer: WorkerId, address: &str) {
        self.addresses.insert(peer, Arc::from(address));
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
