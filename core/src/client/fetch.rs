//! Values are pulled from the workers that hold them, one pull a key at a time.
//!
//! A worker that is busy is asked again after a while. One that does not have the value, or does
//! not answer, is reported to the scheduler, which then names a holder: another one is asked at
//! once, the same one after a back-off, and by another route if it did not answer. This module must
//! not know how values are pulled.

use std::sync::Arc;

use raddle_net::messages::ClientMessage;
use raddle_net::names::{Key, RunId, WorkerId};

use super::effect::{Effect, Route};
use super::event::FetchOutcome;
use super::futures::{Place, State};
use super::transfers::{Phase, Transfer};
use super::{Client, Timer};
use crate::time::Instant;

/// Failures in a row after which another holder is not asked at once either: a scheduler that goes
/// round in circles must not make this client do so at full speed.
const QUICK_TRIES: u32 = 4;

impl Client {
    pub(super) fn on_await(&mut self, now: Instant, key: Key, out: &mut Vec<Effect>) {
        let Some(future) = self.futures.held(key) else { return };
        match &future.state {
            State::Erred { .. } | State::InMemory(Place { inline: true, .. }) | State::Released => {
            }
            State::Pending | State::Scattered | State::Sending { .. } => future.awaited = true,
            State::InMemory(Place { inline: false, .. }) => {
                future.awaited = true;
                if self.transfers.get(key).is_none() {
                    self.fetch(now, key, 0, out);
                }
            }
        }
    }

    /// Pulls the value of a key that is in memory, after so many failures in a row.
    pub(super) fn fetch(&mut self, now: Instant, key: Key, failures: u32, out: &mut Vec<Effect>) {
        let Some(Place { run, nbytes, worker, .. }) = self.place(key) else { return };
        let address = self.peers.get(&worker).expect("a holder's address is known").clone();
        let route = self.routes.to(worker, now);
        self.transfers.set(key, failures, Phase::Underway { run, worker, route });
        out.push(Effect::Fetch { key, run, nbytes, worker, address, route });
    }

    pub(super) fn on_fetched(
        &mut self,
        now: Instant,
        key: Key,
        run: RunId,
        outcome: FetchOutcome,
        out: &mut Vec<Effect>,
    ) {
        let Some((worker, route, failures)) = self.take_pull(key, run) else { return };
        if outcome == FetchOutcome::Unreachable {
            self.routes.failed(worker, route);
        }
        let Some(future) = self.futures.held(key).filter(|future| future.awaited) else { return };
        if !matches!(&future.state, State::InMemory(place) if place.run == run) {
            // The value of another run is not what is waited for.
            return self.pursue(now, key, out);
        }
        match outcome {
            FetchOutcome::Found => future.awaited = false,
            FetchOutcome::Busy => {
                let until = now + self.config.busy_delay;
                self.transfers.set(key, failures, Phase::Waiting { until, worker });
            }
            FetchOutcome::Missing | FetchOutcome::Unreachable => {
                let failures = failures.saturating_add(1);
                self.transfers.set(key, failures, Phase::Locating { failed: worker });
                self.locate(now, key, worker, out);
            }
        }
    }

    /// Ends the pull that is under way for the value of `run`: whom it asked, how, and how many had
    /// failed before. `None` if there is none: nobody asked.
    fn take_pull(&mut self, key: Key, run: RunId) -> Option<(WorkerId, Route, u32)> {
        let Transfer { failures, phase } = self.transfers.get(key)?;
        match phase {
            Phase::Underway { run: asked, worker, route }
                if asked == run && self.timer(key) == Timer::Fetch(key) =>
            {
                self.transfers.remove(key);
                Some((worker, route, failures))
            }
            Phase::Locating { .. } | Phase::Underway { .. } | Phase::Waiting { .. } => None,
        }
    }

    /// `failed` does not have the value: asks the scheduler who does, unless it said so meanwhile.
    fn locate(&mut self, now: Instant, key: Key, failed: WorkerId, out: &mut Vec<Effect>) {
        if self.place(key).is_some_and(|place| place.worker != failed) {
            return self.pursue(now, key, out);
        }
        match &self.closed {
            None => self.outbox.push(ClientMessage::Locate { key, failed: Some(failed) }),
            Some(failure) => {
                let failure = Arc::clone(failure);
                self.settle_erred(key, State::Erred { blame: key, failure }, out);
            }
        }
    }

    /// There is news of a key that is awaited: pulls its value, unless that has to wait.
    pub(super) fn pursue(&mut self, now: Instant, key: Key, out: &mut Vec<Effect>) {
        let Some(Place { worker, .. }) = self.place(key) else { return };
        let Some(Transfer { failures, phase }) = self.transfers.get(key) else {
            return self.fetch(now, key, 0, out);
        };
        let is_another = |failed| worker != failed && failures <= QUICK_TRIES;
        match phase {
            Phase::Locating { failed } if !is_another(failed) => {
                let until = now + self.backoff(failures);
                self.transfers.set(key, failures, Phase::Waiting { until, worker });
            }
            Phase::Waiting { worker: failed, .. } if !is_another(failed) => {}
            Phase::Locating { .. } | Phase::Waiting { .. } => self.fetch(now, key, failures, out),
            Phase::Underway { .. } => {}
        }
    }

    /// Where the value of a key is.
    fn place(&self, key: Key) -> Option<Place> {
        match &self.futures.get(key)?.state {
            State::InMemory(place) => Some(*place),
            State::Erred { .. }
            | State::Pending
            | State::Released
            | State::Scattered
            | State::Sending { .. } => None,
        }
    }
}
