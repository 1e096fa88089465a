//! What follows from plain facts, to the naive scheduler: what is to be computed, what has failed with
//! something else, what is forgotten.
//!
//! It must not know who said what.

use std::collections::BTreeSet;

use raddle_core::scheduler::Kind;
use raddle_net::names::Key;

use super::{Assigned, BY_ITSELF, Fact, Reference, Task, Who};

impl Reference {
    /// Whether it is all the same that a task has failed or was released: nobody needs it, and it may
    /// not run again, or something upstream has failed. Which came first is for the real one to choose.
    pub(super) fn is_idle(&self, key: Key, kind: Kind) -> bool {
        let Some(task) = self.tasks.get(&key) else { return false };
        let upstream = self.has_failed_upstream(key);
        let made = matches!(task.fact, Fact::Made(..));
        let same = matches!(kind, Kind::Erred | Kind::Released) && !made;
        let again = task.attempts > 0 && task.spec.options.at_most_once;
        same && (upstream || again || self.starving.given_up.contains(&key))
            && !self.needed().contains(&key)
    }

    /// Whether something that it depends on has failed, directly or not.
    pub(super) fn has_failed_upstream(&self, key: Key) -> bool {
        let (mut seen, mut next) = (BTreeSet::from([key]), vec![key]);
        while let Some(key) = next.pop() {
            for input in &self.tasks[&key].inputs {
                if self.tasks[input].has_failed() {
                    return true;
                }
                if seen.insert(*input) {
                    next.push(*input);
                }
            }
        }
        false
    }

    /// What the state of a task may be called.
    pub(super) fn may_be(&self, key: Key, active: &BTreeSet<Key>) -> &'static [Kind] {
        let task = &self.tasks[&key];
        match (&task.fact, active.contains(&key)) {
            (Fact::Erred { .. }, _) => &[Kind::Erred],
            (Fact::Made(..), _) => &[Kind::Memory],
            (Fact::Nothing, false) => &[Kind::Released],
            (Fact::Nothing, true) if task.assigned.is_some() => &[Kind::Processing],
            (Fact::Nothing, true) if self.may_run(task) && self.has_its_worker(task) => {
                &[Kind::Queued]
            }
            // What was queued when its last worker went stays where it is.
            (Fact::Nothing, true) if self.may_run(task) => &[Kind::Queued, Kind::NoWorker],
            (Fact::Nothing, true) => &[Kind::Waiting],
        }
    }

    pub(super) fn may_run(&self, task: &Task) -> bool {
        task.inputs.iter().all(|input| matches!(self.tasks[input].fact, Fact::Made(..)))
    }

    /// What is to be computed: what a client wants and is not there, and then what that needs.
    pub(super) fn active(&self) -> BTreeSet<Key> {
        let open = |key: &Key| self.tasks[key].fact == Fact::Nothing;
        let wanted = self.tasks.iter().filter(|(_, task)| !task.wants.is_empty());
        let mut next: Vec<Key> = wanted.map(|(key, _)| *key).filter(open).collect();
        let mut active: BTreeSet<Key> = next.iter().copied().collect();
        while let Some(key) = next.pop() {
            let inputs = self.tasks[&key].inputs.iter().copied().filter(open);
            next.extend(inputs.filter(|input| active.insert(*input)));
        }
        active
    }

    /// What a client wants, or something that is to be computed needs.
    pub(super) fn needed(&self) -> BTreeSet<Key> {
        let wanted = self.tasks.iter().filter(|(_, task)| !task.wants.is_empty());
        let mut needed: BTreeSet<Key> = wanted.map(|(key, _)| *key).collect();
        let active = self.active();
        needed.extend(active.iter().flat_map(|key| &self.tasks[key].inputs));
        needed
    }

    pub(super) fn is_known_to_others(&self, key: Key) -> bool {
        self.tasks.values().any(|task| task.inputs.contains(&key))
    }

    /// Applies each rule until none applies.
    pub(super) fn settle(&mut self) {
        while self.settle_once() {}
    }

    pub(super) fn settle_once(&mut self) -> bool {
        let (mut changed, mut needed, mut active) = (false, self.needed(), self.active());
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            let Some(task) = self.tasks.get(&key) else { continue };
            let (wanted, nothing) = (needed.contains(&key), task.fact == Fact::Nothing);
            let upstream = task.inputs.iter().any(|input| self.tasks[input].has_failed());
            let lost = task.assigned.as_ref().is_some_and(|assigned| !self.stands(assigned));
            let made = matches!(task.fact, Fact::Made(..));
            let again = task.attempts > 0 && task.spec.options.at_most_once;
            let begins = nothing && task.assigned.is_none() && active.contains(&key);
            let vain = begins && self.needs_too_much(task);
            if wanted && nothing && (upstream || vain || (begins && again)) {
                self.set(key, Fact::Erred { own: !upstream });
            } else if !wanted && (made || task.assigned.is_some()) {
                let fact = if task.scattered { BY_ITSELF } else { Fact::Nothing };
                self.set(key, fact);
            } else if !wanted && !self.is_known_to_others(key) {
                self.tasks.remove(&key);
            } else if lost {
                self.set(key, Fact::Nothing);
            } else {
                continue;
            }
            (changed, needed, active) = (true, self.needed(), self.active());
        }
        changed
    }

    /// Whether each input is made, or being made on the same worker, as the run was told.
    pub(super) fn stands(&self, assigned: &Assigned) -> bool {
        assigned.inputs.iter().all(|(key, run)| {
            let input = &self.tasks[key];
            match (&input.fact, &input.assigned) {
                (Fact::Made(made, _), _) => made == run,
                (Fact::Erred { .. } | Fact::Nothing, Some(other)) => {
                    other.run == *run && other.worker == assigned.worker
                }
                (Fact::Erred { .. } | Fact::Nothing, None) => false,
            }
        })
    }

    /// The run of a task is over.
    pub(super) fn set(&mut self, key: Key, fact: Fact) {
        let Some(task) = self.tasks.get_mut(&key) else { return };
        task.fact = fact;
        task.queued = false;
        if task.fact != Fact::Nothing {
            task.wants.retain(|who| *who != Who::Detached);
        }
        if let Some(assigned) = task.assigned.take() {
            self.let_go(Who::Run(assigned.run));
            self.specs.remove(&Who::Run(assigned.run));
        }
    }

    pub(super) fn let_go(&mut self, who: Who) {
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            self.unwant(key, who);
        }
    }

    /// Data goes with the client that has it, unless it was sent.
    pub(super) fn unwant(&mut self, key: Key, who: Who) {
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let unsent = task.scattered && task.fact == Fact::Nothing;
        let was_source = task.wants.first() == Some(&who);
        task.wants.retain(|other| *other != who);
        if was_source && unsent {
            self.set(key, BY_ITSELF);
        }
    }
}
