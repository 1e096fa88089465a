//! The known pathologies of Dask's scheduler, each as a small plan on the simulated cluster and as
//! what must hold of it. `docs/pathologies.md` is the table of them.
//!
//! Times are virtual and exact, in microseconds from the start of the plan: what is asserted of them
//! is the same on every machine. Beside it every run is judged as any run of the simulation is: all
//! values right, everything wanted settles, no invariant of a machine broken, nothing left over.

mod balance;
mod deaths;
mod fair;
mod overproduction;
mod rebalance;
mod resources;
mod retire;
mod sessions;
mod stuck;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use raddle_core::scheduler::Policy;
use raddle_net::names::{Key, KeyKind, RunId};
use raddle_sim::{Case, Depth, End, Fact, Mode, Plant, Report};

/// A millisecond, in microseconds.
const MS: u64 = 1_000;

/// One execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// The number of the task in its client's session.
    task: u64,
    worker: u32,
    start: u64,
    /// None if its worker died before.
    end: Option<u64>,
}

/// What became of a plan.
#[derive(Debug)]
struct Seen {
    report: Report,
    facts: Vec<(u64, Fact)>,
    /// In the order in which they started.
    runs: Vec<Run>,
}

/// The plan, as it is played unless something else is asked for.
fn case(plan: &str) -> Case {
    let (policy, plant) = (Policy::EarliestStart, None);
    let plan = plan.parse().unwrap_or_else(|error| panic!("{error} in:\n{plan}"));
    Case { story: String::new(), seed: 0, policy, plant, plan }
}

/// Plays a plan; it must pass.
fn play(plan: &str) -> Seen {
    play_case(case(plan))
}

/// Plays a case; it must pass.
fn play_case(case: Case) -> Seen {
    let (result, journal) = case.journal(Mode { depth: Depth::Touched, ..Mode::default() });
    let report = result.unwrap_or_else(|failure| panic!("{failure} in:\n{case}"));
    let facts = journal.facts().iter().map(|(at, fact)| (at.as_nanos() / 1_000, *fact));
    let facts: Vec<(u64, Fact)> = facts.collect();
    Seen { report, runs: runs(&facts), facts }
}

/// Futures of the first client that ended with a value.
fn values(seen: &Seen) -> usize {
    seen.report.history[0].values().filter(|end| matches!(end, End::Value(_))).count()
}

/// Executions by what the facts say of them.
fn runs(facts: &[(u64, Fact)]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut places: BTreeMap<(RunId, u32), usize> = BTreeMap::new();
    for &(at, fact) in facts {
        match fact {
            Fact::Started { key, run, worker } => {
                places.insert((run, worker), runs.len());
                runs.push(Run { task: number(key), worker, start: at, end: None });
            }
            Fact::Ended { run, worker } => runs[places[&(run, worker)]].end = Some(at),
            Fact::Came { .. } | Fact::GivenUp { .. } | Fact::Recalled { .. } => {}
        }
    }
    runs
}

/// The number of a task by its key.
fn number(key: Key) -> u64 {
    match key.kind() {
        KeyKind::Hashed(hash) => u64::try_from(hash).expect("plans have small hashes"),
        KeyKind::Numbered { number, .. } => number,
    }
}

/// A plan with these workers, one client, and links that all take 100 µs.
fn plan(workers: &str, ops: &str) -> String {
    format!("workers {workers}\nclients 1\nlatency constant 100\n{ops}")
}

/// Lines of a plan: these tasks of the first client, all of one kind.
fn tasks(numbers: RangeInclusive<u64>, what: &str) -> String {
    tasks_of(1, numbers, |_| what.to_owned())
}

/// Lines of a plan: these tasks of a session, each as it says.
fn tasks_of(session: u64, numbers: RangeInclusive<u64>, what: impl Fn(u64) -> String) -> String {
    numbers.fold(String::new(), |mut lines, n| {
        let _ = writeln!(lines, "  {session}-{n} salt={n:x} {}", what(n));
        lines
    })
}

impl Seen {
    /// When the last body ended.
    fn end(&self) -> u64 {
        self.runs.iter().filter_map(|run| run.end).max().unwrap_or(0)
    }

    /// The executions of a task.
    fn of(&self, task: u64) -> Vec<Run> {
        self.runs.iter().filter(|run| run.task == task).copied().collect()
    }

    /// The only execution of a task.
    fn once(&self, task: u64) -> Run {
        let [run] = self.of(task)[..] else { panic!("{task} ran as {:?}", self.of(task)) };
        run
    }

    /// How many bodies each worker has entered.
    fn shares(&self) -> BTreeMap<u32, usize> {
        self.runs.iter().fold(BTreeMap::new(), |mut shares, run| {
            *shares.entry(run.worker).or_default() += 1;
            shares
        })
    }

    /// Tasks that were executed more than once.
    fn repeated(&self) -> BTreeSet<u64> {
        let mut seen = BTreeSet::new();
        self.runs.iter().map(|run| run.task).filter(|task| !seen.insert(*task)).collect()
    }

    /// Bytes of values that went from worker to worker.
    fn moved(&self) -> u64 {
        let came = self.facts.iter().map(|(_, fact)| match fact {
            Fact::Came { nbytes, .. } => *nbytes,
            Fact::Ended { .. }
            | Fact::GivenUp { .. }
            | Fact::Recalled { .. }
            | Fact::Started { .. } => 0,
        });
        came.sum()
    }

    /// How often a worker was asked to give something back.
    fn recalls(&self) -> usize {
        self.facts.iter().filter(|(_, fact)| matches!(fact, Fact::Recalled { .. })).count()
    }
}
