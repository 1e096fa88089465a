//! Threads for the bodies of tasks: one queue, and as many threads as there are slots in use.
//!
//! The worker machine decides how many bodies run at a time; here a thread is found for each. A
//! body that sleeps until a task of its own is done keeps its thread, but not its slot: then one
//! more thread is needed, which ends when it is not. This module must not know machines or
//! connections.

pub(crate) mod body;
pub(crate) mod panics;
pub(crate) mod pool;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::context::Run;
use crate::task::{BodyError, Invocation};
use crate::value::Value;

/// A body to run on a thread.
pub(crate) struct Job {
    /// What to run.
    pub(crate) body: fn(Invocation) -> Result<Value, BodyError>,
    /// On what.
    pub(crate) invocation: Invocation,
    /// On whose behalf.
    pub(crate) run: Arc<Run>,
}

/// The queue of bodies that wait for a thread, and what its threads do.
#[derive(Default)]
pub(crate) struct Executor {
    /// Bodies that run at a time.
    slots: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    /// Threads that wait for a job.
    idle: usize,
    /// Threads whose body sleeps.
    asleep: usize,
    closed: bool,
}

impl Executor {
    /// No threads yet, for `slots` bodies at a time.
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots, ..Self::default() }
    }

    /// Queues `job`. `true`: the caller must start one more thread, which works off [`Self::next`]
    /// until there is none, or say [`Self::not_started`].
    #[must_use]
    pub(crate) fn push(&self, job: Job) -> bool {
        let mut state = self.lock();
        if state.closed {
            // The job is dropped without the lock: its inputs may have destructors.
            drop(state);
            return false;
        }
        state.queue.push_back(job);
        if state.idle >= state.queue.len() {
            // Who is woken needs the lock first of all.
            drop(state);
            self.changed.notify_one();
            return false;
        }
        // A thread that is awake and has no job comes here next: the machine starts no more bodies
        // than there are slots.
        let needed = state.threads - state.asleep < self.slots;
        state.threads += usize::from(needed);
        needed
    }

    /// The thread that [`Self::push`] asked for could not be started.
    #[cfg(not(madsim))]
    pub(crate) fn not_started(&self) {
        self.lock().threads -= 1;
    }

    /// The next job for the calling thread; waits for it. `None`: the thread is not needed.
    pub(crate) fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.queue.pop_front() {
                return Some(job);
            }
            // In the simulation no thread may wait.
            if cfg!(madsim) || state.threads - state.asleep > self.slots {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// The body on the calling thread goes to sleep; said before its slot is given back.
    pub(crate) fn fell_asleep(&self) {
        self.lock().asleep += 1;
    }

    /// The body on the calling thread goes on.
    pub(crate) fn woke_up(&self) {
        let mut state = self.lock();
        state.asleep -= 1;
        let is_one_too_many = state.idle > 0 && state.threads - state.asleep > self.slots;
        drop(state);
        if is_one_too_many {
            // One that waits is not needed any more.
            self.changed.notify_one();
        }
    }

    /// No job is begun from now on; threads end when their bodies do.
    pub(crate) fn close(&self) {
        let dropped = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.queue)
        };
        self.changed.notify_all();
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
