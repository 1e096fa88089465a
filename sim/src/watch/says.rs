//! What the scheduler says to workers: each run given out has a reason, and each value freed too.
//!
//! It must not know where a run should be.

use std::collections::BTreeSet;

use raddle_core::scheduler::Scheduler;
use raddle_net::messages::{Compute, SchedulerToWorker};
use raddle_net::names::RunId;

use super::hears::Heard;
use super::log::{RunLog, RunState, Who};
use super::{Breach, Watch, breach, ensure};
use crate::property::Property;

impl Watch {
    /// The scheduler says this to a worker that is connected.
    pub(super) fn says(
        &mut self,
        worker: u32,
        message: &SchedulerToWorker,
        heard: &Heard,
        machine: &Scheduler,
    ) -> Result<(), Breach> {
        match message {
            SchedulerToWorker::Acquire(input) => self.copies(worker, input),
            SchedulerToWorker::Compute(compute) => self.gives(worker, compute),
            SchedulerToWorker::Free { run, .. } => self.frees(worker, *run, machine),
            SchedulerToWorker::Leave => self.lets_go(worker),
            SchedulerToWorker::Registered { worker: id } => {
                self.workers.entry(worker).or_default().id = Some(*id);
                Ok(())
            }
            SchedulerToWorker::ToRun { run, message } => {
                self.told(Who::Run(run.counter), message, heard, machine)
            }
            SchedulerToWorker::Define { .. }
            | SchedulerToWorker::Holders { .. }
            | SchedulerToWorker::Peer { .. } => Ok(()),
            SchedulerToWorker::Recall { run, .. } => self.asks_back(worker, *run),
        }
    }

    /// A task is given out.
    fn gives(&mut self, worker: u32, compute: &Compute) -> Result<(), Breach> {
        let Compute { key, run, announce, inputs, .. } = compute;
        let Some(task) = self.find(*key) else {
            return breach(Property::Wanted, || format!("{key} was never submitted"));
        };
        let last = self.runs.len() as u64;
        let grows = run.counter > last;
        ensure(grows, Property::RunIds, || format!("{key} is run {run}, after run {last}"))?;
        let log = self.task(task);
        if let Some(before) = log.last.checked_sub(1).map(|at| &self.runs[at as usize])
            && self.is_valid(before)
        {
            let twice = || format!("{key} is given out as {run}, and run {before:?} is valid");
            return breach(Property::OneRun, twice);
        }
        let failed = log.wants.iter().find(|want| want.failed);
        if let Some(want) = failed {
            let called_off =
                || format!("{key} is given out, and {:?} was told it failed", want.who);
            return breach(Property::Cancelled, called_off);
        }
        let unwanted = || format!("{key} is given out as {run}, and nobody wants it");
        ensure(self.is_wanted(task), Property::Wanted, unwanted)?;
        self.check_fields(log, worker, compute)?;
        // Loose on purpose: one death takes runs, values, and what follows both, and each of these may
        // be given out again; a task that is given out for ever passes any bound that does not grow
        // with itself. A tighter one would have to know what the scheduler chooses.
        let (given, allowed) = (u64::from(log.given) + 1, 8 + 4 * self.disturbances);
        let often = || format!("{key} is given out {given} times");
        ensure(given <= allowed, Property::LiveLock, often)?;
        while self.runs.len() as u64 + 1 < run.counter {
            self.runs.push(RunLog { state: RunState::Over, ..self.new_run(task, worker, compute) });
        }
        self.runs.push(RunLog {
            announced: *announce,
            inputs: inputs.iter().map(|input| input.run).collect(),
            ..self.new_run(task, worker, compute)
        });
        self.note_run(worker, *run);
        self.take(task, worker);
        let log = self.task_mut(task);
        (log.last, log.given, log.begun) = (run.counter, log.given + 1, log.begun + 1);
        Ok(())
    }

    fn new_run(&self, task: u32, worker: u32, compute: &Compute) -> RunLog {
        RunLog {
            task,
            worker,
            announced: compute.announce,
            started: false,
            executed: false,
            recalled: false,
            inputs: Vec::new(),
            state: RunState::Given,
        }
    }

    /// A worker is to leave: it has nothing to do, and nothing that nobody else holds. From here on
    /// what it holds does not count.
    fn lets_go(&mut self, worker: u32) -> Result<(), Breach> {
        self.copies_nothing(worker);
        let log = self.workers.entry(worker).or_default();
        log.leaves = true;
        for run in log.runs.clone() {
            let Some(log) = self.run_mut(run) else { continue };
            let has_last = match &mut log.state {
                RunState::Given => log.worker == worker,
                RunState::Finished(holders) => {
                    holders.retain(|holder| *holder != worker);
                    holders.is_empty()
                }
                RunState::Over => false,
            };
            let what = || format!("worker {worker} is told to leave, and has run {run}");
            ensure(!has_last, Property::Retire, what)?;
        }
        Ok(())
    }

    /// Whether a client wants a task, or something that depends on it.
    fn is_wanted(&self, task: u32) -> bool {
        let (mut next, mut seen) = (vec![task], BTreeSet::new());
        while let Some(task) = next.pop() {
            let log = self.task(task);
            if !log.wants.is_empty() {
                return true;
            }
            next.extend(log.dependents.iter().filter(|dependent| seen.insert(**dependent)));
        }
        false
    }

    /// A run is to be given back: one that is under way there, once.
    fn asks_back(&mut self, worker: u32, run: RunId) -> Result<(), Breach> {
        let Some(log) = self.run_mut(run) else {
            return breach(Property::Recalls, || format!("{run} was never given out"));
        };
        let sound = log.state == RunState::Given && log.worker == worker && !log.recalled;
        log.recalled = true;
        ensure(sound, Property::Recalls, || format!("worker {worker} is to give {run} back"))
    }

    /// A run, or its value, is to go.
    fn frees(&mut self, worker: u32, run: RunId, machine: &Scheduler) -> Result<(), Breach> {
        self.ends_copying(run, worker);
        let Some(log) = self.run_mut(run) else { return Ok(()) };
        let task = log.task;
        match &mut log.state {
            RunState::Given if log.worker == worker => self.end(run, RunState::Over),
            RunState::Finished(holders) if holders.contains(&worker) => {
                holders.retain(|holder| *holder != worker);
                let is_left = !holders.is_empty();
                if !is_left {
                    log.state = RunState::Over;
                }
                let log = self.task(task);
                let wanted =
                    || format!("the value of {} is freed: {:?} want it", log.key, log.wants);
                // One copy of several is superfluous, whoever wants the value.
                ensure(is_left || log.wants.is_empty(), Property::Isolation, wanted)?;
                if is_left {
                    self.check_drop(worker, run, machine)?;
                }
            }
            RunState::Finished(_) | RunState::Given | RunState::Over => {}
        }
        Ok(())
    }
}
