//! How messages reach clients and workers, each introduced to what the message names.
//!
//! Who is away is told all the same: the driver keeps it.

use raddle_net::messages::{SchedulerToClient, SchedulerToWorker};
use raddle_net::names::{SpecId, WorkerId};

use super::Scheduler;
use super::effect::Effect;
use super::state::{Channel, ClientId, Presence};
use super::turn::Turn;

impl Scheduler {
    pub(super) fn to_client(
        &self,
        client: ClientId,
        message: SchedulerToClient,
        turn: &mut Turn<'_>,
    ) {
        let Some(client) = self.state.client(client) else { return };
        match client.channel {
            Channel::Cluster => {}
            Channel::Connection { connection, .. } => {
                turn.out.push(Effect::ToClient { connection, message });
            }
            Channel::Run { run, worker, .. } => {
                self.to_worker(worker, SchedulerToWorker::ToRun { run, message }, turn);
            }
        }
    }

    pub(super) fn to_worker(
        &self,
        worker: WorkerId,
        message: SchedulerToWorker,
        turn: &mut Turn<'_>,
    ) {
        let Some(worker) = self.state.worker(worker) else { return };
        if worker.presence != Presence::Gone {
            turn.out.push(Effect::ToWorker { connection: worker.connection, message });
        }
    }

    /// Before a message names `peer`, the client is told where it listens.
    pub(super) fn introduce_to_client(
        &mut self,
        client: ClientId,
        peer: WorkerId,
        turn: &mut Turn<'_>,
    ) {
        // Nearly always it knows: looked up before anything is copied.
        if self.state.client(client).is_some_and(|client| client.peers.contains(&peer)) {
            return;
        }
        let Some(address) = self.state.worker(peer).map(|w| w.address.clone()) else { return };
        let new = self
            .state
            .client_mut(client)
            .is_some_and(|client| client.channel != Channel::Cluster && client.peers.insert(peer));
        if new {
            self.to_client(client, SchedulerToClient::Peer { id: peer, address }, turn);
        }
    }

    /// Before a message names `peer`, the worker is told where it listens.
    pub(super) fn introduce_to_worker(
        &mut self,
        worker: WorkerId,
        peer: WorkerId,
        turn: &mut Turn<'_>,
    ) {
        let known = self.state.worker(worker).is_none_or(|w| w.peers.contains(&peer));
        if known || worker == peer {
            return;
        }
        let Some(address) = self.state.worker(peer).map(|w| w.address.clone()) else { return };
        if let Some(worker) = self.state.worker_mut(worker) {
            worker.peers.insert(peer);
        }
        self.to_worker(worker, SchedulerToWorker::Peer { id: peer, address }, turn);
    }

    /// Before a message names `spec`, the worker is told what it stands for.
    pub(super) fn define_for_worker(
        &mut self,
        worker: WorkerId,
        spec: SpecId,
        turn: &mut Turn<'_>,
    ) {
        let new = self.state.worker_mut(worker).is_some_and(|worker| worker.specs.insert(spec));
        if new {
            let definition = (*self.state.share_spec(spec)).clone();
            let message = SchedulerToWorker::Define { id: spec, spec: definition };
            self.to_worker(worker, message, turn);
        }
    }
}
