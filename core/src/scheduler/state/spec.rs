//! Task specs, interned for the life of the scheduler, and which workers qualify for each.
//!
//! This module must not know tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use raddle_net::limits::MAX_SPECS;
use raddle_net::messages::{Runtime, TaskSpec};
use raddle_net::names::{SpecId, WorkerId};

use super::worker::Worker;

/// A spec with what is known of its tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Function and options.
    pub spec: Arc<TaskSpec>,
    /// Connected workers that may run it.
    pub qualified: BTreeSet<WorkerId>,
    /// Those of them that it prefers, if it allows others.
    preferred: BTreeSet<WorkerId>,
    /// Estimated duration of a body in nanoseconds, once one has finished.
    pub duration: Option<u64>,
}

impl Spec {
    /// Connected workers that may run it now: those that it prefers, while there are such.
    pub fn eligible(&self) -> &BTreeSet<WorkerId> {
        if self.preferred.is_empty() { &self.qualified } else { &self.preferred }
    }

    /// Whether its tasks take something of their worker but room.
    pub fn needs_resources(&self) -> bool {
        !self.spec.options.resources.is_empty()
    }

    /// A worker can be given tasks. Says whether it can be given these.
    fn joined(&mut self, worker: &Worker) -> bool {
        let qualifies = worker.qualifies(&self.spec);
        if qualifies {
            self.qualified.insert(worker.id);
            if self.spec.options.allow_other_workers && worker.is_listed(&self.spec) {
                self.preferred.insert(worker.id);
            }
        }
        qualifies
    }

    /// Whether its tasks are values that a client sends.
    pub fn is_receive(&self) -> bool {
        self.spec.function.runtime == Runtime::Receive
    }
}

/// All specs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Specs {
    ids: BTreeMap<Arc<TaskSpec>, SpecId>,
    list: Vec<Spec>,
}

impl Specs {
    /// The spec called `id`. Ids come from [`intern`](Self::intern) only.
    pub fn get(&self, id: SpecId) -> &Spec {
        &self.list[id.0 as usize]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (SpecId, &Spec)> {
        (0..).map(SpecId).zip(&self.list)
    }

    /// Whether there is room for this spec, or it is known.
    pub fn can_intern(&self, spec: &TaskSpec) -> bool {
        self.list.len() < MAX_SPECS || self.ids.contains_key(spec)
    }

    /// The id of `spec`, known before or not; `None` if there are too many.
    pub fn intern<'a>(
        &mut self,
        spec: TaskSpec,
        workers: impl Iterator<Item = &'a Worker>,
    ) -> Option<SpecId> {
        if let Some(&id) = self.ids.get(&spec) {
            return Some(id);
        }
        if self.list.len() >= MAX_SPECS {
            return None;
        }
        let id = SpecId(u32::try_from(self.list.len()).ok()?);
        let spec = Arc::new(spec);
        let (qualified, preferred) = (BTreeSet::new(), BTreeSet::new());
        let duration = spec.options.expected;
        let mut new = Spec { spec: Arc::clone(&spec), qualified, preferred, duration };
        for worker in workers.filter(|w| w.is_open()) {
            new.joined(worker);
        }
        self.list.push(new);
        self.ids.insert(spec, id);
        Some(id)
    }

    /// A worker can be given tasks now. Returns the specs for which it qualifies.
    pub fn worker_joined(&mut self, worker: &Worker) -> Vec<SpecId> {
        let mut gained = Vec::new();
        for (id, spec) in (0..).map(SpecId).zip(&mut self.list) {
            if spec.joined(worker) {
                gained.push(id);
            }
        }
        gained
    }

    /// A worker can be given no more tasks.
    pub fn worker_left(&mut self, worker: WorkerId) {
        for spec in &mut self.list {
            spec.qualified.remove(&worker);
            spec.preferred.remove(&worker);
        }
    }

    /// Forgets that a worker qualifies, for tests of the checks.
    #[cfg(test)]
    pub fn disqualify_first(&mut self, id: SpecId) -> Option<WorkerId> {
        self.list[id.0 as usize].qualified.pop_first()
    }

    /// A body of this spec took `nanos`: the estimate moves half of the way there, as Dask's does.
    pub fn learn(&mut self, id: SpecId, nanos: u64) {
        let Spec { duration, spec, .. } = &mut self.list[id.0 as usize];
        if spec.options.expected.is_some() {
            return;
        }
        *duration = Some(duration.map_or(nanos, |known| known / 2 + nanos / 2));
    }
}
