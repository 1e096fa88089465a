//! A simulation of one's own: the scheduler that is deployed, in a loop with a clock and workers that
//! exist on paper only. Whoever embeds the core tries their own workloads, policies and faults so.

use std::collections::BTreeMap;

use raddle_core::random::{below, hash};
use raddle_core::scheduler::{Config, ConnectionId, Effect, Event, Scheduler};
use raddle_core::time::{Duration, Instant};
use raddle_net::messages::{self as say, SchedulerToWorker as To};
use raddle_net::names::{Key, Session, SpecId};

const TASKS: u64 = 1000;

/// Ten workers say hello, and a client submits a binary tree: task `n` needs the value of `n / 2`.
fn beginning() -> Vec<Event> {
    let mut events = Vec::new();
    for number in 1..=10 {
        let (connection, session) = (ConnectionId(number), Session::truncate(number));
        let (name, functions) = (format!("w{number}"), vec![Default::default()]);
        let hello = say::Registration { name, nthreads: 1, functions, ..Default::default() };
        events.push(Event::WorkerConnected { connection, session });
        let message = say::WorkerMessage::Register(hello);
        events.push(Event::FromWorker { connection, message });
    }
    let (connection, session, name) = (ConnectionId(0), Session::truncate(0), "tree".to_owned());
    let key = |n| Key::numbered(session, n);
    let task = |n| {
        let dependencies = (n > 1).then(|| key(n / 2)).into_iter().collect();
        say::NewTask { key: key(n), dependencies, ..Default::default() }
    };
    let define = say::ClientMessage::Define { id: SpecId(0), spec: Default::default() };
    let tasks = (1..=TASKS).map(task).collect();
    let submit = say::ClientMessage::Submit { submission: 0, tasks };
    events.push(Event::ClientConnected { connection, session, name });
    events.extend([define, submit].map(|message| Event::FromClient { connection, message }));
    events
}

/// Runs the tree to its end.
pub fn main() {
    let mut scheduler = Scheduler::new(Config { track_touched: true, ..Config::default() });
    // What is going to happen: by time, and at one time in the order in which it was planned.
    let begin = beginning().into_iter().enumerate();
    let mut plan: BTreeMap<_, _> = begin.map(|(n, event)| ((Instant::ZERO, n), event)).collect();
    let (mut planned, mut free_at, mut done) = (plan.len(), BTreeMap::new(), 0);
    while let Some(((now, _), event)) = plan.pop_first() {
        let mut effects = Vec::new();
        scheduler.handle(now, event, &mut effects);
        scheduler.check_touched().expect("every invariant holds after every event");
        for effect in effects {
            if let Effect::ToWorker { connection, message: To::Compute(task) } = effect {
                // A body takes up to a millisecond, and a worker runs one at a time.
                let duration = below(hash(7, 0, task.run.counter, 0), 1_000_000);
                let at = now.max(*free_at.get(&connection).unwrap_or(&now));
                let at = at + Duration::from_nanos(duration);
                let (key, run, nbytes, value) = (task.key, task.run, 8, None);
                let message = say::WorkerMessage::Finished { key, run, nbytes, duration, value };
                planned += 1;
                free_at.insert(connection, at);
                plan.insert((at, planned), Event::FromWorker { connection, message });
            } else if let Effect::ToClient { message, .. } = effect {
                done += u64::from(matches!(message, say::SchedulerToClient::InMemory { .. }));
            }
        }
    }
    assert_eq!(done, TASKS, "every value is made");
}
