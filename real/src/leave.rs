//! A worker whose process is told to end leaves in good order, if there is time: it is given nothing
//! new, its bodies end, and what only it holds goes to others.
//!
//! It asks for that as a client does. This module must not know what a worker does otherwise.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
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
    let at = Arc::clone(&options.at);
    let (scheduler, credentials) = (options.scheduler.clone(), options.credentials.clone());
    let mut working = pin!(run_worker(options));
    rt::select! {
        biased;
        ended = &mut working => return ended,
        told = told => told?,
    }
    let at = lock(&at).clone();
    tracing::info!(worker = at, "this worker leaves");
    let retire = async {
        let client = Client::connect_with(&scheduler, &credentials).await?;
        client.retire_workers(&[&at]).await
    };
    rt::select! {
        biased;
        ended = &mut working => ended,
        refused = until_refused(retire) => {
            tracing::warn!(%refused, "this worker ends at once");
            Ok(())
        }
        () = rt::sleep(grace) => {
            tracing::warn!("there was no more time: what this worker ran and held is given up");
            Ok(())
        }
        again = rt::told_to_end() => Ok(again?),
    }
}

/// Until the answer is no: after a yes, the worker ends by itself.
async fn until_refused(retire: impl Future<Output = Result<()>>) -> crate::error::Error {
    match retire.await {
        Ok(()) => std::future::pending().await,
        Err(error) => error,
    }
}
