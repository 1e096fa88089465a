//! How many tasks a client may want: one that has as many makes no further one known.
//!
//! It must not know what clients do about it.

use raddle_core::scheduler::Scheduler;
use raddle_net::names::Key;

use super::log::Who;
use super::{Breach, Watch, ensure};
use crate::property::Property;

impl Watch {
    /// Whether the client wants as many tasks as it may, and this one is not known: it is noted that it
    /// is to be refused. What has failed it may want no more, if it was called off: if that matters, it
    /// may be refused.
    pub(super) fn is_too_much(&mut self, who: Who, key: Key, machine: &Scheduler) -> bool {
        // What the same message has made known is wanted.
        let is_wanted = |task| self.task(task).is_wanted_by(who);
        let is_known = machine.kind_of(key).is_some() || self.find(key).is_some_and(is_wanted);
        if self.limits.quota == 0 || is_known || self.wanted_by(who, true) < self.limits.quota {
            return false;
        }
        let surely = self.wanted_by(who, false) >= self.limits.quota;
        let refused = if surely { &mut self.refused } else { &mut self.perhaps_refused };
        refused.push(key);
        surely
    }

    /// What is to be refused is not known after all.
    pub(super) fn check_unknown(&self, machine: &Scheduler) -> Result<(), Breach> {
        let known = self.refused.iter().find(|key| machine.kind_of(**key).is_some());
        ensure(known.is_none(), Property::Quota, || format!("{known:?} is not rejected"))
    }

    /// A client is told that it wants too much.
    pub(super) fn told_rejected(&mut self, who: Who, key: Key) -> Result<(), Breach> {
        let at = self.refused.iter().position(|refused| *refused == key);
        at.map(|at| self.refused.swap_remove(at));
        let perhaps = at.is_none() && self.perhaps_refused.contains(&key);
        if let Some(task) = self.find(key).filter(|_| perhaps) {
            self.task_mut(task).unwant(who);
        }
        ensure(at.is_some() || perhaps, Property::Quota, || format!("{key} is rejected"))
    }

    /// Who wanted too much was told so.
    pub(super) fn check_refused(&mut self) -> Result<(), Breach> {
        self.perhaps_refused.clear();
        ensure(self.refused.is_empty(), Property::Quota, || {
            format!("{:?} are not rejected", self.refused)
        })
    }

    /// How many tasks a client wants, with those that have failed or without.
    fn wanted_by(&self, who: Who, failed: bool) -> usize {
        let wants = self.tasks.iter().flat_map(|task| &task.wants);
        wants.filter(|want| want.who == who && (failed || !want.failed)).count()
    }
}
