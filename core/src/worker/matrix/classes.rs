//! What follows in each cell, on one page. No wildcards: a new state or event must be thought of here.

use super::{Cell, DatumEvent, DatumRow, Occasion, RunEvent, RunRow, Standing, Word};
use crate::matrix::Class;

use Class::{Breach, Handled, Ignored, Impossible};

const BY_NAME: Class = Impossible("it counts where the run or the datum stands that it names");
const BY_RUN: Class = Impossible("it counts where the run stands");
const BY_VALUE: Class = Impossible("it counts where the value of the run stands");
const KNOWN: Class = Impossible("a run that is known here is refused with the whole message");
const MADE_HERE: Class = Impossible("what a run here makes is refused with the whole message");
const NO_BODY: Class = Impossible("it has no body, or its body has ended, or was told to wait");
const NOT_ASKED: Class = Impossible("the driver asks only for what it was told to, once");
const NOT_HERE: Class = Impossible("what is not here does not lose its scheduler");
const NOT_SERVED: Class = Impossible("the driver serves only what it was told to, once");
const OTHER_WORD: Class = Impossible("it is the other word for it, in this standing");
const UNHEARD: Class = Impossible("a scheduler that is not listened to is not judged");

impl Cell {
    /// What the worker does there.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Datum(row, event) => of_datum(row, event),
            Self::Other(occasion) => match occasion {
                Occasion::AskedFull
                | Occasion::AskedOpen
                | Occasion::Served
                | Occasion::TickBusy
                | Occasion::TickLimit
                | Occasion::TickLocate
                | Occasion::TickRetry => Handled,
                Occasion::TickIdle => Ignored,
                Occasion::GatheredUnasked => NOT_ASKED,
                Occasion::ServedIdle => NOT_SERVED,
            },
            Self::Run(row, event) => of_run(row, event),
            Self::Scheduler(how, what) => of_word(how, what),
        }
    }
}

const fn of_run(row: RunRow, event: RunEvent) -> Class {
    use RunRow::{
        Blocked, BlockedUnwanted, Executing, ExecutingUnwanted, Flushing, Gone, Ready, Receiving,
        Unblocked, UnblockedUnwanted, Waiting,
    };
    match (event, row) {
        (RunEvent::Block, Executing | ExecutingUnwanted) => Handled,
        // One more wait of a body that waits already, or a late word.
        (RunEvent::Block, Blocked | BlockedUnwanted | Gone | Unblocked | UnblockedUnwanted) => {
            Ignored
        }
        (RunEvent::Unblock, Blocked | BlockedUnwanted | Executing | ExecutingUnwanted) => Handled,
        (RunEvent::Unblock, Gone | Unblocked | UnblockedUnwanted) => Ignored,
        (
            RunEvent::Fail | RunEvent::Finish,
            Blocked | BlockedUnwanted | Executing | ExecutingUnwanted | Unblocked
            | UnblockedUnwanted,
        ) => Handled,
        (RunEvent::Fail | RunEvent::Finish, Gone) => NO_BODY,
        (RunEvent::Note | RunEvent::Speak, Blocked | Executing | Unblocked) => Handled,
        // Nobody listens to what is not wanted any more.
        (
            RunEvent::Note | RunEvent::Speak,
            BlockedUnwanted | ExecutingUnwanted | Gone | UnblockedUnwanted,
        ) => Ignored,
        (
            RunEvent::Block
            | RunEvent::Fail
            | RunEvent::Finish
            | RunEvent::Note
            | RunEvent::Speak
            | RunEvent::Unblock,
            Flushing | Ready | Receiving | Waiting,
        ) => NO_BODY,
        (RunEvent::Compute, Gone) => Handled,
        (
            RunEvent::Compute,
            Blocked | BlockedUnwanted | Executing | ExecutingUnwanted | Flushing | Ready
            | Receiving | Unblocked | UnblockedUnwanted | Waiting,
        ) => KNOWN,
        (
            RunEvent::Disconnect,
            Blocked | BlockedUnwanted | Executing | ExecutingUnwanted | Flushing | Ready
            | Receiving | Unblocked | UnblockedUnwanted | Waiting,
        ) => Handled,
        (RunEvent::Disconnect, Gone) => NOT_HERE,
        (RunEvent::Flush, Flushing) => Handled,
        // It was freed, or lost an input and was announced again, or has begun since.
        (
            RunEvent::Flush,
            Blocked | BlockedUnwanted | Executing | ExecutingUnwanted | Gone | Ready | Receiving
            | Unblocked | UnblockedUnwanted | Waiting,
        ) => Ignored,
        (
            RunEvent::Free,
            Blocked | Executing | Flushing | Ready | Receiving | Unblocked | Waiting,
        ) => Handled,
        (RunEvent::Free, BlockedUnwanted | ExecutingUnwanted | UnblockedUnwanted) => Ignored,
        (RunEvent::Free, Gone) => BY_VALUE,
        (
            RunEvent::Recall,
            Blocked | Executing | Flushing | Ready | Receiving | Unblocked | Waiting,
        ) => Handled,
        // Its end was told, or nobody waits for it.
        (RunEvent::Recall, BlockedUnwanted | ExecutingUnwanted | Gone | UnblockedUnwanted) => {
            Ignored
        }
        // It is taken, or refused.
        (
            RunEvent::Receive,
            Blocked | BlockedUnwanted | Executing | ExecutingUnwanted | Flushing | Gone | Ready
            | Receiving | Unblocked | UnblockedUnwanted | Waiting,
        ) => Handled,
        (RunEvent::ToRun, Blocked | Executing | Unblocked) => Handled,
        (
            RunEvent::ToRun,
            BlockedUnwanted | ExecutingUnwanted | Flushing | Gone | Ready | Receiving
            | UnblockedUnwanted | Waiting,
        ) => Ignored,
    }
}

const fn of_datum(row: DatumRow, event: DatumEvent) -> Class {
    use DatumRow::{Fetch, Flight, FlightUnneeded, Gone, Memory, Missing, Promised};
    match (event, row) {
        (DatumEvent::Acquire, Fetch | Flight | FlightUnneeded | Gone | Missing) => Handled,
        (DatumEvent::Acquire, Memory) => Ignored,
        (DatumEvent::Acquire, Promised) => MADE_HERE,
        (
            DatumEvent::Ask | DatumEvent::Want,
            Fetch | Flight | FlightUnneeded | Gone | Memory | Missing | Promised,
        ) => Handled,
        (
            DatumEvent::Busy | DatumEvent::Fail | DatumEvent::Find | DatumEvent::Miss,
            Flight | FlightUnneeded,
        ) => Handled,
        (
            DatumEvent::Busy | DatumEvent::Fail | DatumEvent::Find | DatumEvent::Miss,
            Fetch | Gone | Memory | Missing | Promised,
        ) => NOT_ASKED,
        (DatumEvent::Disconnect, Fetch | Flight | FlightUnneeded | Memory | Missing | Promised) => {
            Handled
        }
        (DatumEvent::Disconnect, Gone) => NOT_HERE,
        (DatumEvent::Free, Memory) => Handled,
        // What runs want goes with them; what is only acquired goes now.
        (DatumEvent::Free, Fetch | Flight | Missing) => Handled,
        (DatumEvent::Free, FlightUnneeded | Gone) => Ignored,
        (DatumEvent::Free, Promised) => BY_RUN,
        (DatumEvent::Hold, Fetch | Flight | FlightUnneeded | Missing) => Handled,
        (DatumEvent::Hold, Gone | Memory | Promised) => Ignored,
    }
}

const fn of_word(how: Standing, what: Word) -> Class {
    use Standing::{Closing, Newcomer, Registered};
    match (what, how) {
        (Word::Disconnect, Closing | Newcomer | Registered) => Handled,
        (
            Word::Acquire
            | Word::Compute
            | Word::Define
            | Word::Free
            | Word::Holders
            | Word::Leave
            | Word::Peer
            | Word::Recall
            | Word::Registered
            | Word::ToRun,
            Closing,
        ) => Ignored,
        (
            Word::AcquireWrong
            | Word::ComputeWrong
            | Word::DefineAgain
            | Word::DefineWrong
            | Word::FreeWrong
            | Word::HoldersWrong
            | Word::PeerWrong
            | Word::RecallWrong
            | Word::RegisteredAgain
            | Word::RegisteredWrong,
            Closing,
        ) => UNHEARD,
        (
            Word::AcquireWrong
            | Word::ComputeWrong
            | Word::DefineWrong
            | Word::FreeWrong
            | Word::HoldersWrong
            | Word::PeerWrong
            | Word::RecallWrong,
            Newcomer | Registered,
        ) => Breach,
        (Word::Define | Word::Leave | Word::Peer, Newcomer | Registered) => Handled,
        (Word::DefineAgain, Newcomer | Registered) => Ignored,
        (Word::Registered, Newcomer) => Handled,
        (Word::RegisteredAgain, Registered) => Ignored,
        (Word::RegisteredWrong, Registered) => Breach,
        (Word::Registered, Registered)
        | (Word::RegisteredAgain | Word::RegisteredWrong, Newcomer) => OTHER_WORD,
        (
            Word::Acquire | Word::Compute | Word::Free | Word::Holders | Word::Recall | Word::ToRun,
            Newcomer | Registered,
        ) => BY_NAME,
    }
}
