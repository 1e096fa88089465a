//! What a driver does around a client machine, and what its user sees.
//!
//! It must not know the scheduler's state: it judges by the plan alone.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use raddle_core::client::{Client, Effect, Event, Settled, Task};
use raddle_core::random::{below, hash};
use raddle_core::scheduler::{ConnectionId, Event as SchedulerEvent};
use raddle_core::time::{Duration, Instant};
use raddle_core::worker::Event as WorkerEvent;
use raddle_net::messages::{
    ClientMessage, Failure as TaskFailure, Function, Item, Query, TaskOptions, TaskSpec,
};
use raddle_net::names::{Key, KeyKind, Session};
use raddle_net::payload::{SmallValue, ValueType};

use crate::body::Body;
use crate::digest::Digest;
use crate::failure::Failure;
use crate::history::{End, History};
use crate::knobs;
use crate::oracle::Verdict;
use crate::plan::{Plan, Question, TaskDef};
use crate::plant::Plant;
use crate::property::Property;
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

    pub(crate) fn submit(&mut self, client: usize, tasks: &[TaskDef]) {
        // What the user dropped, or lost to a failure upstream, is no argument.
        let mut ours = BTreeSet::new();
        let mut calls = Vec::new();
        for task in tasks {
            let held =
                |key: &Key| self.clients[client].held.contains_key(key) || ours.contains(key);
            // A numbered key is never used again.
            let is_used = matches!(task.key.kind(), KeyKind::Numbered { .. })
                && self.oracle.knows(task.key)
                && !held(&task.key);
            if ours.contains(&task.key) || is_used || !task.dependencies.iter().all(held) {
                continue;
            }
            ours.insert(task.key);
            self.probe_submit(client, task.key);
            self.oracle.submitted(task);
            calls.push(Task {
                key: task.key,
                spec: spec(task.fields.options(task.retries)),
                priority: task.priority,
                dependencies: task.dependencies.iter().copied().collect(),
                args: task.body.encode(),
            });
        }
        for &key in &ours {
            self.clients[client].hold(key);
        }
        self.client_event(client, Event::Submit { tasks: calls });
        for key in ours {
            // By the key, so that a plan with fewer tasks decides the same about the others.
            if below(hash(self.settings.seed, AWAITS, entity(key), 0), 4) == 0 {
                self.client_event(client, Event::Await { key });
            }
            // Who waits for something to be said must not do so for ever.
            if !self.clients[client].gone {
                self.query(client, Question::Say);
            }
        }
    }

    /// Every client asks for new work: whatever happened before, it must be done.
    pub(crate) fn submit_fresh(&mut self) {
        for client in 0..self.clients.len() {
            if self.clients[client].gone || self.clients[client].cut_off {
                continue;
            }
            let mut tasks: Vec<TaskDef> = Vec::new();
            for salt in 0..4 {
                self.clients[client].fresh += 1;
                let fresh = FRESH + self.clients[client].fresh;
                let key = Key::numbered(Session::truncate(client as u64 + 1), fresh);
                let dependencies = tasks.iter().map(|task| task.key).collect();
                let body = Body { salt, nbytes: 8, ..Body::default() };
                tasks.push(TaskDef { key, dependencies, body, ..TaskDef::default() });
            }
            self.submit(client, &tasks);
        }
        self.await_all();
    }

    pub(crate) fn scatter(&mut self, client: usize, task: &TaskDef) {
        self.oracle.submitted(task);
        self.clients[client].hold(task.key);
        self.clients[client].scattered.insert(task.key, task.body);
        self.client_event(client, Event::Scatter { key: task.key });
    }

    pub(crate) fn release(&mut self, client: usize, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            let Some(handles) = self.clients[client].handles.get_mut(&key) else { continue };
            self.oracle.let_go(key);
            *handles -= 1;
            if *handles == 0 {
                self.clients[client].handles.remove(&key);
                self.clients[client].held.remove(&key);
            }
            self.client_event(client, Event::Release { key });
        }
    }

    pub(crate) fn cancel(&mut self, client: usize, mut keys: Vec<Key>) {
        keys.retain(|key| self.clients[client].held.contains_key(key));
        for key in &keys {
            self.probe_cancel(client, *key);
            self.oracle.cancelled(*key);
        }
        self.client_event(client, Event::Cancel { keys, force: false });
    }

    pub(crate) fn query(&mut self, client: usize, question: Question) {
        if self.clients[client].cut_off {
            return;
        }
        let text = (self.clients[client].questions + 1).to_string();
        let names = |number| {
            let worker = self.alive(number).map(|worker| format!("worker {worker}"));
            worker.into_iter().collect()
        };
        let query = match question {
            Question::Events => Query::Events { topic: TOPIC.to_owned(), after: 0 },
            Question::Copies(key, copies) => Query::Copies { key, copies },
            Question::Rest(number, paused) => Query::Pause { workers: names(number), paused },
            Question::Retire(number) => Query::Retire(names(number)),
            Question::Explain(key) => Query::Explain(key),
            Question::Info => Query::Info,
            Question::Say => Query::LogEvent { topic: TOPIC.to_owned(), text },
            Question::Workers => Query::WaitForWorkers(1),
        };
        if let Question::Retire(number) = question
            && let Some(worker) = self.alive(number)
            && self.chance(u64::from(worker), 2) == 0
        {
            // It may be told to end by somebody else at the same time.
            self.ask_to_leave(worker);
        }
        self.ask_scheduler(client, query);
    }

    /// The number of the question, if there is a scheduler to be asked.
    pub(crate) fn ask_scheduler(&mut self, client: usize, query: Query) -> Option<u64> {
        let sim = &mut self.clients[client];
        if sim.cut_off {
            return None;
        }
        sim.questions += 1;
        let id = sim.questions;
        sim.asked.insert(id);
        self.client_event(client, Event::Query { id, query });
        Some(id)
    }

    /// The client is no more, and what it held is nobody's; it says so, or its process dies.
    pub(crate) fn close_client(&mut self, client: usize, polite: bool) {
        if polite {
            self.client_event(client, Event::Flush);
        }
        self.probe_goodbye(client);
        self.client_lets_go(client);
        let sim = &mut self.clients[client];
        sim.gone = true;
        let connection = sim.connection;
        (sim.held, sim.handles, sim.asked, sim.takes) = Default::default();
        if polite {
            let message = ClientMessage::Goodbye;
            let event = SchedulerEvent::FromClient { connection, message };
            self.send(Node::Client(client), Node::Scheduler, Delivery::Scheduler(event));
        }
        self.hang_up(Node::Client(client), SchedulerEvent::ClientDisconnected { connection });
    }

    /// What the client held, others may see lost if it had not been sent, or begun anew.
    pub(crate) fn client_lets_go(&mut self, client: usize) {
        let SimClient { scattered, held, .. } = &self.clients[client];
        scattered.keys().chain(held.keys()).for_each(|key| self.oracle.let_go(*key));
    }

    /// The scheduler has given the client up: what is not done fails.
    pub(crate) fn client_is_cut_off(&mut self, client: usize) {
        let sim = &mut self.clients[client];
        sim.cut_off = true;
        sim.asked.clear();
        sim.takes.clear();
        let reason = "the scheduler has given this client up".to_owned();
        self.client_event(client, Event::Disconnected { reason });
    }

    pub(crate) fn await_all(&mut self) {
        for client in 0..self.clients.len() {
            let keys: Vec<Key> = self.clients[client].held.keys().copied().collect();
            for key in keys {
                self.client_event(client, Event::Await { key });
            }
        }
    }

    pub(crate) fn release_all(&mut self) {
        for client in 0..self.clients.len() {
            let handles = self.clients[client].handles.iter();
            let keys = handles.flat_map(|(key, &n)| std::iter::repeat_n(*key, n));
            let keys: Vec<Key> = keys.collect();
            self.release(client, keys);
        }
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

    /// What was said of a key does not count any more. A failure is taken back only if somebody asked
    /// for that.
    fn unsettled(&mut self, client: usize, key: Key) {
        let sim = &mut self.clients[client];
        let Some(seen) = sim.held.get_mut(&key) else { return };
        match seen {
            Seen::Done => *seen = Seen::Pending,
            Seen::Erred => {
                *seen = Seen::Pending;
                sim.ends.remove(&key);
                self.probe_revived(client);
                if !self.oracle.may_run_again(key) {
                    self.fail(Failure::Changed(format!("{key} had failed, and nobody retries it")));
                }
            }
            Seen::Pending | Seen::Value(_) => {}
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

    fn settled(&mut self, client: usize, key: Key, settled: Settled) {
        if !self.clients[client].held.contains_key(&key) {
            if self.clients[client].scattered.remove(&key).is_some() {
                return; // It outlived its last handle, so that it could be sent.
            }
            let phantom = format!("client {client} hears of {key}, which it does not hold");
            return self.fail(Failure::Phantom(phantom));
        }
        let seen = match settled {
            Settled::Erred { blame, failure } => {
                self.report.coverage.see(&*failure);
                self.probe_failure(key, blame, &failure);
                let allowed = raddle_core::scheduler::Config::default().allowed_failures;
                let cut_off = matches!(&*failure, TaskFailure::Disconnected { .. })
                    && self.clients[client].cut_off;
                let verdict = match cut_off {
                    true => Verdict::Right,
                    false => self.oracle.judge_failure(key, blame, &failure, allowed),
                };
                self.judge(verdict, Failure::WrongFailure);
                self.clients[client].ends.insert(key, End::error(blame, &failure));
                Seen::Erred
            }
            Settled::InMemory { value: Some(value), .. } => {
                let value = unpack(&value);
                let verdict = self.oracle.judge_value(key, value);
                self.judge(verdict, Failure::WrongValue);
                self.clients[client].ends.insert(key, End::Value(value));
                Seen::Value(value)
            }
            Settled::InMemory { value: None, .. } => Seen::Done,
        };
        let before = self.clients[client].held.insert(key, seen);
        if before == Some(Seen::Erred) && seen != Seen::Erred {
            self.fail(Failure::Changed(format!("{key} had failed, and now has not")));
        }
    }

    pub(crate) fn fetched(&mut self, client: usize, key: Key, value: u64) {
        let verdict = self.oracle.judge_value(key, value);
        self.judge(verdict, Failure::WrongValue);
        if let Some(seen) = self.clients[client].held.get_mut(&key) {
            *seen = Seen::Value(value);
            self.clients[client].ends.insert(key, End::Value(value));
        }
    }

    /// How what is held ended.
    pub(crate) fn history(&self) -> History {
        let held = |client: &SimClient| {
            let ends = client.ends.iter().filter(|(key, _)| client.held.contains_key(*key));
            ends.map(|(key, end)| (*key, end.clone())).collect()
        };
        self.clients.iter().map(held).collect()
    }

    fn judge(&mut self, verdict: Verdict, wrong: fn(String) -> Failure) {
        self.report.judged += 1;
        if let Verdict::Wrong(why) = verdict {
            self.fail(wrong(why));
        }
    }

    /// Every future that is still held has settled, and its value was gathered.
    pub(crate) fn judge_all(&self, property: Property) -> Result<(), Failure> {
        for client in &self.clients {
            let open = |(_, seen): &(&Key, &Seen)| matches!(seen, Seen::Pending | Seen::Done);
            if let Some((key, seen)) = client.held.iter().find(open) {
                let (number, why) = (client.number, self.explain(*key));
                let stuck = format!("{key} of client {number} is {seen:?}: {why}");
                return Err(Failure::Broken(property, stuck));
            }
            if let Some(id) = client.asked.first() {
                let stuck = format!("question {id} of client {} has no answer", client.number);
                return Err(Failure::Broken(property, stuck));
            }
        }
        Ok(())
    }
}
