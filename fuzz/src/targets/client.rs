//! The client between a user who may do anything and a scheduler that may say anything: it stays
//! whole, what it says makes sense, and nothing is left when all is released.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use raddle_core::client::{Client, Config, Effect, Event, FetchOutcome, SendOutcome, Task};
use raddle_core::time::{Duration, Instant};
use raddle_net::messages::{ClientMessage, Failure, SchedulerToClient, TaskSpec};
use raddle_net::names::{Key, RunId, WorkerId};

use super::choices::Choices;
use super::draw::draw;
use super::names::Names;

/// Keys that there are.
const KEYS: u64 = 8;
/// Events of one input, at most.
const EVENTS: u32 = 200;
/// Runs that the scheduler names.
const RUNS: u64 = 6;

/// Bytes become events.
pub fn client_events(data: &[u8]) {
    let choices = &mut Choices::new(data);
    let mut user = User::new();
    while !choices.is_empty() && user.events < EVENTS {
        user.step(choices);
    }
    user.lets_go();
}

struct User {
    client: Client,
    now: Instant,
    names: Names,
    /// How often each key is held.
    held: BTreeMap<Key, u32>,
    /// What the scheduler hears.
    listener: Listener,
    /// Pulls that are under way.
    fetches: Vec<(Key, RunId)>,
    sends: Vec<(Key, RunId)>,
    /// Keys whose data is still to be sent, as far as the user knows.
    scattered: BTreeSet<Key>,
    closed: bool,
    events: u32,
}

impl User {
    fn new() -> Self {
        let mut names = Names::new(KEYS, &["", "tcp://w1:1", "f"]);
        names.workers = 2;
        let keys: Vec<Key> = names.keys.iter().map(|key| super::names::whole(*key)).collect();
        let run = |counter| RunId { epoch: 1, counter };
        names.runs = (1..=RUNS).flat_map(|n| keys.iter().map(move |key| (*key, run(n)))).collect();
        let mut user = Self {
            client: Client::new(Config { track_touched: true, ..Config::default() }),
            now: Instant::ZERO,
            names,
            held: BTreeMap::new(),
            listener: Listener::default(),
            fetches: Vec::new(),
            sends: Vec::new(),
            scattered: BTreeSet::new(),
            closed: false,
            events: 0,
        };
        for id in 1..=2 {
            let address = format!("tcp://w{id}:1");
            user.hear(SchedulerToClient::Peer { id: WorkerId(id), address });
        }
        user
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let op = choices.below(32);
        match op {
            0..=3 => self.submit(choices),
            4 => {
                let key = self.names.some_key(choices);
                self.hold(key);
                self.scattered.insert(key);
                self.event(Event::Scatter { key });
            }
            5..=8 => {
                let key = self.names.some_key(choices);
                self.release(key);
            }
            9..=11 => {
                let key = self.names.some_key(choices);
                self.event(Event::Await { key });
            }
            12..=15 => self.wish(op, choices),
            16..=20 => self.told(op, choices),
            21..=23 => {
                if let Some(message) = draw(choices, &self.names) {
                    self.hear(message);
                }
            }
            24 | 25 => self.fetched(choices),
            26 => {
                let at = choices.below(self.sends.len().clamp(1, 256));
                let sent = self.sends.get(at).copied();
                let stray = || (self.names.some_key(choices), self.names.run(None, choices));
                let (key, run) = sent.unwrap_or_else(stray);
                let outcome = match (choices.one_in(3), choices.one_in(2)) {
                    (false, _) => SendOutcome::Delivered,
                    (true, false) => SendOutcome::Declined,
                    (true, true) => SendOutcome::Unreachable,
                };
                self.event(Event::Sent { key, run, outcome });
            }
            27 => {
                if let Some(query) = draw(choices, &self.names) {
                    self.event(Event::Query { id: u64::from(self.events), query });
                }
            }
            28 => self.event(Event::Flush),
            29 => self.tick(),
            30 => {
                self.now = self.now + Duration::from_millis(choices.number() % 10_000);
                self.event(Event::Tick);
            }
            31.. if choices.one_in(8) => {
                self.closed = true;
                self.event(Event::Disconnected { reason: "it broke".to_owned() });
            }
            31.. => {}
        }
    }

    fn hold(&mut self, key: Key) {
        *self.held.entry(key).or_default() += 1;
    }

    fn release(&mut self, key: Key) {
        if let Some(count) = self.held.get_mut(&key) {
            *count -= 1;
            self.held.retain(|_, count| *count > 0);
        }
        self.event(Event::Release { key });
    }

    /// Some tasks, which depend on anything, themselves and one another included.
    fn submit(&mut self, choices: &mut Choices<'_>) {
        let count = choices.below(4) + 1;
        let tasks: Vec<Task> = (0..count)
            .map(|_| Task {
                key: self.names.some_key(choices),
                spec: Arc::new(spec(choices.below(3))),
                priority: i32::from(choices.byte()),
                dependencies: draw(choices, &self.names).unwrap_or_default(),
                args: draw(choices, &self.names).unwrap_or_default(),
            })
            .collect();
        tasks.iter().for_each(|task| self.hold(task.key));
        self.event(Event::Submit { tasks });
    }

    fn wish(&mut self, op: usize, choices: &mut Choices<'_>) {
        let keys: Vec<Key> = draw(choices, &self.names).unwrap_or_default();
        let event = match op {
            12 => Event::Cancel { keys, force: choices.below(2) == 1 },
            13 => Event::Detach { keys },
            14 => Event::Retry { keys },
            _ => {
                keys.iter().for_each(|key| self.hold(*key));
                Event::Adopt { keys }
            }
        };
        self.event(event);
    }

    /// What a right scheduler says.
    fn told(&mut self, op: usize, choices: &mut Choices<'_>) {
        let key = self.names.some_key(choices);
        let run = RunId { epoch: 1, counter: choices.number() % RUNS + 1 };
        let worker = WorkerId(choices.below(2) as u32 + 1);
        self.hear(match op {
            16 | 17 => {
                let value = draw(choices, &self.names).unwrap_or_default();
                SchedulerToClient::InMemory { key, run, nbytes: choices.number(), worker, value }
            }
            18 => SchedulerToClient::Recomputing { key },
            19 => SchedulerToClient::Send { key, run, worker },
            _ => {
                let blame = self.names.some_key(choices);
                SchedulerToClient::Erred { key, blame, failure: Arc::new(Failure::TimedOut) }
            }
        });
    }

    fn fetched(&mut self, choices: &mut Choices<'_>) {
        let outcome = match choices.below(4) {
            0 => FetchOutcome::Found,
            1 => FetchOutcome::Missing,
            2 => FetchOutcome::Busy,
            3.. => FetchOutcome::Unreachable,
        };
        let at = choices.below(self.fetches.len().clamp(1, 256));
        let (key, run) = match self.fetches.len() {
            0 => (self.names.some_key(choices), self.names.run(None, choices)),
            _ => self.fetches.swap_remove(at),
        };
        self.event(Event::Fetched { key, run, outcome });
    }

    fn tick(&mut self) {
        if let Some((at, _)) = self.client.next_deadline() {
            self.now = self.now.max(at);
        }
        self.event(Event::Tick);
    }

    fn hear(&mut self, message: SchedulerToClient) {
        self.event(Event::FromScheduler(message));
    }

    fn event(&mut self, event: Event) {
        self.events += 1;
        let mut out = Vec::new();
        self.client.handle(self.now, event.clone(), &mut out);
        assert_eq!(self.client.check_touched(), Ok(()), "after {event:?}");
        assert_eq!(self.client.check(), Ok(()), "after {event:?}");
        for effect in out {
            match effect {
                Effect::Fetch { key, run, .. } => self.fetches.push((key, run)),
                Effect::Send { key, run, .. } => self.sends.push((key, run)),
                Effect::ToScheduler(message) => self.listener.hear(&message),
                Effect::Answer { .. }
                | Effect::Close { .. }
                | Effect::Settled { .. }
                | Effect::Unsettled { .. } => {}
            }
        }
        let (held, unsent) = (self.held.len(), self.scattered.len());
        let futures = self.client.futures();
        assert!((held..=held + unsent).contains(&futures), "{futures} futures of {held} keys");
    }

    /// Everything is released and said, and the scheduler answers: nothing is left.
    fn lets_go(&mut self) {
        while let Some((&key, _)) = self.held.first_key_value() {
            self.release(key);
        }
        self.event(Event::Flush);
        let keys = std::mem::take(&mut self.listener.unanswered);
        self.hear(SchedulerToClient::Released { keys });
        // What is still to be sent outlives its handles, until its value has arrived.
        for key in self.scattered.clone() {
            let failure = Arc::new(Failure::Cancelled);
            self.hear(SchedulerToClient::Erred { key, blame: key, failure });
        }
        // So does a pull or push that is under way, until it ends.
        for (key, run) in std::mem::take(&mut self.fetches) {
            self.event(Event::Fetched { key, run, outcome: FetchOutcome::Busy });
        }
        for (key, run) in std::mem::take(&mut self.sends) {
            self.event(Event::Sent { key, run, outcome: SendOutcome::Delivered });
        }
        self.event(Event::Flush);
        let keys = std::mem::take(&mut self.listener.unanswered);
        self.hear(SchedulerToClient::Released { keys });
        assert!(self.closed || self.listener.wanted.is_empty(), "{:?}", self.listener.wanted);
        let sizes = self.client.sizes();
        assert!(sizes.iter().all(|(_, size)| *size == 0), "{sizes:?}");
        assert_eq!(self.client.next_deadline(), None);
    }
}

/// A scheduler that listens: each message makes sense after those before it.
#[derive(Default)]
struct Listener {
    specs: u32,
    wanted: BTreeSet<Key>,
    last: Option<u64>,
    /// Keys of releases that are to be answered.
    unanswered: Vec<Key>,
}

impl Listener {
    fn hear(&mut self, message: &ClientMessage) {
        match message {
            ClientMessage::Define { id, .. } => {
                assert_eq!(id.0, self.specs);
                self.specs += 1;
            }
            ClientMessage::Submit { submission, tasks } => {
                assert!(self.last <= Some(*submission), "submissions go back");
                self.last = Some(*submission);
                for task in tasks {
                    assert!(task.spec.0 < self.specs);
                    assert!(self.wanted.insert(task.key), "{} is wanted already", task.key);
                }
            }
            ClientMessage::Release { keys, answer } => {
                self.unanswered.extend(keys.iter().filter(|_| *answer));
                for key in keys {
                    assert!(self.wanted.remove(key), "{key} is not wanted");
                }
            }
            ClientMessage::Want { keys } => {
                for key in keys {
                    assert!(self.wanted.insert(*key), "{key} is wanted already");
                }
            }
            ClientMessage::Cancel { .. }
            | ClientMessage::Detach { .. }
            | ClientMessage::Goodbye
            | ClientMessage::Locate { .. }
            | ClientMessage::Query { .. }
            | ClientMessage::Retry { .. } => {}
        }
    }
}

fn spec(number: usize) -> TaskSpec {
    let mut spec = TaskSpec::default();
    spec.function.name = ["f", "g", "h"][number].to_owned();
    spec
}
