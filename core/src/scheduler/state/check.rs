//! What must hold between two events: one function a sentence.
//!
//! Linear in everything there is, so it runs in tests, simulation and fuzzing. It must not repair.

use std::collections::{BTreeMap, BTreeSet};

use raddle_net::names::{Key, SpecId, WorkerId};

use super::super::event::ConnectionId;
use super::client::ClientId;
use super::index::Index;
use super::task::{Kind, Task, TaskId, TaskState};
use super::{Channel, State};

/// An invariant that does not hold, with whom it does not hold for. `IS` numbers are those of the
/// validation in Dask's scheduler that the invariant corresponds to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A client of a run outlives the run, or serves another one.
    ClientOfNoRun(ClientId),
    /// A connection is of somebody who is reached otherwise, or not at all.
    Connection(ConnectionId),
    /// A key is published and the cluster does not want it.
    Dataset(String),
    /// The cluster wants nothing, or what is done, for itself.
    Detached,
    /// An erred task is its own dependent's blame, or blames nobody known. (IS28)
    DependentOfErredIsActive(Key),
    /// A task is active and one of its inputs is neither in memory nor on its way. (IS5, IS8)
    InputOutOfPlay(Key),
    /// A worker without a connection is not waited for, or one with a connection is.
    Grace(WorkerId),
    /// The index is not what the states of the tasks say. (IS17, IS25–27, IS35, IS43)
    IndexIsStale,
    /// The key table and the tasks disagree.
    KeyTable(Key),
    /// A task in memory has no holder, names one twice, or one that is not registered. (IS11)
    Holders(Key),
    /// A task in memory that nobody needs. (IS14)
    MemoryUnneeded(Key),
    /// A task counts its missing inputs wrongly, or waits and misses none. (IS4, IS23)
    Missing(Key),
    /// A task waits for a worker although one qualifies. (L2)
    NoWorkerThoughQualified(Key),
    /// A processing task has an input that is neither in memory nor processing on the same worker.
    ProcessingInput(Key),
    /// A processing task is on a worker that is not registered or does not qualify. (IS10)
    ProcessingOn(Key, WorkerId),
    /// A question waits although it could be answered, or although its client has gone.
    Query(ClientId),
    /// A task is queued although a worker that may run it has room. (L2)
    QueuedThoughRoom(Key),
    /// A queued or no-worker task has an input that is not in memory. (IS12, IS27)
    RunnableInput(Key),
    /// A released task that somebody needs, or that should be forgotten. (IS22)
    Released(Key),
    /// A run was never given out, was given out twice, or is charged for a start that it did not
    /// announce.
    Run(Key),
    /// Runs and their clients do not match.
    RunClients,
    /// Scattered data is waited for and nobody has it to send. (L2)
    SourceGone(Key),
    /// The key table knows keys that are no tasks.
    StrayKeys,
    /// There is work, and no worker, and nobody watches how long.
    UnwatchedWork,
    /// The workers that qualify for a spec are not those recorded.
    Qualified(SpecId),
    /// An edge is recorded on one side only. (IS6, IS7)
    Edge(Key),
    /// A wish is recorded on one side only. (IS18)
    Want(Key, ClientId),
    /// A task counts its waiters wrongly. (IS3, IS9)
    Waiters(Key),
}

impl State {
    /// Says which invariant is broken, if one is.
    pub fn check(&self) -> Result<(), Violation> {
        ensure(self.keys.len() == self.tasks.len(), Violation::StrayKeys)?;
        self.check_edges()?;
        for (id, task) in &self.tasks {
            self.check_key(id, task)?;
            self.check_waiters(task)?;
            self.check_wants(id, task)?;
            self.check_source(task)?;
            self.check_state(id, task)?;
        }
        self.check_runs()?;
        self.check_clients()?;
        self.check_specs()?;
        self.check_index()
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
            let counted = (live().count() == 0) == task.dependents.is_empty();
            ensure(counted, Violation::Edge(task.key))?;
        }
        let broken = unmatched.into_iter().find(|(_, count)| *count != 0);
        broken.map_or(Ok(()), |((_, id), _)| Err(Violation::Edge(self.tasks[id].key)))
    }

    /// A task's waiters are its active dependents.
    fn check_waiters(&self, task: &Task) -> Result<(), Violation> {
        let dependents = task.dependents.ids().iter().filter_map(|d| self.tasks.get(*d));
        let active = dependents.filter(|d| d.kind().is_active()).count();
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

    /// Runs were given out, each to one task.
    fn check_runs(&self) -> Result<(), Violation> {
        let mut seen = BTreeSet::new();
        for task in self.tasks.values() {
            let TaskState::Processing { run, announced, started, .. } = task.state else {
                continue;
            };
            let given = (1..=self.runs).contains(&run.counter) && run.epoch == self.epoch;
            let sound = given && seen.insert(run) && task.attempts > 0 && (announced || !started);
            ensure(sound, Violation::Run(task.key))?;
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
            TaskState::NoWorker => {
                let none = self.specs.get(task.spec).qualified.is_empty();
                ensure(none, Violation::NoWorkerThoughQualified(task.key))?;
                ensure(self.missing(id) == 0, Violation::RunnableInput(task.key))?;
                ensure(task.is_needed(), Violation::Released(task.key))
            }
            TaskState::Processing { worker, missing, .. } => {
                ensure(*missing == self.missing(id), Violation::Missing(task.key))?;
                self.check_processing(task, *worker)
            }
            TaskState::Queued => {
                ensure(!self.has_room(task.spec), Violation::QueuedThoughRoom(task.key))?;
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

    /// What clients want exists and says so; the client of a run lives as long as the run.
    fn check_clients(&self) -> Result<(), Violation> {
        for (id, client) in &self.clients {
            for task in &client.wants {
                let task = self.tasks.get(*task).ok_or(Violation::ClientOfNoRun(*id))?;
                ensure(task.clients.contains(id), Violation::Want(task.key, *id))?;
            }
            if let Channel::Run { key, run, worker } = client.channel {
                let task = self.keys.get(key).map(|task| &self.tasks[task]);
                let lives = task.is_some_and(|task| task.processing() == Some((worker, run)));
                ensure(lives, Violation::ClientOfNoRun(*id))?;
            }
        }
        Ok(())
    }

    /// The connected workers that qualify for a spec are recorded with it.
    fn check_specs(&self) -> Result<(), Violation> {
        for (id, spec) in self.specs.iter() {
            let connected = self.workers.values().filter(|w| w.connection.is_some());
            let qualified = connected.filter(|w| w.qualifies(&spec.spec)).map(|w| w.id);
            ensure(qualified.eq(spec.qualified.iter().copied()), Violation::Qualified(id))?;
        }
        Ok(())
    }

    /// The index is what the tasks and the connected workers say.
    fn check_index(&self) -> Result<(), Violation> {
        let connected = self.workers.values().filter(|w| w.connection.is_some());
        let rebuilt = Index::rebuild(&self.tasks, connected.map(|w| (w.id, w.nthreads)));
        ensure(self.index == rebuilt, Violation::IndexIsStale)
    }
}

fn ensure(holds: bool, otherwise: Violation) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(otherwise) }
}
