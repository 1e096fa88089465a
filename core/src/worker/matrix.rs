//! The matrix of state × event of the worker, as cells that can be counted.
//!
//! The axes are here, what follows in each cell is in `matrix/classes.rs`, and which cells an event
//! visits in `matrix/visits.rs`.

use std::fmt;

use crate::matrix::axis;

mod classes;
mod visits;

axis! {
    /// Where a run is. *Unwanted*: the scheduler has freed it.
    RunRow {
        /// Its body waits for a task of its own.
        Blocked = "blocked",
        /// The same, unwanted.
        BlockedUnwanted = "blocked(unwanted)",
        /// Its body has a slot.
        Executing = "executing",
        /// The same, unwanted.
        ExecutingUnwanted = "executing(unwanted)",
        /// Its announcement is leaving.
        Flushing = "flushing",
        /// It is not here.
        Gone = "no run",
        /// It waits for a slot.
        Ready = "ready",
        /// Its value is sent here.
        Receiving = "receiving",
        /// Its body waits for a slot.
        Unblocked = "unblocked",
        /// The same, unwanted.
        UnblockedUnwanted = "unblocked(unwanted)",
        /// It waits for inputs.
        Waiting = "waiting",
    }
}

axis! {
    /// What happens to a run.
    RunEvent {
        /// Its body waits.
        Block = "Blocked",
        /// It is given.
        Compute = "Compute",
        /// The connection to the scheduler broke.
        Disconnect = "disconnected",
        /// Its body failed.
        Fail = "Executed(failed)",
        /// Its body made a value.
        Finish = "Executed(finished)",
        /// Its announcement has left.
        Flush = "Flushed",
        /// The scheduler frees it.
        Free = "Free",
        /// Its body says something about itself.
        Note = "Noted",
        /// The scheduler wants it back.
        Recall = "Recall",
        /// Somebody sends its value.
        Receive = "Received",
        /// Its body speaks to the scheduler.
        Speak = "FromRun",
        /// The scheduler speaks to its body.
        ToRun = "ToRun",
        /// Its body wants a slot again.
        Unblock = "Unblocked",
    }
}

axis! {
    /// Where a datum is.
    DatumRow {
        /// A holder is to be asked.
        Fetch = "fetch",
        /// A holder is being asked.
        Flight = "flight",
        /// The same, and no run needs it any more.
        FlightUnneeded = "flight(unneeded)",
        /// It is not here.
        Gone = "no datum",
        /// In the store.
        Memory = "memory",
        /// Nobody can be asked now.
        Missing = "missing",
        /// A run here will make it.
        Promised = "promised",
    }
}

axis! {
    /// What happens to a datum.
    DatumEvent {
        /// A copy is to be here.
        Acquire = "Acquire",
        /// A peer asks for it.
        Ask = "Asked",
        /// The peer that was asked was busy.
        Busy = "Gathered(busy)",
        /// The connection to the scheduler broke.
        Disconnect = "disconnected",
        /// The connection to the peer that was asked failed.
        Fail = "Gathered(failed)",
        /// The peer that was asked sent it.
        Find = "Gathered(found)",
        /// The scheduler frees it.
        Free = "Free",
        /// The scheduler says who holds it.
        Hold = "Holders",
        /// The peer that was asked does not hold it.
        Miss = "Gathered(missing)",
        /// A run is given that needs it.
        Want = "Compute(input)",
    }
}

axis! {
    /// How far the connection to the scheduler is.
    Standing {
        /// The scheduler broke the protocol: it is not listened to.
        Closing = "closing",
        /// The worker does not know its id.
        Newcomer = "newcomer",
        /// The worker knows its id.
        Registered = "registered",
    }
}

axis! {
    /// What the scheduler says. *Again*: what is known; *wrong*: beyond a limit, or against what is
    /// known.
    Word {
        /// [`Acquire`](raddle_net::messages::SchedulerToWorker::Acquire).
        Acquire = "Acquire",
        /// The same, of what is unknown or made here.
        AcquireWrong = "Acquire(wrong)",
        /// [`Compute`](raddle_net::messages::SchedulerToWorker::Compute).
        Compute = "Compute",
        /// The same, wrong.
        ComputeWrong = "Compute(wrong)",
        /// [`Define`](raddle_net::messages::SchedulerToWorker::Define).
        Define = "Define",
        /// The same, again.
        DefineAgain = "Define(again)",
        /// The same, wrong.
        DefineWrong = "Define(wrong)",
        /// The connection broke.
        Disconnect = "disconnected",
        /// [`Free`](raddle_net::messages::SchedulerToWorker::Free).
        Free = "Free",
        /// The same, of another key.
        FreeWrong = "Free(wrong)",
        /// [`Holders`](raddle_net::messages::SchedulerToWorker::Holders).
        Holders = "Holders",
        /// The same, of another key, or too many.
        HoldersWrong = "Holders(wrong)",
        /// [`Leave`](raddle_net::messages::SchedulerToWorker::Leave).
        Leave = "Leave",
        /// [`Peer`](raddle_net::messages::SchedulerToWorker::Peer).
        Peer = "Peer",
        /// The same, beyond a limit.
        PeerWrong = "Peer(wrong)",
        /// [`Recall`](raddle_net::messages::SchedulerToWorker::Recall).
        Recall = "Recall",
        /// The same, of another key.
        RecallWrong = "Recall(wrong)",
        /// [`Registered`](raddle_net::messages::SchedulerToWorker::Registered).
        Registered = "Registered",
        /// The same, again.
        RegisteredAgain = "Registered(again)",
        /// The same, with another id.
        RegisteredWrong = "Registered(wrong)",
        /// [`ToRun`](raddle_net::messages::SchedulerToWorker::ToRun).
        ToRun = "ToRun",
    }
}

axis! {
    /// What is not about a run, a datum or the scheduler.
    Occasion {
        /// A peer asks while as many are served as may be.
        AskedFull = "Asked × full",
        /// A peer asks.
        AskedOpen = "Asked × open",
        /// A gather ended that was not begun.
        GatheredUnasked = "Gathered × not asked",
        /// An answer has left.
        Served = "Served × serving",
        /// An answer has left that nobody gave.
        ServedIdle = "Served × idle",
        /// A busy peer may be asked again.
        TickBusy = "tick × a busy peer",
        /// A tick for nothing.
        TickIdle = "tick × nothing is due",
        /// A body has taken too long.
        TickLimit = "tick × a body's time is over",
        /// It is time to ask who holds a value.
        TickLocate = "tick × a missing value",
        /// A peer that failed may be asked again.
        TickRetry = "tick × a holder put aside",
    }
}

/// A state × an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// A datum × what happens to it.
    Datum(DatumRow, DatumEvent),
    /// What is not about a run, a datum or the scheduler.
    Other(Occasion),
    /// A run × what happens to it.
    Run(RunRow, RunEvent),
    /// The connection to the scheduler × what comes over it.
    Scheduler(Standing, Word),
}

const DATA: usize = DatumRow::COUNT * DatumEvent::COUNT;
const OTHERS: usize = Occasion::COUNT;
const RUNS: usize = RunRow::COUNT * RunEvent::COUNT;
const WORDS: usize = Standing::COUNT * Word::COUNT;

impl Cell {
    /// How many there are.
    pub const COUNT: usize = DATA + OTHERS + RUNS + WORDS;

    /// All of them, in the order of their indices.
    pub fn all() -> impl Iterator<Item = Self> {
        let data = DatumRow::ALL.iter();
        let data = data.flat_map(|row| DatumEvent::ALL.iter().map(move |e| Self::Datum(*row, *e)));
        let others = Occasion::ALL.iter().map(|occasion| Self::Other(*occasion));
        let runs = RunRow::ALL.iter();
        let runs = runs.flat_map(|row| RunEvent::ALL.iter().map(move |e| Self::Run(*row, *e)));
        let words = Standing::ALL.iter();
        let words =
            words.flat_map(|how| Word::ALL.iter().map(move |what| Self::Scheduler(*how, *what)));
        data.chain(others).chain(runs).chain(words)
    }

    /// Its number, below [`COUNT`](Self::COUNT).
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Datum(row, event) => row as usize * DatumEvent::COUNT + event as usize,
            Self::Other(occasion) => DATA + occasion as usize,
            Self::Run(row, event) => {
                DATA + OTHERS + row as usize * RunEvent::COUNT + event as usize
            }
            Self::Scheduler(how, what) => {
                DATA + OTHERS + RUNS + how as usize * Word::COUNT + what as usize
            }
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Datum(row, event) => write!(f, "{row} × {event}"),
            Self::Other(occasion) => write!(f, "{occasion}"),
            Self::Run(row, event) => write!(f, "{row} × {event}"),
            Self::Scheduler(how, what) => write!(f, "{how} × {what}"),
        }
    }
}
