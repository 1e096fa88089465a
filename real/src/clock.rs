//! The clock of the machines: nanoseconds since the process started, never going back.
//!
//! This module must not know what the time is used for.

use raddle_core::time::Instant;

use crate::rt;

/// What time it is.
#[cfg(not(madsim))]
pub(crate) fn now() -> Instant {
    static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let elapsed = ORIGIN.get_or_init(std::time::Instant::now).elapsed();
    Instant::ZERO + elapsed
}

/// What time it is. The origin is that of the simulation, so that it is the same in each replay
/// within one process.
#[cfg(madsim)]
pub(crate) fn now() -> Instant {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Instant::ZERO + since.unwrap_or_default()
}

/// The same point in time for the runtime's timers.
pub(crate) fn at(instant: Instant) -> rt::Instant {
    rt::Instant::now() + (instant - now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_go_back() {
        let first = now();
        assert!(now() >= first);
    }
}
