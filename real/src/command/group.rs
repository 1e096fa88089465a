//! The process group of a command: ended as a whole, once, and never when its number may already
//! mean another one.
//!
//! This module must not know what runs in it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::guard;
use crate::hub::lock;

/// How long a command may take to end once it was told to.
const GRACE: Duration = Duration::from_secs(5);

/// A group, from its start until its leader is reaped.
pub(super) struct Group {
    id: Pid,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// It was told to end.
    Ending,
    /// Its leader has ended, and may be reaped.
    Ended,
}

impl Group {
    /// The group of which `id` is the leader.
    pub(super) fn new(id: Pid) -> Arc<Self> {
        Arc::new(Self { id, state: Mutex::new(State::Running), changed: Condvar::new() })
    }

    /// Tells all of it to end; kills it if it does not. Returns at once.
    pub(super) fn terminate(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        if *state != State::Running {
            return;
        }
        *state = State::Ending;
        self.signal(Signal::TERM);
        // A stopped one would not hear it.
        self.signal(Signal::CONT);
        let group = Arc::clone(self);
        let patience = std::thread::Builder::new().name("raddle-kill".to_owned());
        if patience.spawn(move || group.kill_after_grace()).is_err() {
            self.signal(Signal::KILL);
        }
    }

    /// Its leader has ended and is not yet reaped: what else is in it is killed.
    pub(super) fn end(&self) {
        *lock(&self.state) = State::Ended;
        self.changed.notify_all();
        self.signal(Signal::KILL);
        guard::remove(self.id);
    }

    fn kill_after_grace(&self) {
        let state = lock(&self.state);
        let (state, waited) = self
            .changed
            .wait_timeout_while(state, GRACE, |state| *state != State::Ended)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() && *state != State::Ended {
            self.signal(Signal::KILL);
        }
    }

    fn signal(&self, signal: Signal) {
        // It may have ended already.
        let _ = kill_process_group(self.id, signal);
    }
}
