//! How often something may be written to the log that a stranger can cause.
//!
//! This module must not know what is written.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::rt::Instant;

/// Lines within one period.
const LINES: u64 = 20;
const PERIOD: Duration = Duration::from_secs(10);

/// Lets some lines through, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    began: Option<Instant>,
    lines: u64,
    held_back: u64,
}

impl Throttle {
    /// Writes to the log, but not more often than anybody could read.
    pub(crate) fn log(&self, write: impl FnOnce()) {
        let Some(held_back) = self.pass(Instant::now()) else { return };
        write();
        if held_back > 0 {
            tracing::warn!(held_back, "as many lines like it were not written before it");
        }
    }

    /// Whether one more line may be written at `now`, and how many were not before it.
    fn pass(&self, now: Instant) -> Option<u64> {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if count.began.is_none_or(|began| now.saturating_duration_since(began) >= PERIOD) {
            (count.began, count.lines) = (Some(now), 0);
        }
        if count.lines == LINES {
            count.held_back += 1;
            return None;
        }
        count.lines += 1;
        Some(std::mem::take(&mut count.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_told_of_when_it_has_ebbed() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let passed = (0..1000).filter(|_| throttle.pass(start) == Some(0)).count();
        assert_eq!(passed as u64, LINES);
        assert_eq!(throttle.pass(start + PERIOD), Some(1000 - LINES));
        assert_eq!(throttle.pass(start + PERIOD), Some(0));
    }
}
