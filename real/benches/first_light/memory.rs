//! What a queued task costs the scheduler: the machine itself, with a million tasks, in a process of
//! its own; measured is that process' resident memory before and after.

use std::process::Command;

use raddle_core::scheduler::{Config, ConnectionId, Event, Kind, Scheduler};
use raddle_core::time::Instant;
use raddle_net::messages::{
    ClientMessage, Function, FunctionName, NewTask, Registration, TaskOptions, TaskSpec,
    WorkerMessage,
};
use raddle_net::names::{Key, Session, SpecId};
use raddle_net::payload::Blob;

/// Tasks that are queued, except the few that the worker gets at once.
const TASKS: u64 = 1_000_000;
/// Tasks of one message.
const BATCH: u64 = 1_000;
/// The argument that makes this program measure memory, and nothing else.
const ASKED: &str = "--bytes-per-queued-task";
/// Bytes of a page of memory.
const PAGE: u64 = 4096;

/// Whether this process was started to measure memory.
pub(crate) fn is_asked() -> bool {
    std::env::args().any(|argument| argument == ASKED)
}

/// Has a process measure [`bytes_per_queued_task`]. NaN if it cannot.
pub(crate) fn measure() -> f64 {
    let program = std::env::current_exe().ok();
    let output = program.and_then(|program| Command::new(program).arg(ASKED).output().ok());
    let text = output.and_then(|output| String::from_utf8(output.stdout).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(f64::NAN)
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
