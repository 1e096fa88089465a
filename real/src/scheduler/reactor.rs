//! The reactor: events into the machine, effects out to the peers.
//!
//! Effects are encoded while events are handled; the peers' writers are woken when there is nothing
//! more to handle, or often enough that answers begin to flow. This module must not know how tasks
//! are scheduled.

use std::collections::BTreeMap;

use raddle_core::scheduler::{Config, ConnectionId, Effect, Event, PeerError, Scheduler};
use raddle_net::hello::{Hello, Role};
use raddle_net::messages::{ClientMessage, SchedulerToWorker, WorkerMessage};
use raddle_net::names::WorkerId;
use serde::Serialize;

use super::peer::{Kind, Mail, Peer, Words};
use crate::clock;
use crate::conn::Connection;
use crate::listener::Listener;
use crate::rt::{self, mpsc};

/// Frames that wait for the machine, of all peers together; further ones wait in their sockets.
const MAILBOX: usize = 64;
/// Messages handled, tasks counted singly, before the writers get a turn.
const TURN: usize = 4096;
/// Bytes said to a peer and not yet taken by the network, beyond which the peer is given up.
const MAX_UNSENT: usize = 1 << 30;

/// What the reactor is told by its own process.
pub(super) enum Command {
    /// End.
    Close,
    /// Tell of workers with this name.
    Follow {
        /// The name.
        name: String,
        /// Called with id and address.
        told: Told,
    },
    /// A worker has ended for good.
    WorkerLost {
        /// Which.
        worker: WorkerId,
        /// How that is known.
        reason: String,
    },
}

/// Hears of a worker's registration.
type Told = Box<dyn FnMut(WorkerId, &str) + Send>;

/// The machine and everybody who talks to it.
pub(super) struct Reactor {
    machine: Scheduler,
    peers: BTreeMap<ConnectionId, Peer>,
    followers: BTreeMap<String, Told>,
    /// Which life of the scheduler this is.
    epoch: u32,
    /// Peers whose writers are to be woken.
    dirty: Vec<ConnectionId>,
    /// Of the event being handled; kept for its memory.
    effects: Vec<Effect>,
    /// The number of the next connection.
    next: u64,
    /// Messages handled since the writers were last woken.
    handled: usize,
}

impl Reactor {
    /// A reactor that nobody talks to.
    pub(super) fn new(config: Config) -> Self {
        Self {
            epoch: config.epoch,
            machine: Scheduler::new(config),
            peers: BTreeMap::new(),
            followers: BTreeMap::new(),
            dirty: Vec::new(),
            effects: Vec::new(),
            next: 0,
            handled: 0,
        }
    }

    /// Serves those who come by `listener`, until told to close or until nobody can tell it any
    /// more.
    pub(super) async fn run(
        mut self,
        listener: Listener,
        mut commands: mpsc::UnboundedReceiver<Command>,
    ) {
        let (sender, mut mailbox) = mpsc::channel(MAILBOX);
        let door = sender.clone();
        let roles = &[Role::Client, Role::Worker];
        let listening = rt::spawn(listener.serve(roles, self.epoch, move |hello, connection| {
            let door = door.clone();
            async move {
                // An error means that the reactor has ended; so does the connection.
                let _ = door.send(Mail::Arrived(Box::new(hello), Box::new(connection))).await;
            }
        }));
        let mut mail = Vec::with_capacity(MAILBOX);
        loop {
            let deadline = self.machine.next_deadline().map(|(deadline, _)| deadline);
            rt::select! {
                biased;
                command = commands.recv() => match command {
                    None | Some(Command::Close) => break,
                    Some(command) => self.command(command),
                },
                _ = mailbox.recv_many(&mut mail, MAILBOX) => {
                    for mail in mail.drain(..) {
                        self.receive(mail, &sender).await;
                    }
                }
                () = at(deadline) => self.handle(Event::Tick),
            }
            self.wake();
        }
        listening.abort();
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Close => {}
            Command::Follow { name, told } => {
                self.followers.insert(name, told);
            }
            Command::WorkerLost { worker, reason } => {
                tracing::warn!(%worker, reason, "a worker is lost");
                self.handle(Event::WorkerLost { worker, reason });
            }
        }
    }

    async fn receive(&mut self, mail: Mail, mailbox: &mpsc::Sender<Mail>) {
        match mail {
            Mail::Arrived(hello, connection) => self.arrived(*hello, *connection, mailbox),
            Mail::Words(connection, Words::Client(messages)) => {
                for message in messages {
                    self.hear_client(connection, message).await;
                }
            }
            Mail::Words(connection, Words::Worker(messages)) => {
                for message in messages {
                    self.hear_worker(connection, message).await;
                }
            }
            Mail::Broken(connection, reason) => self.broken(connection, reason),
        }
    }

    fn arrived(&mut self, hello: Hello, stream: Connection, mailbox: &mpsc::Sender<Mail>) {
        let connection = ConnectionId(self.next);
        self.next += 1;
        let (kind, event) = match hello.role {
            Role::Client => (
                Kind::Client,
                Event::ClientConnected {
                    connection,
                    session: hello.session,
                    name: hello.name.clone(),
                },
            ),
            Role::Worker => {
                (Kind::Worker, Event::WorkerConnected { connection, session: hello.session })
            }
            // The listener lets nobody in who comes for data: there is none here.
            Role::Data => return,
        };
        let peer = Peer::start(connection, kind, &hello.name, stream, mailbox.clone());
        tracing::debug!(peer = peer.label, ?kind, "connected");
        self.peers.insert(connection, peer);
        self.handle(event);
    }

    async fn hear_client(&mut self, connection: ConnectionId, message: ClientMessage) {
        // What follows a message that closed its peer is not heard.
        if !self.peers.contains_key(&connection) {
            return;
        }
        let weight = match &message {
            ClientMessage::Submit { tasks, .. } => tasks.len().max(1),
            ClientMessage::Define { .. }
            | ClientMessage::Release { .. }
            | ClientMessage::Cancel { .. }
            | ClientMessage::Detach { .. }
            | ClientMessage::Locate { .. }
            | ClientMessage::Query { .. }
            | ClientMessage::Retry { .. }
            | ClientMessage::Want { .. }
            | ClientMessage::Goodbye => 1,
        };
        self.handle(Event::FromClient { connection, message });
        self.pause(weight).await;
    }

    async fn hear_worker(&mut self, connection: ConnectionId, message: WorkerMessage) {
        let Some(peer) = self.peers.get_mut(&connection) else { return };
        if let WorkerMessage::Register(registration) = &message {
            peer.registered = Some((registration.name.clone(), registration.address.clone()));
        }
        self.handle(Event::FromWorker { connection, message });
        self.pause(1).await;
    }

    /// Lets the writers and readers have a turn, if it is time.
    async fn pause(&mut self, weight: usize) {
        self.handled += weight;
        if self.handled >= TURN {
            self.wake();
            rt::yield_now().await;
        }
    }

    fn broken(&mut self, connection: ConnectionId, reason: String) {
        let Some(peer) = self.peers.remove(&connection) else { return };
        tracing::debug!(peer = peer.label, reason, "disconnected");
        self.handle(match peer.kind {
            Kind::Client => Event::ClientDisconnected { connection },
            Kind::Worker => Event::WorkerDisconnected { connection, reason },
        });
    }

    fn handle(&mut self, event: Event) {
        self.machine.handle(clock::now(), event, &mut self.effects);
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Close { connection, reason } => self.close(connection, &reason),
                Effect::ToClient { connection, message } => self.say(connection, &message),
                Effect::ToWorker { connection, message } => {
                    if let SchedulerToWorker::Registered { worker } = message {
                        self.registered(connection, worker);
                    }
                    self.say(connection, &message);
                }
                Effect::Warn { text } => tracing::warn!("{text}"),
            }
        }
        self.effects = effects;
    }

    fn say<M: Serialize>(&mut self, connection: ConnectionId, message: &M) {
        // A peer that is gone hears nothing; the machine will be told, or has forgotten it.
        let Some(peer) = self.peers.get_mut(&connection) else { return };
        if peer.failed.is_none()
            && let Err(error) = peer.outbox.push(message)
        {
            // Who has missed one message must hear no further one.
            peer.failed = Some(error.to_string());
        }
        if !peer.dirty {
            peer.dirty = true;
            self.dirty.push(connection);
        }
    }

    fn registered(&mut self, connection: ConnectionId, worker: WorkerId) {
        let Some(peer) = self.peers.get(&connection) else { return };
        let Some((name, address)) = &peer.registered else { return };
        tracing::info!(name, address, %worker, "a worker joined");
        if let Some(told) = self.followers.get_mut(name) {
            told(worker, address);
        }
    }

    fn close(&mut self, connection: ConnectionId, reason: &PeerError) {
        let Some(peer) = self.peers.remove(&connection) else { return };
        if *reason == PeerError::DeclaredLost {
            tracing::debug!(peer = peer.label, "the connection of a lost worker is closed");
        } else {
            tracing::warn!(peer = peer.label, %reason, "a peer is wrong; its connection is closed");
        }
        peer.close();
    }

    /// Has everything that was said written.
    fn wake(&mut self) {
        self.handled = 0;
        // Giving up a peer may have the machine say something to others: they join the list.
        while let Some(connection) = self.dirty.pop() {
            let Some(peer) = self.peers.get_mut(&connection) else { continue };
            peer.dirty = false;
            let unsent = peer.outbox.unsent();
            if let Some(reason) = peer.failed.take() {
                self.give_up(connection, format!("a message cannot be sent to it: {reason}"));
            } else if unsent > MAX_UNSENT {
                self.give_up(connection, format!("it leaves {unsent} bytes unread"));
            } else {
                peer.outbox.wake();
            }
        }
    }

    fn give_up(&mut self, connection: ConnectionId, reason: String) {
        let Some(peer) = self.peers.remove(&connection) else { return };
        tracing::warn!(peer = peer.label, reason, "a peer is given up");
        let kind = peer.kind;
        peer.abort();
        self.handle(match kind {
            Kind::Client => Event::ClientDisconnected { connection },
            Kind::Worker => Event::WorkerDisconnected { connection, reason },
        });
    }
}

/// Waits until `deadline`, or for ever.
async fn at(deadline: Option<raddle_core::time::Instant>) {
    match deadline {
        Some(deadline) => rt::sleep_until(clock::at(deadline)).await,
        None => std::future::pending().await,
    }
}
