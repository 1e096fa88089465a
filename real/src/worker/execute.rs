//! Bodies find a thread, and the machine hears what came of them.
//!
//! This module must not know what the machine makes of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use raddle_core::time::Instant;
use raddle_net::messages::Failure;

use super::shell::Shell;
use super::spiller::{self, Job};
use super::turn::{AsyncJob, Turn};
use crate::clock;
use crate::context::Run;
use crate::error::TaskError;
use crate::executor;
use crate::executor::body::{self, Made, Unmade};
use crate::rt::oneshot;
use crate::task::Invocation;

impl Shell {
    /// Runs `job` on a thread of the executor.
    pub(super) fn start(self: &Arc<Self>, job: executor::Job) {
        if self.executor.push(job) {
            self.start_thread();
        }
    }

    /// Runs `job` on the runtime for bodies.
    pub(super) fn start_async(self: &Arc<Self>, job: AsyncJob) {
        let shell = Arc::clone(self);
        let failed = Arc::clone(&job.run);
        let started = self.pool.spawn(async move {
            let AsyncJob { body, invocation, run } = job;
            let begun = clock::now();
            let result = match shell.read_inputs(&invocation).await {
                Ok(()) => body::run_async(body, invocation, Arc::clone(&run), &shell.address).await,
                Err(error) => Err(shell.without_inputs(&error)),
            };
            shell.executed(&run, begun, result).end();
        });
        if let Err(error) = started {
            let reason = format!("the worker could not start a runtime for `async` tasks: {error}");
            let unmade = Unmade { blame: None, failure: Arc::new(Failure::Rejected { reason }) };
            self.executed(&failed, clock::now(), Err(unmade)).end();
        }
    }

    #[cfg(not(madsim))]
    fn start_thread(self: &Arc<Self>) {
        let shell = Arc::clone(self);
        let thread = std::thread::Builder::new().name("raddle-task".to_owned());
        if let Err(error) = thread.spawn(move || shell.work()) {
            self.executor.not_started();
            tracing::error!(%error, "a thread for tasks could not be started");
        }
    }

    /// In the simulation a body takes no time and no thread.
    #[cfg(madsim)]
    fn start_thread(self: &Arc<Self>) {
        let shell = Arc::clone(self);
        self.spawn(async move { shell.work() });
    }

    /// Runs bodies on this thread until it is not needed.
    fn work(self: &Arc<Self>) {
        let mut kept = None;
        while let Some(job) = kept.take().or_else(|| self.executor.next()) {
            let executor::Job { body, invocation, run } = job;
            if self.choked.load(Ordering::Relaxed) {
                self.wait_for_relief();
            }
            let begun = clock::now();
            let result = match spiller::read(&invocation.inputs) {
                Ok(()) => body::run_blocking(body, invocation, &self.address),
                Err(error) => Err(self.without_inputs(&error)),
            };
            kept = self.executed(&run, begun, result).end_with_job();
        }
    }

    /// Reads inputs that are on disk, where waiting hurts nobody.
    async fn read_inputs(self: &Arc<Self>, invocation: &Invocation) -> Result<(), TaskError> {
        if !invocation.inputs.iter().any(|input| input.is_away()) {
            return Ok(());
        }
        let (sender, read) = oneshot::channel();
        // An error means that nobody waits any more.
        let then = move |result| drop(sender.send(result));
        let inputs = invocation.inputs.to_vec();
        self.spiller.ask(self, Job::Read(inputs, Box::new(then)));
        match read.await {
            Ok(read) => read,
            // The worker has ended, and so does this.
            Err(_) => std::future::pending().await,
        }
    }

    /// A body that cannot begin runs again, elsewhere.
    fn without_inputs(self: &Arc<Self>, error: &TaskError) -> Unmade {
        self.is_lost(error);
        Unmade { blame: None, failure: Arc::new(Failure::Reschedule) }
    }

    /// The body of `run` has returned.
    fn executed(
        self: &Arc<Self>,
        run: &Run,
        begun: Instant,
        result: Result<Made, Unmade>,
    ) -> Turn<'_> {
        self.body_wakes(run);
        run.end();
        let notes = run.last_notes();
        let mut turn = self.turn();
        turn.noted(run.id, notes);
        turn.executed(run.id, begun, result);
        turn
    }
}
