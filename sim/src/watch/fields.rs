//! Where runs may go, what they take of their worker, how long they may take, and how often a task
//! that runs at most once may be given out.
//!
//! It must not know values.

use std::collections::BTreeMap;

use raddle_core::scheduler::{Event, Kind, Scheduler};
use raddle_core::time::{Duration, Instant};
use raddle_net::messages::{
    ClientMessage, Compute, Failure, Registration, TaskOptions, WorkerMessage,
};
use raddle_net::names::RunId;

use super::log::{TaskLog, WorkerLog};
use super::{Breach, Watch, ensure};
use crate::property::Property;

impl Watch {
    /// A task that the scheduler has forgotten, and one that is to run again by its user's wish, may
    /// begin once more.
    pub(super) fn begin_lives(&mut self, event: &Event, machine: &Scheduler) {
        let message = match event {
            Event::FromClient { message, .. }
            | Event::FromWorker { message: WorkerMessage::FromRun { message, .. }, .. } => message,
            Event::ClientConnected { .. }
            | Event::ClientDisconnected { .. }
            | Event::ClientResumed { .. }
            | Event::FromWorker { .. }
            | Event::SessionEnded { .. }
            | Event::Tick
            | Event::WorkerConnected { .. }
            | Event::WorkerDisconnected { .. }
            | Event::WorkerLost { .. }
            | Event::WorkerResumed { .. } => return,
        };
        match message {
            ClientMessage::Submit { tasks, .. } => {
                for new in tasks.iter().filter(|new| machine.kind_of(new.key).is_none()) {
                    if let Some(task) = self.find(new.key) {
                        self.task_mut(task).begun = 0;
                    }
                }
            }
            ClientMessage::Retry { .. } => {
                for log in self.tasks.iter_mut().filter(|log| log.options.at_most_once) {
                    if machine.kind_of(log.key) == Some(Kind::Erred) {
                        log.begun = 0;
                    }
                }
            }
            ClientMessage::Cancel { .. }
            | ClientMessage::Define { .. }
            | ClientMessage::Detach { .. }
            | ClientMessage::Goodbye
            | ClientMessage::Locate { .. }
            | ClientMessage::Query { .. }
            | ClientMessage::Release { .. }
            | ClientMessage::Want { .. } => {}
        }
    }

    /// A run goes to a worker, which is asked whether it may have it.
    pub(super) fn check_fields(
        &self,
        task: &TaskLog,
        worker: u32,
        compute: &Compute,
    ) -> Result<(), Breach> {
        let (Compute { key, run, .. }, options) = (compute, &task.options);
        let Some(log) = self.workers.get(&worker) else { return Ok(()) };
        let again = || format!("{key} is given out as {run}, and was before: {options:?}");
        let first = task.begun == 0 || !options.at_most_once;
        ensure(first, Property::Once, again)?;
        ensure(!log.is_full, Property::Full, || format!("{key} is given to worker {worker}"))?;
        let listed = log.is_listed(options);
        let may = listed || options.workers.is_empty() || options.allow_other_workers;
        let not_there = || format!("{key} is given to worker {worker}: {options:?}");
        ensure(may && log.has(options, false), Property::Restrictions, not_there)?;
        if !listed && !options.workers.is_empty() {
            let better = self.workers.iter().find(|(_, other)| {
                let here = other.connection.is_some_and(|at| !self.away.contains_key(&at));
                here && !other.is_full && other.is_listed(options) && other.has(options, false)
            });
            let prefers = || format!("{key} is given to worker {worker}, and {better:?} is there");
            ensure(better.is_none(), Property::Restrictions, prefers)?;
        }
        let full = || format!("{key} is given to worker {worker}: {options:?}, {:?}", log.used);
        ensure(log.has(options, true), Property::Resources, full)
    }

    /// A run takes what it needs of its worker.
    pub(super) fn take(&mut self, task: u32, worker: u32) {
        let needs = self.task(task).options.resources.clone();
        let log = self.workers.entry(worker).or_default();
        for (name, amount) in needs {
            *log.used.entry(name).or_default() += amount;
        }
    }

    /// A run is over, and its worker has again what it took.
    pub(super) fn give_back(&mut self, task: u32, worker: u32) {
        let needs = self.task(task).options.resources.clone();
        let log = self.workers.entry(worker).or_default();
        for (name, amount) in needs {
            let used = log.used.entry(name).or_default();
            *used = used.saturating_sub(amount);
        }
    }

    /// A worker is told that time has passed.
    pub(crate) fn worker_ticks(&mut self, now: Instant, worker: u32) {
        self.workers.entry(worker).or_default().struck = Some(now);
    }

    /// A body is entered.
    pub(super) fn enters(&mut self, now: Instant, worker: u32, run: RunId) {
        if self.limit(run).is_some() {
            self.workers.entry(worker).or_default().entered.insert(run, now);
        }
    }

    /// A worker says how a body ended: that it took too long, if and only if it did.
    pub(super) fn ends(
        &mut self,
        now: Instant,
        worker: u32,
        message: &WorkerMessage,
    ) -> Result<(), Breach> {
        let (run, timed_out) = match message {
            WorkerMessage::Failed { run, failure, .. } => {
                (*run, matches!(**failure, Failure::TimedOut))
            }
            WorkerMessage::Finished { run, .. } => (*run, false),
            WorkerMessage::Fetched { .. }
            | WorkerMessage::FromRun { .. }
            | WorkerMessage::Goodbye
            | WorkerMessage::Locate { .. }
            | WorkerMessage::Memory(_)
            | WorkerMessage::Note { .. }
            | WorkerMessage::Recalled { .. }
            | WorkerMessage::Register(_)
            | WorkerMessage::Retire
            | WorkerMessage::Started { .. } => return Ok(()),
        };
        let limit = self.limit(run);
        let entered = self.workers.get_mut(&worker).and_then(|log| log.entered.remove(&run));
        let until = entered.zip(limit).map(|(entered, limit)| entered + limit);
        // What ended before the worker's clock struck was in time, whenever the worker heard of it.
        let struck = self.workers.get(&worker).and_then(|log| log.struck);
        let sound = match until {
            Some(until) if timed_out => now >= until,
            Some(until) => struck.is_none_or(|at| at < until),
            None => !timed_out,
        };
        ensure(sound, Property::Limits, || {
            format!("worker {worker} says {message:?}, which had time until {until:?}")
        })
    }

    fn limit(&self, run: RunId) -> Option<Duration> {
        let task = self.run(run)?.task;
        self.task(task).options.timeout.map(Duration::from_nanos)
    }
}

impl WorkerLog {
    /// What it says of itself.
    pub(super) fn register(&mut self, registration: &Registration) {
        self.name.clone_from(&registration.name);
        self.address.clone_from(&registration.address);
        self.resources = registration.resources.iter().cloned().collect();
        self.used = BTreeMap::new();
    }

    fn is_listed(&self, options: &TaskOptions) -> bool {
        let host = self.address.trim_start_matches("tcp://").rsplit_once(':');
        let host = host.map_or("", |(host, _)| host);
        let is_it = |word: &String| {
            [self.name.as_str(), self.address.as_str(), host].contains(&word.as_str())
        };
        options.workers.iter().any(is_it)
    }

    /// Whether it has what these need, if nobody uses anything of it, or beside what is `used`.
    fn has(&self, options: &TaskOptions, used: bool) -> bool {
        options.resources.iter().all(|(name, amount)| {
            let total = self.resources.get(name).copied().unwrap_or(0);
            let taken = if used { self.used.get(name).copied().unwrap_or(0) } else { 0 };
            taken + amount <= total
        })
    }
}
