//! One event's work, and what can be wanted of a run or of a datum.
//!
//! Consequences go one way (a run ends or is freed → its datum → the runs that use that datum), so
//! edges step each other directly: no chain is longer than three. This module must not know what a
//! goal entails.

use raddle_net::names::{Key, WorkerId};
use smallvec::SmallVec;

use super::effect::Effect;
use super::event::Outcome;
use crate::time::Instant;

/// One event's work.
#[derive(Debug)]
pub struct Turn<'a> {
    /// When the event happened.
    pub now: Instant,
    /// What the driver must do.
    pub out: &'a mut Vec<Effect>,
}

/// What should become of a run.
#[derive(Clone, Debug)]
pub enum RunGoal {
    /// Its body waits for a task of its own.
    Block,
    /// Its body has ended, or its value was received.
    End(Outcome),
    /// Its announcement has left.
    Enter,
    /// Its time is over.
    Expire,
    /// Nobody wants it any more.
    Free,
    /// One more of its inputs is in memory.
    GainInput,
    /// One of its inputs is not in memory any more.
    LoseInput,
    /// The scheduler wants it back, if its body is not entered.
    Recall,
    /// There is a slot for it.
    Start,
    /// Its body wants a slot again.
    Unblock,
}

/// What should become of a datum.
#[derive(Clone, Debug)]
pub enum DatumGoal {
    /// Its value is in the store.
    Arrive {
        /// The task that it is the value of.
        key: Key,
        /// Its size in bytes.
        nbytes: u64,
    },
    /// A copy is to be here, whoever needs it.
    Acquire {
        /// The task that it is the value of.
        key: Key,
        /// Its size in bytes, as far as it is known.
        nbytes: u64,
        /// Who holds it.
        holders: SmallVec<[WorkerId; 2]>,
    },
    /// This peer is being asked for it.
    Ask(WorkerId),
    /// The run that would have made it here will not.
    Break,
    /// The scheduler gives it up.
    Free,
    /// The scheduler says who holds it.
    Hold(SmallVec<[WorkerId; 2]>),
    /// It is time to ask the scheduler who holds it.
    Locate,
    /// The peer that was asked did not send it.
    Refuse(Refusal),
    /// This holder, which was put aside, may be tried again.
    Retry(WorkerId),
    /// The last run that needed it is gone.
    Unneed,
    /// One more run needs it.
    Want {
        /// The task that it is the value of.
        key: Key,
        /// Its size in bytes, as far as it is known.
        nbytes: u64,
        /// Who holds it; empty if it is to be made here.
        holders: SmallVec<[WorkerId; 2]>,
    },
}

/// Why a peer did not send a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It serves as many as it may.
    Busy,
    /// The connection failed.
    Failed,
    /// It does not hold the value.
    Missing,
}
