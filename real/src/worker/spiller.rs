//! The thread that waits for the disk, so that nobody else has to: it writes values, reads them back,
//! and gives pieces of the file back.
//!
//! This module must not know which values go, or when.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raddle_core::memory::{REST, Ticket, Unwritten};
use raddle_core::time::Instant;

use super::shell::{Shell, discard};
use crate::clock;
use crate::error::{Error, TaskError};
use crate::executor::panics;
use crate::hub::lock;
use crate::spill::{Piece, Spill};
use crate::throttle::Throttle;
use crate::value::Value;

/// How long a piece waits that somebody reads, until it is tried again to give it back.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What the thread is asked for.
pub(super) enum Job {
    /// Give a piece back once nobody reads it.
    Free(Arc<Piece>),
    /// Read these values, and then do this.
    Read(Vec<Arc<Value>>, Box<dyn FnOnce(Result<(), TaskError>) + Send>),
    /// Write this value.
    Write(Ticket, Arc<Value>),
}

/// The way to the thread, which there is from the first job on.
#[derive(Debug)]
pub(super) struct Spiller {
    spill: Spill,
    /// Of values that have no bytes.
    log: Throttle,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Nothing was to be done yet.
    Idle,
    Running(Sender<Job>),
    Closed,
}

impl Spiller {
    /// Writes to `spill`.
    pub(super) fn new(spill: Spill) -> Self {
        Self { spill, log: Throttle::default(), state: Mutex::new(State::Idle) }
    }

    /// Has the thread do this. A worker that is closed does nothing.
    pub(super) fn ask(&self, shell: &Arc<Shell>, job: Job) {
        let mut state = lock(&self.state);
        if let State::Idle = *state {
            let (sender, jobs) = mpsc::channel();
            let working = Arc::clone(shell);
            let thread = std::thread::Builder::new().name("raddle-spill".to_owned());
            if let Err(error) = thread.spawn(move || work(&working, &jobs)) {
                drop(state);
                refuse(shell, job, &format!("a thread for the disk cannot be started: {error}"));
                return;
            }
            *state = State::Running(sender);
        }
        let unsent = match &*state {
            State::Running(sender) => sender.send(job).err(),
            State::Idle | State::Closed => None,
        };
        drop(state);
        if let Some(mpsc::SendError(job)) = unsent {
            refuse(shell, job, "the thread for the disk has panicked");
        }
    }

    /// The thread ends when it has done what it was asked for.
    pub(super) fn close(&self) {
        *lock(&self.state) = State::Closed;
    }
}

/// Reads values that are on disk alone.
///
/// # Errors
///
/// The first of them that cannot be read.
pub(super) fn read<'a>(values: impl IntoIterator<Item = &'a Arc<Value>>) -> Result<(), TaskError> {
    values.into_iter().filter(|value| value.is_away()).try_for_each(|value| value.bytes().map(drop))
}

/// For values that go to disk and come back.
impl Shell {
    /// `value` is on disk now, too.
    fn spilled(self: &Arc<Self>, ticket: Ticket, value: &Arc<Value>, piece: Arc<Piece>) {
        let mut turn = self.turn();
        let now = turn.now();
        let core = turn.core();
        let refused = core.store.is_disk_refusing();
        let removed = core.store.written(ticket, value, piece);
        core.gauge.has_less(now);
        turn.give_up(removed);
        turn.end();
        self.relieved.notify_all();
        if refused {
            tracing::info!("values can be written to disk again");
        }
    }

    /// The value of this ticket stays in memory.
    fn not_spilled(self: &Arc<Self>, ticket: Ticket, why: Unwritten, reason: &str) {
        let mut turn = self.turn();
        let now = turn.now();
        let core = turn.core();
        let refused = core.store.is_disk_refusing();
        core.store.not_written(ticket, why, now);
        core.gauge.has_less(now);
        turn.end();
        self.relieved.notify_all();
        match why {
            // Once, until it takes something again.
            Unwritten::Disk if refused => {}
            Unwritten::Disk => {
                tracing::warn!(reason, "values cannot be written to disk and stay in memory");
            }
            Unwritten::Value => self.spiller.log.log(|| {
                tracing::warn!(run = %ticket.run, reason, "a value has no bytes and stays in memory");
            }),
        }
    }

    /// Waits until little enough is in memory, or nothing is under way to disk.
    pub(super) fn wait_for_relief(&self) {
        let mut core = lock(&self.core);
        while !core.closed && core.store.is_choked() {
            core = self.relieved.wait(core).unwrap_or_else(PoisonError::into_inner);
        }
        self.choked.store(false, Ordering::Relaxed);
    }

    /// What the worker is said to hold cannot be read back: it ends, so that all of it is made again
    /// elsewhere.
    pub(super) fn is_lost(self: &Arc<Self>, error: &TaskError) {
        tracing::error!(%error, "this worker has lost a value, and ends");
        let mut turn = self.turn();
        turn.core().broken = Some(Error::Internal(format!("a value is gone: {error}")));
        turn.end();
        self.wake_writer();
    }
}

fn work(shell: &Arc<Shell>, jobs: &Receiver<Job>) {
    // Pieces that somebody reads.
    let mut kept = Vec::new();
    // When the disk failed last. What was asked for by then would fail, too.
    let mut failed: Option<Instant> = None;
    while let Some(job) = next(jobs, !kept.is_empty()) {
        match job {
            None => {}
            Some(Job::Free(piece)) => kept.push(piece),
            Some(Job::Read(values, then)) => then(read(&values)),
            Some(Job::Write(ticket, value)) => {
                let now = clock::now();
                if failed.is_some_and(|failed| now - failed < REST) {
                    shell.not_spilled(ticket, Unwritten::Disk, "it has just failed");
                } else {
                    failed = write(shell, ticket, &value).is_err().then_some(now);
                }
                discard(vec![value]);
            }
        }
        kept = kept.into_iter().filter_map(free).collect();
    }
}

/// The next job, or that it is time to look at pieces that were kept; `None` when no more jobs come.
fn next(jobs: &Receiver<Job>, looks_again: bool) -> Option<Option<Job>> {
    if !looks_again {
        return jobs.recv().ok().map(Some);
    }
    match jobs.recv_timeout(LOOK_AGAIN) {
        Ok(job) => Some(Some(job)),
        Err(RecvTimeoutError::Timeout) => Some(None),
        Err(RecvTimeoutError::Disconnected) => None,
    }
}

/// Gives a piece back, unless somebody reads it.
fn free(piece: Arc<Piece>) -> Option<Arc<Piece>> {
    match Arc::try_unwrap(piece) {
        Ok(piece) => {
            piece.free();
            None
        }
        Err(piece) => Some(piece),
    }
}

/// Has a value written; an error means that the disk failed.
fn write(shell: &Arc<Shell>, ticket: Ticket, value: &Arc<Value>) -> Result<(), ()> {
    // The value's `Serialize` is somebody else's code.
    let bytes = match panics::catch(|| value.bytes()) {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(panic.message),
    };
    let written = bytes.map(|bytes| shell.spiller.spill.write(&bytes));
    let (why, reason) = match written {
        Ok(Ok(piece)) => {
            shell.spilled(ticket, value, Arc::new(piece));
            return Ok(());
        }
        Ok(Err(error)) => (Unwritten::Disk, error.to_string()),
        Err(reason) => (Unwritten::Value, reason),
    };
    shell.not_spilled(ticket, why, &reason);
    if why == Unwritten::Disk { Err(()) } else { Ok(()) }
}

/// Nobody will do this.
fn refuse(shell: &Arc<Shell>, job: Job, reason: &str) {
    match job {
        Job::Free(_) => {}
        Job::Read(_, then) => then(Err(TaskError::Lost { reason: reason.to_owned() })),
        Job::Write(ticket, _) => shell.not_spilled(ticket, Unwritten::Disk, reason),
    }
}
