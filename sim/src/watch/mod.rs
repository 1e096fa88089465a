//! The observer: it sees what every machine is told and what it says, and keeps count of each task,
//! each run and each worker. What it checks costs about constant time an event, so it is always on.
//!
//! It trusts no machine: what it knows follows from messages alone. It must not change what happens.
//!
//! | file | story |
//! |---|---|
//! | `log.rs` | what is kept |
//! | `hears.rs` | what the scheduler is told, and what follows for runs and wishes |
//! | `says.rs` | what the scheduler says: the life of a run as it must be |
//! | `told.rs` | what clients are told |
//! | `bodies.rs` | what workers do |
//! | `copies.rs` | copies that are made on purpose, or dropped although the value stays |
//! | `fields.rs` | where runs may go, what they take, how long and how often they may run |
//! | `wishes.rs` | what is detached, published, called off by force, and run again |
//! | `quiet.rs` | what must hold when nothing happens any more |

mod bodies;
mod copies;
mod fields;
mod hears;
mod log;
mod quiet;
mod quota;
mod routes;
mod says;
mod told;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use raddle_core::keys::KeyTable;
use raddle_core::scheduler::{ConnectionId, Effect, Event, Kind, Scheduler};
use raddle_core::time::{Duration, Instant};
use raddle_net::messages::TaskSpec;
use raddle_net::names::{Key, RunId, WorkerId};

use crate::knobs;
use crate::limits::Limits;
use crate::plan::Plan;
use crate::property::Property;
use crate::requests::Asker;
use crate::scheduler::patience;
use crate::world::{Depth, Node};
pub(crate) use hears::Heard;
use log::{RunLog, RunState, TaskLog, Who, WorkerLog};
use wishes::Wishes;

/// A property that does not hold, and for what.
pub(crate) type Breach = (Property, String);

/// The observer.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    names: KeyTable<u32>,
    tasks: Vec<TaskLog>,
    /// By the run's number, from 1.
    runs: Vec<RunLog>,
    workers: BTreeMap<u32, WorkerLog>,
    /// Until when each connection that broke is waited for.
    away: BTreeMap<ConnectionId, Instant>,
    /// Connections of clients that are not over.
    open: BTreeSet<ConnectionId>,
    /// What each run that is a client wants.
    speakers: BTreeMap<u64, Vec<u32>>,
    /// What was defined.
    specs: BTreeMap<Who, Vec<Arc<TaskSpec>>>,
    /// How long the scheduler waits for a worker.
    grace: Duration,
    /// How long work waits without any worker.
    patience: Duration,
    /// What the scheduler puts up with.
    limits: Limits,
    /// How clients come to workers.
    pub(crate) routes: routes::Routes,
    /// For how long a worker does not ask who was too busy.
    busy_pause: Duration,
    /// What is to be refused of the tasks that a client has just submitted.
    refused: Vec<Key>,
    /// What may be.
    perhaps_refused: Vec<Key>,
    /// For how long there was no worker, at most.
    longest_empty: Duration,
    /// Since when no worker has been registered.
    empty_since: Option<Instant>,
    /// Who asks whom for what, and has no answer yet.
    asking: BTreeSet<Asker>,
    /// Who is to copy which value, and from whom.
    copying: BTreeMap<(RunId, u32), WorkerId>,
    /// What has happened that may make a task run again.
    disturbances: u64,
    /// Dependencies of all tasks together.
    edges: u64,
    /// What the cluster wants.
    wishes: Wishes,
}

impl Watch {
    /// An observer that has seen nothing.
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            names: KeyTable::new(),
            tasks: Vec::new(),
            runs: Vec::new(),
            workers: BTreeMap::new(),
            away: BTreeMap::new(),
            open: BTreeSet::new(),
            speakers: BTreeMap::new(),
            specs: BTreeMap::new(),
            grace: Duration::from_micros(plan.grace),
            patience: patience(plan),
            limits: plan.limits.clone(),
            refused: Vec::new(),
            perhaps_refused: Vec::new(),
            routes: routes::Routes::default(),
            busy_pause: knobs::worker(plan, 1, Depth::Paranoid).busy_pause,
            longest_empty: Duration::ZERO,
            empty_since: Some(Instant::ZERO),
            asking: BTreeSet::new(),
            copying: BTreeMap::new(),
            disturbances: 0,
            edges: 0,
            wishes: Wishes::default(),
        }
    }

    /// The scheduler has handled what was `heard`, and says `out`.
    pub(crate) fn scheduler_did(
        &mut self,
        now: Instant,
        heard: &Heard,
        out: &[Effect],
        machine: &Scheduler,
        behind: impl Fn(ConnectionId) -> Option<Node>,
    ) -> Result<(), Breach> {
        self.check_unknown(machine)?;
        for effect in out {
            match effect {
                Effect::End | Effect::Warn { .. } => {}
                Effect::Close { connection, reason } => {
                    self.gives_up(now, *connection, reason, behind(*connection))?;
                }
                // Nobody minds what a stranger is told.
                Effect::ToClient { connection, .. }
                    if behind(*connection) == Some(Node::Scheduler) => {}
                Effect::ToClient { connection, message } => {
                    if !self.open.contains(connection) {
                        return breach(Property::Gone, || format!("a client is told {message:?}"));
                    }
                    let who = Who::Client(*connection);
                    self.told(who, message, heard, machine)?;
                }
                Effect::ToWorker { connection, message } => {
                    let worker = match behind(*connection) {
                        Some(Node::Worker(worker)) => worker,
                        Some(Node::Client(_) | Node::Scheduler) | None => 0,
                    };
                    let log = self.workers.get(&worker);
                    if log.is_none_or(|log| log.connection != Some(*connection)) {
                        let gone = || format!("worker {worker} is told {message:?}");
                        return breach(Property::Gone, gone);
                    }
                    self.says(worker, message, heard, machine)?;
                }
            }
        }
        self.note_emptiness(now);
        self.check_refused()?;
        self.check_forced(heard)?;
        self.note_ends(machine);
        self.check_stale(heard, out, machine)?;
        self.check_effort(heard, machine)
    }

    /// What came too late has changed nothing.
    fn check_stale(
        &self,
        heard: &Heard,
        out: &[Effect],
        machine: &Scheduler,
    ) -> Result<(), Breach> {
        let Some((property, allowed)) = heard.too_late() else { return Ok(()) };
        let same = census(machine) == heard.census && out.len() <= allowed;
        ensure(same, property, || format!("after {:?}, the scheduler says {out:?}", heard.cause))
    }

    fn check_effort(&self, heard: &Heard, machine: &Scheduler) -> Result<(), Breach> {
        let took = machine.transitions() - heard.transitions;
        let known = heard.census.iter().sum::<u64>() + machine.tasks();
        // A turn takes a task through a few states, and looks at it again for each of its edges. That is
        // linear in what there is, which is all that is provable without knowing what an event touched:
        // the death of a worker touches everything.
        let allowed = 64 + 8 * (known + self.edges);
        let many = || format!("{took} transitions with {known} tasks, after {:?}", heard.cause);
        ensure(took <= allowed, Property::Effort, many)
    }

    /// Somebody asks for a value.
    pub(crate) fn asks(&mut self, asker: Asker) -> Result<(), Breach> {
        let first = self.asking.insert(asker);
        ensure(first, Property::Bounded, || format!("{asker:?} asks, and has asked already"))
    }

    /// It has an answer.
    pub(crate) fn answered(&mut self, asker: Asker) {
        self.asking.remove(&asker);
    }

    fn find(&self, key: Key) -> Option<u32> {
        self.names.get(key)
    }

    fn task(&self, task: u32) -> &TaskLog {
        &self.tasks[task as usize]
    }

    fn task_mut(&mut self, task: u32) -> &mut TaskLog {
        &mut self.tasks[task as usize]
    }

    fn run(&self, run: RunId) -> Option<&RunLog> {
        self.runs.get(usize::try_from(run.counter.checked_sub(1)?).ok()?)
    }

    fn run_mut(&mut self, run: RunId) -> Option<&mut RunLog> {
        self.runs.get_mut(usize::try_from(run.counter.checked_sub(1)?).ok()?)
    }

    /// The task that a run is of.
    pub(crate) fn key_of(&self, run: RunId) -> Option<Key> {
        self.run(run).map(|log| self.task(log.task).key)
    }

    /// Whether a run may still end, or its value is there.
    fn is_valid(&self, run: &RunLog) -> bool {
        match &run.state {
            RunState::Given | RunState::Finished(_) => true,
            RunState::Over => false,
        }
    }
}

/// How many tasks are in which state.
fn census(machine: &Scheduler) -> [u64; Kind::ALL.len()] {
    Kind::ALL.map(|kind| machine.count(kind))
}

fn ensure(
    holds: bool,
    property: Property,
    otherwise: impl FnOnce() -> String,
) -> Result<(), Breach> {
    if holds { Ok(()) } else { breach(property, otherwise) }
}

fn breach<T>(property: Property, what: impl FnOnce() -> String) -> Result<T, Breach> {
    Err((property, what()))
}

impl crate::world::World {
    /// The scheduler is about to handle this.
    pub(crate) fn watch_scheduler_hear(&mut self, event: &Event) -> Heard {
        let node = event.connection().and_then(|connection| self.behind(connection));
        let is_stranger = node == Some(Node::Scheduler);
        let registers = is_stranger && matches!(event, Event::FromWorker { .. });
        // A stranger that would be a worker is turned away.
        if let Some(reference) = self.reference.as_mut().filter(|_| !registers) {
            reference.hear(self.now, event);
        }
        self.watch.hear(self.now, event, node, &self.scheduler.machine)
    }

    /// What an observation comes to.
    pub(crate) fn must(&mut self, observation: Result<(), Breach>) {
        if let Err(breach) = observation {
            self.fail(breach.into());
        }
    }
}
