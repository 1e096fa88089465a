//! What becomes of a key, by what the scheduler says of it, or because it will say no more.
//!
//! Keys that are not held were released while the message was on its way: it is ignored.

use std::mem;
use std::sync::Arc;

use raddle_net::messages::Failure;
use raddle_net::names::Key;
use raddle_net::payload::SmallValue;

use super::Client;
use super::effect::{Effect, PeerError};
use super::futures::{Future, Place, State};
use super::transfers::Phase;
use crate::time::Instant;

impl Client {
    /// The key has a value, perhaps this one. Repeated for a run that is known, it says who holds
    /// the value now.
    pub(super) fn on_in_memory(
        &mut self,
        now: Instant,
        key: Key,
        mut place: Place,
        value: Option<SmallValue>,
        out: &mut Vec<Effect>,
    ) {
        let Some(future) = self.futures.known(key) else { return };
        if !self.peers.contains_key(&place.worker) {
            out.push(Effect::Close { reason: PeerError::UnknownPeer(place.worker) });
            return;
        }
        let known = match &future.state {
            State::InMemory(known) if known.run == place.run => Some(*known),
            State::Erred { .. }
            | State::InMemory(_)
            | State::Pending
            | State::Released
            | State::Scattered
            | State::Sending { .. } => None,
        };
        let was_inline = known.is_some_and(|known| known.inline);
        let is_news = known.is_none() || (place.inline && !was_inline);
        place.inline |= was_inline;
        future.awaited &= !place.inline;
        let awaited = future.awaited;
        if known.is_none() || place.inline {
            self.set(key, State::InMemory(place));
        } else {
            future.state = State::InMemory(place);
        }
        if is_news {
            self.say_settled(key, value, out);
        }
        if awaited {
            self.pursue(now, key, out);
        }
        self.let_go_if_unheld(key);
    }

    /// A scattered value may have outlived its last handle, so that it could be sent. Now it need not
    /// any more.
    fn let_go_if_unheld(&mut self, key: Key) {
        let unheld = |future: &Future| future.refs == 0 && future.state != State::Released;
        if self.futures.get(key).is_some_and(|future| unheld(future) && !future.is_unsent()) {
            self.let_go(key);
        }
    }

    /// The key will have no value. The first failure stands until the key is retried: one that comes
    /// behind it answers what was asked before.
    pub(super) fn on_erred(
        &mut self,
        key: Key,
        blame: Key,
        failure: Arc<Failure>,
        out: &mut Vec<Effect>,
    ) {
        let has_failed = |future: &mut Future| matches!(future.state, State::Erred { .. });
        if self.futures.known(key).is_some_and(|future| !has_failed(future)) {
            self.settle_erred(key, State::Erred { blame, failure }, out);
        }
    }

    /// Every copy of the value is gone, or an error is taken back.
    pub(super) fn on_recomputing(&mut self, key: Key, out: &mut Vec<Effect>) {
        let Some(future) = self.futures.known(key) else { return };
        match &future.state {
            State::Erred { .. } | State::InMemory(_) => {
                self.set(key, State::Pending);
                out.push(Effect::Unsettled { key });
            }
            // The driver still has it, and is told anew where to send it.
            State::Sending { .. } => self.set(key, State::Scattered),
            State::Pending | State::Released | State::Scattered => {}
        }
    }

    /// Nothing more comes from the scheduler. Values in memory may still be had from the workers.
    pub(super) fn on_disconnected(&mut self, reason: String, out: &mut Vec<Effect>) {
        if self.closed.is_some() {
            return;
        }
        self.seal_releases();
        self.outbox.clear();
        let failure = Arc::new(Failure::Disconnected { reason });
        self.closed = Some(Arc::clone(&failure));
        for key in self.futures.keys() {
            let state = self.futures.get(key).map(|future| &future.state);
            let lost = match state.expect("keys have futures") {
                State::Erred { .. } | State::Released => false,
                State::InMemory(_) => {
                    let phase = self.transfers.get(key).map(|transfer| transfer.phase);
                    matches!(phase, Some(Phase::Locating { .. }))
                }
                State::Pending | State::Scattered | State::Sending { .. } => true,
            };
            if lost {
                let failure = Arc::clone(&failure);
                self.settle_erred(key, State::Erred { blame: key, failure }, out);
            }
        }
    }

    /// The key ends as `next`, which is `Erred`, and nobody waits any more.
    pub(super) fn settle_erred(&mut self, key: Key, next: State, out: &mut Vec<Effect>) {
        self.set(key, next);
        if let Some(future) = self.futures.held(key) {
            future.awaited = false;
        }
        self.say_settled(key, None, out);
        self.let_go_if_unheld(key);
    }

    /// Tells the driver how a key ended.
    pub(super) fn say_settled(
        &mut self,
        key: Key,
        value: Option<SmallValue>,
        out: &mut Vec<Effect>,
    ) {
        let settled = self.futures.get(key).and_then(|future| future.settled(value));
        out.extend(settled.map(|settled| Effect::Settled { key, settled }));
    }

    /// Moves a key that is held to another state. Its transfer ends with the state that it served,
    /// except a pull that is under way: there is one at a time, so the next one waits for its end.
    pub(super) fn set(&mut self, key: Key, next: State) {
        let Some(future) = self.futures.held(key) else { return };
        let previous = mem::replace(&mut future.state, next);
        let is_pull = !matches!(previous, State::Sending { .. });
        if !(is_pull && self.transfers.is_underway(key)) {
            self.transfers.remove(key);
        }
    }
}
