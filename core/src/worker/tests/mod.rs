//! Tests of the worker machine. Every event is followed by `check`; expectations are whole lists of
//! effects.

mod acquire;
mod compute;
mod gather;
mod matrix;
mod nested;
mod peers;
mod protocol;
mod random;
mod recall;
mod release;
mod retry;
mod table;

use std::sync::Arc;

use raddle_net::messages::{
    Compute, Failure, Function, Input, Item, Runtime, SchedulerToWorker, TaskSpec, WorkerMessage,
};
use raddle_net::names::{Key, Priority, RunId, SpecId, WorkerId};
use raddle_net::payload::{Blob, SmallValue};
use smallvec::SmallVec;

use super::{Config, Effect, Event, Execute, GatherOutcome, Outcome, Timer, Worker};
use crate::time::{Duration, Instant};
use matrix::Prediction;

/// The worker under test.
const ME: WorkerId = WorkerId(0);
/// The spec of an ordinary task.
const NATIVE: SpecId = SpecId(0);
/// The spec of scattered data.
const RECEIVE: SpecId = SpecId(1);
/// How many peers are introduced, from 1.
const PEERS: u32 = 4;

/// A registered worker and its clock.
#[derive(Clone, Debug)]
struct Rig {
    worker: Worker,
    now: Instant,
}

impl Rig {
    fn new(config: Config) -> Self {
        let config = Config { track_touched: true, ..config };
        let mut rig = Self { worker: Worker::new(config), now: Instant::from_nanos(1) };
        rig.register();
        rig
    }

    fn with_threads(nthreads: usize) -> Self {
        Self::new(Config { nthreads, ..Config::default() })
    }

    fn register(&mut self) {
        for (id, spec) in [(NATIVE, spec(NATIVE)), (RECEIVE, spec(RECEIVE))] {
            let spec = TaskSpec::clone(&spec);
            assert_eq!(self.hears(SchedulerToWorker::Define { id, spec }), []);
        }
        for id in 1..=PEERS {
            let address = address(id).to_string();
            assert_eq!(self.hears(SchedulerToWorker::Peer { id: WorkerId(id), address }), []);
        }
        assert_eq!(self.hears(SchedulerToWorker::Registered { worker: ME }), []);
    }

    fn event(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        let prediction = Prediction::of(&self.worker, self.now, &event);
        self.worker.handle(self.now, event, &mut out);
        prediction.holds(&self.worker, &out);
        assert_eq!(self.worker.check_touched(), Ok(()));
        assert_eq!(self.worker.check(), Ok(()));
        out
    }

    fn hears(&mut self, message: SchedulerToWorker) -> Vec<Effect> {
        self.event(Event::FromScheduler(message))
    }

    fn given(&mut self, compute: Compute) -> Vec<Effect> {
        self.hears(SchedulerToWorker::Compute(compute))
    }

    fn freed(&mut self, n: u64) -> Vec<Effect> {
        self.hears(SchedulerToWorker::Free { key: key(n), run: run(n) })
    }

    fn told_holders(&mut self, n: u64, workers: &[u32]) -> Vec<Effect> {
        let workers = workers.iter().map(|&id| WorkerId(id)).collect();
        self.hears(SchedulerToWorker::Holders { key: key(n), run: run(n), workers })
    }

    fn finishes(&mut self, n: u64) -> Vec<Effect> {
        self.event(Event::Executed { run: run(n), outcome: value() })
    }

    fn gathered(&mut self, peer: u32, outcome: GatherOutcome) -> Vec<Effect> {
        self.event(Event::Gathered { peer: WorkerId(peer), outcome })
    }

    /// Jumps to the next deadline, which must be `after` from now and for `timer`.
    fn waits(&mut self, after: Duration, timer: Timer) -> Vec<Effect> {
        assert_eq!(self.worker.next_deadline(), Some((self.now + after, timer)));
        self.now = self.now + after;
        self.event(Event::Tick)
    }

    fn values(&self) -> Vec<u64> {
        self.worker.values().map(|(item, _)| item.run.counter).collect()
    }
}

fn key(n: u64) -> Key {
    Key::hashed(u128::from(n))
}

fn run(n: u64) -> RunId {
    RunId { epoch: 1, counter: n }
}

fn item(n: u64) -> Item {
    Item { key: key(n), run: run(n) }
}

fn address(peer: u32) -> Arc<str> {
    Arc::from(format!("tcp://peer-{peer}"))
}

fn spec(id: SpecId) -> Arc<TaskSpec> {
    let runtime = if id == RECEIVE { Runtime::Receive } else { Runtime::Native };
    Arc::new(TaskSpec {
        function: Function { runtime, ..Function::default() },
        ..TaskSpec::default()
    })
}

fn blob(n: u64) -> Blob {
    Blob::from(&n.to_le_bytes()[..])
}

/// Run `n` of an ordinary task: earlier runs go first.
fn compute(n: u64, inputs: impl IntoIterator<Item = Input>) -> Compute {
    Compute {
        key: key(n),
        run: run(n),
        spec: NATIVE,
        priority: Priority { submission: n, ..Priority::default() },
        announce: false,
        attempt: 1,
        inputs: inputs.into_iter().collect(),
        args: blob(n),
    }
}

fn announced(n: u64) -> Compute {
    Compute { announce: true, ..compute(n, []) }
}

fn scattered(n: u64) -> Compute {
    Compute { spec: RECEIVE, ..compute(n, []) }
}

/// The value of run `n`, of 100 bytes, held by these peers.
fn held(n: u64, holders: &[u32]) -> Input {
    sized(n, 100, holders)
}

fn sized(n: u64, nbytes: u64, holders: &[u32]) -> Input {
    let holders = holders.iter().map(|&id| WorkerId(id)).collect();
    Input { key: key(n), run: run(n), nbytes, holders }
}

/// The value that run `n` will make here.
fn local(n: u64) -> Input {
    held(n, &[])
}

fn value() -> Outcome {
    Outcome::Finished { nbytes: 8, duration: 5, value: None }
}

fn failure() -> Arc<Failure> {
    Arc::new(Failure::TimedOut)
}

fn failed() -> Outcome {
    Outcome::Failed { blame: None, failure: failure() }
}

fn got(found: &[u64], missing: &[u64]) -> GatherOutcome {
    GatherOutcome::Got {
        found: found.iter().map(|&n| (run(n), 100)).collect(),
        missing: missing.iter().map(|&n| run(n)).collect(),
    }
}

fn executes(n: u64, inputs: &[u64]) -> Effect {
    let inputs: SmallVec<[RunId; 1]> = inputs.iter().map(|&n| run(n)).collect();
    let (attempt, spec) = (1, spec(NATIVE));
    Effect::Execute(Execute { key: key(n), run: run(n), attempt, spec, inputs, args: blob(n) })
}

fn says_finished(n: u64) -> Effect {
    let (nbytes, duration, value) = (8, 5, None);
    says(WorkerMessage::Finished { key: key(n), run: run(n), nbytes, duration, value })
}

fn says_failed(n: u64) -> Effect {
    says(WorkerMessage::Failed { key: key(n), run: run(n), blame: None, failure: failure() })
}

fn says_started(n: u64) -> Effect {
    says(WorkerMessage::Started { key: key(n), run: run(n) })
}

fn says_fetched(n: u64) -> Effect {
    says(WorkerMessage::Fetched { key: key(n), run: run(n) })
}

fn asks_where(n: u64) -> Effect {
    says(WorkerMessage::Locate { key: key(n), run: run(n) })
}

fn says(message: WorkerMessage) -> Effect {
    Effect::ToScheduler(message)
}

/// Values of 100 bytes each.
fn gathers(peer: u32, data: &[u64]) -> Effect {
    gathers_bytes(peer, data, 100 * data.len() as u64)
}

fn gathers_bytes(peer: u32, data: &[u64], nbytes: u64) -> Effect {
    let items = data.iter().map(|&n| item(n)).collect();
    Effect::Gather { peer: WorkerId(peer), address: address(peer), items, nbytes }
}

fn flushes(n: u64) -> Effect {
    Effect::Flush { run: run(n) }
}

fn forgets(n: u64) -> Effect {
    Effect::Forget { run: run(n) }
}

fn resumes(n: u64) -> Effect {
    Effect::Resume { run: run(n) }
}

fn stops(n: u64) -> Effect {
    Effect::Stop { run: run(n) }
}

fn small() -> Option<SmallValue> {
    Some(SmallValue { bytes: blob(7), ..SmallValue::default() })
}
