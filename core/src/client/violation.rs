//! What can be wrong between two events, each with the name of the property that it breaks.
//!
//! This module must not know how it is found.

use raddle_net::names::{Key, WorkerId};

/// An invariant that does not hold, with what it does not hold for. `S` and `L` numbers, which begin
/// each [`id`](Self::id), are those of the safety and liveness properties of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A key is awaited that has ended, or whose value nobody goes for. (L2)
    Awaited(Key),
    /// The scheduler is gone, and something waits for it. (L1)
    AwaitsTheLost(Key),
    /// The key table and the futures disagree. (S15)
    KeyTable(Key),
    /// A message to be sent is empty or beyond a limit of the wire. (S37)
    Message(usize),
    /// There are futures that no key leads to. (S35)
    Orphans,
    /// A future names a worker of unknown address. (S36)
    Peer(Key, WorkerId),
    /// A key is held by nobody and not released, or the reverse. (S35)
    Refs(Key),
    /// The releases to be sent are not the keys that are released. (S35)
    Releases,
    /// The numbers of specs have gaps, or a task was to be sent before its spec. (S36)
    Specs,
    /// The timers are not those of the transfers that wait. (L9)
    Timers,
    /// A transfer that the state of its key does not ask for. (L9)
    Transfer(Key),
}

impl Violation {
    /// The property that is broken, for reports and for what is planted on purpose. It never
    /// changes.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Awaited(_) => "L2-awaited",
            Self::AwaitsTheLost(_) => "L1-awaits-the-lost",
            Self::KeyTable(_) => "S15-future-table",
            Self::Message(_) => "S37-message",
            Self::Orphans => "S35-orphans",
            Self::Peer(..) => "S36-unknown-peer",
            Self::Refs(_) => "S35-refs",
            Self::Releases => "S35-releases",
            Self::Specs => "S36-specs",
            Self::Timers => "L9-timers",
            Self::Transfer(_) => "L9-transfer",
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {self:?}", self.id())
    }
}
