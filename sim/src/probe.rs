//! Rare moments, each with a name: that a run saw one says that a case that matters was tried.
//!
//! The drivers call in here where such a moment can be seen; this module must not change anything.

use std::collections::BTreeMap;

use raddle_core::client::{Effect as ClientEffect, FetchOutcome};
use raddle_core::worker::{Effect, Event, GatherOutcome};
use raddle_net::messages::{Failure as TaskFailure, SchedulerToWorker};
use raddle_net::names::Key;

use crate::requests::Asker;
use crate::worker::{Said, SimWorker};
use crate::world::World;

macro_rules! probes {
    ($($variant:ident $name:literal,)*) => {
        /// A rare moment.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Probe {
            $($variant,)*
        }

        impl Probe {
            /// What each is, in words.
            pub(crate) const NAMES: &[&str] = &[$($name,)*];
        }
    };
}

probes! {
    Announced "a run that may be deadly is announced",
    AskedDead "a worker that is no more is asked for values",
    BlamedUpstream "a future fails by the fault of a task upstream",
    BusyClient "a client asks a busy holder",
    BusyWorker "a worker asks a busy holder",
    CancelledShared "a future that another client holds too is called off",
    CommonResubmitted "a key that nobody holds any more is submitted again",
    CommonRevived "a key that has failed is computed again, as another client has it retried",
    CommonShared "a key that another client holds is submitted again",
    DatasetOrphaned "what is published is taken, and none of its publishers is there",
    DetachedAlone "a task ends that only the cluster wants",
    DiesAlone "the last worker dies",
    DiesAnnouncing "a worker dies before it has announced a deadly run",
    DiesBothWays "a worker dies that gathers from a peer and serves one",
    DiesGathering "a worker dies that gathers from a peer",
    DiesNested "a worker dies with a body that awaits tasks of its own",
    DiesOffered "a worker dies with a client's data that it has not judged",
    DiesOnlyHolder "the only holder of a value dies",
    DiesPaused "a worker dies while its process stands still",
    DiesRunning "a worker dies with a body that runs",
    DiesServing "a worker dies that a peer gathers from",
    DiesUnheard "a worker dies with words that have not left it",
    FetchBroken "a client asks a holder that dies",
    Relayed "a client comes to a worker through the scheduler",
    Choked "a body waits until values have left memory",
    DiskGone "a worker cannot read back what it holds, and ends",
    DiskRefuses "a value cannot be written to disk",
    Dropped "a value leaves memory that is on disk already",
    FetchMissing "a client asks for a value that is not there any more",
    ForcedShared "a future that another client waits for is called off by force",
    FreedNested "a body that awaits tasks of its own is called off",
    FreedRunning "a run is freed whose body runs",
    Full "a worker says that its memory is full",
    FullWhole "a worker says that its memory is full, and no other one is there that is not",
    GatherFailed "a worker asks a holder that dies",
    GatherMissing "a worker asks for a value that is not there any more",
    GatherPartly "a worker is served a part of what it asked for",
    KilledWorkers "a task is given up that has killed too many workers",
    LostData "a client's data is lost",
    LostOnce "a task that runs at most once is needed again",
    Moved "values have moved to workers that held less",
    OutOfMemory "a worker needs more memory than it has",
    OutOfMemoryTold "a worker needs more memory than it has, and says so before it ends",
    PushedDead "a client's data is sent to a worker that is no more",
    ReadBack "a body needs a value that is on disk alone",
    Recalled "a run is given back before it has begun",
    RecalledLate "a run is asked back that has begun",
    RecalledDead "a worker dies that was asked for a run back",
    Rejected "a client's data comes to a worker that does not want it",
    RetriedDependent "a future is retried that another task's failure has failed",
    Retried "a body runs that has failed before",
    SecondDeath "a task's worker dies, as one did before",
    SentFor "a worker comes for a task that nobody may run",
    ServedFromDisk "a value is served that is on disk alone",
    Spilled "a value leaves memory for disk",
    SpilledForNothing "a value is on disk that nobody holds any more",
    TimedOut "a future fails by a body that took too long",
    ToldDead "the scheduler tells a worker that is no more",
    ValueLost "a future that was done is computed again",
    VanishedWaiting "a client goes that waits for results",
}

/// What has to be remembered to see them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Probes {
    /// Deaths of workers by the tasks that ran there.
    deaths: BTreeMap<Key, u32>,
}

impl World {
    pub(crate) fn probe(&mut self, probe: Probe) {
        self.report.coverage.see_probe(probe);
    }

    pub(crate) fn probe_if(&mut self, probe: Probe, is: bool) {
        if is {
            self.probe(probe);
        }
    }

    /// A worker's process is gone.
    pub(crate) fn probe_death(&mut self, worker: u32, dead: &SimWorker) {
        let mut gathers = false;
        let mut serves = false;
        for request in self.requests.values() {
            gathers |= matches!(request.asker, Asker::Worker(asker, _) if asker == worker);
            serves |= request.holder == worker && matches!(request.asker, Asker::Worker(..));
        }
        let (key, held) = dead.store.iter().next().map_or((None, false), |(run, _)| {
            (Some(run), self.workers.values().any(|other| other.store.contains(run)))
        });
        let second = dead.running.values().any(|(key, _)| self.probes.deaths.contains_key(key));
        for (key, _) in dead.running.values() {
            *self.probes.deaths.entry(*key).or_default() += 1;
        }
        let announces = dead.outbox.iter().any(|said| matches!(said, Said::Flush(_)));
        let seen = [
            (Probe::DiesAlone, self.workers.is_empty()),
            (Probe::DiesAnnouncing, announces),
            (Probe::DiesBothWays, gathers && serves),
            (Probe::DiesGathering, gathers),
            (Probe::DiesNested, !dead.nested.is_empty()),
            (Probe::DiesOffered, !dead.offered.is_empty()),
            (Probe::DiesOnlyHolder, key.is_some() && !held),
            (Probe::DiesPaused, self.is_paused(worker)),
            (Probe::DiesRunning, dead.running.len() > dead.nested.len()),
            (Probe::DiesServing, serves),
            (Probe::DiesUnheard, !dead.outbox.is_empty()),
            (Probe::SecondDeath, second),
        ];
        seen.into_iter().for_each(|(probe, is)| self.probe_if(probe, is));
    }

    /// A worker is about to be told.
    pub(crate) fn probe_worker_event(&mut self, worker: u32, event: &Event) {
        match event {
            Event::Gathered { outcome, .. } => match outcome {
                GatherOutcome::Busy => self.probe(Probe::BusyWorker),
                GatherOutcome::Failed => self.probe(Probe::GatherFailed),
                GatherOutcome::Got { found, missing } => {
                    self.probe_if(Probe::GatherMissing, !missing.is_empty());
                    let partly = !missing.is_empty() && !found.is_empty();
                    self.probe_if(Probe::GatherPartly, partly);
                }
            },
            Event::FromScheduler(SchedulerToWorker::Recall { run, .. }) => {
                let Some(node) = self.workers.get(&worker) else { return };
                let late = node.running.contains_key(run);
                let returned = !late && node.machine.runs().any(|item| item.run == *run);
                self.probe_if(Probe::RecalledLate, late);
                self.probe_if(Probe::Recalled, returned);
            }
            Event::FromScheduler(SchedulerToWorker::Free { run, .. }) => {
                let Some(node) = self.workers.get(&worker) else { return };
                let (running, nested) =
                    (node.running.contains_key(run), node.nested.contains_key(run));
                self.probe_if(Probe::FreedRunning, running);
                self.probe_if(Probe::FreedNested, nested);
            }
            Event::Asked { .. }
            | Event::Blocked { .. }
            | Event::Disconnected
            | Event::Executed { .. }
            | Event::Flushed { .. }
            | Event::FromRun { .. }
            | Event::FromScheduler(_)
            | Event::Noted { .. }
            | Event::Received { .. }
            | Event::Served { .. }
            | Event::Tick
            | Event::Unblocked { .. } => {}
        }
    }

    /// A worker that is no more would have been told.
    pub(crate) fn probe_undeliverable(&mut self, event: &Event) {
        match event {
            Event::Asked { .. } => self.probe(Probe::AskedDead),
            Event::FromScheduler(SchedulerToWorker::Recall { .. }) => {
                self.probe(Probe::RecalledDead);
            }
            Event::FromScheduler(_) => self.probe(Probe::ToldDead),
            Event::Received { .. } => self.probe(Probe::PushedDead),
            Event::Blocked { .. }
            | Event::Disconnected
            | Event::Executed { .. }
            | Event::Flushed { .. }
            | Event::FromRun { .. }
            | Event::Gathered { .. }
            | Event::Noted { .. }
            | Event::Served { .. }
            | Event::Tick
            | Event::Unblocked { .. } => {}
        }
    }

    /// A worker does something.
    pub(crate) fn probe_worker_effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Execute(execute) => {
                let retried = self.failed.get(&execute.key).is_some_and(|failures| *failures > 0);
                self.probe_if(Probe::Retried, retried);
            }
            Effect::Flush { .. } => self.probe(Probe::Announced),
            Effect::Reject { .. } => self.probe(Probe::Rejected),
            Effect::Accept { .. }
            | Effect::Close { .. }
            | Effect::Forget { .. }
            | Effect::Gather { .. }
            | Effect::Leave
            | Effect::Resume { .. }
            | Effect::Serve { .. }
            | Effect::ServeBusy { .. }
            | Effect::Stop { .. }
            | Effect::ToRun { .. }
            | Effect::ToScheduler(_) => {}
        }
    }

    /// A client does something.
    pub(crate) fn probe_client_effect(&mut self, effect: &ClientEffect) {
        self.probe_if(Probe::ValueLost, matches!(effect, ClientEffect::Unsettled { .. }));
    }

    /// A value that a client asked for has come, or not.
    pub(crate) fn probe_fetch(&mut self, outcome: FetchOutcome) {
        match outcome {
            FetchOutcome::Busy => self.probe(Probe::BusyClient),
            FetchOutcome::Found => {}
            FetchOutcome::Missing => self.probe(Probe::FetchMissing),
            FetchOutcome::Unreachable => self.probe(Probe::FetchBroken),
        }
    }

    /// A future of a client failed.
    pub(crate) fn probe_failure(&mut self, key: Key, blame: Key, failure: &TaskFailure) {
        self.probe_if(Probe::BlamedUpstream, key != blame);
        match failure {
            TaskFailure::Lost { .. } => {
                let once = self.oracle.task(blame).is_some_and(|task| task.fields.once);
                self.probe(if once { Probe::LostOnce } else { Probe::LostData });
            }
            TaskFailure::TimedOut => self.probe(Probe::TimedOut),
            TaskFailure::WorkerDied { .. } => self.probe(Probe::KilledWorkers),
            TaskFailure::Cancelled
            | TaskFailure::Decode { .. }
            | TaskFailure::Disconnected { .. }
            | TaskFailure::Exited { .. }
            | TaskFailure::Failed { .. }
            | TaskFailure::NoWorker { .. }
            | TaskFailure::Rejected { .. }
            | TaskFailure::Reschedule => {}
        }
    }

    /// A client submits a key that may be known already.
    pub(crate) fn probe_submit(&mut self, client: usize, key: Key) {
        if !self.oracle.knows(key) {
            return;
        }
        let ours = self.clients[client].holds(key);
        let others = self.is_held_by_another(client, key);
        self.probe_if(Probe::CommonResubmitted, !ours && !others);
        self.probe_if(Probe::CommonShared, others);
    }

    /// A client calls a future off.
    pub(crate) fn probe_cancel(&mut self, client: usize, key: Key) {
        let shared = self.is_held_by_another(client, key);
        self.probe_if(Probe::CancelledShared, shared);
    }

    /// A client calls a future off, whoever waits for it.
    pub(crate) fn probe_force(&mut self, client: usize, key: Key) {
        let mut others = self.clients.iter().enumerate().filter(|(n, _)| *n != client);
        let shared = others.any(|(_, other)| other.waits_for(key));
        self.probe_if(Probe::ForcedShared, shared);
    }

    /// A client has a future run again, if it failed.
    pub(crate) fn probe_retry(&mut self, client: usize, key: Key) {
        let blames_another = self.clients[client].blames_another(key);
        self.probe_if(Probe::RetriedDependent, blames_another);
    }

    /// A future of a client had failed, and is computed again.
    pub(crate) fn probe_revived(&mut self, client: usize) {
        let by_another = !self.clients[client].retries;
        self.probe_if(Probe::CommonRevived, by_another);
    }

    /// A client knows what is published under a name.
    pub(crate) fn probe_take(&mut self, keys: &[Key]) {
        let mut here = self.clients.iter().filter(|client| !client.gone);
        let orphaned = !here.any(|client| keys.iter().any(|key| client.holds(*key)));
        self.probe_if(Probe::DatasetOrphaned, orphaned);
    }

    /// A task ends that only the cluster wants.
    pub(crate) fn probe_detached(&mut self) {
        self.probe(Probe::DetachedAlone);
    }

    /// A client goes.
    pub(crate) fn probe_goodbye(&mut self, client: usize) {
        let waits = self.clients[client].waits();
        self.probe_if(Probe::VanishedWaiting, waits);
    }

    fn is_held_by_another(&self, client: usize, key: Key) -> bool {
        let mut others = self.clients.iter().enumerate().filter(|(n, _)| *n != client);
        others.any(|(_, other)| other.holds(key))
    }
}
