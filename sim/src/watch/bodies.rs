//! What workers are told and do: which run starts when, once, and before which others.
//!
//! It must not know values.

use raddle_core::time::Instant;
use raddle_core::worker::{Effect, Event, GatherOutcome};
use raddle_net::messages::{SchedulerToWorker, WorkerMessage};
use raddle_net::names::{RunId, WorkerId};

use super::{Breach, Watch, breach, ensure};
use crate::property::Property;

impl Watch {
    /// A worker is about to handle this.
    pub(crate) fn worker_hears(&mut self, now: Instant, worker: u32, event: &Event) {
        match event {
            Event::FromScheduler(SchedulerToWorker::Compute(compute)) => {
                let scattered =
                    self.find(compute.key).is_some_and(|task| self.task(task).scattered);
                if !scattered {
                    let log = self.workers.entry(worker).or_default();
                    log.waiting.insert((compute.priority, compute.run));
                    log.priorities.insert(compute.run, (compute.priority, compute.announce));
                }
            }
            Event::FromScheduler(SchedulerToWorker::Free { run, .. }) => {
                self.never_begins(worker, *run);
            }
            Event::FromScheduler(SchedulerToWorker::Recall { run, .. }) => {
                let log = self.workers.entry(worker).or_default();
                let waits = log.priorities.get(run).map(|(priority, _)| (*priority, *run));
                let has = log.running.contains(run)
                    || log.flushing.contains(run)
                    || waits.is_some_and(|waits| log.waiting.contains(&waits));
                log.asked_back = has.then_some(*run);
            }
            Event::Gathered { peer, outcome: GatherOutcome::Busy } => {
                let until = now + self.busy_pause;
                self.workers.entry(worker).or_default().paused.insert(*peer, until);
            }
            Event::Disconnected => self.worker_begins(worker),
            Event::Flushed { run } => {
                self.workers.entry(worker).or_default().flushing.remove(run);
            }
            Event::Asked { .. }
            | Event::Blocked { .. }
            | Event::Executed { .. }
            | Event::FromRun { .. }
            | Event::FromScheduler(_)
            | Event::Gathered { .. }
            | Event::Noted { .. }
            | Event::Received { .. }
            | Event::Served { .. }
            | Event::Tick
            | Event::Unblocked { .. } => {}
        }
    }

    /// A worker begins with nothing, be it that nobody had its number or that somebody had.
    pub(crate) fn worker_begins(&mut self, worker: u32) {
        let log = self.workers.entry(worker).or_default();
        log.waiting.clear();
        log.priorities.clear();
        log.flushing.clear();
        log.entered.clear();
        log.running.clear();
        log.paused.clear();
    }

    /// A worker has handled an event, and does this. `holds` says what is in its store.
    pub(crate) fn worker_did(
        &mut self,
        now: Instant,
        worker: u32,
        out: &[Effect],
        holds: impl Fn(RunId) -> bool,
    ) -> Result<(), Breach> {
        // A body that was not wanted any more has left a value that goes at once.
        let goes = |run| out.iter().any(|effect| *effect == Effect::Forget { run });
        let holds = |run| holds(run) && !goes(run);
        self.answers(worker, out)?;
        for effect in out {
            match effect {
                Effect::Gather { peer, .. } => self.gathers(now, worker, *peer)?,
                Effect::Execute(execute) => {
                    self.workers.entry(worker).or_default().running.insert(execute.run);
                    self.starts(worker, execute.run, &holds)?;
                    self.executes(worker, execute.run)?;
                    self.enters(now, worker, execute.run);
                }
                Effect::Flush { run } => {
                    self.starts(worker, *run, &holds)?;
                    self.workers.entry(worker).or_default().flushing.insert(*run);
                }
                Effect::Accept { .. }
                | Effect::Close { .. }
                | Effect::Leave
                | Effect::Forget { .. }
                | Effect::Reject { .. }
                | Effect::Resume { .. }
                | Effect::Serve { .. }
                | Effect::ServeBusy { .. }
                | Effect::Stop { .. }
                | Effect::ToRun { .. } => {}
                Effect::ToScheduler(message) => {
                    if let WorkerMessage::Recalled { run, returned: true, .. } = message {
                        self.never_begins(worker, *run);
                    }
                    if let WorkerMessage::Finished { run, .. } | WorkerMessage::Failed { run, .. } =
                        message
                    {
                        self.workers.entry(worker).or_default().running.remove(run);
                    }
                    self.ends(now, worker, message)?;
                }
            }
        }
        Ok(())
    }

    /// A run is freed or given back: it does not wait any more.
    fn never_begins(&mut self, worker: u32, run: RunId) {
        let log = self.workers.entry(worker).or_default();
        log.flushing.remove(&run);
        log.running.remove(&run);
        if let Some((priority, _)) = log.priorities.remove(&run) {
            log.waiting.remove(&(priority, run));
        }
    }

    /// Who is asked for a run back that it has says whether it gives it.
    fn answers(&mut self, worker: u32, out: &[Effect]) -> Result<(), Breach> {
        let asked_back = self.workers.get_mut(&worker).and_then(|log| log.asked_back.take());
        let Some(asked) = asked_back else { return Ok(()) };
        let is_answer = |effect: &Effect| matches!(effect, Effect::ToScheduler(WorkerMessage::Recalled { run, .. }) if *run == asked);
        ensure(out.iter().any(is_answer), Property::Recalls, || {
            format!("worker {worker} is asked for {asked} back, and says {out:?}")
        })
    }

    /// A peer is asked for values: not while it is left alone.
    fn gathers(&mut self, now: Instant, worker: u32, peer: WorkerId) -> Result<(), Breach> {
        let log = self.workers.get_mut(&worker);
        let until = log.and_then(|log| log.paused.remove(&peer));
        ensure(until.is_none_or(|until| until <= now), Property::Pauses, || {
            format!("worker {worker} asks {peer} before {until:?}")
        })
    }

    /// A run gets a slot: no other that is ready, and need not be announced, goes before it.
    fn starts(
        &mut self,
        worker: u32,
        run: RunId,
        holds: &impl Fn(RunId) -> bool,
    ) -> Result<(), Breach> {
        let Some(log) = self.workers.get(&worker) else { return Ok(()) };
        let Some(&(priority, announced)) = log.priorities.get(&run) else { return Ok(()) };
        if !log.waiting.contains(&(priority, run)) {
            return Ok(()); // It was announced, and enters now.
        }
        let before = log.waiting.range(..(priority, run)).find(|(_, other)| {
            let announced = log.priorities.get(other).is_some_and(|(_, announced)| *announced);
            let inputs = self.run(*other).map(|log| &log.inputs);
            !announced && inputs.is_some_and(|inputs| inputs.iter().all(|input| holds(*input)))
        });
        if let Some((_, other)) = before {
            let first = || format!("worker {worker} starts {run} before {other}");
            return breach(Property::Priority, first);
        }
        let log = self.workers.entry(worker).or_default();
        log.waiting.remove(&(priority, run));
        if !announced {
            log.priorities.remove(&run);
        }
        Ok(())
    }

    fn executes(&mut self, worker: u32, run: RunId) -> Result<(), Breach> {
        let Some(log) = self.run_mut(run) else {
            return breach(Property::Executions, || format!("{run} was never given out"));
        };
        let again = std::mem::replace(&mut log.executed, true);
        let (task, given_to) = (log.task, log.worker);
        let log = self.task_mut(task);
        log.executions += 1;
        let once = !again && given_to == worker;
        ensure(once, Property::Executions, || format!("worker {worker} executes {run} again"))
    }
}
