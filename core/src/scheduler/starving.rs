//! Tasks that are ready, and for which no worker qualifies while others are there: how long they have
//! waited, by spec, and when that is too long.
//!
//! Costs nothing while there is no limit; with one, a look at the specs of what is ready when it changes
//! who can be given tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use raddle_net::messages::Failure;
use raddle_net::names::SpecId;

use super::state::{Spec, TaskId, Worker};
use super::turn::{Goal, Turn};
use super::{Scheduler, Violation};
use crate::time::Instant;

/// Specs for which no worker qualifies.
#[derive(Clone, Debug, Default)]
pub(super) struct Starving {
    /// Since when. A spec of which nothing is ready any more may still be here until its time is over.
    since: BTreeMap<SpecId, Instant>,
    /// The same, in the order of time.
    order: BTreeSet<(Instant, SpecId)>,
    /// [`State::shifts`](super::state::State::shifts) when it was last looked.
    seen: u64,
}

impl Starving {
    /// The spec that has starved for longest, and since when.
    pub(super) fn longest(&self) -> Option<(Instant, SpecId)> {
        self.order.first().copied()
    }

    fn begin(&mut self, spec: SpecId, now: Instant) {
        self.end(spec);
        self.since.insert(spec, now);
        self.order.insert((now, spec));
    }

    fn end(&mut self, spec: SpecId) {
        if let Some(since) = self.since.remove(&spec) {
            self.order.remove(&(since, spec));
        }
    }
}

impl Scheduler {
    /// A task has become ready, and no worker qualifies for it.
    pub(super) fn starves(&mut self, task: TaskId, now: Instant) {
        let spec = self.state.task(task).spec;
        if !self.has_nobody_for(spec) {
            return;
        }
        let is_first = self.state.index().ready(spec).take(2).count() == 1;
        if !self.config.unqualified_timeout.is_zero() && is_first {
            self.starving.begin(spec, now);
        }
    }

    /// Whether no worker may run tasks of this spec. One whose memory is full may, soon.
    fn has_nobody_for(&self, spec: SpecId) -> bool {
        let spec = self.state.specs().get(spec);
        spec.qualified.is_empty() && self.full_worker_for(spec).is_none()
    }

    /// A worker that may run tasks of this spec when its memory is not full any more.
    pub(super) fn full_worker_for(&self, spec: &Spec) -> Option<&Worker> {
        let mut full =
            self.state.workers().filter(|worker| worker.would_be_open() && !worker.is_open());
        full.find(|worker| worker.qualifies(&spec.spec))
    }

    /// It may have changed who can be given tasks.
    pub(super) fn watch_the_starving(&mut self, now: Instant) {
        let shifts = self.state.shifts();
        if self.config.unqualified_timeout.is_zero() || self.starving.seen == shifts {
            return;
        }
        self.starving.seen = shifts;
        let starves = |spec: &SpecId| self.has_nobody_for(*spec);
        let starved: BTreeSet<SpecId> = self.state.index().ready_specs().filter(starves).collect();
        let fed: Vec<SpecId> =
            self.starving.since.keys().filter(|spec| !starved.contains(spec)).copied().collect();
        for spec in fed {
            self.starving.end(spec);
        }
        for spec in starved {
            if !self.starving.since.contains_key(&spec) {
                self.starving.begin(spec, now);
            }
        }
    }

    /// The tasks of a spec have waited for a worker for long enough.
    pub(super) fn give_up_on(&mut self, spec: SpecId, turn: &mut Turn<'_>) {
        self.starving.end(spec);
        if !self.has_nobody_for(spec) {
            return;
        }
        let (seconds, why) = (self.config.unqualified_timeout.as_secs(), self.why_none_of(spec));
        let reason = format!("it has waited for one for {seconds} s: {why}");
        let failure = Arc::new(Failure::NoWorker { reason });
        for task in self.state.index().ready(spec) {
            let blame = self.key(task);
            turn.recommend(task, Goal::Erred { blame, failure: Arc::clone(&failure) });
        }
    }

    /// Whoever starves is watched. (L2)
    pub(super) fn check_starving(&self) -> Result<(), Violation> {
        if self.config.unqualified_timeout.is_zero() {
            return Ok(());
        }
        let watched = |spec: &SpecId| {
            let since = self.starving.since.get(spec);
            since.is_some_and(|since| self.starving.order.contains(&(*since, *spec)))
        };
        let starves = |spec: &SpecId| self.has_nobody_for(*spec);
        let sound = self.state.index().ready_specs().filter(starves).all(|spec| watched(&spec))
            && self.starving.since.len() == self.starving.order.len();
        if sound { Ok(()) } else { Err(Violation::UnwatchedWork) }
    }
}
