//! What the scheduler is told, and what follows from it for runs and wishes.
//!
//! It must not know what the scheduler makes of it.

use std::sync::Arc;

use raddle_core::scheduler::{ConnectionId, Event, Kind, PeerError, Scheduler};
use raddle_core::time::Instant;
use raddle_net::messages::{ClientMessage, Failure, WorkerMessage};
use raddle_net::names::{Key, RunId};

use super::log::{RunState, TaskLog, Who};
use super::wishes::Expected;
use super::{Breach, Watch, census, ensure};
use crate::bystander::is_rejected;
use crate::property::Property;
use crate::world::Node;

/// What the scheduler was told, as far as it matters for what it may say.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(super) cause: Cause,
    /// What there was before.
    pub(super) census: [u64; Kind::ALL.len()],
    pub(super) transitions: u64,
}

/// Sorts of news.
#[derive(Debug, PartialEq)]
pub(super) enum Cause {
    /// A client has asked about what is published: what it must be told.
    Asked(Who, u64, Expected),
    /// A client called keys off.
    Cancelled(Who, Vec<Key>),
    /// A client called keys off, whoever wants them: those tasks that it could.
    Forced(Who, Vec<Key>, Vec<u32>),
    /// A client lets go of what it wants, of some or of all.
    LetGo(Who),
    /// A client asks where keys are, or is told because it wants them, or has them run again.
    Named(Who, Vec<Key>),
    /// Anything else.
    Other,
    /// A report of a run that is over.
    Stale,
    /// On a connection that is over.
    Unheard,
}

impl Heard {
    /// If nothing may follow from it: which property says so, and how many messages may.
    pub(super) fn too_late(&self) -> Option<(Property, usize)> {
        match self.cause {
            Cause::Stale => Some((Property::Stale, 1)),
            Cause::Unheard => Some((Property::Incarnation, 0)),
            Cause::Asked(..)
            | Cause::Cancelled(..)
            | Cause::Forced(..)
            | Cause::LetGo(_)
            | Cause::Named(..)
            | Cause::Other => None,
        }
    }
}

impl Watch {
    /// The scheduler is about to handle this.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        event: &Event,
        node: Option<Node>,
        machine: &Scheduler,
    ) -> Heard {
        self.begin_lives(event, machine);
        let cause = match (event, node) {
            (Event::ClientConnected { connection, .. }, _) => {
                self.open.insert(*connection);
                Cause::Other
            }
            (
                Event::ClientDisconnected { connection }
                | Event::WorkerDisconnected { connection, .. },
                _,
            ) => {
                self.disturbances += 1;
                self.away.entry(*connection).or_insert(now + self.grace);
                Cause::Other
            }
            (Event::ClientResumed { connection } | Event::WorkerResumed { connection }, _) => {
                self.away.remove(connection);
                Cause::Other
            }
            (Event::SessionEnded { connection, .. }, _) => {
                self.end_session(*connection, node);
                Cause::Other
            }
            (Event::FromClient { connection, message }, _) if self.open.contains(connection) => {
                self.hear_client(Who::Client(*connection), message, machine)
            }
            (Event::FromWorker { connection, message }, Some(Node::Worker(worker))) => {
                self.hear_worker(worker, *connection, message, machine)
            }
            // A stranger that would be a worker is turned away, whatever it says.
            (Event::FromWorker { .. }, Some(Node::Scheduler)) => Cause::Other,
            (Event::FromClient { .. } | Event::FromWorker { .. }, _) => Cause::Unheard,
            (Event::Tick | Event::WorkerConnected { .. } | Event::WorkerLost { .. }, _) => {
                Cause::Other
            }
        };
        self.note_emptiness(now);
        Heard { cause, census: census(machine), transitions: machine.transitions() }
    }

    pub(super) fn note_emptiness(&mut self, now: Instant) {
        let here = |connection: ConnectionId| !self.away.contains_key(&connection);
        // The newest first: of the oldest, many are gone.
        if self.workers.values().rev().any(|worker| worker.connection.is_some_and(here)) {
            self.empty_since = None;
        } else {
            let since = *self.empty_since.get_or_insert(now);
            self.longest_empty = self.longest_empty.max(now - since);
        }
    }

    /// The scheduler ends a session.
    pub(super) fn gives_up(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        reason: &PeerError,
        node: Option<Node>,
    ) -> Result<(), Breach> {
        let registered = |worker: &u32| {
            self.workers.get(worker).is_some_and(|log| log.connection == Some(connection))
        };
        // A worker that has not registered has nothing, and is not waited for.
        let is_new = matches!(node, Some(Node::Worker(worker)) if !registered(&worker));
        let waited = is_new || self.away.get(&connection).is_none_or(|until| *until <= now);
        self.end_session(connection, node);
        ensure(waited || *reason != PeerError::Away, Property::Patience, || {
            format!("{node:?} is given up")
        })
    }

    /// A session is over, and what its process was to the scheduler goes with it.
    fn end_session(&mut self, connection: ConnectionId, node: Option<Node>) {
        self.away.remove(&connection);
        self.disturbances += 1;
        match node {
            Some(Node::Client(_)) => {
                self.open.remove(&connection);
                self.let_go_of_all(Who::Client(connection));
            }
            Some(Node::Worker(worker)) => {
                let log = self.workers.get(&worker);
                if log.is_some_and(|log| log.connection == Some(connection)) {
                    self.lose(worker);
                }
            }
            Some(Node::Scheduler) | None => {}
        }
    }

    /// A client says something, be it a process or a run.
    fn hear_client(&mut self, who: Who, message: &ClientMessage, machine: &Scheduler) -> Cause {
        match message {
            ClientMessage::Cancel { keys, force } => {
                self.disturbances += 1;
                let tasks = self.open_to(who, keys, machine);
                tasks.iter().for_each(|task| self.task_mut(*task).called_off = true);
                return match force {
                    true => Cause::Forced(who, keys.clone(), tasks),
                    false => Cause::Cancelled(who, keys.clone()),
                };
            }
            ClientMessage::Define { spec, .. } => {
                self.specs.entry(who).or_default().push(Arc::new(spec.clone()));
            }
            ClientMessage::Goodbye => {
                self.let_go_of_all(who);
                return Cause::LetGo(who);
            }
            ClientMessage::Detach { keys } => self.hear_detach(who, keys, machine),
            ClientMessage::Locate { key, .. } => return Cause::Named(who, vec![*key]),
            ClientMessage::Query { id, query } => {
                let expected = self.hear_query(who, query);
                return expected.map_or(Cause::Other, |answer| Cause::Asked(who, *id, answer));
            }
            ClientMessage::Release { keys, .. } => {
                self.disturbances += 1;
                for task in keys.iter().filter_map(|key| self.names.get(*key)) {
                    self.tasks[task as usize].unwant(who);
                }
                return Cause::LetGo(who);
            }
            ClientMessage::Retry { keys } | ClientMessage::Want { keys } => {
                self.disturbances += 1;
                for key in keys {
                    if let Some(task) = self.find(*key).filter(|task| self.is_shared(who, *task)) {
                        self.want(who, task);
                    }
                }
                return Cause::Named(who, keys.clone());
            }
            ClientMessage::Submit { tasks, .. } => {
                for new in tasks.iter().filter(|task| !is_rejected(task)) {
                    if !self.is_too_much(who, new.key, machine) {
                        self.hear_task(who, new);
                    }
                }
            }
        }
        Cause::Other
    }

    fn hear_task(&mut self, who: Who, new: &raddle_net::messages::NewTask) {
        let task = self.find(new.key).unwrap_or_else(|| {
            let number = u32::try_from(self.tasks.len()).expect("four billion tasks do not fit");
            let specs = self.specs.get(&who);
            let spec = specs.and_then(|specs| specs.get(new.spec.0 as usize)).cloned();
            self.tasks.push(TaskLog::new(new, &spec.unwrap_or_default(), self.process(who)));
            self.names.insert(new.key, number);
            self.edges += new.dependencies.len() as u64;
            for input in &new.dependencies {
                if let Some(input) = self.find(*input) {
                    self.task_mut(input).dependents.push(number);
                }
            }
            number
        });
        self.want(who, task);
    }

    /// Whether a client may have what a task makes: its process wants it or wanted it, or it is
    /// published.
    fn is_shared(&self, who: Who, task: u32) -> bool {
        let (task, process) = (self.task(task), self.process(who));
        let shares = |other: Who| match other {
            Who::Client(_) | Who::Run(_) => self.process(other) == process,
            Who::Dataset(_) => true,
            Who::Detached => false,
        };
        let present = task.wants.iter().map(|want| want.who);
        let former = task.former.iter().copied().filter(|who| !matches!(who, Who::Dataset(_)));
        task.process == process || present.chain(former).any(shares)
    }

    /// The client for which it speaks.
    fn process(&self, who: Who) -> Option<ConnectionId> {
        match who {
            Who::Client(connection) => Some(connection),
            Who::Run(run) => {
                let run = self.runs.get(usize::try_from(run.checked_sub(1)?).ok()?)?;
                self.task(run.task).process
            }
            Who::Dataset(_) | Who::Detached => None,
        }
    }

    fn want(&mut self, who: Who, task: u32) {
        if !self.task(task).is_wanted_by(who) {
            self.task_mut(task).want(who);
            if let Who::Run(run) = who {
                self.speakers.entry(run).or_default().push(task);
            }
        }
    }

    fn let_go_of_all(&mut self, who: Who) {
        match who {
            Who::Client(_) | Who::Dataset(_) | Who::Detached => {
                self.tasks.iter_mut().for_each(|task| task.unwant(who));
            }
            Who::Run(run) => {
                for task in self.speakers.remove(&run).unwrap_or_default() {
                    self.task_mut(task).unwant(who);
                }
            }
        }
    }

    fn hear_worker(
        &mut self,
        worker: u32,
        connection: ConnectionId,
        message: &WorkerMessage,
        machine: &Scheduler,
    ) -> Cause {
        if let WorkerMessage::Register(registration) = message {
            let log = self.workers.entry(worker).or_default();
            log.register(registration);
            (log.connection, log.leaves, log.is_full) = (Some(connection), false, false);
            return Cause::Other;
        }
        if self.workers.get(&worker).is_none_or(|log| log.connection != Some(connection)) {
            return Cause::Unheard;
        }
        match message {
            WorkerMessage::Failed { run, blame, failure, .. } => {
                let Some(task) = self.current(worker, *run) else { return Cause::Stale };
                self.end(*run, RunState::Over);
                self.disturbances += 1;
                let log = self.task_mut(task);
                let asks = **failure == Failure::Reschedule && !log.options.at_most_once;
                log.reschedules += u32::from(asks);
                log.failures += u32::from(blame.is_none() && !asks);
            }
            // What a worker holds that was told to leave does not count.
            WorkerMessage::Fetched { .. } if self.workers[&worker].leaves => {}
            WorkerMessage::Fetched { run, .. } => {
                self.ends_copying(*run, worker);
                let Some(log) = self.run_mut(*run) else { return Cause::Other };
                match &mut log.state {
                    RunState::Finished(holders) => {
                        if !holders.contains(&worker) {
                            holders.push(worker);
                            self.note_run(worker, *run);
                        }
                    }
                    RunState::Given | RunState::Over => return Cause::Stale,
                }
            }
            WorkerMessage::Finished { run, .. } => {
                let Some(task) = self.current(worker, *run) else { return Cause::Stale };
                self.end(*run, RunState::Finished(vec![worker]));
                self.note_end(task);
            }
            WorkerMessage::FromRun { run, message, .. } => {
                if self.current(worker, *run).is_none() {
                    return Cause::Stale;
                }
                return self.hear_client(Who::Run(run.counter), message, machine);
            }
            WorkerMessage::Locate { run, .. } => self.lose_value(*run, worker),
            WorkerMessage::Memory(memory) => {
                // What it has not begun is given out again.
                self.disturbances += u64::from(memory.is_full);
                self.workers.entry(worker).or_default().is_full = memory.is_full;
            }
            WorkerMessage::Note { run, .. } => {
                if self.current(worker, *run).is_none() {
                    return Cause::Stale;
                }
            }
            WorkerMessage::Goodbye | WorkerMessage::Register(_) | WorkerMessage::Retire => {}
            WorkerMessage::Recalled { run, returned, .. } => {
                let Some(task) = self.current(worker, *run) else { return Cause::Stale };
                if *returned {
                    self.end(*run, RunState::Over);
                    let log = self.task_mut(task);
                    (log.given, log.begun) = (log.given - 1, log.begun - 1);
                }
            }
            WorkerMessage::Started { run, .. } => {
                if self.current(worker, *run).is_none() {
                    return Cause::Stale;
                }
                if let Some(log) = self.run_mut(*run) {
                    log.started = log.announced;
                }
            }
        }
        Cause::Other
    }

    /// The task of a run, if the run was given to this worker and is not over.
    fn current(&self, worker: u32, run: RunId) -> Option<u32> {
        let log = self.run(run)?;
        (log.state == RunState::Given && log.worker == worker).then_some(log.task)
    }

    /// A run was given to a worker, or its value has come there.
    pub(super) fn note_run(&mut self, worker: u32, run: RunId) {
        self.workers.entry(worker).or_default().runs.push(run);
    }

    /// A run is not under way any more.
    pub(super) fn end(&mut self, run: RunId, state: RunState) {
        if let Some(log) = self.run_mut(run) {
            let before = std::mem::replace(&mut log.state, state);
            let (task, worker) = (log.task, log.worker);
            if before == RunState::Given {
                self.give_back(task, worker);
            }
        }
        self.let_go_of_all(Who::Run(run.counter));
        self.specs.remove(&Who::Run(run.counter));
    }

    /// The scheduler gives a worker up, with its runs and values.
    fn lose(&mut self, worker: u32) {
        let Some(log) = self.workers.get_mut(&worker) else { return };
        log.connection = None;
        self.copies_nothing(worker);
        let Some(log) = self.workers.get_mut(&worker) else { return };
        for run in std::mem::take(&mut log.runs) {
            let Some(log) = self.run(run) else { continue };
            let task = log.task;
            if log.state == RunState::Given && log.worker == worker {
                let charged = u32::from(log.started);
                let task = self.task_mut(task);
                task.deaths += charged;
                task.losses += 1;
                self.end(run, RunState::Over);
            } else {
                self.lose_value(run, worker);
            }
        }
    }

    /// A worker has not got a value that it may have had.
    fn lose_value(&mut self, run: RunId, worker: u32) {
        let Some(log) = self.run_mut(run) else { return };
        let RunState::Finished(holders) = &mut log.state else { return };
        if !holders.contains(&worker) {
            return;
        }
        holders.retain(|holder| *holder != worker);
        let task = log.task;
        if holders.is_empty() {
            log.state = RunState::Over;
            self.task_mut(task).losses += 1;
            self.disturbances += 1;
        }
    }
}
