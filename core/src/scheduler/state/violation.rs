//! What can be wrong between two events, each with the name of the property that it breaks.
//!
//! This module must not know how it is found.

use raddle_net::names::{Key, RunId, SpecId, WorkerId};

use super::client::ClientId;
use crate::scheduler::ConnectionId;

/// An invariant that does not hold, with whom it does not hold for. `IS` numbers are those of the
/// validation in Dask's scheduler that the invariant corresponds to; `S` and `L` numbers, which begin
/// each [`id`](Self::id), are those of the safety and liveness properties of the simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A copy is on its way of what is no value, or to who has it. (S19)
    Acquiring(WorkerId),
    /// A client of a run outlives the run, or serves another one. (S15)
    ClientOfNoRun(ClientId),
    /// A connection is of somebody who is reached otherwise, or not at all. (S15)
    Connection(ConnectionId),
    /// Copies are wished of what is not known. (S35)
    CopiesOfNothing,
    /// A copy is lacking that could be made. (L2)
    CopyLacking(Key),
    /// A key is published and the cluster does not want it. (S15)
    Dataset(String),
    /// The cluster wants nothing, or what is done, for itself. (S35)
    Detached,
    /// An erred task is its own dependent's blame, or blames nobody known. (S3, IS28)
    DependentOfErredIsActive(Key),
    /// A task is active and one of its inputs is neither in memory nor on its way. (L2, IS5, IS8)
    InputOutOfPlay(Key),
    /// A worker without a connection is not waited for, or one with a connection is. (L9)
    Grace(ConnectionId),
    /// The index is not what the states of the tasks say. (S19, IS17, IS25–27, IS35, IS43)
    IndexIsStale,
    /// The key table and the tasks disagree. (S15)
    KeyTable(Key),
    /// A task in memory has no holder, names one twice, or one that is not registered. (S15, IS11)
    Holders(Key),
    /// A task in memory that nobody needs. (S35, IS14)
    MemoryUnneeded(Key),
    /// A task counts its missing inputs wrongly, or waits and misses none. (S15, IS4, IS23)
    Missing(Key),
    /// A task waits for a worker although one qualifies. (L2)
    NoWorkerThoughQualified(Key),
    /// A value is to move that is not on its way, or a request counts other moves than it has. (S19)
    Moves,
    /// A processing task has an input that is neither in memory nor processing on the same worker.
    /// (S6)
    ProcessingInput(Key),
    /// A processing task is on a worker that is not registered or does not qualify. (S21, IS10)
    ProcessingOn(Key, WorkerId),
    /// A question waits although it could be answered, or although its client has gone. (L2)
    Query(ClientId),
    /// A run is asked back that is not under way, or for nobody. (S19)
    Recalls(RunId),
    /// A worker whose memory is full keeps what it has not begun, and another one could have it. (L2)
    Full(WorkerId),
    /// A task is queued although a worker that may run it has room. (L2)
    QueuedThoughRoom(Key),
    /// A queued or no-worker task has an input that is not in memory. (S6, IS12, IS27)
    RunnableInput(Key),
    /// A released task that somebody needs, or that should be forgotten. (S35, IS22)
    Released(Key),
    /// What is said of a worker's load is not what its tasks say. (S19, IS35, IS43)
    Load(WorkerId),
    /// Tasks of a worker take more of it than it has. (S22)
    Oversubscribed(WorkerId),
    /// What was said on a topic is not numbered, counted or bounded as it should be. (S24)
    Topics,
    /// A worker that is to leave is not known to have what only it has, or stays for nothing. (S36)
    Retiring(WorkerId),
    /// A run was never given out, was given out twice, or is charged for a start that it did not
    /// announce. (S10)
    Run(Key),
    /// Runs and their clients do not match. (S35)
    RunClients,
    /// Scattered data is waited for and nobody has it to send. (L2)
    SourceGone(Key),
    /// The key table knows keys that are no tasks. (S35)
    StrayKeys,
    /// There is work, and no worker, and nobody watches how long. (L9)
    UnwatchedWork,
    /// A client has a turn and no task queued, or the other way round; or somebody who has gone has an
    /// account. (L2, S35)
    Shares,
    /// The workers that qualify for a spec are not those recorded. (S21)
    Qualified(SpecId),
    /// A client wants what is not known. (S35)
    StrayWant(ClientId),
    /// An edge is recorded on one side only. (S15, IS6, IS7)
    Edge(Key),
    /// A wish is recorded on one side only. (S15, IS18)
    Want(Key, ClientId),
    /// A task counts its waiters wrongly. (S15, IS3, IS9)
    Waiters(Key),
}

impl Violation {
    /// The property that is broken, for reports and for what is planted on purpose. It never
    /// changes.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Acquiring(_) => "S19-acquiring",
            Self::ClientOfNoRun(_) => "S15-client-of-no-run",
            Self::Connection(_) => "S15-connection",
            Self::CopiesOfNothing => "S35-copies-of-nothing",
            Self::CopyLacking(_) => "L2-copy-lacking",
            Self::Dataset(_) => "S15-dataset",
            Self::Detached => "S35-detached",
            Self::DependentOfErredIsActive(_) => "S3-dependent-of-erred",
            Self::Full(_) => "L2-full",
            Self::InputOutOfPlay(_) => "L2-input-out-of-play",
            Self::Grace(_) => "L9-grace",
            Self::IndexIsStale => "S19-index",
            Self::KeyTable(_) => "S15-key-table",
            Self::Holders(_) => "S15-holders",
            Self::MemoryUnneeded(_) => "S35-memory-unneeded",
            Self::Missing(_) => "S15-missing",
            Self::Moves => "S19-moves",
            Self::NoWorkerThoughQualified(_) => "L2-no-worker",
            Self::ProcessingInput(_) => "S6-processing-input",
            Self::ProcessingOn(..) => "S21-processing-on",
            Self::Query(_) => "L2-query",
            Self::Recalls(_) => "S19-recalls",
            Self::QueuedThoughRoom(_) => "L2-queued",
            Self::RunnableInput(_) => "S6-runnable-input",
            Self::Released(_) => "S35-released",
            Self::Load(_) => "S19-load",
            Self::Oversubscribed(_) => "S22-oversubscribed",
            Self::Retiring(_) => "S36-retiring",
            Self::Run(_) => "S10-run",
            Self::RunClients => "S35-run-clients",
            Self::SourceGone(_) => "L2-source-gone",
            Self::StrayKeys => "S35-stray-keys",
            Self::UnwatchedWork => "L9-unwatched-work",
            Self::Shares => "L2-shares",
            Self::Qualified(_) => "S21-qualified",
            Self::Topics => "S24-topics",
            Self::StrayWant(_) => "S35-stray-want",
            Self::Edge(_) => "S15-edge",
            Self::Want(..) => "S15-want",
            Self::Waiters(_) => "S15-waiters",
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {self:?}", self.id())
    }
}
