//! Everything that follows from the states of tasks, kept up to date instead of recomputed.
//!
//! [`Index::rebuild`] computes it from nothing and so proves each step. This module must not decide
//! anything and must not know messages.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use raddle_net::names::{Priority, RunId, SpecId, WorkerId};

use super::client::ClientId;
use super::task::{Kind, Task, TaskId, TaskState};
use crate::ranked::Ranked;

/// Occupancy of a thread up to which a worker is given more tasks, in nanoseconds: what it has to
/// do while its news travel and its next tasks come.
pub const PREFILL: u64 = 2_000_000;
/// Backlogs that differ by less, in nanoseconds, may count as the same.
const GRAIN: u64 = 16_384;
/// Workers that are looked at for one that is connected.
const FEW: usize = 8;
/// A worker that has less than this to do, in nanoseconds a thread, is given a task more than it has
/// threads, for each so many threads begun: one that waits is there when another ends. Beside longer
/// tasks a round trip is nothing, and what waits for one of them would be bound too early.
const AHEAD: (u64, usize) = (100_000_000, 8);
/// Tasks of a thread beyond which a worker is given no more, however short they are.
pub const PREFILL_MAX: usize = 1024;

/// Everything that follows from the states of tasks and the workers that are connected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    counts: [u64; Kind::ALL.len()],
    queued: BTreeMap<(SpecId, ClientId), Ranked<Priority, TaskId>>,
    /// The first of each client's queued tasks of each spec.
    heads: BTreeMap<ClientId, BTreeSet<(Priority, TaskId, SpecId)>>,
    no_worker: BTreeMap<SpecId, BTreeSet<(Priority, TaskId)>>,
    loads: BTreeMap<WorkerId, Load>,
    /// By [`Load::rank`].
    by_load: BTreeSet<(u64, WorkerId)>,
    with_room: BTreeSet<(u64, WorkerId)>,
    /// Those of them with a task for which there is no thread.
    crowded: BTreeSet<(u64, WorkerId)>,
}

/// What one worker has to do, and holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Threads of the worker, while it can be given tasks; otherwise 0.
    pub nthreads: u32,
    /// Tasks assigned to it, by their runs.
    pub processing: Ranked<RunId, TaskId>,
    /// How many of them do not want to run: they wait for inputs that are made here, for their value
    /// from a client, or for tasks of their own. They take no room, lest what they wait for finds
    /// none.
    pub waiting: usize,
    /// Their costs together, in nanoseconds.
    pub occupancy: u64,
    /// What they take of the worker but room, in units of 1/10,000. Nothing is here as 0.
    pub used: BTreeMap<String, u64>,
    /// Tasks of whose values it holds a replica, by the runs that made them.
    pub values: Ranked<RunId, TaskId>,
    /// Their sizes together, in bytes.
    pub nbytes: u64,
}

impl Load {
    /// When a task given to it now would start, in nanoseconds from now.
    pub fn backlog(&self) -> u64 {
        self.occupancy / u64::from(self.nthreads.max(1))
    }

    /// When a task given to it now would start: at once, while there are threads without a task.
    pub fn wait(&self) -> u64 {
        let tasks = self.processing.len() - self.waiting;
        if tasks < self.nthreads as usize { 0 } else { self.backlog() }
    }

    /// Whether it has a task that waits for a thread.
    fn is_crowded(&self) -> bool {
        self.nthreads > 0 && self.processing.len() - self.waiting > self.nthreads as usize
    }

    /// Which orders of workers it belongs in: those that are connected, have room, are crowded.
    fn orders(&self) -> [bool; 3] {
        [self.nthreads > 0, self.has_room(), self.is_crowded()]
    }

    /// Its place among workers: so coarse that a short task seldom changes it.
    fn rank(&self) -> u64 {
        self.backlog() / GRAIN
    }

    /// Whether it has nothing, and can be given nothing.
    fn is_nothing(&self) -> bool {
        self.nthreads == 0 && *self == Self::default()
    }

    /// A task takes this of the worker.
    pub fn take(&mut self, resources: &[(String, u64)]) {
        for (name, amount) in resources {
            *self.used.entry(name.clone()).or_default() += amount;
        }
    }

    /// A task gives back what it took.
    fn give_back(&mut self, resources: &[(String, u64)]) {
        for (name, amount) in resources {
            let used = self.used.get_mut(name).expect("a task gives back what it took");
            *used -= amount;
            if *used == 0 {
                self.used.remove(name);
            }
        }
    }

    /// Whether it is to be given one more task.
    pub fn has_room(&self) -> bool {
        let nthreads = self.nthreads as usize;
        let tasks = self.processing.len() - self.waiting;
        let backlog = self.backlog();
        let (short, share) = AHEAD;
        tasks < nthreads
            || (tasks < nthreads + nthreads.div_ceil(share) && backlog < short)
            || (tasks < nthreads * PREFILL_MAX && backlog < PREFILL)
    }
}

impl Index {
    /// The index of these tasks and of these connected workers with their threads.
    pub fn rebuild<'a>(
        tasks: impl IntoIterator<Item = (TaskId, &'a Task)>,
        workers: impl IntoIterator<Item = (WorkerId, u32)>,
    ) -> Self {
        let mut index = Self::default();
        for (worker, nthreads) in workers {
            index.open(worker, nthreads);
        }
        for (id, task) in tasks {
            index.enter(id, task);
        }
        index
    }

    /// Takes `task` in, in the state it is in.
    pub fn enter(&mut self, id: TaskId, task: &Task) {
        self.counts[task.kind() as usize] += 1;
        match &task.state {
            TaskState::Erred { .. } | TaskState::Released | TaskState::Waiting { .. } => {}
            TaskState::Memory { run, nbytes, holders } => {
                for &holder in holders {
                    self.add_replica(id, *run, holder, *nbytes);
                }
            }
            TaskState::NoWorker => {
                let tasks = self.no_worker.entry(task.spec).or_default();
                assert!(tasks.insert((task.priority, id)));
            }
            TaskState::Processing { worker, run, cost, missing, waits, .. } => {
                self.with_load(*worker, |load| {
                    load.occupancy += cost;
                    load.take(task.resources());
                    load.waiting += usize::from(*waits || *missing > 0);
                    assert!(load.processing.insert(*run, id));
                })
            }
            TaskState::Queued => self.with_queue(task, |queue| {
                assert!(queue.insert(task.priority, id));
            }),
        }
    }

    /// Takes `task` out: the mirror image of [`enter`](Self::enter).
    pub fn leave(&mut self, id: TaskId, task: &Task) {
        self.counts[task.kind() as usize] -= 1;
        match &task.state {
            TaskState::Erred { .. } | TaskState::Released | TaskState::Waiting { .. } => {}
            TaskState::Memory { run, nbytes, holders } => {
                for &holder in holders {
                    self.remove_replica(id, *run, holder, *nbytes);
                }
            }
            TaskState::NoWorker => {
                let tasks = self.no_worker.entry(task.spec).or_default();
                assert!(tasks.remove(&(task.priority, id)));
                if tasks.is_empty() {
                    self.no_worker.remove(&task.spec);
                }
            }
            TaskState::Processing { worker, run, cost, missing, waits, .. } => {
                self.with_load(*worker, |load| {
                    load.occupancy -= cost;
                    load.give_back(task.resources());
                    load.waiting -= usize::from(*waits || *missing > 0);
                    assert!(load.processing.remove(*run, id));
                })
            }
            TaskState::Queued => self.with_queue(task, |queue| {
                assert!(queue.remove(task.priority, id));
            }),
        }
    }

    /// An assigned task has all its inputs now, or has not any more; or is found to wait.
    pub fn change_waiting(&mut self, worker: WorkerId, was: bool, is: bool) {
        if was != is {
            self.with_load(worker, |load| {
                load.waiting = load.waiting + usize::from(is) - usize::from(was);
            });
        }
    }

    /// One more replica of a task in memory.
    pub fn add_replica(&mut self, id: TaskId, run: RunId, holder: WorkerId, nbytes: u64) {
        let load = self.loads.entry(holder).or_default();
        load.nbytes += nbytes;
        assert!(load.values.insert(run, id));
    }

    /// One replica less.
    pub fn remove_replica(&mut self, id: TaskId, run: RunId, holder: WorkerId, nbytes: u64) {
        let load = self.loads.entry(holder).or_default();
        load.nbytes -= nbytes;
        assert!(load.values.remove(run, id));
        self.drop_if_empty(holder);
    }

    /// A worker can be given tasks.
    pub fn open(&mut self, worker: WorkerId, nthreads: u32) {
        self.with_load(worker, |load| load.nthreads = nthreads);
    }

    /// A worker can be given no more tasks.
    pub fn close(&mut self, worker: WorkerId) {
        self.with_load(worker, |load| load.nthreads = 0);
    }

    /// Spoils a load, for tests of the checks.
    #[cfg(test)]
    pub fn burden(&mut self, worker: WorkerId) {
        self.with_load(worker, |load| load.occupancy += 1);
    }

    /// Whether a task is where its state says. That it is nowhere else, [`rebuild`](Self::rebuild)
    /// says.
    pub fn holds(&self, id: TaskId, task: &Task) -> bool {
        let queued = self.queued.get(&line(task));
        let is_queued = queued.is_some_and(|queue| queue.contains(task.priority, id));
        let no_worker = self.no_worker.get(&task.spec);
        let is_no_worker = no_worker.is_some_and(|queue| queue.contains(&(task.priority, id)));
        let load = |worker: &WorkerId| self.loads.get(worker);
        let placed = match &task.state {
            TaskState::Erred { .. }
            | TaskState::NoWorker
            | TaskState::Queued
            | TaskState::Released
            | TaskState::Waiting { .. } => true,
            TaskState::Memory { run, holders, .. } => {
                holders.iter().all(|w| load(w).is_some_and(|load| load.values.contains(*run, id)))
            }
            TaskState::Processing { worker, run, .. } => {
                load(worker).is_some_and(|load| load.processing.contains(*run, id))
            }
        };
        placed
            && is_queued == (task.kind() == Kind::Queued)
            && is_no_worker == (task.kind() == Kind::NoWorker)
    }

    /// Whether a worker is in each order exactly if its load says so.
    pub fn is_ranked(&self, worker: WorkerId) -> bool {
        let nothing = Load::default();
        let load = self.loads.get(&worker).unwrap_or(&nothing);
        let rank = (load.rank(), worker);
        let orders = [&self.by_load, &self.with_room, &self.crowded];
        load.orders() == orders.map(|order| order.contains(&rank))
    }

    /// How many entries of tasks there are, in all queues and loads.
    pub fn entries(&self) -> usize {
        let queued: usize = self.queued.values().map(Ranked::len).sum();
        let no_worker: usize = self.no_worker.values().map(BTreeSet::len).sum();
        let loads = self.loads.values().map(|load| load.processing.len() + load.values.len());
        let heads: usize = self.heads.values().map(BTreeSet::len).sum();
        queued + no_worker + heads + loads.sum::<usize>()
    }

    /// How many tasks are in this state.
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// The queued task of a client that goes first, of those whose spec is `allowed`. Cost: as many
    /// specs as are passed over.
    pub fn first_queued(
        &self,
        client: ClientId,
        allowed: impl Fn(SpecId) -> bool,
    ) -> Option<TaskId> {
        let mut heads = self.heads.get(&client)?.iter();
        heads.find(|&&(_, _, spec)| allowed(spec)).map(|&(_, id, _)| id)
    }

    /// Whether tasks of a client are queued.
    pub fn queues(&self, client: ClientId) -> bool {
        self.heads.contains_key(&client)
    }

    /// Every queued task, spec by spec, each in order.
    pub fn queued(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.queued.values().flat_map(Ranked::iter)
    }

    /// Every task of this spec that has all its inputs and is not assigned, in no order.
    pub fn ready(&self, spec: SpecId) -> impl Iterator<Item = TaskId> + '_ {
        let lines = (spec, ClientId(0))..=(spec, ClientId(u32::MAX));
        let queued = self.queued.range(lines).flat_map(|(_, queue)| queue.iter());
        queued.chain(self.no_worker(spec))
    }

    /// Specs of such tasks, perhaps twice.
    pub fn ready_specs(&self) -> impl Iterator<Item = SpecId> + '_ {
        self.queued.keys().map(|(spec, _)| spec).chain(self.no_worker.keys()).copied()
    }

    /// Every task of this spec for which no worker qualified, in order.
    pub fn no_worker(&self, spec: SpecId) -> impl Iterator<Item = TaskId> + '_ {
        self.no_worker.get(&spec).into_iter().flatten().map(|&(_, id)| id)
    }

    /// Specs of tasks for which no worker qualified.
    pub fn no_worker_specs(&self) -> impl Iterator<Item = SpecId> + '_ {
        self.no_worker.keys().copied()
    }

    /// What a worker has to do, and holds; `None` if neither and it is not connected.
    pub fn load(&self, worker: WorkerId) -> Option<&Load> {
        self.loads.get(&worker)
    }

    /// How many workers are connected.
    pub fn open_workers(&self) -> usize {
        self.by_load.len()
    }

    /// Connected workers, least loaded first.
    pub fn by_load(&self) -> impl DoubleEndedIterator<Item = WorkerId> + '_ {
        self.by_load.iter().map(|&(_, worker)| worker)
    }

    /// The first connected worker after this one, or the first.
    pub fn open_after(&self, worker: WorkerId) -> Option<WorkerId> {
        let is_open = |(id, load): (&WorkerId, &Load)| (load.nthreads > 0).then_some(*id);
        let mut after = self.loads.range((Bound::Excluded(worker), Bound::Unbounded)).take(FEW);
        let mut first = self.loads.iter().take(FEW);
        after.find_map(is_open).or_else(|| first.find_map(is_open))
    }

    /// Connected workers with room for more tasks, least loaded first.
    pub fn with_room(&self) -> impl Iterator<Item = WorkerId> + '_ {
        self.with_room.iter().map(|&(_, worker)| worker)
    }

    /// Whether this worker has room for one more task.
    pub fn has_room(&self, worker: WorkerId) -> bool {
        self.loads.get(&worker).is_some_and(Load::has_room)
    }

    /// Connected workers with a task that waits for a thread, least loaded first.
    pub fn crowded(&self) -> impl DoubleEndedIterator<Item = WorkerId> + '_ {
        self.crowded.iter().map(|&(_, worker)| worker)
    }

    /// The crowded worker after this place in the order by load, or the first.
    pub fn crowded_after(&self, backlog: u64) -> Option<WorkerId> {
        let mut after = self.crowded.range((backlog / GRAIN, WorkerId(0))..);
        after.next().or_else(|| self.crowded.first()).map(|&(_, worker)| worker)
    }

    /// Changes the queue in which a task belongs, and with it its head.
    fn with_queue(&mut self, task: &Task, change: impl FnOnce(&mut Ranked<Priority, TaskId>)) {
        let (spec, client) = line(task);
        let head = |queue: &Ranked<_, _>| queue.first().map(|(priority, id)| (priority, id, spec));
        let queue = self.queued.entry((spec, client)).or_default();
        let before = head(queue);
        change(queue);
        let after = head(queue);
        if before != after {
            let heads = self.heads.entry(client).or_default();
            replace(heads, before, after);
            if heads.is_empty() {
                self.heads.remove(&client);
            }
        }
        if after.is_none() {
            self.queued.remove(&(spec, client));
        }
    }

    /// Changes a load, and with it the worker's place in the orders by load.
    fn with_load(&mut self, worker: WorkerId, change: impl FnOnce(&mut Load)) {
        let load = self.loads.entry(worker).or_default();
        let before = load.orders().map(|is_in| is_in.then_some((load.rank(), worker)));
        change(load);
        let after = load.orders().map(|is_in| is_in.then_some((load.rank(), worker)));
        let orders = [&mut self.by_load, &mut self.with_room, &mut self.crowded];
        for ((order, before), after) in orders.into_iter().zip(before).zip(after) {
            if before != after {
                replace(order, before, after);
            }
        }
        self.drop_if_empty(worker);
    }

    fn drop_if_empty(&mut self, worker: WorkerId) {
        if self.loads.get(&worker).is_some_and(Load::is_nothing) {
            self.loads.remove(&worker);
        }
    }
}

/// Which queue a task belongs in.
fn line(task: &Task) -> (SpecId, ClientId) {
    (task.spec, ClientId(task.priority.client))
}

fn replace<T: Ord>(set: &mut BTreeSet<T>, before: Option<T>, after: Option<T>) {
    if let Some(before) = before {
        assert!(set.remove(&before));
    }
    if let Some(after) = after {
        assert!(set.insert(after));
    }
}
