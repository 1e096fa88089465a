//! The scheduler's machine alone, without sockets or threads: a million tasks of three random inputs
//! on eight workers that answer at once.
//!
//! It must not know sockets.

use std::time::Instant;

use raddle_core::scheduler::{Config, ConnectionId, Effect, Event, Scheduler};
use raddle_net::messages::{
    ClientMessage, FunctionName, NewTask, Registration, SchedulerToClient, SchedulerToWorker,
    TaskSpec, WorkerMessage,
};
use raddle_net::names::{Key, Session, SpecId};
use raddle_net::payload::{Blob, SmallValue};

use crate::arrays;
use crate::bench::Bench;
use crate::report::Figure;

const ALONE: Figure = Figure::at_least(
    "the scheduler's machine alone, 1,000,000 tasks of 3 random inputs; tasks/s",
    3_000_000.0,
);

const CLIENT: ConnectionId = ConnectionId(0);
const WORKERS: u64 = 8;
/// Tasks of one message.
const BATCH: u64 = 1_000;

pub(crate) fn measure(bench: &mut Bench) {
    let tasks = bench.tasks(1_000_000);
    bench.report.ours(ALONE, alone(tasks));
    bench.report.beside(ALONE, "arrays", arrays::random(tasks as usize));
}

/// Tasks a second. What is said to the machine is made before the clock starts, but for the answers
/// of the workers.
fn alone(tasks: u64) -> f64 {
    let now = raddle_core::time::Instant::ZERO;
    let submissions: Vec<ClientMessage> = (0..tasks / BATCH).map(submission).collect();
    let mut scheduler = Scheduler::new(Config::default());
    let (mut out, mut answers, mut done) = (Vec::new(), Vec::new(), 0);
    for event in beginning() {
        scheduler.handle(now, event, &mut out);
    }
    out.clear();
    let start = Instant::now();
    for message in submissions {
        scheduler.handle(now, Event::FromClient { connection: CLIENT, message }, &mut out);
        done += answer(&mut out, &mut answers);
        while let Some(event) = answers.pop() {
            scheduler.handle(now, event, &mut out);
            done += answer(&mut out, &mut answers);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(done, tasks, "the client has heard of every task");
    tasks as f64 / seconds
}

/// What workers answer to what was said. Returns of how many results the client was told.
fn answer(out: &mut Vec<Effect>, answers: &mut Vec<Event>) -> u64 {
    let mut results = 0;
    for effect in out.drain(..) {
        match effect {
            Effect::ToWorker { connection, message: SchedulerToWorker::Compute(compute) } => {
                let message = WorkerMessage::Finished {
                    key: compute.key,
                    run: compute.run,
                    nbytes: 8,
                    duration: 1_000,
                    value: Some(SmallValue {
                        bytes: Blob::from(&[0; 8][..]),
                        ..SmallValue::default()
                    }),
                };
                answers.push(Event::FromWorker { connection, message });
            }
            Effect::ToClient { message: SchedulerToClient::InMemory { .. }, .. } => results += 1,
            Effect::ToClient { .. }
            | Effect::ToWorker { .. }
            | Effect::Close { .. }
            | Effect::End
            | Effect::Warn { .. } => {}
        }
    }
    results
}

fn beginning() -> Vec<Event> {
    let define = ClientMessage::Define { id: SpecId(0), spec: TaskSpec::default() };
    let session = Session::truncate;
    let mut events = vec![
        Event::ClientConnected { connection: CLIENT, session: session(1), name: String::new() },
        Event::FromClient { connection: CLIENT, message: define },
    ];
    for worker in 1..=WORKERS {
        let connection = ConnectionId(worker);
        events.push(Event::WorkerConnected { connection, session: session(worker) });
        let message = WorkerMessage::Register(Registration {
            name: format!("worker {worker}"),
            address: format!("tcp://127.0.0.1:{worker}"),
            nthreads: 1,
            memory_limit: None,
            functions: vec![FunctionName::default()],
            resources: Vec::new(),
        });
        events.push(Event::FromWorker { connection, message });
    }
    events
}

fn submission(number: u64) -> ClientMessage {
    let session = Session::truncate(1);
    let task = |order: u64| {
        let task = number * BATCH + order;
        let inputs = arrays::inputs(task as usize);
        let mut dependencies: Vec<Key> =
            inputs.iter().map(|input| Key::numbered(session, *input as u64)).collect();
        dependencies.sort_unstable();
        dependencies.dedup();
        if task == 0 {
            dependencies.clear();
        }
        NewTask {
            key: Key::numbered(session, task),
            order: u32::try_from(order).unwrap_or(u32::MAX),
            dependencies: dependencies.into(),
            args: Blob::from(&[0; 8][..]),
            ..NewTask::default()
        }
    };
    ClientMessage::Submit { submission: number, tasks: (0..BATCH).map(task).collect() }
}
