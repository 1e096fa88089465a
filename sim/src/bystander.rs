//! Somebody with no business here: odd but lawful words, said too late, twice, by strangers, or of
//! what they do not want. They must change nothing that anybody else sees.
//!
//! What is said comes at once, without a link. It must not know what the machines do about it, but
//! for what their matrices say: a word that would have consequences is not said.

mod echoes;

use std::sync::Arc;

use raddle_core::matrix::Class;
use raddle_core::random::{below, hash};
use raddle_core::scheduler::{Age, Cell, ConnectionId, Event, Matter, Row};
use raddle_core::worker::{Cell as WorkerCell, Event as WorkerEvent, RequestId, RunRow};
use raddle_net::messages::{
    ClientMessage, Failure as TaskFailure, Item, NewTask, Note, Query, Registration,
    SchedulerToClient, SchedulerToWorker, TaskOptions, WorkerMessage,
};
use raddle_net::names::{Key, RunId, Session, SpecId};
use raddle_net::payload::Blob;

pub(crate) use echoes::{Echoes, passes, passes_soon};
use echoes::{mentioned, pick};

use crate::client::spec;
use crate::plan::TaskDef;
use crate::world::{Node, World};

/// The stream of chance that belongs to bystanders.
const ODD: u64 = 0x006f_6464;
/// Odd things of one operation.
const BURST: u64 = 12;
/// Sessions of strangers begin here.
const STRANGERS: u64 = 1 << 50;

/// The arguments of a recipe that no task has.
const OTHER: &[u8] = b"other";

/// Whether this is submitted under a key that is known, with another recipe.
pub(crate) fn is_rejected(task: &NewTask) -> bool {
    *task.args == *OTHER
}

impl World {
    /// Somebody with no business here does odd things.
    pub(crate) fn meddle(&mut self, bits: u64) {
        for n in 0..BURST {
            let bits = hash(bits, ODD, n, 0);
            match below(hash(bits, ODD, 0, 1), 9) {
                0 => self.stranger_asks(bits),
                1 => self.stranger_submits(bits),
                2 => self.stranger_leaves(bits),
                3 => self.newcomer(bits),
                4 => self.report_again(bits),
                5 => self.say_again(bits),
                6 => self.pull_anything(bits),
                7 => self.presence_again(bits),
                8.. => self.bodies_speak(bits),
            }
        }
    }

    /// Something happened to a run on a worker that does so for a moment only: now and then somebody
    /// says odd things of that run, and pulls what it needed.
    pub(crate) fn meddle_with(&mut self, worker: u32, run: RunId) {
        if self.echoes.meddles || self.chance(Node::Worker(worker).number(), 4) != 0 {
            return;
        }
        self.echoes.meddles = true;
        for (key, run) in self.about(run) {
            self.body_speaks(worker, key, run);
            self.say_of(worker, key, run);
            self.pull(worker, vec![Item { key, run }]);
        }
        self.echoes.meddles = false;
    }

    /// A client that nobody awaits, which has defined the function of all tasks, as two recipes.
    fn stranger(&mut self) -> ConnectionId {
        let connection = self.connect(Node::Scheduler);
        self.echoes.strangers += 1;
        let session = Session::truncate(STRANGERS + self.echoes.strangers);
        let name = "stranger".to_owned();
        self.scheduler_event(Event::ClientConnected { connection, session, name });
        for retries in 0..=3 {
            let spec = (*spec(TaskOptions { retries, ..TaskOptions::default() })).clone();
            self.stranger_says(connection, ClientMessage::Define { id: SpecId(retries), spec });
        }
        connection
    }

    fn stranger_says(&mut self, connection: ConnectionId, message: ClientMessage) {
        self.scheduler_event(Event::FromClient { connection, message });
    }

    /// It wants nothing, and asks for everything.
    fn stranger_asks(&mut self, bits: u64) {
        let Some(TaskDef { key, .. }) = self.some_task(bits) else { return };
        let stranger = self.stranger();
        let keys = || vec![key];
        self.stranger_says(stranger, ClientMessage::Cancel { keys: keys(), force: false });
        self.stranger_says(stranger, ClientMessage::Locate { key, failed: None });
        self.stranger_says(stranger, ClientMessage::Release { keys: keys(), answer: false });
        self.stranger_says(stranger, ClientMessage::Query { id: 1, query: Query::Explain(key) });
        self.stranger_says(stranger, ClientMessage::Detach { keys: keys() });
        self.stranger_says(stranger, ClientMessage::Release { keys: keys(), answer: true });
        // Then it wants what is there, and says so once more.
        let wishes = [ClientMessage::Retry { keys: keys() }, ClientMessage::Want { keys: keys() }];
        for message in wishes.iter().cycle().skip(bits as usize % 2).take(3) {
            let (connection, message) = (stranger, message.clone());
            let event = Event::FromClient { connection, message };
            if self.names_the_known(&event, key) && !self.revives(&event) {
                self.scheduler_event(event);
            }
        }
        self.stranger_says(stranger, ClientMessage::Goodbye);
    }

    /// It submits what is known, with another recipe, and with the same one twice.
    fn stranger_submits(&mut self, bits: u64) {
        let Some(task) = self.some_task(bits) else { return };
        let stranger = self.stranger();
        let new = NewTask {
            key: task.key,
            spec: SpecId(task.retries.min(3)),
            dependencies: task.dependencies.iter().copied().collect(),
            args: task.body.encode(),
            ..NewTask::default()
        };
        let other = NewTask { args: Blob::from(OTHER), ..new.clone() };
        for task in [other, new.clone(), new] {
            let key = task.key;
            let message = ClientMessage::Submit { submission: 1, tasks: vec![task] };
            let event = Event::FromClient { connection: stranger, message };
            if self.names_the_known(&event, key) {
                self.scheduler_event(event);
            }
        }
        self.stranger_says(
            stranger,
            ClientMessage::Release { keys: vec![task.key], answer: false },
        );
        self.stranger_says(stranger, ClientMessage::Goodbye);
    }

    /// Whether the task that this submits is there, so that the stranger makes none.
    fn names_the_known(&self, event: &Event, key: Key) -> bool {
        let mut known = true;
        let absent = |cell: Cell| cell.to_string().starts_with("absent");
        self.scheduler.machine.cells(self.now, event, &mut |cell| known &= !absent(cell));
        known && !self.explain(key).contains("not known")
    }

    /// Whether it has a task that has failed run again.
    fn revives(&self, event: &Event) -> bool {
        let mut revives = false;
        self.scheduler.machine.cells(self.now, event, &mut |cell| {
            revives |= matches!(cell, Cell::Key(Row::Erred, Matter::Retry | Matter::RetryUnwanted));
        });
        revives
    }

    /// It goes, and speaks when it has gone.
    fn stranger_leaves(&mut self, bits: u64) {
        let connection = self.stranger();
        let reason = "a stranger".to_owned();
        match bits % 3 {
            0 => self.scheduler_event(Event::SessionEnded { connection, reason: reason.clone() }),
            1 => {
                self.scheduler_event(Event::ClientDisconnected { connection });
                self.scheduler_event(Event::ClientDisconnected { connection });
                let ended = Event::SessionEnded { connection, reason: reason.clone() };
                self.scheduler_event(ended);
            }
            2.. => {
                let again = self.connect(Node::Scheduler);
                let session = Session::truncate(STRANGERS + self.echoes.strangers);
                let (connection, name) = (again, "stranger".to_owned());
                self.scheduler_event(Event::ClientConnected { connection, session, name });
                self.stranger_says(again, ClientMessage::Goodbye);
            }
        }
        let key = Key::numbered(Session::truncate(STRANGERS), 1);
        let define =
            ClientMessage::Define { id: SpecId(0), spec: (*spec(TaskOptions::default())).clone() };
        let rebalance = Query::Rebalance { keys: None, workers: Vec::new() };
        for message in [
            define,
            ClientMessage::Submit { submission: 1, tasks: Vec::new() },
            ClientMessage::Cancel { keys: vec![key], force: false },
            ClientMessage::Locate { key, failed: None },
            ClientMessage::Release { keys: vec![key], answer: false },
            ClientMessage::Detach { keys: vec![key] },
            ClientMessage::Retry { keys: vec![key] },
            ClientMessage::Want { keys: vec![key] },
            ClientMessage::Query { id: 1, query: Query::Info },
            ClientMessage::Query { id: 2, query: rebalance },
            ClientMessage::Goodbye,
        ] {
            self.stranger_says(connection, message);
        }
        self.scheduler_event(Event::ClientResumed { connection });
        self.scheduler_event(Event::SessionEnded { connection, reason });
    }

    /// A worker that never gets to work: its name is taken, or it is gone first.
    fn newcomer(&mut self, bits: u64) {
        let name = self.workers.keys().next().map(|number| format!("worker {number}"));
        let connection = self.connect(Node::Scheduler);
        self.echoes.strangers += 1;
        let session = Session::truncate(STRANGERS + self.echoes.strangers);
        self.scheduler_event(Event::WorkerConnected { connection, session });
        if bits.is_multiple_of(5) {
            let again = self.connect(Node::Scheduler);
            let event = Event::WorkerConnected { connection: again, session };
            self.scheduler_event(event);
            let reason = "a stranger".to_owned();
            self.scheduler_event(Event::SessionEnded { connection: again, reason });
        }
        let register = WorkerMessage::Register(Registration {
            name: name.unwrap_or_default(),
            address: "tcp://nowhere".to_owned(),
            nthreads: 1,
            memory_limit: None,
            functions: Vec::new(),
            resources: Vec::new(),
        });
        let register = Event::FromWorker { connection, message: register };
        let mut taken = false;
        self.scheduler.machine.cells(self.now, &register, &mut |cell| {
            taken |= cell.class() == Class::Refused;
        });
        let reason = "a stranger".to_owned();
        match bits % 2 {
            0 if taken => self.scheduler_event(register.clone()),
            _ => self.scheduler_event(Event::SessionEnded { connection, reason }),
        }
        self.scheduler_event(register);
        self.scheduler_event(Event::WorkerResumed { connection });
    }

    /// The driver says again that a worker is there, or that it is away.
    fn presence_again(&mut self, bits: u64) {
        let Some(worker) = self.alive(bits as usize) else { return };
        let connection = self.workers[&worker].connection;
        let reason = "again".to_owned();
        let broke = Event::WorkerDisconnected { connection, reason };
        let client = self.clients.first().map(|client| client.connection);
        let here = client.map(|connection| Event::ClientResumed { connection });
        for event in [Event::WorkerResumed { connection }, broke].into_iter().chain(here) {
            if self.is_ignored(&event) {
                self.scheduler_event(event);
            }
        }
    }

    /// A worker reports again what it has reported, and what others might have, if nothing follows
    /// from that but an answer.
    fn report_again(&mut self, bits: u64) {
        if let Some((connection, message)) = pick(&self.echoes.reports, bits, 4).cloned() {
            self.report_oddly(connection, message);
        }
        let Some((connection, key, run)) = self.some_report(bits) else { return };
        let message = ClientMessage::Query { id: 1, query: Query::Info };
        let (nbytes, failure) = (8, Arc::new(TaskFailure::Cancelled));
        for report in [
            WorkerMessage::Started { key, run },
            WorkerMessage::Locate { key, run },
            WorkerMessage::Note { key, run, note: Note::Progress(1) },
            WorkerMessage::Fetched { key, run },
            WorkerMessage::Recalled { key, run, returned: true },
            WorkerMessage::FromRun { key, run, message },
            WorkerMessage::Finished { key, run, nbytes, duration: 0, value: None },
            WorkerMessage::Failed { key, run, blame: None, failure },
        ] {
            self.report_oddly(connection, report);
        }
    }

    fn report_oddly(&mut self, connection: ConnectionId, report: WorkerMessage) {
        let asks = matches!(report, WorkerMessage::Locate { .. });
        let ends = matches!(report, WorkerMessage::Fetched { .. } | WorkerMessage::Finished { .. });
        let event = Event::FromWorker { connection, message: report };
        let mut lawful = true;
        self.scheduler.machine.cells(self.now, &event, &mut |cell| {
            // Who says something of a run that is over is told to forget it, which it has.
            let stale = matches!(cell, Cell::Run(_, _, Age::Stale));
            let held = matches!(cell, Cell::Run(_, _, Age::Held));
            let answered = cell.class() == Class::Handled && (asks && !held || ends && stale);
            lawful &= answered || cell.class() == Class::Ignored;
        });
        if lawful {
            self.scheduler_event(event);
        }
    }

    fn is_ignored(&self, event: &Event) -> bool {
        let mut ignored = true;
        self.scheduler
            .machine
            .cells(self.now, event, &mut |cell| ignored &= cell.class() == Class::Ignored);
        ignored
    }

    /// A worker is told again what it was told, and what it might have been, if nothing follows.
    fn say_again(&mut self, bits: u64) {
        let Some((worker, message)) = pick(&self.echoes.words, bits, 5).cloned() else { return };
        self.say_if_ignored(worker, message);
        if let Some((worker, key, run)) = self.some_run(bits) {
            self.say_of(worker, key, run);
        }
    }

    /// A worker is told what it might have been told of a run, if nothing follows.
    fn say_of(&mut self, worker: u32, key: Key, run: RunId) {
        let recomputing = SchedulerToClient::Recomputing { key };
        for message in [
            SchedulerToWorker::Free { key, run },
            SchedulerToWorker::Recall { key, run },
            SchedulerToWorker::Holders { key, run, workers: [].into_iter().collect() },
            SchedulerToWorker::ToRun { run, message: recomputing },
        ] {
            self.say_if_ignored(worker, message);
        }
    }

    fn say_if_ignored(&mut self, worker: u32, message: SchedulerToWorker) {
        let Some(node) = self.workers.get(&worker) else { return };
        let event = WorkerEvent::FromScheduler(message);
        let mut ignored = true;
        let visit = &mut |cell: WorkerCell| ignored &= cell.class() == Class::Ignored;
        node.machine.cells(self.now, &event, visit);
        if ignored {
            self.worker_event(worker, event);
        }
    }

    /// A body that says nothing else does.
    fn bodies_speak(&mut self, bits: u64) {
        if let Some((worker, key, run)) = self.some_run(bits) {
            self.body_speaks(worker, key, run);
        }
    }

    /// It says how far it is, asks the scheduler, and leaves; a client sends what it does not
    /// receive.
    fn body_speaks(&mut self, worker: u32, key: Key, run: RunId) {
        let Some(node) = self.workers.get(&worker) else { return };
        let waits = node.nested.contains_key(&run);
        let noted = WorkerEvent::Noted { run, note: Note::Progress(1) };
        if self.may_happen(worker, &noted) {
            self.worker_event(worker, noted);
        }
        for message in [ClientMessage::Query { id: 1, query: Query::Info }, ClientMessage::Goodbye]
        {
            // One that waits would lose what it waits for.
            let event = WorkerEvent::FromRun { run, message };
            let leaves =
                matches!(event, WorkerEvent::FromRun { message: ClientMessage::Goodbye, .. });
            if !(waits && leaves) && self.may_happen(worker, &event) {
                self.worker_event(worker, event);
            }
        }
        self.next_request += 1;
        let (request, item) = (RequestId(self.next_request), Item { key, run });
        let put = WorkerEvent::Received { request, item, nbytes: 8, value: None };
        let Some(node) = self.workers.get(&worker) else { return };
        let mut awaited = false;
        node.machine.cells(self.now, &put, &mut |cell| {
            awaited |= matches!(cell, WorkerCell::Run(RunRow::Receiving, _));
        });
        if !awaited && self.may_happen(worker, &put) {
            self.worker_event(worker, put);
        }
    }

    fn may_happen(&self, worker: u32, event: &WorkerEvent) -> bool {
        let Some(node) = self.workers.get(&worker) else { return false };
        let mut may = true;
        node.machine.cells(self.now, event, &mut |cell| {
            may &= matches!(cell.class(), Class::Handled | Class::Ignored);
        });
        may
    }

    /// Somebody pulls values of lately mentioned runs from a worker, held or not.
    fn pull_anything(&mut self, bits: u64) {
        let Some(worker) = self.alive(bits as usize) else { return };
        let mentioned = self.echoes.words.iter().flat_map(|(_, word)| mentioned(word));
        let items: Vec<Item> = mentioned.map(|(key, run)| Item { key, run }).collect();
        if !items.is_empty() {
            self.pull(worker, items);
        }
    }

    fn pull(&mut self, worker: u32, items: Vec<Item>) {
        self.next_request += 1;
        let request = RequestId(self.next_request);
        self.worker_event(worker, WorkerEvent::Asked { request, items });
    }
}
