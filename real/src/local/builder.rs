//! What a local cluster is to be like.

use std::path::PathBuf;
use std::time::Duration;

use super::LocalCluster;
use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::init;
use crate::memory::{self, MemoryOptions};
use crate::resources::{self, Resources};
use crate::scheduler::SchedulerOptions;

/// Describes a [`LocalCluster`] before it starts.
#[derive(Clone, Debug)]
#[must_use]
pub struct LocalClusterBuilder {
    workers: Option<usize>,
    threads: Option<usize>,
    resources: Result<Resources, String>,
    memory: MemoryOptions,
    processes: bool,
    program: Option<PathBuf>,
    restart: bool,
    scheduler: SchedulerOptions,
}

/// What all workers of a cluster have in common.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// How the scheduler is started.
    pub(super) scheduler: SchedulerOptions,
    /// Tasks that a worker runs at a time.
    pub(super) threads: usize,
    /// What each worker has for tasks that need it.
    pub(super) resources: Resources,
    /// What memory each worker may use.
    pub(super) memory: MemoryOptions,
    /// The executable of worker processes; `None` if workers are threads.
    pub(super) program: Option<PathBuf>,
    /// Whether a process that died is started again.
    pub(super) restart: bool,
}

impl Default for LocalClusterBuilder {
    fn default() -> Self {
        Self {
            workers: None,
            threads: None,
            resources: Ok(Vec::new()),
            memory: MemoryOptions::default(),
            processes: false,
            program: None,
            restart: true,
            scheduler: SchedulerOptions::default(),
        }
    }
}

impl LocalClusterBuilder {
    /// How many workers there are. If this is not said, the cores of the machine are used once: by
    /// one worker of many threads, or by many processes of one thread.
    pub const fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How many tasks each worker runs at a time. If this is not said, the cores of the machine are
    /// shared out among the workers.
    pub const fn threads_per_worker(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// What each worker has for tasks that need it: see
    /// [`Call::resources`](crate::Call::resources).
    pub fn resources(
        mut self,
        resources: impl IntoIterator<Item = (impl Into<String>, f64)>,
    ) -> Self {
        self.resources = resources::units(resources);
        self
    }

    /// How many bytes of memory each worker may use. If this is not said, the workers share what the
    /// control group or the machine allows.
    ///
    /// When its values fill 60 % of that, those that were used least recently go to disk
    /// ([`spill_directory`](Self::spill_directory)), and come back when they are needed. The same
    /// happens when a worker's process fills 70 %, until it fills no more than 60 %. A worker whose
    /// process fills 80 % is given nothing new while bodies run or values go to disk; what it has begun
    /// goes on. (Of workers that are threads, values are counted alone: the process has others, too.) A
    /// disk that is full loses nothing: values stay in memory, and the log and the worker's note say so,
    /// until there is too much for [the worker to go on](Self::memory_terminate).
    pub const fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory.limit = Some(bytes);
        self
    }

    /// How much of its memory the process of a worker may fill, 0 to 1: if it fills more for a while,
    /// beside values on their way to disk, and bodies run, the worker ends with all that it holds, and is
    /// started again ([`restart`](Self::restart)). 0.95, unless this says otherwise, and no less than the
    /// share at which it is given nothing new; 0: it never ends for that.
    ///
    /// What it ran runs elsewhere. A task that does this to one worker after the other fails with
    /// [`TaskError::WorkerDied`](crate::TaskError::WorkerDied), which says that memory was the reason.
    /// Workers that are threads never end like this, and processes that a
    /// [`Command`](crate::Command) starts are not counted.
    pub fn memory_terminate(mut self, share: f64) -> Self {
        self.memory.terminate = Some(memory::thousandths(share));
        self
    }

    /// The folder of values that go to disk; if this is not said, that of temporary files. Nothing is
    /// left there, however a worker ends.
    pub fn spill_directory(mut self, folder: impl Into<PathBuf>) -> Self {
        self.memory.spill_directory = Some(folder.into());
        self
    }

    /// How many bytes of values each worker may have on disk at a time: as many as the disk takes,
    /// unless this says otherwise. To have more is as if the disk were full.
    pub const fn spill_limit(mut self, bytes: u64) -> Self {
        self.memory.spill_limit = Some(bytes);
        self
    }

    /// Whether workers are processes rather than threads of this one. They run this very program,
    /// which must begin with [`raddle::init`](crate::init()) or be marked `#[raddle::main]`.
    pub const fn processes(mut self, processes: bool) -> Self {
        self.processes = processes;
        self
    }

    /// The executable that worker processes run instead of this one. It must begin with
    /// [`raddle::init`](crate::init()) or be marked `#[raddle::main]`. Implies
    /// [`processes(true)`](Self::processes).
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = Some(path.into());
        self.processes = true;
        self
    }

    /// Whether a worker process that died is started again (it is, unless this says otherwise), as a
    /// new worker of the same name. One that keeps dying is started again later and later.
    pub const fn restart(mut self, restart: bool) -> Self {
        self.restart = restart;
        self
    }

    /// How long a worker whose connection broke is waited for: 5 s, unless this says otherwise. Until
    /// then it keeps its tasks and values, and goes on with them when it is back. A worker of which
    /// the process has ended is not waited for.
    pub const fn worker_grace(mut self, grace: Duration) -> Self {
        self.scheduler.config.worker_grace = grace;
        self
    }

    /// How long a client whose connection broke is waited for: 60 s, unless this says otherwise. What
    /// it wanted is released then; until then it may come back, and goes on.
    pub const fn client_grace(mut self, grace: Duration) -> Self {
        self.scheduler.config.client_grace = grace;
        self
    }

    /// How long a connection may be silent until it counts as broken: 30 s, unless this says
    /// otherwise; 0 for as long as it likes. Whoever is there says something several times in that
    /// time, however busy its tasks are. What follows is what follows when a connection breaks.
    pub const fn connection_ttl(mut self, ttl: Duration) -> Self {
        self.scheduler.ttl = ttl;
        self
    }

    /// How long a task waits for a worker that may run it while there are others: as long as it takes,
    /// unless this says otherwise (0 says so, too). Then it fails with
    /// [`TaskError::NoWorker`](crate::TaskError::NoWorker), which says why none may. Without any worker
    /// at all that takes 30 s.
    pub const fn unqualified_timeout(mut self, limit: Duration) -> Self {
        self.scheduler.config.unqualified_timeout = limit;
        self
    }

    /// How many tasks a client may want at a time: 16,777,216, unless this says otherwise. Further ones
    /// fail with [`TaskError::Rejected`](crate::TaskError::Rejected); other clients do not notice.
    pub const fn max_client_tasks(mut self, tasks: usize) -> Self {
        self.scheduler.config.max_client_tasks = tasks;
        self
    }

    /// What processes of the cluster and its clients show one another, and with it whether they speak
    /// by TLS: [`Credentials::temporary`] for this process alone, or a folder that others have, too.
    /// None, unless this says otherwise.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.scheduler.credentials = credentials;
        self
    }

    /// Starts the cluster; returns when all its workers are registered.
    ///
    /// # Errors
    ///
    /// [`Error::NotInitialized`] if workers are to be processes of a program that cannot be a
    /// worker; [`Error::WorkerNotStarted`] if a worker ends before it is registered; an I/O error if
    /// no thread or socket can be had.
    pub async fn start(self) -> Result<LocalCluster> {
        let program = match (self.processes, self.program) {
            (false, _) => None,
            (true, Some(program)) => Some(program),
            (true, None) if init::is_ready() => Some(std::env::current_exe()?),
            (true, None) => return Err(Error::NotInitialized),
        };
        let resources = self.resources.map_err(|reason| Error::ClusterNotStarted { reason })?;
        let cores = init::default_threads();
        let (workers, threads) = match (self.workers, self.threads) {
            (Some(workers), Some(threads)) => (workers, threads),
            (Some(workers), None) => (workers, cores / workers.max(1)),
            (None, Some(threads)) => (cores / threads.max(1), threads),
            (None, None) if program.is_some() => (cores, 1),
            (None, None) => (1, cores),
        };
        let workers = match self.workers {
            Some(workers) => workers,
            None => workers.max(1),
        };
        let settings = Settings {
            scheduler: self.scheduler,
            threads: threads.max(1),
            resources,
            memory: self.memory.shared_by(workers),
            program,
            restart: self.restart,
        };
        LocalCluster::start(settings, workers).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt;

    #[test]
    fn a_program_that_cannot_be_a_worker_starts_none() {
        let started = rt::block_on(LocalCluster::builder().processes(true).start());
        let started = started.expect("a runtime");
        assert!(matches!(started, Err(Error::NotInitialized)), "{started:?}");
    }
}
