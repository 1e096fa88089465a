//! What became of the tasks of a plan, as facts that can be counted: kept only when somebody asks.
//!
//! It must not know what is judged by them; keeping facts changes nothing that happens.

use raddle_core::time::Instant;
use raddle_net::names::{Key, RunId};

use crate::case::Case;
use crate::failure::{Failure, Report};
use crate::record::Recorder;
use crate::world::{Mode, World};

/// One fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The value of this key has come to a worker from another one.
    Came {
        /// Whose value.
        key: Key,
        /// To which worker.
        worker: u32,
        /// From which worker.
        from: u32,
        /// How large it is.
        nbytes: u64,
    },
    /// The body of this run has ended, with a value or without.
    Ended {
        /// Which run.
        run: RunId,
        /// On which worker.
        worker: u32,
    },
    /// The scheduler has given up a worker that is still there, and comes as a new one.
    GivenUp {
        /// Which one.
        worker: u32,
    },
    /// A worker is asked to give this run back.
    Recalled {
        /// Which run.
        run: RunId,
        /// Which worker.
        worker: u32,
    },
    /// The body of this run is entered.
    Started {
        /// Of which task.
        key: Key,
        /// Which run.
        run: RunId,
        /// On which worker.
        worker: u32,
    },
}

/// The facts of a run, in order, until the plan is over and everything that is held has settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    facts: Vec<(Instant, Fact)>,
    is_kept: bool,
}

impl Journal {
    /// Each fact, and when it came about.
    #[must_use]
    pub fn facts(&self) -> &[(Instant, Fact)] {
        &self.facts
    }

    /// What follows is no more part of the plan.
    pub(crate) const fn close(&mut self) {
        self.is_kept = false;
    }
}

impl World {
    /// Notes a fact, if somebody wants to count it.
    pub(crate) fn journal(&mut self, fact: Fact) {
        if self.journal.is_kept {
            self.journal.facts.push((self.now, fact));
        }
    }
}

impl Case {
    /// Runs it and keeps what became of its tasks.
    pub fn journal(&self, mode: Mode) -> (Result<Report, Failure>, Journal) {
        let journal = Journal { facts: Vec::new(), is_kept: true };
        let (result, world) = self.play(mode, Recorder::default(), journal);
        (result, world.journal)
    }
}
