//! Those who hear the scheduler: what each was told, and whether it made sense to them.
//!
//! This module must not tell the scheduler anything.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use raddle_net::messages::{
    ClientMessage, Compute, Failure, Runtime, SchedulerToClient, SchedulerToWorker,
};
use raddle_net::names::{Key, RunId, SpecId, WorkerId};

use super::super::super::{ConnectionId, Effect, PeerError};

/// Whether what was heard made sense.
pub type Sense = Result<(), TestCaseError>;

type Addresses = BTreeMap<WorkerId, String>;

/// Everyone with a connection.
#[derive(Debug, Default)]
pub struct Audience {
    pub clients: BTreeMap<ConnectionId, Client>,
    pub workers: BTreeMap<ConnectionId, Worker>,
    /// Every run that was ever given out, in order.
    pub given: Vec<(Key, RunId)>,
    /// Whose connection is broken: they hear what is said when they are back.
    pub away: BTreeSet<ConnectionId>,
    /// Sessions that were ended since it was last looked, but for those of who was away,
    /// or has come anew.
    pub closed: Vec<ConnectionId>,
    addresses: Addresses,
}

/// What a client was told: a process, or a run.
#[derive(Debug, Default)]
pub struct Client {
    /// Whether it has defined its specs.
    pub is_ready: bool,
    /// Where keys stand that are done.
    pub told: BTreeMap<Key, Told>,
    /// What it was asked to send.
    pub sends: BTreeSet<(Key, RunId)>,
    peers: BTreeSet<WorkerId>,
    /// What it has ever asked to run again.
    retried: BTreeSet<Key>,
}

/// The last word on a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    Erred,
    InMemory(RunId),
}

/// What a worker was told, and what it has.
#[derive(Debug, Default)]
pub struct Worker {
    pub id: Option<WorkerId>,
    /// Where it serves values.
    pub address: String,
    /// What it is to run.
    pub runs: BTreeMap<RunId, Given>,
    /// What it holds.
    pub values: BTreeSet<(Key, RunId)>,
    /// What it is to hold a copy of.
    pub acquires: BTreeSet<(Key, RunId)>,
    /// Runs that it is to give back.
    pub recalls: BTreeSet<RunId>,
    /// Whether it was told to leave.
    pub leaves: bool,
    specs: BTreeMap<SpecId, Runtime>,
    peers: BTreeSet<WorkerId>,
}

/// A run, as its worker knows it.
#[derive(Debug)]
pub struct Given {
    pub key: Key,
    pub runtime: Runtime,
    /// The run as a client.
    pub client: Client,
}

impl Audience {
    /// Somebody hears something, or is cut off.
    pub fn hear(&mut self, effect: &Effect) -> Sense {
        match effect {
            Effect::Close { connection, reason } => {
                let client = self.clients.remove(connection).is_some();
                let worker = self.workers.remove(connection).is_some();
                prop_assert!(client || worker, "{effect:?} closes what is closed");
                let is_away = self.away.remove(connection);
                if !is_away && *reason != PeerError::Superseded {
                    self.closed.push(*connection);
                }
            }
            Effect::ToClient { connection, message } => {
                let client = self.clients.get_mut(connection);
                prop_assert!(client.is_some(), "{effect:?} to nobody");
                client.unwrap().hear(message, &self.addresses)?;
            }
            Effect::ToWorker { connection, message } => self.worker_hears(*connection, message)?,
            Effect::End => prop_assert!(false, "nobody has asked for the end"),
            Effect::Warn { text } => prop_assert!(!text.is_empty()),
        }
        Ok(())
    }

    fn worker_hears(&mut self, connection: ConnectionId, message: &SchedulerToWorker) -> Sense {
        let worker = self.workers.get_mut(&connection);
        prop_assert!(worker.is_some(), "{message:?} to nobody");
        let worker = worker.unwrap();
        if let SchedulerToWorker::Registered { worker: id } = message {
            prop_assert!(self.addresses.insert(*id, worker.address.clone()).is_none());
            prop_assert_eq!(worker.id.replace(*id), None);
            return Ok(());
        }
        prop_assert!(worker.id.is_some(), "{message:?} before it is registered");
        if let SchedulerToWorker::Compute(compute) = message {
            let last = self.given.last().map(|(_, run)| *run);
            prop_assert!(last < Some(compute.run), "{compute:?} is not new");
            self.given.push((compute.key, compute.run));
        }
        worker.hear(message, &self.addresses)
    }

    /// A run as a client; its worker may have gone.
    pub fn run(&self, run: RunId) -> Option<&Client> {
        self.workers.values().find_map(|worker| Some(&worker.runs.get(&run)?.client))
    }

    /// Whether somebody who is there was asked to send this value.
    pub fn is_sent(&self, key: Key, run: RunId) -> bool {
        let runs = self.workers.values().flat_map(|worker| worker.runs.values());
        let mut clients = self.clients.values().chain(runs.map(|given| &given.client));
        clients.any(|client| client.sends.contains(&(key, run)))
    }
}

impl Client {
    /// It is about to say this: what it was told of these keys is no more. `wants` are the keys that
    /// it wants now.
    pub fn forget(&mut self, message: &ClientMessage, wants: &BTreeSet<Key>) {
        match message {
            ClientMessage::Goodbye => self.told.clear(),
            ClientMessage::Release { keys, .. } => self.told.retain(|key, _| !keys.contains(key)),
            ClientMessage::Submit { tasks, .. } => {
                let new = |key: &Key| tasks.iter().any(|t| t.key == *key) && !wants.contains(key);
                self.told.retain(|key, _| !new(key));
            }
            // What it did not want before, it is told of as if it were new.
            ClientMessage::Retry { keys } | ClientMessage::Want { keys } => {
                self.told.retain(|key, _| wants.contains(key) || !keys.contains(key));
                if matches!(message, ClientMessage::Retry { .. }) {
                    self.retried.extend(keys);
                }
            }
            ClientMessage::Cancel { .. }
            | ClientMessage::Define { .. }
            | ClientMessage::Detach { .. }
            | ClientMessage::Locate { .. }
            | ClientMessage::Query { .. } => {}
        }
    }

    fn hear(&mut self, message: &SchedulerToClient, addresses: &Addresses) -> Sense {
        match message {
            SchedulerToClient::Answer { .. } => {}
            SchedulerToClient::Erred { key, failure, .. } => {
                if !matches!(**failure, Failure::Rejected { .. }) {
                    self.told.insert(*key, Told::Erred);
                }
            }
            SchedulerToClient::InMemory { key, run, worker, .. } => {
                prop_assert!(self.peers.contains(worker), "{worker} was not introduced");
                self.told.insert(*key, Told::InMemory(*run));
            }
            SchedulerToClient::Peer { id, address } => {
                prop_assert!(self.peers.insert(*id), "{id} was introduced twice");
                prop_assert_eq!(addresses.get(id), Some(address));
            }
            SchedulerToClient::Recomputing { key } => {
                let before = self.told.remove(key);
                // Who retries what it did not want takes it for failed.
                let known = before.is_some() || self.retried.contains(key);
                prop_assert!(known, "{key} was not done");
            }
            SchedulerToClient::Released { keys } => prop_assert!(!keys.is_empty()),
            SchedulerToClient::Send { key, run, worker } => {
                prop_assert!(self.peers.contains(worker), "{worker} was not introduced");
                self.sends.insert((*key, *run));
            }
        }
        Ok(())
    }
}

impl Worker {
    /// One that serves values there.
    pub fn at(address: String) -> Self {
        Self { address, ..Self::default() }
    }

    /// A run makes a value here.
    pub fn finish(&mut self, key: Key, run: RunId) {
        self.runs.remove(&run);
        self.values.insert((key, run));
    }

    fn hear(&mut self, message: &SchedulerToWorker, addresses: &Addresses) -> Sense {
        match message {
            SchedulerToWorker::Acquire(input) => {
                let copy = (input.key, input.run);
                let new = !self.values.contains(&copy) && self.acquires.insert(copy);
                prop_assert!(new && !self.leaves, "{input:?} is acquired twice, or in vain");
                prop_assert!(input.holders.iter().all(|holder| self.peers.contains(holder)));
            }
            SchedulerToWorker::Compute(compute) => self.take(compute)?,
            SchedulerToWorker::Define { id, spec } => {
                let new = self.specs.insert(*id, spec.function.runtime).is_none();
                prop_assert!(new, "{id:?} is defined twice");
            }
            SchedulerToWorker::Free { key, run } => {
                self.runs.remove(run);
                self.values.remove(&(*key, *run));
                self.acquires.remove(&(*key, *run));
            }
            SchedulerToWorker::Leave => {
                prop_assert!(self.runs.is_empty() && !self.leaves, "it is not done");
                // They count no more.
                self.values.clear();
                self.acquires.clear();
                self.leaves = true;
            }
            SchedulerToWorker::Holders { workers, .. } => {
                prop_assert!(!workers.contains(&self.id.unwrap()), "it has just said it has not");
                prop_assert!(workers.iter().all(|holder| self.peers.contains(holder)));
            }
            SchedulerToWorker::Peer { id, address } => {
                prop_assert!(self.peers.insert(*id) && self.id != Some(*id));
                prop_assert_eq!(addresses.get(id), Some(address));
            }
            SchedulerToWorker::Recall { run, .. } => {
                prop_assert!(self.runs.contains_key(run), "{message:?} of what is not here");
                prop_assert!(self.recalls.insert(*run), "{message:?} again");
            }
            SchedulerToWorker::Registered { .. } => prop_assert!(false, "registered twice"),
            SchedulerToWorker::ToRun { run, message } => {
                let given = self.runs.get_mut(run);
                prop_assert!(given.is_some(), "{message:?} to a run that has ended");
                given.unwrap().client.hear(message, addresses)?;
            }
        }
        Ok(())
    }

    /// A run names what the worker knows, and its inputs are somewhere, or are made here before it.
    fn take(&mut self, compute: &Compute) -> Sense {
        let runtime = self.specs.get(&compute.spec).copied();
        prop_assert!(runtime.is_some(), "{compute:?} of an unknown spec");
        for input in &compute.inputs {
            let here = self.runs.get(&input.run).is_some_and(|given| given.key == input.key);
            prop_assert!(here == input.holders.is_empty(), "{input:?} is nowhere, or twice");
            let known = |holder| self.id == Some(holder) || self.peers.contains(&holder);
            prop_assert!(input.holders.iter().copied().all(known), "{input:?} is with a stranger");
        }
        let (key, runtime) = (compute.key, runtime.unwrap());
        self.runs.insert(compute.run, Given { key, runtime, client: Client::default() });
        Ok(())
    }
}
