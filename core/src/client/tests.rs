//! What a client does, event by event, with everything that comes out.

mod fetch;
mod random;
mod send;
mod settle;
mod submit;

use std::sync::Arc;

use raddle_net::messages::{
    ClientMessage, Failure, Function, NewTask, SchedulerToClient, TaskSpec,
};
use raddle_net::names::{Key, RunId, Session, SpecId, WorkerId};
use raddle_net::payload::{Blob, SmallValue};
use smallvec::SmallVec;

use super::*;

/// A client under test: every event is followed by a check.
struct Bench {
    client: Client,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            client: Client::new(Config { track_touched: true, ..Config::default() }),
            now: Instant::ZERO,
        }
    }

    /// What one event leads to.
    fn on(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        self.client.handle(self.now, event, &mut out);
        assert_eq!(self.client.check_touched(), Ok(()));
        assert_eq!(self.client.check(), Ok(()));
        out
    }

    /// What a message of the scheduler leads to.
    fn hear(&mut self, message: SchedulerToClient) -> Vec<Effect> {
        self.on(Event::FromScheduler(message))
    }

    /// The messages of a flush, of which the driver must do nothing else.
    fn flush(&mut self) -> Vec<ClientMessage> {
        let message = |effect| match effect {
            Effect::ToScheduler(message) => message,
            other @ (Effect::Answer { .. }
            | Effect::Close { .. }
            | Effect::Fetch { .. }
            | Effect::Send { .. }
            | Effect::Settled { .. }
            | Effect::Unsettled { .. }) => panic!("{other:?} is not a message"),
        };
        self.on(Event::Flush).into_iter().map(message).collect()
    }

    /// What happens when the next deadline has come, and how many milliseconds that takes.
    fn tick(&mut self) -> (u128, Timer, Vec<Effect>) {
        let (until, timer) = self.client.next_deadline().expect("a deadline");
        let waited = until - self.now;
        self.now = until;
        (waited.as_millis(), timer, self.on(Event::Tick))
    }

    /// A bench where `keys` are submitted and told to the scheduler, and worker 1 and 2 are known.
    fn with(keys: &[u64]) -> Self {
        let mut bench = Self::new();
        for &number in keys {
            assert_eq!(bench.on(submit(&[task(number, &[])])), []);
        }
        bench.flush();
        for id in [1, 2] {
            assert_eq!(bench.hear(peer(id)), []);
        }
        bench
    }
}

fn key(number: u64) -> Key {
    Key::numbered(Session::truncate(5), number)
}

fn run(counter: u64) -> RunId {
    RunId { epoch: 1, counter }
}

fn spec(name: &str) -> TaskSpec {
    let function = Function { name: name.to_owned(), ..Function::default() };
    TaskSpec { function, ..TaskSpec::default() }
}

fn task(number: u64, dependencies: &[u64]) -> Task {
    Task {
        key: key(number),
        spec: Arc::new(spec("f")),
        priority: 0,
        dependencies: dependencies.iter().copied().map(key).collect(),
        args: Blob::new(),
    }
}

fn submit(tasks: &[Task]) -> Event {
    Event::Submit { tasks: tasks.to_vec() }
}

fn release(number: u64) -> Event {
    Event::Release { key: key(number) }
}

fn peer(id: u32) -> SchedulerToClient {
    SchedulerToClient::Peer { id: WorkerId(id), address: format!("tcp://w{id}") }
}

fn in_memory(number: u64, counter: u64, worker: u32) -> SchedulerToClient {
    let (key, run, worker) = (key(number), run(counter), WorkerId(worker));
    SchedulerToClient::InMemory { key, run, nbytes: 8, worker, value: None }
}

fn inline(number: u64, counter: u64, worker: u32) -> SchedulerToClient {
    let (key, run, worker) = (key(number), run(counter), WorkerId(worker));
    SchedulerToClient::InMemory { key, run, nbytes: 8, worker, value: Some(small()) }
}

fn small() -> SmallValue {
    SmallValue { bytes: Blob::from(&b"value"[..]), ..SmallValue::default() }
}

fn failure(reason: &str) -> Arc<Failure> {
    Arc::new(Failure::Lost { reason: reason.to_owned() })
}

fn erred(number: u64, blame: u64, reason: &str) -> SchedulerToClient {
    let (key, blame) = (key(number), key(blame));
    SchedulerToClient::Erred { key, blame, failure: failure(reason) }
}

fn settled_erred(number: u64, blame: u64, failure: &Arc<Failure>) -> Effect {
    let settled = Settled::Erred { blame: key(blame), failure: Arc::clone(failure) };
    Effect::Settled { key: key(number), settled }
}

fn settled(number: u64, counter: u64, value: Option<SmallValue>) -> Effect {
    let settled = Settled::InMemory { run: run(counter), nbytes: 8, value };
    Effect::Settled { key: key(number), settled }
}

fn fetch(number: u64, counter: u64, worker: u32) -> Effect {
    Effect::Fetch {
        key: key(number),
        run: run(counter),
        nbytes: 8,
        worker: WorkerId(worker),
        address: Arc::from(format!("tcp://w{worker}")),
        route: Route::Direct,
    }
}

/// The same transfer through the scheduler.
fn relayed(mut effect: Effect) -> Effect {
    if let Effect::Fetch { route, .. } | Effect::Send { route, .. } = &mut effect {
        *route = Route::Relayed;
    }
    effect
}

fn define(id: u32, spec: TaskSpec) -> ClientMessage {
    ClientMessage::Define { id: SpecId(id), spec }
}

fn new_task(number: u64, order: u32, dependencies: &[u64]) -> NewTask {
    let dependencies: SmallVec<_> = dependencies.iter().copied().map(key).collect();
    NewTask { key: key(number), order, dependencies, ..NewTask::default() }
}

fn submission(submission: u64, tasks: Vec<NewTask>) -> ClientMessage {
    ClientMessage::Submit { submission, tasks }
}

fn releases(numbers: &[u64]) -> ClientMessage {
    ClientMessage::Release { keys: numbers.iter().copied().map(key).collect(), answer: false }
}
