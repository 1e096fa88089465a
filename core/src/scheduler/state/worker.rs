//! What the scheduler knows of a worker, beyond what follows from the states of tasks.
//!
//! This module must not know tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use raddle_net::messages::{Function, FunctionName, MemoryUse, Runtime, TaskSpec};
use raddle_net::names::{Session, SpecId, WorkerId};

use super::super::event::ConnectionId;
use super::State;

/// A registered worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    /// Its own name for its life.
    pub session: Session,
    /// How it is reached.
    pub connection: ConnectionId,
    /// Whether it is there.
    pub presence: Presence,
    /// What it is there for.
    pub duty: Duty,
    /// Its name, unique.
    pub name: String,
    /// Where it serves values, unique.
    pub address: String,
    /// Tasks it runs at a time.
    pub nthreads: u32,
    /// Bytes of memory that it may use, if it knows.
    pub memory_limit: Option<u64>,
    /// How it is with its memory, as it said last.
    pub memory: MemoryUse,
    /// Native functions it offers.
    pub functions: BTreeSet<FunctionName>,
    /// What it has for tasks that need it, in units of 1/10,000.
    pub resources: BTreeMap<String, u64>,
    /// Specs it was told.
    pub specs: BTreeSet<SpecId>,
    /// Workers whose address it was told.
    pub peers: BTreeSet<WorkerId>,
}

/// Whether a worker is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Its connection broke, and it is waited for: it keeps what it has and is given nothing.
    Away,
    /// It is being given up: nothing is said to it any more.
    Gone,
    /// It is connected.
    Here,
}

/// What a worker is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It is given tasks, and values.
    Active,
    /// It has nothing that others need, and was told to leave.
    Leaving,
    /// It keeps what it has, and is given nothing new until a client says otherwise.
    Paused,
    /// It is given nothing new, and leaves once it has nothing that others need.
    Retiring,
}

impl Duty {
    /// The name that people see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "running",
            Self::Leaving => "leaving",
            Self::Paused => "paused",
            Self::Retiring => "retiring",
        }
    }
}

impl Worker {
    /// Whether it can be given tasks, and values.
    pub fn is_open(&self) -> bool {
        self.would_be_open() && !self.memory.is_full
    }

    /// Whether it could be given tasks and values if its memory were not full.
    pub fn would_be_open(&self) -> bool {
        self.presence == Presence::Here && self.duty == Duty::Active
    }

    /// Whether it can be given tasks, in a word that people see.
    pub fn status(&self) -> &'static str {
        match self.presence {
            Presence::Away => "away",
            Presence::Gone | Presence::Here if self.duty == Duty::Active && self.memory.is_full => {
                Duty::Paused.name()
            }
            Presence::Gone | Presence::Here => self.duty.name(),
        }
    }

    /// Whether it is to keep what it holds. It may be away.
    pub fn stays(&self) -> bool {
        self.presence != Presence::Gone && matches!(self.duty, Duty::Active | Duty::Paused)
    }

    /// Whether it may run tasks of this spec.
    pub fn qualifies(&self, spec: &TaskSpec) -> bool {
        let options = &spec.options;
        let allowed =
            options.workers.is_empty() || options.allow_other_workers || self.is_listed(spec);
        allowed && self.has_all(&options.resources) && self.offers(&spec.function)
    }

    /// Whether it is one of those that the spec names: by name, address or host.
    pub fn is_listed(&self, spec: &TaskSpec) -> bool {
        let host = host(&self.address);
        let is_it = |w: &String| *w == self.name || *w == self.address || *w == host;
        spec.options.workers.iter().any(is_it)
    }

    /// Whether it could run a task that needs this, if it ran nothing else.
    pub fn has_all(&self, resources: &[(String, u64)]) -> bool {
        let has = |name: &String| self.resources.get(name).copied().unwrap_or(0);
        resources.iter().all(|(name, amount)| has(name) >= *amount)
    }

    /// Whether it has the code of this function.
    pub fn offers(&self, function: &Function) -> bool {
        match function.runtime {
            Runtime::Native => self.functions.contains(&FunctionName {
                name: function.name.clone(),
                signature: function.signature,
            }),
            Runtime::Command | Runtime::Receive => true,
        }
    }
}

/// The host of `tcp://host:port`, or of `tls://host:port`.
fn host(address: &str) -> &str {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

impl State {
    /// Takes in a worker under the next id; it can be given tasks now. Returns the specs for which
    /// it qualifies.
    pub fn add_worker(&mut self, make: impl FnOnce(WorkerId) -> Worker) -> (WorkerId, Vec<SpecId>) {
        self.workers_seen += 1;
        let worker = make(WorkerId(self.workers_seen));
        let id = worker.id;
        self.shifts += 1;
        self.index.open(id, worker.nthreads);
        let gained = self.specs.worker_joined(&worker);
        self.story.tell_worker(id, &worker.name, &worker.address, "registered");
        self.workers.insert(id, worker);
        self.touched.moved.note(id);
        (id, gained)
    }

    /// Changes what is known of a worker. Whether it can be given tasks changes by
    /// [`suspend_worker`](Self::suspend_worker), [`restore_worker`](Self::restore_worker),
    /// [`set_duty`](Self::set_duty) and [`set_memory`](Self::set_memory) only.
    pub fn worker_mut(&mut self, id: WorkerId) -> Option<&mut Worker> {
        self.touched.workers.note(id);
        self.workers.get_mut(&id)
    }

    /// The worker is away, or even gone: it keeps what it has and is given nothing.
    pub fn suspend_worker(&mut self, id: WorkerId, presence: Presence) {
        if let Some(worker) = self.workers.get_mut(&id) {
            if (worker.presence, presence) == (Presence::Here, Presence::Away) {
                self.story.tell_worker(id, &worker.name, &worker.address, "away");
            }
            self.touched.moved.note(id);
            self.shifts += u64::from(worker.would_be_open());
            worker.presence = presence;
            self.index.close(id);
            self.specs.worker_left(id);
        }
    }

    /// The worker is back. Returns the specs for which it qualifies, if it can be given tasks.
    pub fn restore_worker(&mut self, id: WorkerId) -> Vec<SpecId> {
        let Some(worker) = self.workers.get_mut(&id) else { return Vec::new() };
        worker.presence = Presence::Here;
        self.story.tell_worker(id, &worker.name, &worker.address, "back");
        self.open_or_close(id)
    }

    /// The worker is there for something else. Returns the specs for which it qualifies, if it can be
    /// given tasks now.
    pub fn set_duty(&mut self, id: WorkerId, duty: Duty) -> Vec<SpecId> {
        let Some(worker) = self.workers.get_mut(&id) else { return Vec::new() };
        worker.duty = duty;
        self.story.tell_worker(id, &worker.name, &worker.address, duty.name());
        self.open_or_close(id)
    }

    /// The worker says how it is with its memory. Returns the specs for which it qualifies, if it can
    /// be given tasks again.
    pub fn set_memory(&mut self, id: WorkerId, memory: MemoryUse) -> Vec<SpecId> {
        let Some(worker) = self.workers.get_mut(&id) else { return Vec::new() };
        let before = mem::replace(&mut worker.memory, memory);
        if before.is_full == memory.is_full {
            return Vec::new();
        }
        let event = if memory.is_full { "its memory is full" } else { "it has memory again" };
        self.story.tell_worker(id, &worker.name, &worker.address, event);
        self.open_or_close(id)
    }

    fn open_or_close(&mut self, id: WorkerId) -> Vec<SpecId> {
        self.touched.moved.note(id);
        self.shifts += 1;
        let worker = &self.workers[&id];
        if worker.is_open() {
            self.index.open(id, worker.nthreads);
            return self.specs.worker_joined(worker);
        }
        self.index.close(id);
        self.specs.worker_left(id);
        Vec::new()
    }

    /// Removes a suspended worker that has nothing and holds nothing any more.
    pub fn remove_worker(&mut self, id: WorkerId) {
        if let Some(worker) = self.workers.remove(&id) {
            self.story.tell_worker(id, &worker.name, &worker.address, "gone");
        }
        self.touched.moved.note(id);
        self.links.forget(id);
        assert!(self.index.load(id).is_none(), "it still has tasks or values");
    }
}
