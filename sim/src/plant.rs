//! Bugs planted on purpose, in the links and drivers and never in the machines: proof that the
//! checks find what they are for.

use raddle_core::client::Event as ClientEvent;
use raddle_core::scheduler::Event as SchedulerEvent;
use raddle_core::worker::Event as WorkerEvent;
use raddle_net::messages::{ClientMessage, SchedulerToClient, SchedulerToWorker, WorkerMessage};

use crate::world::{Delivery, World};

/// A planted bug does its harm every third time that it could.
const EVERY: u64 = 3;

macro_rules! plants {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal,)*) => {
        /// A planted bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Plant {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Plant {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name, in files and on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

plants! {
    /// A worker's store keeps a value that it is to forget.
    KeepForgotten "keep-forgotten",
    /// A worker's `Finished` arrives a second time, much later.
    LateFinished "late-finished",
    /// Tasks that were given to a worker never arrive.
    LoseCompute "lose-compute",
    /// The end of a worker's connection is not noticed.
    LoseDisconnect "lose-disconnect",
    /// A client is not told that a future failed.
    LoseErred "lose-erred",
    /// A worker's `Failed` never arrives.
    LoseFailed "lose-failed",
    /// A worker's `Fetched` never arrives.
    LoseFetched "lose-fetched",
    /// A worker's `Finished` never arrives.
    LoseFinished "lose-finished",
    /// A worker is not told to free a run.
    LoseFree "lose-free",
    /// A worker is not told who holds what it asked for.
    LoseHolders "lose-holders",
    /// A client is not told that a value is there.
    LoseInMemory "lose-in-memory",
    /// A client is not told that a value is gone for now.
    LoseRecomputing "lose-recomputing",
    /// A client's `Release` never arrives.
    LoseRelease "lose-release",
    /// A worker's `Started` never arrives.
    LoseStarted "lose-started",
    /// A message arrives before one that was sent earlier on the same link.
    Overtake "overtake",
    /// The scheduler is not told that somebody is back.
    SkipResumed "skip-resumed",
    /// A worker is not told that what it said before an announced run has left.
    SkipFlushed "skip-flushed",
    /// A worker is not told that an answer to a peer has left.
    SkipServed "skip-served",
    /// A body that has what it awaited does not say so.
    SkipUnblocked "skip-unblocked",
    /// A body is given its inputs in another order.
    SwapInputs "swap-inputs",
    /// A worker's `Fetched` arrives twice.
    TwiceFetched "twice-fetched",
    /// A worker's `Finished` arrives twice.
    TwiceFinished "twice-finished",
    /// A failed body blames a task that has nothing to do with it.
    WrongBlame "wrong-blame",
    /// A peer is served the value of another run.
    WrongRun "wrong-run",
}

/// How often a message arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Never,
    Once,
    Twice,
    /// Once, and once more after everything else that is under way.
    Again,
    /// Once, and at once.
    Early,
}

impl Plant {
    /// The planted bug of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|plant| plant.name() == name)
    }

    /// What it does to the messages that it harms, if it is one that harms this message.
    fn fate(self, delivery: &Delivery) -> Option<Fate> {
        use SchedulerToClient as ToClient;
        use SchedulerToWorker as ToWorker;
        let (fate, harms) = match self {
            Self::LateFinished => (Fate::Again, is_finished(delivery)),
            Self::LoseCompute => {
                (Fate::Never, to_worker(delivery, |m| matches!(m, ToWorker::Compute(_))))
            }
            Self::LoseDisconnect => (Fate::Never, is_disconnect(delivery)),
            Self::LoseErred => {
                (Fate::Never, to_client(delivery, |m| matches!(m, ToClient::Erred { .. })))
            }
            Self::LoseFailed => {
                (Fate::Never, from_worker(delivery, |m| matches!(m, WorkerMessage::Failed { .. })))
            }
            Self::LoseFetched => (Fate::Never, is_fetched(delivery)),
            Self::LoseFinished => (Fate::Never, is_finished(delivery)),
            Self::LoseFree => {
                (Fate::Never, to_worker(delivery, |m| matches!(m, ToWorker::Free { .. })))
            }
            Self::LoseHolders => {
                (Fate::Never, to_worker(delivery, |m| matches!(m, ToWorker::Holders { .. })))
            }
            Self::LoseInMemory => {
                (Fate::Never, to_client(delivery, |m| matches!(m, ToClient::InMemory { .. })))
            }
            Self::LoseRecomputing => {
                (Fate::Never, to_client(delivery, |m| matches!(m, ToClient::Recomputing { .. })))
            }
            Self::LoseRelease => (Fate::Never, is_release(delivery)),
            Self::LoseStarted => {
                (Fate::Never, from_worker(delivery, |m| matches!(m, WorkerMessage::Started { .. })))
            }
            Self::Overtake => (Fate::Early, true),
            Self::TwiceFetched => (Fate::Twice, is_fetched(delivery)),
            Self::TwiceFinished => (Fate::Twice, is_finished(delivery)),
            Self::KeepForgotten
            | Self::SkipFlushed
            | Self::SkipResumed
            | Self::SkipServed
            | Self::SkipUnblocked
            | Self::SwapInputs
            | Self::WrongBlame
            | Self::WrongRun => (Fate::Once, false),
        };
        harms.then_some(fate)
    }
}

fn from_worker(delivery: &Delivery, is: fn(&WorkerMessage) -> bool) -> bool {
    let Delivery::Scheduler(SchedulerEvent::FromWorker { message, .. }) = delivery else {
        return false;
    };
    is(message)
}

fn is_finished(delivery: &Delivery) -> bool {
    from_worker(delivery, |message| matches!(message, WorkerMessage::Finished { .. }))
}

fn is_fetched(delivery: &Delivery) -> bool {
    from_worker(delivery, |message| matches!(message, WorkerMessage::Fetched { .. }))
}

fn is_disconnect(delivery: &Delivery) -> bool {
    matches!(delivery, Delivery::Scheduler(SchedulerEvent::WorkerDisconnected { .. }))
}

fn is_release(delivery: &Delivery) -> bool {
    let Delivery::Scheduler(SchedulerEvent::FromClient { message, .. }) = delivery else {
        return false;
    };
    matches!(message, ClientMessage::Release { .. })
}

fn to_client(delivery: &Delivery, is: fn(&SchedulerToClient) -> bool) -> bool {
    let Delivery::Client(_, ClientEvent::FromScheduler(message)) = delivery else { return false };
    is(message)
}

fn to_worker(delivery: &Delivery, is: fn(&SchedulerToWorker) -> bool) -> bool {
    let Delivery::Worker(_, WorkerEvent::FromScheduler(message)) = delivery else { return false };
    is(message)
}

impl World {
    /// Whether this planted bug does its harm now, when it could.
    pub(crate) fn harms(&mut self, plant: Plant) -> bool {
        self.settings.plant == Some(plant) && self.is_turn()
    }

    /// How often this message arrives.
    pub(crate) fn fate(&mut self, delivery: &Delivery) -> Fate {
        match self.settings.plant.and_then(|plant| plant.fate(delivery)) {
            Some(fate) if self.is_turn() => fate,
            Some(_) | None => Fate::Once,
        }
    }

    fn is_turn(&mut self) -> bool {
        self.harmless += 1;
        self.harmless.is_multiple_of(EVERY)
    }
}
