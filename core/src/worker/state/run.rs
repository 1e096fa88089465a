//! A run: one computation given to this worker. This module must not know how its state changes.

use std::sync::Arc;

use raddle_net::messages::TaskSpec;
use raddle_net::names::{Key, Priority, RunId};
use raddle_net::payload::Blob;
use smallvec::SmallVec;

use crate::time::Instant;

/// A run that was given to this worker and is not gone.
#[derive(Clone, Debug)]
pub struct Run {
    /// The task.
    pub key: Key,
    /// Who goes first.
    pub priority: Priority,
    /// Whether the scheduler is told before the body is entered.
    pub announce: bool,
    /// How often the task was assigned, this time included.
    pub attempt: u32,
    /// What to run.
    pub spec: Arc<TaskSpec>,
    /// Values it needs. Invariant: empty once the body is entered, which then holds them itself.
    pub(super) inputs: SmallVec<[RunId; 1]>,
    /// Its arguments. Empty once the body is entered.
    pub(super) args: Blob,
    /// When its time is over, once its body is entered.
    pub(super) limit: Option<Instant>,
    pub(super) state: RunState,
}

/// The life of one run. When it is over there is no run any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// The body was entered. Nothing can stop it; it ends when it ends.
    Busy {
        /// What it does.
        activity: Activity,
        /// What the scheduler wants of it.
        intent: Intent,
    },
    /// Announced; the body is entered when the announcement has left. It has its slot already.
    Flushing,
    /// All inputs are in memory; it waits for a slot.
    Ready,
    /// Nothing runs here: its value is being sent to this worker.
    Receiving,
    /// Some inputs are not in memory.
    Waiting {
        /// How many. Invariant: not 0, and the number of distinct inputs that are not in memory.
        missing: usize,
    },
}

/// What an entered body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It waits for a task of its own, and has given its slot back.
    Blocked,
    /// It has a slot.
    Executing,
    /// It waits for a slot.
    Unblocked,
}

/// What the scheduler wants of an entered body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Nothing: what it makes is thrown away.
    Drop,
    /// Its value.
    Keep,
}

/// The name of a state, and a row of the transition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// [`Activity::Blocked`].
    Blocked,
    /// [`Activity::Executing`].
    Executing,
    /// [`RunState::Flushing`].
    Flushing,
    /// There is no such run here.
    Gone,
    /// [`RunState::Ready`].
    Ready,
    /// [`RunState::Receiving`].
    Receiving,
    /// [`Activity::Unblocked`].
    Unblocked,
    /// [`RunState::Waiting`].
    Waiting,
}

impl Run {
    /// Where it is in its life.
    pub fn state(&self) -> RunState {
        self.state
    }

    /// The runs that made its inputs, in the order of its arguments; none once it is entered.
    pub fn inputs(&self) -> &[RunId] {
        &self.inputs
    }

    /// Whether somebody wants its value.
    pub fn is_wanted(&self) -> bool {
        match self.state {
            RunState::Busy { intent, .. } => intent == Intent::Keep,
            RunState::Flushing
            | RunState::Ready
            | RunState::Receiving
            | RunState::Waiting { .. } => true,
        }
    }

    /// Whether its body is entered and its value wanted.
    pub fn is_entered_and_wanted(&self) -> bool {
        matches!(self.state, RunState::Busy { intent: Intent::Keep, .. })
    }

    /// When its time is over, if that still matters.
    pub fn limit(&self) -> Option<Instant> {
        self.limit.filter(|_| self.is_entered_and_wanted())
    }

    /// Whether it takes a slot.
    pub fn has_slot(&self) -> bool {
        match self.state {
            RunState::Busy { activity, .. } => activity == Activity::Executing,
            RunState::Flushing => true,
            RunState::Ready | RunState::Receiving | RunState::Waiting { .. } => false,
        }
    }
}

impl RunState {
    /// Its name.
    pub fn kind(self) -> RunKind {
        match self {
            Self::Busy { activity: Activity::Blocked, .. } => RunKind::Blocked,
            Self::Busy { activity: Activity::Executing, .. } => RunKind::Executing,
            Self::Busy { activity: Activity::Unblocked, .. } => RunKind::Unblocked,
            Self::Flushing => RunKind::Flushing,
            Self::Ready => RunKind::Ready,
            Self::Receiving => RunKind::Receiving,
            Self::Waiting { .. } => RunKind::Waiting,
        }
    }
}
