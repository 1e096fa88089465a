//! The way back to a scheduler after the connection broke: again and again, for as long as it waits.
//!
//! This module must not know what is said in the session.

use std::time::Duration;

use raddle_core::random::{below, hash};
use raddle_net::hello::{Hello, RefusedReason, Welcome};

use crate::conn::{self, ConnectError, Connection};
use crate::credentials::Credentials;
use crate::rt;

/// How long after a first failure it is tried again; each next pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// There is no way back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// The scheduler does not know the session any more.
    #[error("the scheduler does not know this session any more")]
    SessionUnknown,
    /// Whoever answers is not the scheduler that it was, or does not want us.
    #[error(transparent)]
    Refused(ConnectError),
    /// Nobody answered for long enough.
    #[error("the scheduler was not reached again within {} s", .0.as_secs_f32())]
    TimeUp(Duration),
}

/// Dials `address` with `hello` until somebody answers, for at most `limit`. Pauses differ from
/// process to process, so that many do not come at the same time.
pub(crate) async fn redial(
    address: &str,
    hello: &Hello,
    credentials: &Credentials,
    limit: Duration,
) -> Result<(Welcome, Connection), Lost> {
    let tries = async {
        let (seed, mut pause) = (rt::random(), FIRST_PAUSE);
        for attempt in 0.. {
            match conn::connect(address, hello.clone(), credentials).await {
                Ok(back) => return Ok(back),
                Err(ConnectError::Refused { reason: RefusedReason::SessionUnknown, .. }) => {
                    return Err(Lost::SessionUnknown);
                }
                Err(
                    error @ (ConnectError::Unreachable { .. }
                    | ConnectError::TimedOut { .. }
                    | ConnectError::Refused { reason: RefusedReason::Full, .. }),
                ) => tracing::debug!(%error, "dialled in vain"),
                Err(error) => return Err(Lost::Refused(error)),
            }
            rt::sleep(jittered(pause, seed, attempt)).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        unreachable!("it is tried for ever")
    };
    rt::within(limit, tries).await.unwrap_or(Err(Lost::TimeUp(limit)))
}

/// Between a half and the whole of `pause`.
fn jittered(pause: Duration, seed: u64, attempt: u64) -> Duration {
    let half = u64::try_from(pause.as_micros() / 2).unwrap_or(u64::MAX);
    let more = below(hash(seed, 0, attempt, 0), half.saturating_add(1));
    Duration::from_micros(half.saturating_add(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jittered_pause_is_at_least_half_as_long_and_no_longer() {
        let pause = Duration::from_millis(100);
        for attempt in 0..1000 {
            let jittered = jittered(pause, 7, attempt);
            assert!(jittered >= pause / 2 && jittered <= pause, "{jittered:?}");
        }
    }
}
