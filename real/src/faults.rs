//! How much of what is wrong a port puts up with: each wrong greeting or frame costs its connection,
//! and beyond a burst of them newcomers are let in more slowly. Who is in is not slowed down: what
//! strangers do costs time that is theirs.
//!
//! This module must not know what was wrong.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::rt::Instant;

/// Newcomers wait for so long for each fault: a third of a thousand faults a second, at most. With a
/// millisecond, an honest task took three times as long as without them, of 99 in 100.
const COST: Duration = Duration::from_millis(3);
/// As much is put up with at once.
const BURST: Duration = Duration::from_millis(200);
/// Nobody waits for longer than this, however many were wrong before.
const LONGEST: Duration = Duration::from_secs(1);

/// The faults at one port.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Option<Instant>>);

impl Faults {
    /// Somebody was wrong at `now`, and has lost the connection by it.
    pub(crate) fn add(&self, now: Instant) {
        let mut paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let after = paid.map_or(now, |paid| paid.max(now)) + COST;
        *paid = Some(after.min(now + BURST + LONGEST));
    }

    /// How long the next newcomer waits.
    pub(crate) fn pause(&self, now: Instant) -> Option<Duration> {
        let paid = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let owed = paid?.saturating_duration_since(now);
        owed.checked_sub(BURST).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_faults_cost_nothing_and_a_flood_no_more_than_a_second() {
        let (faults, start) = (Faults::default(), Instant::now());
        assert_eq!(faults.pause(start), None);
        let few = u32::try_from(BURST.as_nanos() / COST.as_nanos()).unwrap();
        (0..few).for_each(|_| faults.add(start));
        assert_eq!(faults.pause(start), None);
        (0..100).for_each(|_| faults.add(start));
        let owed = (few + 100) * COST - BURST;
        assert_eq!(faults.pause(start), Some(owed));
        assert_eq!(faults.pause(start + owed), None);
        (0..100_000).for_each(|_| faults.add(start));
        assert_eq!(faults.pause(start), Some(LONGEST));
    }
}
