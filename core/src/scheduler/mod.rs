//! The scheduler machine.

mod effect;
mod event;

pub use effect::{Effect, PeerError};
pub use event::{ConnectionId, Event};
use crate::time::{Duration, Instant};

/// How a scheduler behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Deaths of its worker, announced, that a task survives unless it says otherwise.
    pub allowed_failures: u32,
    /// Which life of the scheduler this is; part of every run id.
    pub epoch: u32,
    /// How long a cluster without any worker lets tasks wait before they fail.
    pub no_workers_timeout: Duration,
    /// Where tasks are placed.
    pub policy: Policy,
    /// Seed of the random policy.
    pub seed: u64,
    /// How long a worker whose connection broke may take to come back.
    pub worker_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allowed_failures: 3,
            epoch: 1,
            no_workers_timeout: Duration::from_secs(30),
            policy: Policy::EarliestStart,
            seed: 0,
            worker_grace: Duration::ZERO,
        }
    }
}

/// Where tasks are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Where they are estimated to start first.
    EarliestStart,
    /// Anywhere that is allowed: the mechanism must be right under any policy.
    Random,
}

/// The scheduler machine.
#[derive(Clone, Debug)]
pub struct Scheduler {
    config: Config,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The cluster has had no worker for long enough.
    NoWorkers,
    /// A worker did not come back in time.
    WorkerGrace(raddle_net::names::WorkerId),
}

impl Scheduler {
    /// A scheduler that knows nobody.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config }
    }
    /// Handles one event and everything that follows from it.
    pub fn handle(&mut self, _now: Instant, _event: Event, _out: &mut Vec<Effect>) {
        let _ = &self.config;
    }
    /// When to call `handle` with [`Event::Tick`], and why.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Instant, Timer)> {
        None
    }
}
