//! What clients wish for tasks that are there: that they are not computed, computed again, or computed
//! whoever wants them.
//!
//! Messages are judged before they come here; where a task goes from here is the table's business.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use raddle_net::messages::{Failure, SchedulerToClient};
use raddle_net::names::Key;

use super::Scheduler;
use super::state::{Channel, Client, ClientId, Kind, TaskId, TaskState};
use super::turn::{Goal, Turn};

impl Scheduler {
    /// The client does not want the task computed. Others that want it, or what needs it, still get
    /// it, unless by `force`; what depends on it fails with it otherwise.
    pub(super) fn on_cancel(
        &mut self,
        client: ClientId,
        key: Key,
        force: bool,
        turn: &mut Turn<'_>,
    ) {
        let Some(task) = self.state.find(key) else { return };
        let wanted = self.state.task(task).clients.contains(&client);
        if !wanted || !self.kind(task).is_active() {
            return;
        }
        let failure = Arc::new(Failure::Cancelled);
        if !force && self.is_wanted_by_others(client, task) {
            self.release_want(client, task, turn);
            self.state.note_called_off(client, task);
            self.to_client(client, SchedulerToClient::Erred { key, blame: key, failure }, turn);
        } else {
            turn.recommend(task, Goal::Erred { blame: key, failure });
        }
        // The next key of the same message finds what is left.
        self.settle(turn);
    }

    /// Whether anybody but this client wants the task, or something that is on its way because of
    /// it. Linear in what is on its way.
    fn is_wanted_by_others(&self, client: ClientId, task: TaskId) -> bool {
        let (mut seen, mut next) = (BTreeSet::from([task]), vec![task]);
        while let Some(task) = next.pop() {
            let task = self.state.task(task);
            if task.clients.iter().any(|other| *other != client) {
                return true;
            }
            for &dependent in task.dependents.ids() {
                let active = self.state.is_known(dependent) && self.kind(dependent).is_active();
                if active && seen.insert(dependent) {
                    next.push(dependent);
                }
            }
        }
        false
    }

    /// The tasks are computed to their end, whoever stops wanting them: the cluster wants them, too.
    pub(super) fn on_detach(&mut self, client: ClientId, keys: &[Key]) {
        for key in keys {
            let task = self.state.find(*key);
            let wanted = |task: &TaskId| self.state.task(*task).clients.contains(&client);
            let Some(task) = task.filter(wanted).filter(|task| self.kind(*task).is_active()) else {
                continue;
            };
            let detached = self.detached.unwrap_or_else(|| {
                self.state.add_client(Client::new(Channel::Cluster, String::new(), 0))
            });
            self.detached = Some(detached);
            self.state.want(detached, task);
        }
    }

    /// The task has come to its end, which is all that the cluster wanted of it. Whether anybody else
    /// needs it is to be looked at.
    pub(super) fn settle_detached(&mut self, task: TaskId) {
        let Some(detached) = self.detached else { return };
        if !self.state.unwant(detached, task) {
            return;
        }
        if self.state.client(detached).is_some_and(|client| client.wants.is_empty()) {
            self.state.remove_client(detached);
            self.detached = None;
        }
    }

    /// The client wants tasks that it knows from somebody else.
    pub(super) fn on_want(&mut self, client: ClientId, keys: &[Key], turn: &mut Turn<'_>) {
        for key in keys {
            match self.shared(client, *key) {
                Some(task) => self.want_again(client, task, turn),
                None => self.tell_unknown(client, *key, turn),
            }
        }
    }

    /// The task of this key, if the client may have its value: its process has submitted it, or wants it,
    /// itself or by a run, or did until it called it off; or it is published. To others it is as if there
    /// were none.
    pub(super) fn shared(&self, client: ClientId, key: Key) -> Option<TaskId> {
        let known = self.state.client(client)?;
        let process = |client| self.state.client(client)?.parent.or(Some(client));
        let own = known.parent.unwrap_or(client);
        let is_shared = |id: &TaskId| {
            let task = self.state.task(*id);
            let shares = |other: &ClientId| process(*other) == Some(own) || self.publishes(*other);
            task.priority.client == own.0
                || known.called_off.contains(id)
                || task.clients.iter().any(shares)
        };
        self.state.find(key).filter(is_shared)
    }

    /// The client wants these tasks computed again, if they failed.
    pub(super) fn on_retry(&mut self, client: ClientId, keys: &[Key], turn: &mut Turn<'_>) {
        let mut known = Vec::with_capacity(keys.len());
        for key in keys {
            match self.shared(client, *key) {
                Some(task) => {
                    // It may have called it off before, and heard so: that does not count any more.
                    if self.state.want(client, task) && self.kind(task) != Kind::Erred {
                        self.to_client(client, SchedulerToClient::Recomputing { key: *key }, turn);
                    }
                    if self.kind(task) == Kind::Released {
                        turn.recommend(task, Goal::Waiting);
                    }
                    known.push(task);
                }
                None => self.tell_unknown(client, *key, turn),
            }
        }
        let retried = self.revivable(&known);
        for task in known.iter().filter(|task| !retried.contains(task)) {
            self.tell_where(client, *task, None, turn);
        }
        // First all failures are taken back, so that nothing finds one that does not count any more.
        for task in &retried {
            turn.recommend(*task, Goal::Retried);
        }
        for task in retried {
            turn.recommend(task, Goal::Waiting);
        }
    }

    /// What is computed again so that these tasks are: those that failed first, and all that failed
    /// because of them and of nothing else.
    fn revivable(&self, tasks: &[TaskId]) -> BTreeSet<TaskId> {
        let is_erred = |task: &TaskId| self.kind(*task) == Kind::Erred;
        let mut failed: BTreeSet<TaskId> = tasks.iter().copied().filter(is_erred).collect();
        let mut next: VecDeque<TaskId> = failed.iter().copied().collect();
        let mut revived = BTreeSet::new();
        let mut roots = VecDeque::new();
        while let Some(task) = next.pop_front() {
            let mut is_root = true;
            for input in self.state.task(task).dependencies.iter().filter(|i| is_erred(i)) {
                is_root = false;
                if failed.insert(*input) {
                    next.push_back(*input);
                }
            }
            if is_root && self.can_run(task) && revived.insert(task) {
                roots.push_back(task);
            }
        }
        next = roots;
        while let Some(task) = next.pop_front() {
            for &dependent in self.state.task(task).dependents.ids() {
                if self.state.is_known(dependent)
                    && is_erred(&dependent)
                    && (failed.contains(&dependent) || !self.is_own_fault(dependent))
                    && self.can_run(dependent)
                    && self.no_input_erred(dependent, &revived)
                    && revived.insert(dependent)
                {
                    next.push_back(dependent);
                }
            }
        }
        revived
    }

    fn no_input_erred(&self, task: TaskId, but: &BTreeSet<TaskId>) -> bool {
        let mut inputs = self.state.task(task).dependencies.iter();
        inputs.all(|input| self.kind(*input) != Kind::Erred || but.contains(input))
    }

    /// Whether there is something to run again: data that a client sent is gone, and so is an input
    /// that was never known.
    fn can_run(&self, task: TaskId) -> bool {
        !self.state.task(task).incomplete && !self.state.spec_of(task).is_receive()
    }

    fn is_own_fault(&self, task: TaskId) -> bool {
        let task = self.state.task(task);
        matches!(task.state(), TaskState::Erred { blame, .. } if *blame == task.key)
    }

    /// The failure is taken back: the task is as if it had never run.
    pub(super) fn become_retried(&mut self, task: TaskId, turn: &mut Turn<'_>) {
        let options = &self.state.spec_of(task).spec.options;
        // Whoever asks for one more run of what must run once knows what that means.
        let (retries, once) = (options.retries, options.at_most_once);
        self.state.set(task, TaskState::Released);
        let record = self.state.record(task);
        (*record.retries_left, *record.deaths) = (retries, 0);
        if once {
            (*record.attempts, *record.returns) = (0, 0);
        }
        self.tell_clients(task, &SchedulerToClient::Recomputing { key: self.key(task) }, turn);
    }
}
