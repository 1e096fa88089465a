//! Copies of values, made on purpose: so many as a client wished for, and one on a worker that stays
//! of each value that a worker holds which is to leave. Values that move are told of in
//! `rebalance.rs`.
//!
//! Whatever may change how many are lacking notes the task; what is noted is reviewed once, when
//! everything else has settled. Where a copy goes is the policy's business. A copy comes from a
//! holder that sends none of this value to anybody else: so the holders double each round, and none
//! of them is the centre. What is on its way is not called off, lest its news cross the word that it
//! is not needed: it arrives, and is superfluous then.

use std::collections::{BTreeMap, BTreeSet};

use raddle_net::messages::{Input, QueryAnswer, SchedulerToWorker};
use raddle_net::names::{Key, RunId, WorkerId};
use smallvec::{SmallVec, smallvec};

use super::Scheduler;
use super::policy;
use super::rebalance::Moves;
use super::state::{Duty, Kind, Presence, TaskId, TaskState};
use super::turn::Turn;

/// What is known of copies beside where they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Copies {
    /// How many there are to be of a value. `u32::MAX` is one on each worker.
    pub(super) wished: BTreeMap<TaskId, u32>,
    /// Who is about to hold one more, and from whom it gets it.
    pub(super) acquiring: BTreeMap<(TaskId, WorkerId), WorkerId>,
    /// Workers that are to leave, each with the values that nobody else holds who is there and stays.
    pub(super) retiring: BTreeMap<WorkerId, BTreeSet<TaskId>>,
    /// Values of which one copy goes as soon as another one is there.
    pub(super) moves: Moves,
    /// To be reviewed before the event ends.
    noted: BTreeSet<TaskId>,
}

/// Who holds a value.
struct Holders {
    all: SmallVec<[WorkerId; 2]>,
    /// Those that stay.
    staying: usize,
    /// Those of them that are connected.
    here: usize,
}

impl Copies {
    /// Whether anybody cares how many copies there are.
    pub(super) fn is_used(&self) -> bool {
        !self.wished.is_empty() || !self.retiring.is_empty() || !self.moves.is_empty()
    }

    /// How many copies of this value may be lacking now, or superfluous.
    pub(super) fn note(&mut self, task: TaskId) {
        if self.is_used() {
            self.noted.insert(task);
        }
    }

    /// A task does not need this input any more: a copy of it may be superfluous.
    pub(super) fn note_if_wished(&mut self, task: TaskId) {
        if !self.wished.is_empty() && self.wished.contains_key(&task) {
            self.noted.insert(task);
        }
    }

    /// Who is to hold one more copy of this value, and from whom it gets it.
    pub(super) fn acquirers(
        &self,
        task: TaskId,
    ) -> impl Iterator<Item = (WorkerId, WorkerId)> + '_ {
        let range = (task, WorkerId(0))..=(task, WorkerId(u32::MAX));
        self.acquiring.range(range).map(|(&(_, worker), &source)| (worker, source))
    }
}

impl Scheduler {
    /// A client wishes so many copies of a value, or of what a task will make.
    pub(super) fn wish_copies(&mut self, task: TaskId, copies: u32) {
        self.copies.wished.insert(task, copies.max(1));
        self.copies.note(task);
    }

    /// What became of the wish; `None` as long as a copy may be on its way.
    pub(super) fn answer_copies(&self, task: TaskId) -> Option<QueryAnswer> {
        let declined = |why: &str| Some(QueryAnswer::Declined(why.to_owned()));
        if !self.state.is_known(task) {
            return declined("nobody wants the value any more");
        }
        match self.kind(task) {
            Kind::Erred => declined("the task has failed: there is no value to copy"),
            Kind::Memory => {
                let coming = self.copies.acquirers(task).next().is_some();
                (!coming).then_some(QueryAnswer::Done)
            }
            Kind::Released => declined("nobody wants the value any more"),
            Kind::NoWorker | Kind::Processing | Kind::Queued | Kind::Waiting => None,
        }
    }

    /// The worker is to leave: what only it holds is copied first.
    pub(super) fn begin_retirement(&mut self, worker: WorkerId) {
        self.state.set_duty(worker, Duty::Retiring);
        self.copies.retiring.insert(worker, BTreeSet::new());
        self.note_worker(worker);
    }

    /// Whether a worker is there and stays has changed: what it holds, or is to hold, is looked at.
    pub(super) fn note_worker(&mut self, worker: WorkerId) {
        if !self.copies.is_used() {
            return;
        }
        let held = self.state.index().load(worker).into_iter().flat_map(|load| load.values.iter());
        let acquired = self.copies.acquiring.keys().filter(|(_, acquirer)| *acquirer == worker);
        let tasks: Vec<TaskId> = held.chain(acquired.map(|(task, _)| *task)).collect();
        self.copies.noted.extend(tasks);
    }

    /// A worker can hold more: whatever lacks a copy may get one.
    pub(super) fn note_lacking(&mut self) {
        let Copies { wished, retiring, noted, .. } = &mut self.copies;
        noted.extend(wished.keys().chain(retiring.values().flatten()));
    }

    /// A worker is gone, and what it held: it is to hold no copies.
    pub(super) fn forget_acquirer(&mut self, worker: WorkerId) {
        self.note_worker(worker);
        self.copies.acquiring.retain(|(_, acquirer), _| *acquirer != worker);
        self.copies.retiring.remove(&worker);
    }

    /// The value is given up: whoever is about to hold a copy need not.
    pub(super) fn end_acquisitions(
        &mut self,
        task: TaskId,
        (key, run): (Key, RunId),
        turn: &mut Turn<'_>,
    ) {
        self.copies.note(task);
        if self.copies.acquiring.is_empty() {
            return;
        }
        let acquirers: Vec<WorkerId> = self.copies.acquirers(task).map(|(w, _)| w).collect();
        for worker in acquirers {
            self.copies.acquiring.remove(&(task, worker));
            self.to_worker(worker, SchedulerToWorker::Free { key, run }, turn);
        }
    }

    /// Brings about the copies that are lacking, drops the superfluous ones, and lets workers go that
    /// have nothing any more that others need.
    pub(super) fn settle_copies(&mut self, turn: &mut Turn<'_>) {
        if self.copies.noted.is_empty() && self.copies.retiring.is_empty() {
            return;
        }
        self.review_all(turn);
        let retiring = self.copies.retiring.keys().copied();
        let ready: Vec<WorkerId> = retiring.filter(|worker| self.may_leave(*worker)).collect();
        for worker in ready {
            self.let_go(worker, turn);
        }
        self.review_all(turn);
        self.answer_waiting(turn);
        self.copies.moves.forget_answered();
    }

    fn review_all(&mut self, turn: &mut Turn<'_>) {
        while let Some(task) = self.copies.noted.pop_first() {
            self.review(task, turn);
        }
    }

    fn holders(&self, task: TaskId) -> Option<Holders> {
        if !self.state.is_known(task) {
            return None;
        }
        let TaskState::Memory { holders, .. } = self.state.task(task).state() else {
            return None;
        };
        let (mut staying, mut here) = (0, 0);
        for worker in holders.iter().filter_map(|holder| self.state.worker(*holder)) {
            staying += usize::from(worker.stays());
            here += usize::from(worker.stays() && worker.presence == Presence::Here);
        }
        Some(Holders { all: holders.clone(), staying, here })
    }

    fn review(&mut self, task: TaskId, turn: &mut Turn<'_>) {
        if !self.state.is_known(task) {
            self.copies.wished.remove(&task);
        }
        self.review_move(task, turn);
        let Some(holders) = self.holders(task) else {
            self.copies.retiring.values_mut().for_each(|only_here| {
                only_here.remove(&task);
            });
            return;
        };
        for (worker, only_here) in &mut self.copies.retiring {
            if holders.here == 0 && holders.all.contains(worker) {
                only_here.insert(task);
            } else {
                only_here.remove(&task);
            }
        }
        while let Some((worker, source)) = self.next_copy(task) {
            self.acquire(task, worker, source, turn);
        }
        self.drop_superfluous(task, &holders, turn);
    }

    /// One more copy of a value that lacks one: where it goes, and from where. None if all is well,
    /// if nobody can take it, or if each holder sends it to somebody already.
    pub(super) fn next_copy(&self, task: TaskId) -> Option<(WorkerId, WorkerId)> {
        let holders = self.holders(task)?;
        let stays = |worker: &WorkerId| self.state.worker(*worker).is_some_and(|w| w.stays());
        let coming = self.copies.acquirers(task).filter(|(worker, _)| stays(worker)).count();
        let wished = self.copies.wished.get(&task).copied().unwrap_or(0) as usize;
        let leaves = holders.all.iter().any(|holder| self.copies.retiring.contains_key(holder));
        let lacks = holders.staying + coming < wished || (leaves && holders.here + coming == 0);
        if !lacks {
            return None;
        }
        let sends = |source: &WorkerId| self.copies.acquirers(task).any(|(_, s)| s == *source);
        let is_here = |worker: &WorkerId| {
            self.state.worker(*worker).is_some_and(|w| w.presence == Presence::Here)
        };
        let source = holders.all.iter().copied().find(|w| is_here(w) && !sends(w))?;
        let has = |worker: &WorkerId| {
            holders.all.contains(worker) || self.copies.acquiring.contains_key(&(task, *worker))
        };
        let worker = policy::copy_to(&self.config, &self.state, task, &has)?;
        Some((worker, source))
    }

    /// A worker is to hold one more copy of a value, and gets it from this one.
    pub(super) fn acquire(
        &mut self,
        task: TaskId,
        worker: WorkerId,
        source: WorkerId,
        turn: &mut Turn<'_>,
    ) {
        let TaskState::Memory { run, nbytes, .. } = *self.state.task(task).state() else { return };
        self.copies.acquiring.insert((task, worker), source);
        self.introduce_to_worker(worker, source, turn);
        let input = Input { key: self.key(task), run, nbytes, holders: smallvec![source] };
        self.to_worker(worker, SchedulerToWorker::Acquire(input), turn);
    }

    /// Copies beyond what was wished go, the newest first, while nothing that is on its way needs the
    /// value; so that as many are left as were wished, on workers that are there and stay.
    fn drop_superfluous(&mut self, task: TaskId, holders: &Holders, turn: &mut Turn<'_>) {
        let Some(&wished) = self.copies.wished.get(&task) else { return };
        let is_coming = self.copies.acquirers(task).next().is_some();
        if is_coming || self.state.task(task).is_waited_for() {
            return;
        }
        let superfluous = holders.here.saturating_sub(wished as usize);
        let can_drop = |worker: &&WorkerId| {
            let worker = self.state.worker(**worker);
            worker.is_some_and(|w| w.stays() && w.presence == Presence::Here)
        };
        let dropped: Vec<WorkerId> =
            holders.all.iter().rev().filter(can_drop).take(superfluous).copied().collect();
        for worker in dropped {
            self.drop_copy(task, worker, turn);
        }
    }

    /// One copy of several goes.
    pub(super) fn drop_copy(&mut self, task: TaskId, worker: WorkerId, turn: &mut Turn<'_>) {
        let TaskState::Memory { run, .. } = *self.state.task(task).state() else { return };
        self.state.remove_replica(task, worker);
        let key = self.key(task);
        self.to_worker(worker, SchedulerToWorker::Free { key, run }, turn);
    }

    /// Whether a retiring worker has nothing to do, and nothing that nobody else has.
    pub(super) fn may_leave(&self, worker: WorkerId) -> bool {
        let is_here = self.state.worker(worker).is_some_and(|w| w.presence == Presence::Here);
        let idle = self.state.index().load(worker).is_none_or(|load| load.processing.len() == 0);
        let needed = self.copies.retiring.get(&worker).is_none_or(|only| !only.is_empty());
        is_here && idle && !needed
    }

    /// The worker may leave. What it holds does not count from here on.
    fn let_go(&mut self, worker: WorkerId, turn: &mut Turn<'_>) {
        self.copies.retiring.remove(&worker);
        let load = self.state.index().load(worker);
        let values: Vec<TaskId> = load.into_iter().flat_map(|load| load.values.iter()).collect();
        for task in values {
            self.state.remove_replica(task, worker);
            self.copies.note(task);
        }
        // Whoever was to send it something may send it to others.
        self.note_worker(worker);
        self.copies.acquiring.retain(|(_, acquirer), _| *acquirer != worker);
        self.state.set_duty(worker, Duty::Leaving);
        self.to_worker(worker, SchedulerToWorker::Leave, turn);
    }

    /// Why a worker that is to leave is still there, in words.
    pub(super) fn explain_retirement(&self, worker: WorkerId) -> Option<String> {
        let only_here = self.copies.retiring.get(&worker)?;
        let running = self.state.index().load(worker).map_or(0, |load| load.processing.len());
        let on_their_way =
            only_here.iter().filter(|task| self.copies.acquirers(**task).next().is_some());
        let on_their_way = on_their_way.count();
        let stuck = only_here.len() - on_their_way;
        Some(if stuck > 0 && self.state.index().open_workers() == 0 {
            format!("{stuck} values are on no other worker, and no other worker can take them")
        } else if !only_here.is_empty() {
            format!("{} values are on no other worker yet", only_here.len())
        } else {
            format!("{running} tasks are to end")
        })
    }
}
