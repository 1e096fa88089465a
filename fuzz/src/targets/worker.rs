//! The worker under a scheduler and peers that may lie: whatever it is told, it stays whole, has no
//! more bodies at a time than threads, and nothing is left when all is freed.
//!
//! Its driver does not lie: what ends was begun.

use std::collections::{BTreeMap, BTreeSet};

use raddle_core::matrix::Class;
use raddle_core::time::{Duration, Instant};
use raddle_core::worker::{
    Cell, Config, Effect, Event, Execute, GatherOutcome, Outcome, RequestId, Worker,
};
use raddle_net::messages::{
    Compute, Failure, Function, Input, Item, Runtime, SchedulerToWorker, TaskOptions, TaskSpec,
};
use raddle_net::names::{Key, Priority, RunId, SpecId, WorkerId};

use super::choices::Choices;
use super::draw::draw;
use super::names::Names;

/// This worker.
const ME: WorkerId = WorkerId(1);
/// It and others that were introduced, from 1.
const WORKERS: u32 = 4;
/// Keys that there are.
const KEYS: u64 = 8;
/// Events of one input, at most.
const EVENTS: u32 = 200;
/// An ordinary task, scattered data, and a task that may take a millisecond.
const SPECS: u32 = 3;

/// Bytes become events.
pub fn worker_events(data: &[u8]) {
    drop(visited(data));
}

/// The cells of the worker's matrix that the events of these bytes visit.
pub fn visited(data: &[u8]) -> BTreeSet<Cell> {
    let choices = &mut Choices::new(data);
    let mut driver = Driver::new(choices);
    while !choices.is_empty() && driver.events < EVENTS {
        driver.step(choices);
    }
    driver.everything_ends();
    driver.visited
}

/// What a body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// It has given its slot back.
    Asleep,
    Awake,
}

struct Driver {
    worker: Worker,
    threads: usize,
    now: Instant,
    names: Names,
    last_run: u64,
    store: BTreeSet<RunId>,
    bodies: BTreeMap<RunId, Body>,
    flushing: Vec<RunId>,
    gathers: BTreeMap<WorkerId, Vec<RunId>>,
    serving: Vec<RequestId>,
    requests: u64,
    /// What the scheduler wanted this worker to have, for no run.
    acquired: Vec<Item>,
    /// The scheduler is given up, but still speaks.
    closing: bool,
    introduced: bool,
    events: u32,
    visited: BTreeSet<Cell>,
}

impl Driver {
    fn new(choices: &mut Choices<'_>) -> Self {
        let threads = choices.below(3) + 1;
        let config = Config {
            nthreads: threads,
            max_gathers: choices.below(3) + 1,
            max_serves: choices.below(2) + 1,
            message_bytes: [0, 250, 1 << 40][choices.below(3)],
            incoming_bytes: [0, 400, 1 << 40][choices.below(3)],
            track_touched: true,
            ..Config::default()
        };
        let mut names = Names::new(KEYS, &["", "tcp://w2:1", "f"]);
        (names.workers, names.specs) = (WORKERS, SPECS);
        let mut driver = Self {
            worker: Worker::new(config),
            threads,
            now: Instant::from_nanos(1),
            names,
            last_run: 0,
            store: BTreeSet::new(),
            bodies: BTreeMap::new(),
            flushing: Vec::new(),
            gathers: BTreeMap::new(),
            serving: Vec::new(),
            requests: 0,
            acquired: Vec::new(),
            closing: false,
            introduced: false,
            events: 0,
            visited: BTreeSet::new(),
        };
        driver.introduce();
        driver
    }

    /// A right scheduler says first what the others build on.
    fn introduce(&mut self) {
        self.introduced = true;
        for (id, spec) in (0..).map(SpecId).zip(specs()) {
            self.hear(SchedulerToWorker::Define { id, spec });
        }
        for id in 2..=WORKERS {
            let address = format!("tcp://w{id}:1");
            self.hear(SchedulerToWorker::Peer { id: WorkerId(id), address });
        }
        self.hear(SchedulerToWorker::Registered { worker: ME });
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let op = choices.below(32);
        if self.closing && op.is_multiple_of(2) {
            self.reconnect();
        }
        if !self.introduced && op.is_multiple_of(4) {
            self.introduce();
        }
        match op {
            0..=7 => self.compute(choices),
            8..=15 => self.body(op, choices),
            16..=19 => self.gathered(choices),
            20..=22 => self.known_run(op, choices),
            23 | 24 => {
                if let Some(message) = draw(choices, &self.names) {
                    self.hear(message);
                }
            }
            25 => self.flushed(choices),
            26 => {
                let items: Option<Vec<Item>> = draw(choices, &self.names);
                let request = self.request();
                self.event(Event::Asked { request, items: items.unwrap_or_default() });
            }
            27 => {
                let Some(item) = draw::<Item>(choices, &self.names) else { return };
                let (request, nbytes) = (self.request(), choices.number() % 1_000);
                self.event(Event::Received { request, item, nbytes, value: None });
            }
            28 => {
                if let Some(request) = self.serving.pop() {
                    self.event(Event::Served { request });
                }
            }
            29 => {
                self.now = self.now + Duration::from_micros(choices.number() % 1_000_000);
                self.event(Event::Tick);
            }
            30 if choices.one_in(4) => self.reconnect(),
            30.. => self.tick(),
        }
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    fn next_run(&mut self, key: Key) -> RunId {
        self.last_run += 1;
        let run = RunId { epoch: 1, counter: self.last_run };
        self.names.runs.push((key, run));
        run
    }

    /// A run as a right scheduler gives it, but for what it needs.
    fn compute(&mut self, choices: &mut Choices<'_>) {
        let how = choices.byte();
        let inputs = (0..how % 4).map(|_| self.input(choices)).collect();
        let key = self.names.some_key(choices);
        let run = self.next_run(key);
        let priority = Priority { order: u32::from(how / 4 % 4), ..Priority::default() };
        let announce = how / 16 % 4 == 3;
        let spec = SpecId([0, 0, 1, 2][usize::from(how / 64)]);
        let compute = Compute { key, run, spec, priority, announce, inputs, ..Compute::default() };
        self.hear(SchedulerToWorker::Compute(compute));
    }

    /// A value that was named before, or another one.
    fn input(&mut self, choices: &mut Choices<'_>) -> Input {
        let (pick, holders) = (choices.below(16), choices.byte());
        let known = self.names.runs.iter().rev().nth(pick).copied();
        let (key, run) = match known {
            Some(known) if pick < 15 => known,
            _ => {
                let key = self.names.some_key(choices);
                (key, self.next_run(key))
            }
        };
        let holders = (1..=WORKERS).filter(|id| holders >> id & 1 == 1).map(WorkerId).collect();
        Input { key, run, nbytes: choices.number(), holders }
    }

    /// A right word on a run that was named before.
    fn known_run(&mut self, op: usize, choices: &mut Choices<'_>) {
        let pick = choices.below(16);
        let Some(&(key, run)) = self.names.runs.iter().rev().nth(pick) else { return };
        self.hear(match op {
            20 | 21 => SchedulerToWorker::Free { key, run },
            _ => {
                let holders = choices.byte();
                if holders == 0 {
                    return self.hear(SchedulerToWorker::Recall { key, run });
                }
                let workers = (1..=WORKERS).filter(|id| holders >> id & 1 == 1);
                SchedulerToWorker::Holders { key, run, workers: workers.map(WorkerId).collect() }
            }
        });
    }

    /// A body does something.
    fn body(&mut self, op: usize, choices: &mut Choices<'_>) {
        let at = choices.below(self.bodies.len().max(1));
        let Some(&run) = self.bodies.keys().nth(at) else { return self.late_word(op, choices) };
        match op {
            8 | 9 => {
                self.bodies.insert(run, Body::Asleep);
                self.event(Event::Blocked { run });
            }
            10 | 11 => self.event(Event::Unblocked { run }),
            12 => {
                let Some(message) = draw(choices, &self.names) else { return };
                self.event(Event::FromRun { run, message });
            }
            13 => {
                self.bodies.remove(&run);
                let failure = draw(choices, &self.names).unwrap_or(Failure::TimedOut).into();
                let blame = choices.one_in(3).then(|| self.names.some_key(choices));
                self.event(Event::Executed { run, outcome: Outcome::Failed { blame, failure } });
            }
            14 if choices.one_in(2) => {
                let Some(note) = draw(choices, &self.names) else { return };
                self.event(Event::Noted { run, note });
            }
            _ => self.finish(run, choices.number() % 1_000),
        }
    }

    /// A body that has ended waits no more, or has still something to say.
    fn late_word(&mut self, op: usize, choices: &mut Choices<'_>) {
        let Some(&(_, run)) = self.names.runs.iter().rev().nth(choices.below(16)) else { return };
        if self.worker.runs().any(|item| item.run == run) {
            return;
        }
        self.event(match op {
            8 | 9 => Event::Blocked { run },
            10 | 11 => Event::Unblocked { run },
            14 => {
                let Some(note) = draw(choices, &self.names) else { return };
                Event::Noted { run, note }
            }
            _ => {
                let Some(message) = draw(choices, &self.names) else { return };
                Event::FromRun { run, message }
            }
        });
    }

    fn finish(&mut self, run: RunId, nbytes: u64) {
        self.bodies.remove(&run);
        self.store.insert(run);
        let outcome = Outcome::Finished { nbytes, duration: nbytes, value: None };
        self.event(Event::Executed { run, outcome });
    }

    fn flushed(&mut self, choices: &mut Choices<'_>) {
        if !self.flushing.is_empty() {
            let run = self.flushing.remove(choices.below(self.flushing.len().min(256)));
            self.event(Event::Flushed { run });
        }
    }

    /// A peer that was asked answers.
    fn gathered(&mut self, choices: &mut Choices<'_>) {
        let (at, how) = (choices.below(self.gathers.len().max(1)), choices.byte());
        let Some(&peer) = self.gathers.keys().nth(at) else { return };
        let asked = self.gathers.remove(&peer).expect("it was listed");
        let outcome = match how % 8 {
            0 => GatherOutcome::Busy,
            1 => GatherOutcome::Failed,
            _ => {
                let is_found = |at: &usize| how % 8 > 4 || how >> (3 + at % 5) & 1 == 1;
                let (found, missing): (Vec<usize>, Vec<usize>) =
                    (0..asked.len()).partition(is_found);
                let found: Vec<_> = found.iter().map(|at| (asked[*at], u64::from(how))).collect();
                self.store.extend(found.iter().map(|(run, _)| *run));
                GatherOutcome::Got { found, missing: missing.iter().map(|at| asked[*at]).collect() }
            }
        };
        self.event(Event::Gathered { peer, outcome });
    }

    fn tick(&mut self) {
        if let Some((at, _)) = self.worker.next_deadline() {
            self.now = self.now.max(at);
        }
        self.event(Event::Tick);
    }

    fn hear(&mut self, message: SchedulerToWorker) {
        if let SchedulerToWorker::Acquire(Input { key, run, .. }) = &message {
            self.acquired.push(Item { key: *key, run: *run });
        }
        self.event(Event::FromScheduler(message));
    }

    fn reconnect(&mut self) {
        self.event(Event::Disconnected);
        assert_eq!(self.worker.values().count(), 0);
        (self.closing, self.introduced) = (false, false);
    }

    fn event(&mut self, event: Event) {
        self.events += 1;
        let (mut cells, mut out) = (Vec::new(), Vec::new());
        self.worker.cells(self.now, &event, &mut |cell| cells.push(cell));
        self.worker.handle(self.now, event.clone(), &mut out);
        assert_eq!(self.worker.check_touched(), Ok(()), "after {event:?}");
        assert_eq!(self.worker.check(), Ok(()), "after {event:?}");
        let is = |class| cells.iter().any(|cell| cell.class() == class);
        for cell in &cells {
            let possible = !matches!(cell.class(), Class::Impossible(_));
            assert!(possible, "{cell} is visited by {event:?}");
        }
        let closes = out.iter().any(|effect| matches!(effect, Effect::Close { .. }));
        assert_eq!(closes, is(Class::Breach), "{event:?}: {cells:?}");
        self.visited.extend(cells);
        let leaves = out.contains(&Effect::Leave);
        out.into_iter().for_each(|effect| self.apply(effect));
        let awake = self.bodies.values().filter(|body| **body == Body::Awake).count();
        assert!(awake <= self.threads, "{awake} bodies have a slot");
        let values: BTreeSet<RunId> = self.worker.values().map(|(item, _)| item.run).collect();
        assert_eq!(values, self.store);
        self.closing |= closes || leaves;
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Accept { run, .. } => assert!(self.store.insert(run)),
            Effect::Execute(Execute { run, inputs, .. }) => {
                assert!(inputs.iter().all(|input| self.store.contains(input)), "{run}");
                assert_eq!(self.bodies.insert(run, Body::Awake), None, "{run} is entered twice");
            }
            Effect::Flush { run } => self.flushing.push(run),
            Effect::Forget { run } => assert!(self.store.remove(&run), "{run} is not held"),
            Effect::Gather { peer, items, .. } => {
                assert!(!items.is_empty());
                let runs: Vec<RunId> = items.iter().map(|item| item.run).collect();
                assert!(runs.iter().all(|run| !self.store.contains(run)));
                assert_eq!(self.gathers.insert(peer, runs), None);
            }
            Effect::Resume { run } => {
                // A body may go on before it has said that it waits.
                assert!(self.bodies.insert(run, Body::Awake).is_some(), "{run} has no body");
            }
            Effect::Serve { request, items } => {
                assert!(items.iter().all(|(item, held)| !held || self.store.contains(&item.run)));
                self.serving.push(request);
            }
            Effect::Stop { run } | Effect::ToRun { run, .. } => {
                assert!(self.bodies.contains_key(&run), "{run} has no body");
            }
            Effect::Close { .. }
            | Effect::Leave
            | Effect::Reject { .. }
            | Effect::ServeBusy { .. }
            | Effect::ToScheduler(_) => {}
        }
    }

    /// The scheduler frees everything, and everything that was begun ends.
    fn everything_ends(&mut self) {
        if self.closing {
            self.reconnect();
        }
        let values = self.worker.values().map(|(item, _)| item).chain(self.worker.runs());
        let mut items: Vec<Item> = values.collect();
        items.append(&mut self.acquired);
        for Item { key, run } in items {
            self.hear(SchedulerToWorker::Free { key, run });
        }
        // What it was told to acquire was a lie, and so is that it be freed.
        if self.closing {
            self.reconnect();
        }
        while let Some(&run) = self.bodies.keys().next() {
            self.finish(run, 8);
        }
        while !self.gathers.is_empty() {
            self.gathered(&mut Choices::new(&[0, 7]));
        }
        while let Some(request) = self.serving.pop() {
            self.event(Event::Served { request });
        }
        while self.worker.next_deadline().is_some() {
            self.tick();
        }
        assert!(self.worker.is_empty() && self.store.is_empty(), "{:?}", self.worker);
        let sizes = self.worker.sizes();
        assert!(sizes.iter().all(|(_, size)| *size == 0), "{sizes:?}");
    }
}

fn specs() -> Vec<TaskSpec> {
    let receive = Function { runtime: Runtime::Receive, ..Function::default() };
    let limited = TaskOptions { timeout: Some(1_000_000), ..TaskOptions::default() };
    vec![
        TaskSpec::default(),
        TaskSpec { function: receive, ..TaskSpec::default() },
        TaskSpec { options: limited, ..TaskSpec::default() },
    ]
}
