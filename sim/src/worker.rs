//! What a driver does around a worker machine: a store, bodies that take time, a process that can
//! die. Bodies that submit tasks are in `nested.rs`.

mod bodies;
mod disk;
mod pressure;
mod process;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use raddle_core::client::Event as ClientEvent;
use raddle_core::memory::{Pressure, Store};
use raddle_core::scheduler::{ConnectionId, Event as SchedulerEvent};
use raddle_core::time::{Duration, Instant};
use raddle_core::worker::{Effect, Event, RequestId, Timer, Violation, Worker};
use raddle_net::messages::{Failure as TaskFailure, SchedulerToWorker, WorkerMessage};
use raddle_net::names::{Key, RunId, WorkerId};

pub(crate) use self::disk::Speed;
use self::disk::{Disk, Value};
use crate::bystander::{passes, passes_soon};
use crate::corrupt::{corrupt_worker_effects, corrupt_worker_event};
use crate::failure::Failure;
use crate::journal::Fact;
use crate::nested::Nested;
use crate::plan::Moment;
use crate::plant::Plant;
use crate::requests::{Asker, Reply};
use crate::scheduler::wake;
use crate::world::{Delivery, Node, World};

/// A worker process.
#[derive(Clone, Debug)]
pub(crate) struct SimWorker {
    pub(crate) machine: Worker,
    /// What the scheduler calls it.
    id: Option<WorkerId>,
    pub(crate) connection: ConnectionId,
    nthreads: u32,
    /// What it has of a GPU, in units of 1/10,000.
    pub(crate) gpu: u64,
    /// Bytes that each of its bodies makes.
    pub(crate) making: BTreeMap<RunId, u64>,
    pub(crate) store: Store<Value, u64>,
    disk: Disk,
    /// Scattered values that have come and were not judged yet.
    pub(crate) offered: BTreeMap<RequestId, Value>,
    pub(crate) outbox: Vec<Said>,
    pub(crate) nested: BTreeMap<RunId, Nested>,
    /// Bodies that were entered: whose, and when.
    pub(crate) running: BTreeMap<RunId, (Key, Instant)>,
    pub(crate) children: u64,
    /// What it makes of what it has in memory.
    pressure: Pressure,
    /// Whether it has said that it is full, and that its disk refuses values.
    told: (bool, bool),
    /// When it is woken next, at the latest.
    alarm: Option<Instant>,
    /// The kind of its last event.
    last: usize,
}

/// What a worker said that has not left its process.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// Nothing more.
    End,
    Flush(RunId),
    Message(WorkerMessage),
}

/// How a body ended.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Ended {
    Failed(Option<Key>, Arc<TaskFailure>),
    Value(u64, u32),
}

impl SimWorker {
    pub(crate) fn check(&self) -> Result<(), Violation> {
        self.machine.check()
    }

    /// How much there is to check.
    fn size(&self) -> u64 {
        (self.store.len() + self.running.len()) as u64
    }

    /// Whether a value is in its store.
    pub(crate) fn holds(&self, run: RunId) -> bool {
        self.store.contains(run)
    }

    /// One of the values in its store, or what none of them is; no use of it.
    fn any_value(&self) -> Option<Value> {
        let mut store = self.store.clone();
        let run = store.iter().next().map(|(run, _)| run)?;
        store.get(run, |_| (0, 0))
    }

    /// Whether the body of a run waits for the disk, which it does no longer.
    pub(crate) fn calls_off(&mut self, run: RunId) -> Option<Key> {
        self.disk.calls_off(run)
    }

    /// Runs whose values are in its store.
    pub(crate) fn stored(&self) -> impl Iterator<Item = RunId> + '_ {
        self.store.iter().map(|(run, _)| run)
    }

    /// Whether the scheduler has registered it.
    pub(crate) fn is_registered(&self) -> bool {
        self.id.is_some()
    }

    /// Whether one more body could run.
    pub(crate) fn has_slot(&self) -> bool {
        self.running.len() - self.nested.len() < self.nthreads as usize
    }

    /// What the machine is due for next.
    pub(crate) fn next_deadline(&self) -> Option<(Instant, Timer)> {
        self.machine.next_deadline()
    }

    /// How large the machine's tables are.
    pub(crate) fn sizes(&self) -> [(&'static str, usize); 7] {
        self.machine.sizes()
    }

    /// What the scheduler calls it.
    pub(crate) fn id(&self) -> Option<&WorkerId> {
        self.id.as_ref()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.store.is_empty()
            && self.disk.is_empty()
            && self.nested.is_empty()
            && self.machine.is_empty()
    }

    pub(crate) fn holdings(&self) -> String {
        format!(
            "{} values, {:?}, {} nested bodies, machine {:?}",
            self.store.len(),
            self.disk,
            self.nested.len(),
            self.machine
        )
    }
}

impl World {
    /// A worker handles an event, and does all that follows from it. Whoever is given up for something
    /// within hears so after that.
    pub(crate) fn worker_event(&mut self, worker: u32, event: Event) {
        self.within += 1;
        self.worker_handles(worker, event);
        self.within -= 1;
        if self.within == 0
            && let Some(worker) = self.given_up.take()
        {
            self.give_up(worker);
        }
    }

    fn worker_handles(&mut self, worker: u32, event: Event) {
        let now = self.now;
        if event == Event::Tick && self.settings.plant == Some(Plant::LoseTick) {
            return;
        }
        self.probe_worker_event(worker, &event);
        self.visit_worker(worker, &event);
        self.note_word(worker, &event);
        let Some(node) = self.workers.get_mut(&worker) else {
            return self.undeliverable(event);
        };
        let said = if let Event::FromScheduler(message) = &event { Some(message) } else { None };
        self.report.coverage.see_event(&event, said, &mut node.last);
        if let Some(SchedulerToWorker::Registered { worker }) = said {
            node.id = Some(*worker);
        }
        if event == Event::Tick {
            node.alarm = node.alarm.filter(|at| *at > now);
            self.watch.worker_ticks(now, worker);
        }
        let moment = Moment::of_event(&event);
        let passing = passes(&event);
        self.watch.worker_hears(now, worker, &event);
        let event = corrupt_worker_event(self.settings.plant, event);
        let mut out = std::mem::take(&mut self.spare_worker_effects);
        node.machine.handle(now, event, &mut out);
        corrupt_worker_effects(self.settings.plant, &mut self.memory, &mut out);
        let holds = |run| node.store.contains(run);
        let observation = self.watch.worker_did(now, worker, &out, holds);
        let alarm = node.machine.next_deadline();
        let alarm = alarm.and_then(|(at, _)| wake(&mut node.alarm, at, now));
        let size = node.size();
        self.must(observation);
        let wholly = self.checks_wholly(size);
        let machine = &self.workers[&worker].machine;
        let checked = if wholly { machine.check() } else { machine.check_touched() };
        if let Err(violation) = checked {
            self.fail(Failure::Worker(violation));
        }
        let passing = match self.has_bystanders {
            true => passing.or_else(|| out.iter().find_map(passes_soon)),
            false => None,
        };
        let mut sprung = false;
        if !self.ambushes.is_empty() {
            let moments = out.iter().filter_map(Moment::of_effect).chain(moment);
            sprung = moments.into_iter().any(|moment| self.springs(moment));
        }
        if sprung && !self.may_be_given_up(worker) {
            return self.die(worker);
        }
        for effect in out.drain(..) {
            if !self.workers.contains_key(&worker) {
                return; // One of its effects was its end.
            }
            self.report.coverage.see(&effect);
            self.probe_worker_effect(&effect);
            self.worker_effect(worker, effect);
        }
        self.spare_worker_effects = out;
        self.judge_memory(worker);
        if let Some(at) = alarm {
            self.at(at, Delivery::Worker(worker, Event::Tick));
        }
        if let Some(run) = passing {
            self.meddle_with(worker, run);
        }
        if sprung {
            self.given_up = Some(worker);
        }
    }

    /// The scheduler has given the worker up: it drops everything and comes as a new one.
    pub(crate) fn begin_anew(&mut self, worker: u32) {
        self.journal(Fact::GivenUp { worker });
        let Some(node) = self.workers.get_mut(&worker) else { return };
        (node.id, node.outbox) = (None, Vec::new());
        self.worker_event(worker, Event::Disconnected);
        if let Some(node) = self.workers.get_mut(&worker) {
            node.outbox.clear();
            self.register(worker);
        }
    }

    /// Whether a worker dies of this moment.
    fn springs(&mut self, moment: Moment) -> bool {
        let Some(at) = self.ambushes.iter().position(|(when, _)| *when == moment) else {
            return false;
        };
        let (_, left) = &mut self.ambushes[at];
        *left = left.saturating_sub(1);
        if *left > 0 {
            return false;
        }
        self.ambushes.remove(at);
        true
    }

    /// A request to a process that is gone fails; anything else is lost.
    fn undeliverable(&mut self, event: Event) {
        self.probe_undeliverable(&event);
        if let Event::Asked { request, .. } | Event::Received { request, .. } = event {
            self.at(self.now, Delivery::Reply(request, Reply::Failed));
        }
    }

    fn worker_effect(&mut self, worker: u32, effect: Effect) {
        match effect {
            Effect::Accept { request, run } => {
                let node = self.workers.get_mut(&worker).expect("it has just had an effect");
                if let Some(value) = node.offered.remove(&request) {
                    node.keep(run, value);
                }
                self.account(worker);
                self.answer(worker, request, Reply::Stored(true));
            }
            Effect::Close { reason } => {
                self.fail(Failure::Protocol(format!("worker {worker} closes: {reason}")));
            }
            Effect::Execute(execute) => self.execute(worker, execute),
            Effect::Flush { run } if self.settings.plant == Some(Plant::FlushEarly) => {
                self.at(self.now, Delivery::Worker(worker, Event::Flushed { run }));
            }
            Effect::Flush { run } => self.say(worker, Said::Flush(run)),
            Effect::Forget { .. } if self.harms(Plant::KeepForgotten) => {}
            Effect::Forget { run } => {
                let node = self.workers.get_mut(&worker).expect("it has just had an effect");
                if !node.drop_value(run) {
                    self.fail(Failure::Protocol(format!("worker {worker} forgets {run} twice")));
                }
            }
            Effect::Gather { peer, address, items, .. } => {
                self.ask(Asker::Worker(worker, peer), &address, items);
            }
            Effect::Leave => self.say(worker, Said::End),
            Effect::Reject { request } => {
                let node = self.workers.get_mut(&worker).expect("it has just had an effect");
                node.offered.remove(&request);
                self.answer(worker, request, Reply::Stored(false));
            }
            Effect::Resume { .. } if self.harms(Plant::LoseResume) => {}
            Effect::Resume { run } => self.resume(worker, run),
            Effect::Serve { request, items } => self.serve(worker, request, items),
            Effect::ServeBusy { request } => self.answer(worker, request, Reply::Busy),
            Effect::Stop { run } => self.stop(worker, run),
            Effect::ToRun { run, message } => {
                self.nested_event(worker, run, ClientEvent::FromScheduler(message));
            }
            Effect::ToScheduler(message) => self.say(worker, Said::Message(message)),
        }
    }

    pub(crate) fn say(&mut self, worker: u32, said: Said) {
        let delay = Duration::from_nanos(self.chance(Node::Worker(worker).number(), 60_000));
        let node = self.workers.get_mut(&worker).expect("it has just had an effect");
        node.outbox.push(said);
        if node.outbox.len() == 1 {
            self.at(self.now + delay, Delivery::Depart(worker));
        }
    }

    /// The process is told to end in good order.
    pub(crate) fn ask_to_leave(&mut self, worker: u32) {
        self.say(worker, Said::Message(WorkerMessage::Retire));
    }

    pub(crate) fn depart(&mut self, worker: u32) {
        let Some(node) = self.workers.get_mut(&worker) else { return };
        let connection = node.connection;
        for said in std::mem::take(&mut node.outbox) {
            match said {
                Said::End => self.end_process(worker),
                Said::Flush(_) if self.harms(Plant::SkipFlushed) => {}
                Said::Flush(run) => {
                    self.at(self.now, Delivery::Worker(worker, Event::Flushed { run }));
                }
                Said::Message(message) => {
                    let event = SchedulerEvent::FromWorker { connection, message };
                    self.send(Node::Worker(worker), Node::Scheduler, Delivery::Scheduler(event));
                }
            }
        }
    }
}
