//! Which workers are reached through the scheduler: those that did not answer themselves.
//!
//! A worker is asked itself first. When it does not answer and is named again, it is asked through the
//! scheduler, and so is for a while; should it not answer there either, it is asked itself the next
//! time. This module must not know what is asked.

use std::collections::BTreeMap;

use raddle_net::names::WorkerId;

use super::effect::Route;
use crate::time::{Duration, Instant};

/// The routes to workers; of most there is nothing to be said.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    /// How long a worker is reached through the scheduler.
    relay_time: Duration,
    /// Until when, once the first has gone that way. One entry a worker at most.
    relayed: BTreeMap<WorkerId, Option<Instant>>,
}

impl Routes {
    /// Every worker is asked itself.
    pub(super) const fn new(relay_time: Duration) -> Self {
        Self { relay_time, relayed: BTreeMap::new() }
    }

    /// How to reach `worker`.
    pub(super) fn to(&mut self, worker: WorkerId, now: Instant) -> Route {
        let Some(until) = self.relayed.get_mut(&worker) else { return Route::Direct };
        if now < *until.get_or_insert(now + self.relay_time) {
            return Route::Relayed;
        }
        self.relayed.remove(&worker);
        Route::Direct
    }

    /// `worker` did not answer by this route: the other one is next.
    pub(super) fn failed(&mut self, worker: WorkerId, route: Route) {
        match route {
            Route::Direct => {
                self.relayed.entry(worker).or_insert(None);
            }
            Route::Relayed => {
                self.relayed.remove(&worker);
            }
        }
    }
}
