//! A whole cluster for one program: a scheduler and its workers, as threads or as processes.
//!
//! This module must not know how tasks are scheduled or run.

mod builder;
mod slot;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

pub use self::builder::LocalClusterBuilder;
use self::builder::Settings;
use self::slot::Slot;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::rt;
use crate::scheduler::RunningScheduler;

/// A scheduler and workers that belong to this program.
///
/// Workers are threads of this process, or processes of their own that run this very program again
/// (`.processes(true)`). Ports are chosen freely, so that several clusters may live side by side. A
/// cluster ends with [`close`](Self::close), or when it is dropped; worker processes never outlive
/// it.
///
/// ```
/// # use raddle::prelude::*;
/// # #[raddle::task]
/// # fn add(a: u64, b: u64) -> u64 { a + b }
/// # #[raddle::main]
/// # async fn main() -> raddle::Result<()> {
/// let cluster = LocalCluster::builder().workers(2).threads_per_worker(1).start().await?;
/// let client = cluster.client().await?;
/// assert_eq!(client.submit(add(1, 2)).await?, 3);
/// cluster.close().await
/// # }
/// ```
#[derive(Debug)]
pub struct LocalCluster {
    scheduler: RunningScheduler,
    settings: Settings,
    /// Workers, dead ones too, by the index that callers use.
    slots: Mutex<Vec<Arc<Slot>>>,
}

impl LocalCluster {
    /// Describes a cluster; [`start`](LocalClusterBuilder::start) starts it.
    pub fn builder() -> LocalClusterBuilder {
        LocalClusterBuilder::default()
    }

    async fn start(settings: Settings, workers: usize) -> Result<Self> {
        let scheduler = RunningScheduler::start(settings.scheduler.clone()).await?;
        let cluster = Self { scheduler, settings, slots: Mutex::default() };
        let mut joins = Vec::with_capacity(workers);
        for _ in 0..workers {
            joins.push(cluster.begin_worker()?);
        }
        for join in joins {
            join.wait().await?;
        }
        Ok(cluster)
    }

    /// Where its scheduler listens, `tcp://host:port` or `tls://host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        self.scheduler.address()
    }

    /// Connects a new client to it.
    ///
    /// # Errors
    ///
    /// As [`Client::connect`].
    pub async fn client(&self) -> Result<Client> {
        Client::connect_with(self.address(), &self.settings.scheduler.credentials).await
    }

    /// The addresses of its workers, `tcp://host:port`, by index. A worker that has died is listed
    /// with its last address until it is started again.
    #[must_use]
    pub fn workers(&self) -> Vec<String> {
        self.slots().iter().map(|slot| slot.address()).collect()
    }

    /// Starts one more worker like the others; returns its address once it is registered.
    ///
    /// # Errors
    ///
    /// [`Error::WorkerNotStarted`] if it ends before that.
    pub async fn add_worker(&self) -> Result<String> {
        let join = self.begin_worker()?;
        join.wait().await
    }

    /// Kills worker `index` without warning: a process by SIGKILL; of a thread worker, the
    /// connections drop and the values are gone. A process is started again, as a new worker, unless
    /// the cluster was built with `.restart(false)`. Returns when the old one is dead.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchWorker`], or what the operating system says.
    pub async fn kill_worker(&self, index: usize) -> Result<()> {
        self.slot(index)?.kill().await
    }

    /// Stops the process of worker `index` where it is (SIGSTOP); nobody is told.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchWorker`], [`Error::NotAProcess`] for a thread worker, or what the operating
    /// system says.
    #[expect(clippy::unused_async, reason = "all of a cluster's requests are awaited alike")]
    pub async fn pause_worker(&self, index: usize) -> Result<()> {
        self.slot(index)?.signal(Signal::STOP)
    }

    /// Continues a process that [`pause_worker`](Self::pause_worker) stopped (SIGCONT).
    ///
    /// # Errors
    ///
    /// As [`pause_worker`](Self::pause_worker).
    #[expect(clippy::unused_async, reason = "all of a cluster's requests are awaited alike")]
    pub async fn resume_worker(&self, index: usize) -> Result<()> {
        self.slot(index)?.signal(Signal::CONT)
    }

    /// Ends all workers, then the scheduler, and waits until they have ended.
    ///
    /// # Errors
    ///
    /// None at present.
    pub async fn close(self) -> Result<()> {
        let slots = std::mem::take(&mut *self.slots());
        let closing = slots.into_iter().map(|slot| rt::spawn(async move { slot.close().await }));
        for closed in closing.collect::<Vec<_>>() {
            // An error means that closing panicked; the worker ends with its slot.
            let _ = closed.await;
        }
        self.scheduler.close().await;
        Ok(())
    }

    fn begin_worker(&self) -> Result<slot::Join> {
        let mut slots = self.slots();
        let (slot, join) = Slot::start(&self.scheduler, &self.settings, slots.len())?;
        slots.push(slot);
        Ok(join)
    }

    fn slot(&self, index: usize) -> Result<Arc<Slot>> {
        let slots = self.slots();
        let workers = slots.len();
        slots.get(index).cloned().ok_or(Error::NoSuchWorker { index, workers })
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
