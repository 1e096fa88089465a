//! What must hold between two events: one function a sentence.
//!
//! [`State::check`] is linear in everything there is, so it runs in tests, simulation and fuzzing;
//! [`State::check_touched`] says the same of what one event touched. Neither may repair.

use std::collections::{BTreeMap, BTreeSet};

use raddle_net::names::{SpecId, WorkerId};

use super::client::{Client, ClientId};
use super::index::{Index, Load};
use super::task::{Kind, Task, TaskId, TaskState};
use super::{State, Violation};
use crate::touched::{WIDE, distinct};

/// How far a check looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// At everything.
    Full,
    /// Not into long lists, which cost more than the event did.
    Touched,
}

impl Depth {
    const fn reaches(self, length: usize) -> bool {
        match self {
            Self::Full => true,
            Self::Touched => length <= WIDE,
        }
    }
}

impl State {
    /// Says which invariant is broken, if one is. Linear in everything there is.
    pub fn check(&self) -> Result<(), Violation> {
        ensure(self.keys.len() == self.tasks.len(), Violation::StrayKeys)?;
        self.check_edges()?;
        for (id, task) in &self.tasks {
            self.check_task(id, task, Depth::Full)?;
        }
        self.check_runs()?;
        for (&id, client) in &self.clients {
            self.check_client(id, client, Depth::Full)?;
        }
        for id in self.workers.keys() {
            self.check_load(*id, Depth::Full)?;
        }
        for (id, _) in self.specs.iter() {
            self.check_spec(id)?;
        }
        self.check_nothing_waits_in_vain()?;
        self.check_shares()?;
        self.check_index()
    }

    /// The same, of what the last event touched: each entity by itself and with its neighbours.
    /// Costs about as much as the event did.
    pub fn check_touched(&self) -> Result<(), Violation> {
        ensure(self.keys.len() == self.tasks.len(), Violation::StrayKeys)?;
        for id in self.touched_tasks() {
            self.check_task(id, &self.tasks[id], Depth::Touched)?;
        }
        for id in self.touched.clients.distinct() {
            if let Some(client) = self.clients.get(&id) {
                self.check_client(id, client, Depth::Touched)?;
            }
        }
        for id in self.touched.workers.distinct() {
            self.check_load(id, Depth::Touched)?;
        }
        for id in self.touched.moved.distinct() {
            self.check_load(id, Depth::Touched)?;
            self.check_qualifies(id)?;
        }
        for id in self.touched.specs.distinct() {
            self.check_spec(id)?;
        }
        self.check_nothing_waits_in_vain()
    }

    /// Tasks that were touched, and the neighbours of those that changed.
    fn touched_tasks(&self) -> Vec<TaskId> {
        let mut ids = self.touched.tasks.distinct();
        for id in self.touched.changed.distinct() {
            ids.push(id);
            if let Some(task) = self.tasks.get(id) {
                ids.extend(task.dependencies.iter().chain(task.dependents.ids().iter().take(WIDE)));
            }
        }
        ids.retain(|id| self.tasks.contains_key(*id));
        distinct(ids)
    }

    /// Everything that must hold of one task.
    fn check_task(&self, id: TaskId, task: &Task, depth: Depth) -> Result<(), Violation> {
        self.check_key(id, task)?;
        self.check_links(id, task)?;
        if depth.reaches(task.dependents.ids().len()) {
            self.check_waiters(task)?;
        }
        self.check_wants(id, task)?;
        self.check_source(task)?;
        self.check_run(task)?;
        self.check_state(id, task)?;
        self.check_turn(task)?;
        ensure(self.index.holds(id, task), Violation::IndexIsStale)
    }

    /// Each task is found by its key.
    fn check_key(&self, id: TaskId, task: &Task) -> Result<(), Violation> {
        ensure(self.keys.get(task.key) == Some(id), Violation::KeyTable(task.key))
    }

    /// Dependencies and dependents mirror each other, with repetition.
    fn check_edges(&self) -> Result<(), Violation> {
        let mut unmatched: BTreeMap<(TaskId, TaskId), i64> = BTreeMap::new();
        for (id, task) in &self.tasks {
            for &dependency in &task.dependencies {
                *unmatched.entry((dependency, id)).or_default() += 1;
            }
            let live = || task.dependents.ids().iter().filter(|d| self.is_known(**d));
            for &dependent in live() {
                *unmatched.entry((id, dependent)).or_default() -= 1;
            }
        }
        let broken = unmatched.into_iter().find(|(_, count)| *count != 0);
        broken.map_or(Ok(()), |((_, id), _)| Err(Violation::Edge(self.tasks[id].key)))
    }

    /// What a task depends on is known and knows it: what [`Self::check_edges`] says, of lists that
    /// are short enough to be searched.
    fn check_links(&self, id: TaskId, task: &Task) -> Result<(), Violation> {
        for &dependency in &task.dependencies {
            let known = self.tasks.get(dependency).ok_or(Violation::Edge(task.key))?;
            let dependents = known.dependents.ids();
            if dependents.len() <= WIDE {
                let there = dependents.iter().filter(|d| **d == id).count();
                let here = task.dependencies.iter().filter(|d| **d == dependency).count();
                ensure(there == here, Violation::Edge(known.key))?;
            }
        }
        Ok(())
    }

    /// A task's waiters are its active dependents; and it knows whether it has any dependents.
    fn check_waiters(&self, task: &Task) -> Result<(), Violation> {
        let live = || task.dependents.ids().iter().filter_map(|d| self.tasks.get(*d));
        let counted = live().next().is_none() == task.dependents.is_empty();
        ensure(counted, Violation::Edge(task.key))?;
        let active = live().filter(|d| d.kind().is_active()).count();
        ensure(active == task.waiters as usize, Violation::Waiters(task.key))
    }

    /// Tasks and clients agree on who wants what.
    fn check_wants(&self, id: TaskId, task: &Task) -> Result<(), Violation> {
        for client in &task.clients {
            let wants = self.clients.get(client).is_some_and(|c| c.wants.contains(&id));
            let once = task.clients.iter().filter(|c| *c == client).count() == 1;
            ensure(wants && once, Violation::Want(task.key, *client))?;
        }
        Ok(())
    }

    /// Scattered data that is waited for comes from a client that wants it.
    fn check_source(&self, task: &Task) -> Result<(), Violation> {
        let unsent = task.kind().is_active() && self.specs.get(task.spec).is_receive();
        ensure(!unsent || !task.clients.is_empty(), Violation::SourceGone(task.key))
    }

    /// A run was given out; one that is charged for its start had announced it.
    fn check_run(&self, task: &Task) -> Result<(), Violation> {
        let TaskState::Processing { run, announced, started, .. } = task.state else {
            return Ok(());
        };
        let given = (1..=self.runs).contains(&run.counter) && run.epoch == self.epoch;
        let sound = given && task.attempts > 0 && (announced || !started);
        ensure(sound, Violation::Run(task.key))
    }

    /// A run is given to one task.
    fn check_runs(&self) -> Result<(), Violation> {
        let mut seen = BTreeSet::new();
        for task in self.tasks.values() {
            if let Some((_, run)) = task.processing() {
                ensure(seen.insert(run), Violation::Run(task.key))?;
            }
        }
        Ok(())
    }

    fn check_state(&self, id: TaskId, task: &Task) -> Result<(), Violation> {
        match &task.state {
            TaskState::Erred { .. } => self.check_erred(task),
            TaskState::Memory { holders, .. } => {
                let known = holders.iter().all(|h| self.workers.contains_key(h));
                let mut distinct = holders.to_vec();
                distinct.sort_unstable();
                distinct.dedup();
                let sound = known && !holders.is_empty() && distinct.len() == holders.len();
                ensure(sound, Violation::Holders(task.key))?;
                ensure(task.is_needed(), Violation::MemoryUnneeded(task.key))
            }
            TaskState::Processing { worker, missing, .. } => {
                ensure(*missing == self.missing(id), Violation::Missing(task.key))?;
                self.check_processing(task, *worker)
            }
            TaskState::NoWorker | TaskState::Queued => {
                ensure(self.missing(id) == 0, Violation::RunnableInput(task.key))?;
                ensure(task.is_needed(), Violation::Released(task.key))
            }
            TaskState::Released => {
                let kept = !task.dependents.is_empty();
                ensure(kept && !task.is_needed(), Violation::Released(task.key))
            }
            TaskState::Waiting { missing } => {
                let exact = *missing > 0 && *missing == self.missing(id);
                ensure(exact, Violation::Missing(task.key))?;
                ensure(task.is_needed(), Violation::Released(task.key))?;
                self.check_inputs_in_play(task)
            }
        }
    }

    /// Nothing that depends on an erred task is on its way; and somebody still knows of it.
    fn check_erred(&self, task: &Task) -> Result<(), Violation> {
        ensure(task.waiters == 0, Violation::DependentOfErredIsActive(task.key))?;
        let kept = !task.clients.is_empty() || !task.dependents.is_empty();
        ensure(kept, Violation::Released(task.key))
    }

    /// The inputs of a waiting task are in memory or on their way there.
    fn check_inputs_in_play(&self, task: &Task) -> Result<(), Violation> {
        let in_play = |kind: Kind| kind.is_active() || kind == Kind::Memory;
        let all = task.dependencies.iter().all(|d| in_play(self.tasks[*d].kind()));
        ensure(all, Violation::InputOutOfPlay(task.key))
    }

    /// A processing task is where it may be, and its inputs are in memory or come on that worker.
    fn check_processing(&self, task: &Task, worker: WorkerId) -> Result<(), Violation> {
        let spec = self.specs.get(task.spec);
        let known = self.workers.get(&worker).is_some_and(|w| w.qualifies(&spec.spec));
        ensure(known, Violation::ProcessingOn(task.key, worker))?;
        ensure(task.is_needed(), Violation::Released(task.key))?;
        let sound = task.dependencies.iter().all(|d| {
            let input = &self.tasks[*d];
            input.kind() == Kind::Memory || input.processing().is_some_and(|(w, _)| w == worker)
        });
        ensure(sound, Violation::ProcessingInput(task.key))
    }

    /// What a client wants exists and says so.
    fn check_client(&self, id: ClientId, client: &Client, depth: Depth) -> Result<(), Violation> {
        if depth.reaches(client.wants.len()) {
            for task in &client.wants {
                let task = self.tasks.get(*task).ok_or(Violation::StrayWant(id))?;
                ensure(task.clients.contains(&id), Violation::Want(task.key, id))?;
            }
        }
        Ok(())
    }

    /// A worker can be given tasks while it is connected; one that is gone has nothing. Its load is
    /// the sum of its tasks, and its rank is by its load.
    fn check_load(&self, id: WorkerId, depth: Depth) -> Result<(), Violation> {
        let known = self.workers.get(&id);
        let nthreads = known.filter(|w| w.is_open()).map_or(0, |w| w.nthreads);
        let nothing = Load::default();
        let load = self.index.load(id).unwrap_or(&nothing);
        let sound = load.nthreads == nthreads
            && (known.is_some() || *load == nothing)
            && self.index.is_ranked(id);
        ensure(sound, Violation::Load(id))?;
        let total = |name| known.and_then(|w| w.resources.get(name)).copied().unwrap_or(0);
        let has = load.used.iter().all(|(name, used)| *used <= total(name));
        ensure(has, Violation::Oversubscribed(id))?;
        if depth.reaches(load.processing.len() + load.values.len()) {
            ensure(self.sum(id, load).as_ref() == Some(load), Violation::Load(id))?;
        }
        Ok(())
    }

    /// The load as its tasks say; `None` if they say that they are elsewhere.
    fn sum(&self, id: WorkerId, load: &Load) -> Option<Load> {
        let mut sum = Load { nthreads: load.nthreads, ..Load::default() };
        for task in load.processing.iter() {
            let TaskState::Processing { worker, run, cost, missing, waits, .. } =
                self.tasks.get(task)?.state
            else {
                return None;
            };
            sum.occupancy += cost;
            sum.take(self.tasks[task].resources());
            sum.waiting += usize::from(waits || missing > 0);
            (worker == id).then(|| sum.processing.insert(run, task))?;
        }
        for task in load.values.iter() {
            let TaskState::Memory { run, nbytes, holders } = &self.tasks.get(task)?.state else {
                return None;
            };
            sum.nbytes += nbytes;
            holders.contains(&id).then(|| sum.values.insert(*run, task))?;
        }
        Some(sum)
    }

    /// The connected workers that qualify for a spec are recorded with it.
    fn check_spec(&self, id: SpecId) -> Result<(), Violation> {
        let spec = self.specs.get(id);
        let connected = self.workers.values().filter(|w| w.is_open());
        let qualified = connected.filter(|w| w.qualifies(&spec.spec)).map(|w| w.id);
        ensure(qualified.eq(spec.qualified.iter().copied()), Violation::Qualified(id))
    }

    /// A worker is recorded with each spec for which it qualifies, while it is connected.
    fn check_qualifies(&self, id: WorkerId) -> Result<(), Violation> {
        let connected = self.workers.get(&id).filter(|worker| worker.is_open());
        for (spec_id, spec) in self.specs.iter() {
            let qualifies = connected.is_some_and(|worker| worker.qualifies(&spec.spec));
            ensure(spec.qualified.contains(&id) == qualifies, Violation::Qualified(spec_id))?;
        }
        Ok(())
    }

    /// No task waits for a worker that qualifies while there is one, nor for room. As many steps as
    /// there are specs of which tasks wait.
    fn check_nothing_waits_in_vain(&self) -> Result<(), Violation> {
        if let Some(task) = self.first_queued() {
            return Err(Violation::QueuedThoughRoom(self.tasks[task].key));
        }
        let is_served = |spec: &SpecId| !self.specs.get(*spec).qualified.is_empty();
        let served = self.index.no_worker_specs().find(is_served);
        let task = served.and_then(|spec| self.index.no_worker(spec).next());
        task.map_or(Ok(()), |task| Err(Violation::NoWorkerThoughQualified(self.tasks[task].key)))
    }

    /// The client of a task has its turn if tasks of it are queued.
    fn check_turn(&self, task: &Task) -> Result<(), Violation> {
        let client = ClientId(task.priority.client);
        ensure(self.shares.has_turn(client) == self.index.queues(client), Violation::Shares)
    }

    /// Clients with tasks queued have their turn, and nobody else has one.
    fn check_shares(&self) -> Result<(), Violation> {
        let processes = self.clients.iter().filter(|(_, client)| client.parent.is_none());
        let here = processes.map(|(id, _)| *id).collect();
        let queued = self.tasks.values().filter(|task| task.kind() == Kind::Queued);
        let queue = queued.map(|task| ClientId(task.priority.client)).collect();
        ensure(self.shares.are(&here, &queue), Violation::Shares)
    }

    /// The index is what the tasks and the connected workers say.
    fn check_index(&self) -> Result<(), Violation> {
        let connected = self.workers.values().filter(|w| w.is_open());
        let rebuilt = Index::rebuild(&self.tasks, connected.map(|w| (w.id, w.nthreads)));
        ensure(self.index == rebuilt, Violation::IndexIsStale)
    }
}

fn ensure(holds: bool, otherwise: Violation) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(otherwise) }
}
