//! One event's work list: what is to be done next, and what is to be sent.
//!
//! Edges of the transition table never call each other; they recommend goals for other tasks, which
//! are reached one after another, first come first served. This module must not know what a goal
//! entails.

use std::collections::VecDeque;
use std::sync::Arc;

use raddle_net::messages::Failure;
use raddle_net::names::{Key, RunId, WorkerId};
use raddle_net::payload::SmallValue;

use super::effect::Effect;
use super::state::TaskId;
use crate::time::Instant;

/// The state that a task should reach, with what that state needs and the task cannot know.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// It will have no value.
    Erred {
        /// The task that failed first.
        blame: Key,
        /// Why.
        failure: Arc<Failure>,
    },
    /// Its run made a value.
    Memory {
        /// The value's size.
        nbytes: u64,
        /// The value, if it is small and at hand.
        value: Option<SmallValue>,
    },
    /// It is assigned to this worker.
    Processing {
        /// The worker.
        worker: WorkerId,
    },
    /// Its failure is taken back.
    Retried,
    /// Its inputs are there: assign it, or queue it, or say that nobody qualifies.
    Runnable,
    /// If nobody needs it: give up what it has, and be forgotten if nobody knows it either.
    Unneeded,
    /// Be computed, from the start: its value, its run or an input is gone, or never was there.
    Waiting,
}

/// Goals for which there is room between events.
const KEPT_GOALS: usize = 1 << 10;

/// One event's work.
#[derive(Debug)]
pub struct Turn<'a> {
    /// When the event happened.
    pub now: Instant,
    /// What the driver must do.
    pub out: &'a mut Vec<Effect>,
    /// The run that the event itself ended, so that its worker need not be told.
    pub ended: Option<RunId>,
    work: Work,
}

/// What is to be done, in order. Empty between events, and kept for its memory.
#[derive(Clone, Debug, Default)]
pub struct Work {
    goals: VecDeque<(TaskId, Goal)>,
    /// Tasks that are to be placed: last, lest one is given out and taken back in one event.
    placements: VecDeque<(TaskId, Goal)>,
}

impl<'a> Turn<'a> {
    /// Nothing to do yet.
    pub fn new(now: Instant, out: &'a mut Vec<Effect>, work: Work) -> Self {
        Self { now, out, ended: None, work }
    }

    /// Gives the empty list back.
    pub fn end(mut self) -> Work {
        self.work.goals.shrink_to(KEPT_GOALS);
        self.work.placements.shrink_to(KEPT_GOALS);
        self.work
    }

    /// `task` should reach `goal`, after what is to be done already; and be placed after all else.
    pub fn recommend(&mut self, task: TaskId, goal: Goal) {
        match goal {
            Goal::Processing { .. } | Goal::Runnable => {
                self.work.placements.push_back((task, goal))
            }
            Goal::Erred { .. }
            | Goal::Memory { .. }
            | Goal::Retried
            | Goal::Unneeded
            | Goal::Waiting => self.work.goals.push_back((task, goal)),
        }
    }

    /// What is to be done next.
    pub fn next(&mut self) -> Option<(TaskId, Goal)> {
        self.work.goals.pop_front().or_else(|| self.work.placements.pop_front())
    }
}
