//! How the process of a simulated worker begins and ends.
//!
//! It must not know what it does in between.

use std::collections::BTreeMap;

use raddle_core::memory::{Limits, Pressure, Store};
use raddle_core::scheduler::{ConnectionId, Event as SchedulerEvent};
use raddle_core::time::Duration;
use raddle_core::worker::{RequestId, Worker};
use raddle_net::messages::{FunctionName, Registration, WorkerMessage};
use raddle_net::names::Session;

use super::SimWorker;
use super::disk::Disk;
use crate::fields;
use crate::knobs;
use crate::plant::Plant;
use crate::requests::Reply;
use crate::world::{Delivery, Node, World};

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
            store: Store::new(self.store_limits(), 0),
            disk: Disk::new(knobs::disk(self.plan())),
            offered: BTreeMap::new(),
            outbox: Vec::new(),
            nested: BTreeMap::new(),
            running: BTreeMap::new(),
            // Names that nobody of this number had before.
            children: self.report.events,
            pressure: Pressure::default(),
            told: (false, false),
            alarm: None,
            last: 0,
        };
        self.workers.insert(number, worker);
        self.register(number);
    }

    /// How much a worker keeps in memory: without a disk everything.
    fn store_limits(&self) -> Limits {
        match knobs::disk(self.plan()) {
            Some(_) => knobs::memory(self.plan()),
            None => Limits::NONE,
        }
    }

    /// A worker's process begins a session.
    pub(super) fn register(&mut self, number: u32) {
        let connection = self.connect(Node::Worker(number));
        self.open_line(Node::Worker(number), connection);
        let node = self.workers.get_mut(&number).expect("it registers");
        (node.connection, node.pressure) = (connection, Pressure::default());
        node.told = (false, false);
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
    pub(super) fn end_process(&mut self, worker: u32) {
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
}
