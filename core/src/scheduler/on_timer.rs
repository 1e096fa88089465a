//! What happens because time passes.

use std::sync::Arc;

use raddle_net::messages::Failure;
use raddle_net::names::SpecId;

use super::Scheduler;
use super::effect::{Effect, PeerError};
use super::event::ConnectionId;
use super::state::{Kind, Presence, TaskId, Worker};
use super::turn::{Goal, Turn};
use crate::time::Instant;

impl Scheduler {
    /// When to call `handle` with [`Event::Tick`](super::Event::Tick), and why.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Instant, Timer)> {
        let graces = self.graces.iter();
        let grace =
            graces.map(|(&connection, grace)| (grace.until, Timer::Grace(connection))).min();
        let no_workers = self
            .no_workers_since
            .map(|since| (since + self.config.no_workers_timeout, Timer::NoWorkers));
        let starving = self
            .starving
            .longest()
            .map(|(since, spec)| (since + self.config.unqualified_timeout, Timer::Starving(spec)));
        let idle = self.idle_since.map(|since| (since + self.config.idle_timeout, Timer::Idle));
        grace.into_iter().chain(no_workers).chain(starving).chain(idle).min()
    }

    /// Something is due, or nothing is: a tick that comes early does nothing.
    pub(super) fn on_tick(&mut self, turn: &mut Turn<'_>) {
        while let Some((at, timer)) = self.next_deadline()
            && at <= turn.now
        {
            match timer {
                Timer::Grace(connection) => self.close(connection, PeerError::Away, turn),
                Timer::Idle => {
                    self.is_ending = true;
                    self.idle_since = None;
                    turn.out.push(Effect::End);
                }
                Timer::NoWorkers => self.give_up_on_workers(turn),
                Timer::Starving(spec) => self.give_up_on(spec, turn),
            }
            self.settle(turn);
        }
    }

    /// Whether there is work and nobody to do it, and since when.
    pub(super) fn watch_for_workers(&mut self, now: Instant) {
        let index = self.state.index();
        let work = index.count(Kind::NoWorker) + index.count(Kind::Queued);
        if work == 0 || self.has_workers() {
            self.no_workers_since = None;
        } else {
            self.no_workers_since.get_or_insert(now);
        }
    }

    /// Whether there is nothing to do, and since when, if that matters; a client's word is something.
    /// The end is said once.
    pub(super) fn watch_for_work(&mut self, now: Instant, is_word: bool) {
        if self.config.idle_timeout.is_zero() {
            return;
        }
        let index = self.state.index();
        let is_busy = Kind::ALL.iter().any(|kind| kind.is_active() && index.count(*kind) > 0);
        self.is_ending &= !is_busy && !is_word;
        self.idle_since = match self.idle_since {
            _ if is_busy || self.is_ending => None,
            Some(since) if !is_word => Some(since),
            Some(_) | None => Some(now),
        };
    }

    /// Whether there is a worker, be it one that is given nothing.
    pub(super) fn has_workers(&self) -> bool {
        let is_here = |worker: &Worker| worker.presence == Presence::Here;
        self.state.index().open_workers() > 0 || self.state.workers().any(is_here)
    }

    fn give_up_on_workers(&mut self, turn: &mut Turn<'_>) {
        self.no_workers_since = None;
        let index = self.state.index();
        let unqualified = index.no_worker_specs().flat_map(|spec| index.no_worker(spec));
        let tasks: Vec<TaskId> = unqualified.chain(index.queued()).collect();
        let seconds = self.config.no_workers_timeout.as_secs();
        let reason = format!(
            "the cluster has had no worker for {seconds} s: start one with `raddle worker ADDRESS`"
        );
        let failure = Arc::new(Failure::NoWorker { reason });
        for task in tasks {
            let blame = self.key(task);
            turn.recommend(task, Goal::Erred { blame, failure: Arc::clone(&failure) });
        }
    }
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A client or worker did not come back in time.
    Grace(ConnectionId),
    /// There has been nothing to do for long enough.
    Idle,
    /// There has been work, and no worker, for long enough.
    NoWorkers,
    /// There have been tasks of this spec, and workers for others only, for long enough.
    Starving(SpecId),
}
