//! The matrix of state × event of the scheduler, as cells that can be counted.
//!
//! The axes are here, what follows in each cell is in `matrix/classes.rs`, and which cells an event
//! visits in `matrix/visits.rs`.

use std::fmt;

use super::state::Kind;
use crate::matrix::axis;

mod classes;
mod visits;

axis! {
    /// Where a key stands.
    Row {
        /// It is not known.
        Absent = "absent",
        /// [`Kind::Erred`].
        Erred = "erred",
        /// [`Kind::Memory`].
        Memory = "memory",
        /// [`Kind::NoWorker`].
        NoWorker = "no-worker",
        /// [`Kind::Processing`].
        Processing = "processing",
        /// [`Kind::Queued`].
        Queued = "queued",
        /// [`Kind::Released`].
        Released = "released",
        /// [`Kind::Waiting`].
        Waiting = "waiting",
    }
}

axis! {
    /// What happens to a key, other than by its runs. *Unwanted*: by whoever says it.
    Matter {
        /// A client that wants it calls it off.
        Cancel = "Cancel",
        /// One that does not.
        CancelUnwanted = "Cancel(unwanted)",
        /// A client that wants it goes, or says goodbye.
        ClientGone = "client gone",
        /// A client that wants it has it computed whoever wants it.
        Detach = "Detach",
        /// One that does not.
        DetachUnwanted = "Detach(unwanted)",
        /// A client that wants it asks where it is.
        Locate = "Locate",
        /// One that does not.
        LocateUnwanted = "Locate(unwanted)",
        /// A client that wants it does so no more.
        Release = "Release",
        /// One that does not, and hears back.
        ReleaseAnswered = "Release(unwanted, answered)",
        /// One that does not.
        ReleaseUnwanted = "Release(unwanted)",
        /// A client that wants it has it computed again if it failed.
        Retry = "Retry",
        /// One that does not: it wants it now.
        RetryUnwanted = "Retry(unwanted)",
        /// A client submits it, as something else than it is.
        SubmitOther = "Submit(other)",
        /// A client that does not want it yet submits it.
        Submit = "Submit",
        /// A client that wants it submits it again.
        SubmitAgain = "Submit(again)",
        /// A client that does not want it yet does now.
        Want = "Want",
        /// A client that wants it says so again.
        WantAgain = "Want(again)",
        /// A worker is lost that processes it, or holds it.
        WorkerGone = "worker gone",
    }
}

axis! {
    /// What a worker says of a run.
    Report {
        /// It failed.
        Failed = "Failed",
        /// Its value was copied.
        Fetched = "Fetched",
        /// It made a value.
        Finished = "Finished",
        /// It speaks as a client.
        FromRun = "FromRun",
        /// Its value is looked for.
        Locate = "Locate",
        /// It says something about itself.
        Note = "Note",
        /// It is given back, or is not.
        Recalled = "Recalled",
        /// It is about to start.
        Started = "Started",
    }
}

axis! {
    /// What a run is to its task and to the worker that reports it.
    Age {
        /// It made the task's value, which the worker is not known to hold.
        Copied = "copied",
        /// The task is processing as this run, on this worker.
        Current = "current",
        /// The task is processing as this run, on another worker.
        Elsewhere = "elsewhere",
        /// It made the task's value, which the worker is known to hold.
        Held = "held",
        /// It was never given out.
        Never = "never given",
        /// Any other: the task has moved on.
        Stale = "stale",
    }
}

axis! {
    /// Who is behind a connection, or speaks over that of another.
    Standing {
        /// A client.
        Client = "client",
        /// A client that is waited for.
        ClientAway = "client(away)",
        /// A worker that has not registered.
        Newcomer = "newcomer",
        /// A run that submits tasks.
        Run = "run",
        /// Nobody: not yet, or not any more.
        Unknown = "unknown",
        /// A worker.
        Worker = "worker",
        /// A worker that is waited for.
        WorkerAway = "worker(away)",
    }
}

axis! {
    /// What a connection brings. *Wrong*: beyond a limit, or out of order.
    Word {
        /// [`ClientMessage::Cancel`](raddle_net::messages::ClientMessage::Cancel).
        Cancel = "Cancel",
        /// The same, of too many keys.
        CancelWrong = "Cancel(wrong)",
        /// A client's connection broke.
        ClientBroke = "client broke",
        /// A client's hello.
        ClientHello = "client hello",
        /// A hello in a session that goes on: the newest counts.
        ClientHelloAgain = "client hello(again)",
        /// A client is connected again.
        ClientResumed = "client resumed",
        /// [`ClientMessage::Define`](raddle_net::messages::ClientMessage::Define).
        Define = "Define",
        /// The same, out of order or beyond a limit.
        DefineWrong = "Define(wrong)",
        /// [`ClientMessage::Detach`](raddle_net::messages::ClientMessage::Detach).
        Detach = "Detach",
        /// The same, of too many keys.
        DetachWrong = "Detach(wrong)",
        /// [`WorkerMessage::Failed`](raddle_net::messages::WorkerMessage::Failed).
        Failed = "Failed",
        /// [`WorkerMessage::Fetched`](raddle_net::messages::WorkerMessage::Fetched).
        Fetched = "Fetched",
        /// [`WorkerMessage::Finished`](raddle_net::messages::WorkerMessage::Finished).
        Finished = "Finished",
        /// The same, of an impossible size.
        FinishedWrong = "Finished(wrong)",
        /// [`WorkerMessage::FromRun`](raddle_net::messages::WorkerMessage::FromRun).
        FromRun = "FromRun",
        /// [`ClientMessage::Goodbye`](raddle_net::messages::ClientMessage::Goodbye).
        Goodbye = "Goodbye",
        /// [`ClientMessage::Locate`](raddle_net::messages::ClientMessage::Locate).
        Locate = "Locate",
        /// [`WorkerMessage::Memory`](raddle_net::messages::WorkerMessage::Memory).
        Memory = "Memory",
        /// [`WorkerMessage::Note`](raddle_net::messages::WorkerMessage::Note).
        Note = "Note",
        /// [`ClientMessage::Query`](raddle_net::messages::ClientMessage::Query).
        Query = "Query",
        /// The same, when too many wait.
        QueryWrong = "Query(wrong)",
        /// [`WorkerMessage::Recalled`](raddle_net::messages::WorkerMessage::Recalled).
        Recalled = "Recalled",
        /// [`WorkerMessage::Register`](raddle_net::messages::WorkerMessage::Register).
        Register = "Register",
        /// The same, of a name or an address that is connected.
        RegisterTaken = "Register(taken)",
        /// The same, beyond a limit.
        RegisterWrong = "Register(wrong)",
        /// [`ClientMessage::Release`](raddle_net::messages::ClientMessage::Release).
        Release = "Release",
        /// The same, of too many keys.
        ReleaseWrong = "Release(wrong)",
        /// [`WorkerMessage::Retire`](raddle_net::messages::WorkerMessage::Retire).
        Retire = "worker's Retire",
        /// [`ClientMessage::Retry`](raddle_net::messages::ClientMessage::Retry).
        Retry = "Retry",
        /// The same, of too many keys.
        RetryWrong = "Retry(wrong)",
        /// The driver cannot go on with the session.
        SessionEnded = "session ended",
        /// [`WorkerMessage::Started`](raddle_net::messages::WorkerMessage::Started).
        Started = "Started",
        /// [`ClientMessage::Submit`](raddle_net::messages::ClientMessage::Submit).
        Submit = "Submit",
        /// The same, of a spec that is not defined, or beyond a limit.
        SubmitWrong = "Submit(wrong)",
        /// [`ClientMessage::Want`](raddle_net::messages::ClientMessage::Want).
        Want = "Want",
        /// The same, of too many keys.
        WantWrong = "Want(wrong)",
        /// A worker's connection broke.
        WorkerBroke = "worker broke",
        /// A worker's hello.
        WorkerHello = "worker hello",
        /// A hello in a session that goes on: the newest counts.
        WorkerHelloAgain = "worker hello(again)",
        /// [`WorkerMessage::Goodbye`](raddle_net::messages::WorkerMessage::Goodbye).
        WorkerGoodbye = "worker's Goodbye",
        /// [`WorkerMessage::Locate`](raddle_net::messages::WorkerMessage::Locate).
        WorkerLocate = "worker's Locate",
        /// A worker is connected again.
        WorkerResumed = "worker resumed",
    }
}

axis! {
    /// What happens without a connection.
    Occasion {
        /// A worker is lost that is connected.
        LostConnected = "lost × connected",
        /// A worker is lost that is waited for.
        LostDisconnected = "lost × disconnected",
        /// A worker is lost that is not known.
        LostUnknown = "lost × unknown",
        /// Somebody did not come back in time.
        TickGrace = "tick × grace is over",
        /// A tick for nothing.
        TickIdle = "tick × nothing is due",
        /// There was nothing to do for too long.
        TickQuiet = "tick × nothing to do for too long",
        /// There was no worker for too long.
        TickNoWorkers = "tick × no worker for too long",
        /// Tasks have waited for workers that qualify, in vain.
        TickStarving = "tick × nobody qualifies for too long",
    }
}

/// A state × an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// A key × what happens to it.
    Key(Row, Matter),
    /// What happens without a connection.
    Other(Occasion),
    /// A peer × what it says, or what becomes of its connection.
    Peer(Standing, Word),
    /// A task × what is said of a run of it × what that run is to it.
    Run(Row, Report, Age),
}

const KEYS: usize = Row::COUNT * Matter::COUNT;
const OTHERS: usize = Occasion::COUNT;
const PEERS: usize = Standing::COUNT * Word::COUNT;
const RUNS: usize = Row::COUNT * Report::COUNT * Age::COUNT;

impl Cell {
    /// How many there are.
    pub const COUNT: usize = KEYS + OTHERS + PEERS + RUNS;

    /// All of them, in the order of their indices.
    pub fn all() -> impl Iterator<Item = Self> {
        let rows = || Row::ALL.iter().copied();
        let keys = rows().flat_map(|row| Matter::ALL.iter().map(move |m| Self::Key(row, *m)));
        let others = Occasion::ALL.iter().map(|occasion| Self::Other(*occasion));
        let standings = Standing::ALL.iter();
        let peers = standings.flat_map(|who| Word::ALL.iter().map(|what| Self::Peer(*who, *what)));
        let runs = rows().flat_map(|row| {
            let reports = Report::ALL.iter();
            reports
                .flat_map(move |report| Age::ALL.iter().map(move |a| Self::Run(row, *report, *a)))
        });
        keys.chain(others).chain(peers).chain(runs)
    }

    /// Its number, below [`COUNT`](Self::COUNT).
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Key(row, matter) => row as usize * Matter::COUNT + matter as usize,
            Self::Other(occasion) => KEYS + occasion as usize,
            Self::Peer(who, what) => KEYS + OTHERS + who as usize * Word::COUNT + what as usize,
            Self::Run(row, report, age) => {
                let report = row as usize * Report::COUNT + report as usize;
                KEYS + OTHERS + PEERS + report * Age::COUNT + age as usize
            }
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(row, matter) => write!(f, "{row} × {matter}"),
            Self::Other(occasion) => write!(f, "{occasion}"),
            Self::Peer(who, what) => write!(f, "{who} × {what}"),
            Self::Run(row, report, age) => write!(f, "{row} × {report}({age})"),
        }
    }
}

impl From<Kind> for Row {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Erred => Self::Erred,
            Kind::Memory => Self::Memory,
            Kind::NoWorker => Self::NoWorker,
            Kind::Processing => Self::Processing,
            Kind::Queued => Self::Queued,
            Kind::Released => Self::Released,
            Kind::Waiting => Self::Waiting,
        }
    }
}
