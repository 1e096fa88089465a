//! How a task lets go: of its run, of its replicas, and in the end of itself.
//!
//! Why it lets go is the caller's business.

use std::sync::Arc;

use raddle_net::messages::{Failure, SchedulerToWorker};
use raddle_net::names::{Key, RunId, WorkerId};
use smallvec::SmallVec;

use super::Scheduler;
use super::state::{ClientId, Kind, TaskId, TaskState};
use super::turn::{Goal, Turn};

impl Scheduler {
    /// If nobody needs the task, it gives up what it has; if nothing depends on it either, it is
    /// forgotten, and its inputs are looked at in turn.
    pub(super) fn become_unneeded(&mut self, task: TaskId, turn: &mut Turn<'_>) {
        if self.state.task(task).is_needed() {
            return;
        }
        // An error stays known for as long as something depends on it: a dependent that is asked for
        // again must fail, not wait.
        if !matches!(self.state.task(task).kind(), Kind::Erred | Kind::Released) {
            let released = self.released(task);
            let previous = self.state.set(task, released);
            self.give_up(task, &previous, turn);
            // Who waits for copies of a value that will not be made waits for nothing.
            self.copies.note_if_wished(task);
            if previous.kind().is_active() {
                self.recommend_inputs_unneeded(task, turn);
            }
        }
        if self.state.task(task).dependents.is_empty() {
            self.copies.note_if_wished(task);
            for input in self.state.forget(task) {
                turn.recommend(input, Goal::Unneeded);
            }
        }
    }

    /// What becomes of a task that gives up what it has. Data without a recipe cannot come back.
    fn released(&self, task: TaskId) -> TaskState {
        if !self.state.spec_of(task).is_receive() {
            return TaskState::Released;
        }
        let (blame, failure) = self.lost(task, "it was released");
        TaskState::Erred { blame, failure }
    }

    /// What leaving `previous` entails for workers and for dependents; the task is in its next state
    /// already.
    pub(super) fn give_up(&mut self, task: TaskId, previous: &TaskState, turn: &mut Turn<'_>) {
        let key = self.key(task);
        match previous {
            TaskState::Memory { run, holders, .. } => {
                for &holder in holders {
                    self.to_worker(holder, SchedulerToWorker::Free { key, run: *run }, turn);
                }
                self.end_acquisitions(task, (key, *run), turn);
                self.withdraw_dependents(task, turn);
            }
            TaskState::Processing { worker, run, .. } => {
                if turn.ended != Some(*run) {
                    self.to_worker(*worker, SchedulerToWorker::Free { key, run: *run }, turn);
                }
                self.end_run(*run, turn);
                self.withdraw_dependents(task, turn);
            }
            TaskState::Erred { .. }
            | TaskState::NoWorker
            | TaskState::Queued
            | TaskState::Released
            | TaskState::Waiting { .. } => {}
        }
    }

    /// An input is gone: those that had it, or were to have it on the same worker, wait again.
    fn withdraw_dependents(&self, task: TaskId, turn: &mut Turn<'_>) {
        for &dependent in self.state.task(task).dependents.ids() {
            let known = self.state.is_known(dependent);
            if known
                && matches!(self.kind(dependent), Kind::NoWorker | Kind::Processing | Kind::Queued)
            {
                turn.recommend(dependent, Goal::Waiting);
            }
        }
    }

    /// A run has ended, or was given up: nothing is asked of it any more, what it submitted is wanted
    /// by it no more, and it is told nothing.
    pub(super) fn end_run(&mut self, run: RunId, turn: &mut Turn<'_>) {
        self.recalls.end(run);
        if let Some(client) = self.run_clients.remove(&run) {
            self.end_client(client, turn);
        }
    }

    /// A client is gone: what it wanted is released, and its questions are not answered.
    pub(super) fn end_client(&mut self, client: ClientId, turn: &mut Turn<'_>) {
        self.release_all(client, turn);
        self.state.remove_client(client);
        self.waiting_queries.retain(|query| query.client != client);
        self.topics.forget(client);
    }

    /// The client wants nothing any more. Data that it had still to send is lost.
    pub(super) fn release_all(&mut self, client: ClientId, turn: &mut Turn<'_>) {
        let wants: Vec<TaskId> =
            self.state.client(client).into_iter().flat_map(|c| c.wants.iter().copied()).collect();
        for task in wants {
            self.release_want(client, task, turn);
        }
    }

    /// The client does not want the task any more.
    pub(super) fn release_want(&mut self, client: ClientId, task: TaskId, turn: &mut Turn<'_>) {
        let was_source = self.state.task(task).clients.first() == Some(&client);
        if !self.state.unwant(client, task) {
            return;
        }
        if was_source && self.is_unsent(task) {
            let (blame, failure) =
                self.lost(task, "the client that had it went before it was sent");
            turn.recommend(task, Goal::Erred { blame, failure });
        }
        turn.recommend(task, Goal::Unneeded);
    }

    /// Whether the value of the task is still with the client that scatters it.
    fn is_unsent(&self, task: TaskId) -> bool {
        self.state.spec_of(task).is_receive() && self.kind(task).is_active()
    }

    /// Data without a recipe is gone: whom to blame, and how.
    pub(super) fn lost(&self, task: TaskId, reason: &str) -> (Key, Arc<Failure>) {
        let key = self.key(task);
        let reason = format!("the scattered value of {key} is lost: {reason}; scatter it again");
        (key, Arc::new(Failure::Lost { reason }))
    }

    pub(super) fn key(&self, task: TaskId) -> Key {
        self.state.task(task).key
    }

    pub(super) fn kind(&self, task: TaskId) -> Kind {
        self.state.task(task).kind()
    }

    /// One replica is gone. If it was the last, the task is computed again, or lost for good.
    pub(super) fn lose_replica(&mut self, task: TaskId, worker: WorkerId, turn: &mut Turn<'_>) {
        let TaskState::Memory { holders, .. } = self.state.task(task).state() else { return };
        let holders: SmallVec<[_; 2]> = holders.clone();
        if !holders.contains(&worker) {
            return;
        }
        if holders.len() > 1 {
            self.state.remove_replica(task, worker);
            self.copies.note(task);
        } else if self.state.spec_of(task).is_receive() {
            let (blame, failure) = self.lost(task, "the only worker that held it is gone");
            self.step(task, Goal::Erred { blame, failure }, turn);
        } else {
            self.step(task, Goal::Waiting, turn);
        }
    }
}
