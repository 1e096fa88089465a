//! The world: a clock, links that keep their order, and the machines that live on them.
//!
//! Everything that happens is a [`Delivery`] at a time; the world takes the earliest, hands it to its
//! machine, and turns the effects into further deliveries. It must not know what a task does.

use std::collections::BTreeMap;

use raddle_core::client::Event as ClientEvent;
use raddle_core::random::{below, hash};
use raddle_core::scheduler::{Config, ConnectionId, Effect, Event, PeerError, Policy, Scheduler};
use raddle_core::time::{Duration, Instant};
use raddle_core::worker::{Event as WorkerEvent, RequestId};
use raddle_net::names::{Key, RunId};

use crate::client::SimClient;
use crate::failure::{Failure, Report};
use crate::oracle::Oracle;
use crate::plan::{Latency, Op, Plan};
use crate::plant::{Fate, Plant};
use crate::requests::{Reply, Request};
use crate::worker::{Ended, SimWorker};

/// Streams of chance that belong to the world.
const LATENCY: u64 = 1;
const CHANCE: u64 = 2;

/// How a plan is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seed of delays and of the random policy.
    pub seed: u64,
    /// Where tasks are placed.
    pub policy: Policy,
    /// Whether every machine is checked after every event that it handles.
    pub paranoid: bool,
    /// Whether everything that happens is printed.
    pub log: bool,
    /// A bug in the links and drivers.
    pub plant: Option<Plant>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, policy: Policy::EarliestStart, paranoid: true, log: false, plant: None }
    }
}

/// A node of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    Client(usize),
    Scheduler,
    Worker(u32),
}

/// Something that happens at a node.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    /// A body ends.
    BodyEnds(u32, RunId, Ended),
    Client(usize, ClientEvent),
    /// What a worker has said leaves its process.
    Depart(u32),
    /// A worker's process dies.
    Die(u32),
    Op(Op),
    /// A request for values, or with one, is answered.
    Reply(RequestId, Reply),
    Scheduler(Event),
    Worker(u32, WorkerEvent),
}

/// The world.
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) settings: Settings,
    pub(crate) now: Instant,
    pub(crate) clients: Vec<SimClient>,
    pub(crate) workers: BTreeMap<u32, SimWorker>,
    pub(crate) oracle: Oracle,
    pub(crate) requests: BTreeMap<RequestId, Request>,
    pub(crate) report: Report,
    pub(crate) failure: Option<Failure>,
    /// How often each task's body has failed.
    pub(crate) failed: BTreeMap<Key, u32>,
    scheduler: Scheduler,
    queue: BTreeMap<(Instant, u64), Delivery>,
    sequence: u64,
    links: BTreeMap<(Node, Node), (Instant, u64)>,
    connections: BTreeMap<ConnectionId, Node>,
    next_connection: u64,
    pub(crate) next_request: u64,
    next_worker: u32,
    /// Decisions so far about each entity.
    decided: BTreeMap<u64, u64>,
    latency: Latency,
    /// Events after which a run that has not settled never will.
    max_events: u64,
    /// Chances that a planted bug has had.
    pub(crate) harmless: u64,
}

impl World {
    /// The world of a plan, in which nothing has happened.
    fn new(settings: Settings, plan: &Plan) -> Self {
        let config = Config {
            policy: settings.policy,
            seed: settings.seed,
            worker_grace: Duration::from_micros(plan.grace),
            ..Config::default()
        };
        Self {
            decided: BTreeMap::new(),
            latency: plan.latency,
            harmless: 0,
            max_events: 100_000 + 1_000 * plan.tasks(),
            settings,
            now: Instant::ZERO,
            clients: Vec::new(),
            workers: BTreeMap::new(),
            oracle: Oracle::default(),
            requests: BTreeMap::new(),
            report: Report::default(),
            failure: None,
            failed: BTreeMap::new(),
            scheduler: Scheduler::new(config),
            queue: BTreeMap::new(),
            sequence: 0,
            links: BTreeMap::new(),
            connections: BTreeMap::new(),
            next_connection: 0,
            next_request: 0,
            next_worker: 0,
        }
    }

    /// Runs a plan: its operations, then everything that is still held must settle and be gathered;
    /// then everything is released, and nothing may be left.
    ///
    /// # Errors
    ///
    /// The first property that does not hold.
    pub fn run(settings: Settings, plan: &Plan) -> Result<Report, Failure> {
        Self::new(settings, plan).run_to_the_end(plan)
    }

    fn run_to_the_end(mut self, plan: &Plan) -> Result<Report, Failure> {
        for &nthreads in &plan.workers {
            self.join(nthreads);
        }
        for client in 0..plan.clients {
            self.clients.push(SimClient::new(client));
            self.connect_client(client);
        }
        for step in &plan.ops {
            let at = Instant::ZERO + Duration::from_micros(step.at);
            self.at(at, Delivery::Op(step.op.clone()));
        }
        self.settle()?;
        for client in 0..self.clients.len() {
            self.await_all(client);
        }
        self.settle()?;
        self.judge_all()?;
        for client in 0..self.clients.len() {
            self.release_all(client);
        }
        self.settle()?;
        self.check_leaks()?;
        Ok(self.report)
    }

    /// Until nothing happens any more.
    fn settle(&mut self) -> Result<(), Failure> {
        while let Some(((at, _), delivery)) = self.queue.pop_first() {
            self.now = at;
            self.report.events += 1;
            if self.report.events > self.max_events {
                return Err(Failure::Stuck("things happen for ever".to_owned()));
            }
            if self.settings.log {
                eprintln!("{:>12} {delivery:?}", at.as_nanos());
            }
            self.digest(&delivery);
            self.see(&delivery);
            self.deliver(delivery);
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
        }
        Ok(())
    }

    fn digest(&mut self, delivery: &Delivery) {
        let text = format!("{delivery:?}");
        let words = text.bytes().fold(self.now.as_nanos(), |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.report.digest = hash(self.report.digest, 0, words, 0);
    }

    fn see(&mut self, delivery: &Delivery) {
        let seen = &mut self.report.coverage;
        match delivery {
            Delivery::Op(op) => seen.see(op),
            Delivery::Scheduler(event) => {
                seen.see(event);
                match event {
                    Event::FromClient { message, .. } => seen.see(message),
                    Event::FromWorker { message, .. } => seen.see(message),
                    Event::ClientConnected { .. }
                    | Event::ClientDisconnected { .. }
                    | Event::ClientResumed { .. }
                    | Event::SessionEnded { .. }
                    | Event::Tick
                    | Event::WorkerConnected { .. }
                    | Event::WorkerDisconnected { .. }
                    | Event::WorkerLost { .. }
                    | Event::WorkerResumed { .. } => {}
                }
            }
            Delivery::BodyEnds(..)
            | Delivery::Client(..)
            | Delivery::Depart(_)
            | Delivery::Die(_)
            | Delivery::Reply(..)
            | Delivery::Worker(..) => {} // Seen by their machines' drivers.
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::BodyEnds(worker, run, ended) => self.body_ends(worker, run, ended),
            Delivery::Client(client, event) => self.client_event(client, event),
            Delivery::Depart(worker) => self.depart(worker),
            Delivery::Die(worker) => self.die(worker),
            Delivery::Op(op) => self.operate(op),
            Delivery::Reply(request, reply) => self.reply(request, reply),
            Delivery::Scheduler(event) => self.scheduler_event(event),
            Delivery::Worker(worker, event) => self.worker_event(worker, event),
        }
    }

    fn operate(&mut self, op: Op) {
        match op {
            Op::Cancel(client, keys) => self.cancel(client, keys),
            Op::Join(nthreads) => self.join(nthreads),
            Op::Kill(worker) => {
                let alive = self.workers.len().max(1);
                if let Some(&worker) = self.workers.keys().nth(worker % alive) {
                    self.die(worker);
                }
            }
            Op::Release(client, keys) => self.release(client, keys),
            Op::Scatter(client, task) => self.scatter(client, task),
            Op::Submit(client, tasks) => self.submit(client, tasks),
        }
    }

    fn scheduler_event(&mut self, event: Event) {
        let mut out = Vec::new();
        self.scheduler.handle(self.now, event, &mut out);
        if self.settings.paranoid
            && let Err(violation) = self.scheduler.check()
        {
            self.fail(Failure::Scheduler(violation));
        }
        for effect in out {
            self.report.coverage.see(&effect);
            match effect {
                // Who died is waited for, and given up in the end.
                Effect::Close { reason: PeerError::Away, .. } => {}
                Effect::Close { connection, reason } => {
                    let node = self.connections.get(&connection);
                    self.fail(Failure::Protocol(format!("scheduler closes {node:?}: {reason}")));
                }
                Effect::ToClient { connection, message } => {
                    if let Some(&Node::Client(client)) = self.connections.get(&connection) {
                        let event = ClientEvent::FromScheduler(message);
                        self.send(
                            Node::Scheduler,
                            Node::Client(client),
                            Delivery::Client(client, event),
                        );
                    }
                }
                Effect::ToWorker { connection, message } => {
                    if let Some(&Node::Worker(worker)) = self.connections.get(&connection) {
                        let event = WorkerEvent::FromScheduler(message);
                        self.send(
                            Node::Scheduler,
                            Node::Worker(worker),
                            Delivery::Worker(worker, event),
                        );
                    }
                }
                Effect::Warn { .. } => {}
            }
        }
        if let Some((at, _)) = self.scheduler.next_deadline() {
            self.at(at.max(self.now + Duration::from_nanos(1)), Delivery::Scheduler(Event::Tick));
        }
    }

    /// A connection to the scheduler for this node.
    pub(crate) fn connect(&mut self, node: Node) -> ConnectionId {
        self.next_connection += 1;
        let connection = ConnectionId(self.next_connection);
        self.connections.insert(connection, node);
        connection
    }

    /// The number of a worker that joins.
    pub(crate) fn next_worker(&mut self) -> u32 {
        self.next_worker += 1;
        self.next_worker
    }

    /// Hands over after the link's delay, behind everything that was sent on it before.
    pub(crate) fn send(&mut self, from: Node, to: Node, delivery: Delivery) {
        let (last, count) = self.links.entry((from, to)).or_default();
        *count += 1;
        let link = hash(from.number(), LATENCY, to.number(), *count);
        let delay = self.latency.nanos(hash(self.settings.seed, LATENCY, link, 0));
        let at = (self.now + Duration::from_nanos(delay)).max(*last);
        *last = at;
        match self.fate(&delivery) {
            Fate::Never => {}
            Fate::Once => self.at(at, delivery),
            Fate::Twice => {
                self.at(at, delivery.clone());
                self.at(at, delivery);
            }
            Fate::Again => {
                self.at(at, delivery.clone());
                self.at(at + Duration::from_millis(20), delivery);
            }
            Fate::Early => self.at(self.now, delivery),
        }
    }

    pub(crate) fn at(&mut self, at: Instant, delivery: Delivery) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), delivery);
    }

    /// A number below `bound` for a decision about `entity`.
    pub(crate) fn chance(&mut self, entity: u64, bound: u64) -> u64 {
        let decided = self.decided.entry(entity).or_default();
        *decided += 1;
        below(hash(self.settings.seed, CHANCE, entity, *decided), bound)
    }

    /// The first failure is the one that counts.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// Why a key is not done, as the scheduler sees it.
    pub(crate) fn explain(&self, key: Key) -> String {
        self.scheduler.explain(key)
    }

    fn check_leaks(&self) -> Result<(), Failure> {
        let leak = |what: String| Err(Failure::Leak(what));
        if self.scheduler.tasks() > 0 {
            return leak(format!("{} tasks in the scheduler", self.scheduler.tasks()));
        }
        for (number, worker) in &self.workers {
            if !worker.is_empty() {
                return leak(format!("worker {number} holds {}", worker.holdings()));
            }
        }
        match self.clients.iter().find(|client| client.machine.futures() > 0) {
            Some(client) => leak(format!("{} futures in a client", client.machine.futures())),
            None => Ok(()),
        }
    }
}

impl Latency {
    /// How long one message travels, from 64 random bits.
    fn nanos(self, bits: u64) -> u64 {
        match self {
            Self::Bimodal { slow, per_mille, .. } if bits % 1_000 < per_mille => slow * 1_000,
            Self::Bimodal { fast, .. } => fast * 1_000,
            Self::Constant(micros) => micros * 1_000,
            Self::Uniform(from, to) => {
                from * 1_000 + below(bits, to.saturating_sub(from).max(1) * 1_000)
            }
        }
    }
}

impl Node {
    /// Names it in decisions of chance.
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::Client(client) => 1 << 40 | client as u64,
            Self::Scheduler => 0,
            Self::Worker(worker) => 2 << 40 | u64::from(worker),
        }
    }
}
