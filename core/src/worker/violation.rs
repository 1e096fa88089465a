//! What can be wrong between two events, each with the name of the property that it breaks.
//!
//! This module must not know how it is found.

use raddle_net::names::{RunId, WorkerId};

/// An invariant that does not hold. `S` and `L` numbers, which begin each [`id`](Self::id), are those
/// of the safety and liveness properties of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A datum in fetch has nobody to be asked, or a missing one has somebody. (L2)
    Askable(RunId),
    /// A peer is asked for something that is not in flight from it, or the reverse. (S16)
    Asked(WorkerId),
    /// This many peers are asked at a time. (S37)
    Gathers(usize),
    /// A search names this worker itself, a stranger, or somebody twice, as a holder. (S16)
    Holder(RunId, WorkerId),
    /// A run that could have a slot has none. (L2)
    IdleSlot(RunId),
    /// A peer that could be asked is not. (L2)
    IdlePeer(WorkerId),
    /// This many bytes are on their way here, in several values. (S37)
    Incoming(u64),
    /// What follows from the tables is not what was kept up to date. (S16)
    Index,
    /// A run that is ready has an input that is not in memory. (S6)
    Input {
        /// The run.
        run: RunId,
        /// The input.
        input: RunId,
    },
    /// A run waits for another number of inputs than are missing, or for none. (S16)
    Missing {
        /// The run.
        run: RunId,
        /// What it waits for.
        counted: usize,
        /// What is missing.
        missing: usize,
    },
    /// A datum is promised, but no run here will make it. (S16)
    Promise(RunId),
    /// This many requests are served at a time. (S37)
    Serves(usize),
    /// This many slots are taken. (S18)
    Slots(usize),
    /// A run's value is here, or on its way, and the run is not over. (S16)
    TwoSources(RunId),
    /// An input of a run is not known. (S6)
    UnknownInput {
        /// The run.
        run: RunId,
        /// The input.
        input: RunId,
    },
    /// A datum that is only wanted is wanted by nobody. (S35)
    Unneeded(RunId),
    /// A datum has another number of users than it counts. (S16)
    Users(RunId),
}

impl Violation {
    /// The property that is broken, for reports and for what is planted on purpose. It never
    /// changes.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Askable(_) => "L2-askable",
            Self::Asked(_) => "S16-asked",
            Self::Gathers(_) => "S37-gathers",
            Self::Holder(..) => "S16-holder",
            Self::IdleSlot(_) => "L2-idle-slot",
            Self::IdlePeer(_) => "L2-idle-peer",
            Self::Incoming(_) => "S37-incoming",
            Self::Index => "S16-index",
            Self::Input { .. } => "S6-input",
            Self::Missing { .. } => "S16-missing",
            Self::Promise(_) => "S16-promise",
            Self::Serves(_) => "S37-serves",
            Self::Slots(_) => "S18-slots",
            Self::TwoSources(_) => "S16-two-sources",
            Self::UnknownInput { .. } => "S6-unknown-input",
            Self::Unneeded(_) => "S35-unneeded",
            Self::Users(_) => "S16-users",
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {self:?}", self.id())
    }
}
