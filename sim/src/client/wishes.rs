//! What a plan has a client do.
//!
//! It must not know what comes of it.

use std::collections::BTreeSet;

use raddle_core::client::{Event, Task};
use raddle_core::random::{below, hash};
use raddle_core::scheduler::Event as SchedulerEvent;
use raddle_net::messages::{ClientMessage, Query};
use raddle_net::names::{Key, KeyKind, Session};

use super::{AWAITS, FRESH, SimClient, TOPIC, entity, spec};
use crate::body::Body;
use crate::plan::{Question, TaskDef};
use crate::world::{Delivery, Node, World};

impl World {
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
            Question::Rebalance => Query::Rebalance { keys: None, workers: Vec::new() },
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
}
