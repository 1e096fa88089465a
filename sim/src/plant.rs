//! Bugs planted on purpose, in the links and drivers and never in the machines: proof that the
//! checks find what they are for. A driver that corrupts what a machine hears or says (`corrupt.rs`)
//! stands for a machine that has the bug.

use raddle_core::client::Event as ClientEvent;
use raddle_core::scheduler::Event as SchedulerEvent;
use raddle_core::worker::Event as WorkerEvent;
use raddle_net::messages::{ClientMessage, SchedulerToClient, SchedulerToWorker, WorkerMessage};

use crate::property::Property;
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
    /// What a body says after its time is over counts.
    AcceptLate "accept-late",
    /// An alarm that goes off in one seed of a hundred.
    Canary "canary",
    /// What one client calls off is called off for all.
    CancelOthers "cancel-others",
    /// The first death of its worker is charged to a task, and is too many.
    ChargeEarly "charge-early",
    /// What is published is freed when its publisher lets go of it.
    DatasetDies "dataset-dies",
    /// Who waits for what another one calls off by force is not told.
    DeafWaiter "deaf-waiter",
    /// How much memory workers say they have is not heard.
    ForgetMemory "forget-memory",
    /// That a worker's memory is full is not heard.
    ForgetFull "forget-full",
    /// Work that no worker may run is given up in half the time.
    GiveUpEarly "give-up-early",
    /// A client may want one task more than it may.
    OneTaskMore "one-task-more",
    /// A task may fail as often as it likes.
    EndlessRetries "endless-retries",
    /// Workers are taken to have twice the resources that they have.
    DoubleResources "double-resources",
    /// A worker enters a body twice.
    ExecuteTwice "execute-twice",
    /// A worker says that an announcement has left before it has.
    FlushEarly "flush-early",
    /// A value that is to move is dropped before it is elsewhere.
    DropEarly "drop-early",
    /// A value that was to move is dropped where it was, although a task needs it by now.
    DropUsed "drop-used",
    /// The scheduler ends although it had something to do a moment ago.
    EndEarly "end-early",
    /// What is detached goes with its client.
    ForgetDetached "forget-detached",
    /// Under a name nothing is published.
    ForgetPublished "forget-published",
    /// The scheduler waits for no worker whose connection broke.
    IgnoreGrace "ignore-grace",
    /// A task is assigned anew to a worker that may not run it.
    IgnoreRestriction "ignore-restriction",
    /// A worker takes the lowest priority for the highest.
    InvertPriority "invert-priority",
    /// A worker says that it gives a run back, and has entered its body.
    FalseReturn "false-return",
    /// With a copy that is to be made, the value it is made from is freed.
    FreeSource "free-source",
    /// What a run took of its worker's resources is not given back when it fails.
    KeepResource "keep-resource",
    /// A worker's store keeps a value that it is to forget.
    KeepForgotten "keep-forgotten",
    /// A worker's `Finished` arrives a second time, much later.
    LateFinished "late-finished",
    /// The scheduler lets a worker leave whose values were to be copied.
    LeaveEarly "leave-early",
    /// A worker is not told to hold a copy.
    LoseAcquire "lose-acquire",
    /// Tasks that were given to a worker never arrive.
    LoseCompute "lose-compute",
    /// Who lets go of everything is not noticed.
    LoseDeparture "lose-departure",
    /// The end of a worker's connection is not noticed.
    LoseDisconnect "lose-disconnect",
    /// A client is not told that a future failed.
    LoseErred "lose-erred",
    /// A worker does not enter a body that has a slot.
    LoseExecute "lose-execute",
    /// A worker's `Failed` never arrives.
    LoseFailed "lose-failed",
    /// A worker's `Recalled` never arrives.
    LoseRecalled "lose-recalled",
    /// A worker's `Fetched` never arrives.
    LoseFetched "lose-fetched",
    /// A worker's `Finished` never arrives.
    LoseFinished "lose-finished",
    /// A worker is not told to free a run.
    LoseFree "lose-free",
    /// A worker's `Goodbye` never arrives.
    LoseGoodbye "lose-goodbye",
    /// A worker is not told who holds what it asked for.
    LoseHolders "lose-holders",
    /// A client is not told that a value is there.
    LoseInMemory "lose-in-memory",
    /// A client's `Locate` never arrives.
    LoseLocate "lose-locate",
    /// A client is not told that a value is gone for now.
    LoseRecomputing "lose-recomputing",
    /// A client's `Release` never arrives.
    LoseRelease "lose-release",
    /// A body that has its slot again is not told.
    LoseResume "lose-resume",
    /// A client's `Retry` never arrives.
    LoseRetry "lose-retry",
    /// A client is not told where to send its data.
    LoseSend "lose-send",
    /// A worker's `Started` never arrives.
    LoseStarted "lose-started",
    /// A worker or client is not woken when a timer is due.
    LoseTick "lose-tick",
    /// A body is not told of its tasks.
    LoseToRun "lose-to-run",
    /// A client's `Want` never arrives.
    LoseWant "lose-want",
    /// How many runs there were before has an influence: nothing is the same twice.
    N01 "n01",
    /// A task that runs at most once is given out again.
    OnceAgain "once-again",
    /// A worker has one slot more than it has threads.
    OneSlotMore "one-slot-more",
    /// A message arrives before one that was sent earlier on the same link.
    Overtake "overtake",
    /// A value that somebody wants is freed with what another client releases.
    ReleaseOthers "release-others",
    /// A run id is used again.
    SameRun "same-run",
    /// Dependents of a failed task blame themselves.
    SelfBlame "self-blame",
    /// A client is not told that what had failed runs again.
    SilentRetry "silent-retry",
    /// Suspects are not announced.
    SkipAnnounce "skip-announce",
    /// The scheduler is not told that somebody is back.
    SkipResumed "skip-resumed",
    /// A worker is not told that what it said before an announced run has left.
    SkipFlushed "skip-flushed",
    /// A worker is not told that an answer to a peer has left.
    SkipServed "skip-served",
    /// A body that has what it awaited does not say so.
    SkipUnblocked "skip-unblocked",
    /// What a worker writes to disk is not there.
    SpillForget "spill-forget",
    /// Nothing leaves the memory of a worker that has too much there.
    SpillNothing "spill-nothing",
    /// What is read from disk is something else that is there.
    SpillSwap "spill-swap",
    /// A report of a run that is over is taken for one of the run that is valid.
    StaleRun "stale-run",
    /// A body is given its inputs in another order.
    SwapInputs "swap-inputs",
    /// A client is told of what it has released.
    TellReleased "tell-released",
    /// A client is told of what another one wants.
    TellStranger "tell-stranger",
    /// A failure is final although there are retries.
    TooFewRetries "too-few-retries",
    /// Tasks that were given to a worker arrive twice.
    TwiceCompute "twice-compute",
    /// A worker's `Fetched` arrives twice.
    TwiceFetched "twice-fetched",
    /// A worker's `Finished` arrives twice.
    TwiceFinished "twice-finished",
    /// A failed body blames a task that has nothing to do with it.
    WrongBlame "wrong-blame",
    /// A client is told that another worker holds a value.
    WrongHolder "wrong-holder",
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

    /// The property that finds it; none if it must change no outcome: the machines bear it.
    #[must_use]
    pub fn found_by(self) -> Option<Property> {
        match self {
            Self::AcceptLate => Some(Property::Limits),
            Self::Canary => Some(Property::Canary),
            Self::LeaveEarly => Some(Property::Retire),
            Self::DoubleResources => Some(Property::Resources),
            Self::IgnoreRestriction => Some(Property::Restrictions),
            Self::OnceAgain => Some(Property::Once),
            Self::CancelOthers | Self::DatasetDies | Self::FreeSource | Self::ReleaseOthers => {
                Some(Property::Isolation)
            }
            Self::DeafWaiter => Some(Property::Forced),
            Self::DropEarly => Some(Property::Isolation),
            Self::DropUsed => Some(Property::Drops),
            Self::ChargeEarly => Some(Property::Deaths),
            Self::EndEarly => Some(Property::Ending),
            Self::EndlessRetries | Self::ForgetMemory | Self::GiveUpEarly => {
                Some(Property::Reference)
            }
            Self::ForgetFull => Some(Property::Full),
            Self::OneTaskMore => Some(Property::Quota),
            Self::ForgetDetached => Some(Property::Detached),
            Self::ForgetPublished => Some(Property::Published),
            Self::IgnoreGrace => Some(Property::Patience),
            Self::ExecuteTwice => Some(Property::Executions),
            Self::FlushEarly | Self::SkipAnnounce => Some(Property::LiveLock),
            Self::InvertPriority => Some(Property::Priority),
            Self::KeepForgotten | Self::LoseFetched | Self::LoseFree => Some(Property::Holders),
            Self::KeepResource
            | Self::LoseAcquire
            | Self::LoseCompute
            | Self::LoseDisconnect
            | Self::LoseErred
            | Self::LoseFailed
            | Self::LoseFinished
            | Self::LoseInMemory
            | Self::LoseLocate
            | Self::LoseRecalled
            | Self::LoseRetry
            | Self::LoseSend
            | Self::LoseToRun
            | Self::LoseWant => Some(Property::Settles),
            Self::LoseDeparture | Self::LoseRelease => Some(Property::Forgotten),
            Self::LoseTick => Some(Property::Timers),
            Self::LoseExecute | Self::LoseResume | Self::SkipFlushed | Self::SkipUnblocked => {
                Some(Property::WakeUp)
            }
            Self::N01 => Some(Property::Determinism),
            Self::OneSlotMore => Some(Property::Slots),
            Self::Overtake | Self::SkipResumed | Self::TwiceCompute => Some(Property::Protocol),
            Self::SameRun => Some(Property::RunIds),
            Self::SelfBlame | Self::WrongBlame => Some(Property::Blame),
            Self::SilentRetry => Some(Property::Cancelled),
            Self::SkipServed => Some(Property::Tables),
            Self::StaleRun => Some(Property::Stale),
            Self::SpillForget => Some(Property::Spilled),
            Self::SpillNothing => Some(Property::Memory),
            Self::SpillSwap | Self::SwapInputs => Some(Property::Value),
            Self::TellReleased => Some(Property::Released),
            Self::TellStranger => Some(Property::Phantom),
            Self::TooFewRetries => Some(Property::Retries),
            Self::FalseReturn | Self::WrongHolder => Some(Property::OneRun),
            Self::WrongRun => Some(Property::Gather),
            Self::LateFinished
            | Self::LoseGoodbye
            | Self::LoseHolders
            | Self::LoseRecomputing
            | Self::LoseStarted
            | Self::TwiceFetched
            | Self::TwiceFinished => None,
        }
    }

    /// What it does to the messages that it harms, if it is one that harms this message.
    fn fate(self, delivery: &Delivery) -> Option<Fate> {
        use SchedulerToClient as ToClient;
        use SchedulerToWorker as ToWorker;
        let (fate, harms) = match self {
            Self::LateFinished => (Fate::Again, is_finished(delivery)),
            Self::LoseAcquire => {
                (Fate::Never, to_worker(delivery, |m| matches!(m, ToWorker::Acquire(_))))
            }
            Self::LoseGoodbye => {
                (Fate::Never, from_worker(delivery, |m| matches!(m, WorkerMessage::Goodbye)))
            }
            Self::LoseCompute => {
                (Fate::Never, to_worker(delivery, |m| matches!(m, ToWorker::Compute(_))))
            }
            Self::LoseDisconnect => (Fate::Never, is_disconnect(delivery)),
            Self::LoseDeparture => (Fate::Never, is_departure(delivery)),
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
            Self::LoseLocate => {
                (Fate::Never, from_client(delivery, |m| matches!(m, ClientMessage::Locate { .. })))
            }
            Self::LoseRecalled => (
                Fate::Never,
                from_worker(delivery, |m| {
                    matches!(m, WorkerMessage::Recalled { returned: true, .. })
                }),
            ),
            Self::LoseSend => {
                (Fate::Never, to_client(delivery, |m| matches!(m, ToClient::Send { .. })))
            }
            Self::LoseToRun => {
                (Fate::Never, to_worker(delivery, |m| matches!(m, ToWorker::ToRun { .. })))
            }
            Self::LoseRecomputing => {
                (Fate::Never, to_client(delivery, |m| matches!(m, ToClient::Recomputing { .. })))
            }
            Self::LoseRelease => (Fate::Never, is_release(delivery)),
            Self::LoseRetry => {
                (Fate::Never, from_client(delivery, |m| matches!(m, ClientMessage::Retry { .. })))
            }
            Self::LoseWant => {
                (Fate::Never, from_client(delivery, |m| matches!(m, ClientMessage::Want { .. })))
            }
            Self::LoseStarted => {
                (Fate::Never, from_worker(delivery, |m| matches!(m, WorkerMessage::Started { .. })))
            }
            Self::Overtake => (Fate::Early, true),
            Self::TwiceCompute => {
                (Fate::Twice, to_worker(delivery, |m| matches!(m, ToWorker::Compute(_))))
            }
            Self::TwiceFetched => (Fate::Twice, is_fetched(delivery)),
            Self::TwiceFinished => (Fate::Twice, is_finished(delivery)),
            Self::AcceptLate
            | Self::Canary
            | Self::CancelOthers
            | Self::ChargeEarly
            | Self::DatasetDies
            | Self::DeafWaiter
            | Self::EndEarly
            | Self::EndlessRetries
            | Self::DoubleResources
            | Self::DropEarly
            | Self::DropUsed
            | Self::ForgetFull
            | Self::ForgetMemory
            | Self::GiveUpEarly
            | Self::OneTaskMore
            | Self::ExecuteTwice
            | Self::FlushEarly
            | Self::ForgetDetached
            | Self::ForgetPublished
            | Self::FalseReturn
            | Self::FreeSource
            | Self::IgnoreGrace
            | Self::IgnoreRestriction
            | Self::InvertPriority
            | Self::KeepForgotten
            | Self::LeaveEarly
            | Self::KeepResource
            | Self::LoseExecute
            | Self::LoseResume
            | Self::LoseTick
            | Self::N01
            | Self::OnceAgain
            | Self::OneSlotMore
            | Self::ReleaseOthers
            | Self::SameRun
            | Self::SelfBlame
            | Self::SilentRetry
            | Self::SkipAnnounce
            | Self::StaleRun
            | Self::TellReleased
            | Self::TellStranger
            | Self::TooFewRetries
            | Self::WrongHolder
            | Self::SkipFlushed
            | Self::SkipResumed
            | Self::SkipServed
            | Self::SkipUnblocked
            | Self::SpillForget
            | Self::SpillNothing
            | Self::SpillSwap
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

fn is_departure(delivery: &Delivery) -> bool {
    let gone = matches!(delivery, Delivery::Scheduler(SchedulerEvent::ClientDisconnected { .. }));
    gone || from_client(delivery, |message| matches!(message, ClientMessage::Goodbye))
}

fn is_release(delivery: &Delivery) -> bool {
    from_client(delivery, |message| matches!(message, ClientMessage::Release { .. }))
}

fn from_client(delivery: &Delivery, is: fn(&ClientMessage) -> bool) -> bool {
    let Delivery::Scheduler(SchedulerEvent::FromClient { message, .. }) = delivery else {
        return false;
    };
    is(message)
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
