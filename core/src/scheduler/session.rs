//! Sessions: who is behind a connection, for how long it is waited for when that breaks, and how it
//! ends.
//!
//! A [`ConnectionId`] names the stream of one session, however often it is dialled anew: what is
//! said to somebody who is away is said all the same, and the driver keeps it. Nothing here knows
//! tasks.

use raddle_net::names::SpecId;

use super::effect::{Effect, PeerError};
use super::event::ConnectionId;
use super::state::Presence;
use super::turn::{Goal, Turn};
use super::{Peer, Scheduler};
use crate::time::Instant;

/// Somebody who is away is waited for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grace {
    /// When the connection broke.
    pub(super) since: Instant,
    /// When the session is over.
    pub(super) until: Instant,
}

impl Scheduler {
    /// A connection broke. Who was there is waited for; a worker is given nothing meanwhile.
    pub(super) fn on_disconnected(&mut self, connection: ConnectionId, turn: &mut Turn<'_>) {
        let grace = match self.peers.get(&connection).copied() {
            None => return,
            Some(Peer::Client(_)) => self.config.client_grace,
            Some(Peer::Newcomer(_)) => return self.close(connection, PeerError::Away, turn),
            Some(Peer::Worker(worker)) => {
                self.state.suspend_worker(worker, Presence::Away);
                self.note_worker(worker);
                self.config.worker_grace
            }
        };
        if grace.is_zero() {
            return self.close(connection, PeerError::Away, turn);
        }
        let grace = Grace { since: turn.now, until: turn.now + grace };
        self.graces.entry(connection).or_insert(grace);
    }

    /// Who was away is back, with everything it had and was told.
    pub(super) fn on_resumed(&mut self, connection: ConnectionId, turn: &mut Turn<'_>) {
        if self.graces.remove(&connection).is_none() {
            return;
        }
        if let Some(Peer::Worker(worker)) = self.peers.get(&connection).copied() {
            let gained = self.state.restore_worker(worker);
            self.note_worker(worker);
            self.can_be_given_tasks(&gained, turn);
        }
    }

    /// A worker can be given tasks, of these specs among others.
    pub(super) fn can_be_given_tasks(&mut self, gained: &[SpecId], turn: &mut Turn<'_>) {
        if self.state.index().open_workers() == 1 {
            self.warn_of_unknown(gained, turn);
        }
        self.is_open_again(gained, turn);
    }

    /// A worker can be given tasks again after a while, of these specs among others.
    pub(super) fn is_open_again(&mut self, gained: &[SpecId], turn: &mut Turn<'_>) {
        if self.state.index().open_workers() == 1 {
            self.relieve_the_full(turn);
        }
        for spec in gained {
            for task in self.state.index().no_worker(*spec) {
                turn.recommend(task, Goal::Runnable);
            }
        }
        self.note_lacking();
        self.answer_waiting(turn);
    }

    /// The scheduler ends a session, connected or not.
    pub(super) fn close(
        &mut self,
        connection: ConnectionId,
        reason: PeerError,
        turn: &mut Turn<'_>,
    ) {
        if self.peers.contains_key(&connection) {
            let why = reason.to_string();
            turn.out.push(Effect::Close { connection, reason });
            self.end_session(connection, &why, turn);
        }
    }

    /// A session is over, for this reason, and what its process was here goes with it.
    pub(super) fn end_session(&mut self, connection: ConnectionId, why: &str, turn: &mut Turn<'_>) {
        self.graces.remove(&connection);
        match self.peers.remove(&connection) {
            Some(Peer::Client(client)) => {
                self.announce_client(client, "left", turn);
                self.end_client(client, turn);
            }
            Some(Peer::Worker(worker)) => self.lose_worker(worker, why, turn),
            Some(Peer::Newcomer(_)) | None => {}
        }
    }
}
