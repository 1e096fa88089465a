//! A worker process in its slot: started, watched by a thread, started again when it dies.
//!
//! Waiting for a child blocks, so it has an operating-system thread of its own; the rest of the
//! shell sees flags behind a mutex and a report of each exit. The child watches a pipe from this
//! process and ends when it closes, so that it never outlives us, however we end.
//!
//! This module must not know the scheduler, nor what a worker does.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raddle_core::memory::WHOLE;
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::credentials::Credentials;
use crate::init::flags;
use crate::memory::MemoryOptions;
use crate::ports::Reach;
use crate::resources::{self, Resources};
use crate::rt::oneshot;

/// How long the second start of a process that dies at once is put off; doubled for each further one.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest that a start is put off.
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// A process that has lived this long is started again at once.
const LONG_LIFE: Duration = Duration::from_secs(10);
/// How long a process may take to end by itself once its pipe is closed.
const GRACE: Duration = Duration::from_secs(2);

/// What to run in a slot.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The executable.
    pub(crate) path: PathBuf,
    /// The scheduler's address.
    pub(crate) scheduler: String,
    /// Tasks it runs at a time, or as many as there are cores.
    pub(crate) threads: Option<usize>,
    /// What it has for tasks that need it.
    pub(crate) resources: Resources,
    /// The worker's name.
    pub(crate) name: Option<String>,
    /// Who it is, and who may come.
    pub(crate) credentials: Credentials,
    /// Where it is reached.
    pub(crate) reach: Reach,
    /// How long it may take to leave when it is told to end.
    pub(crate) grace: Duration,
    /// How long it looks for a scheduler that is not there.
    pub(crate) death_timeout: Duration,
    /// What memory it may use.
    pub(crate) memory: MemoryOptions,
    /// It says nothing on standard output.
    pub(crate) quiet: bool,
}

impl Program {
    /// Starts it, with a pipe to it.
    pub(crate) fn spawn(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.path);
        command.arg(flags::WORKER).arg(&self.scheduler).arg(flags::PIPE);
        if let Some(threads) = self.threads {
            command.arg(flags::THREADS).arg(threads.to_string());
        }
        if !self.resources.is_empty() {
            command.arg(flags::RESOURCES).arg(resources::print(&self.resources));
        }
        if let Some(name) = &self.name {
            command.arg(flags::NAME).arg(name);
        }
        // Said even if there are none, so that it does not look for others.
        let folder = self.credentials.folder().unwrap_or_else(|| Path::new(""));
        command.arg(flags::CREDENTIALS).arg(folder);
        if let Some(host) = &self.reach.host {
            command.arg(flags::HOST).arg(host);
        }
        if let Some(ports) = &self.reach.ports {
            command.arg(flags::PORT).arg(ports.to_string());
        }
        if let Some(contact) = &self.reach.contact {
            command.arg(flags::CONTACT_ADDRESS).arg(contact);
        }
        if let Some(limit) = self.memory.limit {
            command.arg(flags::MEMORY_LIMIT).arg(limit.to_string());
        }
        let (target, terminate) = (self.memory.target, self.memory.terminate);
        let shares = [(flags::MEMORY_TARGET, target), (flags::MEMORY_TERMINATE, terminate)];
        for (flag, share) in shares {
            if let Some(share) = share {
                command.arg(flag).arg((share as f64 / WHOLE as f64).to_string());
            }
        }
        if let Some(folder) = &self.memory.spill_directory {
            command.arg(flags::SPILL_DIRECTORY).arg(folder);
        }
        if let Some(limit) = self.memory.spill_limit {
            command.arg(flags::SPILL_LIMIT).arg(limit.to_string());
        }
        command.arg(flags::GRACE).arg(self.grace.as_secs_f64().to_string());
        command.arg(flags::DEATH_TIMEOUT).arg(self.death_timeout.as_secs_f64().to_string());
        if self.quiet {
            command.arg(flags::QUIET);
        }
        command.stdin(Stdio::piped()).spawn()
    }
}

/// How a process ended.
#[derive(Debug)]
pub(crate) enum Exit {
    /// It could not be started.
    NotStarted(io::Error),
    /// It ended.
    Ended(ExitStatus),
}

impl Exit {
    /// Whether it ended because it was to end.
    fn is_success(&self) -> bool {
        match self {
            Self::NotStarted(_) => false,
            Self::Ended(status) => status.success(),
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotStarted(error) => write!(f, "its program could not be started: {error}"),
            Self::Ended(status) => write!(f, "its process ended: {status}"),
        }
    }
}

/// A slot for a worker process. Dropping it kills what runs there.
#[derive(Debug)]
pub(crate) struct Process {
    shared: Arc<Shared>,
    ended: oneshot::Receiver<()>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// No further start.
    closing: bool,
    /// What runs now, until it is reaped: so the number cannot mean another process.
    pid: Option<Pid>,
    /// Closes when dropped, and the process ends.
    pipe: Option<ChildStdin>,
}

impl Process {
    /// Starts `program` and watches it. `report` hears of every exit, before the program is started
    /// again, which it is if `restart`, unless it ended with success: then it was to end.
    pub(crate) fn start(
        program: Program,
        restart: bool,
        report: impl FnMut(Exit) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (done, ended) = oneshot::channel();
        let watched = Arc::clone(&shared);
        std::thread::Builder::new().name("raddle-nanny".into()).spawn(move || {
            watched.supervise(&program, restart, report);
            // Nobody waits: then nobody needs to know.
            let _ = done.send(());
        })?;
        Ok(Self { shared, ended })
    }

    /// Sends `signal` to what runs now; returns whether something does.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        match self.shared.lock().pid {
            Some(pid) => Ok(kill_process(pid, signal).map(|()| true)?),
            None => Ok(false),
        }
    }

    /// Ends what runs and waits until it has: by closing its pipe, and if that does not help, by
    /// force.
    pub(crate) async fn close(mut self) {
        self.shared.close();
        if crate::rt::within(GRACE, &mut self.ended).await.is_none() {
            self.shared.kill();
            // An error means that the watching thread is gone, and so is its child.
            let _ = (&mut self.ended).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.shared.close();
        self.shared.kill();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        state.pipe = None;
        if let Some(pid) = state.pid {
            // A stopped process would not see that its pipe is closed. It may have ended already.
            let _ = kill_process(pid, Signal::CONT);
        }
        drop(state);
        self.changed.notify_all();
    }

    fn kill(&self) {
        if let Some(pid) = self.lock().pid {
            // It may have ended already.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    fn supervise(&self, program: &Program, restart: bool, mut report: impl FnMut(Exit)) {
        let mut delay = Duration::ZERO;
        loop {
            let started = Instant::now();
            let Some(spawned) = self.spawn(program) else { return };
            let exit = match spawned {
                Ok(child) => self.watch(child),
                Err(error) => Exit::NotStarted(error),
            };
            let is_done = exit.is_success();
            report(exit);
            if is_done {
                return;
            }
            delay = match started.elapsed() >= LONG_LIFE {
                true => Duration::ZERO,
                false => delay,
            };
            if !restart || !self.wait(delay) {
                return;
            }
            delay = (delay * 2).clamp(FIRST_DELAY, LONGEST_DELAY);
        }
    }

    /// Starts `program`, unless the slot is closing. Under the lock: a child that runs is one that
    /// can be signalled.
    fn spawn(&self, program: &Program) -> Option<io::Result<Child>> {
        let mut state = self.lock();
        if state.closing {
            return None;
        }
        Some(program.spawn().map(|mut child| {
            state.pid = Some(Pid::from_child(&child));
            state.pipe = child.stdin.take();
            child
        }))
    }

    /// Waits for the end of `child`.
    fn watch(&self, mut child: Child) -> Exit {
        let pid = Pid::from_child(&child);
        // Leaves the dead process in place, so that nobody signals another one with its number.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let waited = retry_on_intr(|| waitid(WaitId::Pid(pid), options));
        let mut state = self.lock();
        if let Err(error) = waited {
            tracing::warn!(%pid, %error, "cannot wait for a worker process");
        }
        state.pid = None;
        state.pipe = None;
        drop(state);
        match child.wait() {
            Ok(status) => Exit::Ended(status),
            Err(error) => Exit::NotStarted(error),
        }
    }

    /// Waits before the next start; returns whether there is to be one.
    fn wait(&self, delay: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, delay, |state| !state.closing)
            .unwrap_or_else(PoisonError::into_inner);
        !state.closing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::{self, mpsc};

    fn program(path: &str) -> Program {
        let scheduler = "tcp://127.0.0.1:1".to_owned();
        Program {
            path: path.into(),
            scheduler,
            threads: Some(1),
            resources: Vec::new(),
            name: None,
            credentials: Credentials::none(),
            reach: Reach::default(),
            grace: GRACE,
            death_timeout: Duration::ZERO,
            memory: MemoryOptions::default(),
            quiet: true,
        }
    }

    /// The first `count` exits of `program` in a slot that is then closed.
    fn exits(program: Program, restart: bool, count: usize) -> Vec<String> {
        let exits = async {
            let (sender, mut exits) = mpsc::unbounded_channel();
            let report = move |exit: Exit| drop(sender.send(exit.to_string()));
            let process = Process::start(program, restart, report).expect("a thread");
            let mut seen = Vec::new();
            while seen.len() < count
                && let Some(exit) = exits.recv().await
            {
                seen.push(exit);
            }
            process.close().await;
            seen
        };
        rt::block_on(exits).expect("a runtime")
    }

    #[test]
    fn every_exit_is_reported_with_its_status_and_followed_by_a_start() {
        assert_eq!(exits(program("false"), true, 3), ["its process ended: exit status: 1"; 3]);
    }

    #[test]
    fn without_restart_there_is_one_exit() {
        assert_eq!(exits(program("true"), false, 9), ["its process ended: exit status: 0"]);
    }

    #[test]
    fn a_process_that_was_to_end_is_not_started_again() {
        assert_eq!(exits(program("true"), true, 9), ["its process ended: exit status: 0"]);
    }

    #[test]
    fn a_program_that_is_not_there_is_reported() {
        let seen = exits(program("/nonexistent/program"), false, 9);
        assert!(
            matches!(&seen[..], [only] if only.starts_with("its program could not be started: ")),
            "{seen:?}"
        );
    }
}
