//! A naive scheduler that sees what the real one sees, and must agree with it at every event on what
//! is known, wanted, done and failed, and on what may run. It does not place tasks: it takes note of
//! where they were placed.
//!
//! It keeps sets of plain facts, and computes everything else anew until nothing changes. It must
//! not know the scheduler's state, nor be fast.

mod able;
mod reports;
mod rules;
mod sharing;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use raddle_core::scheduler::{Config, ConnectionId, Effect, Event, Kind, Scheduler};
use raddle_core::time::Instant;
use raddle_net::messages::{Compute, Registration, SchedulerToWorker, TaskSpec};
use raddle_net::names::{Key, RunId};

use able::Starving;

use crate::plan::{Op, Plan, Step};
use crate::property::Property;
use crate::scheduler::patience;
use crate::watch::Breach;
use crate::wish::Wish;
use crate::world::{Depth, Settings};

/// Who wants values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Client(ConnectionId),
    /// The cluster: what is published, by the number of the publication.
    Dataset(u64),
    /// The cluster: what is detached and has not ended.
    Detached,
    Run(RunId),
}

/// What became of a task.
#[derive(Clone, Debug, PartialEq)]
enum Fact {
    /// It has failed; whether by its own fault.
    Erred { own: bool },
    /// It has this value, at these workers.
    Made(RunId, BTreeSet<ConnectionId>),
    /// Nothing yet, or nothing any more.
    Nothing,
}

/// A task that is known.
#[derive(Clone, Debug)]
struct Task {
    inputs: Vec<Key>,
    /// The client for which it was submitted first.
    process: Option<ConnectionId>,
    wants: Vec<Who>,
    /// Who called it off for itself alone.
    called_off: Vec<Who>,
    retries: u32,
    retries_left: u32,
    deaths: u32,
    /// Runs that were given out.
    attempts: u32,
    spec: Arc<TaskSpec>,
    /// Whether an input was not known when it came.
    orphan: bool,
    scattered: bool,
    fact: Fact,
    /// Bytes of the value that it had last.
    nbytes: u64,
    /// Whether it waits for its turn, and nobody asks any more what its inputs need.
    queued: bool,
    assigned: Option<Assigned>,
}

impl Task {
    fn has_failed(&self) -> bool {
        matches!(self.fact, Fact::Erred { .. })
    }

    fn want(&mut self, who: Who) {
        if !self.wants.contains(&who) {
            self.wants.push(who);
        }
    }
}

/// Where a task is computed.
#[derive(Clone, Debug, PartialEq)]
struct Assigned {
    run: RunId,
    worker: ConnectionId,
    inputs: Vec<(Key, RunId)>,
    announced: bool,
    started: bool,
}

/// A worker, and whether it is away.
#[derive(Clone, Debug)]
struct Colleague {
    is_away: bool,
    /// Whether it said last that its memory is full.
    is_full: bool,
    /// Whether it has said that it is about to leave.
    retires: bool,
    registration: Registration,
}
/// It failed by its own fault.
const BY_ITSELF: Fact = Fact::Erred { own: true };
/// It failed because something else did.
const BY_ANOTHER: Fact = Fact::Erred { own: false };

/// Whether it may be asked whose fault a failure was that had two causes in one event: a task that may
/// run once is lost, and so is what it needs. Which of them counts depends on the order in which a
/// scheduler comes to them, and decides what a retry has run again.
fn is_ambiguous(plan: &Plan) -> bool {
    let retries = |step: &Step| matches!(step.op, Op::Wish(_, Wish::Retry(_)));
    let has_once = plan.submitted().any(|task| task.fields.once);
    has_once && plan.ops.iter().any(retries)
}

/// The naive scheduler.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    tasks: BTreeMap<Key, Task>,
    specs: BTreeMap<Who, Vec<Arc<TaskSpec>>>,
    clients: BTreeSet<ConnectionId>,
    /// Workers that have registered.
    workers: BTreeMap<ConnectionId, Colleague>,
    /// Those that were told to leave.
    leaving: BTreeSet<ConnectionId>,
    no_workers_since: Option<Instant>,
    /// What starves.
    starving: Starving,
    config: Config,
    /// What is published under each name.
    datasets: BTreeMap<String, Who>,
    publications: u64,
}

/// Beyond so many tasks it is too slow.
const TASKS: u64 = 1_000;
/// Of so many runs that are not checked wholly, one has it.
const RUNS: u64 = 8;

impl Reference {
    /// One for this run, if it is to have one.
    pub(crate) fn of(settings: &Settings, plan: &Plan) -> Option<Self> {
        let chosen = match settings.mode.depth {
            Depth::Paranoid => true,
            Depth::Sampled => false,
            Depth::Touched => settings.seed.is_multiple_of(RUNS),
        };
        (chosen && plan.tasks() <= TASKS && !is_ambiguous(plan)).then(|| Self::new(plan))
    }

    fn new(plan: &Plan) -> Self {
        let mut config = Config { no_workers_timeout: patience(plan), ..Config::default() };
        plan.limits.configure(&mut config);
        Self {
            tasks: BTreeMap::new(),
            specs: BTreeMap::new(),
            clients: BTreeSet::new(),
            workers: BTreeMap::new(),
            leaving: BTreeSet::new(),
            no_workers_since: None,
            starving: Starving::default(),
            config,
            datasets: BTreeMap::new(),
            publications: 0,
        }
    }

    /// What the scheduler is about to handle.
    pub(crate) fn hear(&mut self, now: Instant, event: &Event) {
        self.starving.given_up.clear();
        match event {
            Event::ClientConnected { connection, .. } => {
                self.clients.insert(*connection);
            }
            Event::SessionEnded { connection, .. } => self.end_session(*connection),
            Event::ClientDisconnected { .. }
            | Event::ClientResumed { .. }
            | Event::WorkerLost { .. } => {}
            Event::FromClient { connection, message } => {
                if self.clients.contains(connection) {
                    self.client_says(Who::Client(*connection), message);
                }
            }
            Event::FromWorker { connection, message } => {
                self.worker_says(*connection, message);
            }
            Event::Tick => self.tick(now),
            Event::WorkerConnected { .. } => {}
            Event::WorkerDisconnected { connection, .. } => self.set_away(*connection, true),
            Event::WorkerResumed { connection } => self.set_away(*connection, false),
        }
        self.settle();
    }

    /// What the scheduler says after that; and whether it agrees.
    pub(crate) fn see(
        &mut self,
        now: Instant,
        out: &[Effect],
        machine: &Scheduler,
    ) -> Result<(), Breach> {
        for effect in out {
            match effect {
                Effect::Close { connection, .. } => {
                    self.end_session(*connection);
                    self.settle();
                }
                Effect::ToWorker { connection, message } => match message {
                    SchedulerToWorker::Compute(compute) => self.give(*connection, compute)?,
                    SchedulerToWorker::Free { key, run } => {
                        self.drop_replica(*key, *run, *connection);
                        self.free(*key, *run);
                    }
                    SchedulerToWorker::Leave => self.empty(*connection),
                    SchedulerToWorker::Acquire(_)
                    | SchedulerToWorker::Define { .. }
                    | SchedulerToWorker::Holders { .. }
                    | SchedulerToWorker::Peer { .. }
                    | SchedulerToWorker::Recall { .. }
                    | SchedulerToWorker::Registered { .. }
                    | SchedulerToWorker::ToRun { .. } => {}
                },
                Effect::End | Effect::ToClient { .. } | Effect::Warn { .. } => {}
            }
        }
        self.settle();
        self.watch_for_workers(now);
        self.watch_the_starving(now);
        self.compare(machine)
    }

    /// Every task is in the state that follows from the facts.
    fn compare(&mut self, machine: &Scheduler) -> Result<(), Breach> {
        let active = self.active();
        let disagree = |key: Key, kind: Option<Kind>| {
            let mine = self.tasks.get(&key).map(|task| (self.may_be(key, &active), task));
            Err((Property::Reference, format!("{key} is {kind:?}, and {mine:?} to the reference")))
        };
        let (mut seen, mut idle) = (0, Vec::new());
        for (key, kind) in machine.kinds() {
            seen += 1;
            if !self.tasks.contains_key(&key) || !self.may_be(key, &active).contains(&kind) {
                if self.is_idle(key, kind) {
                    idle.push((key, kind));
                    continue;
                }
                return disagree(key, Some(kind));
            }
        }
        match self.tasks.keys().find(|key| machine.kind_of(**key).is_none()) {
            Some(key) if seen < self.tasks.len() => return disagree(*key, None),
            Some(_) | None => {}
        }
        for (key, kind) in machine.kinds() {
            if let Some(task) = self.tasks.get_mut(&key) {
                task.queued = kind == Kind::Queued;
            }
        }
        for (key, kind) in idle {
            let fact = if kind == Kind::Erred { BY_ANOTHER } else { Fact::Nothing };
            self.set(key, fact);
        }
        Ok(())
    }

    fn tick(&mut self, now: Instant) {
        let waited = self.no_workers_since.map(|since| now - since);
        if waited.is_some_and(|waited| waited >= self.config.no_workers_timeout) {
            for key in self.stranded() {
                self.set(key, BY_ITSELF);
            }
        }
        let over = self.starving.over(now, self.config.unqualified_timeout);
        over.iter().for_each(|key| self.set(*key, BY_ITSELF));
        self.starving.given_up = over;
    }

    /// What could run if there were a worker.
    fn stranded(&self) -> Vec<Key> {
        let active = self.active();
        let runnable = |(key, task): &(&Key, &Task)| {
            active.contains(*key) && task.assigned.is_none() && self.may_run(task)
        };
        self.tasks.iter().filter(runnable).map(|(key, _)| *key).collect()
    }

    fn watch_for_workers(&mut self, now: Instant) {
        let any = self.workers.values().any(|worker| !worker.is_away);
        if any || self.stranded().is_empty() {
            self.no_workers_since = None;
        } else {
            self.no_workers_since.get_or_insert(now);
        }
    }

    /// A task is given out: only one that is to be computed, and whose inputs are there or come.
    fn give(&mut self, worker: ConnectionId, compute: &Compute) -> Result<(), Breach> {
        let Compute { key, run, announce, inputs, .. } = compute;
        let assigned = Assigned {
            run: *run,
            worker,
            inputs: inputs.iter().map(|input| (input.key, input.run)).collect(),
            announced: *announce,
            started: false,
        };
        let may = self.tasks.contains_key(key)
            && self.active().contains(key)
            && self.tasks[key].assigned.is_none()
            && self.stands(&assigned);
        if !may {
            let task = self.tasks.get(key);
            let what = format!("{key} is given out as {run}, and is {task:?} to the reference");
            return Err((Property::Reference, what));
        }
        if let Some(task) = self.tasks.get_mut(key) {
            task.attempts += 1;
            task.assigned = Some(assigned);
        }
        Ok(())
    }

    fn free(&mut self, key: Key, run: RunId) {
        let assigned = self.tasks.get(&key).and_then(|task| task.assigned.as_ref());
        if assigned.is_some_and(|assigned| assigned.run == run) {
            self.set(key, Fact::Nothing);
            self.settle();
        }
    }
}
