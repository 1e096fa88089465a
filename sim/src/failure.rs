//! What a run comes to: a report, or the first property that did not hold.

use std::fmt;

use raddle_core::scheduler::Violation as SchedulerViolation;
use raddle_core::time::Duration;

use crate::coverage::Coverage;
use crate::history::History;
use crate::property::Property;
use crate::watch::Breach;

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// What the observer saw: the property that does not hold, and for what.
    Broken(Property, String),
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
            (Self::Broken(a, _), Self::Broken(b, _)) => a == b,
            (a, b) => kind(a) == kind(b),
        }
    }

    /// The property that does not hold.
    #[must_use]
    pub fn breaks(&self) -> Property {
        match self {
            Self::Broken(property, _) => *property,
            Self::Changed(_) => Property::Final,
            Self::Client(_) => Property::Client,
            Self::Leak(_) => Property::Forgotten,
            Self::Panic(_) => Property::Panic,
            Self::Phantom(_) => Property::Phantom,
            Self::Protocol(_) => Property::Protocol,
            Self::Scheduler(_) => Property::Scheduler,
            Self::Worker(_) => Property::Worker,
            Self::WrongFailure(_) => Property::Blame,
            Self::WrongValue(_) => Property::Value,
        }
    }

    /// Its name.
    #[must_use]
    pub fn property(&self) -> &'static str {
        self.breaks().id()
    }
}

impl From<Breach> for Failure {
    fn from((property, what): Breach) -> Self {
        Self::Broken(property, what)
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
        let broken = self.breaks();
        if broken == Property::Panic {
            return Class::Panic;
        }
        if broken.is_liveness() { Class::Liveness } else { Class::Safety }
    }

    /// The property that does not hold, in one sentence.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        self.breaks().sentence()
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
    /// Bytes of values that one worker had at most, in plans that limit memory.
    pub peak_bytes: u64,
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
        self.peak_bytes = self.peak_bytes.max(other.peak_bytes);
        self.simulated += other.simulated;
        self.coverage.add(&other.coverage);
        self.digest = self.digest.rotate_left(1) ^ other.digest;
    }
}
