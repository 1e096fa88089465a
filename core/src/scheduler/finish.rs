//! How a run ends: with a value, or without.
//!
//! Reports are judged before they come here; this file must not meet a stale one.

use std::sync::Arc;

use raddle_net::messages::{Failure, SchedulerToClient};
use raddle_net::names::Key;
use raddle_net::payload::SmallValue;
use smallvec::smallvec;

use super::Scheduler;
use super::state::{Kind, TaskId, TaskState};
use super::turn::{Goal, Turn};

impl Scheduler {
    /// The run made a value: clients are told, dependents come nearer, inputs may go.
    pub(super) fn become_memory(
        &mut self,
        task: TaskId,
        nbytes: u64,
        value: Option<SmallValue>,
        turn: &mut Turn<'_>,
    ) {
        let (worker, run) = self.state.task(task).processing().expect("the table says so");
        self.end_run(run, turn);
        self.state.set(task, TaskState::Memory { run, nbytes, holders: smallvec![worker] });
        *self.state.record(task).suspect = false;
        self.copies.note(task);
        let key = self.key(task);
        for i in 0..self.state.task(task).clients.len() {
            let client = self.state.task(task).clients[i];
            self.introduce_to_client(client, worker, turn);
            let value = value.clone();
            let message = SchedulerToClient::InMemory { key, run, nbytes, worker, value };
            self.to_client(client, message, turn);
        }
        self.settle_detached(task);
        for &dependent in self.state.task(task).dependents.ids() {
            if self.state.is_known(dependent) {
                self.recommend_if_runnable(dependent, turn);
            }
        }
        self.recommend_inputs_unneeded(task, turn);
        if !self.state.task(task).is_needed() {
            turn.recommend(task, Goal::Unneeded);
        }
    }

    /// The task will have no value, and so will none of those that are on their way because of it.
    pub(super) fn become_erred(
        &mut self,
        task: TaskId,
        blame: Key,
        failure: Arc<Failure>,
        turn: &mut Turn<'_>,
    ) {
        let erred = TaskState::Erred { blame, failure: Arc::clone(&failure) };
        let previous = self.state.set(task, erred);
        self.copies.note_if_wished(task);
        self.give_up(task, &previous, turn);
        let key = self.key(task);
        let message = SchedulerToClient::Erred { key, blame, failure: Arc::clone(&failure) };
        self.tell_clients(task, &message, turn);
        self.settle_detached(task);
        for &dependent in self.state.task(task).dependents.ids() {
            if self.state.is_known(dependent) && self.state.task(dependent).kind().is_active() {
                let failure = Arc::clone(&failure);
                turn.recommend(dependent, Goal::Erred { blame, failure });
            }
        }
        if previous.kind().is_active() {
            self.recommend_inputs_unneeded(task, turn);
        }
        turn.recommend(task, Goal::Unneeded);
    }

    /// Tells everyone who wants the task.
    pub(super) fn tell_clients(
        &self,
        task: TaskId,
        message: &SchedulerToClient,
        turn: &mut Turn<'_>,
    ) {
        for &client in &self.state.task(task).clients {
            self.to_client(client, message.clone(), turn);
        }
    }

    /// The task does not need its inputs any more; perhaps nobody does.
    pub(super) fn recommend_inputs_unneeded(&mut self, task: TaskId, turn: &mut Turn<'_>) {
        for &input in &self.state.task(task).dependencies {
            self.copies.note_if_wished(input);
            let input_task = self.state.task(input);
            if !input_task.is_needed() && input_task.kind() != Kind::Released {
                turn.recommend(input, Goal::Unneeded);
            }
        }
    }
}
