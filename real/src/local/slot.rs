//! One worker of a local cluster: a process or a thread, and what is known of it.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raddle_net::names::WorkerId;
use rustix::process::Signal;

use super::builder::Settings;
use crate::error::{Error, Result};
use crate::leave;
use crate::ports::Reach;
use crate::process::{Process, Program};
use crate::rt::{self, Notify, oneshot};
use crate::scheduler::{RunningScheduler, SchedulerHandle};
use crate::worker::{WorkerOptions, run_worker};

/// How long a worker may take to register.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A worker of a local cluster, dead or alive.
#[derive(Debug)]
pub(super) struct Slot {
    name: String,
    known: Arc<Known>,
    body: Mutex<Body>,
}

/// What runs a worker.
#[derive(Debug)]
enum Body {
    /// Nothing any more.
    Gone,
    /// A process.
    Process(Process),
    /// A thread: it ends when told, or when the sender is dropped.
    Thread { kill: oneshot::Sender<()>, ended: oneshot::Receiver<()> },
}

/// What is known of a worker, shared with those who tell.
#[derive(Debug, Default)]
struct Known {
    state: Mutex<State>,
    /// A process was seen to end.
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Its id, while it is registered.
    worker: Option<WorkerId>,
    /// Where it serves values, or did last.
    address: String,
    /// Who waits for the first registration.
    join: Option<oneshot::Sender<Result<String, String>>>,
}

/// The start of a worker, under way.
pub(super) struct Join {
    name: String,
    joined: oneshot::Receiver<Result<String, String>>,
}

impl Join {
    /// Waits until the worker is registered; returns its address.
    pub(super) async fn wait(self) -> Result<String> {
        let reason = match rt::within(START_LIMIT, self.joined).await {
            Some(Ok(Ok(address))) => return Ok(address),
            Some(Ok(Err(reason))) => reason,
            Some(Err(_)) => "the cluster was closed".into(),
            None => format!("it did not register within {} s", START_LIMIT.as_secs()),
        };
        Err(Error::WorkerNotStarted { worker: self.name, reason })
    }
}

impl Slot {
    /// Starts a worker; the join tells when it is there.
    pub(super) fn start(
        scheduler: &RunningScheduler,
        settings: &Settings,
        index: usize,
    ) -> Result<(Arc<Self>, Join)> {
        let name = format!("worker-{index}");
        let (join, joined) = oneshot::channel();
        let state = State { join: Some(join), ..State::default() };
        let known = Arc::new(Known { state: Mutex::new(state), ended: Notify::new() });
        let follower = Arc::clone(&known);
        scheduler.handle().follow(&name, move |worker, address| follower.joined(worker, address));
        let body = match &settings.program {
            Some(path) => {
                let program = Program {
                    path: path.clone(),
                    scheduler: scheduler.address().to_owned(),
                    threads: Some(settings.threads),
                    resources: settings.resources.clone(),
                    name: Some(name.clone()),
                    credentials: settings.scheduler.credentials.clone(),
                    reach: Reach::default(),
                    grace: leave::GRACE,
                    death_timeout: Duration::ZERO,
                    memory: settings.memory.clone(),
                    quiet: true,
                };
                start_process(program, settings.restart, scheduler.handle(), &known)?
            }
            None => start_thread(scheduler, settings, &name, &known)?,
        };
        let slot = Self { name: name.clone(), known, body: Mutex::new(body) };
        Ok((Arc::new(slot), Join { name, joined }))
    }

    /// Where it serves values, or did last.
    pub(super) fn address(&self) -> String {
        self.known.lock().address.clone()
    }

    /// Kills what runs here; returns when it is dead.
    pub(super) async fn kill(&self) -> Result<()> {
        let mut ended = pin!(self.known.ended.notified());
        // From here on an end is not missed.
        ended.as_mut().enable();
        let thread = {
            let mut body = self.body();
            match std::mem::replace(&mut *body, Body::Gone) {
                Body::Gone => return Ok(()),
                Body::Process(process) => {
                    let signalled = process.signal(Signal::KILL);
                    *body = Body::Process(process);
                    if !signalled? {
                        return Ok(());
                    }
                    None
                }
                Body::Thread { kill, ended } => Some((kill, ended)),
            }
        };
        match thread {
            None => ended.await,
            Some((kill, thread)) => {
                drop(kill);
                // An error means that the thread panicked: it has ended, too.
                let _ = thread.await;
            }
        }
        Ok(())
    }

    /// Sends `signal` to the process that runs here.
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        match &*self.body() {
            Body::Process(process) if process.signal(signal)? => Ok(()),
            Body::Process(_) | Body::Gone => Err(Error::WorkerGone { worker: self.name.clone() }),
            Body::Thread { .. } => Err(Error::NotAProcess { worker: self.name.clone() }),
        }
    }

    /// Ends what runs here, and waits until it has ended.
    pub(super) async fn close(&self) {
        // The scheduler need not hear of an end that was asked for.
        self.known.lock().worker = None;
        let body = std::mem::replace(&mut *self.body(), Body::Gone);
        match body {
            Body::Gone => {}
            Body::Process(process) => process.close().await,
            Body::Thread { kill, ended } => {
                drop(kill);
                // An error means that the thread panicked: it has ended, too.
                let _ = ended.await;
            }
        }
    }

    fn body(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start_process(
    program: Program,
    restart: bool,
    scheduler: &SchedulerHandle,
    known: &Arc<Known>,
) -> Result<Body> {
    let (scheduler, known) = (scheduler.clone(), Arc::clone(known));
    let process = Process::start(program, restart, move |exit| {
        known.ended(&scheduler, exit.to_string());
    })?;
    Ok(Body::Process(process))
}

fn start_thread(
    scheduler: &RunningScheduler,
    settings: &Settings,
    name: &str,
    known: &Arc<Known>,
) -> Result<Body> {
    let mut options = WorkerOptions::new(scheduler.address().to_owned());
    options.threads = settings.threads;
    options.resources = settings.resources.clone();
    options.memory = settings.memory.clone();
    options.credentials = settings.scheduler.credentials.clone();
    options.name = Some(name.to_owned());
    let (handle, known) = (scheduler.handle().clone(), Arc::clone(known));
    let (kill, killed) = oneshot::channel::<()>();
    let ended = rt::thread(&format!("raddle-{name}"), async move {
        let reason = rt::select! {
            biased;
            _ = killed => "it was killed".to_owned(),
            result = run_worker(options) => match result {
                Ok(()) => "it ended".to_owned(),
                Err(error) => error.to_string(),
            },
        };
        known.ended(&handle, reason);
    })?;
    Ok(Body::Thread { kill, ended })
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker is registered.
    fn joined(&self, worker: WorkerId, address: &str) {
        let mut state = self.lock();
        state.worker = Some(worker);
        address.clone_into(&mut state.address);
        if let Some(join) = state.join.take() {
            // An error means that nobody waits any more.
            let _ = join.send(Ok(address.to_owned()));
        }
    }

    /// The worker has ended.
    fn ended(&self, scheduler: &SchedulerHandle, reason: String) {
        let mut state = self.lock();
        if let Some(worker) = state.worker.take() {
            scheduler.worker_lost(worker, reason.clone());
        }
        if let Some(join) = state.join.take() {
            // An error means that nobody waits any more.
            let _ = join.send(Err(reason));
        }
        drop(state);
        self.ended.notify_waiters();
    }
}
