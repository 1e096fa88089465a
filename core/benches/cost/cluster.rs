//! A client, a scheduler and two workers, connected by queues: what is said is heard at once, and
//! bodies take no time. What each machine allocates is counted.
//!
//! This module must not know what graphs look like.

use std::collections::VecDeque;

use raddle_core::client::{self, Client, Task};
use raddle_core::scheduler::{self, ConnectionId, Kind, Scheduler};
use raddle_core::time::Instant;
use raddle_core::worker::{self, GatherOutcome, Outcome, RequestId, Worker};
use raddle_net::messages::{
    ClientMessage, FunctionName, Item, Registration, SchedulerToClient, WorkerMessage,
};
use raddle_net::names::{Key, RunId, Session, WorkerId};
use raddle_net::payload::{Blob, SmallValue};

use super::count;

/// Nobody waits for anything: no time passes.
const NOW: Instant = Instant::ZERO;
const CLIENT: ConnectionId = ConnectionId(0);
const WORKERS: usize = 2;
/// Bytes of each value.
const NBYTES: u64 = 8;

/// Everybody, and what is on its way between them.
pub struct Cluster {
    client: Client,
    scheduler: Scheduler,
    workers: Vec<Worker>,
    steps: VecDeque<Step>,
    /// Tasks of which the client knows the value.
    settled: u64,
    allocations: Allocations,
    /// Of the event being handled; kept for their memory, as shells do.
    client_effects: Vec<client::Effect>,
    scheduler_effects: Vec<scheduler::Effect>,
    worker_effects: Vec<worker::Effect>,
}

/// Allocations by machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocations {
    /// The client's.
    pub client: u64,
    /// The scheduler's.
    pub scheduler: u64,
    /// Those of both workers.
    pub workers: u64,
}

enum Step {
    Client(SchedulerToClient),
    FromClient(ClientMessage),
    FromWorker(usize, WorkerMessage),
    Worker(usize, worker::Event),
}

impl Cluster {
    /// Everybody is connected, and has nothing to do.
    pub fn new() -> Self {
        let mut cluster = Self {
            client: Client::new(client::Config::default()),
            scheduler: Scheduler::new(scheduler::Config::default()),
            workers: (0..WORKERS).map(|_| Worker::new(worker::Config::default())).collect(),
            steps: VecDeque::new(),
            settled: 0,
            allocations: Allocations::default(),
            client_effects: Vec::new(),
            scheduler_effects: Vec::new(),
            worker_effects: Vec::new(),
        };
        let session = Session::truncate(1);
        cluster.tell_scheduler(scheduler::Event::ClientConnected {
            connection: CLIENT,
            session,
            name: String::new(),
        });
        for worker in 0..WORKERS {
            let (connection, session) = (connection(worker), Session::truncate(worker as u64));
            cluster.tell_scheduler(scheduler::Event::WorkerConnected { connection, session });
            let message = WorkerMessage::Register(Registration {
                name: format!("worker {worker}"),
                address: format!("address {worker}"),
                nthreads: 1,
                memory_limit: None,
                functions: vec![FunctionName::default()],
                resources: Vec::new(),
            });
            cluster.steps.push_back(Step::FromWorker(worker, message));
        }
        cluster.settle();
        cluster
    }

    /// Says all `submissions`; nobody hears of them yet but the client.
    pub fn submit(&mut self, submissions: Vec<Vec<Task>>) {
        for tasks in submissions {
            self.tell_client(client::Event::Submit { tasks });
        }
        self.tell_client(client::Event::Flush);
    }

    /// The scheduler hears of what was submitted; what it says is on its way.
    pub fn hear_client(&mut self) {
        for step in std::mem::take(&mut self.steps) {
            self.step(step);
        }
    }

    /// Lets everybody say and do everything that there is.
    pub fn settle(&mut self) {
        while let Some(step) = self.steps.pop_front() {
            self.step(step);
        }
    }

    /// The client gives up all of `keys`, and everybody forgets them.
    pub fn release(&mut self, keys: impl Iterator<Item = Key>) {
        for key in keys {
            self.tell_client(client::Event::Release { key });
        }
        self.tell_client(client::Event::Flush);
        self.settle();
        let tasks: u64 = Kind::ALL.iter().map(|kind| self.scheduler.count(*kind)).sum();
        assert_eq!(tasks, 0, "the scheduler has forgotten everything");
        assert!(self.workers.iter().all(Worker::is_empty), "the workers hold nothing");
    }

    /// Tasks of which the client knows the value.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Tasks that wait in the scheduler for a worker with room.
    pub fn queued(&self) -> u64 {
        self.scheduler.count(Kind::Queued)
    }

    /// What was allocated so far, by machine.
    pub fn allocations(&self) -> Allocations {
        self.allocations
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Client(message) => self.tell_client(client::Event::FromScheduler(message)),
            Step::FromClient(message) => {
                self.tell_scheduler(scheduler::Event::FromClient { connection: CLIENT, message });
            }
            Step::FromWorker(worker, message) => {
                let connection = connection(worker);
                self.tell_scheduler(scheduler::Event::FromWorker { connection, message });
            }
            Step::Worker(worker, event) => self.tell_worker(worker, event),
        }
    }

    fn tell_client(&mut self, event: client::Event) {
        let mut effects = std::mem::take(&mut self.client_effects);
        let before = count::allocations();
        self.client.handle(NOW, event, &mut effects);
        self.allocations.client += count::allocations() - before;
        for effect in effects.drain(..) {
            match effect {
                client::Effect::Settled { settled: client::Settled::InMemory { .. }, .. } => {
                    self.settled += 1;
                }
                client::Effect::ToScheduler(message) => {
                    self.steps.push_back(Step::FromClient(message));
                }
                other @ (client::Effect::Answer { .. }
                | client::Effect::Close { .. }
                | client::Effect::Fetch { .. }
                | client::Effect::Send { .. }
                | client::Effect::Settled { .. }
                | client::Effect::Unsettled { .. }) => panic!("nobody asked for {other:?}"),
            }
        }
        self.client_effects = effects;
    }

    fn tell_scheduler(&mut self, event: scheduler::Event) {
        let mut effects = std::mem::take(&mut self.scheduler_effects);
        let before = count::allocations();
        self.scheduler.handle(NOW, event, &mut effects);
        self.allocations.scheduler += count::allocations() - before;
        for effect in effects.drain(..) {
            self.steps.push_back(match effect {
                scheduler::Effect::ToClient { message, .. } => Step::Client(message),
                scheduler::Effect::ToWorker { connection, message } => {
                    let worker = connection.0 as usize - 1;
                    Step::Worker(worker, worker::Event::FromScheduler(message))
                }
                other @ (scheduler::Effect::Close { .. }
                | scheduler::Effect::End
                | scheduler::Effect::Warn { .. }) => {
                    panic!("nobody did anything wrong: {other:?}")
                }
            });
        }
        self.scheduler_effects = effects;
    }

    fn tell_worker(&mut self, worker: usize, event: worker::Event) {
        let mut effects = std::mem::take(&mut self.worker_effects);
        let before = count::allocations();
        self.workers[worker].handle(NOW, event, &mut effects);
        self.allocations.workers += count::allocations() - before;
        for effect in effects.drain(..) {
            match effect {
                worker::Effect::Execute(execute) => {
                    let event = worker::Event::Executed { run: execute.run, outcome: finished() };
                    self.steps.push_back(Step::Worker(worker, event));
                }
                worker::Effect::Gather { peer, items, .. } => self.gather(worker, peer, items),
                worker::Effect::Forget { .. } | worker::Effect::Serve { .. } => {}
                worker::Effect::ToScheduler(message) => {
                    self.steps.push_back(Step::FromWorker(worker, message));
                }
                other @ (worker::Effect::Accept { .. }
                | worker::Effect::Close { .. }
                | worker::Effect::Flush { .. }
                | worker::Effect::Leave
                | worker::Effect::Reject { .. }
                | worker::Effect::Resume { .. }
                | worker::Effect::ServeBusy { .. }
                | worker::Effect::Stop { .. }
                | worker::Effect::ToRun { .. }) => panic!("nobody asked for {other:?}"),
            }
        }
        self.worker_effects = effects;
    }

    /// One worker asks another, which has what it is asked for.
    fn gather(&mut self, worker: usize, peer: WorkerId, items: Vec<Item>) {
        let found: Vec<(RunId, u64)> = items.iter().map(|item| (item.run, NBYTES)).collect();
        let (request, other) = (RequestId(0), peer.0 as usize - 1);
        self.steps.push_back(Step::Worker(other, worker::Event::Asked { request, items }));
        self.steps.push_back(Step::Worker(other, worker::Event::Served { request }));
        let outcome = GatherOutcome::Got { found, missing: Vec::new() };
        self.steps.push_back(Step::Worker(worker, worker::Event::Gathered { peer, outcome }));
    }
}

const fn connection(worker: usize) -> ConnectionId {
    ConnectionId(worker as u64 + 1)
}

fn finished() -> Outcome {
    let value =
        Some(SmallValue { bytes: Blob::from(&NBYTES.to_le_bytes()[..]), ..SmallValue::default() });
    Outcome::Finished { nbytes: NBYTES, duration: 1_000, value }
}
