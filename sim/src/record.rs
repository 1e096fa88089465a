//! What happened, in order: kept only when somebody wants to read it, and drawn as a sequence
//! diagram.
//!
//! It must not know what is judged; keeping records changes nothing that happens.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use raddle_core::client::Event as ClientEvent;
use raddle_core::scheduler::Event as SchedulerEvent;
use raddle_core::time::Instant;
use raddle_core::worker::Event as WorkerEvent;

use crate::session::{Side, Wire};
use crate::world::{Delivery, Node, World};

/// Records at either end of a long run that a diagram shows.
const SHOWN: usize = 150;

/// Columns that a diagram may have; with more nodes they are named instead.
const COLUMNS: usize = 16;

/// Characters of a text that a diagram shows.
const TEXT: usize = 110;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number in the run, from 1.
    pub number: u64,
    /// When.
    pub at: Instant,
    /// Whose doing it is.
    pub from: Node,
    /// Where it happens.
    pub to: Node,
    /// What.
    pub text: String,
}

/// The records of a run: all, or those at its ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    /// About how many are kept.
    pub(crate) keeps: usize,
    pub(crate) records: Vec<Record>,
}

impl Recorder {
    fn put(&mut self, record: Record) {
        if self.records.len() / 2 >= self.keeps {
            // Out of the middle, in one go, so that each costs little.
            self.records.drain(self.keeps / 2..self.keeps / 2 + self.keeps);
        }
        self.records.push(record);
    }
}

impl World {
    /// Notes what is about to happen, if somebody wants to read it.
    pub(crate) fn record(&mut self, delivery: &Delivery) {
        if self.recorder.keeps == 0 && !self.settings.mode.log {
            return;
        }
        let (from, to, text) = self.describe(delivery);
        let record = Record { number: self.report.events, at: self.now, from, to, text };
        if self.settings.mode.log {
            eprintln!("{record}");
        }
        if self.recorder.keeps > 0 {
            self.recorder.put(record);
        }
    }

    fn describe(&self, delivery: &Delivery) -> (Node, Node, String) {
        let scheduler = Node::Scheduler;
        let at = |node: Node, text: String| (node, node, text);
        match delivery {
            Delivery::BodyEnds(worker, run, ended) => {
                at(Node::Worker(*worker), format!("the body of {run} ends: {ended:?}"))
            }
            Delivery::Broken(node, side, _) => {
                let who = match side {
                    Side::Peer => *node,
                    Side::Scheduler => scheduler,
                };
                at(who, format!("notices that {node} is cut off"))
            }
            Delivery::Client(client, ClientEvent::FromScheduler(message)) => {
                (scheduler, Node::Client(*client), format!("{message:?}"))
            }
            Delivery::Client(client, event) => at(Node::Client(*client), format!("{event:?}")),
            Delivery::Depart(worker) => {
                at(Node::Worker(*worker), "what it has said leaves".to_owned())
            }
            Delivery::Dial(node) => at(*node, "dials".to_owned()),
            Delivery::Die(worker) => at(Node::Worker(*worker), "dies of its task".to_owned()),
            Delivery::Disk(worker, job) => {
                at(Node::Worker(*worker), format!("its disk has done job {job}"))
            }
            Delivery::Ended(node, _) => (*node, scheduler, "its session cannot go on".to_owned()),
            Delivery::Heal => at(scheduler, "no more faults".to_owned()),
            Delivery::Join(nthreads) => at(scheduler, format!("worker comes: {nthreads} threads")),
            Delivery::Reply(id, reply) => {
                let ends = self.requests.get(id).map_or((scheduler, scheduler), |request| {
                    (Node::Worker(request.holder), request.asker.node())
                });
                (ends.0, ends.1, format!("{reply:?} to {id:?}"))
            }
            Delivery::Resume(worker) => at(Node::Worker(*worker), "may go on".to_owned()),
            Delivery::Scheduler(event) => self.describe_scheduler_event(event),
            Delivery::Step(n) => {
                let op = &self.plan().ops[*n].op;
                at(op.client().map_or(scheduler, Node::Client), format!("PLAN {op}"))
            }
            Delivery::Wire(node, side, _, wire) => {
                let ends = match side {
                    Side::Peer => (scheduler, *node),
                    Side::Scheduler => (*node, scheduler),
                };
                let text = match wire {
                    Wire::First(_) => "hello, for the first time".to_owned(),
                    Wire::Frame(number, _, Some(inside)) => {
                        format!("#{number} {}", self.describe(inside).2)
                    }
                    Wire::Frame(_, heard, None) => format!("heard #{heard}"),
                    Wire::Hello(_) | Wire::Refused | Wire::Welcome(_) => format!("{wire:?}"),
                };
                (ends.0, ends.1, text)
            }
            Delivery::Worker(worker, WorkerEvent::FromScheduler(message)) => {
                (scheduler, Node::Worker(*worker), format!("{message:?}"))
            }
            Delivery::Worker(worker, event) => {
                let to = Node::Worker(*worker);
                let from = match event {
                    WorkerEvent::Asked { request, .. } | WorkerEvent::Received { request, .. } => {
                        self.requests.get(request).map_or(to, |request| request.asker.node())
                    }
                    WorkerEvent::Blocked { .. }
                    | WorkerEvent::Disconnected
                    | WorkerEvent::Executed { .. }
                    | WorkerEvent::Flushed { .. }
                    | WorkerEvent::FromRun { .. }
                    | WorkerEvent::FromScheduler(_)
                    | WorkerEvent::Gathered { .. }
                    | WorkerEvent::Noted { .. }
                    | WorkerEvent::Served { .. }
                    | WorkerEvent::Tick
                    | WorkerEvent::Unblocked { .. } => to,
                };
                (from, to, format!("{event:?}"))
            }
        }
    }

    fn describe_scheduler_event(&self, event: &SchedulerEvent) -> (Node, Node, String) {
        let (connection, text) = match event {
            SchedulerEvent::FromClient { connection, message } => {
                (Some(connection), format!("{message:?}"))
            }
            SchedulerEvent::FromWorker { connection, message } => {
                (Some(connection), format!("{message:?}"))
            }
            SchedulerEvent::ClientConnected { connection, .. }
            | SchedulerEvent::ClientDisconnected { connection }
            | SchedulerEvent::ClientResumed { connection, .. }
            | SchedulerEvent::SessionEnded { connection, .. }
            | SchedulerEvent::WorkerConnected { connection, .. }
            | SchedulerEvent::WorkerResumed { connection, .. }
            | SchedulerEvent::WorkerDisconnected { connection, .. } => {
                (Some(connection), format!("{event:?}"))
            }
            SchedulerEvent::Tick | SchedulerEvent::WorkerLost { .. } => {
                (None, format!("{event:?}"))
            }
        };
        let from = connection.and_then(|&connection| self.behind(connection));
        (from.unwrap_or(Node::Scheduler), Node::Scheduler, text)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, at, from, to, text } = self;
        write!(f, "{number:>6} {:>12} µs ", micros(*at))?;
        if from == to { write!(f, "{to}: {text}") } else { write!(f, "{from} → {to}: {text}") }
    }
}

fn micros(at: Instant) -> String {
    let nanos = at.as_nanos();
    format!("{}.{:03}", nanos / 1_000, nanos % 1_000)
}

/// The records as a sequence diagram in text: a column a node, a line a record, long runs cut in the
/// middle.
#[must_use]
pub fn diagram(records: &[Record]) -> String {
    let nodes: BTreeSet<Node> =
        records.iter().flat_map(|record| [record.from, record.to]).collect();
    let nodes: Vec<Node> = nodes.into_iter().collect();
    let lanes = nodes.len() <= COLUMNS;
    let mut text = format!("{:>6} {:>14}  ", "event", "µs");
    if lanes {
        nodes.iter().for_each(|node| text.push_str(&format!("{node:<5}")));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    let mut last = 0;
    for (n, record) in records.iter().enumerate() {
        if n >= SHOWN && n + SHOWN < records.len() {
            continue;
        }
        if record.number > last + 1 {
            let _ = writeln!(text, "{:>6}", "…");
        }
        last = record.number;
        let line = if lanes { lane_line(record, &nodes) } else { named_line(record) };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn lane_line(record: &Record, nodes: &[Node]) -> String {
    let column = |node: Node| nodes.iter().position(|other| *other == node).unwrap_or(0) * 5;
    let (from, to) = (column(record.from), column(record.to));
    let mut lane: Vec<char> = vec![' '; nodes.len() * 5];
    (0..nodes.len()).for_each(|n| lane[n * 5] = '|');
    match from.cmp(&to) {
        std::cmp::Ordering::Less => {
            lane[from + 1..to].fill('-');
            lane[to - 1] = '>';
        }
        std::cmp::Ordering::Equal => lane[to] = '*',
        std::cmp::Ordering::Greater => {
            lane[to + 1..from].fill('-');
            lane[to + 1] = '<';
        }
    }
    let lane: String = lane.into_iter().collect();
    let Record { number, at, text, .. } = record;
    format!("{number:>6} {:>14}  {lane} {}", micros(*at), short(text))
}

fn named_line(record: &Record) -> String {
    let Record { number, at, from, to, text } = record;
    format!("{number:>6} {:>14}  {from:>4} → {to:<4} {}", micros(*at), short(text))
}

/// On one line that can be read; the names of runs as elsewhere.
fn short(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = with_names_of_runs(&text);
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn with_names_of_runs(text: &str) -> String {
    let mut parts = text.split("RunId { epoch: ");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" }").unwrap_or((part, ""));
        short.push_str(&name.replace(", counter: ", "."));
        short.push_str(rest);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64, from: Node, to: Node) -> Record {
        let at = Instant::from_nanos(number * 1_500);
        Record { number, at, from, to, text: format!("text {number}\n  more") }
    }

    #[test]
    fn a_diagram_has_a_column_a_node_and_a_line_a_record() {
        let (client, scheduler, worker) = (Node::Client(0), Node::Scheduler, Node::Worker(1));
        let records = [
            record(1, client, scheduler),
            record(2, scheduler, worker),
            record(3, worker, worker),
            record(7, worker, client),
        ];
        let expected = [
            " event             µs  c0   s    w1",
            "     1          1.500  |--->|    |     text 1 more",
            "     2          3.000  |    |--->|     text 2 more",
            "     3          4.500  |    |    *     text 3 more",
            "     …",
            "     7         10.500  |<--------|     text 7 more",
            "",
        ];
        assert_eq!(diagram(&records), expected.join("\n"));
    }

    #[test]
    fn runs_have_short_names() {
        let text = "Free { key: 1-1, run: RunId { epoch: 1, counter: 2 } }";
        assert_eq!(short(text), "Free { key: 1-1, run: 1.2 }");
        assert_eq!(short(&"long ".repeat(100)).chars().count(), TEXT + 1);
    }

    #[test]
    fn a_recorder_that_keeps_few_keeps_both_ends() {
        let mut recorder = Recorder { keeps: 4, records: Vec::new() };
        (1..=100).for_each(|n| recorder.put(record(n, Node::Scheduler, Node::Scheduler)));
        let numbers: Vec<u64> = recorder.records.iter().map(|record| record.number).collect();
        assert_eq!(numbers[..2], [1, 2]);
        assert_eq!(numbers.last(), Some(&100));
        assert!(numbers.len() <= 9 && numbers.contains(&98), "{numbers:?}");
    }
}
