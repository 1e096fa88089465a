//! Random events: a scheduler that is late, forgetful and sometimes hostile, peers that are busy,
//! gone or empty-handed, bodies that block. A model of the driver judges every effect.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use raddle_net::messages::{ClientMessage, SchedulerToClient};

use super::*;
use crate::worker::RequestId;

mod cells;
mod corrupted;

const THREADS: usize = 2;
/// Runs of other workers are numbered from here.
const FOREIGN: u64 = 1000;

/// What happens next. A `u16` picks one of what there is.
#[derive(Clone, Debug)]
enum Step {
    Advance(u16),
    Ask(Vec<u16>),
    Body(u16, Act),
    Compute { inputs: Vec<(u16, u8)>, announce: bool, receive: bool, priority: u8 },
    Deadline,
    Disconnect,
    Flush(u16),
    Gather { pick: u16, outcome: u8, found: u16 },
    Hear(u16, Word),
    Receive(u16),
    Serve,
}

/// What a body does.
#[derive(Clone, Copy, Debug)]
enum Act {
    Block,
    Fail,
    Finish,
    Speak,
    Unblock,
}

/// What the scheduler says of a run.
#[derive(Clone, Copy, Debug)]
enum Word {
    Acquire(u8),
    Free,
    Hold(u8),
    Lie(u8),
    Recall,
    ToRun,
}

fn step() -> impl Strategy<Value = Step> {
    let inputs = prop::collection::vec((any::<u16>(), any::<u8>()), 0..4);
    let computes = (inputs, prop::bool::weighted(0.2), prop::bool::weighted(0.1), any::<u8>());
    let compute = computes.prop_map(|(inputs, announce, receive, priority)| Step::Compute {
        inputs,
        announce,
        receive,
        priority,
    });
    let gather = (any::<u16>(), 0..5_u8, any::<u16>())
        .prop_map(|(pick, outcome, found)| Step::Gather { pick, outcome, found });
    let act = prop_oneof![
        3 => Just(Act::Block),
        2 => Just(Act::Fail),
        6 => Just(Act::Finish),
        1 => Just(Act::Speak),
        3 => Just(Act::Unblock),
    ];
    let word = prop_oneof![
        3 => any::<u8>().prop_map(Word::Acquire),
        6 => Just(Word::Free),
        3 => any::<u8>().prop_map(Word::Hold),
        3 => Just(Word::Recall),
        1 => any::<u8>().prop_map(Word::Lie),
        1 => Just(Word::ToRun),
    ];
    prop_oneof![
        60 => compute,
        75 => (any::<u16>(), act).prop_map(|(pick, act)| Step::Body(pick, act)),
        40 => gather,
        55 => (any::<u16>(), word).prop_map(|(pick, word)| Step::Hear(pick, word)),
        15 => any::<u16>().prop_map(Step::Flush),
        15 => Just(Step::Deadline),
        10 => any::<u16>().prop_map(Step::Receive),
        5 => prop::collection::vec(any::<u16>(), 0..3).prop_map(Step::Ask),
        5 => Just(Step::Serve),
        5 => (0..400_u16).prop_map(Step::Advance),
        1 => Just(Step::Disconnect),
    ]
}

/// What a body does, as its driver sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Asleep,
    Awake,
}

/// The driver of a worker, and whoever it talks to.
struct Driver {
    rig: Rig,
    /// Runs are numbered from 1 to here.
    last_run: u64,
    store: BTreeSet<RunId>,
    bodies: BTreeMap<RunId, Body>,
    entered: BTreeSet<RunId>,
    stopped: BTreeSet<RunId>,
    announced: BTreeSet<RunId>,
    flushing: Vec<RunId>,
    flushed: BTreeSet<RunId>,
    gathers: BTreeMap<WorkerId, Vec<RunId>>,
    serving: Vec<RequestId>,
    requests: u64,
}

impl Driver {
    fn new() -> Self {
        let rig = Rig::new(Config {
            nthreads: THREADS,
            max_gathers: 2,
            max_serves: 2,
            message_bytes: 250,
            incoming_bytes: 400,
            ..Config::default()
        });
        Self {
            rig,
            last_run: 0,
            store: BTreeSet::new(),
            bodies: BTreeMap::new(),
            entered: BTreeSet::new(),
            stopped: BTreeSet::new(),
            announced: BTreeSet::new(),
            flushing: Vec::new(),
            flushed: BTreeSet::new(),
            gathers: BTreeMap::new(),
            serving: Vec::new(),
            requests: 0,
        }
    }

    /// Any run: of this worker, now or long ago, of another one, or of nobody yet.
    fn any_run(&self, pick: u16) -> u64 {
        let pick = u64::from(pick);
        match pick % 8 {
            0 => FOREIGN + pick / 8 % 20,
            1 => self.last_run + 1 + pick / 8 % 3,
            _ => (self.last_run + 1).saturating_sub(pick / 8 % 12),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Advance(millis) => {
                self.rig.now = self.rig.now + Duration::from_millis(u64::from(millis));
                self.event(Event::Tick);
            }
            Step::Ask(picks) => {
                let items = picks.into_iter().map(|pick| item(self.any_run(pick))).collect();
                let request = self.request();
                self.event(Event::Asked { request, items });
            }
            Step::Body(pick, act) => self.act(pick, act),
            Step::Compute { inputs, announce, receive, priority } => {
                self.compute(&inputs, announce, receive, priority);
            }
            Step::Deadline => {
                if let Some((at, _)) = self.rig.worker.next_deadline() {
                    self.rig.now = self.rig.now.max(at);
                    self.event(Event::Tick);
                }
            }
            Step::Disconnect => self.reconnect(),
            Step::Flush(pick) => {
                let run = run(self.any_run(pick));
                let run = self.flushing.pop().unwrap_or(run);
                self.flushed.insert(run);
                self.event(Event::Flushed { run });
            }
            Step::Gather { pick, outcome, found } => self.gathered(pick, outcome, found),
            Step::Hear(pick, word) => self.hear(pick, word),
            Step::Receive(pick) => {
                let (request, item) = (self.request(), item(self.any_run(pick)));
                self.event(Event::Received { request, item, nbytes: 8, value: None });
            }
            Step::Serve => {
                if let Some(request) = self.serving.pop() {
                    self.event(Event::Served { request });
                }
            }
        }
    }

    fn act(&mut self, pick: u16, act: Act) {
        let index = usize::from(pick) % self.bodies.len().max(1);
        let Some(run) = self.bodies.keys().nth(index).copied() else { return };
        match act {
            Act::Block => {
                self.bodies.insert(run, Body::Asleep);
                self.event(Event::Blocked { run });
            }
            Act::Fail => self.end(run, false),
            Act::Finish => self.end(run, true),
            Act::Speak => self.event(Event::FromRun { run, message: ClientMessage::Goodbye }),
            Act::Unblock => self.event(Event::Unblocked { run }),
        }
    }

    fn hear(&mut self, pick: u16, word: Word) {
        let n = self.any_run(pick);
        let (key, run) = (key(n), run(n));
        let message = match word {
            Word::Acquire(holders) => {
                let nbytes = u64::from(pick) * 37 % 300;
                let n = if n > self.last_run && n < FOREIGN { FOREIGN } else { n };
                let (key, run) = (super::key(n), super::run(n));
                SchedulerToWorker::Acquire(Input { key, run, nbytes, holders: peers(holders) })
            }
            Word::Free => SchedulerToWorker::Free { key, run },
            Word::Hold(holders) => SchedulerToWorker::Holders { key, run, workers: peers(holders) },
            Word::Lie(how) => return self.lie(n, how),
            Word::Recall => SchedulerToWorker::Recall { key, run },
            Word::ToRun => {
                SchedulerToWorker::ToRun { run, message: SchedulerToClient::Recomputing { key } }
            }
        };
        self.hears(message);
    }

    fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    fn compute(&mut self, inputs: &[(u16, u8)], announce: bool, receive: bool, priority: u8) {
        let inputs: Vec<Input> = inputs
            .iter()
            .map(|&(pick, holders)| {
                let n = self.any_run(pick).min(FOREIGN + 20);
                let n = if n > self.last_run && n < FOREIGN { FOREIGN } else { n };
                let nbytes = u64::from(pick) * 37 % 300;
                Input { key: key(n), run: run(n), nbytes, holders: peers(holders) }
            })
            .collect();
        self.last_run += 1;
        let n = self.last_run;
        let priority = Priority { submission: u64::from(priority), ..Priority::default() };
        let spec = if receive { RECEIVE } else { NATIVE };
        if announce {
            self.announced.insert(run(n));
        }
        let compute = Compute { spec, announce, priority, ..compute(n, inputs) };
        self.hears(SchedulerToWorker::Compute(compute));
    }

    /// Something that a right scheduler would not say, or not so.
    fn lie(&mut self, n: u64, how: u8) {
        let message = match how % 5 {
            0 => SchedulerToWorker::Compute(compute(n, [])),
            1 => SchedulerToWorker::Compute(compute(FOREIGN * 2, [held(n, &[77])])),
            2 => SchedulerToWorker::Free { key: key(FOREIGN * 3), run: run(n) },
            3 => SchedulerToWorker::Registered { worker: WorkerId(u32::from(how)) },
            _ => SchedulerToWorker::Compute(Compute { spec: SpecId(9), ..compute(n, []) }),
        };
        if n > self.last_run && n < FOREIGN {
            self.last_run = n;
        }
        // A run that is gone cannot be told from a new one.
        if !self.bodies.contains_key(&run(n)) {
            self.entered.remove(&run(n));
            self.stopped.remove(&run(n));
            self.announced.remove(&run(n));
        }
        self.hears(message);
    }

    fn end(&mut self, run: RunId, ok: bool) {
        self.bodies.remove(&run);
        let outcome = if ok { value() } else { failed() };
        if ok {
            self.store.insert(run);
        }
        self.event(Event::Executed { run, outcome });
    }

    fn gathered(&mut self, pick: u16, outcome: u8, found: u16) {
        let index = usize::from(pick) % self.gathers.len().max(1);
        let Some(peer) = self.gathers.keys().nth(index).copied() else { return };
        let asked = self.gathers.remove(&peer).expect("it was listed");
        let outcome = match outcome {
            0 => GatherOutcome::Busy,
            1 => GatherOutcome::Failed,
            _ => {
                let is_found = |index: usize| found >> (index % 16) & 1 == 1;
                let (mut found, mut missing) = (Vec::new(), Vec::new());
                for (index, run) in asked.into_iter().enumerate() {
                    if is_found(index) {
                        self.store.insert(run);
                        found.push((run, 50));
                    } else {
                        missing.push(run);
                    }
                }
                GatherOutcome::Got { found, missing }
            }
        };
        self.event(Event::Gathered { peer, outcome });
    }

    fn hears(&mut self, message: SchedulerToWorker) {
        self.event(Event::FromScheduler(message));
    }

    fn reconnect(&mut self) {
        self.event(Event::Disconnected);
        assert_eq!(self.rig.worker.values().count(), 0);
        self.rig.register();
    }

    fn event(&mut self, event: Event) {
        let mut closes = false;
        for effect in self.rig.event(event) {
            closes |= matches!(effect, Effect::Close { .. });
            self.apply(effect);
        }
        let awake = self.bodies.values().filter(|body| **body == Body::Awake).count();
        assert!(awake <= THREADS, "{awake} bodies have a slot");
        let values: BTreeSet<RunId> = self.rig.worker.values().map(|(item, _)| item.run).collect();
        assert_eq!(values, self.store);
        if closes {
            self.reconnect();
        }
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Accept { run, .. } => assert!(self.store.insert(run)),
            Effect::Close { .. }
            | Effect::Leave
            | Effect::Reject { .. }
            | Effect::ServeBusy { .. } => {}
            Effect::Execute(execute) => self.execute(&execute),
            Effect::Flush { run } => {
                self.flushed.remove(&run);
                self.flushing.push(run);
            }
            Effect::Forget { run } => assert!(self.store.remove(&run), "{run} is not held"),
            Effect::Gather { peer, items, .. } => {
                assert!(peer != ME && !items.is_empty());
                let runs: Vec<RunId> = items.iter().map(|item| item.run).collect();
                assert!(runs.iter().all(|run| !self.store.contains(run)));
                assert_eq!(self.gathers.insert(peer, runs), None);
            }
            Effect::Resume { run } => {
                assert!(self.bodies.insert(run, Body::Awake).is_some());
            }
            Effect::Serve { request, items } => {
                assert!(items.iter().all(|(item, held)| self.store.contains(&item.run) == *held));
                self.serving.push(request);
            }
            Effect::Stop { run } => {
                assert!(self.bodies.contains_key(&run) && self.stopped.insert(run));
            }
            Effect::ToRun { run, .. } => {
                assert!(self.bodies.contains_key(&run) && !self.stopped.contains(&run));
            }
            Effect::ToScheduler(message) => self.hear_worker(&message),
        }
    }

    fn execute(&mut self, execute: &Execute) {
        let Execute { run, inputs, .. } = execute;
        assert!(inputs.iter().all(|input| self.store.contains(input)), "{run} lacks an input");
        assert!(self.entered.insert(*run), "{run} is entered twice");
        assert!(!self.announced.contains(run) || self.flushed.contains(run));
        self.bodies.insert(*run, Body::Awake);
    }

    /// Nothing is said of what the scheduler has freed.
    fn hear_worker(&self, message: &WorkerMessage) {
        match message {
            WorkerMessage::Failed { run, .. }
            | WorkerMessage::Finished { run, .. }
            | WorkerMessage::FromRun { run, .. }
            | WorkerMessage::Note { run, .. }
            | WorkerMessage::Started { run, .. } => assert!(!self.stopped.contains(run)),
            WorkerMessage::Recalled { run, returned, .. } => {
                assert!(!self.stopped.contains(run));
                assert!(!returned || !self.entered.contains(run));
            }
            WorkerMessage::Fetched { run, .. } => assert!(self.store.contains(run)),
            WorkerMessage::Goodbye => {}
            WorkerMessage::Locate { run, .. } => assert!(!self.store.contains(run)),
            WorkerMessage::Memory(_) | WorkerMessage::Register(_) | WorkerMessage::Retire => {
                panic!("the driver says so")
            }
        }
    }

    /// The scheduler frees everything, and everything that was begun ends.
    fn settle(&mut self) {
        for n in (0..=self.last_run).chain(FOREIGN..=FOREIGN + 20).chain([FOREIGN * 2]) {
            self.hears(SchedulerToWorker::Free { key: key(n), run: run(n) });
        }
        while let Some(&run) = self.bodies.keys().next() {
            self.end(run, true);
        }
        while !self.gathers.is_empty() {
            self.gathered(0, 2, u16::MAX);
        }
        while let Some(request) = self.serving.pop() {
            self.event(Event::Served { request });
        }
        while let Some((at, timer)) = self.rig.worker.next_deadline() {
            assert!(matches!(timer, Timer::Busy(_)), "{timer:?}");
            self.rig.now = self.rig.now.max(at);
            self.event(Event::Tick);
        }
    }
}

fn peers(mask: u8) -> SmallVec<[WorkerId; 2]> {
    (0..=PEERS).filter(|peer| mask >> peer & 1 == 1).map(WorkerId).collect()
}

proptest! {
    #[test]
    fn whatever_happens_invariants_hold_and_nothing_is_left(
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let mut driver = Driver::new();
        for step in steps {
            driver.take(step);
        }
        driver.settle();
        prop_assert!(driver.rig.worker.is_empty(), "{:?}", driver.rig.worker);
        prop_assert!(driver.store.is_empty());
    }
}
