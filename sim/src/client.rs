//! What a driver does around a client machine, and what its user sees.
//!
//! It must not know the scheduler's state: it judges by the plan alone.

mod news;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use raddle_core::client::{Client, Effect, Event};
use raddle_core::scheduler::{ConnectionId, Event as SchedulerEvent};
use raddle_core::time::{Duration, Instant};
use raddle_core::worker::Event as WorkerEvent;
use raddle_net::messages::{Function, Item, TaskOptions, TaskSpec};
use raddle_net::names::{Key, Session};
use raddle_net::payload::{SmallValue, ValueType};

use crate::body::Body;
use crate::digest::Digest;
use crate::failure::Failure;
use crate::history::End;
use crate::knobs;
use crate::plan::Plan;
use crate::plant::Plant;
use crate::requests::Asker;
use crate::scheduler::wake;
use crate::world::{Delivery, Depth, Node, World};

/// The stream of chance that says which futures are awaited at once.
const AWAITS: u64 = 0x61_7761;

/// What clients talk on.
const TOPIC: &str = "talk";
/// Keys from this number on are for work that is asked for at the end.
const FRESH: u64 = 1 << 40;

/// A client and what its user holds.
#[derive(Clone, Debug)]
pub(crate) struct SimClient {
    pub(crate) machine: Client,
    number: usize,
    pub(crate) connection: ConnectionId,
    held: BTreeMap<Key, Seen>,
    /// How often each key was submitted and not released.
    handles: BTreeMap<Key, usize>,
    scattered: BTreeMap<Key, Body>,
    /// Questions that have no answer yet.
    asked: BTreeSet<u64>,
    /// Those of them that ask for what is published: it is held when it is known.
    pub(crate) takes: BTreeSet<u64>,
    /// Whether it is just asking for something to run again.
    pub(crate) retries: bool,
    questions: u64,
    /// Fresh tasks so far.
    fresh: u64,
    /// Whether its session was ended by the scheduler: whatever was not done failed.
    pub(crate) cut_off: bool,
    /// Whether its process is no more, or has closed.
    pub(crate) gone: bool,
    /// When it is woken next, at the latest.
    alarm: Option<Instant>,
    /// Whether what it has to say leaves soon.
    flushes: bool,
    /// The kind of its last event.
    last: usize,
    /// How what is held ended, as far as it has.
    ends: BTreeMap<Key, End>,
}

/// What the user knows of a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Pending,
    /// Done, and its value is not here.
    Done,
    Erred,
    Value(u64),
}

impl SimClient {
    pub(crate) fn new(number: usize, plan: &Plan, depth: Depth) -> Self {
        Self {
            machine: Client::new(knobs::client(plan, depth)),
            number,
            connection: ConnectionId::default(),
            held: BTreeMap::new(),
            handles: BTreeMap::new(),
            scattered: BTreeMap::new(),
            asked: BTreeSet::new(),
            takes: BTreeSet::new(),
            retries: false,
            questions: 0,
            fresh: 0,
            cut_off: false,
            gone: false,
            alarm: None,
            flushes: false,
            last: 0,
            ends: BTreeMap::new(),
        }
    }

    /// How much there is to check.
    fn size(&self) -> u64 {
        self.held.len() as u64
    }

    /// Its connection to the scheduler.
    pub(crate) fn connection(&self) -> ConnectionId {
        self.connection
    }

    pub(crate) fn holds(&self, key: Key) -> bool {
        self.held.contains_key(&key)
    }

    /// Whether its user holds something that is not done.
    pub(crate) fn waits(&self) -> bool {
        self.held.values().any(|seen| *seen == Seen::Pending)
    }

    /// Whether its user holds the key and does not know how it ends.
    pub(crate) fn waits_for(&self, key: Key) -> bool {
        self.held.get(&key) == Some(&Seen::Pending)
    }

    /// Whether it has seen the key fail by the fault of another.
    pub(crate) fn blames_another(&self, key: Key) -> bool {
        matches!(self.ends.get(&key), Some(End::Error { blame, .. }) if *blame != key)
    }

    pub(crate) fn hold(&mut self, key: Key) {
        self.held.entry(key).or_insert(Seen::Pending);
        *self.handles.entry(key).or_default() += 1;
    }
}

/// The function of every simulated task, with these options.
pub(crate) fn spec(options: TaskOptions) -> Arc<TaskSpec> {
    let function = Function { name: "sim".to_owned(), ..Function::default() };
    Arc::new(TaskSpec { function, options })
}

/// A value that travels with the news, if it is small.
pub(crate) fn small(value: u64, nbytes: u32) -> Option<SmallValue> {
    (nbytes <= 64).then(|| SmallValue {
        value_type: ValueType::default(),
        bytes: value.to_le_bytes()[..].into(),
    })
}

/// Names a key in decisions of chance.
pub(crate) fn entity(key: Key) -> u64 {
    let mut digest = Digest(0);
    key.hash(&mut digest);
    digest.finish()
}

/// The value inside.
pub(crate) fn unpack(value: &SmallValue) -> u64 {
    value.bytes[..].try_into().map_or(0, u64::from_le_bytes)
}

impl World {
    pub(crate) fn connect_client(&mut self, client: usize) {
        let connection = self.connect(Node::Client(client));
        self.clients[client].connection = connection;
        self.open_line(Node::Client(client), connection);
        let session = Session::truncate(client as u64 + 1);
        let name = format!("client {client}");
        let event = SchedulerEvent::ClientConnected { connection, session, name };
        self.send(Node::Client(client), Node::Scheduler, Delivery::Scheduler(event));
    }

    pub(crate) fn client_event(&mut self, client: usize, event: Event) {
        let now = self.now;
        let sim = &mut self.clients[client];
        let deaf = event == Event::Tick && self.settings.plant == Some(Plant::LoseTick);
        if sim.gone || deaf {
            return;
        }
        let said = if let Event::FromScheduler(message) = &event { Some(message) } else { None };
        self.report.coverage.see_event(&event, said, &mut sim.last);
        match &event {
            Event::Flush => sim.flushes = false,
            Event::Tick => sim.alarm = sim.alarm.filter(|at| *at > now),
            Event::Adopt { .. }
            | Event::Await { .. }
            | Event::Cancel { .. }
            | Event::Detach { .. }
            | Event::Disconnected { .. }
            | Event::Fetched { .. }
            | Event::FromScheduler(_)
            | Event::Query { .. }
            | Event::Release { .. }
            | Event::Retry { .. }
            | Event::Scatter { .. }
            | Event::Sent { .. }
            | Event::Submit { .. } => {}
        }
        let mut out = std::mem::take(&mut self.spare_client_effects);
        sim.machine.handle(now, event, &mut out);
        let alarm = sim.machine.next_deadline();
        let alarm = alarm.and_then(|(at, _)| wake(&mut sim.alarm, at, now));
        let flushes = sim.machine.has_unsent() && !std::mem::replace(&mut sim.flushes, true);
        let size = sim.size();
        let wholly = self.checks_wholly(size);
        let machine = &self.clients[client].machine;
        let checked = if wholly { machine.check() } else { machine.check_touched() };
        if let Err(violation) = checked {
            self.fail(Failure::Client(violation));
        }
        if flushes {
            let delay = Duration::from_nanos(self.chance(Node::Client(client).number(), 50_000));
            self.at(now + delay, Delivery::Client(client, Event::Flush));
        }
        for effect in out.drain(..) {
            self.report.coverage.see(&effect);
            self.probe_client_effect(&effect);
            self.client_effect(client, effect);
        }
        self.spare_client_effects = out;
        if let Some(at) = alarm {
            self.at(at, Delivery::Client(client, Event::Tick));
        }
    }

    fn client_effect(&mut self, client: usize, effect: Effect) {
        match effect {
            Effect::Answer { id, answer } => {
                if !self.clients[client].asked.remove(&id) {
                    let nobody = format!("client {client} is answered {id}, which nobody asked");
                    self.fail(Failure::Protocol(nobody));
                }
                self.answered(client, id, answer);
            }
            Effect::Close { reason } => {
                self.fail(Failure::Protocol(format!("client closes: {reason}")));
            }
            Effect::Fetch { key, run, worker, address, route, .. } => {
                let item = Item { key, run };
                let longest = knobs::client(self.plan(), self.settings.mode.depth).relay_time;
                let (asker, holder) = ((client, key), (worker, &*address));
                let way = self.watch.routes.asks(self.now, asker, holder, route, longest);
                self.must(way);
                let asker = Asker::Client(client, item);
                if !self.is_lost(asker, &address, route) {
                    self.ask(asker, &address, vec![item]);
                }
            }
            Effect::Send { key, run, address, route } => {
                let item = Item { key, run };
                self.watch.routes.sends(client, &address, route);
                if !self.is_lost(Asker::Sender(client, item), &address, route) {
                    self.push(client, item, &address);
                }
            }
            Effect::Settled { key, settled } => self.settled(client, key, settled),
            Effect::ToScheduler(message) => {
                let connection = self.clients[client].connection;
                let event = SchedulerEvent::FromClient { connection, message };
                self.send(Node::Client(client), Node::Scheduler, Delivery::Scheduler(event));
            }
            Effect::Unsettled { key } => self.unsettled(client, key),
        }
    }

    fn push(&mut self, client: usize, item: Item, address: &str) {
        let Some(body) = self.clients[client].scattered.get(&item.key).copied() else {
            let lost = format!("client {client} sends {item:?}, which it has not");
            return self.fail(Failure::Protocol(lost));
        };
        let asker = Asker::Sender(client, item);
        let Some(request) = self.ask_of(asker, address) else { return };
        let (nbytes, value) = (body.nbytes, body.value([]));
        let event = WorkerEvent::Received {
            request,
            item,
            nbytes: u64::from(nbytes),
            value: small(value, nbytes),
        };
        let holder = self.requests[&request].holder;
        if let Some(worker) = self.workers.get_mut(&holder) {
            worker.offered.insert(request, (value, nbytes));
        }
        self.send(Node::Client(client), Node::Worker(holder), Delivery::Worker(holder, event));
    }
}
