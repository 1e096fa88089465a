//! A simulation of one's own: the scheduler that is deployed, in a loop with a clock and workers that
//! exist on paper only. Whoever embeds the core tries their own workloads, policies and faults so.

use std::collections::BTreeMap;

use raddle_core::random;
use raddle_core::scheduler::{Config, ConnectionId, Effect, Event, Scheduler};
use raddle_core::time::{Duration, Instant};
use raddle_net::messages::{
    ClientMessage, NewTask, Registration, SchedulerToClient, SchedulerToWorker, TaskSpec,
    WorkerMessage,
};
use raddle_net::names::{Key, Session, SpecId};

const CLIENT: ConnectionId = ConnectionId(0);
const TASKS: u64 = 1000;
const WORKERS: u64 = 10;

/// What is going to happen: by time, and at one time in the order in which it was planned.
type Plans = BTreeMap<(Instant, usize), Event>;

fn key(number: u64) -> Key {
    Key::numbered(Session::truncate(CLIENT.0), number)
}

/// Everybody says hello, and the client submits a binary tree: task `n` needs the value of `n / 2`.
fn beginning() -> Vec<Event> {
    let (connection, spec) = (CLIENT, TaskSpec::default());
    let session = Session::truncate(connection.0);
    let mut events = vec![Event::ClientConnected { connection, session, name: "tree".to_owned() }];
    for connection in (1..=WORKERS).map(ConnectionId) {
        let (name, nthreads) = (format!("w{}", connection.0), 1);
        let functions = vec![Default::default()];
        let registration = Registration {
            address: name.clone(),
            name,
            nthreads,
            functions,
            ..Registration::default()
        };
        let message = WorkerMessage::Register(registration);
        let session = Session::truncate(connection.0);
        events.push(Event::WorkerConnected { connection, session });
        events.push(Event::FromWorker { connection, message });
    }
    let task = |n| NewTask {
        key: key(n),
        dependencies: (n > 1).then(|| key(n / 2)).into_iter().collect(),
        ..NewTask::default()
    };
    let tasks = (1..=TASKS).map(task).collect();
    for message in [
        ClientMessage::Define { id: SpecId(0), spec },
        ClientMessage::Submit { submission: 0, tasks },
    ] {
        events.push(Event::FromClient { connection, message });
    }
    events
}

/// Runs the tree to its end.
pub fn main() {
    let mut scheduler = Scheduler::new(Config { track_touched: true, ..Config::default() });
    let begin = |(i, event)| ((Instant::ZERO, i), event);
    let mut plans: Plans = beginning().into_iter().enumerate().map(begin).collect();
    let mut busy_until: BTreeMap<ConnectionId, Instant> = BTreeMap::new();
    let (mut planned, mut done, mut effects) = (plans.len(), 0, Vec::new());
    while let Some(((now, _), event)) = plans.pop_first() {
        scheduler.handle(now, event, &mut effects);
        scheduler.check_touched().expect("every invariant holds after every event");
        for effect in effects.drain(..) {
            if let Effect::ToWorker { connection, message: SchedulerToWorker::Compute(run) } =
                effect
            {
                // A body takes up to a millisecond, and a worker runs one at a time.
                let duration = random::below(random::hash(7, 0, run.run.counter, 0), 1_000_000);
                let (key, run, nbytes, value) = (run.key, run.run, 8, None);
                let free = busy_until.entry(connection).or_default();
                *free = now.max(*free) + Duration::from_nanos(duration);
                let message = WorkerMessage::Finished { key, run, nbytes, duration, value };
                planned += 1;
                plans.insert((*free, planned), Event::FromWorker { connection, message });
            } else if let Effect::ToClient { message: SchedulerToClient::InMemory { .. }, .. } =
                effect
            {
                done += 1;
            }
        }
    }
    assert_eq!(done, TASKS, "{}", scheduler.explain(key(1)));
    scheduler.check().expect("every invariant holds in the end");
}
