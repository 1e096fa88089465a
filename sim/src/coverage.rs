//! What a run has seen: how often each kind of event, effect, message, failure and rare moment, and
//! which events followed each other at a machine. What is never seen over many runs is not tested by
//! them.
//!
//! The lists are complete: a new variant does not compile until it is named here.

use raddle_core::client::{Effect as ClientEffect, Event as ClientEvent};
use raddle_core::scheduler::{Effect as SchedulerEffect, Event as SchedulerEvent};
use raddle_core::worker::{Effect as WorkerEffect, Event as WorkerEvent};
use raddle_net::messages::{
    ClientMessage, Failure as TaskFailure, SchedulerToClient, SchedulerToWorker, WorkerMessage,
};

use crate::matrix::Visits;
use crate::plan::{Op, Question};
use crate::probe::Probe;
use crate::wish::Wish;

/// What no run of the simulation shows, and why: the group, the kind, and the reason.
const UNSEEN: &[(&str, &str, &str)] = &[
    ("client effect", "Close", "the scheduler breaks no protocol"),
    ("worker effect", "Close", "the scheduler breaks no protocol"),
    ("failure", "Decode", "types are a matter of the client library; the machines carry bytes"),
    ("failure", "Exited", "commands are a matter of the worker's shell"),
];

/// Why the simulation never shows this kind, if it never does.
#[must_use]
pub fn why_unseen(group: &str, kind: &str) -> Option<&'static str> {
    let named = UNSEEN.iter().find(|(of, name, _)| (*of, *name) == (group, kind));
    named.map(|(_, _, why)| *why)
}

/// What was seen, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    kinds: [[u64; KINDS]; GROUPS.len()],
    /// For each machine and kind of event, the kinds that came next there, as bits.
    pairs: [[u64; PAIRS]; 3],
    probes: [u64; Probe::NAMES.len()],
    /// Cells of the machines' matrices.
    pub(crate) visits: Visits,
}

impl Default for Coverage {
    fn default() -> Self {
        Self {
            kinds: [[0; KINDS]; GROUPS.len()],
            pairs: [[0; PAIRS]; 3],
            probes: [0; Probe::NAMES.len()],
            visits: Visits::default(),
        }
    }
}

impl Coverage {
    /// How often each kind was seen, those never seen included: the group, the kind, the number.
    /// Rare moments are the last group.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        let kinds = GROUPS.iter().zip(&self.kinds).flat_map(|((group, kinds), counts)| {
            kinds.iter().zip(counts).map(|(kind, count)| (*group, *kind, *count))
        });
        let probes = Probe::NAMES.iter().zip(&self.probes);
        kinds.chain(probes.map(|(name, count)| ("moment", *name, *count)))
    }

    /// Cells of the matrices of state × event, if it was asked for them.
    #[must_use]
    pub fn visits(&self) -> &Visits {
        &self.visits
    }

    /// Rare moments that were never seen.
    pub fn missed(&self) -> impl Iterator<Item = &'static str> + '_ {
        Probe::NAMES
            .iter()
            .zip(&self.probes)
            .filter(|(_, count)| **count == 0)
            .map(|(name, _)| *name)
    }

    /// Events that machines handled.
    #[must_use]
    pub fn machine_events(&self) -> u64 {
        let groups = [Group::ClientEvent, Group::SchedulerEvent, Group::WorkerEvent];
        groups.into_iter().flat_map(|group| &self.kinds[group as usize]).sum()
    }

    /// Everything that can be seen, and whether it was: kinds, pairs of events that followed each
    /// other at one machine, rare moments. Always as many, in the same order.
    pub(crate) fn cells(&self) -> impl Iterator<Item = bool> + '_ {
        let kinds = self.kinds.iter().flatten().chain(&self.probes).map(|count| *count > 0);
        let pairs = self.pairs.iter().flatten();
        let pairs = pairs.flat_map(|next| (0..PAIRS).map(move |kind| next >> kind & 1 == 1));
        kinds.chain(pairs).chain(self.visits.cells())
    }

    /// Adds what another run has seen.
    pub fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.kinds.iter_mut().flatten().zip(other.kinds.iter().flatten()) {
            *ours += theirs;
        }
        for (ours, theirs) in self.pairs.iter_mut().flatten().zip(other.pairs.iter().flatten()) {
            *ours |= theirs;
        }
        for (ours, theirs) in self.probes.iter_mut().zip(&other.probes) {
            *ours += theirs;
        }
        self.visits.add(&other.visits);
    }

    pub(crate) fn see(&mut self, thing: &impl Kind) {
        let (group, kind) = thing.kind();
        self.kinds[group][kind] += 1;
    }

    pub(crate) fn see_probe(&mut self, probe: Probe) {
        self.probes[probe as usize] += 1;
    }

    /// A machine is told, perhaps by a message; `last` is what it was told before.
    pub(crate) fn see_event(
        &mut self,
        event: &impl Kind,
        message: Option<&impl Kind>,
        last: &mut usize,
    ) {
        self.see(event);
        let (group, mut kind) = event.kind();
        if let Some(message) = message {
            self.see(message);
            // Behind the events, those from clients before those from workers.
            let (from, message) = message.kind();
            let workers = from == Group::WorkerMessage as usize;
            kind = MESSAGES + message + if workers { MESSAGES } else { 0 };
        }
        let machines = [Group::ClientEvent, Group::SchedulerEvent, Group::WorkerEvent];
        let machine = machines.into_iter().position(|machine| machine as usize == group);
        self.pairs[machine.unwrap_or_default()][*last] |= 1 << kind;
        *last = kind;
    }
}

/// Something of which there are kinds.
pub(crate) trait Kind {
    /// The number of its group in [`GROUPS`], and its own within that.
    fn kind(&self) -> (usize, usize);
}

/// The largest group may be as large as this.
const KINDS: usize = 32;

/// Kinds of events of a machine, and as many of messages from each of two sorts of peers.
const MESSAGES: usize = 20;
const PAIRS: usize = 3 * MESSAGES;

macro_rules! kinds {
    ($($group:literal $type:ident: $($variant:ident)*;)*) => {
        enum Group {
            $($type,)*
        }

        $(impl Kind for $type {
            fn kind(&self) -> (usize, usize) {
                enum Number {
                    $($variant,)*
                }
                let kind = match self {
                    $(Self::$variant { .. } => Number::$variant,)*
                };
                (Group::$type as usize, kind as usize)
            }
        })*

        const GROUPS: &[(&str, &[&str])] = &[$(($group, &[$(stringify!($variant),)*]),)*];
    };
}

kinds! {
    "operation" Op:
        Ambush Cancel Clog Cut Disk Goodbye Join Kill Leave Meddle Pause Query Release Scatter Submit Vanish
        Wish;
    "question" Question: Copies Explain Events Info Rebalance Rest Retire Say Workers;
    "wish" Wish: Detach Force Publish Retry Take Unpublish;
    "client event" ClientEvent:
        Adopt Await Cancel Detach Disconnected Flush Fetched FromScheduler Query Release Retry Scatter Sent
        Submit Tick;
    "client effect" ClientEffect: Answer Close Fetch Send Settled ToScheduler Unsettled;
    "client → scheduler" ClientMessage:
        Define Submit Release Cancel Detach Locate Query Retry Want Goodbye;
    "scheduler event" SchedulerEvent:
        ClientConnected ClientDisconnected ClientResumed FromClient FromWorker SessionEnded Tick
        WorkerConnected WorkerDisconnected WorkerLost WorkerResumed;
    "scheduler effect" SchedulerEffect: Close End ToClient ToWorker Warn;
    "scheduler → client" SchedulerToClient: Peer InMemory Erred Recomputing Released Send Answer;
    "scheduler → worker" SchedulerToWorker: Registered Define Peer Acquire Compute Free Holders Leave ToRun
        Recall;
    "worker event" WorkerEvent:
        Asked Blocked Disconnected Executed Flushed FromRun FromScheduler Gathered Noted Received
        Served Tick Unblocked;
    "worker effect" WorkerEffect:
        Accept Close Execute Flush Forget Gather Leave Reject Resume Serve ServeBusy Stop ToRun
        ToScheduler;
    "worker → scheduler" WorkerMessage: Register Finished Failed Started Fetched Goodbye Locate Memory Note FromRun
        Retire Recalled;
    "failure" TaskFailure:
        Cancelled Decode Disconnected Exited Failed Lost NoWorker Rejected Reschedule TimedOut WorkerDied;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_given_for_kinds_that_there_are() {
        let coverage = Coverage::default();
        let is_kind =
            |of: &str, name: &str| coverage.counts().any(|(g, k, _)| (g, k) == (of, name));
        let strange: Vec<_> = UNSEEN.iter().filter(|(of, name, _)| !is_kind(of, name)).collect();
        assert!(strange.is_empty(), "{strange:?}");
    }
}
