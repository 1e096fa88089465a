//! What must hold between two events: one function a sentence.
//!
//! Linear in everything there is, so it runs in tests, simulation and fuzzing. It must not repair.

use std::collections::BTreeSet;

use raddle_net::limits;
use raddle_net::messages::ClientMessage;
use raddle_net::names::{Key, SpecId};

use super::futures::{Future, Place, State};
use super::transfers::{Phase, Transfer};
use super::{Client, Violation};
use crate::touched::{WIDE, distinct};

impl Client {
    /// Says which invariant is broken, if one is. Linear in everything there is.
    ///
    /// # Errors
    /// The first violation found.
    pub fn check(&self) -> Result<(), Violation> {
        self.check_table()?;
        for (key, _) in self.futures.ids() {
            self.check_key(key)?;
        }
        for (key, _) in self.transfers.iter() {
            self.check_key(key)?;
        }
        ensure(self.transfers.timers_mirror(), Violation::Timers)?;
        self.check_releases()?;
        self.check_messages()
    }

    /// The same, of what the last event touched; what holds of all together only is left to
    /// [`check`](Self::check). Costs about as much as the event did. It sees nothing unless
    /// [`Config::track_touched`](super::Config::track_touched) is set.
    ///
    /// # Errors
    /// The first violation found.
    pub fn check_touched(&self) -> Result<(), Violation> {
        let futures = self.futures.touched().distinct().into_iter();
        let keys = distinct(futures.chain(self.transfers.touched().distinct()).collect());
        for key in keys {
            self.check_key(key)?;
            self.check_release(key)?;
        }
        Ok(())
    }

    /// Everything that must hold of one key.
    fn check_key(&self, key: Key) -> Result<(), Violation> {
        let future = self.futures.get(key);
        if let Some(future) = future {
            self.check_refs(key, future)?;
            self.check_peers(key, future)?;
            self.check_awaited(key, future)?;
            self.check_closed(key, future)?;
        }
        match self.transfers.get(key) {
            Some(transfer) => self.check_transfer(key, future, transfer),
            None => Ok(()),
        }
    }

    /// A key that was released is to be said to be, if so few are that they can be searched.
    fn check_release(&self, key: Key) -> Result<(), Violation> {
        let releases = self.outbox.releases();
        let is_released = self.futures.get(key).is_some_and(|f| f.state == State::Released);
        let sound = releases.len() > WIDE || releases.contains(&key) == is_released;
        ensure(sound, Violation::Releases)
    }

    /// Each key has a future of its own, and each future a key.
    fn check_table(&self) -> Result<(), Violation> {
        let mut ids = BTreeSet::new();
        for (key, id) in self.futures.ids() {
            ensure(ids.insert(id) && self.futures.get(key).is_some(), Violation::KeyTable(key))?;
        }
        ensure(ids.len() == self.futures.len(), Violation::Orphans)
    }

    fn check_refs(&self, key: Key, future: &Future) -> Result<(), Violation> {
        let is_released = matches!(future.state, State::Released);
        ensure(future.is_held() != is_released, Violation::Refs(key))?;
        let is_erred = matches!(future.state, State::Erred { .. });
        ensure(!future.local || is_erred, Violation::Refs(key))
    }

    fn check_peers(&self, key: Key, future: &Future) -> Result<(), Violation> {
        match future.state {
            State::InMemory(Place { worker, .. }) | State::Sending { worker, .. } => {
                ensure(self.peers.contains_key(&worker), Violation::Peer(key, worker))
            }
            State::Erred { .. } | State::Pending | State::Released | State::Scattered => Ok(()),
        }
    }

    /// Whoever waits has something to wait for.
    fn check_awaited(&self, key: Key, future: &Future) -> Result<(), Violation> {
        let sound = match &future.state {
            State::Erred { .. } | State::Released => !future.awaited,
            State::InMemory(place) if future.awaited => {
                !place.inline && self.transfers.get(key).is_some()
            }
            State::InMemory(_) | State::Pending | State::Scattered | State::Sending { .. } => true,
        };
        ensure(sound, Violation::Awaited(key))
    }

    /// Nothing waits for a scheduler that is gone.
    fn check_closed(&self, key: Key, future: &Future) -> Result<(), Violation> {
        if self.closed.is_none() {
            return Ok(());
        }
        let located =
            matches!(self.transfers.get(key), Some(Transfer { phase: Phase::Locating { .. }, .. }));
        let ended = matches!(future.state, State::Erred { .. } | State::InMemory(_));
        ensure(ended && !located, Violation::AwaitsTheLost(key))
    }

    fn check_transfer(
        &self,
        key: Key,
        future: Option<&Future>,
        transfer: Transfer,
    ) -> Result<(), Violation> {
        ensure(self.transfers.is_timed(key, transfer), Violation::Timers)?;
        let Some(future) = future else {
            let is_underway = matches!(transfer.phase, Phase::Underway { .. });
            return ensure(is_underway, Violation::Transfer(key));
        };
        let sound = match (&future.state, transfer.phase) {
            (State::Sending { run, worker }, Phase::Underway { run: sent, worker: to, .. }) => {
                (*run, *worker) == (sent, to)
            }
            (State::Sending { worker, .. }, Phase::Waiting { worker: to, .. }) => *worker == to,
            (State::InMemory(_), Phase::Locating { .. } | Phase::Waiting { .. }) => future.awaited,
            // A pull that outlived what it was for.
            (
                State::Erred { .. }
                | State::InMemory(_)
                | State::Pending
                | State::Released
                | State::Scattered,
                Phase::Underway { .. },
            ) => true,
            (
                State::Released | State::Scattered,
                Phase::Locating { .. } | Phase::Waiting { .. },
            )
            | (State::Sending { .. }, Phase::Locating { .. })
            | (
                State::Erred { .. } | State::Pending,
                Phase::Locating { .. } | Phase::Waiting { .. },
            ) => false,
        };
        let counted = transfer.failures > 0 || !matches!(transfer.phase, Phase::Locating { .. });
        ensure(sound && counted, Violation::Transfer(key))
    }

    /// What is released is what is on the list, once.
    fn check_releases(&self) -> Result<(), Violation> {
        let listed: BTreeSet<_> = self.outbox.releases().iter().copied().collect();
        let is_released = |key| self.futures.get(key).is_some_and(|f| f.state == State::Released);
        let released = self.futures.ids().filter(|(key, _)| is_released(*key)).count();
        let sound = listed.iter().all(|key| is_released(*key))
            && listed.len() == released
            && listed.len() == self.outbox.releases().len();
        ensure(sound, Violation::Releases)
    }

    /// Messages keep to the limits, and specs are defined in order, before they are used.
    fn check_messages(&self) -> Result<(), Violation> {
        let messages = self.outbox.messages();
        ensure(self.closed.is_none() || messages.is_empty(), Violation::Message(0))?;
        ensure(self.outbox.specs.are_dense(), Violation::Specs)?;
        let is_define = |message: &&ClientMessage| matches!(message, ClientMessage::Define { .. });
        let mut defined = self.outbox.specs.len() - messages.iter().filter(is_define).count();
        for (index, message) in messages.iter().enumerate() {
            let sound = match message {
                ClientMessage::Define { id, .. } => {
                    ensure(is(*id, defined), Violation::Specs)?;
                    defined += 1;
                    true
                }
                ClientMessage::Submit { tasks, .. } => {
                    let known = tasks.iter().all(|task| (task.spec.0 as usize) < defined);
                    ensure(known, Violation::Specs)?;
                    (1..=limits::MAX_SUBMIT).contains(&tasks.len())
                }
                ClientMessage::Cancel { keys, .. }
                | ClientMessage::Detach { keys }
                | ClientMessage::Release { keys, .. }
                | ClientMessage::Retry { keys }
                | ClientMessage::Want { keys } => (1..=limits::MAX_KEYS).contains(&keys.len()),
                ClientMessage::Goodbye
                | ClientMessage::Locate { .. }
                | ClientMessage::Query { .. } => true,
            };
            ensure(sound, Violation::Message(index))?;
        }
        Ok(())
    }
}

fn is(id: SpecId, number: usize) -> bool {
    id.0 as usize == number
}

fn ensure(holds: bool, violation: Violation) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(violation) }
}
