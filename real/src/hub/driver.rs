//! What a hub keeps behind its lock, and what it does with the effects of its machine.
//!
//! Nothing here wakes, sends or calls anybody: that is put into [`Later`].

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use raddle_core::client::{
    Client as Machine, Config, Effect, Event, FetchOutcome, Route, Settled, Task,
};
use raddle_core::time::Instant;
use raddle_net::messages::{ClientMessage, Failure, Item, QueryAnswer};
use raddle_net::names::{Key, Session};
use raddle_net::payload::Blob;

use super::slot::{FutureHandle, Slot};
use super::table::Table;
use super::{Hub, MAX_UNSENT};
use crate::call::CallParts;
use crate::fingerprint;
use crate::rt::oneshot;
use crate::value::Value;

/// The state behind the lock.
pub(super) struct Driver {
    pub(super) machine: Machine,
    pub(super) session: Session,
    pub(super) next_number: u64,
    pub(super) table: Table<Slot>,
    /// Values that the machine was told to scatter, until their keys settle: one that was delivered
    /// may have to be delivered again, and a task may need one that nobody holds any more.
    pub(super) scattered: BTreeMap<Key, Arc<Value>>,
    /// Futures that are arguments themselves, by the task of which they are. They are held as long as
    /// the future of that task is: each of its runs may ask for them.
    given: BTreeMap<Key, Vec<FutureHandle>>,
    /// What tasks with names compute, as long as somebody holds them.
    recipes: BTreeMap<Key, Key>,
    /// What the machine wants to say.
    pub(super) outbox: Vec<ClientMessage>,
    pub(super) questions: BTreeMap<u64, oneshot::Sender<QueryAnswer>>,
    pub(super) next_question: u64,
    /// Bytes of tasks that were not flushed, and of those that the last flush took.
    pub(super) unsent: usize,
    pub(super) flushed: usize,
    pub(super) ready: Vec<Waker>,
    /// Why nothing can be said any more.
    pub(super) closed: Option<Arc<Failure>>,
    /// Reused.
    pub(super) effects: Vec<Effect>,
}

/// What is to be done when the hub's lock is given back.
#[derive(Default)]
pub(super) struct Later {
    pub(super) woken: Vec<Waker>,
    pub(super) pulls: Vec<(Item, u64, Arc<str>, Route)>,
    pub(super) pushes: Vec<(Item, Arc<Value>, Arc<str>, Route)>,
    pub(super) answers: Vec<(oneshot::Sender<QueryAnswer>, QueryAnswer)>,
    /// Slots and values that may have lost their last other handle meanwhile. Their destructors are
    /// somebody else's code, and a slot's wakes the link.
    pub(super) slots: Vec<Arc<Slot>>,
    pub(super) values: Vec<Arc<Value>>,
    pub(super) given: Vec<Vec<FutureHandle>>,
    /// Why the connection is to be closed.
    pub(super) close: Option<String>,
}

impl Driver {
    pub(super) fn new(session: Session) -> Self {
        Self {
            machine: Machine::new(Config::default()),
            session,
            next_number: 0,
            table: Table::new(session),
            scattered: BTreeMap::new(),
            given: BTreeMap::new(),
            recipes: BTreeMap::new(),
            outbox: Vec::new(),
            questions: BTreeMap::new(),
            next_question: 0,
            unsent: 0,
            flushed: 0,
            ready: Vec::new(),
            closed: None,
            effects: Vec::new(),
        }
    }

    pub(super) fn next_key(&mut self) -> Key {
        let key = Key::numbered(self.session, self.next_number);
        self.next_number += 1;
        key
    }

    /// Makes a task of `call` and its future; or finds the future of the same key; or makes a future
    /// that says why not. Leaves the handles of dependencies in `call`.
    pub(super) fn enlist(
        &mut self,
        hub: &Arc<Hub>,
        (now, call): (Instant, &mut CallParts),
        tasks: &mut Vec<Task>,
        later: &mut Later,
    ) -> FutureHandle {
        let key = call.key.unwrap_or_else(|| self.next_key());
        if let Some(known) = call.key.and_then(|key| self.table.get(key)) {
            if self.recipes.get(&key) == call.recipe.as_ref() {
                return FutureHandle::of(known);
            }
            // As the last handle, it must not be dropped under the lock.
            call.dependencies.push(FutureHandle::of(known));
            let failure = Arc::new(Failure::Rejected { reason: name_taken(key) });
            return FutureHandle::stillborn(Arc::clone(hub), key, key, failure);
        }
        self.scatter_data(hub, now, call, later);
        if let Some((blame, failure)) = self.refusal(hub, key, call) {
            return FutureHandle::stillborn(Arc::clone(hub), key, blame, failure);
        }
        let handle = FutureHandle::pending(Arc::clone(hub), key);
        self.table.insert(key, handle.slot());
        self.recipes.extend(call.recipe.map(|recipe| (key, recipe)));
        if !call.futures.is_empty() {
            self.given.insert(key, mem::take(&mut call.futures));
        }
        self.unsent += size_of::<Task>() + call.args.len();
        tasks.push(Task {
            key,
            spec: Arc::clone(&call.spec),
            priority: call.priority,
            dependencies: call.dependencies.iter().map(FutureHandle::key).collect(),
            args: Blob::from(mem::take(&mut call.args)),
        });
        handle
    }

    /// Puts the large arguments of `call` on a worker. Equal ones of this client are one, as long as
    /// somebody holds it; those of calls that other clients may make, too, are one for all.
    fn scatter_data(
        &mut self,
        hub: &Arc<Hub>,
        now: Instant,
        call: &mut CallParts,
        later: &mut Later,
    ) {
        for (place, value) in mem::take(&mut call.data) {
            let content = call.dependencies[place].key();
            let key = match call.key {
                Some(_) => content,
                None => fingerprint::key(&[&content.to_string(), &self.session.to_string()]),
            };
            call.dependencies[place] = self.scatter(hub, now, key, value, later);
        }
    }

    /// Puts `value` on a worker of the scheduler's choice, under this key.
    pub(super) fn scatter(
        &mut self,
        hub: &Arc<Hub>,
        now: Instant,
        key: Key,
        value: Arc<Value>,
        later: &mut Later,
    ) -> FutureHandle {
        if let Some(known) = self.table.get(key) {
            return FutureHandle::of(known);
        }
        if let Some(failure) = self.closed.clone() {
            return FutureHandle::stillborn(Arc::clone(hub), key, key, failure);
        }
        let handle = FutureHandle::pending(Arc::clone(hub), key);
        self.table.insert(key, handle.slot());
        self.scattered.insert(key, value);
        self.say(now, Event::Scatter { key }, later);
        handle
    }

    /// The future of `key`; one that is not known here goes to `new`.
    pub(super) fn adopt(&mut self, hub: &Arc<Hub>, key: Key, new: &mut Vec<Key>) -> FutureHandle {
        if let Some(known) = self.table.get(key) {
            return FutureHandle::of(known);
        }
        if let Some(failure) = self.closed.clone() {
            return FutureHandle::stillborn(Arc::clone(hub), key, key, failure);
        }
        let handle = FutureHandle::pending(Arc::clone(hub), key);
        self.table.insert(key, handle.slot());
        new.push(key);
        handle
    }

    /// Why `call` cannot be submitted, and whose fault it is.
    fn refusal(&self, hub: &Arc<Hub>, key: Key, call: &CallParts) -> Option<(Key, Arc<Failure>)> {
        let rejected = |reason: String| Some((key, Arc::new(Failure::Rejected { reason })));
        if let Some(failure) = &self.closed {
            return Some((key, Arc::clone(failure)));
        }
        if let Some(reason) = &call.refused {
            return rejected(reason.clone());
        }
        if self.unsent + self.flushed >= MAX_UNSENT {
            return rejected(format!(
                "{MAX_UNSENT} bytes of tasks are not sent yet: wait with `client.ready().await` \
                 between submissions",
            ));
        }
        for dependency in call.dependencies.iter().chain(&call.futures) {
            if !Arc::ptr_eq(dependency.hub(), hub) {
                return rejected(format!(
                    "its argument {} is a future of another client: submit both to one client, or \
                     gather the value first",
                    dependency.key(),
                ));
            }
            if let Some(refusal) = dependency.rejection() {
                return Some(refusal);
            }
        }
        None
    }

    /// The last handle of `key` was dropped.
    pub(super) fn release(&mut self, now: Instant, key: Key, later: &mut Later) {
        // A key that was given anew in the meantime stays in the table, and the machine counts.
        if self.table.remove_dead(key) {
            if !self.recipes.is_empty() {
                self.recipes.remove(&key);
            }
            if !self.given.is_empty() {
                later.given.extend(self.given.remove(&key));
            }
        }
        self.say(now, Event::Release { key }, later);
    }

    /// A pull ended.
    pub(super) fn fetched(
        &mut self,
        now: Instant,
        Item { key, run }: Item,
        end: Result<Arc<Value>, FetchOutcome>,
        later: &mut Later,
    ) {
        let outcome = match end {
            Ok(value) => {
                if let Some(slot) = self.table.get(key) {
                    slot.fetched(run, value, &mut later.woken);
                    later.slots.push(slot);
                }
                FetchOutcome::Found
            }
            Err(outcome) => outcome,
        };
        self.say(now, Event::Fetched { key, run, outcome }, later);
    }

    /// Tells the machine, and does what it asks.
    pub(super) fn say(&mut self, now: Instant, event: Event, later: &mut Later) {
        let mut effects = mem::take(&mut self.effects);
        self.machine.handle(now, event, &mut effects);
        let mut wanted = Vec::new();
        loop {
            if cfg!(madsim)
                && let Err(violation) = self.machine.check()
            {
                panic!("client-check: {violation:?}");
            }
            for effect in effects.drain(..) {
                self.apply(effect, &mut wanted, later);
            }
            if wanted.is_empty() {
                break;
            }
            for key in wanted.drain(..) {
                self.machine.handle(now, Event::Await { key }, &mut effects);
            }
        }
        self.effects = effects;
    }

    /// Keys of which the value must be fetched go to `wanted`.
    fn apply(&mut self, effect: Effect, wanted: &mut Vec<Key>, later: &mut Later) {
        match effect {
            Effect::Answer { id, answer } => {
                let sender = self.questions.remove(&id);
                later.answers.extend(sender.map(|sender| (sender, answer)));
            }
            Effect::Close { reason } => later.close = Some(reason.to_string()),
            Effect::Fetch { key, run, nbytes, worker: _, address, route } => {
                later.pulls.push((Item { key, run }, nbytes, address, route));
            }
            Effect::Send { key, run, address, route } => {
                // There, unless the key has settled.
                let value = self.scattered.get(&key).map(Arc::clone);
                later.pushes.extend(value.map(|value| (Item { key, run }, value, address, route)));
            }
            Effect::Settled { key, settled } => {
                later.values.extend(self.scattered.remove(&key));
                let Some(slot) = self.table.get(key) else { return };
                match settled {
                    Settled::Erred { blame, failure } => {
                        slot.erred(blame, failure, &mut later.woken);
                    }
                    Settled::InMemory { run, nbytes: _, value } => {
                        if slot.finished(run, value, &mut later.woken) {
                            wanted.push(key);
                        }
                    }
                }
                later.slots.push(slot);
            }
            Effect::ToScheduler(message) => self.outbox.push(message),
            Effect::Unsettled { key } => {
                if let Some(slot) = self.table.get(key) {
                    slot.unsettled();
                    later.slots.push(slot);
                }
            }
        }
    }

    /// Nothing can be said any more.
    pub(super) fn close(&mut self, reason: &str, later: &mut Later) {
        let failure = Arc::new(Failure::Disconnected { reason: reason.to_owned() });
        for slot in self.table.live() {
            slot.cut_off(&failure, &mut later.woken);
            later.slots.push(slot);
        }
        self.closed.get_or_insert(failure);
        self.questions.clear();
        later.values.extend(mem::take(&mut self.scattered).into_values());
        self.outbox.clear();
        later.given.extend(mem::take(&mut self.given).into_values());
        later.woken.append(&mut self.ready);
    }
}

fn name_taken(key: Key) -> String {
    format!("the key {key} already names another task: use another name, or drop the first future")
}

impl Later {
    /// Does it. The hub's lock must not be held.
    pub(super) fn run(self, hub: &Arc<Hub>) {
        for (item, nbytes, address, route) in self.pulls {
            hub.link.pull(hub, item, nbytes, address, route);
        }
        for (item, value, address, route) in self.pushes {
            hub.link.push(hub, item, value, address, route);
        }
        for (sender, answer) in self.answers {
            // Nobody waits for the answer any more.
            let _ = sender.send(answer);
        }
        if let Some(reason) = self.close {
            hub.closed(&reason);
            hub.link.farewell(vec![ClientMessage::Goodbye]);
        }
        // Before anybody is woken, who might hold the last handle then, and take the value.
        drop((self.slots, self.values, self.given));
        for waker in self.woken {
            waker.wake();
        }
    }
}
