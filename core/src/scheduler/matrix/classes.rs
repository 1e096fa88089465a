//! What follows in each cell, on one page. No wildcards: a new state or event must be thought of here.

use super::{Age, Cell, Matter, Occasion, Report, Row, Standing, Word};
use crate::matrix::Class;

use Class::{Breach, Handled, Ignored, Impossible, Refused};

const BY_KEY: Class = Impossible("it counts where the keys stand that it names");
const NEVER_TWICE: Class = Impossible("the driver never numbers two connections alike");
const NOT_IN_MEMORY: Class = Impossible("the run made a value, so the task is in memory");
const NOT_PROCESSING: Class = Impossible("the run is under way, so the task is processing");
const NOT_THERE: Class = Impossible("no worker processes it or holds it");
const NO_CONNECTION: Class = Impossible("a run has no connection of its own");
const NO_RECIPE: Class = Impossible("nobody has said what it is");
const ROLE_IS_KNOWN: Class = Impossible("the driver knows whose connection it is");
const SAME_AWAY: Class = Impossible("what it said before it went counts as if it were there");
const UNJUDGED: Class = Impossible("only a peer of that role is judged");
const WANTED: Class = Impossible("a task that is wanted is known, and not released");

impl Cell {
    /// What the scheduler does there.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Key(row, matter) => of_key(row, matter),
            Self::Other(occasion) => match occasion {
                Occasion::LostConnected
                | Occasion::LostDisconnected
                | Occasion::TickGrace
                | Occasion::TickNoWorkers
                | Occasion::TickStarving
                | Occasion::TickQuiet => Handled,
                Occasion::LostUnknown | Occasion::TickIdle => Ignored,
            },
            Self::Peer(who, what) => of_peer(who, what),
            Self::Run(row, report, age) => of_run(row, report, age),
        }
    }
}

const fn of_key(row: Row, matter: Matter) -> Class {
    use Row::{Absent, Erred, Memory, NoWorker, Processing, Queued, Released, Waiting};
    match (matter, row) {
        (Matter::Cancel, NoWorker | Processing | Queued | Waiting) => Handled,
        (Matter::Cancel, Erred | Memory) => Ignored,
        (Matter::Detach, NoWorker | Processing | Queued | Waiting) => Handled,
        (Matter::Detach, Erred | Memory) => Ignored,
        (Matter::Locate | Matter::Retry, Erred | Memory) => Handled,
        (Matter::Locate | Matter::Retry, NoWorker | Processing | Queued | Waiting) => Ignored,
        (
            Matter::ClientGone | Matter::Release,
            Erred | Memory | NoWorker | Processing | Queued | Waiting,
        ) => Handled,
        (Matter::SubmitAgain | Matter::WantAgain, Erred | Memory) => Handled,
        (Matter::SubmitAgain | Matter::WantAgain, NoWorker | Processing | Queued | Waiting) => {
            Ignored
        }
        (
            Matter::Cancel
            | Matter::ClientGone
            | Matter::Detach
            | Matter::Locate
            | Matter::Release
            | Matter::Retry
            | Matter::SubmitAgain
            | Matter::WantAgain,
            Absent | Released,
        ) => WANTED,
        (
            Matter::CancelUnwanted | Matter::DetachUnwanted | Matter::ReleaseUnwanted,
            Absent | Erred | Memory | NoWorker | Processing | Queued | Released | Waiting,
        ) => Ignored,
        (Matter::LocateUnwanted, Absent) => Handled,
        (
            Matter::LocateUnwanted,
            Erred | Memory | NoWorker | Processing | Queued | Released | Waiting,
        ) => Ignored,
        (
            Matter::ReleaseAnswered | Matter::RetryUnwanted | Matter::Submit | Matter::Want,
            Absent | Erred | Memory | NoWorker | Processing | Queued | Released | Waiting,
        ) => Handled,
        (
            Matter::SubmitOther,
            Erred | Memory | NoWorker | Processing | Queued | Released | Waiting,
        ) => Handled,
        (Matter::SubmitOther, Absent) => NO_RECIPE,
        (Matter::WorkerGone, Memory | Processing) => Handled,
        (Matter::WorkerGone, Absent | Erred | NoWorker | Queued | Released | Waiting) => NOT_THERE,
    }
}

const fn of_run(row: Row, report: Report, age: Age) -> Class {
    use Report::{Failed, Fetched, Finished, FromRun, Locate, Note, Recalled, Started};
    match (age, row) {
        (
            Age::Current | Age::Elsewhere,
            Row::Absent
            | Row::Erred
            | Row::Memory
            | Row::NoWorker
            | Row::Queued
            | Row::Released
            | Row::Waiting,
        ) => return NOT_PROCESSING,
        (
            Age::Copied | Age::Held,
            Row::Absent
            | Row::Erred
            | Row::NoWorker
            | Row::Processing
            | Row::Queued
            | Row::Released
            | Row::Waiting,
        ) => return NOT_IN_MEMORY,
        (Age::Current | Age::Elsewhere, Row::Processing)
        | (Age::Copied | Age::Held, Row::Memory)
        | (
            Age::Never | Age::Stale,
            Row::Absent
            | Row::Erred
            | Row::Memory
            | Row::NoWorker
            | Row::Processing
            | Row::Queued
            | Row::Released
            | Row::Waiting,
        ) => {}
    }
    match (report, age) {
        (
            Failed | Fetched | Finished | FromRun | Locate | Note | Recalled | Started,
            Age::Never,
        ) => Breach,
        (Failed | Finished | FromRun | Note | Recalled | Started, Age::Current) => Handled,
        (Failed | Finished | FromRun | Note | Recalled | Started, Age::Elsewhere) => Breach,
        (Failed | FromRun | Note | Recalled | Started, Age::Copied | Age::Held | Age::Stale) => {
            Ignored
        }
        // What should not be there is freed.
        (Fetched | Finished, Age::Copied | Age::Stale) => Handled,
        (Fetched | Finished, Age::Held) => Ignored,
        // A copy of what is not made yet is a lie.
        (Fetched, Age::Current | Age::Elsewhere) => Breach,
        (Locate, Age::Copied | Age::Current | Age::Elsewhere | Age::Held | Age::Stale) => Handled,
    }
}

const fn of_peer(who: Standing, what: Word) -> Class {
    use Standing::{Client, ClientAway, Newcomer, Run, Unknown, Worker, WorkerAway};
    match (what, who) {
        (
            Word::ClientHello | Word::ClientHelloAgain | Word::WorkerHello | Word::WorkerHelloAgain,
            Unknown,
        ) => Handled,
        (
            Word::ClientHello | Word::ClientHelloAgain | Word::WorkerHello | Word::WorkerHelloAgain,
            Client | ClientAway | Newcomer | Worker | WorkerAway,
        ) => NEVER_TWICE,
        (Word::ClientBroke, Client) | (Word::WorkerBroke, Newcomer | Worker) => Handled,
        (Word::ClientResumed, ClientAway) | (Word::WorkerResumed, WorkerAway) => Handled,
        (Word::ClientBroke, ClientAway)
        | (Word::ClientResumed, Client)
        | (Word::WorkerBroke, WorkerAway)
        | (Word::WorkerResumed, Newcomer | Worker) => Ignored,
        (Word::ClientBroke | Word::ClientResumed, Newcomer | Worker | WorkerAway)
        | (Word::WorkerBroke | Word::WorkerResumed, Client | ClientAway) => ROLE_IS_KNOWN,
        (Word::SessionEnded, Client | ClientAway | Newcomer | Worker | WorkerAway) => Handled,
        (
            Word::Cancel
            | Word::CancelWrong
            | Word::Detach
            | Word::DetachWrong
            | Word::Retry
            | Word::RetryWrong
            | Word::Want
            | Word::WantWrong
            | Word::Define
            | Word::DefineWrong
            | Word::Failed
            | Word::Fetched
            | Word::Finished
            | Word::FinishedWrong
            | Word::FromRun
            | Word::Goodbye
            | Word::Locate
            | Word::Query
            | Word::QueryWrong
            | Word::Register
            | Word::RegisterTaken
            | Word::RegisterWrong
            | Word::Release
            | Word::ReleaseWrong
            | Word::Note
            | Word::Recalled
            | Word::Started
            | Word::Submit
            | Word::SubmitWrong
            | Word::Memory
            | Word::Retire
            | Word::WorkerGoodbye
            | Word::WorkerLocate,
            ClientAway | WorkerAway,
        ) => SAME_AWAY,
        (Word::Define | Word::Goodbye | Word::Query | Word::Submit, Client | Run) => Handled,
        (
            Word::Cancel | Word::Detach | Word::Locate | Word::Release | Word::Retry | Word::Want,
            Client | Run,
        ) => BY_KEY,
        (
            Word::Cancel
            | Word::Define
            | Word::Detach
            | Word::Retry
            | Word::Want
            | Word::Goodbye
            | Word::Locate
            | Word::Query
            | Word::Release
            | Word::Submit,
            Newcomer | Worker,
        ) => Breach,
        (
            Word::CancelWrong
            | Word::DetachWrong
            | Word::RetryWrong
            | Word::WantWrong
            | Word::DefineWrong
            | Word::QueryWrong
            | Word::ReleaseWrong
            | Word::SubmitWrong,
            Client | Run,
        ) => Breach,
        (Word::Register, Newcomer) => Handled,
        (Word::RegisterTaken, Newcomer) => Refused,
        (Word::RegisterWrong, Newcomer) | (Word::Register, Client | Worker) => Breach,
        (
            Word::Failed
            | Word::Fetched
            | Word::Finished
            | Word::FromRun
            | Word::Note
            | Word::Recalled
            | Word::Started
            | Word::WorkerLocate,
            Worker,
        ) => BY_KEY,
        (Word::Memory | Word::Retire | Word::WorkerGoodbye, Worker) => Handled,
        (Word::FinishedWrong, Worker) => Breach,
        (
            Word::Failed
            | Word::Fetched
            | Word::Finished
            | Word::FromRun
            | Word::Note
            | Word::Recalled
            | Word::Memory
            | Word::Retire
            | Word::Started
            | Word::WorkerGoodbye
            | Word::WorkerLocate,
            Client | Newcomer,
        ) => Breach,
        // What was said on a connection that is no more comes too late.
        (
            Word::Cancel
            | Word::Detach
            | Word::Retry
            | Word::Want
            | Word::ClientBroke
            | Word::ClientResumed
            | Word::Define
            | Word::Failed
            | Word::Fetched
            | Word::Finished
            | Word::FromRun
            | Word::Goodbye
            | Word::Locate
            | Word::Query
            | Word::Register
            | Word::Release
            | Word::Memory
            | Word::Retire
            | Word::SessionEnded
            | Word::Note
            | Word::Recalled
            | Word::Started
            | Word::Submit
            | Word::WorkerBroke
            | Word::WorkerGoodbye
            | Word::WorkerLocate
            | Word::WorkerResumed,
            Unknown,
        ) => Ignored,
        (
            Word::CancelWrong
            | Word::DetachWrong
            | Word::RetryWrong
            | Word::WantWrong
            | Word::DefineWrong
            | Word::QueryWrong
            | Word::ReleaseWrong
            | Word::SubmitWrong,
            Newcomer | Unknown | Worker,
        )
        | (Word::RegisterTaken | Word::RegisterWrong, Client | Unknown | Worker)
        | (Word::FinishedWrong, Client | Newcomer | Unknown) => UNJUDGED,
        (
            Word::ClientBroke
            | Word::ClientHello
            | Word::ClientHelloAgain
            | Word::ClientResumed
            | Word::Failed
            | Word::Fetched
            | Word::Finished
            | Word::FinishedWrong
            | Word::FromRun
            | Word::Register
            | Word::RegisterTaken
            | Word::RegisterWrong
            | Word::Memory
            | Word::Retire
            | Word::SessionEnded
            | Word::Note
            | Word::Recalled
            | Word::Started
            | Word::WorkerBroke
            | Word::WorkerHello
            | Word::WorkerHelloAgain
            | Word::WorkerGoodbye
            | Word::WorkerLocate
            | Word::WorkerResumed,
            Run,
        ) => NO_CONNECTION,
    }
}
