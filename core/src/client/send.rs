//! Scattered values are pushed to the worker that the scheduler names.
//!
//! A push that fails is repeated, with a back-off, for as long as the scheduler wants the value
//! there: should the worker be lost, it names another one. If the worker does not answer, the next
//! one takes another route. This module must not know how values are
//! pushed.

use raddle_net::names::{Key, RunId, WorkerId};

use super::Client;
use super::effect::{Effect, PeerError};
use super::event::SendOutcome;
use super::futures::State;
use super::transfers::{Phase, Transfer};
use crate::time::Instant;

impl Client {
    /// The scheduler says where a scattered value is to go. It means nothing for a key that is not
    /// scattered, or that has settled: the key is in another life than the scheduler knew.
    pub(super) fn on_send(
        &mut self,
        now: Instant,
        key: Key,
        run: RunId,
        worker: WorkerId,
        out: &mut Vec<Effect>,
    ) {
        let Some(future) = self.futures.known(key) else { return };
        let next = State::Sending { run, worker };
        match &future.state {
            State::Scattered | State::Sending { .. } => {}
            State::Erred { .. } | State::InMemory(_) | State::Pending | State::Released => return,
        }
        if !self.peers.contains_key(&worker) {
            out.push(Effect::Close { reason: PeerError::UnknownPeer(worker) });
        } else if future.state != next {
            self.set(key, next);
            self.send(now, key, 0, out);
        }
    }

    /// Pushes the value of a key that is `Sending`, after so many failures in a row.
    pub(super) fn send(&mut self, now: Instant, key: Key, failures: u32, out: &mut Vec<Effect>) {
        let Some(State::Sending { run, worker }) = self.futures.get(key).map(|f| f.state.clone())
        else {
            return;
        };
        let address = self.peers.get(&worker).expect("a receiver's address is known").clone();
        let route = self.routes.to(worker, now);
        self.transfers.set(key, failures, Phase::Underway { run, worker, route });
        out.push(Effect::Send { key, run, address, route });
    }

    pub(super) fn on_sent(&mut self, now: Instant, key: Key, run: RunId, outcome: SendOutcome) {
        let state = self.futures.get(key).map(|future| &future.state);
        if !matches!(state, Some(State::Sending { run: wanted, .. }) if *wanted == run) {
            return;
        }
        let Some(Transfer { failures, phase: Phase::Underway { worker, route, .. } }) =
            self.transfers.get(key)
        else {
            return;
        };
        match outcome {
            // The scheduler tells the rest: that it is in memory, or that it is wanted elsewhere.
            SendOutcome::Delivered => return self.transfers.remove(key),
            SendOutcome::Declined => {}
            SendOutcome::Unreachable => self.routes.failed(worker, route),
        }
        let failures = failures.saturating_add(1);
        let until = now + self.backoff(failures);
        self.transfers.set(key, failures, Phase::Waiting { until, worker });
    }
}
