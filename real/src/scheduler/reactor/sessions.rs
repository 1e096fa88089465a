//! Sessions come, break, come back and end.
//!
//! This file must not know what is said in them.

use raddle_core::scheduler::{ConnectionId, Event, PeerError};
use raddle_net::hello::{Hello, RefusedReason, Role};

use super::super::peer::{Break, Kind, Link, Peer};
use super::Reactor;
use crate::listener::Visitor;
use crate::rt;

/// Of all sessions, those that are waited for and have never said anything; for a further one the first is
/// given up. A stranger costs a hello, and would be kept for its whole grace.
const MAX_UNHEARD: usize = 128;

impl Reactor {
    /// Somebody said hello.
    pub(super) fn arrived(&mut self, hello: &Hello, visitor: Visitor) {
        let kind = match hello.role {
            Role::Client => Kind::Client,
            Role::Worker => Kind::Worker,
            Role::Relay => return self.relay(hello, visitor),
            // The listener lets nobody in who comes for data: there is none here.
            Role::Data => return,
        };
        match self.sessions.get(&(kind, hello.session)).copied() {
            Some(connection) => self.returned(connection, kind, hello, visitor),
            None if hello.epoch != 0 => {
                self.log.log(|| {
                    tracing::info!(peer = hello.name, "one comes back to a session that is over");
                });
                refuse(visitor, RefusedReason::SessionUnknown);
            }
            None if self.peers.len() >= self.limits.sessions => {
                self.log.log(|| {
                    tracing::warn!(peer = hello.name, "refused: there are too many sessions");
                });
                refuse(visitor, RefusedReason::Full);
            }
            None => self.welcome(kind, hello, visitor),
        }
    }

    /// A client wants to be connected with a worker; nobody else is.
    fn relay(&self, hello: &Hello, visitor: Visitor) {
        let is_there = self.peers.values().any(|peer| {
            peer.registered.as_ref().is_some_and(|(_, address)| *address == hello.name)
        });
        match is_there {
            true => self.relays.begin(hello.clone(), visitor),
            false => refuse(visitor, RefusedReason::NoSuchWorker),
        }
    }

    /// Somebody comes for the first time.
    fn welcome(&mut self, kind: Kind, hello: &Hello, visitor: Visitor) {
        let connection = ConnectionId(self.next);
        self.next += 1;
        let mut peer = Peer::new(kind, hello, &visitor);
        tracing::debug!(peer = peer.label, ?kind, "connected");
        let welcome = self.welcomes[kind as usize].clone();
        if peer.attach(connection, visitor, 0, welcome, self.door.clone()).is_err() {
            unreachable!("a stream in which nothing was said goes on from its beginning");
        }
        self.peers.insert(connection, peer);
        let session = hello.session;
        self.sessions.insert((kind, session), connection);
        let name = hello.name.clone();
        self.handle(match kind {
            Kind::Client => Event::ClientConnected { connection, session, name },
            Kind::Worker => Event::WorkerConnected { connection, session },
        });
    }

    /// Somebody comes back.
    fn returned(&mut self, connection: ConnectionId, kind: Kind, hello: &Hello, visitor: Visitor) {
        let Some(peer) = self.peers.get_mut(&connection) else { return };
        let welcome = self.welcomes[kind as usize].clone();
        let attached = peer.attach(connection, visitor, hello.received, welcome, self.door.clone());
        if let Err((error, visitor)) = attached {
            refuse(visitor, RefusedReason::SessionUnknown);
            return self.give_up(connection, error.to_string());
        }
        self.log.log(|| tracing::info!(peer = peer.label, "connected again"));
        self.handle(match kind {
            Kind::Client => Event::ClientResumed { connection },
            Kind::Worker => Event::WorkerResumed { connection },
        });
    }

    /// A connection ended.
    pub(super) fn broken(&mut self, link: Link, ended: Break) {
        let connection = link.0;
        let Some(peer) = self.peers.get_mut(&connection) else { return };
        if !peer.is_linked_by(link) {
            return;
        }
        peer.detach();
        let Break { reason, is_final, is_fault } = ended;
        let (kind, heard) = (peer.kind, peer.outbox.received());
        if is_fault || heard == 0 {
            self.faults.add(rt::Instant::now());
        }
        if is_final {
            return self.give_up(connection, reason);
        }
        tracing::debug!(peer = peer.label, reason, "disconnected");
        self.handle(match kind {
            Kind::Client => Event::ClientDisconnected { connection },
            Kind::Worker => Event::WorkerDisconnected { connection, reason },
        });
        // If it is waited for, it is still there.
        if let Some(peer) = self.peers.get_mut(&connection) {
            peer.probe(connection, self.door.clone());
        }
        if heard == 0 {
            self.left_unheard(connection);
        }
    }

    /// A peer went away before it had said anything.
    fn left_unheard(&mut self, connection: ConnectionId) {
        self.unheard.push_back(connection);
        if self.unheard.len() <= MAX_UNHEARD {
            return;
        }
        let Some(first) = self.unheard.pop_front() else { return };
        let Some(peer) = self.peers.get(&first) else { return };
        if !peer.is_linked() && peer.outbox.received() == 0 {
            self.give_up(first, "it said nothing, and so did too many others".to_owned());
        }
    }

    /// The machine is done with a peer.
    pub(super) fn close(&mut self, connection: ConnectionId, reason: &PeerError) {
        let Some(mut peer) = self.remove(connection) else { return };
        match reason {
            // If it is still there, it finds out when it comes back, and starts anew.
            PeerError::Away | PeerError::DeclaredLost(_) | PeerError::Superseded => {
                self.log.log(|| tracing::info!(peer = peer.label, %reason, "a peer is gone"));
                peer.detach();
            }
            PeerError::Left => {
                tracing::debug!(peer = peer.label, "a peer has left");
                drop(peer.close());
            }
            PeerError::OutOfMemory { .. } => {
                self.log.log(|| tracing::warn!(peer = peer.label, %reason, "a worker ends"));
                drop(peer.close());
            }
            PeerError::AddressTaken(_)
            | PeerError::BeyondLimit(_)
            | PeerError::NotRegistered
            | PeerError::NameTaken(_)
            | PeerError::NoThreads
            | PeerError::NotItsRun
            | PeerError::NotItsRole
            | PeerError::UnknownSpec => {
                self.faults.add(rt::Instant::now());
                self.log.log(|| {
                    tracing::warn!(peer = peer.label, %reason, "a peer is wrong; its session is ended");
                });
                drop(peer.close());
            }
        }
    }

    fn remove(&mut self, connection: ConnectionId) -> Option<Peer> {
        let peer = self.peers.remove(&connection)?;
        self.sessions.remove(&(peer.kind, peer.session));
        Some(peer)
    }

    /// The session of a peer cannot go on.
    pub(super) fn give_up(&mut self, connection: ConnectionId, reason: String) {
        let Some(mut peer) = self.remove(connection) else { return };
        self.log.log(|| tracing::warn!(peer = peer.label, reason, "a peer is given up"));
        peer.detach();
        self.handle(Event::SessionEnded { connection, reason });
    }
}

/// Tells somebody why it may not come in.
fn refuse(visitor: Visitor, reason: RefusedReason) {
    drop(rt::spawn(async move {
        if let Err(error) = visitor.refuse(reason).await {
            tracing::debug!(%error, "a peer left before it was refused");
        }
    }));
}
