//! The scheduler machine: who is there, what is to be computed, and where.
//!
//! Read [`Event`] and [`Effect`] first, then `state/task.rs` for the states and `transitions.rs` for
//! the table. A life of a task is told in `assign.rs`, `finish.rs` and `release.rs`; what peers say
//! is judged in `on_client.rs` and `on_worker.rs`. The scheduler never looks at code or values.

use std::collections::BTreeMap;
use std::mem;

use raddle_net::messages::{ClientMessage, WorkerMessage};
use raddle_net::names::{RunId, Session, WorkerId};

mod assign;
mod check;
mod copies;
mod datasets;
mod effect;
mod event;
mod explain;
mod finish;
mod matrix;
mod on_client;
mod on_timer;
mod on_worker;
mod policy;
mod queries;
mod rebalance;
mod recall;
mod release;
mod retire;
mod send;
mod session;
mod starving;
mod state;
mod survey;
#[cfg(test)]
mod tests;
mod topics;
mod transitions;
mod turn;
mod wishes;

pub use effect::{Effect, PeerError};
pub use event::{ConnectionId, Event};
pub use matrix::{Age, Cell, Matter, Occasion, Report, Row, Standing, Word};
pub use on_timer::Timer;
pub use policy::Policy;
pub use state::{ClientId, Kind, Violation};
pub use transitions::TABLE;

use crate::time::{Duration, Instant};
use copies::Copies;
use datasets::Dataset;
use explain::WaitingQuery;
use recall::Recalls;
use session::Grace;
use starving::Starving;
use state::State;
use topics::Topics;
use turn::{Turn, Work};

/// How a scheduler behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Deaths of its worker, announced, that a task survives unless it says otherwise.
    pub allowed_failures: u32,
    /// Which life of the scheduler this is; part of every run id.
    pub epoch: u32,
    /// How long work waits in a cluster without any worker before it fails.
    pub no_workers_timeout: Duration,
    /// How long tasks wait for a worker that qualifies while there are others, before they fail; 0: as
    /// long as it takes.
    pub unqualified_timeout: Duration,
    /// Tasks that a client may want at a time: further new ones are rejected.
    pub max_client_tasks: usize,
    /// How long the cluster may have nothing to do, and hear nothing of a client, until it ends; 0: as
    /// long as it likes.
    pub idle_timeout: Duration,
    /// Where tasks are placed.
    pub policy: Policy,
    /// Seed of the random policy.
    pub seed: u64,
    /// How long a client whose connection broke may take to come back; 0: it is gone at once.
    pub client_grace: Duration,
    /// Whether it is remembered what each event touched, for
    /// [`check_touched`](Scheduler::check_touched). For tests and simulation.
    pub track_touched: bool,
    /// How long a worker whose connection broke may take to come back; 0: it is lost at once.
    pub worker_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allowed_failures: 3,
            epoch: 1,
            no_workers_timeout: Duration::from_secs(30),
            unqualified_timeout: Duration::ZERO,
            max_client_tasks: 1 << 24,
            idle_timeout: Duration::ZERO,
            policy: Policy::EarliestStart,
            seed: 0,
            track_touched: false,
            client_grace: Duration::from_secs(60),
            worker_grace: Duration::from_secs(5),
        }
    }
}

/// The scheduler machine.
#[derive(Clone, Debug)]
pub struct Scheduler {
    config: Config,
    state: State,
    peers: BTreeMap<ConnectionId, Peer>,
    run_clients: BTreeMap<RunId, ClientId>,
    /// Runs that are asked back.
    recalls: Recalls,
    /// Who is waited for.
    graces: BTreeMap<ConnectionId, Grace>,
    no_workers_since: Option<Instant>,
    /// Specs of which tasks are ready, and for which no worker qualifies, if that matters.
    starving: Starving,
    /// Since when there is nothing to do, if that matters.
    idle_since: Option<Instant>,
    /// Whether it has been said that the cluster ends, and nothing has happened since.
    is_ending: bool,
    waiting_queries: Vec<WaitingQuery>,
    /// Copies that are to be, and workers that are to leave.
    copies: Copies,
    /// Who wants what is to be computed whoever else wants it, while there is such a thing.
    detached: Option<ClientId>,
    /// Who wants what is published, by name.
    datasets: BTreeMap<String, Dataset>,
    topics: Topics,
    transitions: u64,
    work: Work,
    /// When the last event happened: explanations say how long something has lasted.
    now: Instant,
}

/// Who is behind a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Peer {
    Client(ClientId),
    /// A worker that has not registered yet.
    Newcomer(Session),
    Worker(WorkerId),
}

impl Scheduler {
    /// A scheduler that knows nobody.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            state: State::new(config.epoch, config.track_touched),
            peers: BTreeMap::new(),
            run_clients: BTreeMap::new(),
            recalls: Recalls::default(),
            graces: BTreeMap::new(),
            no_workers_since: None,
            starving: Starving::default(),
            idle_since: (!config.idle_timeout.is_zero()).then_some(Instant::ZERO),
            is_ending: false,
            waiting_queries: Vec::new(),
            copies: Copies::default(),
            detached: None,
            datasets: BTreeMap::new(),
            topics: Topics::default(),
            transitions: 0,
            work: Work::default(),
            now: Instant::ZERO,
            config,
        }
    }

    /// Handles one event and everything that follows from it.
    pub fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Effect>) {
        self.state.begin_event(event.connection());
        self.now = now;
        let is_word = matches!(event, Event::FromClient { .. } | Event::ClientConnected { .. });
        let mut turn = Turn::new(now, out, mem::take(&mut self.work));
        self.state.turn(now, event.cause());
        self.dispatch(event, &mut turn);
        self.settle(&mut turn);
        self.fill(&mut turn);
        self.steal(&mut turn);
        self.settle_copies(&mut turn);
        self.work = turn.end();
        self.watch_for_workers(now);
        self.watch_the_starving(now);
        self.watch_for_work(now, is_word);
    }

    fn dispatch(&mut self, event: Event, turn: &mut Turn<'_>) {
        match event {
            Event::ClientConnected { connection, session, name } => {
                self.on_client_connected(connection, session, name, turn);
            }
            Event::ClientDisconnected { connection }
            | Event::WorkerDisconnected { connection, .. } => {
                self.on_disconnected(connection, turn);
            }
            Event::ClientResumed { connection } | Event::WorkerResumed { connection } => {
                self.on_resumed(connection, turn);
            }
            Event::FromClient { connection, message } => {
                self.on_from_client(connection, message, turn);
            }
            Event::FromWorker { connection, message } => {
                self.on_from_worker(connection, message, turn);
            }
            Event::SessionEnded { connection, reason } => {
                self.end_session(connection, &reason, turn);
            }
            Event::Tick => self.on_tick(turn),
            Event::WorkerConnected { connection, session } => {
                self.on_worker_connected(connection, session, turn);
            }
            Event::WorkerLost { worker, reason } => {
                let connection = self.state.worker(worker).map(|worker| worker.connection);
                if let Some(connection) = connection {
                    self.close(connection, PeerError::DeclaredLost(reason), turn);
                }
            }
        }
    }

    /// What was said on a connection that is no more comes too late.
    fn on_from_client(
        &mut self,
        connection: ConnectionId,
        message: ClientMessage,
        turn: &mut Turn<'_>,
    ) {
        let result = match self.peers.get(&connection).copied() {
            Some(Peer::Client(client)) => self.on_client_message(client, message, turn),
            Some(Peer::Newcomer(_) | Peer::Worker(_)) => Err(PeerError::NotItsRole),
            None => Ok(()),
        };
        if let Err(reason) = result {
            self.close(connection, reason, turn);
        }
    }

    fn on_from_worker(
        &mut self,
        connection: ConnectionId,
        message: WorkerMessage,
        turn: &mut Turn<'_>,
    ) {
        let result = match (self.peers.get(&connection).copied(), message) {
            (Some(Peer::Worker(worker)), message) => self.on_worker_message(worker, message, turn),
            (Some(Peer::Newcomer(session)), WorkerMessage::Register(registration)) => {
                self.on_register(connection, session, registration, turn)
            }
            (Some(Peer::Newcomer(_)), _) => Err(PeerError::NotRegistered),
            (Some(Peer::Client(_)), _) => Err(PeerError::NotItsRole),
            (None, _) => Ok(()),
        };
        if let Err(reason) = result {
            self.close(connection, reason, turn);
        }
    }

    /// How many tasks are in this state.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.state.index().count(kind)
    }

    /// How many steps were taken from state to state so far, those that led nowhere included: what
    /// events have cost, whatever the machine.
    #[must_use]
    pub const fn transitions(&self) -> u64 {
        self.transitions
    }

    /// How many workers are connected.
    #[must_use]
    pub fn open_workers(&self) -> usize {
        self.state.index().open_workers()
    }

    /// How many tasks are known.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        Kind::ALL.iter().map(|kind| self.count(*kind)).sum()
    }
}
