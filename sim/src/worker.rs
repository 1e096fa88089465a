//! What a driver does around a worker machine: a store, bodies that take time, a process that can
//! die. Bodies that submit tasks are in `nested.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use raddle_core::client::Event as ClientEvent;
use raddle_core::scheduler::{ConnectionId, Event as SchedulerEvent};
use raddle_core::time::{Duration, Instant};
use raddle_core::worker::{
    Effect, Event, Execute, GatherOutcome, Outcome, RequestId, Timer, Violation, Worker,
};
use raddle_net::messages::{
    Failure as TaskFailure, FunctionName, Item, Note, Registration, SchedulerToWorker,
    WorkerMessage,
};
use raddle_net::names::{Key, RunId, Session, WorkerId};

use crate::body::{Body, Refusal};
use crate::bystander::{passes, passes_soon};
use crate::client::small;
use crate::corrupt::{corrupt_worker_effects, corrupt_worker_event};
use crate::failure::Failure;
use crate::fields;
use crate::knobs;
use crate::nested::Nested;
use crate::plan::Moment;
use crate::plant::Plant;
use crate::property::Property;
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
    pub(crate) store: BTreeMap<RunId, (u64, u32)>,
    /// Scattered values that have come and were not judged yet.
    pub(crate) offered: BTreeMap<RequestId, (u64, u32)>,
    pub(crate) outbox: Vec<Said>,
    pub(crate) nested: BTreeMap<RunId, Nested>,
    /// Bodies that were entered: whose, and when.
    pub(crate) running: BTreeMap<RunId, (Key, Instant)>,
    pub(crate) children: u64,
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
        self.store.contains_key(&run)
    }

    /// Runs whose values are in its store.
    pub(crate) fn stored(&self) -> impl Iterator<Item = RunId> + '_ {
        self.store.keys().copied()
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
        self.store.is_empty() && self.nested.is_empty() && self.machine.is_empty()
    }

    pub(crate) fn holdings(&self) -> String {
        format!(
            "{} values, {} nested bodies, machine {:?}",
            self.store.len(),
            self.nested.len(),
            self.machine
        )
    }
}

impl World {
    pub(crate) fn join(&mut self, nthreads: u32) {
        let number = self.next_worker();
        self.join_as(number, nthreads, self.gpu_of(number));
    }

    /// A worker of this number joins; nobody has it now.
    pub(crate) fn join_as(&mut self, number: u32, nthreads: u32, gpu: u64) {
        self.note_number(number);
        self.watch.worker_begins(number);
        let mut config = knobs::worker(self.plan(), nthreads, self.settings.mode.depth);
        config.nthreads += usize::from(self.settings.plant == Some(Plant::OneSlotMore));
        let worker = SimWorker {
            machine: Worker::new(config),
            id: None,
            connection: ConnectionId::default(),
            nthreads,
            gpu,
            making: BTreeMap::new(),
            store: BTreeMap::new(),
            offered: BTreeMap::new(),
            outbox: Vec::new(),
            nested: BTreeMap::new(),
            running: BTreeMap::new(),
            // Names that nobody of this number had before.
            children: self.report.events,
            alarm: None,
            last: 0,
        };
        self.workers.insert(number, worker);
        self.register(number);
    }

    /// A worker's process begins a session.
    fn register(&mut self, number: u32) {
        let connection = self.connect(Node::Worker(number));
        self.open_line(Node::Worker(number), connection);
        let node = self.workers.get_mut(&number).expect("it registers");
        node.connection = connection;
        let (nthreads, gpu) = (node.nthreads, node.gpu);
        let session = Session::truncate(1 << 32 | connection.0);
        let event = SchedulerEvent::WorkerConnected { connection, session };
        self.send(Node::Worker(number), Node::Scheduler, Delivery::Scheduler(event));
        let message = WorkerMessage::Register(Registration {
            name: fields::name(number),
            address: fields::address(number),
            nthreads,
            memory_limit: self.plan().limits.declared_by(number),
            functions: vec![FunctionName { name: "sim".to_owned(), signature: 0 }],
            resources: (gpu > 0).then(|| (fields::GPU.to_owned(), gpu)).into_iter().collect(),
        });
        let event = SchedulerEvent::FromWorker { connection, message };
        self.send(Node::Worker(number), Node::Scheduler, Delivery::Scheduler(event));
    }

    /// The process is gone: what it had not sent is lost, what it held too, and another one comes.
    pub(crate) fn die(&mut self, worker: u32) {
        let Some(nthreads) = self.workers.get(&worker).map(|dead| dead.nthreads) else { return };
        self.leave(worker);
        let delay = Duration::from_micros(self.chance(Node::Worker(worker).number(), 3_000));
        self.at(self.now + delay, Delivery::Join(nthreads));
    }

    /// The process is gone, with what it had not sent and what it held.
    pub(crate) fn leave(&mut self, worker: u32) {
        let Some(dead) = self.workers.get(&worker) else { return };
        let id = dead.id;
        self.oracle.killed();
        self.end_process(worker);
        // Who started the process may know that it is gone, and say so.
        if let Some(worker) = id
            && self.chance(u64::from(worker.0), 2) == 0
        {
            let event = SchedulerEvent::WorkerLost { worker, reason: "exited".to_owned() };
            self.at(self.now + Duration::from_micros(500), Delivery::Scheduler(event));
        }
    }

    /// The process is no more, be it that it has ended or that it died.
    fn end_process(&mut self, worker: u32) {
        let Some(dead) = self.workers.remove(&worker) else { return };
        self.probe_death(worker, &dead);
        self.unpause(worker);
        self.forget_requests(Node::Worker(worker));
        let (connection, reason) = (dead.connection, "no more".to_owned());
        let event = SchedulerEvent::WorkerDisconnected { connection, reason };
        self.hang_up(Node::Worker(worker), event);
        let broken: Vec<RequestId> = self
            .requests
            .iter()
            .filter(|(_, request)| request.holder == worker)
            .map(|(id, _)| *id)
            .collect();
        for request in broken {
            self.at(self.now + Duration::from_micros(50), Delivery::Reply(request, Reply::Failed));
        }
    }

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
        let holds = |run| node.store.contains_key(&run);
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
                    node.store.insert(run, value);
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
                if node.store.remove(&run).is_none() {
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

    fn say(&mut self, worker: u32, said: Said) {
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

    fn execute(&mut self, worker: u32, execute: Execute) {
        self.report.executions += 1;
        let Execute { key, run, inputs, args, .. } = execute;
        let body = Body::decode(&args);
        let delay = Duration::from_micros(u64::from(body.micros));
        let now = self.now;
        let node = self.workers.get_mut(&worker).expect("it has just had an effect");
        let values: Option<Vec<u64>> =
            inputs.iter().map(|input| node.store.get(input).map(|(value, _)| *value)).collect();
        let Some(mut values) = values else {
            let missing = format!("worker {worker} runs {key} without its inputs");
            return self.fail(Failure::Broken(Property::Inputs, missing));
        };
        node.running.insert(run, (key, now));
        let executing = node.running.len() - node.nested.len();
        if executing > node.nthreads as usize {
            let many = format!("worker {worker} runs {executing} bodies at a time");
            return self.fail(Failure::Broken(Property::Slots, many));
        }
        node.making.insert(run, u64::from(body.nbytes));
        if self.account(worker) {
            return;
        }
        if self.harms(Plant::SwapInputs) {
            values.reverse();
        }
        let refusal = self.refuses(key, body);
        let note = match refusal {
            Some(Refusal::Reschedule) => Note::Log("not now".to_owned()),
            Some(Refusal::Fail) | None => Note::Progress(5_000),
        };
        if body.salt.is_multiple_of(8) || refusal.is_some() {
            self.worker_event(worker, Event::Noted { run, note });
        }
        if refusal == Some(Refusal::Reschedule) {
            let ended = Ended::Failed(None, Arc::new(TaskFailure::Reschedule));
            return self.at(self.now + delay, Delivery::BodyEnds(worker, run, ended));
        }
        if body.poison {
            return self.at(self.now + delay / 2, Delivery::Die(worker));
        }
        if body.children > 0 {
            return self.start_nested(worker, run, key, body, values);
        }
        let ended = if refusal.is_some() {
            Ended::Failed(None, injected())
        } else {
            Ended::Value(body.value(values), body.nbytes)
        };
        self.at(self.now + delay, Delivery::BodyEnds(worker, run, ended));
    }

    /// A body fails, and asks to be run again, as often as its recipe says, over all its runs.
    fn refuses(&mut self, key: Key, body: Body) -> Option<Refusal> {
        if body.failures == 0 && body.reschedules == 0 {
            return None;
        }
        let refused = self.failed.entry(key).or_default();
        let asks = body.refuses(*refused) == Some(Refusal::Reschedule);
        // Others that fail do it by killing their worker, or not at all.
        let can_fail = !body.poison && body.children == 0;
        let refusal = body.refuses(*refused).filter(|_| asks || can_fail);
        *refused += u32::from(refusal.is_some());
        refusal
    }

    pub(crate) fn body_ends(&mut self, worker: u32, run: RunId, ended: Ended) {
        let wrong = self.harms(Plant::WrongBlame).then(Key::default);
        let Some(node) = self.workers.get_mut(&worker) else { return };
        let since = node.running.remove(&run).map_or(self.now, |(_, since)| since);
        node.nested.remove(&run);
        node.making.remove(&run);
        let outcome = match ended {
            Ended::Failed(blame, failure) => Outcome::Failed { blame: wrong.or(blame), failure },
            Ended::Value(value, nbytes) => {
                node.store.insert(run, (value, nbytes));
                let (value, nbytes) = (small(value, nbytes), u64::from(nbytes));
                let duration = self.now.as_nanos().saturating_sub(since.as_nanos());
                Outcome::Finished { nbytes, duration, value }
            }
        };
        self.worker_event(worker, Event::Executed { run, outcome });
    }

    /// Asks the worker at `address` for values.
    pub(crate) fn ask(&mut self, asker: Asker, address: &str, items: Vec<Item>) {
        let Some(request) = self.ask_of(asker, address) else { return };
        let holder = self.requests[&request].holder;
        let event = Event::Asked { request, items };
        self.send(asker.node(), Node::Worker(holder), Delivery::Worker(holder, event));
    }

    pub(crate) fn ask_of(&mut self, asker: Asker, at: &str) -> Option<RequestId> {
        let Some(holder) = fields::worker_at(at) else {
            self.fail(Failure::Protocol(format!("no worker listens at {at}")));
            return None;
        };
        Some(self.request(asker, holder))
    }

    fn serve(&mut self, worker: u32, request: RequestId, items: Vec<(Item, bool)>) {
        let node = &self.workers[&worker];
        let values = items.iter().map(|(item, held)| {
            (*item, held.then(|| node.store.get(&item.run).copied()).flatten())
        });
        let mut values: Vec<_> = values.collect();
        let other = node.store.values().next().copied();
        if self.harms(Plant::WrongRun) {
            values.iter_mut().for_each(|(_, value)| *value = value.and(other));
        }
        self.answer(worker, request, Reply::Items(values));
        if !self.harms(Plant::SkipServed) {
            let at = self.now + Duration::from_micros(30);
            self.at(at, Delivery::Worker(worker, Event::Served { request }));
        }
    }

    fn answer(&mut self, worker: u32, request: RequestId, reply: Reply) {
        let Some(asked) = self.requests.get(&request) else { return };
        let (from, to) = (Node::Worker(worker), asked.asker.node());
        self.send_values(from, to, reply.nbytes(), Delivery::Reply(request, reply));
    }

    /// What a worker asked of a peer has come, or not.
    pub(crate) fn gathered(&mut self, worker: u32, peer: WorkerId, reply: Reply) {
        self.check_sent(worker, &reply);
        let Some(node) = self.workers.get_mut(&worker) else { return };
        let outcome = match reply {
            Reply::Busy => GatherOutcome::Busy,
            Reply::Failed | Reply::Stored(_) => GatherOutcome::Failed,
            Reply::Items(items) => {
                let (mut found, mut missing) = (Vec::new(), Vec::new());
                for (item, value) in items {
                    match value {
                        Some((value, nbytes)) => {
                            node.store.insert(item.run, (value, nbytes));
                            found.push((item.run, u64::from(nbytes)));
                        }
                        None => missing.push(item.run),
                    }
                }
                GatherOutcome::Got { found, missing }
            }
        };
        self.account(worker);
        self.worker_event(worker, Event::Gathered { peer, outcome });
    }
}

fn injected() -> Arc<TaskFailure> {
    Arc::new(TaskFailure::Failed {
        message: "injected".to_owned(),
        chain: Vec::new(),
        panic: false,
        location: None,
        worker: String::new(),
        attempts: 0,
    })
}
