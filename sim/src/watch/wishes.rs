//! What the cluster wants by itself, because a client said so, and what clients hear of that: tasks
//! that are detached or published, questions about what is published, what is called off by force.
//!
//! It must not know how the scheduler keeps any of it.

use std::collections::{BTreeMap, BTreeSet};

use raddle_core::scheduler::{Kind, Scheduler};
use raddle_net::messages::{Query, QueryAnswer};
use raddle_net::names::Key;

use super::hears::{Cause, Heard};
use super::log::Who;
use super::{Breach, Watch, ensure};
use crate::property::Property;
use crate::world::World;

/// What the cluster wants.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    /// What is published under each name: the number of the publication, and the keys.
    datasets: BTreeMap<String, (u64, Vec<Key>)>,
    publications: u64,
    /// Tasks that are detached and have not ended.
    detached: BTreeSet<u32>,
    /// Tasks that were detached and are gone, or wait for nothing, and have not made a value.
    undone: Vec<u32>,
    /// How many have ended that nobody else wanted.
    alone: u64,
}

/// What a question about datasets must be answered with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expected {
    Declined,
    Done,
    Keys(Vec<Key>),
    Unknown,
}

impl Watch {
    /// Those of the keys that this client wants and that are on their way.
    pub(super) fn open_to(&self, who: Who, keys: &[Key], machine: &Scheduler) -> Vec<u32> {
        let open = |key: &Key| machine.kind_of(*key).is_some_and(Kind::is_active);
        let tasks = keys.iter().filter(|key| open(key)).filter_map(|key| self.find(*key));
        tasks.filter(|task| self.task(*task).is_wanted_by(who)).collect()
    }

    /// A client has tasks computed to their end.
    pub(super) fn hear_detach(&mut self, who: Who, keys: &[Key], machine: &Scheduler) {
        for task in self.open_to(who, keys, machine) {
            self.task_mut(task).want(Who::Detached);
            self.wishes.detached.insert(task);
        }
    }

    /// A client asks; what it must be told, if that is known.
    pub(super) fn hear_query(&mut self, who: Who, query: &Query) -> Option<Expected> {
        match query {
            Query::Dataset(name) => Some(match self.wishes.datasets.get(name) {
                Some((_, keys)) => Expected::Keys(keys.clone()),
                None => Expected::Unknown,
            }),
            Query::Publish { name, keys } => Some(self.hear_publish(who, name, keys)),
            Query::Unpublish(name) => Some(match self.wishes.datasets.remove(name) {
                Some((number, keys)) => {
                    for task in keys.iter().filter_map(|key| self.names.get(*key)) {
                        self.tasks[task as usize].unwant(Who::Dataset(number));
                    }
                    self.disturbances += 1;
                    Expected::Done
                }
                None => Expected::Unknown,
            }),
            Query::Datasets
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
            | Query::WhoHas(_) => None,
        }
    }

    fn hear_publish(&mut self, who: Who, name: &str, keys: &[Key]) -> Expected {
        let tasks = keys.iter().map(|key| self.find(*key));
        let tasks = tasks.map(|task| task.filter(|task| self.task(*task).is_wanted_by(who)));
        let Some(tasks) = tasks.collect::<Option<Vec<u32>>>() else { return Expected::Declined };
        if self.wishes.datasets.contains_key(name) {
            return Expected::Declined;
        }
        self.wishes.publications += 1;
        let number = self.wishes.publications;
        self.wishes.datasets.insert(name.to_owned(), (number, keys.to_vec()));
        tasks.into_iter().for_each(|task| self.task_mut(task).want(Who::Dataset(number)));
        Expected::Done
    }

    /// What is published is known until it is unpublished, whoever asks.
    pub(super) fn told_answer(
        &self,
        who: Who,
        id: u64,
        answer: &QueryAnswer,
        heard: &Heard,
    ) -> Result<(), Breach> {
        let Cause::Asked(by, asked, expected) = &heard.cause else { return Ok(()) };
        let told = match answer {
            QueryAnswer::Declined(_) => Some(Expected::Declined),
            QueryAnswer::Done => Some(Expected::Done),
            QueryAnswer::Keys(keys) => Some(Expected::Keys(keys.clone())),
            QueryAnswer::Unknown(_) => Some(Expected::Unknown),
            QueryAnswer::Explanation(_)
            | QueryAnswer::Info(_)
            | QueryAnswer::Events(_)
            | QueryAnswer::Names(_)
            | QueryAnswer::Rebalanced { .. }
            | QueryAnswer::Story(_)
            | QueryAnswer::Tasks { .. }
            | QueryAnswer::Workers(_) => None,
        };
        let right = (*by, *asked) != (who, id) || told.as_ref() == Some(expected);
        let wrong = || format!("{who:?} is told {answer:?}, and must be told {expected:?}");
        ensure(right, Property::Published, wrong)
    }

    /// Whoever waits for what was called off by force has heard that it failed.
    pub(super) fn check_forced(&self, heard: &Heard) -> Result<(), Breach> {
        let Cause::Forced(by, _, tasks) = &heard.cause else { return Ok(()) };
        for task in tasks {
            let log = self.task(*task);
            let hears = |who: Who| matches!(who, Who::Client(_) | Who::Run(_));
            let deaf = log.wants.iter().find(|want| hears(want.who) && !want.failed);
            let waits = || format!("{by:?} calls off {}, and {deaf:?} does not hear so", log.key);
            ensure(deaf.is_none(), Property::Forced, waits)?;
        }
        Ok(())
    }

    /// A task has made a value.
    pub(super) fn note_end(&mut self, task: u32) {
        if self.wishes.detached.remove(&task) {
            self.task_mut(task).unwant(Who::Detached);
            self.wishes.alone += u64::from(self.task(task).wants.is_empty());
        }
    }

    /// What was detached and is not on its way any more has ended, or was dropped.
    pub(super) fn note_ends(&mut self, machine: &Scheduler) {
        let tasks = &self.tasks;
        let kind = |task: &u32| machine.kind_of(tasks[*task as usize].key);
        let over = |task: &u32| !kind(task).is_some_and(Kind::is_active);
        let over: Vec<u32> = self.wishes.detached.iter().copied().filter(over).collect();
        for task in over {
            self.wishes.detached.remove(&task);
            self.task_mut(task).unwant(Who::Detached);
            if machine.kind_of(self.task(task).key) != Some(Kind::Erred) {
                self.wishes.undone.push(task);
            }
        }
    }
}

impl World {
    /// What was detached has come to its end: it has a value, or could fail.
    pub(crate) fn check_detached(&mut self) -> Result<(), Breach> {
        let allowed = raddle_core::scheduler::Config::default().allowed_failures;
        for _ in 0..std::mem::take(&mut self.watch.wishes.alone) {
            self.probe_detached();
        }
        for task in std::mem::take(&mut self.watch.wishes.undone) {
            let key = self.watch.task(task).key;
            let dropped = || format!("{key} was detached, and is dropped");
            ensure(self.oracle.may_fail(key, allowed), Property::Detached, dropped)?;
        }
        Ok(())
    }
}
