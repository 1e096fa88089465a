//! The world: a clock, and the machines that live by it.
//!
//! Everything that happens is a [`Delivery`] at a time; the world takes the earliest, hands it to its
//! machine, and turns the effects into further deliveries. It must not know what a task does.

mod checks;
mod operate;

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use raddle_core::client::{Effect as ClientEffect, Event as ClientEvent};
use raddle_core::random::{below, hash};
use raddle_core::scheduler::{ConnectionId, Event, Policy};
use raddle_core::time::{Duration, Instant};
use raddle_core::worker::{Effect as WorkerEffect, Event as WorkerEvent, RequestId};
use raddle_net::names::{Key, RunId};

use crate::bystander::Echoes;
use crate::client::SimClient;
use crate::corrupt::{Memory, never_the_same};
use crate::digest::Digest;
use crate::failure::{Failure, Report};
use crate::journal::Journal;
use crate::network::Network;
use crate::oracle::Oracle;
use crate::plan::{Moment, Op, Plan};
use crate::plant::Plant;
use crate::probe::Probes;
use crate::property::Property;
use crate::queue::Queue;
use crate::record::Recorder;
use crate::reference::Reference;
use crate::requests::{Reply, Request};
use crate::scheduler::SimScheduler;
use crate::session::{Line, Side, Wire};
use crate::watch::Watch;
use crate::worker::{Ended, SimWorker};

/// The stream of chance that belongs to decisions about entities.
const CHANCE: u64 = 2;

/// How a plan is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seed of delays and of the random policy.
    pub seed: u64,
    /// Where tasks are placed.
    pub policy: Policy,
    /// A bug in the links and drivers.
    pub plant: Option<Plant>,
    /// What else is done on the way.
    pub mode: Mode,
}

/// What is done besides running. It changes nothing that happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// How much is checked.
    pub depth: Depth,
    /// Whether it is noted which cells of the machines' matrices are visited.
    pub cells: bool,
    /// Whether every message becomes bytes on its way.
    pub codec: bool,
    /// Whether everything that happens is printed, as it happens.
    pub log: bool,
}

/// How much of the machines is checked after each event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Every machine wholly, after every event of its own.
    #[default]
    Paranoid,
    /// Nothing, but wholly now and then, the more seldom the larger the machine is.
    Sampled,
    /// What the event touched; wholly now and then, the more seldom the larger the machine is.
    Touched,
}

/// What a world is waiting for.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// For its beginning.
    Nothing,
    /// The operations of the plan, and what follows from them.
    Plan,
    /// Everything that is held, which is awaited now.
    Awaited,
    /// Fresh work.
    Fresh,
    /// That nothing is left.
    Released,
}

/// A node of the network; workers are numbered as they join, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// The client of this number.
    Client(usize),
    /// The scheduler.
    Scheduler,
    /// The worker of this number.
    Worker(u32),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client) => f.pad(&format!("c{client}")),
            Self::Scheduler => f.pad("s"),
            Self::Worker(worker) => f.pad(&format!("w{worker}")),
        }
    }
}

/// Something that happens at a node.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Delivery {
    /// A body ends.
    BodyEnds(u32, RunId, Ended),
    /// One end of this dialling notices that the connection is no more.
    Broken(Node, Side, u32),
    Client(usize, ClientEvent),
    /// What a worker has said leaves its process.
    Depart(u32),
    /// Somebody whose connection broke dials again.
    Dial(Node),
    /// A worker's process dies.
    Die(u32),
    /// The disk of a worker has done the job of this number.
    Disk(u32, u64),
    /// The scheduler's side of a session cannot go on.
    Ended(Node, ConnectionId),
    /// The faults are over.
    Heal,
    /// A worker joins.
    Join(u32),
    /// A request for values, or with one, is answered.
    Reply(RequestId, Reply),
    /// A worker's process goes on.
    Resume(u32),
    Scheduler(Event),
    /// An operation of the plan.
    Step(usize),
    /// Something of a session arrives at one end of this dialling.
    Wire(Node, Side, u32, Wire),
    Worker(u32, WorkerEvent),
}

/// The world.
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) settings: Settings,
    pub(crate) now: Instant,
    pub(crate) scheduler: SimScheduler,
    pub(crate) clients: Vec<SimClient>,
    pub(crate) workers: BTreeMap<u32, SimWorker>,
    pub(crate) network: Network,
    pub(crate) lines: BTreeMap<Node, Line>,
    pub(crate) echoes: Echoes,
    /// Whether somebody meddles in this plan.
    pub(crate) has_bystanders: bool,
    /// Whether connections break in this plan.
    pub(crate) has_sessions: bool,
    pub(crate) oracle: Oracle,
    pub(crate) watch: Watch,
    /// In runs that can bear it.
    pub(crate) reference: Option<Reference>,
    pub(crate) requests: BTreeMap<RequestId, Request>,
    pub(crate) report: Report,
    pub(crate) failure: Option<Failure>,
    /// How often each task's body has failed.
    pub(crate) failed: BTreeMap<Key, u32>,
    /// Moments at which workers die, and how many of each pass before.
    pub(crate) ambushes: Vec<(Moment, u64)>,
    /// Events of workers that are being handled: one within another.
    pub(crate) within: u32,
    /// Who is given up when they are.
    pub(crate) given_up: Option<u32>,
    /// After which event a copy is made, and the copy.
    pub(crate) fork_at: Option<u64>,
    pub(crate) fork: Option<Box<Self>>,
    phase: Phase,
    /// What happened, if somebody wants to read it.
    pub(crate) recorder: Recorder,
    /// What became of the tasks of the plan, if somebody wants to count it.
    pub(crate) journal: Journal,
    pub(crate) probes: Probes,
    /// Emptied and used again, event after event.
    pub(crate) spare_client_effects: Vec<ClientEffect>,
    pub(crate) spare_worker_effects: Vec<WorkerEffect>,
    plan: Arc<Plan>,
    queue: Queue,
    /// Who is behind each connection to the scheduler.
    pub(crate) connections: Vec<Node>,
    pub(crate) next_request: u64,
    /// Jobs of disks so far.
    pub(crate) next_job: u64,
    next_worker: u32,
    /// Decisions so far about each entity.
    decided: BTreeMap<u64, u64>,
    /// Events after which a run that has not settled never will.
    max_events: u64,
    /// Chances that a planted bug has had.
    pub(crate) harmless: u64,
    /// What a planted bug remembers.
    pub(crate) memory: Memory,
    /// Nothing, unless a planted bug makes it differ from run to run.
    chaos: u64,
}

impl World {
    /// The world of a plan, in which nothing has happened.
    pub(crate) fn new(settings: Settings, plan: Arc<Plan>) -> Self {
        Self {
            now: Instant::ZERO,
            scheduler: SimScheduler::new(&settings, &plan),
            clients: Vec::new(),
            workers: BTreeMap::new(),
            network: Network::new(settings.seed, &plan),
            lines: BTreeMap::new(),
            echoes: Echoes::default(),
            has_bystanders: plan.ops.iter().any(|step| matches!(step.op, Op::Meddle(_))),
            has_sessions: plan.ops.iter().any(|step| breaks_connections(&step.op)),
            oracle: Oracle::of(&plan),
            watch: Watch::new(&plan),
            reference: Reference::of(&settings, &plan),
            requests: BTreeMap::new(),
            report: Report::default(),
            failure: None,
            failed: BTreeMap::new(),
            ambushes: Vec::new(),
            within: 0,
            given_up: None,
            fork_at: None,
            fork: None,
            phase: Phase::Nothing,
            recorder: Recorder::default(),
            journal: Journal::default(),
            probes: Probes::default(),
            spare_client_effects: Vec::new(),
            spare_worker_effects: Vec::new(),
            queue: Queue::default(),
            connections: Vec::new(),
            next_request: 0,
            next_job: 0,
            next_worker: 0,
            decided: BTreeMap::new(),
            max_events: 20_000 + 1_000 * plan.tasks(),
            harmless: 0,
            memory: Memory::default(),
            chaos: if settings.plant == Some(Plant::N01) { never_the_same() } else { 0 },
            settings,
            plan,
        }
    }

    /// Runs a plan.
    ///
    /// # Errors
    ///
    /// The first property that does not hold.
    pub fn run(settings: Settings, plan: &Plan) -> Result<Report, Failure> {
        let mut world = Self::new(settings, Arc::new(plan.clone()));
        world.play()?;
        Ok(world.report)
    }

    /// From wherever it is to the end: the plan's operations; then what has failed is healed as far
    /// as it must be, everything that is still held must settle and be gathered, and fresh work must
    /// be done; then everything is released, and nothing may be left.
    pub(crate) fn play(&mut self) -> Result<(), Failure> {
        loop {
            if !matches!(self.phase, Phase::Nothing) {
                self.settle()?;
            }
            self.phase = match self.phase {
                Phase::Nothing => {
                    self.start();
                    Phase::Plan
                }
                Phase::Plan => {
                    self.await_all();
                    Phase::Awaited
                }
                Phase::Awaited => {
                    self.judge_all(Property::Settles)?;
                    self.check_executions(&Arc::clone(&self.plan))?;
                    self.report.history = self.history();
                    self.journal.close();
                    self.submit_fresh();
                    self.take_all();
                    Phase::Fresh
                }
                Phase::Fresh => {
                    self.judge_all(Property::Fresh)?;
                    self.release_all();
                    self.unpublish_all();
                    Phase::Released
                }
                Phase::Released => {
                    self.check_leaks()?;
                    return self.check_tables().map_err(Failure::from);
                }
            };
        }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    fn start(&mut self) {
        let plan = Arc::clone(&self.plan);
        for &nthreads in &plan.workers {
            self.join(nthreads);
        }
        for client in 0..plan.clients {
            self.clients.push(SimClient::new(client, &plan, self.settings.mode.depth));
            self.connect_client(client);
        }
        for (n, step) in plan.ops.iter().enumerate() {
            self.at(Instant::ZERO + Duration::from_micros(step.at), Delivery::Step(n));
        }
        self.at(Instant::ZERO + Duration::from_micros(plan.end() + 1), Delivery::Heal);
    }

    /// Until nothing happens any more.
    fn settle(&mut self) -> Result<(), Failure> {
        while let Some((at, delivery)) = self.next_delivery() {
            self.now = at;
            self.report.events += 1;
            if self.report.events > self.max_events {
                return Err(Failure::Broken(
                    Property::LiveLock,
                    "things happen for ever".to_owned(),
                ));
            }
            self.record(&delivery);
            let mut digest = Digest(self.report.digest);
            (at, &delivery).hash(&mut digest);
            self.report.digest = digest.finish();
            self.deliver(delivery);
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if self.fork_at == Some(self.report.events) {
                self.fork_at = None;
                self.fork = Some(Box::new(self.clone()));
            }
        }
        self.report.simulated = self.now - Instant::ZERO;
        self.check_wholly();
        self.check_quiet();
        self.failure.take().map_or(Ok(()), Err)
    }

    /// What happens next; if nothing does, somebody comes for what no worker may run.
    fn next_delivery(&mut self) -> Option<(Instant, Delivery)> {
        loop {
            let next = self.queue.take();
            if next.is_some() || !self.send_for_workers() {
                return next;
            }
        }
    }

    pub(crate) fn deliver(&mut self, delivery: Delivery) {
        if self.network.has_pauses() {
            if let Some(delivery) = self.unless_paused(delivery) {
                self.happen(delivery);
            }
        } else {
            self.happen(delivery);
        }
    }

    fn happen(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::BodyEnds(worker, run, ended) => self.body_ends(worker, run, ended),
            Delivery::Broken(node, side, on) => self.broken(node, side, on),
            Delivery::Client(client, event) => self.client_event(client, event),
            Delivery::Depart(worker) => self.depart(worker),
            Delivery::Dial(node) => self.dial(node),
            Delivery::Die(worker) => self.die(worker),
            Delivery::Disk(worker, job) => self.disk_did(worker, job),
            Delivery::Ended(node, connection) => self.end_line(node, connection),
            Delivery::Heal => self.heal(),
            Delivery::Join(nthreads) => self.join(nthreads),
            Delivery::Reply(request, reply) => self.reply(request, reply),
            Delivery::Resume(worker) => self.resume_process(worker),
            Delivery::Scheduler(event) => self.scheduler_event(event),
            Delivery::Step(n) => {
                let plan = Arc::clone(&self.plan);
                self.operate(&plan.ops[n].op);
            }
            Delivery::Wire(node, side, on, wire) => self.arrives(node, side, on, wire),
            Delivery::Worker(worker, event) => self.worker_event(worker, event),
        }
    }

    /// A connection to the scheduler for this node.
    pub(crate) fn connect(&mut self, node: Node) -> ConnectionId {
        self.connections.push(node);
        ConnectionId(self.connections.len() as u64)
    }

    /// Who is behind a connection.
    pub(crate) fn behind(&self, connection: ConnectionId) -> Option<Node> {
        node_behind(&self.connections, connection)
    }

    /// The number of a worker that joins.
    pub(crate) fn next_worker(&mut self) -> u32 {
        self.next_worker += 1;
        self.next_worker
    }

    /// Nobody else gets the number of a worker that joins.
    pub(crate) fn note_number(&mut self, number: u32) {
        self.next_worker = self.next_worker.max(number);
    }

    pub(crate) fn at(&mut self, at: Instant, delivery: Delivery) {
        self.queue.put(at, delivery);
    }

    /// A number below `bound` for a decision about `entity`.
    pub(crate) fn chance(&mut self, entity: u64, bound: u64) -> u64 {
        let decided = self.decided.entry(entity).or_default();
        *decided += 1;
        below(hash(self.settings.seed ^ self.chaos, CHANCE, entity, *decided), bound)
    }

    /// The first failure is the one that counts.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }
}

/// Whether a connection may break by it, other than with its end.
fn breaks_connections(op: &Op) -> bool {
    matches!(op, Op::Cut(..)) || matches!(op, Op::Ambush(moment, _) if moment.is_rare())
}

/// Who is behind a connection, of these.
pub(crate) fn node_behind(connections: &[Node], connection: ConnectionId) -> Option<Node> {
    connections.get(connection.0.checked_sub(1)? as usize).copied()
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
