//! Keys come and go: submit, scatter, cancel, retry, release, flush.

use std::sync::Arc;

use raddle_net::messages::{ClientMessage, Failure, Function, NewTask, Runtime, TaskSpec};
use raddle_net::names::{Key, SpecId};
use raddle_net::payload::Blob;
use smallvec::SmallVec;

use super::Client;
use super::effect::Effect;
use super::event::Task;
use super::futures::{Future, State};
use super::order::{Graph, order_by_level, static_order};
use super::outbox::refusal;
use super::specs::Interned;
use crate::keys::KeyTable;

/// What scattered data is to the scheduler: a task that receives its value.
pub(super) fn receive() -> Arc<TaskSpec> {
    let name = String::from("receive");
    let function = Function { runtime: Runtime::Receive, name, ..Function::default() };
    Arc::new(TaskSpec { function, ..TaskSpec::default() })
}

/// The tasks, each at its rank.
fn in_order(tasks: Vec<Task>, ranks: &[u32]) -> Vec<Task> {
    let mut order: Vec<u32> = vec![0; ranks.len()];
    for (position, rank) in (0..).zip(ranks) {
        order[*rank as usize] = position;
    }
    let mut tasks: Vec<Option<Task>> = tasks.into_iter().map(Some).collect();
    order.into_iter().filter_map(|position| tasks[position as usize].take()).collect()
}

impl Client {
    pub(super) fn on_submit(&mut self, mut tasks: Vec<Task>, out: &mut Vec<Effect>) {
        if tasks.len() <= 1 {
            if let Some(task) = tasks.pop() {
                let place = self.outbox.next_single();
                self.submit(task, place, State::Pending, out);
            }
            return;
        }
        let submission = self.outbox.next_submission();
        if let Some(ranks) = self.order(&tasks) {
            tasks = in_order(tasks, &ranks);
        }
        self.define_all(&tasks);
        for (order, task) in (0..).zip(tasks) {
            self.submit(task, (submission, order), State::Pending, out);
        }
    }

    pub(super) fn on_scatter(&mut self, key: Key, out: &mut Vec<Effect>) {
        let spec = Arc::clone(&self.receive);
        let (dependencies, args) = (SmallVec::new(), Blob::new());
        let task = Task { key, spec, priority: 0, dependencies, args };
        let place = self.outbox.next_single();
        self.submit(task, place, State::Scattered, out);
    }

    /// Holds a key once more; tells the scheduler if that is new.
    fn submit(&mut self, task: Task, place: (u64, u32), state: State, out: &mut Vec<Effect>) {
        let key = task.key;
        match self.futures.get(key) {
            Some(Future { state: State::Released, .. }) => self.seal_releases(),
            Some(_) => return self.hold_again(key, out),
            None => {}
        }
        let refused = match &self.closed {
            Some(failure) => Err(Arc::clone(failure)),
            None => {
                let said = self.say(task, place);
                said.map_err(|reason| Arc::new(Failure::Rejected { reason }))
            }
        };
        let mut future = Future::new(state);
        if let Err(failure) = refused {
            future.local = true;
            future.state = State::Erred { blame: key, failure };
        }
        out.extend(future.settled(None).map(|settled| Effect::Settled { key, settled }));
        self.futures.insert(key, future);
    }

    /// One more handle of a key that is held. Its driver may have forgotten what it was told.
    fn hold_again(&mut self, key: Key, out: &mut Vec<Effect>) {
        let future = self.futures.held(key).expect("it is not released");
        future.refs = future.refs.saturating_add(1);
        if let State::InMemory(place) = &mut future.state {
            place.inline = false;
        }
        out.extend(future.settled(None).map(|settled| Effect::Settled { key, settled }));
    }

    /// Holds keys that somebody else submitted.
    pub(super) fn on_adopt(&mut self, keys: &[Key], out: &mut Vec<Effect>) {
        let mut wanted = Vec::new();
        for &key in keys {
            match self.futures.get(key) {
                Some(Future { state: State::Released, .. }) => self.seal_releases(),
                Some(_) => {
                    self.hold_again(key, out);
                    continue;
                }
                None => {}
            }
            let mut future = Future::new(State::Pending);
            if let Some(failure) = &self.closed {
                future.local = true;
                future.state = State::Erred { blame: key, failure: Arc::clone(failure) };
            } else {
                wanted.push(key);
            }
            out.extend(future.settled(None).map(|settled| Effect::Settled { key, settled }));
            self.futures.insert(key, future);
        }
        self.outbox.share(&wanted);
        self.outbox.push_each(&wanted, |keys| ClientMessage::Want { keys });
    }

    /// Puts a task into the outbox, or says why it can never be submitted.
    fn say(&mut self, task: Task, (submission, order): (u64, u32)) -> Result<(), String> {
        let Task { key, spec, priority, dependencies, args } = task;
        if let Some(reason) = refusal(dependencies.len(), args.len()) {
            return Err(reason);
        }
        let spec = self.define(&spec)?;
        let task = NewTask { key, spec, priority, order, dependencies, args };
        self.outbox.submit(submission, task);
        Ok(())
    }

    /// Defines what is used by tasks before the first of them, so that one message carries many, of
    /// however many specs. What cannot be defined is refused task by task.
    fn define_all(&mut self, tasks: &[Task]) {
        if self.closed.is_none() {
            tasks.iter().for_each(|task| drop(self.define(&task.spec)));
        }
    }

    /// The number of a spec, which is defined before its first use.
    fn define(&mut self, spec: &Arc<TaskSpec>) -> Result<SpecId, String> {
        match self.outbox.specs.intern(spec) {
            Some(Interned::Known(id)) => Ok(id),
            Some(Interned::New(id)) => {
                let spec = TaskSpec::clone(spec);
                self.outbox.push(ClientMessage::Define { id, spec });
                Ok(id)
            }
            None => Err(format!(
                "this client has used {} combinations of function and options, and no more are \
                 allowed: use the same options for many tasks",
                self.outbox.specs.len()
            )),
        }
    }

    /// The order of tasks that depend on one another, or of which is known how long they take; `None`
    /// if it is that in which they were submitted.
    fn order(&self, tasks: &[Task]) -> Option<Vec<u32>> {
        // A task that is held already is not submitted, so nothing has to wait for its turn.
        let is_new = |key: Key| self.futures.get(key).is_none_or(|future| future.refs == 0);
        let expected = tasks.iter().map(|task| task.spec.options.expected);
        let expected: Option<Vec<u64>> = expected.collect();
        if expected.is_none()
            && !tasks.iter().flat_map(|task| &task.dependencies).any(|key| is_new(*key))
        {
            return None;
        }
        let mut positions = KeyTable::new();
        let mut graph = Graph::default();
        let mut internal = Vec::new();
        let mut edges = 0;
        for (position, task) in (0_u32..).zip(tasks) {
            internal.clear();
            internal.extend(task.dependencies.iter().filter_map(|key| positions.get(*key)));
            edges += internal.len();
            graph.push(&internal);
            if is_new(task.key) && positions.get(task.key).is_none() {
                positions.insert(task.key, position);
            }
        }
        if let Some(expected) = expected {
            return Some(order_by_level(&graph, &expected));
        }
        (edges > 0).then(|| static_order(&graph))
    }

    /// Keys that are not held need no word.
    pub(super) fn on_cancel(&mut self, keys: Vec<Key>, force: bool) {
        let keys = self.known(keys);
        self.outbox.push_each(&keys, |keys| ClientMessage::Cancel { keys, force });
    }

    /// Keys that are not held need no word.
    pub(super) fn on_detach(&mut self, keys: Vec<Key>) {
        let keys = self.known(keys);
        self.outbox.push_each(&keys, |keys| ClientMessage::Detach { keys });
    }

    /// Keys that have failed are pending until the scheduler says otherwise. What it rejected it
    /// would reject again.
    pub(super) fn on_retry(&mut self, keys: Vec<Key>, out: &mut Vec<Effect>) {
        let mut keys = self.known(keys);
        keys.retain(|key| {
            let state = self.futures.get(*key).map(|future| &future.state);
            let failed = matches!(
                state,
                Some(State::Erred { failure, .. }) if !matches!(**failure, Failure::Rejected { .. })
            );
            if failed {
                self.set(*key, State::Pending);
                out.push(Effect::Unsettled { key: *key });
            }
            failed
        });
        self.outbox.push_each(&keys, |keys| ClientMessage::Retry { keys });
    }

    /// Those of the keys that are held and that the scheduler has heard of, while it is there.
    fn known(&mut self, mut keys: Vec<Key>) -> Vec<Key> {
        keys.retain(|key| self.closed.is_none() && self.futures.known(*key).is_some());
        keys
    }

    pub(super) fn on_release(&mut self, key: Key) {
        let Some(future) = self.futures.held(key).filter(|future| future.refs > 0) else { return };
        future.refs -= 1;
        if future.refs > 0 || future.is_unsent() {
            return;
        }
        self.let_go(key);
    }

    /// Nobody holds the key any more.
    pub(super) fn let_go(&mut self, key: Key) {
        // A pull that is under way ends when it ends: should the key be held again, it is not asked for
        // a second time meanwhile.
        if !self.transfers.is_underway(key) {
            self.transfers.remove(key);
        }
        let Some(future) = self.futures.get_mut(key) else { return };
        if future.local || self.closed.is_some() {
            self.futures.remove(key);
        } else {
            future.awaited = false;
            future.state = State::Released;
            self.outbox.release(key);
        }
    }

    pub(super) fn on_flush(&mut self, out: &mut Vec<Effect>) {
        self.seal_releases();
        out.extend(self.outbox.flush().map(Effect::ToScheduler));
    }

    /// What was released is forgotten: the scheduler hears of it before whatever is said next.
    pub(super) fn seal_releases(&mut self) {
        for key in self.outbox.seal() {
            self.futures.remove(key);
        }
    }
}
