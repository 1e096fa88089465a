//! The matrices of state × event of the scheduler and of workers: which cells runs have visited.
//!
//! It must not know what follows in a cell: that is what the machines say of themselves.

use raddle_core::matrix::Class;
use raddle_core::scheduler::{Cell as SchedulerCell, Event as SchedulerEvent};
use raddle_core::worker::{Cell as WorkerCell, Event as WorkerEvent};

use crate::failure::Failure;
use crate::world::World;

/// What no run of the simulation does, and why: the machine, the cells whose names end or begin like
/// this, and the reason. The random plays of `core`, whose drivers break their promises, visit them.
const UNVISITED: &[(&str, &str, &str)] = &[
    ("scheduler", "memory × Finished(copied)", "a run that made a value says so once"),
    ("scheduler", "memory × Locate(held)", "a worker does not ask for what it holds"),
    ("worker", "receiving × Recall", "the scheduler does not ask back what a client sends"),
    ("worker", "× Flushed", "the driver says so of the run that it was asked to announce, once"),
    ("worker", "× Blocked", "a body that runs starts to wait, and is not told that it waits"),
    ("worker", "× Unblocked", "a body that waits goes on, once, and waits for a slot then"),
    ("worker", "× Executed(failed)", "a body that waits has not ended"),
    ("worker", "× Executed(finished)", "a body that waits has not ended"),
    ("worker", "closing × ", "the scheduler breaks no protocol"),
    ("worker", "newcomer × ", "the scheduler registers a worker before it says anything else"),
];

/// Why the simulation never visits this cell, if it never does.
#[must_use]
pub fn why_unvisited(machine: &str, cell: &str) -> Option<&'static str> {
    let named = UNVISITED.iter().find(|(of, name, _)| {
        *of == machine
            && if name.ends_with(' ') { cell.starts_with(name) } else { cell.ends_with(name) }
    });
    named.map(|(_, _, why)| *why)
}

/// How often each cell was visited; nothing if nobody asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visits {
    scheduler: Vec<u64>,
    worker: Vec<u64>,
}

impl Visits {
    /// Cells in which something can happen: the machine, the cell, its class, and how often it was
    /// visited.
    pub fn of_possible(&self) -> impl Iterator<Item = (&'static str, String, Class, u64)> + '_ {
        let visits = |of: &[u64], n: usize| of.get(n).copied().unwrap_or(0);
        let scheduler = SchedulerCell::all().map(move |cell| {
            let n = visits(&self.scheduler, cell.index());
            ("scheduler", cell.to_string(), cell.class(), n)
        });
        let worker = WorkerCell::all().map(move |cell| {
            ("worker", cell.to_string(), cell.class(), visits(&self.worker, cell.index()))
        });
        scheduler
            .chain(worker)
            .filter(|(_, _, class, _)| !matches!(class, Class::Breach | Class::Impossible(_)))
    }

    /// Adds what another run has visited.
    pub(crate) fn add(&mut self, other: &Self) {
        add(&mut self.scheduler, &other.scheduler);
        add(&mut self.worker, &other.worker);
    }

    /// Every cell and whether it was visited.
    pub(crate) fn cells(&self) -> impl Iterator<Item = bool> + '_ {
        self.scheduler.iter().chain(&self.worker).map(|visits| *visits > 0)
    }
}

fn add(ours: &mut Vec<u64>, theirs: &[u64]) {
    ours.resize(ours.len().max(theirs.len()), 0);
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours += theirs;
    }
}

/// Counts a visit; says what is wrong about it, if something is.
fn visit(visits: &mut Vec<u64>, index: usize, count: usize, class: Class) -> Option<String> {
    visits.resize(count, 0);
    visits[index] += 1;
    match class {
        Class::Breach => Some("an honest peer breaks the protocol".to_owned()),
        Class::Impossible(why) => Some(format!("it cannot be: {why}")),
        Class::Handled | Class::Ignored | Class::Refused => None,
    }
}

impl World {
    /// The scheduler is about to handle this.
    pub(crate) fn visit_scheduler(&mut self, event: &SchedulerEvent) {
        if !self.settings.mode.cells {
            return;
        }
        let (visits, mut wrong) = (&mut self.report.coverage.visits.scheduler, None);
        self.scheduler.machine.cells(self.now, event, &mut |cell| {
            let why = visit(visits, cell.index(), SchedulerCell::COUNT, cell.class());
            wrong = wrong.take().or_else(|| why.map(|why| format!("scheduler, {cell}: {why}")));
        });
        self.judge_visit(wrong);
    }

    /// A worker is about to handle this.
    pub(crate) fn visit_worker(&mut self, worker: u32, event: &WorkerEvent) {
        if !self.settings.mode.cells {
            return;
        }
        let Some(node) = self.workers.get(&worker) else { return };
        let (visits, mut wrong) = (&mut self.report.coverage.visits.worker, None);
        node.machine.cells(self.now, event, &mut |cell| {
            let why = visit(visits, cell.index(), WorkerCell::COUNT, cell.class());
            wrong = wrong.take().or_else(|| why.map(|why| format!("worker, {cell}: {why}")));
        });
        self.judge_visit(wrong);
    }

    /// With a planted bug nobody is honest, and another property finds it.
    fn judge_visit(&mut self, wrong: Option<String>) {
        if let Some(wrong) = wrong.filter(|_| self.settings.plant.is_none()) {
            self.fail(Failure::Protocol(wrong));
        }
    }
}
