//! Copies that are made on purpose, and copies that are dropped although the value stays.
//!
//! It must not know why the scheduler wants one copy more, or fewer.

use raddle_core::scheduler::{Kind, Scheduler};
use raddle_net::messages::Input;
use raddle_net::names::RunId;

use super::log::RunState;
use super::{Breach, Watch, ensure};
use crate::property::Property;

impl Watch {
    /// A worker is to hold a copy of what others hold.
    pub(super) fn copies(&mut self, worker: u32, input: &Input) -> Result<(), Breach> {
        let state = self.run(input.run).map(|log| &log.state);
        let lacks =
            matches!(state, Some(RunState::Finished(holders)) if !holders.contains(&worker));
        let what =
            || format!("worker {worker} is to copy {}, of which is known {state:?}", input.run);
        ensure(lacks, Property::Copies, what)?;
        let is_full = self.workers.get(&worker).is_some_and(|log| log.is_full);
        ensure(!is_full, Property::Full, || format!("worker {worker} is to copy {}", input.run))?;
        if let Some(source) = input.holders.first() {
            self.copying.insert((input.run, worker), *source);
        }
        Ok(())
    }

    /// A worker has what it was to copy, or need not get it any more.
    pub(super) fn ends_copying(&mut self, run: RunId, worker: u32) {
        self.copying.remove(&(run, worker));
    }

    /// A worker that was to copy things is no more.
    pub(super) fn copies_nothing(&mut self, worker: u32) {
        self.copying.retain(|(_, copier), _| *copier != worker);
    }

    /// One copy of several goes. If the value stays, nothing needs that copy.
    pub(super) fn check_drop(
        &self,
        worker: u32,
        run: RunId,
        machine: &Scheduler,
    ) -> Result<(), Breach> {
        let Some(task) = self.run(run).map(|run| self.task(run.task)) else { return Ok(()) };
        let stays = task.last == run.counter && machine.kind_of(task.key) == Some(Kind::Memory);
        if !stays {
            return Ok(());
        }
        let id = self.workers.get(&worker).and_then(|log| log.id);
        let mut copiers = self.copying.range((run, 0)..=(run, u32::MAX));
        let copier =
            copiers.find(|(_, source)| Some(**source) == id).map(|((_, copier), _)| copier);
        let what = || format!("worker {worker} drops {}, which {copier:?} copies", task.key);
        ensure(copier.is_none(), Property::Drops, what)?;
        let active = |key| machine.kind_of(key).is_some_and(Kind::is_active);
        let dependents = task.dependents.iter().map(|dependent| self.task(*dependent).key);
        let needs = { dependents }.find(|key| active(*key));
        let what = || format!("worker {worker} drops {}, which {needs:?} needs", task.key);
        ensure(needs.is_none(), Property::Drops, what)
    }
}
