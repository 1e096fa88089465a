//! The scheduler among clients and workers of which any may lie: it stays whole, blames only who did
//! wrong, does the same as a copy of itself, and has nothing left when all have gone.

use std::collections::BTreeSet;

use raddle_core::matrix::Class;
use raddle_core::scheduler::{
    Cell, Config, ConnectionId, Effect, Event, PeerError, Policy, Scheduler,
};
use raddle_core::time::{Duration, Instant};
use raddle_net::limits::MAX_KEYS;
use raddle_net::messages::{
    ClientMessage, Failure, Function, FunctionName, NewTask, Query, Registration, Runtime,
    SchedulerToWorker, TaskOptions, TaskSpec, WorkerMessage,
};
use raddle_net::names::{Key, RunId, Session, SpecId, WorkerId};

use super::choices::Choices;
use super::draw::draw;
use super::names::{Names, whole};

/// Keys that there are.
const KEYS: u64 = 28;
/// Those from this one on depend on nothing, and any worker may run them: enough to be queued.
const BAG: usize = 12;
/// Clients, and workers, at a time.
const PEERS: usize = 3;
/// Events of one input, at most.
const EVENTS: u32 = 200;
/// Names that are used for workers, states, functions and data sets alike.
const TEXTS: [&str; 6] = ["w1", "w2", "tcp://w1:1", "memory", "f", "z"];

/// Bytes become events.
pub fn scheduler_events(data: &[u8]) {
    drop(visited(data));
}

/// The cells of the scheduler's matrix that the events of these bytes visit.
pub fn visited(data: &[u8]) -> BTreeSet<Cell> {
    let choices = &mut Choices::new(data);
    let mut play = Play::new(choices);
    while !choices.is_empty() && play.events < EVENTS {
        play.step(choices);
    }
    play.everybody_leaves();
    play.visited
}

/// Whoever is connected, and was.
#[derive(Clone, Debug, Default)]
struct Peers {
    here: [Option<ConnectionId>; PEERS],
    gone: Vec<ConnectionId>,
}

impl Peers {
    /// Somebody; one in sixteen has gone.
    fn some(&self, choices: &mut Choices<'_>) -> Option<ConnectionId> {
        let pick = choices.below(16);
        match pick {
            15 => self.gone.get(choices.below(self.gone.len().clamp(1, 256))).copied(),
            _ => self.here[pick % PEERS],
        }
    }

    fn leave(&mut self, connection: ConnectionId) {
        if let Some(slot) = self.here.iter_mut().find(|slot| **slot == Some(connection)) {
            *slot = None;
            self.gone.push(connection);
        }
    }
}

struct Play {
    scheduler: Scheduler,
    /// A copy, from some moment on.
    twin: Option<Scheduler>,
    now: Instant,
    names: Names,
    clients: Peers,
    workers: Peers,
    connections: u64,
    /// Runs that were given to a worker and on which it has not reported.
    given: Vec<(ConnectionId, Key, RunId)>,
    /// Runs that were asked back.
    recalls: BTreeSet<RunId>,
    events: u32,
    visited: BTreeSet<Cell>,
}

impl Play {
    fn new(choices: &mut Choices<'_>) -> Self {
        let grace = |choice| Duration::from_millis([0, 0, 5, 50][choice]);
        let config = Config {
            policy: [Policy::EarliestStart, Policy::Random][choices.below(2)],
            client_grace: grace(choices.below(4)),
            worker_grace: grace(choices.below(4)),
            no_workers_timeout: Duration::from_millis(20),
            track_touched: true,
            ..Config::default()
        };
        let mut play = Self {
            scheduler: Scheduler::new(config),
            twin: None,
            now: Instant::ZERO,
            names: Names::new(KEYS, &TEXTS),
            clients: Peers::default(),
            workers: Peers::default(),
            connections: 0,
            given: Vec::new(),
            recalls: BTreeSet::new(),
            events: 0,
            visited: BTreeSet::new(),
        };
        play.names.workers = 1;
        play.client_comes(0);
        play.worker_comes(0, choices);
        play
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let op = choices.below(32);
        match op {
            0..=5 => self.submit(choices),
            6..=8 => self.client_says(choices),
            9 | 10 => self.worker_says(choices),
            11..=18 => self.report(op, choices),
            19 => self.client_comes(choices.below(PEERS)),
            20 | 21 => self.worker_comes(choices.below(PEERS), choices),
            22..=24 => self.presence(choices),
            25 => {
                let worker = self.names.some_worker(choices);
                self.handle(Event::WorkerLost { worker, reason: String::new() });
            }
            26 | 27 => self.tick(),
            28 => self.release(choices),
            29 => self.locate(choices),
            30 => self.twin = Some(self.scheduler.clone()),
            31.. => {
                self.now = self.now + Duration::from_micros(choices.number() % 100_000);
                self.handle(Event::Tick);
            }
        }
    }

    fn connection(&mut self) -> ConnectionId {
        self.connections += 1;
        ConnectionId(self.connections)
    }

    fn client_comes(&mut self, slot: usize) {
        let connection = self.connection();
        if let Some(before) = self.clients.here[slot].replace(connection) {
            self.clients.gone.push(before);
        }
        let session = Session::truncate(slot as u64);
        self.handle(Event::ClientConnected { connection, session, name: TEXTS[slot].to_owned() });
        for (id, spec) in (0..).map(SpecId).zip(specs()) {
            self.names.specs = self.names.specs.max(id.0 + 1);
            let message = ClientMessage::Define { id, spec };
            self.handle(Event::FromClient { connection, message });
        }
    }

    /// A worker says hello, and mostly who it is.
    fn worker_comes(&mut self, slot: usize, choices: &mut Choices<'_>) {
        let connection = self.connection();
        if let Some(before) = self.workers.here[slot].replace(connection) {
            self.workers.gone.push(before);
        }
        let session = Session::truncate(100 + slot as u64);
        self.handle(Event::WorkerConnected { connection, session });
        let how = choices.byte();
        let named = if how % 16 == 15 { 0 } else { slot };
        let message = WorkerMessage::Register(Registration {
            name: format!("w{named}"),
            address: format!("tcp://w{named}:1"),
            nthreads: [1, 2, 3, 0][usize::from(how / 16 % 4)],
            memory_limit: None,
            functions: vec![FunctionName { name: "f".to_owned(), signature: 0 }],
            resources: vec![("gpu".to_owned(), 20_000); usize::from(how.is_multiple_of(3))],
        });
        if how % 16 != 14 {
            self.handle(Event::FromWorker { connection, message });
        }
    }

    /// A key, mostly after those that it depends on.
    fn submit(&mut self, choices: &mut Choices<'_>) {
        let Some(connection) = self.clients.some(choices) else { return };
        let (number, how) = (choices.below(KEYS as usize), choices.byte());
        let mut tasks = Vec::new();
        match how % 8 {
            0 => tasks.extend((BAG..KEYS as usize).map(|number| self.task(number))),
            1..=5 => self.upstream(number, &mut tasks),
            6.. => tasks.push(self.task(number)),
        }
        if how % 8 == 7 {
            let task = &mut tasks[0];
            task.spec = SpecId(self.names.spec(choices) as u32);
            task.dependencies = draw(choices, &self.names).unwrap_or_default();
        }
        let message = ClientMessage::Submit { submission: u64::from(how / 8), tasks };
        self.handle(Event::FromClient { connection, message });
    }

    fn upstream(&self, number: usize, tasks: &mut Vec<NewTask>) {
        for dependency in dependencies(number) {
            self.upstream(dependency, tasks);
        }
        if tasks.iter().all(|task| task.key != whole(self.names.keys[number])) {
            tasks.push(self.task(number));
        }
    }

    /// The recipe of a key.
    fn task(&self, number: usize) -> NewTask {
        let key = |number: usize| whole(self.names.keys[number]);
        NewTask {
            key: key(number),
            spec: SpecId(if number < BAG { number as u32 % self.names.specs } else { 0 }),
            order: number as u32,
            dependencies: dependencies(number).map(key).collect(),
            ..NewTask::default()
        }
    }

    /// Anything; now and then it is somebody who is no client, or it is too long.
    fn client_says(&mut self, choices: &mut Choices<'_>) {
        let how = choices.below(16);
        let peers = if how == 15 { &self.workers } else { &self.clients };
        let Some(connection) = peers.some(choices) else { return };
        let Some(mut message) = draw(choices, &self.names) else { return };
        if how == 14 {
            lengthen(&mut message, choices.below(2) + MAX_KEYS);
        }
        self.handle(Event::FromClient { connection, message });
    }

    fn release(&mut self, choices: &mut Choices<'_>) {
        let Some(connection) = self.clients.some(choices) else { return };
        let keys = vec![self.names.some_key(choices)];
        let message = ClientMessage::Release { keys, answer: choices.below(2) == 1 };
        self.handle(Event::FromClient { connection, message });
    }

    fn locate(&mut self, choices: &mut Choices<'_>) {
        let Some(connection) = self.clients.some(choices) else { return };
        let failed = (!choices.one_in(4)).then(|| self.names.some_worker(choices));
        let message = ClientMessage::Locate { key: self.names.some_key(choices), failed };
        self.handle(Event::FromClient { connection, message });
    }

    fn worker_says(&mut self, choices: &mut Choices<'_>) {
        let peers = if choices.one_in(16) { &self.clients } else { &self.workers };
        let Some(connection) = peers.some(choices) else { return };
        let Some(message) = draw(choices, &self.names) else { return };
        self.handle(Event::FromWorker { connection, message });
    }

    /// A worker reports on a run that it was given.
    fn report(&mut self, what: usize, choices: &mut Choices<'_>) {
        let at = choices.below(self.given.len().clamp(1, 256));
        let Some(&(connection, key, run)) = self.given.get(at) else { return };
        let run = if choices.one_in(8) { self.names.run(None, choices) } else { run };
        let message = match what {
            11 if self.recalls.remove(&run) => {
                WorkerMessage::Recalled { key, run, returned: at.is_multiple_of(2) }
            }
            11 => WorkerMessage::Started { key, run },
            12 => WorkerMessage::Locate { key, run: self.names.run(None, choices) },
            13 => {
                let fetched = choices.below(self.names.runs.len().clamp(1, 256));
                let Some(&(key, run)) = self.names.runs.get(fetched) else { return };
                WorkerMessage::Fetched { key, run }
            }
            14 => {
                let Some(mut message) = draw(choices, &self.names) else { return };
                if choices.one_in(16) {
                    lengthen(&mut message, choices.below(2) + MAX_KEYS);
                }
                WorkerMessage::FromRun { key, run, message }
            }
            15 => {
                let blame = choices.one_in(4).then(|| self.names.some_key(choices));
                let failure = draw(choices, &self.names).unwrap_or(Failure::TimedOut);
                WorkerMessage::Failed { key, run, blame, failure: failure.into() }
            }
            _ => {
                let (nbytes, duration) = (choices.number(), choices.number().wrapping_mul(100_000));
                let value = if nbytes % 4 == 3 { draw(choices, &self.names) } else { None };
                WorkerMessage::Finished { key, run, nbytes, duration, value }
            }
        };
        if matches!(message, WorkerMessage::Finished { .. } | WorkerMessage::Failed { .. }) {
            self.given.retain(|(_, _, given)| *given != run);
        }
        self.handle(Event::FromWorker { connection, message });
    }

    /// Connections break, come back, or end.
    fn presence(&mut self, choices: &mut Choices<'_>) {
        let what = choices.below(6);
        let peers = if what < 3 { &self.clients } else { &self.workers };
        let Some(connection) = peers.some(choices) else { return };
        let reason = String::new();
        self.handle(match what {
            0 => Event::ClientDisconnected { connection },
            1 => Event::ClientResumed { connection },
            2 | 3 => Event::SessionEnded { connection, reason },
            4 => Event::WorkerDisconnected { connection, reason },
            5.. => Event::WorkerResumed { connection },
        });
        if matches!(what, 2 | 3) {
            self.clients.leave(connection);
            self.workers.leave(connection);
        }
    }

    fn tick(&mut self) {
        if let Some((at, _)) = self.scheduler.next_deadline() {
            self.now = self.now.max(at);
        }
        self.handle(Event::Tick);
    }

    fn handle(&mut self, event: Event) {
        self.events += 1;
        let mut cells = Vec::new();
        self.scheduler.cells(self.now, &event, &mut |cell| cells.push(cell));
        let mut out = Vec::new();
        self.scheduler.handle(self.now, event.clone(), &mut out);
        assert_eq!(self.scheduler.check_touched(), Ok(()), "after {event:?}");
        assert_eq!(self.scheduler.check(), Ok(()), "after {event:?}");
        let classes: Vec<Class> = cells.iter().map(|cell| cell.class()).collect();
        for (cell, class) in cells.iter().zip(&classes) {
            assert!(!matches!(class, Class::Impossible(_)), "{cell} is visited by {event:?}");
        }
        let is_ignored = classes.iter().all(|class| *class == Class::Ignored);
        assert!(!is_ignored || out.is_empty(), "{event:?} is ignored, but {out:?}");
        let is_wrong = classes.iter().any(|class| matches!(class, Class::Breach | Class::Refused));
        let blamed = out.iter().filter_map(blamed);
        let blamed: Vec<_> = blamed.collect();
        let expected: Vec<_> = event.connection().filter(|_| is_wrong).into_iter().collect();
        assert_eq!(blamed, expected, "{event:?}: {cells:?}");
        self.visited.extend(cells);
        if let Some(twin) = &mut self.twin {
            let mut same = Vec::new();
            twin.handle(self.now, event, &mut same);
            assert_eq!(same, out);
        }
        out.into_iter().for_each(|effect| self.hear(effect));
    }

    fn hear(&mut self, effect: Effect) {
        match effect {
            Effect::Close { connection, .. } => {
                self.clients.leave(connection);
                self.workers.leave(connection);
            }
            Effect::ToWorker { connection, message } => match message {
                SchedulerToWorker::Compute(compute) => {
                    self.given.push((connection, compute.key, compute.run));
                    self.names.runs.push((compute.key, compute.run));
                }
                SchedulerToWorker::Free { run, .. } => {
                    self.given.retain(|given| given.0 != connection || given.2 != run);
                }
                SchedulerToWorker::Recall { run, .. } => {
                    self.recalls.insert(run);
                }
                SchedulerToWorker::Registered { worker: WorkerId(worker) } => {
                    self.names.workers = self.names.workers.max(worker);
                }
                SchedulerToWorker::Acquire(_)
                | SchedulerToWorker::Define { .. }
                | SchedulerToWorker::Holders { .. }
                | SchedulerToWorker::Leave
                | SchedulerToWorker::Peer { .. }
                | SchedulerToWorker::ToRun { .. } => {}
            },
            Effect::End | Effect::ToClient { .. } | Effect::Warn { .. } => {}
        }
    }

    /// What was published is taken back, and everybody goes: nothing is left of anybody.
    fn everybody_leaves(&mut self) {
        let connection = self.connection();
        let (session, name) = (Session::truncate(7), String::new());
        self.handle(Event::ClientConnected { connection, session, name });
        for name in TEXTS {
            let query = Query::Unpublish(name.to_owned());
            let message = ClientMessage::Query { id: 0, query };
            self.handle(Event::FromClient { connection, message });
        }
        let here = self.clients.here.into_iter().chain(self.workers.here).flatten();
        let all = here.chain(self.clients.gone.clone()).chain(self.workers.gone.clone());
        for connection in all.chain([connection]).collect::<Vec<_>>() {
            self.handle(Event::SessionEnded { connection, reason: String::new() });
        }
        while self.scheduler.next_deadline().is_some() {
            self.tick();
        }
        let sizes = self.scheduler.sizes();
        assert!(sizes.iter().all(|(_, size)| *size == 0), "{sizes:?}");
        assert_eq!(self.scheduler.audience(), (0, 0, 0));
    }
}

/// Who is closed for what it did wrong.
fn blamed(effect: &Effect) -> Option<ConnectionId> {
    let Effect::Close { connection, reason } = effect else { return None };
    match reason {
        PeerError::Away
        | PeerError::DeclaredLost(_)
        | PeerError::Left
        | PeerError::OutOfMemory { .. }
        | PeerError::Superseded => None,
        PeerError::AddressTaken(_)
        | PeerError::BeyondLimit(_)
        | PeerError::NameTaken(_)
        | PeerError::NoThreads
        | PeerError::NotItsRole
        | PeerError::NotItsRun
        | PeerError::NotRegistered
        | PeerError::UnknownSpec => Some(*connection),
    }
}

/// Has a message name so many keys, if it names any.
fn lengthen(message: &mut ClientMessage, count: usize) {
    match message {
        ClientMessage::Cancel { keys, .. }
        | ClientMessage::Detach { keys }
        | ClientMessage::Query {
            query: Query::Publish { keys, .. } | Query::Rebalance { keys: Some(keys), .. },
            ..
        }
        | ClientMessage::Release { keys, .. }
        | ClientMessage::Retry { keys }
        | ClientMessage::Want { keys } => {
            let first = keys.first().copied().unwrap_or_default();
            keys.resize(count, first);
        }
        ClientMessage::Define { .. }
        | ClientMessage::Goodbye
        | ClientMessage::Locate { .. }
        | ClientMessage::Query { .. }
        | ClientMessage::Submit { .. } => {}
    }
}

/// What a key depends on: keys of smaller numbers.
fn dependencies(number: usize) -> impl Iterator<Item = usize> {
    let half = (1..BAG).contains(&number).then_some(number / 2);
    let before = half.filter(|_| number.is_multiple_of(3)).map(|_| number - 1);
    half.into_iter().chain(before.filter(|before| Some(*before) != half))
}

/// Specs of every sort.
fn specs() -> Vec<TaskSpec> {
    let function = Function { name: "f".to_owned(), ..Function::default() };
    let with = |options| TaskSpec { function: function.clone(), options };
    let receive = Function { runtime: Runtime::Receive, ..Function::default() };
    let unheard = Function { name: "unheard".to_owned(), ..Function::default() };
    let w1 = vec!["w1".to_owned()];
    let gpu = vec![("gpu".to_owned(), 15_000)];
    vec![
        with(TaskOptions::default()),
        with(TaskOptions { retries: 1, ..TaskOptions::default() }),
        TaskSpec { function: receive, ..TaskSpec::default() },
        with(TaskOptions { workers: w1.clone(), ..TaskOptions::default() }),
        with(TaskOptions { workers: w1, allow_other_workers: true, ..TaskOptions::default() }),
        with(TaskOptions { allowed_failures: Some(0), ..TaskOptions::default() }),
        with(TaskOptions { resources: gpu, ..TaskOptions::default() }),
        with(TaskOptions { at_most_once: true, ..TaskOptions::default() }),
        TaskSpec { function: unheard, ..TaskSpec::default() },
    ]
}
