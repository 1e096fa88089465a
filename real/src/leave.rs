//! A worker whose process is told to end leaves in good order, if there is time: it is given nothing
//! new, its bodies end, and what only it holds goes to others.
//!
//! This module must not know what a worker does otherwise.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::hub::lock;
use crate::rt;
use crate::worker::{WorkerOptions, run_worker};

/// How long a worker may take to leave, if nothing else is said.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// Runs a worker until it ends; or until this process is `told` to, and then for `grace` at most, or
/// until it is told again.
///
/// # Errors
///
/// Those of [`run_worker`]; or the operating system tells nobody.
pub(crate) async fn run_until(
    told: impl Future<Output = io::Result<()>>,
    grace: Duration,
    options: WorkerOptions,
) -> Result<()> {
    let (at, parting) = (Arc::clone(&options.at), Arc::clone(&options.parting));
    let mut working = pin!(run_worker(options));
    rt::select! {
        biased;
        ended = &mut working => return ended,
        told = told => told?,
    }
    let at = lock(&at).clone();
    tracing::info!(worker = at, "this worker leaves");
    parting.want();
    rt::select! {
        biased;
        ended = &mut working => ended,
        () = rt::sleep(grace) => {
            tracing::warn!("there was no more time: what this worker ran and held is given up");
            Ok(())
        }
        again = rt::told_to_end() => Ok(again?),
    }
}
