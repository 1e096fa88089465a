//! From released to processing: what a task goes through before it runs.
//!
//! The policy says where; this file must not choose.

use std::sync::Arc;

use raddle_net::limits::MAX_HOLDERS;
use raddle_net::messages::{Compute, Failure, Input, SchedulerToClient, SchedulerToWorker};
use raddle_net::names::WorkerId;
use smallvec::SmallVec;

use super::Scheduler;
use super::policy::{self, Placement};
use super::state::{Kind, Task, TaskId, TaskState};
use super::turn::{Goal, Turn};

impl Scheduler {
    /// The task is to be computed from the start. What it had is given up; what it needs is made.
    pub(super) fn become_waiting(&mut self, task: TaskId, turn: &mut Turn<'_>) {
        if !self.state.task(task).is_needed() {
            return self.become_unneeded(task, turn);
        }
        if let Some(erred) = self.erred_input(task) {
            return turn.recommend(task, erred);
        }
        if self.may_have_run(task) {
            let blame = self.key(task);
            let reason = format!("{blame} may have run already, and must run at most once");
            let failure = Arc::new(Failure::Lost { reason });
            return turn.recommend(task, Goal::Erred { blame, failure });
        }
        let missing = self.state.missing(task);
        let previous = self.state.set(task, TaskState::Waiting { missing });
        self.give_up(task, &previous, turn);
        if previous.kind() == Kind::Memory {
            self.tell_clients(task, &SchedulerToClient::Recomputing { key: self.key(task) }, turn);
        }
        for i in 0..self.state.task(task).dependencies.len() {
            let input = self.state.task(task).dependencies[i];
            if self.state.task(input).kind() == Kind::Released {
                turn.recommend(input, Goal::Waiting);
            }
        }
        self.recommend_if_runnable(task, turn);
    }

    /// Whether the task must not be assigned once more. A run that came back had not begun.
    fn may_have_run(&self, task: TaskId) -> bool {
        let Task { attempts, returns, .. } = self.state.task(task);
        attempts > returns && self.state.spec_of(task).spec.options.at_most_once
    }

    fn erred_input(&self, task: TaskId) -> Option<Goal> {
        let inputs = self.state.task(task).dependencies.iter();
        inputs.map(|input| self.state.task(*input).state()).find_map(|state| {
            let TaskState::Erred { blame, failure } = state else { return None };
            Some(Goal::Erred { blame: *blame, failure: Arc::clone(failure) })
        })
    }

    /// A waiting task is runnable when all its inputs are in memory. The policy may have it follow
    /// inputs that are still processing, if all of these are on one worker.
    pub(super) fn recommend_if_runnable(&self, task: TaskId, turn: &mut Turn<'_>) {
        let TaskState::Waiting { missing } = self.state.task(task).state() else { return };
        if *missing == 0 {
            turn.recommend(task, Goal::Runnable);
        } else if let Some(worker) = policy::follow(&self.config, &self.state, task) {
            turn.recommend(task, Goal::Processing { worker });
        }
    }

    /// Every input is in memory: the task is assigned at once if it must not wait for its turn,
    /// otherwise queued.
    pub(super) fn become_runnable(&mut self, task: TaskId, turn: &mut Turn<'_>) {
        let ready = self.state.missing(task) == 0;
        if !ready {
            return;
        }
        match policy::place(&self.config, &self.state, task) {
            Placement::Assign(worker) => self.become_processing(task, worker, turn),
            Placement::TooLarge { needed, largest } => {
                let reason = format!(
                    "its inputs have {needed} bytes together, and no worker may use more than \
                     {largest}: split them, or start a worker with more memory"
                );
                let failure = Arc::new(Failure::NoWorker { reason });
                turn.recommend(task, Goal::Erred { blame: self.key(task), failure });
            }
            Placement::NoWorker => {
                let is_new = self.kind(task) != Kind::NoWorker;
                if self.state.set(task, TaskState::NoWorker).kind() == Kind::Waiting {
                    self.warn_if_unknown(task, turn);
                }
                if is_new {
                    self.starves(task, turn.now);
                }
            }
            Placement::Queue => {
                self.state.set(task, TaskState::Queued);
            }
        }
    }

    /// Hands out queued tasks, in order, while a worker that may run them has room.
    pub(super) fn fill(&mut self, turn: &mut Turn<'_>) {
        while let Some((task, worker)) = policy::next(&self.config, &self.state) {
            self.step(task, Goal::Processing { worker }, turn);
            self.settle(turn);
        }
    }

    /// Assigns the task to `worker` and sends it there.
    pub(super) fn become_processing(
        &mut self,
        task: TaskId,
        worker: WorkerId,
        turn: &mut Turn<'_>,
    ) {
        if self.state.task(task).kind() == Kind::Waiting && !self.may_follow(task, worker) {
            return;
        }
        assert!(self.state.fits(self.state.task(task).spec, worker), "policies look first");
        let run = self.state.next_run();
        let cost = policy::cost(&self.state, task, worker);
        if policy::moves_much(&self.state, task) {
            self.state.expect_inputs(task, worker, turn.now);
        }
        let announce = self.state.task(task).suspect;
        let (missing, waits) = (self.state.missing(task), self.state.spec_of(task).is_receive());
        self.state.set(
            task,
            TaskState::Processing {
                worker,
                run,
                cost,
                missing,
                waits,
                announced: announce,
                started: false,
                progress: 0,
            },
        );
        let attempts = self.state.record(task).attempts;
        *attempts += 1;
        let attempt = *attempts;
        self.define_for_worker(worker, self.state.task(task).spec, turn);
        let inputs = self.inputs(task, worker, turn);
        let Task { key, spec, priority, args, .. } = self.state.task(task);
        let compute = Compute {
            key: *key,
            run,
            spec: *spec,
            priority: *priority,
            announce,
            attempt,
            inputs,
            args: args.clone(),
        };
        self.to_worker(worker, SchedulerToWorker::Compute(compute), turn);
        self.ask_for_value(task, worker, turn);
        self.recommend_followers(task, turn);
    }

    /// Whether each input is in memory, or processing on `worker`: what was recommended may have
    /// changed since.
    fn may_follow(&self, task: TaskId, worker: WorkerId) -> bool {
        self.state.task(task).dependencies.iter().all(|input| {
            let input = self.state.task(*input);
            input.kind() == Kind::Memory || input.processing().is_some_and(|(w, _)| w == worker)
        })
    }

    /// The inputs of a run, as its worker is told. One that is still processing there has no holder.
    fn inputs(
        &mut self,
        task: TaskId,
        worker: WorkerId,
        turn: &mut Turn<'_>,
    ) -> SmallVec<[Input; 1]> {
        let mut inputs = SmallVec::with_capacity(self.state.task(task).dependencies.len());
        for i in 0..self.state.task(task).dependencies.len() {
            let input = self.state.task(self.state.task(task).dependencies[i]);
            let key = input.key;
            match input.state() {
                TaskState::Memory { run, nbytes, holders } => {
                    let (run, nbytes) = (*run, *nbytes);
                    let holders: SmallVec<[WorkerId; 2]> =
                        holders.iter().copied().take(MAX_HOLDERS).collect();
                    for &holder in &holders {
                        self.introduce_to_worker(worker, holder, turn);
                    }
                    inputs.push(Input { key, run, nbytes, holders });
                }
                TaskState::Processing { run, .. } => {
                    inputs.push(Input { key, run: *run, nbytes: 0, holders: SmallVec::new() });
                }
                TaskState::Erred { .. }
                | TaskState::NoWorker
                | TaskState::Queued
                | TaskState::Released
                | TaskState::Waiting { .. } => {
                    unreachable!("a task is placed when its inputs are in memory or on its worker")
                }
            }
        }
        inputs
    }

    /// Scattered data is on its way when the client that has it knows where to send it.
    fn ask_for_value(&mut self, task: TaskId, worker: WorkerId, turn: &mut Turn<'_>) {
        if !self.state.spec_of(task).is_receive() {
            return;
        }
        let key = self.key(task);
        let source = self.state.task(task).clients.first().copied();
        if let (Some(client), Some((_, run))) = (source, self.state.task(task).processing()) {
            self.introduce_to_client(client, worker, turn);
            self.to_client(client, SchedulerToClient::Send { key, run, worker }, turn);
        }
    }

    /// Dependents of a task that has just been assigned may follow it.
    fn recommend_followers(&self, task: TaskId, turn: &mut Turn<'_>) {
        if !policy::may_be_followed(&self.config, &self.state, task) {
            return;
        }
        for &dependent in self.state.task(task).dependents.ids() {
            if self.state.is_known(dependent) {
                self.recommend_if_runnable(dependent, turn);
            }
        }
    }
}
