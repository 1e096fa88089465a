//! Runs that are asked back before they begin: to be run elsewhere, or because their worker leaves.
//!
//! A run that is asked back stays where it is until its worker has answered, so it never begins
//! twice. Which runs are worth it is the policy's to say; this file must not choose.

use std::collections::BTreeMap;

use raddle_net::messages::SchedulerToWorker;
use raddle_net::names::{RunId, WorkerId};

use super::Scheduler;
use super::policy;
use super::state::{TaskId, TaskState, Violation};
use super::turn::{Goal, Turn};

/// Runs that were asked back, and have neither come back nor ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Recalls {
    runs: BTreeMap<RunId, Recall>,
    /// How many are to come to each worker that is to have some.
    coming: BTreeMap<WorkerId, usize>,
}

/// A run that was asked back.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Recall {
    task: TaskId,
    /// Who is to have it; `None`: whoever starts it first, or nobody any more.
    thief: Option<WorkerId>,
    /// Whether its worker keeps it: it has begun.
    kept: bool,
}

impl Recalls {
    /// Whether this run was asked back, be it in vain.
    pub(super) fn was_asked(&self, run: RunId) -> bool {
        self.runs.contains_key(&run)
    }

    /// How many runs may still come to this worker.
    pub(super) fn coming(&self, worker: WorkerId) -> usize {
        self.coming.get(&worker).copied().unwrap_or(0)
    }

    /// For whom this run was asked back, if its worker has not answered.
    pub(super) fn thief(&self, run: RunId) -> Option<WorkerId> {
        self.runs.get(&run)?.thief
    }

    /// The run is over, or given up: nothing is asked of it any more.
    pub(super) fn end(&mut self, run: RunId) {
        if let Some(Recall { thief: Some(thief), .. }) = self.runs.remove(&run) {
            self.forget_one(thief);
        }
    }

    /// A worker is gone: nothing comes to it.
    fn forget(&mut self, worker: WorkerId) {
        if self.coming.remove(&worker).is_some() {
            let its = self.runs.values_mut().filter(|recall| recall.thief == Some(worker));
            its.for_each(|recall| recall.thief = None);
        }
    }

    fn keep(&mut self, run: RunId) {
        let Some(recall) = self.runs.get_mut(&run) else { return };
        recall.kept = true;
        if let Some(thief) = recall.thief.take() {
            self.forget_one(thief);
        }
    }

    fn forget_one(&mut self, thief: WorkerId) {
        let coming = self.coming.get_mut(&thief).expect("what comes to a worker is counted");
        *coming -= 1;
        if *coming == 0 {
            self.coming.remove(&thief);
        }
    }
}

impl Scheduler {
    /// Asks for what idle workers would begin sooner than those who have it. At the end of each
    /// event, when nothing is left to be given out; until nobody gains any more, so that an event
    /// that changes nothing moves nothing.
    pub(super) fn steal(&mut self, turn: &mut Turn<'_>) {
        loop {
            let moves = policy::steal(&self.config, &self.state, &self.recalls);
            if moves.is_empty() {
                return;
            }
            for (task, thief) in moves {
                self.recall(task, Some(thief), turn);
            }
        }
    }

    /// Asks the worker of a processing task to give it back, once a run.
    pub(super) fn recall(&mut self, task: TaskId, thief: Option<WorkerId>, turn: &mut Turn<'_>) {
        let Some((worker, run)) = self.state.task(task).processing() else { return };
        if self.recalls.was_asked(run) || self.state.spec_of(task).is_receive() {
            return;
        }
        self.recalls.runs.insert(run, Recall { task, thief, kept: false });
        if let Some(thief) = thief {
            *self.recalls.coming.entry(thief).or_default() += 1;
        }
        let key = self.key(task);
        self.to_worker(worker, SchedulerToWorker::Recall { key, run }, turn);
    }

    /// The worker has answered. A run that comes back was as good as never given out; what nobody
    /// asked for changes nothing.
    pub(super) fn on_recalled(
        &mut self,
        task: TaskId,
        run: RunId,
        returned: bool,
        turn: &mut Turn<'_>,
    ) {
        let Some(&Recall { thief, kept: false, .. }) = self.recalls.runs.get(&run) else { return };
        if !returned {
            return self.recalls.keep(run);
        }
        *self.state.record(task).returns += 1;
        turn.ended = Some(run);
        turn.recommend(task, Goal::Waiting);
        if let Some(worker) = thief.filter(|thief| self.may_have(task, *thief)) {
            turn.recommend(task, Goal::Processing { worker });
        }
    }

    /// Whether a worker may have a task, and begins it at once.
    fn may_have(&self, task: TaskId, worker: WorkerId) -> bool {
        let spec = self.state.task(task).spec;
        self.state.spec_of(task).eligible().contains(&worker)
            && self.state.index().has_room(worker)
            && self.state.fits(spec, worker)
            && self.state.missing(task) == 0
            && !policy::is_too_large(&self.state, task)
    }

    /// A worker is gone: nothing comes to it any more.
    pub(super) fn forget_thief(&mut self, worker: WorkerId) {
        self.recalls.forget(worker);
    }

    /// A run that was asked back is its task's, for a worker that is there; and what comes to each
    /// is counted.
    pub(super) fn check_recalls(&self) -> Result<(), Violation> {
        let mut coming: BTreeMap<WorkerId, usize> = BTreeMap::new();
        for (run, Recall { task, thief, kept }) in &self.recalls.runs {
            let known = self.state.is_known(*task).then(|| self.state.task(*task).state());
            let TaskState::Processing { run: current, .. } =
                known.ok_or(Violation::Recalls(*run))?
            else {
                return Err(Violation::Recalls(*run));
            };
            let there = thief.is_none_or(|thief| self.state.worker(thief).is_some());
            if current != run || !there || (*kept && thief.is_some()) {
                return Err(Violation::Recalls(*run));
            }
            if let Some(thief) = thief {
                *coming.entry(*thief).or_default() += 1;
            }
        }
        let counted = coming == self.recalls.coming;
        if counted { Ok(()) } else { Err(Violation::Recalls(self.state.last_run())) }
    }
}
