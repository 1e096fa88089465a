//! What the scheduler does, event by event. Each test compares everything that came out.
//!
//! The cast, the events and the effects are at the end of this file. It must not reach into the
//! scheduler's state: only `table.rs` and `random.rs` do.

use std::sync::Arc;

use raddle_net::messages::{
    ClientMessage, Compute, Failure, Function, FunctionName, Input, MemoryUse, NewTask, Note,
    Query, Registration, Runtime, SchedulerToClient, SchedulerToWorker, StoryOf, TaskOptions,
    TaskSpec, WorkerMessage,
};
use raddle_net::names::{Key, Priority, RunId, Session, SpecId, WorkerId};
use raddle_net::payload::{Blob, SmallValue};

use super::*;
use random::matrix::Prediction;

mod cancel;
mod copies;
mod datasets;
mod deaths;
mod ending;
mod errors;
mod fair;
mod finish;
mod follow;
mod hostile;
mod memory;
mod nested;
mod no_worker;
mod notes;
mod place;
mod priority;
mod queries;
mod random;
mod rebalance;
mod registration;
mod release;
mod resources;
mod retire;
mod retry;
mod scatter;
mod sessions;
mod stale;
mod steal;
mod submit;
mod table;
mod worker_loss;

/// A client.
const ANN: ConnectionId = ConnectionId(1);
/// Another one.
const BOB: ConnectionId = ConnectionId(2);

/// Any worker may run it.
const PLAIN: SpecId = SpecId(0);
/// A failure is followed by one more run.
const RETRIED: SpecId = SpecId(1);
/// A value that the client sends.
const DATA: SpecId = SpecId(2);
/// Only the worker called `w2` may run it.
const ONLY_W2: SpecId = SpecId(3);
/// No worker has heard of it.
const UNHEARD: SpecId = SpecId(4);
/// It survives no death of its worker.
const FRAGILE: SpecId = SpecId(5);
/// It takes one gpu and a half; the worker called `w2` has two.
const GREEDY: SpecId = SpecId(6);
/// It must run at most once.
const ONCE: SpecId = SpecId(7);
/// The worker called `w2` should run it.
const RATHER_W2: SpecId = SpecId(8);

/// A scheduler with two clients, which have defined the specs above, and with workers.
struct Cluster {
    scheduler: Scheduler,
    now: Instant,
    /// How often each task was given to a worker.
    attempts: BTreeMap<Key, u32>,
}

impl Cluster {
    /// Workers `w1`, `w2`, … with so many threads each. Nobody is waited for.
    fn of(threads: &[u32]) -> Self {
        let (client_grace, worker_grace) = (Duration::ZERO, Duration::ZERO);
        Self::with(Config { client_grace, worker_grace, ..Config::default() }, threads)
    }

    fn with(config: Config, threads: &[u32]) -> Self {
        let config = Config { track_touched: true, ..config };
        let (scheduler, now) = (Scheduler::new(config), Instant::ZERO);
        let mut cluster = Self { scheduler, now, attempts: BTreeMap::new() };
        for client in [ANN, BOB] {
            assert_eq!(cluster.connect(client), vec![]);
            for (id, spec) in (0..).map(SpecId).zip(specs()) {
                assert_eq!(cluster.says(client, ClientMessage::Define { id, spec }), vec![]);
            }
        }
        for (worker, &nthreads) in (1..).zip(threads) {
            let welcome = SchedulerToWorker::Registered { worker: WorkerId(worker) };
            assert_eq!(cluster.join(worker, nthreads), vec![told(worker, welcome)]);
        }
        cluster
    }

    /// Handles an event; says what came out. Every invariant holds before and after.
    fn handle(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        let prediction = Prediction::of(&self.scheduler, self.now, &event);
        self.scheduler.handle(self.now, event.clone(), &mut out);
        prediction.holds(&self.scheduler, &event, &out).expect("it does what its cells say");
        assert_eq!(self.scheduler.check_touched(), Ok(()));
        assert_eq!(self.scheduler.check(), Ok(()));
        out.iter_mut().for_each(|effect| self.count_attempts(effect));
        out
    }

    /// A worker is told how often a task was assigned, from 1 on in each life of its key. Tests need
    /// not say so: it is taken out once it has proved right.
    fn count_attempts(&mut self, effect: &mut Effect) {
        let Effect::ToWorker { message: SchedulerToWorker::Compute(compute), .. } = effect else {
            return;
        };
        let before = self.attempts.entry(compute.key).or_default();
        let attempt = mem::take(&mut compute.attempt);
        assert!(attempt == *before + 1 || attempt == 1, "{attempt} after {before}");
        *before = attempt;
    }

    fn connect(&mut self, connection: ConnectionId) -> Vec<Effect> {
        let session = Session::truncate(connection.0);
        self.handle(Event::ClientConnected { connection, session, name: "client".to_owned() })
    }

    /// The client's connection breaks: what came out, but for the end of its session.
    fn hang_up(&mut self, client: ConnectionId) -> Vec<Effect> {
        let mut out = self.handle(Event::ClientDisconnected { connection: client });
        out.retain(|effect| *effect != close(client, PeerError::Away));
        out
    }

    fn says(&mut self, client: ConnectionId, message: ClientMessage) -> Vec<Effect> {
        self.handle(Event::FromClient { connection: client, message })
    }

    fn submit(&mut self, client: ConnectionId, tasks: &[NewTask]) -> Vec<Effect> {
        self.says(client, ClientMessage::Submit { submission: 1, tasks: tasks.to_vec() })
    }

    /// Bob submits tasks that need what Ann has, and publishes until they are known. He does not want
    /// that afterwards.
    fn borrow(&mut self, from_ann: &[u64], tasks: &[NewTask]) -> Vec<Effect> {
        let keys: Vec<Key> = from_ann.iter().copied().map(key).collect();
        self.ask(ANN, Query::Publish { name: "lent".to_owned(), keys: keys.clone() });
        self.says(BOB, ClientMessage::Want { keys });
        self.ask(ANN, Query::Unpublish("lent".to_owned()));
        let out = self.submit(BOB, tasks);
        self.release(BOB, from_ann);
        out
    }

    fn release(&mut self, client: ConnectionId, tasks: &[u64]) -> Vec<Effect> {
        let keys = tasks.iter().copied().map(key).collect();
        self.says(client, ClientMessage::Release { keys, answer: false })
    }

    fn cancel(&mut self, client: ConnectionId, task: u64) -> Vec<Effect> {
        self.says(client, ClientMessage::Cancel { keys: vec![key(task)], force: false })
    }

    fn locate(&mut self, client: ConnectionId, task: u64, failed: Option<u32>) -> Vec<Effect> {
        let failed = failed.map(WorkerId);
        self.says(client, ClientMessage::Locate { key: key(task), failed })
    }

    fn ask(&mut self, client: ConnectionId, query: Query) -> Vec<Effect> {
        self.says(client, ClientMessage::Query { id: 7, query })
    }

    /// The worker says hello.
    fn dial(&mut self, worker: u32) -> Vec<Effect> {
        let session = Session::truncate(wire(worker).0);
        self.handle(Event::WorkerConnected { connection: wire(worker), session })
    }

    /// The worker says hello and registers.
    fn join(&mut self, worker: u32, nthreads: u32) -> Vec<Effect> {
        assert_eq!(self.dial(worker), vec![]);
        self.reports(worker, WorkerMessage::Register(registration(worker, nthreads)))
    }

    /// The worker's connection breaks: what came out, but for the end of its session.
    fn drop_worker(&mut self, worker: u32) -> Vec<Effect> {
        let (connection, reason) = (wire(worker), "reset".to_owned());
        let mut out = self.handle(Event::WorkerDisconnected { connection, reason });
        out.retain(|effect| *effect != close(connection, PeerError::Away));
        out
    }

    /// The worker is connected again, and goes on.
    fn resume(&mut self, worker: u32) -> Vec<Effect> {
        self.handle(Event::WorkerResumed { connection: wire(worker) })
    }

    fn reports(&mut self, worker: u32, message: WorkerMessage) -> Vec<Effect> {
        self.handle(Event::FromWorker { connection: wire(worker), message })
    }

    fn finish(&mut self, worker: u32, task: u64, run: u64) -> Vec<Effect> {
        self.reports(worker, finished(task, run))
    }

    fn fail(&mut self, worker: u32, task: u64, run: u64) -> Vec<Effect> {
        let (key, run) = (key(task), run_id(run));
        self.reports(worker, WorkerMessage::Failed { key, run, blame: None, failure: broke("", 0) })
    }

    fn start(&mut self, worker: u32, task: u64, run: u64) -> Vec<Effect> {
        let (key, run) = (key(task), run_id(run));
        self.reports(worker, WorkerMessage::Started { key, run })
    }

    fn fetch(&mut self, worker: u32, task: u64, run: u64) -> Vec<Effect> {
        let (key, run) = (key(task), run_id(run));
        self.reports(worker, WorkerMessage::Fetched { key, run })
    }

    /// The run says something as a client.
    fn run_says(
        &mut self,
        worker: u32,
        task: u64,
        run: u64,
        message: ClientMessage,
    ) -> Vec<Effect> {
        let (key, run) = (key(task), run_id(run));
        self.reports(worker, WorkerMessage::FromRun { key, run, message })
    }

    /// The deadline that the scheduler asked for has come.
    fn tick_at_deadline(&mut self) -> Vec<Effect> {
        let (at, _) = self.scheduler.next_deadline().expect("a deadline");
        self.now = at;
        self.handle(Event::Tick)
    }
}

fn specs() -> [TaskSpec; 9] {
    let native = |name: &str, options| TaskSpec {
        function: Function { name: name.to_owned(), ..Function::default() },
        options,
    };
    // Of which a worker is given one more than it has threads.
    let options = || TaskOptions { expected: Some(90_000_000), ..TaskOptions::default() };
    let receive = Function { runtime: Runtime::Receive, ..Function::default() };
    [
        native("add", options()),
        native("add", TaskOptions { retries: 1, expected: None, ..options() }),
        TaskSpec { function: receive, options: options() },
        native("add", TaskOptions { workers: vec!["w2".to_owned()], ..options() }),
        native("adt", options()),
        native("add", TaskOptions { allowed_failures: Some(0), ..options() }),
        native("add", TaskOptions { resources: vec![("gpu".to_owned(), 15_000)], ..options() }),
        native("add", TaskOptions { at_most_once: true, retries: 2, ..options() }),
        native(
            "add",
            TaskOptions { workers: vec!["w2".to_owned()], allow_other_workers: true, ..options() },
        ),
    ]
}

fn registration(worker: u32, nthreads: u32) -> Registration {
    let function = |name: &str| FunctionName { name: name.to_owned(), signature: 0 };
    Registration {
        name: format!("w{worker}"),
        address: address(worker),
        nthreads,
        memory_limit: Some(1 << 30),
        functions: vec![function("add"), function("multiply")],
        resources: vec![("gpu".to_owned(), 10_000 * u64::from(worker))],
    }
}

fn wire(worker: u32) -> ConnectionId {
    ConnectionId(100 + u64::from(worker))
}

fn address(worker: u32) -> String {
    format!("tcp://w{worker}:1")
}

fn key(task: u64) -> Key {
    Key::numbered(Session::truncate(ANN.0), task)
}

fn run_id(counter: u64) -> RunId {
    RunId { epoch: 1, counter }
}

/// A task of which is learned how long it takes.
fn learned(number: u64, dependencies: &[u64]) -> NewTask {
    NewTask { spec: SpecId(1), ..task(number, dependencies) }
}

/// A task to submit; its place in the order is its number.
fn task(number: u64, dependencies: &[u64]) -> NewTask {
    NewTask {
        key: key(number),
        order: u32::try_from(number).unwrap(),
        dependencies: dependencies.iter().copied().map(key).collect(),
        args: Blob::from(&number.to_le_bytes()[..]),
        ..NewTask::default()
    }
}

fn task_of(spec: SpecId, number: u64, dependencies: &[u64]) -> NewTask {
    NewTask { spec, ..task(number, dependencies) }
}

fn finished(task: u64, run: u64) -> WorkerMessage {
    let (key, run) = (key(task), run_id(run));
    WorkerMessage::Finished { key, run, nbytes: 8, duration: 20_000_000, value: None }
}

/// The failure of a task, as its worker reports it, or with what the scheduler knows of it.
fn broke(worker: &str, attempts: u32) -> Arc<Failure> {
    Arc::new(Failure::Failed {
        message: "broke".to_owned(),
        chain: vec![],
        panic: false,
        location: None,
        worker: worker.to_owned(),
        attempts,
    })
}

/// A message to a client.
fn tells(client: ConnectionId, message: SchedulerToClient) -> Effect {
    Effect::ToClient { connection: client, message }
}

/// A message to a worker.
fn told(worker: u32, message: SchedulerToWorker) -> Effect {
    Effect::ToWorker { connection: wire(worker), message }
}

/// A message to a run.
fn to_run(worker: u32, run: u64, message: SchedulerToClient) -> Effect {
    told(worker, SchedulerToWorker::ToRun { run: run_id(run), message })
}

fn close(connection: ConnectionId, reason: PeerError) -> Effect {
    Effect::Close { connection, reason }
}

fn define(worker: u32, id: SpecId) -> Effect {
    let spec = specs()[id.0 as usize].clone();
    told(worker, SchedulerToWorker::Define { id, spec })
}

/// The worker is told where its peer listens.
fn peer(worker: u32, id: u32) -> Effect {
    told(worker, SchedulerToWorker::Peer { id: WorkerId(id), address: address(id) })
}

/// A client is told where a worker listens.
fn introduced(id: u32) -> SchedulerToClient {
    SchedulerToClient::Peer { id: WorkerId(id), address: address(id) }
}

fn compute(worker: u32, compute: Compute) -> Effect {
    told(worker, SchedulerToWorker::Compute(compute))
}

/// The run of a task of the first submission.
fn run_of(number: u64, run: u64, inputs: &[Input]) -> Compute {
    let NewTask { key, order, args, .. } = task(number, &[]);
    Compute {
        key,
        run: run_id(run),
        spec: PLAIN,
        priority: Priority { submission: 1, order, client: 1, ..Priority::default() },
        announce: false,
        // Judged by `Cluster::count_attempts`.
        attempt: 0,
        inputs: inputs.iter().cloned().collect(),
        args,
    }
}

fn input(task: u64, run: u64, holders: &[u32]) -> Input {
    let holders = holders.iter().copied().map(WorkerId).collect();
    Input { key: key(task), run: run_id(run), nbytes: 8, holders }
}

fn free(worker: u32, task: u64, run: u64) -> Effect {
    told(worker, SchedulerToWorker::Free { key: key(task), run: run_id(run) })
}

fn in_memory(task: u64, run: u64, worker: u32) -> SchedulerToClient {
    let (key, run, worker) = (key(task), run_id(run), WorkerId(worker));
    SchedulerToClient::InMemory { key, run, nbytes: 8, worker, value: None }
}

fn erred(task: u64, blame: u64, failure: &Arc<Failure>) -> SchedulerToClient {
    SchedulerToClient::Erred { key: key(task), blame: key(blame), failure: Arc::clone(failure) }
}

fn recomputing(task: u64) -> SchedulerToClient {
    SchedulerToClient::Recomputing { key: key(task) }
}

fn lost(reason: &str) -> Arc<Failure> {
    Arc::new(Failure::Lost { reason: reason.to_owned() })
}
