//! Signs of life: who is there says something now and then, and who says nothing for too long is
//! taken for gone, though no connection was seen to break.
//!
//! Time is monotonic, and counted in steps: a process that stood still, or a clock that was changed,
//! ages nobody. The hot path counts reads and no more. This module must not know what is said.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::rt;

/// Steps in which silence is counted. In each of them the other side says something.
const STEPS: u32 = 4;

/// How often something came on one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// Something came.
    pub(crate) fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Until nothing has come for `ttl`; for ever if that is 0.
    pub(crate) async fn silence(&self, ttl: Duration) {
        let (mut seen, mut silent) = (None, 0);
        while silent < STEPS {
            step(ttl).await;
            let now = Some(self.0.load(Ordering::Relaxed));
            silent = if now == seen { silent + 1 } else { 1 };
            seen = now;
        }
    }
}

/// Calls `say` often enough for a side that waits for `ttl`.
pub(crate) async fn beats(ttl: Duration, mut say: impl FnMut()) -> Infallible {
    loop {
        step(ttl).await;
        say();
    }
}

async fn step(ttl: Duration) {
    if ttl.is_zero() {
        return pending().await;
    }
    rt::sleep(ttl / STEPS).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_millis(20);

    #[test]
    fn silence_is_reached_only_by_who_says_nothing() {
        let pulse = Pulse::default();
        let heard = pulse.clone();
        let speaks = async move {
            for _ in 0..3 * STEPS {
                heard.beat();
                step(TTL).await;
            }
        };
        let both = async {
            rt::select! {
                biased;
                () = speaks => true,
                () = pulse.silence(TTL * 10) => false,
            }
        };
        assert!(rt::block_on(both).expect("a runtime"), "it spoke");
        rt::block_on(pulse.silence(TTL)).expect("a runtime");
    }
}
