//! Bodies that submit tasks of their own: each has a client machine, as in the real worker.
//!
//! It must not know the scheduler: what such a body says travels in its worker's stream.

use std::sync::Arc;

use raddle_core::client::{Client, Effect, Event as ClientEvent, FetchOutcome, Settled, Task};
use raddle_core::time::Duration;
use raddle_core::worker::Event;
use raddle_net::messages::{Failure as TaskFailure, Item, TaskOptions};
use raddle_net::names::{Key, RunId, Session};

use crate::body::Body;
use crate::client::{spec, unpack};
use crate::failure::Failure;
use crate::knobs;
use crate::plant::Plant;
use crate::requests::Asker;
use crate::worker::Ended;
use crate::world::{Delivery, Depth, World};

/// A body that awaits tasks of its own.
#[derive(Clone, Debug)]
pub(crate) struct Nested {
    client: Client,
    body: Body,
    key: Key,
    inputs: Vec<u64>,
    children: Vec<(Key, Option<u64>)>,
    error: Option<(Key, Arc<TaskFailure>)>,
    resuming: bool,
}

impl World {
    pub(crate) fn start_nested(
        &mut self,
        worker: u32,
        run: RunId,
        key: Key,
        body: Body,
        inputs: Vec<u64>,
    ) {
        let client = Client::new(knobs::client(self.plan(), Depth::Paranoid));
        let session = Session::truncate(1 << 33 | u64::from(worker));
        let node = self.workers.get_mut(&worker).expect("it runs the body");
        let mut tasks = Vec::new();
        for n in 0..body.children {
            node.children += 1;
            tasks.push(Task {
                key: Key::numbered(session, node.children),
                spec: spec(TaskOptions::default()),
                priority: 0,
                dependencies: [].into_iter().collect(),
                args: body.child(n).encode(),
            });
        }
        let children: Vec<(Key, Option<u64>)> = tasks.iter().map(|task| (task.key, None)).collect();
        let nested = Nested {
            client,
            body,
            key,
            inputs,
            children: children.clone(),
            error: None,
            resuming: false,
        };
        node.nested.insert(run, nested);
        self.nested_event(worker, run, ClientEvent::Submit { tasks });
        self.worker_event(worker, Event::Blocked { run });
        for (key, _) in children {
            self.nested_event(worker, run, ClientEvent::Await { key });
        }
        self.nested_event(worker, run, ClientEvent::Flush);
    }

    pub(crate) fn nested_event(&mut self, worker: u32, run: RunId, event: ClientEvent) {
        let now = self.now;
        let Some(nested) = self.workers.get_mut(&worker).and_then(|node| node.nested.get_mut(&run))
        else {
            return;
        };
        let mut out = Vec::new();
        nested.client.handle(now, event, &mut out);
        if nested.client.has_unsent() {
            nested.client.handle(now, ClientEvent::Flush, &mut out);
        }
        for effect in out {
            self.nested_effect(worker, run, effect);
        }
        self.wake_nested(worker, run);
    }

    fn nested_effect(&mut self, worker: u32, run: RunId, effect: Effect) {
        match effect {
            Effect::Answer { .. } | Effect::Unsettled { .. } => {}
            Effect::Close { reason } => {
                self.fail(Failure::Protocol(format!("run closes: {reason}")))
            }
            Effect::Fetch { key, run: made, address, .. } => {
                let item = Item { key, run: made };
                self.ask(Asker::Run(worker, run, item), &address, vec![item]);
            }
            Effect::Send { .. } => {
                self.fail(Failure::Protocol("a simulated run scatters nothing".to_owned()));
            }
            Effect::Settled { key, settled } => {
                let nested = self.workers.get_mut(&worker).and_then(|n| n.nested.get_mut(&run));
                let Some(nested) = nested else { return };
                match settled {
                    Settled::Erred { blame, failure } => nested.error = Some((blame, failure)),
                    Settled::InMemory { value, .. } => {
                        nested.learn(key, value.as_ref().map(unpack))
                    }
                }
            }
            Effect::ToScheduler(message) => {
                self.worker_event(worker, Event::FromRun { run, message });
            }
        }
    }

    pub(crate) fn run_fetched(
        &mut self,
        worker: u32,
        parent: RunId,
        item: Item,
        outcome: FetchOutcome,
        value: Option<u64>,
    ) {
        let nested = self.workers.get_mut(&worker).and_then(|node| node.nested.get_mut(&parent));
        let Some(nested) = nested else { return };
        nested.learn(item.key, value);
        let Item { key, run } = item;
        self.nested_event(worker, parent, ClientEvent::Fetched { key, run, outcome });
    }

    /// A body that has what it awaited wants its slot back.
    fn wake_nested(&mut self, worker: u32, run: RunId) {
        let nested = self.workers.get_mut(&worker).and_then(|node| node.nested.get_mut(&run));
        let Some(nested) = nested else { return };
        if nested.has_all() && !nested.resuming {
            nested.resuming = true;
            if self.harms(Plant::SkipUnblocked) {
                return;
            }
            // Whoever polls the body takes his time, now and then.
            let delay = match self.chance(run.counter, 2) {
                0 => Duration::ZERO,
                _ => Duration::from_micros(self.chance(run.counter, 2_000)),
            };
            self.at(self.now + delay, Delivery::Worker(worker, Event::Unblocked { run }));
        }
    }

    pub(crate) fn stop(&mut self, worker: u32, run: RunId) {
        let Some(node) = self.workers.get_mut(&worker) else { return };
        if let Some(key) = node.calls_off(run) {
            let ended = Ended::Failed(Some(key), Arc::new(TaskFailure::Cancelled));
            return self.at(self.now, Delivery::BodyEnds(worker, run, ended));
        }
        if let Some(nested) = node.nested.get_mut(&run) {
            let key = nested.key;
            nested.error.get_or_insert_with(|| (key, Arc::new(TaskFailure::Cancelled)));
            self.wake_nested(worker, run);
        }
    }

    pub(crate) fn resume(&mut self, worker: u32, run: RunId) {
        let nested = self.workers.get(&worker).and_then(|node| node.nested.get(&run));
        let Some(nested) = nested else {
            return self.fail(Failure::Protocol(format!("worker {worker} resumes {run}")));
        };
        let ended = match &nested.error {
            Some((blame, failure)) => Ended::Failed(Some(*blame), Arc::clone(failure)),
            None => {
                let children = nested.children.iter().filter_map(|(_, value)| *value);
                let inputs = nested.inputs.iter().copied().chain(children);
                Ended::Value(nested.body.value(inputs), nested.body.nbytes)
            }
        };
        let delay = Duration::from_micros(u64::from(nested.body.micros));
        self.at(self.now + delay, Delivery::BodyEnds(worker, run, ended));
    }
}

impl Nested {
    /// Whether it has all that it has awaited.
    pub(crate) fn has_all(&self) -> bool {
        self.error.is_some() || self.children.iter().all(|(_, value)| value.is_some())
    }

    fn learn(&mut self, key: Key, value: Option<u64>) {
        for (child, known) in &mut self.children {
            if *child == key && value.is_some() {
                *known = value;
            }
        }
    }
}
