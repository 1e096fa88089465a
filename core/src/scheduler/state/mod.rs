//! The state of the scheduler, with its one writer.
//!
//! [`State::set`] is the only way a task changes its state, and keeps everything that follows from
//! it up to date. Policies read this module; nothing here decides, and nothing here sends.

use std::collections::BTreeMap;
use std::sync::Arc;

use raddle_net::messages::TaskSpec;
use raddle_net::names::{Key, RunId, SpecId, WorkerId};
use slotmap::SlotMap;

mod check;
mod client;
#[cfg(test)]
mod corrupt;
mod index;
mod links;
mod shares;
mod spec;
mod story;
mod task;
mod touched;
mod violation;
mod worker;

pub use client::{Channel, Client, ClientId};
#[cfg(test)]
pub use corrupt::Corruption;
pub use index::{Index, Load};
pub use links::{LARGE, Links, Transfer};
pub use spec::{Spec, Specs};
pub use story::{Story, TaskLine, WorkerLine};
pub use task::{Kind, Task, TaskId, TaskState};
pub use touched::Touched;
pub use violation::Violation;
pub use worker::{Duty, Presence, Worker};

use self::shares::Shares;
use super::event::ConnectionId;
use crate::keys::KeyTable;
use crate::time::Instant;

/// What a body, or an assignment, costs at most, whatever its worker says, in nanoseconds: about five
/// hours.
pub const MAX_COST: u64 = 1 << 44;
/// All of the work of a run.
const WHOLE: u16 = 10_000;

/// Everything the scheduler knows.
#[derive(Clone, Debug)]
pub struct State {
    tasks: SlotMap<TaskId, Task>,
    keys: KeyTable<TaskId>,
    specs: Specs,
    workers: BTreeMap<WorkerId, Worker>,
    clients: BTreeMap<ClientId, Client>,
    index: Index,
    links: Links,
    shares: Shares,
    story: Story,
    touched: Touched,
    epoch: u32,
    runs: u64,
    submissions: u64,
    workers_seen: u32,
    /// How often it has changed who can be given tasks.
    shifts: u64,
    clients_seen: u32,
}

impl State {
    /// Nothing is known yet, in this life of the scheduler.
    pub fn new(epoch: u32, track_touched: bool) -> Self {
        Self {
            tasks: SlotMap::with_key(),
            keys: KeyTable::new(),
            specs: Specs::default(),
            workers: BTreeMap::new(),
            clients: BTreeMap::new(),
            index: Index::default(),
            links: Links::default(),
            shares: Shares::default(),
            story: Story::default(),
            touched: Touched::new(track_touched),
            epoch,
            runs: 0,
            submissions: 0,
            workers_seen: 0,
            shifts: 0,
            clients_seen: 0,
        }
    }

    /// The task called `key`.
    pub fn find(&self, key: Key) -> Option<TaskId> {
        self.keys.get(key)
    }

    /// A task that is known: ids of forgotten tasks must not be asked for.
    pub fn task(&self, id: TaskId) -> &Task {
        &self.tasks[id]
    }

    /// Whether the task is still known.
    pub fn is_known(&self, id: TaskId) -> bool {
        self.tasks.contains_key(id)
    }

    /// Every task.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = &Task> {
        self.tasks.values()
    }

    /// The spec of a task.
    pub fn spec_of(&self, id: TaskId) -> &Spec {
        self.specs.get(self.tasks[id].spec)
    }

    /// All specs.
    pub fn specs(&self) -> &Specs {
        &self.specs
    }

    /// A registered worker.
    pub fn worker(&self, id: WorkerId) -> Option<&Worker> {
        self.workers.get(&id)
    }

    /// Every registered worker, by id.
    pub fn workers(&self) -> impl ExactSizeIterator<Item = &Worker> {
        self.workers.values()
    }

    /// How often it has changed who can be given tasks.
    pub fn shifts(&self) -> u64 {
        self.shifts
    }

    /// A client.
    pub fn client(&self, id: ClientId) -> Option<&Client> {
        self.clients.get(&id)
    }

    /// Every client, by id.
    pub fn clients(&self) -> impl ExactSizeIterator<Item = (ClientId, &Client)> {
        self.clients.iter().map(|(&id, client)| (id, client))
    }

    /// Everything that follows from the states of tasks.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What transfers bring, and what is on its way.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// The inputs of a task that its worker lacks are on their way there.
    pub fn expect_inputs(&mut self, id: TaskId, worker: WorkerId, now: Instant) {
        if self.index.load(worker).is_none_or(|load| load.processing.len() == 0) {
            self.links.forget(worker);
        }
        for input in &self.tasks[id].dependencies {
            if let TaskState::Memory { run, nbytes, holders } = &self.tasks[*input].state
                && *nbytes >= LARGE
                && !holders.contains(&worker)
            {
                let from = (holders.len() == 1).then(|| holders[0]);
                self.links.expect(worker, *run, Transfer { bytes: *nbytes, from }, now);
            }
        }
    }

    /// A worker holds a value that it did not make.
    pub fn note_arrival(&mut self, id: TaskId, worker: WorkerId, now: Instant) {
        if let TaskState::Memory { run, .. } = &self.tasks[id].state {
            self.links.arrived(worker, *run, now);
        }
    }

    /// What has happened lately.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// What happens from here on happens now, for this reason.
    pub fn turn(&mut self, now: Instant, cause: &'static str) {
        self.story.turn(now, cause);
    }

    /// Every task after a key, in the order of keys.
    pub fn tasks_after(&self, after: Option<Key>) -> impl Iterator<Item = &Task> {
        self.keys.iter_after(after).map(|(_, id)| &self.tasks[id])
    }

    /// What was touched since the current event began.
    pub fn touched(&self) -> &Touched {
        &self.touched
    }

    /// An event begins, on this connection if it is one of a peer: nothing else is touched yet.
    pub fn begin_event(&mut self, connection: Option<ConnectionId>) {
        self.touched.clear();
        self.touched.connections.note_all(connection);
    }

    /// The queued task that goes next: of the client that has had the least, of those of which a task
    /// has a worker with room.
    pub fn first_queued(&self) -> Option<TaskId> {
        self.index.with_room().next()?;
        let first = |client| self.index.first_queued(client, |spec| self.has_room(spec));
        self.shares.turns().find_map(first)
    }

    /// Whether tasks of other clients than its own are queued.
    pub fn do_others_queue(&self, id: TaskId) -> bool {
        let client = self.tasks[id].priority.client;
        self.shares.turns().any(|other| other.0 != client)
    }

    /// How many clients have tasks queued.
    pub fn clients_that_queue(&self) -> usize {
        self.shares.turns().count()
    }

    /// Whether a worker that qualifies for this spec has room.
    pub fn has_room(&self, spec: SpecId) -> bool {
        let eligible = self.specs.get(spec).eligible();
        let mut with_room = self.index.with_room();
        if self.specs.get(spec).needs_resources() {
            with_room.any(|worker| eligible.contains(&worker) && self.fits(spec, worker))
        } else if eligible.len() == self.index.open_workers() {
            with_room.next().is_some()
        } else {
            with_room.any(|worker| eligible.contains(&worker))
        }
    }

    /// Whether the worker has what a task of this spec takes, beside what it has given to others.
    pub fn fits(&self, spec: SpecId, worker: WorkerId) -> bool {
        let spec = self.specs.get(spec);
        if !spec.needs_resources() {
            return self.workers.contains_key(&worker);
        }
        let used = self.index.load(worker).map(|load| &load.used);
        let Some(worker) = self.workers.get(&worker) else { return false };
        spec.spec.options.resources.iter().all(|(name, amount)| {
            let used = used.and_then(|used| used.get(name)).copied().unwrap_or(0);
            let total = worker.resources.get(name).copied().unwrap_or(0);
            total.saturating_sub(used) >= *amount
        })
    }

    /// The last run that was given out.
    pub fn last_run(&self) -> RunId {
        RunId { epoch: self.epoch, counter: self.runs }
    }

    /// A run id that was never used.
    pub fn next_run(&mut self) -> RunId {
        self.runs += 1;
        self.last_run()
    }

    /// How many workers there have been.
    pub fn workers_seen(&self) -> u32 {
        self.workers_seen
    }

    /// The number of a new submission.
    pub fn next_submission(&mut self) -> u64 {
        self.submissions += 1;
        self.submissions
    }

    /// Takes in a new task: released, wanted by nobody, linked to its dependencies.
    pub fn add_task(&mut self, mut task: Task) -> TaskId {
        assert!(matches!(task.state, TaskState::Released));
        let spec = self.specs.get(task.spec);
        task.takes = spec.needs_resources().then(|| Arc::clone(&spec.spec));
        let key = task.key;
        let id = self.tasks.insert(task);
        assert!(self.keys.insert(key, id).is_none(), "two tasks of one key");
        for i in 0..self.tasks[id].dependencies.len() {
            let dependency = self.tasks[id].dependencies[i];
            self.tasks[dependency].dependents.push(id);
        }
        self.index.enter(id, &self.tasks[id]);
        self.story.tell(key, None, Some(&self.tasks[id].state));
        self.touched.changed.note(id);
        id
    }

    /// Removes a task that nobody wants and on which nothing depends. Returns what it depended on.
    pub fn forget(&mut self, id: TaskId) -> impl Iterator<Item = TaskId> + use<> {
        let task = &self.tasks[id];
        assert!(!task.is_needed() && task.dependents.is_empty());
        assert!(!task.kind().is_active(), "its dependencies still count it");
        self.index.leave(id, task);
        let task = self.tasks.remove(id).expect("it was there a line ago");
        self.keys.remove(task.key);
        self.story.tell(task.key, Some(&task.state), None);
        self.touched.tasks.note_all(task.dependencies.iter().copied());
        for &dependency in &task.dependencies {
            let mut dependents = std::mem::take(&mut self.tasks[dependency].dependents);
            dependents.forget_one(|id| self.tasks.contains_key(id));
            self.tasks[dependency].dependents = dependents;
        }
        task.dependencies.into_iter()
    }

    /// The only writer of a task's state, and so of what follows from it: the index, the waiters of
    /// its dependencies, and what its waiting dependents miss.
    pub fn set(&mut self, id: TaskId, next: TaskState) -> TaskState {
        self.index.leave(id, &self.tasks[id]);
        let task = &mut self.tasks[id];
        let previous = std::mem::replace(&mut task.state, next);
        let (was, is) = (previous.kind(), task.state.kind());
        if let TaskState::Processing { worker, .. } = previous
            && is != Kind::Memory
        {
            self.links.forget(worker);
        }
        self.index.enter(id, &self.tasks[id]);
        self.account(id, &previous);
        self.story.tell(self.tasks[id].key, Some(&previous), Some(&self.tasks[id].state));
        self.touched.set(id, &previous, &self.tasks[id].state);
        if was.is_active() != is.is_active() {
            self.count_as_waiter(id, is.is_active());
        }
        if (was == Kind::Memory) != (is == Kind::Memory) {
            self.count_as_missing(id, is != Kind::Memory);
        }
        previous
    }

    /// What a task is expected to cost is spent for its client while it is processing; and if it fails,
    /// which nobody says how long it took.
    fn account(&mut self, id: TaskId, previous: &TaskState) {
        let task = &self.tasks[id];
        let client = ClientId(task.priority.client);
        let (was, is) = (previous.kind(), task.kind());
        if let TaskState::Processing { cost, .. } = previous
            && is != Kind::Erred
        {
            self.shares.refund(client, *cost);
        }
        if let TaskState::Processing { cost, .. } = task.state {
            if was == Kind::Queued {
                self.shares.serve(client);
            }
            self.shares.spend(client, cost);
        }
        if was == Kind::Queued || is == Kind::Queued {
            self.shares.queues(client, self.index.queues(client));
        }
    }

    /// So much was done for the client of a task, in nanoseconds.
    pub fn spend(&mut self, id: TaskId, nanos: u64) {
        let nanos = nanos.min(MAX_COST);
        self.shares.spend(ClientId(self.tasks[id].priority.client), nanos);
    }

    fn count_as_waiter(&mut self, id: TaskId, active: bool) {
        for i in 0..self.tasks[id].dependencies.len() {
            let dependency = self.tasks[id].dependencies[i];
            let waiters = &mut self.tasks[dependency].waiters;
            count_one(waiters, active);
        }
    }

    fn count_as_missing(&mut self, id: TaskId, missing: bool) {
        for i in 0..self.tasks[id].dependents.ids().len() {
            let dependent = self.tasks[id].dependents.ids()[i];
            let Some(task) = self.tasks.get_mut(dependent) else { continue };
            match &mut task.state {
                TaskState::Waiting { missing: count } => count_one(count, missing),
                TaskState::Processing { worker, missing: count, waits, .. } => {
                    let was = *waits || *count > 0;
                    count_one(count, missing);
                    self.index.change_waiting(*worker, was, *waits || *count > 0);
                    self.touched.workers.note(*worker);
                }
                TaskState::Erred { .. }
                | TaskState::Memory { .. }
                | TaskState::NoWorker
                | TaskState::Queued
                | TaskState::Released => {}
            }
        }
    }

    /// How many of the task's inputs, with repetition, are not in memory.
    pub fn missing(&self, id: TaskId) -> u32 {
        let dependencies = self.tasks[id].dependencies.iter();
        let missing = dependencies.filter(|&&d| self.tasks[d].kind() != Kind::Memory).count();
        u32::try_from(missing).expect("bounded by MAX_DEPENDENCIES")
    }

    /// `worker` holds one more replica of a task in memory. False if it was known to.
    pub fn add_replica(&mut self, id: TaskId, worker: WorkerId) -> bool {
        let TaskState::Memory { run, holders, nbytes } = &mut self.tasks[id].state else {
            unreachable!("the caller has seen it in memory")
        };
        if holders.contains(&worker) {
            return false;
        }
        holders.push(worker);
        self.touched.replica(id, worker);
        self.index.add_replica(id, *run, worker, *nbytes);
        true
    }

    /// `worker` holds a replica no more; it must not be the last.
    pub fn remove_replica(&mut self, id: TaskId, worker: WorkerId) {
        let TaskState::Memory { run, holders, nbytes } = &mut self.tasks[id].state else {
            unreachable!("the caller has seen it in memory")
        };
        assert!(holders.len() > 1, "the last replica goes with the state");
        holders.retain(|holder| *holder != worker);
        self.touched.replica(id, worker);
        self.index.remove_replica(id, *run, worker, *nbytes);
    }

    /// The worker of an announced run is about to enter its body.
    pub fn mark_started(&mut self, id: TaskId) {
        if let TaskState::Processing { started, announced: true, .. } = &mut self.tasks[id].state {
            *started = true;
            self.touched.tasks.note(id);
        }
    }

    /// The run of a processing task says how far it is.
    pub fn mark_progress(&mut self, id: TaskId, done: u16) {
        if let TaskState::Processing { progress, .. } = &mut self.tasks[id].state {
            *progress = done.min(WHOLE);
            self.touched.tasks.note(id);
        }
    }

    /// The run of a processing task submits tasks of its own: it waits more than it runs.
    pub fn mark_client(&mut self, id: TaskId) {
        let mut state = self.tasks[id].state.clone();
        if let TaskState::Processing { cost, waits, .. } = &mut state {
            (*cost, *waits) = (0, true);
            self.set(id, state);
        }
    }

    /// The counters of a task that its life changes. Its state is not among them.
    pub fn record(&mut self, id: TaskId) -> Record<'_> {
        self.touched.tasks.note(id);
        let Task { attempts, deaths, incomplete, retries_left, returns, suspect, .. } =
            &mut self.tasks[id];
        Record { attempts, deaths, incomplete, retries_left, returns, suspect }
    }

    /// The id of `spec`; `None` if there are too many.
    pub fn intern(&mut self, spec: TaskSpec) -> Option<SpecId> {
        let id = self.specs.intern(spec, self.workers.values())?;
        self.touched.specs.note(id);
        Some(id)
    }

    /// A body of this spec took `nanos`.
    pub fn learn(&mut self, spec: SpecId, nanos: u64) {
        self.specs.learn(spec, nanos);
    }

    /// The spec, to be sent.
    pub fn share_spec(&self, id: SpecId) -> Arc<TaskSpec> {
        Arc::clone(&self.specs.get(id).spec)
    }
}

fn count_one(count: &mut u32, more: bool) {
    *count = if more { *count + 1 } else { *count - 1 };
}

/// The counters of a task that its life changes.
#[derive(Debug)]
pub struct Record<'a> {
    /// How often it was assigned.
    pub attempts: &'a mut u32,
    /// Deaths of its worker that were charged to it.
    pub deaths: &'a mut u32,
    /// Whether it named an input that was not known.
    pub incomplete: &'a mut bool,
    /// Failures by error that it may still have.
    pub retries_left: &'a mut u32,
    /// How often a worker gave it back before it began.
    pub returns: &'a mut u32,
    /// Whether its next run is announced.
    pub suspect: &'a mut bool,
}
