//! What workers say, and what goes with them, to the naive scheduler.
//!
//! It must not know what clients wish.

use raddle_core::scheduler::ConnectionId;
use raddle_net::messages::{Failure, WorkerMessage};
use raddle_net::names::{Key, RunId};

use super::{Assigned, BY_ITSELF, Colleague, Fact, Reference, Task, Who};

impl Reference {
    pub(super) fn worker_says(&mut self, worker: ConnectionId, message: &WorkerMessage) {
        if let WorkerMessage::Register(registration) = message {
            let registration = registration.clone();
            self.workers.insert(
                worker,
                Colleague { is_away: false, is_full: false, retires: false, registration },
            );
            return;
        }
        if !self.workers.contains_key(&worker) {
            return;
        }
        match message {
            WorkerMessage::Failed { key, run, blame, failure } => {
                if let Some(task) = self.current(worker, *key, *run) {
                    let once = task.spec.options.at_most_once;
                    let asks = **failure == Failure::Reschedule && !once;
                    let again = blame.is_none() && task.retries_left > 0 && !asks && !once;
                    task.retries_left -= u32::from(again);
                    let own = blame.is_none_or(|blame| blame == *key);
                    let runs_again = again || asks;
                    self.set(*key, if runs_again { Fact::Nothing } else { Fact::Erred { own } });
                }
            }
            // What a worker holds that was told to leave does not count.
            WorkerMessage::Fetched { .. } if self.leaving.contains(&worker) => {}
            WorkerMessage::Fetched { key, run } => {
                if let Some(Fact::Made(made, holders)) =
                    self.tasks.get_mut(key).map(|task| &mut task.fact)
                    && made == run
                {
                    holders.insert(worker);
                }
            }
            WorkerMessage::Finished { key, run, nbytes, .. } => {
                if let Some(task) = self.current(worker, *key, *run) {
                    task.nbytes = *nbytes;
                    self.set(*key, Fact::Made(*run, [worker].into()));
                }
            }
            WorkerMessage::FromRun { key, run, message } => {
                if self.current(worker, *key, *run).is_some() {
                    self.client_says(Who::Run(*run), message);
                }
            }
            WorkerMessage::Locate { key, run } => {
                let fact = self.tasks.get(key).map(|task| &task.fact);
                if matches!(fact, Some(Fact::Made(made, _)) if made == run) {
                    self.lose_replica(*key, worker);
                }
            }
            // It had not begun.
            WorkerMessage::Recalled { key, run, returned: true } => {
                if let Some(task) = self.current(worker, *key, *run) {
                    task.attempts -= 1;
                    self.set(*key, Fact::Nothing);
                }
            }
            WorkerMessage::Recalled { returned: false, .. } => {}
            // It goes when the scheduler closes.
            WorkerMessage::Goodbye | WorkerMessage::Note { .. } | WorkerMessage::Register(_) => {}
            WorkerMessage::Memory(memory) => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.is_full = memory.is_full;
                }
            }
            WorkerMessage::Retire => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.retires = true;
                }
            }
            WorkerMessage::Started { key, run } => {
                if let Some(task) = self.current(worker, *key, *run)
                    && let Some(assigned) = &mut task.assigned
                {
                    assigned.started = assigned.announced;
                }
            }
        }
    }

    /// The task, if this is its run, and this worker has it.
    pub(super) fn current(
        &mut self,
        worker: ConnectionId,
        key: Key,
        run: RunId,
    ) -> Option<&mut Task> {
        let is_it = |assigned: &Assigned| assigned.run == run && assigned.worker == worker;
        self.tasks.get_mut(&key).filter(|task| task.assigned.as_ref().is_some_and(is_it))
    }

    pub(super) fn lose_replica(&mut self, key: Key, worker: ConnectionId) {
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let Fact::Made(_, holders) = &mut task.fact else { return };
        if holders.remove(&worker) && holders.is_empty() {
            task.fact = if task.scattered { BY_ITSELF } else { Fact::Nothing };
        }
    }

    /// One copy of several is given up.
    pub(super) fn drop_replica(&mut self, key: Key, run: RunId, worker: ConnectionId) {
        let fact = self.tasks.get_mut(&key).map(|task| &mut task.fact);
        if let Some(Fact::Made(made, holders)) = fact
            && *made == run
            && holders.len() > 1
        {
            holders.remove(&worker);
        }
    }

    /// A worker is told to leave: what it holds counts no more, so others must hold it too.
    pub(super) fn empty(&mut self, worker: ConnectionId) {
        self.leaving.insert(worker);
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            self.lose_replica(key, worker);
        }
    }

    pub(super) fn set_away(&mut self, worker: ConnectionId, is_away: bool) {
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.is_away = is_away;
        }
    }

    /// A session is over: a client lets go, a worker is gone.
    pub(super) fn end_session(&mut self, connection: ConnectionId) {
        if self.clients.remove(&connection) {
            self.let_go(Who::Client(connection));
        }
        if self.workers.contains_key(&connection) {
            self.lose(connection);
        }
    }

    /// A worker is gone, with what it held and what it ran.
    pub(super) fn lose(&mut self, worker: ConnectionId) {
        self.workers.remove(&worker);
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            self.lose_replica(key, worker);
            let Some(task) = self.tasks.get_mut(&key) else { continue };
            let Some(assigned) = task.assigned.as_ref().filter(|a| a.worker == worker) else {
                continue;
            };
            let once = task.spec.options.at_most_once;
            task.deaths += u32::from(assigned.started || once);
            let blamed = once || task.deaths > self.config.allowed_failures;
            self.set(key, if blamed { BY_ITSELF } else { Fact::Nothing });
        }
    }
}
