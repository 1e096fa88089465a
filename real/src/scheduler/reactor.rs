//! The reactor: events into the machine, effects out to the peers.
//!
//! Effects are encoded while events are handled; the peers' writers are woken when there is nothing
//! more to handle, or often enough that answers begin to flow. This module must not know how tasks
//! are scheduled.

mod inboxes;
mod sessions;

use std::collections::{BTreeMap, VecDeque};
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use raddle_core::scheduler::{Config, ConnectionId, Effect, Event, Scheduler};
use raddle_net::hello::{Role, Welcome};
use raddle_net::messages::{ClientMessage, Registration, SchedulerToWorker, WorkerMessage};
use raddle_net::names::{Session, WorkerId};
use serde::Serialize;

use self::inboxes::{Inboxes, Letter};
use super::peer::{Kind, Link, Mail, Peer, Words};
use super::relay::Relays;
use crate::clock;
use crate::credentials::Credentials;
use crate::faults::Faults;
use crate::listener::Listener;
use crate::rt::{self, mpsc};
use crate::stream::{Heard, MAX_KEPT_AWAY, Number};
use crate::throttle::Throttle;

/// Frames that wait for the machine, of all peers together; further ones wait in their sockets.
const MAILBOX: usize = 64;
/// Messages of one peer that are heard, tasks counted singly, before it is the turn of another.
const SLICE: usize = 128;
/// As many of all peers, before the writers get a turn.
const TURN: usize = 512;
/// How long all peers together may take to hear that the scheduler ends.
const FAREWELL_LIMIT: Duration = Duration::from_millis(500);

/// What peers may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Sessions at a time, connected or waited for; whoever comes anew beyond is refused.
    pub(super) sessions: usize,
    /// Bytes said to a peer that is connected, and that it may not have, beyond which it is given up.
    pub(super) kept: usize,
    /// The same of one that is away.
    pub(super) kept_away: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { sessions: 1 << 16, kept: 1 << 30, kept_away: MAX_KEPT_AWAY }
    }
}

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
    /// The same, by their own names.
    sessions: BTreeMap<(Kind, Session), ConnectionId>,
    /// Who went away before it had said anything, first gone first; some may be back.
    unheard: VecDeque<ConnectionId>,
    limits: Limits,
    /// What peers did wrong.
    faults: Arc<Faults>,
    /// Of words about peers.
    log: Throttle,
    /// Of the machine's own words.
    warnings: Throttle,
    followers: BTreeMap<String, Told>,
    /// How those who come are welcomed, by kind.
    welcomes: [Welcome; 2],
    /// Where peers' tasks send what they hear.
    door: mpsc::Sender<Mail>,
    mailbox: mpsc::Receiver<Mail>,
    inboxes: Inboxes,
    relays: Relays,
    /// Peers whose writers are to be woken, in the order in which something was said to them: a run
    /// leaves before what is freed because of it.
    dirty: VecDeque<ConnectionId>,
    /// Of the event being handled; kept for its memory.
    effects: Vec<Effect>,
    /// The number of the next connection.
    next: u64,
    /// Messages handled since the writers were last woken.
    handled: usize,
    /// The machine says that it is over.
    over: bool,
}

impl Reactor {
    /// A reactor that nobody talks to.
    pub(super) fn new(
        config: Config,
        ttl: Duration,
        credentials: Credentials,
        limits: Limits,
        faults: Arc<Faults>,
    ) -> Self {
        let (door, mailbox) = mpsc::channel(MAILBOX);
        let welcome = |grace: Duration| {
            let grace = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
            Welcome { grace, ttl, ..Welcome::new(config.epoch) }
        };
        Self {
            welcomes: [welcome(config.client_grace), welcome(config.worker_grace)],
            door,
            mailbox,
            inboxes: Inboxes::default(),
            relays: Relays::new(credentials),
            machine: Scheduler::new(config),
            peers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            unheard: VecDeque::new(),
            limits,
            faults,
            log: Throttle::default(),
            warnings: Throttle::default(),
            followers: BTreeMap::new(),
            dirty: VecDeque::new(),
            effects: Vec::new(),
            next: 0,
            handled: 0,
            over: false,
        }
    }

    /// Serves those who come by `listener`, until told to close or until nobody can tell it any
    /// more.
    pub(super) async fn run(
        mut self,
        listener: Listener,
        mut commands: mpsc::UnboundedReceiver<Command>,
    ) {
        let door = self.door.clone();
        let roles = &[Role::Client, Role::Worker, Role::Relay];
        let listening = rt::spawn(listener.serve(roles, move |hello, visitor| {
            let door = door.clone();
            async move {
                // An error means that the reactor has ended; so does the connection.
                let _ = door.send(Mail::Arrived(Box::new(hello), Box::new(visitor))).await;
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
                _ = self.mailbox.recv_many(&mut mail, MAILBOX), if self.inboxes.len() < MAILBOX => {
                    mail.drain(..).for_each(|mail| self.receive(mail));
                }
                () = at(deadline) => self.handle(Event::Tick),
                () = ready(()), if !self.inboxes.is_empty() => self.hear_next(),
            }
            if self.over {
                tracing::info!("the cluster ends");
                break;
            }
            if self.inboxes.is_empty() {
                self.wake();
            } else if self.handled >= TURN {
                self.wake();
                rt::yield_now().await;
            }
        }
        listening.abort();
        self.say_farewell().await;
    }

    /// Tells everybody that it is over: they need not come back.
    async fn say_farewell(self) {
        // Nobody is heard any more, or waits to be.
        drop(self.mailbox);
        let closing: Vec<_> = self.peers.into_values().filter_map(Peer::close).collect();
        let all_closed = async {
            for closed in closing {
                // An error means that its task panicked: it has ended, too.
                let _ = closed.await;
            }
        };
        // Who does not listen will see that nobody answers.
        let _ = rt::within(FAREWELL_LIMIT, all_closed).await;
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

    fn receive(&mut self, mail: Mail) {
        match mail {
            Mail::Arrived(hello, visitor) => self.arrived(&hello, *visitor),
            Mail::Broken(link, ended) => self.inboxes.add(link.0, Letter::Broken(link, ended)),
            Mail::Refuses(connection) => {
                if self.peers.get(&connection).is_some_and(|peer| !peer.is_linked()) {
                    self.give_up(connection, "nobody listens any more where it did".to_owned());
                }
            }
            Mail::Words(link, number, words) => {
                self.inboxes.add(link.0, Letter::Frame(link, number, words));
            }
        }
    }

    /// Hears the peer whose turn it is.
    fn hear_next(&mut self) {
        let Some(mut inbox) = self.inboxes.take_first() else { return };
        match &mut inbox.begun {
            Some(spoken) => {
                if !self.hear(inbox.connection, &mut spoken.words) {
                    inbox.begun = None;
                }
            }
            None => match inbox.letters.pop_front() {
                Some(Letter::Broken(link, ended)) => self.broken(link, ended),
                Some(Letter::Frame(link, number, mut spoken)) => {
                    let is_left = self.is_new(link, number) && self.hear(link.0, &mut spoken.words);
                    inbox.begun = is_left.then_some(spoken);
                }
                None => {}
            },
        }
        self.inboxes.put_last(inbox);
    }

    /// Whether a frame is to be heard: it comes from the present connection of its session, and has
    /// not come before.
    fn is_new(&mut self, link: Link, number: Number) -> bool {
        let Some(peer) = self.peers.get_mut(&link.0) else { return false };
        if !peer.is_linked_by(link) {
            return false;
        }
        match peer.outbox.heard(number) {
            Ok(Heard { is_new, wakes }) => {
                if wakes && !peer.dirty {
                    peer.dirty = true;
                    self.dirty.push_back(link.0);
                }
                is_new
            }
            Err(error) => {
                self.give_up(link.0, error.to_string());
                false
            }
        }
    }

    /// Hears some of `words`. `true`: there may be more.
    fn hear(&mut self, connection: ConnectionId, words: &mut Words) -> bool {
        let end = self.handled + SLICE;
        while self.handled < end {
            // What follows a message that closed its peer is not heard.
            let Some(peer) = self.peers.get_mut(&connection) else { return false };
            match words {
                Words::Client(messages) => {
                    let Some(message) = messages.next() else { return false };
                    self.handled += weight(&message);
                    self.handle(Event::FromClient { connection, message });
                }
                Words::Worker(messages) => {
                    let Some(message) = messages.next() else { return false };
                    if let WorkerMessage::Register(registration) = &message {
                        let Registration { name, address, .. } = registration;
                        peer.registered = Some((name.clone(), address.clone()));
                    }
                    self.handled += 1;
                    self.handle(Event::FromWorker { connection, message });
                }
            }
        }
        true
    }

    fn handle(&mut self, event: Event) {
        self.machine.handle(clock::now(), event, &mut self.effects);
        if cfg!(madsim)
            && let Err(violation) = self.machine.check()
        {
            panic!("scheduler-check: {violation:?}");
        }
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Close { connection, reason } => self.close(connection, &reason),
                Effect::End => self.over = true,
                Effect::ToClient { connection, message } => self.say(connection, &message),
                Effect::ToWorker { connection, message } => {
                    if let SchedulerToWorker::Registered { worker } = message {
                        self.registered(connection, worker);
                    }
                    self.say(connection, &message);
                }
                Effect::Warn { text } => self.warnings.log(|| tracing::warn!("{text}")),
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
            self.dirty.push_back(connection);
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

    /// Has everything that was said written.
    fn wake(&mut self) {
        self.handled = 0;
        // Giving up a peer may have the machine say something to others: they join the list.
        while let Some(connection) = self.dirty.pop_front() {
            let Some(peer) = self.peers.get_mut(&connection) else { continue };
            peer.dirty = false;
            let kept = peer.outbox.kept();
            let Limits { kept: here, kept_away: away, .. } = self.limits;
            let limit = if peer.is_linked() { here } else { away };
            if let Some(reason) = peer.failed.take() {
                self.give_up(connection, format!("a message cannot be sent to it: {reason}"));
            } else if kept > limit {
                self.give_up(connection, format!("it leaves {kept} bytes unread"));
            } else {
                peer.outbox.wake();
            }
        }
    }
}

/// Tasks of a message; 1 if it has none.
fn weight(message: &ClientMessage) -> usize {
    match message {
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
    }
}

/// Waits until `deadline`, or for ever.
async fn at(deadline: Option<raddle_core::time::Instant>) {
    match deadline {
        Some(deadline) => rt::sleep_until(clock::at(deadline)).await,
        None => std::future::pending().await,
    }
}
