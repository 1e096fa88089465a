//! What a queued task costs the scheduler, and a future that is done the client: the machine itself,
//! with a million of them, in a process of its own; measured is that process' resident memory before
//! and after.

use std::process::Command;
use std::sync::Arc;

use raddle_core::client;
use raddle_core::scheduler::{Config, ConnectionId, Event, Kind, Scheduler};
use raddle_core::time::Instant;
use raddle_net::messages::{
    ClientMessage, Function, FunctionName, NewTask, Registration, SchedulerToClient, TaskOptions,
    TaskSpec, WorkerMessage,
};
use raddle_net::names::{Key, RunId, Session, SpecId, WorkerId};
use raddle_net::payload::{Blob, SmallValue};
use smallvec::SmallVec;

use crate::bench::Bench;
use crate::report::Figure;

/// Tasks that are queued, except the few that the worker gets at once.
const TASKS: u64 = 1_000_000;
/// Tasks of one message.
const BATCH: u64 = 1_000;
/// The arguments that make this program measure memory, and nothing else.
const QUEUED: &str = "--bytes-per-queued-task";
const LIVE: &str = "--bytes-per-live-future";
/// Bytes of a page of memory.
const PAGE: u64 = 4096;

const QUEUED_TASK: Figure =
    Figure::at_most("a task that is queued, of 1,000,000: scheduler; resident bytes", 160.0);
const LIVE_FUTURE: Figure =
    Figure::at_most("a future that is done, of 1,000,000: client; resident bytes", 64.0);

pub(crate) fn measure(bench: &mut Bench) {
    bench.report.ours(QUEUED_TASK, in_a_process(QUEUED));
    bench.report.ours(LIVE_FUTURE, in_a_process(LIVE));
}

/// What this process was started to measure, if it was.
pub(crate) fn asked() -> Option<f64> {
    std::env::args().find_map(|argument| match argument.as_str() {
        QUEUED => Some(bytes_per_queued_task()),
        LIVE => Some(bytes_per_live_future()),
        _ => None,
    })
}

/// NaN if there can be no such process.
fn in_a_process(asked: &str) -> f64 {
    let program = std::env::current_exe().ok();
    let output = program.and_then(|program| Command::new(program).arg(asked).output().ok());
    let text = output.and_then(|output| String::from_utf8(output.stdout).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(f64::NAN)
}

/// Resident bytes a future, with all tables of the machine. The results, and what the driver keeps
/// for a future, are not in them.
fn bytes_per_live_future() -> f64 {
    let spec = Arc::new(TaskSpec::default());
    let before = resident();
    let mut client = client::Client::new(client::Config::default());
    let mut out = Vec::new();
    for batch in 0..TASKS / BATCH {
        let keys =
            (0..BATCH).map(|number| Key::numbered(Session::truncate(1), batch * BATCH + number));
        let task = |key| client::Task {
            key,
            spec: Arc::clone(&spec),
            priority: 0,
            dependencies: SmallVec::new(),
            args: Blob::from(&[0; 8][..]),
        };
        let tasks = keys.clone().map(task).collect();
        let finished = keys.map(|key| SchedulerToClient::InMemory {
            key,
            run: RunId { epoch: 1, counter: 1 },
            nbytes: 8,
            worker: WorkerId(1),
            value: Some(SmallValue { bytes: Blob::from(&[0; 8][..]), ..SmallValue::default() }),
        });
        let finished: Vec<_> = finished.collect();
        client.handle(Instant::ZERO, client::Event::Submit { tasks }, &mut out);
        client.handle(Instant::ZERO, client::Event::Flush, &mut out);
        for message in finished {
            client.handle(Instant::ZERO, client::Event::FromScheduler(message), &mut out);
        }
        out.clear();
    }
    resident().saturating_sub(before) as f64 / TASKS as f64
}

/// Resident bytes a task, with all tables, for tasks with an argument of eight bytes.
pub(crate) fn bytes_per_queued_task() -> f64 {
    let before = resident();
    let mut scheduler = Scheduler::new(Config::default());
    let mut out = Vec::new();
    for event in beginning() {
        scheduler.handle(Instant::ZERO, event, &mut out);
    }
    for submission in 0..TASKS / BATCH {
        let tasks = (0..BATCH).map(|order| task(submission * BATCH + order, order)).collect();
        let message = ClientMessage::Submit { submission, tasks };
        let event = Event::FromClient { connection: CLIENT, message };
        out.clear();
        scheduler.handle(Instant::ZERO, event, &mut out);
    }
    let bytes = resident().saturating_sub(before);
    bytes as f64 / scheduler.count(Kind::Queued) as f64
}

const CLIENT: ConnectionId = ConnectionId(1);
const WORKER: ConnectionId = ConnectionId(2);

/// A client that has defined its spec, and a worker with one thread.
fn beginning() -> [Event; 4] {
    let function = Function { name: "noop".to_owned(), ..Function::default() };
    let spec = TaskSpec { function, options: TaskOptions::default() };
    let registration = Registration {
        name: "worker".to_owned(),
        address: "tcp://127.0.0.1:1".to_owned(),
        nthreads: 1,
        memory_limit: None,
        functions: vec![FunctionName { name: "noop".to_owned(), signature: 0 }],
        resources: Vec::new(),
    };
    let register = WorkerMessage::Register(registration);
    let define = ClientMessage::Define { id: SpecId(0), spec };
    let session = Session::truncate;
    [
        Event::ClientConnected { connection: CLIENT, session: session(1), name: String::new() },
        Event::WorkerConnected { connection: WORKER, session: session(2) },
        Event::FromWorker { connection: WORKER, message: register },
        Event::FromClient { connection: CLIENT, message: define },
    ]
}

fn task(number: u64, order: u64) -> NewTask {
    NewTask {
        key: Key::numbered(Session::truncate(1), number),
        order: u32::try_from(order).unwrap_or(u32::MAX),
        args: Blob::from(&number.to_le_bytes()[..]),
        ..NewTask::default()
    }
}

/// Resident bytes of this process; 0 where there is no `/proc`.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|line| line.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE
}
