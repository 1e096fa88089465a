//! When a worker has too much in memory, and what it does then: values go to disk, or nothing new
//! comes, or it ends.
//!
//! Thresholds are Dask's. What differs: a worker that has nothing to wait for, no body and no value on
//! its way to a disk that takes it, is not full, however much its process has; it goes on, with one
//! thing after the other, since nothing else would free any memory. Nor does it end while no body runs: it has no more
//! then from one look to the next, and its end would cost all that it holds. This module must not know
//! where bytes are counted, or whose they are.

mod store;

pub use self::store::{Fault, REST, Relief, Removed, Store, Ticket, Unwritten};
use crate::time::{Duration, Instant};

/// The whole of a limit.
pub const WHOLE: u64 = 1_000;
/// How much of a limit values may fill before some go to disk, in thousandths.
const TARGET: u64 = 600;
/// How much a process may fill before values go to disk for it.
const SPILL: u64 = 700;
/// How much may be filled before nothing new comes.
const PAUSE: u64 = 800;
/// How much a process may fill before the worker ends.
const TERMINATE: u64 = 950;
/// How long it may fill more: less than that may have been a peak.
const PATIENCE: Duration = Duration::from_millis(100);

/// What a worker may have in memory, in bytes, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Values beyond these go to disk.
    pub target: u64,
    /// If its process has more than this, values go to disk until it has no more than the target.
    pub spill: u64,
    /// With more than this it is full, until it has no more than `spill`.
    pub pause: u64,
    /// If its process has more than this for a while, beside values on their way to disk, it ends.
    pub terminate: u64,
}

/// What a worker has in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bytes of its process; `None` if nobody measures them.
    pub process: Option<u64>,
    /// Bytes of values.
    pub values: u64,
    /// Those of them that are on their way to disk.
    pub leaving: u64,
    /// The disk took nothing when it was last asked to, so that they may never get there.
    pub is_disk_refusing: bool,
    /// Bodies that run. One that waits for tasks of its own does not.
    pub bodies: usize,
}

/// How a worker behaves because of what it has in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Values go to disk because of what else is in its process.
    pub is_spilling: bool,
    /// It is to be given nothing new.
    pub is_full: bool,
    /// Since when there has been so much in its process that it will end.
    pub beyond_since: Option<Instant>,
    /// It is to end.
    pub is_over: bool,
}

impl Limits {
    /// There are none.
    pub const NONE: Self =
        Self { target: u64::MAX, spill: u64::MAX, pause: u64::MAX, terminate: u64::MAX };

    /// Those of a worker that may use so many bytes, fills the share `target` of them, in thousandths,
    /// with values, and ends if its process has the share `terminate`; 0: it never does.
    #[must_use]
    pub fn of(limit: u64, target: Option<u64>, terminate: Option<u64>) -> Self {
        let bytes = |share: u64| {
            let bytes = u128::from(limit) * u128::from(share) / u128::from(WHOLE);
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        let target = target.unwrap_or(TARGET);
        let spill = SPILL.max(target);
        let pause = PAUSE.max(spill);
        let terminate = match terminate.unwrap_or(TERMINATE) {
            0 => u64::MAX,
            terminate => bytes(terminate.max(pause)),
        };
        Self { target: bytes(target), spill: bytes(spill), pause: bytes(pause), terminate }
    }

    /// What follows from what is seen `now` for a worker that has behaved like `before`.
    #[must_use]
    pub fn judge(&self, now: Instant, reading: Reading, before: Pressure) -> Pressure {
        let used = reading.used();
        let stays = used.saturating_sub(reading.leaving);
        let to_spill = if before.is_spilling { self.target } else { self.spill };
        let to_pause = if before.is_full { self.spill } else { self.pause };
        let can_wait = reading.bodies > 0 || (reading.leaving > 0 && !reading.is_disk_refusing);
        let own = reading.process.unwrap_or(0).saturating_sub(reading.leaving);
        let is_beyond = own > self.terminate && reading.bodies > 0;
        let beyond_since = is_beyond.then(|| before.beyond_since.unwrap_or(now));
        Pressure {
            is_spilling: stays > to_spill,
            is_full: used > to_pause && can_wait,
            beyond_since,
            is_over: beyond_since.is_some_and(|since| now - since >= PATIENCE),
        }
    }

    /// Bytes of values that may stay in memory. While a worker spills, they are what its target leaves
    /// beside everything else in its process.
    #[must_use]
    pub fn allowed(&self, reading: Reading, pressure: Pressure) -> u64 {
        let others = reading.used().saturating_sub(reading.values);
        if pressure.is_spilling { self.target.saturating_sub(others) } else { self.target }
    }
}

impl Reading {
    /// All that is known of: values that a process has mapped may be more than it has in memory.
    fn used(&self) -> u64 {
        self.process.unwrap_or(0).max(self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::ZERO;
    const LIMITS: Limits = Limits { target: 600, spill: 700, pause: 800, terminate: 950 };
    const CALM: Pressure =
        Pressure { is_spilling: false, is_full: false, beyond_since: None, is_over: false };
    const SPILLING: Pressure = Pressure { is_spilling: true, ..CALM };
    const FULL: Pressure = Pressure { is_full: true, ..SPILLING };
    const BEYOND: Pressure = Pressure { beyond_since: Some(NOW), ..FULL };

    /// Of a process with a body and with values.
    fn reading(process: u64, values: u64) -> Reading {
        Reading { process: Some(process), values, bodies: 1, ..Reading::default() }
    }

    #[test]
    fn thresholds_are_shares_of_the_limit_in_ascending_order() {
        assert_eq!(Limits::of(1_000, None, None), LIMITS);
        let all = |bytes| Limits { target: bytes, spill: bytes, pause: bytes, terminate: bytes };
        assert_eq!(Limits::of(1_000, Some(960), None), all(960));
        assert_eq!(Limits::of(1_000, Some(900), None), Limits { terminate: 950, ..all(900) });
        assert_eq!(Limits::of(u64::MAX, Some(WHOLE), None), all(u64::MAX));
        assert_eq!(Limits::of(1_000, Some(100), None), Limits { target: 100, ..LIMITS });
        let ends_at = |share| Limits::of(1_000, None, Some(share));
        assert_eq!(ends_at(900), Limits { terminate: 900, ..LIMITS });
        assert_eq!(ends_at(1), Limits { terminate: 800, ..LIMITS });
        assert_eq!(ends_at(0), Limits { terminate: u64::MAX, ..LIMITS });
    }

    #[test]
    fn spilling_begins_above_one_threshold_and_ends_at_a_lower_one() {
        let judge = |process, before| LIMITS.judge(NOW, reading(process, 500), before);
        assert_eq!(judge(700, CALM), CALM);
        assert_eq!(judge(701, CALM), SPILLING);
        assert_eq!(judge(601, SPILLING), SPILLING);
        assert_eq!(judge(600, SPILLING), CALM);
    }

    #[test]
    fn a_worker_is_full_above_one_threshold_until_it_is_at_a_lower_one() {
        let judge = |process, before| LIMITS.judge(NOW, reading(process, 0), before);
        assert_eq!(judge(800, SPILLING), SPILLING);
        assert_eq!(judge(801, SPILLING), FULL);
        assert_eq!(judge(801, CALM), FULL);
        assert_eq!(judge(701, FULL), FULL);
        assert_eq!(judge(700, FULL), SPILLING);
        assert_eq!(judge(600, FULL), CALM);
    }

    #[test]
    fn a_worker_ends_when_its_process_has_been_beyond_a_threshold_for_a_while() {
        let judge = |now, process, before| LIMITS.judge(now, reading(process, 0), before);
        assert_eq!(judge(NOW, 950, FULL), FULL);
        assert_eq!(judge(NOW, 951, FULL), BEYOND);
        let soon = NOW + PATIENCE / 2;
        assert_eq!(judge(soon, 951, BEYOND), BEYOND);
        assert_eq!(judge(soon, 950, BEYOND), FULL, "it was a peak");
        let later = NOW + PATIENCE;
        assert_eq!(judge(later, 951, BEYOND), Pressure { is_over: true, ..BEYOND });
        assert_eq!(judge(later, 951, FULL), Pressure { beyond_since: Some(later), ..FULL });
    }

    #[test]
    fn only_a_process_in_which_bodies_run_ends_and_not_for_what_is_on_its_way_to_disk() {
        let later = NOW + PATIENCE;
        let over = Pressure { is_over: true, ..BEYOND };
        let judge = |reading| LIMITS.judge(later, reading, BEYOND);
        let heavy = reading(1_000, 500);
        assert_eq!(judge(heavy), over);
        assert_eq!(judge(Reading { bodies: 0, ..heavy }), SPILLING);
        assert_eq!(judge(Reading { leaving: 49, ..heavy }), over);
        assert_eq!(judge(Reading { leaving: 50, ..heavy }), FULL);
        let values = Reading { process: None, values: 1_000, ..heavy };
        assert_eq!(judge(values), FULL, "nobody measures its process");
    }

    #[test]
    fn who_has_nothing_to_wait_for_is_not_full() {
        let idle = Reading { bodies: 0, ..reading(900, 0) };
        assert_eq!(LIMITS.judge(NOW, idle, FULL), SPILLING);
        assert_eq!(LIMITS.judge(NOW, idle, CALM), SPILLING);
        let writes = Reading { values: 100, leaving: 1, ..idle };
        assert_eq!(LIMITS.judge(NOW, writes, CALM), FULL);
        assert_eq!(LIMITS.judge(NOW, writes, FULL), FULL);
        // Otherwise each vain try would be one more time that it is full.
        let tries = Reading { is_disk_refusing: true, ..writes };
        assert_eq!(LIMITS.judge(NOW, tries, FULL), SPILLING);
        assert_eq!(LIMITS.judge(NOW, Reading { bodies: 1, ..tries }, CALM), FULL);
    }

    #[test]
    fn what_is_on_its_way_to_disk_is_not_spilled_for_again_but_fills_memory_until_it_is_there() {
        let leaves = |leaving| Reading { leaving, ..reading(850, 500) };
        assert_eq!(LIMITS.judge(NOW, leaves(149), CALM), FULL);
        let waits = Pressure { is_spilling: false, ..FULL };
        assert_eq!(LIMITS.judge(NOW, leaves(150), CALM), waits);
        assert_eq!(LIMITS.judge(NOW, leaves(250), FULL), waits);
        assert_eq!(LIMITS.judge(NOW, leaves(249), FULL), FULL);
    }

    #[test]
    fn values_may_fill_the_target_or_while_spilling_what_the_rest_leaves_of_it() {
        assert_eq!(LIMITS.allowed(reading(900, 500), CALM), 600);
        assert_eq!(LIMITS.allowed(reading(900, 500), SPILLING), 200);
        assert_eq!(LIMITS.allowed(reading(1_101, 500), SPILLING), 0);
        assert_eq!(LIMITS.allowed(reading(650, 650), SPILLING), 600);
    }

    #[test]
    fn without_a_measure_values_count_alone() {
        let unmeasured = |values| Reading { process: None, ..reading(0, values) };
        assert_eq!(LIMITS.judge(NOW, unmeasured(700), CALM), CALM);
        assert_eq!(LIMITS.judge(NOW, unmeasured(801), CALM), FULL);
        assert_eq!(LIMITS.allowed(unmeasured(801), FULL), 600);
        let less = reading(10, 750);
        assert_eq!(LIMITS.judge(NOW, less, CALM), SPILLING);
    }

    #[test]
    fn nothing_is_too_much_without_limits() {
        let most = Reading { values: u64::MAX, ..reading(u64::MAX, 0) };
        assert_eq!(Limits::NONE.judge(NOW, most, CALM), CALM);
        assert_eq!(Limits::NONE.allowed(most, CALM), u64::MAX);
    }
}
