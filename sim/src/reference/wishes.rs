//! What clients wish for tasks that are there, to the naive scheduler.
//!
//! It must not know messages to workers.

use std::collections::BTreeSet;
use std::sync::Arc;

use raddle_net::messages::{ClientMessage, NewTask, Query, Runtime};
use raddle_net::names::Key;

use super::{BY_ANOTHER, BY_ITSELF, Fact, Reference, Task, Who};
use crate::bystander::is_rejected;

impl Reference {
    /// Whether the client wants the task, and it is to be computed.
    pub(super) fn is_open_to(&self, who: Who, key: Key) -> bool {
        let wanted = self.tasks.get(&key).is_some_and(|task| task.wants.contains(&who));
        wanted && self.active().contains(&key)
    }

    pub(super) fn want(&mut self, who: Who, key: Key) {
        if let Some(task) = self.tasks.get_mut(&key) {
            task.want(who);
        }
    }

    pub(super) fn cancel(&mut self, who: Who, key: Key, force: bool) {
        if !self.is_open_to(who, key) {
            return;
        }
        if force || !self.is_wanted_by_others(who, key) {
            self.set(key, BY_ITSELF);
        } else {
            self.unwant(key, who);
            if let Some(task) = self.tasks.get_mut(&key) {
                task.called_off.push(who);
            }
        }
        self.settle();
    }

    /// Whether somebody else wants the task, or what is to be computed of it.
    fn is_wanted_by_others(&self, who: Who, key: Key) -> bool {
        let active = self.active();
        let (mut seen, mut next) = (BTreeSet::from([key]), vec![key]);
        while let Some(key) = next.pop() {
            if self.tasks[&key].wants.iter().any(|other| *other != who) {
                return true;
            }
            let needs = |other: &&Key| self.tasks[*other].inputs.contains(&key);
            next.extend(active.iter().filter(needs).filter(|other| seen.insert(**other)));
        }
        false
    }

    pub(super) fn query(&mut self, who: Who, query: &Query) {
        match query {
            Query::Publish { name, keys } => self.publish(who, name, keys),
            Query::Unpublish(name) => {
                if let Some(dataset) = self.datasets.remove(name) {
                    self.let_go(dataset);
                }
            }
            Query::Dataset(_)
            | Query::Datasets
            | Query::Copies { .. }
            | Query::Events { .. }
            | Query::Explain(_)
            | Query::HasWhat(_)
            | Query::Info
            | Query::LogEvent { .. }
            | Query::Logs(_)
            | Query::Pause { .. }
            | Query::Rebalance { .. }
            | Query::Retire(_)
            | Query::Shutdown
            | Query::Story(_)
            | Query::Task(_)
            | Query::Tasks { .. }
            | Query::WaitForWorkers(_)
            | Query::WhoHas(_) => {}
        }
    }

    fn publish(&mut self, who: Who, name: &str, keys: &[Key]) {
        let wanted = |key: &Key| self.tasks.get(key).is_some_and(|task| task.wants.contains(&who));
        if !self.datasets.contains_key(name) && keys.iter().all(wanted) {
            self.publications += 1;
            let dataset = Who::Dataset(self.publications);
            self.datasets.insert(name.to_owned(), dataset);
            keys.iter().for_each(|key| self.want(dataset, *key));
        }
    }

    /// What is upstream of these and has failed first runs again, and so does all that failed
    /// because of that alone.
    pub(super) fn retry(&mut self, who: Who, keys: &[Key]) {
        let keys: Vec<Key> = keys.iter().copied().filter(|key| self.is_shared(who, *key)).collect();
        keys.iter().for_each(|key| self.want(who, *key));
        self.settle();
        let asked = self.failed_upstream(&keys);
        let mut again = BTreeSet::new();
        loop {
            let more = |key: &Key| !again.contains(key) && self.runs_again(*key, &asked, &again);
            let more: Vec<Key> = self.tasks.keys().copied().filter(more).collect();
            if more.is_empty() {
                break;
            }
            again.extend(more);
        }
        for key in again {
            self.set(key, Fact::Nothing);
            if let Some(task) = self.tasks.get_mut(&key) {
                (task.retries_left, task.deaths) = (task.retries, 0);
                // Whoever asks for one more run of what must run once knows what that means.
                task.attempts = 0;
            }
        }
    }

    /// Those of these keys that have failed, and what of their inputs has, and so on.
    fn failed_upstream(&self, keys: &[Key]) -> BTreeSet<Key> {
        let failed = |key: &Key| self.tasks.get(key).is_some_and(|task| task.has_failed());
        let mut next: Vec<Key> = keys.iter().copied().filter(failed).collect();
        let mut seen: BTreeSet<Key> = next.iter().copied().collect();
        while let Some(key) = next.pop() {
            let inputs = self.tasks[&key].inputs.iter().copied().filter(failed);
            next.extend(inputs.filter(|input| seen.insert(*input)));
        }
        seen
    }

    /// Whether a task runs again when all of `again` do: it was asked for, or failed because of
    /// another one, no input has failed for good, and there is something to run.
    fn runs_again(&self, key: Key, asked: &BTreeSet<Key>, again: &BTreeSet<Key>) -> bool {
        let task = &self.tasks[&key];
        let mut failed = task.inputs.iter().filter(|input| self.tasks[*input].has_failed());
        let is_root = failed.clone().next().is_none();
        let is_meant = match task.fact {
            Fact::Erred { .. } if asked.contains(&key) => true,
            Fact::Erred { own } => !own && !is_root,
            Fact::Made(..) | Fact::Nothing => false,
        };
        is_meant && !task.scattered && !task.orphan && failed.all(|input| again.contains(input))
    }
}

impl Reference {
    pub(super) fn client_says(&mut self, who: Who, message: &ClientMessage) {
        match message {
            ClientMessage::Cancel { keys, force } => {
                keys.iter().for_each(|key| self.cancel(who, *key, *force));
            }
            ClientMessage::Define { spec, .. } => {
                self.specs.entry(who).or_default().push(Arc::new(spec.clone()));
            }
            ClientMessage::Goodbye => self.let_go(who),
            ClientMessage::Detach { keys } => {
                for key in keys {
                    if self.is_open_to(who, *key) {
                        self.want(Who::Detached, *key);
                    }
                }
            }
            ClientMessage::Locate { .. } => {}
            ClientMessage::Query { query, .. } => self.query(who, query),
            ClientMessage::Retry { keys } => self.retry(who, keys),
            ClientMessage::Want { keys } => {
                for key in keys {
                    if self.is_shared(who, *key) {
                        self.want(who, *key);
                    }
                }
            }
            ClientMessage::Release { keys, .. } => {
                keys.iter().for_each(|key| self.unwant(*key, who))
            }
            ClientMessage::Submit { tasks, .. } => {
                let ours = tasks.iter().filter(|task| !is_rejected(task));
                ours.for_each(|task| self.submit(who, task));
            }
        }
    }

    pub(super) fn submit(&mut self, who: Who, new: &NewTask) {
        let wanted = self.tasks.values().filter(|task| task.wants.contains(&who)).count();
        if !self.tasks.contains_key(&new.key) && wanted >= self.config.max_client_tasks {
            return;
        }
        let specs = self.specs.get(&who);
        let spec = specs.and_then(|specs| specs.get(new.spec.0 as usize)).cloned();
        let spec = spec.unwrap_or_default();
        let known = |key: &&Key| self.is_shared(who, **key);
        let inputs: Vec<Key> = new.dependencies.iter().filter(known).copied().collect();
        let orphan = inputs.len() < new.dependencies.len();
        let process = self.process(who);
        let task = self.tasks.entry(new.key).or_insert_with(|| Task {
            inputs,
            process,
            wants: Vec::new(),
            called_off: Vec::new(),
            retries: spec.options.retries,
            retries_left: spec.options.retries,
            deaths: 0,
            orphan,
            attempts: 0,
            scattered: spec.function.runtime == Runtime::Receive,
            spec,
            fact: if orphan { BY_ANOTHER } else { Fact::Nothing },
            nbytes: 0,
            queued: false,
            assigned: None,
        });
        task.want(who);
    }
}
