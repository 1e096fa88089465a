//! What a simulation needs of this library beyond its public face (`cfg(madsim)` only): nodes that
//! are a scheduler or a worker, a network to disturb, and a look behind the futures.
//!
//! This module must not know what is simulated.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use raddle_core::scheduler::Config;
use raddle_core::time::Instant;
use raddle_net::messages::Failure;
use raddle_net::names::Key;

use crate::error::Result;
use crate::future::TaskFuture;
use crate::hub::Found;
use crate::ports::Ports;
use crate::scheduler::{RunningScheduler, SchedulerOptions};
use crate::worker::{WorkerOptions, run_worker, watch};

pub use crate::rt::network;

/// A scheduler at `host` and `port`, for ever.
///
/// # Errors
///
/// It cannot listen there.
pub async fn scheduler(host: String, port: u16, config: Config) -> Result<()> {
    let ports = Ports::one(port);
    let options = SchedulerOptions { host, ports, config, ..SchedulerOptions::default() };
    RunningScheduler::start(options).await?.ended().await;
    Ok(())
}

/// A worker called `name` at `host`, until it ends: until its connection does.
///
/// # Errors
///
/// Those of a worker process.
pub async fn worker(scheduler: String, name: String, threads: usize, host: String) -> Result<()> {
    run_worker(WorkerOptions { name: Some(name), threads, host, ..WorkerOptions::new(scheduler) })
        .await
}

/// A line for each worker of this thread that lives and holds anything: values, runs, requests.
#[must_use]
pub fn left() -> Vec<String> {
    watch::left()
}

/// Who is to blame that `future` has no value, and why. Nothing, if it may have one.
#[must_use]
pub fn failure<T>(future: &TaskFuture<T>) -> Option<(Key, Arc<Failure>)> {
    match future.handle().poll_value(Waker::noop(), false) {
        Some(Found::Erred { blame, failure }) => Some((blame, failure)),
        Some(Found::Inline(_) | Found::Value(_)) | None => None,
    }
}

/// What time it is for the shell.
#[must_use]
pub fn now() -> Instant {
    crate::clock::now()
}

/// Waits for so long, to the nanosecond: the runtime's own sleep is a millisecond at least.
pub async fn pause(time: Duration) {
    crate::rt::pause(time).await;
}

/// Has log messages written to standard error, as `filter` says.
pub fn log(filter: &str) {
    crate::logging::install(Some(filter));
}
