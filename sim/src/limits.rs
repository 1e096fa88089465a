//! What the scheduler of a plan puts up with: how long work waits for a worker that may run it, how
//! many tasks a client may want, and how much memory workers say that they have.
//!
//! It must not know what the scheduler makes of it. What workers say of their memory is not what they
//! have (`memory.rs`): nobody dies of a value that is too large for it.

use raddle_core::random::{below, hash};
use raddle_core::scheduler::Config;
use raddle_core::time::Duration;

use crate::client::entity;
use crate::plan::Plan;

/// The stream of chance that belongs to limits.
const LIMITS: u64 = 0x6c69_6d69;
/// One plan of so many has each of them.
const PLANS: u64 = 6;
/// Where workers say how much memory they have, one task of so many makes a large value.
const TASKS: u64 = 5;
/// It is about so large, in bytes: two of them are more than the smallest worker may use.
const LARGE: u64 = 12_000_000;

/// Limits of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How long a task waits for a worker that may run it, in microseconds; 0: as long as it takes.
    pub starve: u64,
    /// How many tasks a client may want at a time; 0: as many as by default.
    pub quota: usize,
    /// Bytes of memory that workers say they have, in turn by their numbers, 0 for nothing said; none:
    /// nobody says anything.
    pub declared: Vec<u64>,
}

impl Limits {
    /// Changes what a scheduler is configured to by them.
    pub(crate) fn configure(&self, config: &mut Config) {
        config.unqualified_timeout = Duration::from_micros(self.starve);
        if self.quota > 0 {
            config.max_client_tasks = self.quota;
        }
    }

    /// What the worker of this number says of its memory.
    pub(crate) fn declared_by(&self, number: u32) -> Option<u64> {
        let turn = (number as usize).checked_rem(self.declared.len())?;
        Some(self.declared[turn]).filter(|bytes| *bytes > 0)
    }

    /// Whether a task may fail because no worker may run it, although there are workers.
    pub(crate) fn turn_work_away(&self) -> bool {
        self.starve > 0 || !self.declared.is_empty()
    }
}

impl Plan {
    /// Gives the plan limits, if the seed says so. Where workers are asked to rest or to leave, it is
    /// for the scheduler to say when they count no more, and nothing waits for a limited time.
    pub(crate) fn limit(&mut self, seed: u64) {
        let draw = |n: u64, of: u64| below(hash(seed, LIMITS, 0, n), of);
        if draw(0, PLANS) == 0 {
            self.limits.quota = [6, 12, 24][draw(1, 3) as usize];
        }
        if self.holds_workers_back() {
            return;
        }
        if draw(2, PLANS) == 0 {
            self.limits.starve = [1_000, 10_000, 100_000][draw(3, 3) as usize];
        }
        if draw(4, PLANS) == 0 && self.memory.is_empty() {
            let count = 1 + draw(5, 3);
            let bytes = |n| [17_000_000, 17_000_000, 40_000_000, 0][draw(6 + n, 4) as usize];
            self.limits.declared = (0..count).map(bytes).collect();
            for task in self.submitted_mut() {
                let chance = |n| hash(seed ^ entity(task.key), LIMITS, 1, n);
                if chance(0).is_multiple_of(TASKS) {
                    task.body.nbytes = (LARGE + below(chance(1), LARGE / 2)) as u32;
                }
            }
        }
    }
}
