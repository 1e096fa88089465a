//! How workers and clients behave, where that is a matter of taste: limits and pauses that are small,
//! or long, where usually they are neither.
//!
//! It must not know which of them matter: the seed turns them.

use raddle_core::client::Config as ClientConfig;
use raddle_core::memory::Limits;
use raddle_core::random::{below, hash};
use raddle_core::time::Duration;
use raddle_core::worker::Config as WorkerConfig;

use crate::plan::Plan;
use crate::worker::Speed;
use crate::world::Depth;

/// The stream of chance that belongs to knobs.
const KNOBS: u64 = 0x6b6e_6f62;

/// The stream of chance that says who cannot reach whom.
const FAR: u64 = 0x0066_6172;

/// One of three, by the number of the plan; the first is the usual one, and stands for number 0.
fn turn<T: Copy>(plan: &Plan, knob: u64, positions: [T; 3]) -> T {
    match plan.knobs {
        0 => positions[0],
        knobs => positions[below(hash(knobs, KNOBS, knob, 0), 3) as usize],
    }
}

/// How long the scheduler of this plan may have nothing to do, until it says that it ends.
pub(crate) fn idle_timeout(plan: &Plan) -> Duration {
    turn(plan, 9, [Duration::ZERO, Duration::from_millis(3), Duration::from_millis(1_000)])
}

/// How each worker of this plan behaves.
pub(crate) fn worker(plan: &Plan, nthreads: u32, depth: Depth) -> WorkerConfig {
    let usual = WorkerConfig::default();
    let millis = Duration::from_millis;
    WorkerConfig {
        busy_pause: turn(plan, 0, [usual.busy_pause, millis(1), millis(3_000)]),
        incoming_bytes: turn(plan, 1, [usual.incoming_bytes, 100, 3_000_000]),
        max_gathers: turn(plan, 2, [usual.max_gathers, 1, 2]),
        max_serves: if plan.serves == 0 { usual.max_serves } else { plan.serves },
        message_bytes: turn(plan, 3, [usual.message_bytes, 100, 3_000_000]),
        nthreads: nthreads as usize,
        retry_first: turn(plan, 4, [usual.retry_first, millis(1), millis(2_000)]),
        retry_longest: turn(plan, 5, [usual.retry_longest, millis(10), usual.retry_longest]),
        track_touched: depth == Depth::Touched,
    }
}

/// When a worker of this plan says that its memory is full.
pub(crate) fn memory(plan: &Plan) -> Limits {
    turn(plan, 12, [Limits::NONE, Limits::NONE, Limits::of(2_000, None, Some(0))])
}

/// What the disk of a worker of this plan can do; none, if values do not go there.
pub(crate) fn disk(plan: &Plan) -> Option<Speed> {
    let fast = Speed { seek: Duration::from_micros(20), bytes: 1_000, room: u64::MAX };
    let slow = Speed { seek: Duration::from_micros(1_000), bytes: 100, room: 40_000 };
    let disk = turn(plan, 13, [None, Some(fast), Some(slow)]);
    disk.filter(|_| memory(plan) != Limits::NONE)
}

/// Whether a client comes to a worker only through the scheduler: of all pairs none, a few, or most.
pub(crate) fn is_far(plan: &Plan, client: usize, worker: u32) -> bool {
    let of_eight = turn(plan, 10, [0, 2, 7]);
    below(hash(plan.knobs, FAR, client as u64, u64::from(worker)), 8) < of_eight
}

/// How each client of this plan behaves.
pub(crate) fn client(plan: &Plan, depth: Depth) -> ClientConfig {
    let usual = ClientConfig::default();
    let millis = Duration::from_millis;
    ClientConfig {
        busy_delay: turn(plan, 6, [usual.busy_delay, millis(1), millis(2_000)]),
        min_backoff: turn(plan, 7, [usual.min_backoff, millis(1), millis(2_000)]),
        max_backoff: turn(plan, 8, [usual.max_backoff, millis(10), usual.max_backoff]),
        relay_time: turn(plan, 11, [usual.relay_time, millis(1), millis(100)]),
        track_touched: depth == Depth::Touched,
    }
}
