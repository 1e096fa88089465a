//! What a client may have, to the naive scheduler: what its process submitted or wants, itself or by a
//! run, what it called off, and what is published.
//!
//! It must not know what anybody does with it.

use raddle_core::scheduler::ConnectionId;
use raddle_net::names::Key;

use super::{Reference, Who};

impl Reference {
    pub(super) fn is_shared(&self, who: Who, key: Key) -> bool {
        let Some(task) = self.tasks.get(&key) else { return false };
        let process = self.process(who);
        let shares = |other: &Who| match other {
            Who::Client(_) | Who::Run(_) => self.process(*other) == process,
            Who::Dataset(_) => true,
            Who::Detached => false,
        };
        task.process == process || task.called_off.contains(&who) || task.wants.iter().any(shares)
    }

    /// The client for which it speaks.
    pub(super) fn process(&self, who: Who) -> Option<ConnectionId> {
        match who {
            Who::Client(connection) => Some(connection),
            Who::Run(run) => {
                let mut tasks = self.tasks.values();
                let is_its = |run_of: &super::Assigned| run_of.run == run;
                tasks.find(|task| task.assigned.as_ref().is_some_and(is_its))?.process
            }
            Who::Dataset(_) | Who::Detached => None,
        }
    }
}
