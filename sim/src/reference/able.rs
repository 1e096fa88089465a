//! Which workers may run a task, to the naive scheduler: where it may run, and what its inputs need.
//!
//! It must not know where tasks are given to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use raddle_core::time::{Duration, Instant};
use raddle_net::messages::{Registration, TaskSpec};
use raddle_net::names::Key;

use super::{Colleague, Reference, Task};

/// Inputs of so many bytes together are taken to fit anywhere.
const SMALL: u64 = 16 << 20;

/// Tasks that could run if there were a worker that may run them.
#[derive(Clone, Debug, Default)]
pub(super) struct Starving {
    /// Of each spec, since when, and which.
    specs: BTreeMap<Arc<TaskSpec>, (Instant, BTreeSet<Key>)>,
    /// Those that were given up just now. Of several specs, which is first is for the real one to
    /// choose; for want of one, another task may not be needed any more.
    pub(super) given_up: Vec<Key>,
}

impl Starving {
    /// What has waited for as long as it may, if that is limited.
    pub(super) fn over(&self, now: Instant, limit: Duration) -> Vec<Key> {
        let is_over = |since: Instant| !limit.is_zero() && since + limit <= now;
        let over = self.specs.values().filter(|(since, _)| is_over(*since));
        over.flat_map(|(_, keys)| keys.iter().copied()).collect()
    }
}

impl Colleague {
    /// Whether tasks of this spec may run on it.
    fn may_run(&self, spec: &TaskSpec) -> bool {
        let options = &spec.options;
        let Registration { name, address, resources, .. } = &self.registration;
        let host = address.trim_start_matches("tcp://").rsplit_once(':');
        let words = [name.as_str(), address.as_str(), host.map_or("", |(host, _)| host)];
        let listed = options.workers.iter().any(|word| words.contains(&word.as_str()));
        let has = |(name, amount): &(String, u64)| {
            *amount == 0 || resources.iter().any(|(n, total)| n == name && total >= amount)
        };
        (listed || options.workers.is_empty() || options.allow_other_workers)
            && options.resources.iter().all(has)
    }
}

impl Reference {
    /// Workers that are to stay, and may run it. Some may be away.
    fn able<'a>(&'a self, task: &'a Task) -> impl Iterator<Item = &'a Colleague> {
        let stays = |(id, worker): &(&_, &Colleague)| !worker.retires && !self.leaving.contains(id);
        let staying = self.workers.iter().filter(stays).map(|(_, worker)| worker);
        staying.filter(|worker| worker.may_run(&task.spec))
    }

    /// Whether somebody is there of the few who may run it, now. (Of those who may run anything, all may
    /// rest.)
    pub(super) fn has_its_worker(&self, task: &Task) -> bool {
        let options = &task.spec.options;
        if options.workers.is_empty() && options.resources.is_empty() {
            return false;
        }
        let here = self.workers.values().filter(|worker| !worker.is_away && !worker.is_full);
        here.into_iter().any(|worker| worker.may_run(&task.spec))
    }

    /// Whether its inputs are there, and are more than any worker that may run it says it can hold.
    /// What is queued already is not asked again.
    pub(super) fn needs_too_much(&self, task: &Task) -> bool {
        let open = |worker: &Colleague| !worker.is_away && !worker.is_full;
        if task.queued || !self.may_run(task) || !self.able(task).any(open) {
            return false;
        }
        let inputs: BTreeSet<Key> = task.inputs.iter().copied().collect();
        let needed: u64 = inputs.iter().map(|input| self.tasks[input].nbytes).sum();
        let fits = |worker: &Colleague| {
            worker.registration.memory_limit.is_none_or(|limit| needed <= limit)
        };
        needed > SMALL && !self.able(task).any(fits)
    }

    /// Whoever starves does so from now on, or from before if of its spec something has all the while.
    pub(super) fn watch_the_starving(&mut self, now: Instant) {
        if self.config.unqualified_timeout.is_zero() {
            return;
        }
        let mut starving: BTreeMap<_, (_, BTreeSet<Key>)> = BTreeMap::new();
        for key in self.stranded() {
            let task = &self.tasks[&key];
            if !self.able(task).any(|worker| !worker.is_away) {
                let of = starving.entry(Arc::clone(&task.spec)).or_insert((now, BTreeSet::new()));
                of.1.insert(key);
            }
        }
        for (spec, (since, keys)) in &mut starving {
            let before = self.starving.specs.get(spec);
            if let Some((began, _)) = before.filter(|(_, before)| !before.is_disjoint(keys)) {
                *since = *began;
            }
        }
        self.starving.specs = starving;
    }
}
