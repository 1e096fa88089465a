//! What a run comes to: a report, or the first property that did not hold.

use std::fmt;

use raddle_core::scheduler::Violation as SchedulerViolation;
use raddle_core::time::Duration;

use crate::coverage::Coverage;
use crate::history::History;

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A client machine broke an invariant.
    Client(raddle_core::client::Violation),
    /// Something was left when everything had been released.
    Leak(String),
    /// A machine panicked: one of its own assertions.
    Panic(String),
    /// A machine took a machine's message for a breach of the protocol, or did something impossible.
    Protocol(String),
    /// The scheduler broke an invariant.
    Scheduler(SchedulerViolation),
    /// Nothing happens any more, and a future has not settled; or things happen for ever.
    Stuck(String),
    /// A worker machine broke an invariant.
    Worker(raddle_core::worker::Violation),
    /// A future took back how it had ended.
    Changed(String),
    /// A client heard of a future that it does not hold.
    Phantom(String),
    /// A future failed in a way, or by the fault of a task, that the plan does not explain.
    WrongFailure(String),
    /// A future holds a value that plain evaluation does not give.
    WrongValue(String),
}

impl Failure {
    /// Whether it is the same property that does not hold.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        use std::mem::discriminant as kind;
        match (self, other) {
            (Self::Client(a), Self::Client(b)) => kind(a) == kind(b),
            (Self::Scheduler(a), Self::Scheduler(b)) => kind(a) == kind(b),
            (Self::Worker(a), Self::Worker(b)) => kind(a) == kind(b),
            (a, b) => kind(a) == kind(b),
        }
    }

    /// The property that does not hold, in one word.
    #[must_use]
    pub fn property(&self) -> &'static str {
        match self {
            Self::Client(_) => "client-check",
            Self::Leak(_) => "leak",
            Self::Panic(_) => "panic",
            Self::Protocol(_) => "protocol",
            Self::Scheduler(_) => "scheduler-check",
            Self::Stuck(_) => "stuck",
            Self::Worker(_) => "worker-check",
            Self::Changed(_) => "changed",
            Self::Phantom(_) => "phantom",
            Self::WrongFailure(_) => "wrong-failure",
            Self::WrongValue(_) => "wrong-value",
        }
    }
}

/// What sort of promise a failure breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Something must happen, and does not.
    Liveness,
    /// A machine must not panic.
    Panic,
    /// Something must never happen.
    Safety,
}

impl Failure {
    /// What sort of promise it breaks.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Leak(_) | Self::Stuck(_) => Class::Liveness,
            Self::Panic(_) => Class::Panic,
            Self::Changed(_)
            | Self::Client(_)
            | Self::Phantom(_)
            | Self::Protocol(_)
            | Self::Scheduler(_)
            | Self::Worker(_)
            | Self::WrongFailure(_)
            | Self::WrongValue(_) => Class::Safety,
        }
    }

    /// The property that does not hold, in one sentence.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Changed(_) => "a future that failed must stay failed",
            Self::Client(_) | Self::Scheduler(_) | Self::Worker(_) => {
                "the tables of a machine must agree after each event"
            }
            Self::Leak(_) => "when everything was released, nothing may be left",
            Self::Panic(_) => "no assertion of a machine may fail",
            Self::Phantom(_) => "a client must hear only of what it holds",
            Self::Protocol(_) => "no machine may break the protocol or ask the impossible",
            Self::Stuck(_) => "when nothing happens any more, everything held must have settled",
            Self::WrongFailure(_) => "a failure must have a cause in the plan, and blame it",
            Self::WrongValue(_) => "a value must be what plain evaluation of its graph gives",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events handled.
    pub events: u64,
    /// Bodies entered.
    pub executions: u64,
    /// Futures judged.
    pub judged: u64,
    /// How much time passed in the world.
    pub simulated: Duration,
    /// Hash of everything that happened, in order.
    pub digest: u64,
    /// What was seen.
    pub coverage: Coverage,
    /// What each client saw of what it held at the end.
    pub history: History,
}

impl Report {
    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.executions += other.executions;
        self.judged += other.judged;
        self.simulated += other.simulated;
        self.coverage.add(&other.coverage);
        self.digest = self.digest.rotate_left(1) ^ other.digest;
    }
}
