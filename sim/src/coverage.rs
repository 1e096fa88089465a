//! What a run has seen: how often each kind of event, effect, message and failure. What is never
//! seen over many runs is not tested by them.
//!
//! The lists are complete: a new variant does not compile until it is named here.

use std::collections::BTreeMap;

use raddle_core::client::{Effect as ClientEffect, Event as ClientEvent};
use raddle_core::scheduler::{Effect as SchedulerEffect, Event as SchedulerEvent};
use raddle_core::worker::{Effect as WorkerEffect, Event as WorkerEvent};
use raddle_net::messages::{
    ClientMessage, Failure as TaskFailure, SchedulerToClient, SchedulerToWorker, WorkerMessage,
};

use crate::plan::Op;

/// How often each kind of thing was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    /// How often each kind was seen, those never seen included.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        ALL.iter().map(|kind| (*kind, self.0.get(kind).copied().unwrap_or(0)))
    }

    /// Adds what another run has seen.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    pub(crate) fn see(&mut self, thing: &impl Kind) {
        *self.0.entry(thing.kind()).or_default() += 1;
    }
}

/// Something of which there are kinds.
pub(crate) trait Kind {
    /// Its kind, one of [`ALL`].
    fn kind(&self) -> &'static str;
}

macro_rules! kinds {
    ($($group:literal $type:ident: $($variant:ident)*;)*) => {
        $(impl Kind for $type {
            fn kind(&self) -> &'static str {
                match self {
                    $($type::$variant { .. } => concat!($group, ": ", stringify!($variant)),)*
                }
            }
        })*

        const ALL: &[&str] = &[$($(concat!($group, ": ", stringify!($variant)),)*)*];
    };
}

kinds! {
    "operation" Op: Cancel Join Kill Release Scatter Submit;
    "client event" ClientEvent:
        Await Cancel Disconnected Flush Fetched FromScheduler Query Release Scatter Sent Submit Tick;
    "client effect" ClientEffect: Answer Close Fetch Send Settled ToScheduler Unsettled;
    "client → scheduler" ClientMessage: Define Submit Release Cancel Locate Query Goodbye;
    "scheduler event" SchedulerEvent:
        ClientConnected ClientDisconnected ClientResumed FromClient FromWorker SessionEnded Tick
        WorkerConnected WorkerDisconnected WorkerLost WorkerResumed;
    "scheduler effect" SchedulerEffect: Close ToClient ToWorker Warn;
    "scheduler → client" SchedulerToClient: Peer InMemory Erred Recomputing Released Send Answer;
    "scheduler → worker" SchedulerToWorker: Registered Define Peer Compute Free Holders ToRun;
    "worker event" WorkerEvent:
        Asked Blocked Disconnected Executed Flushed FromRun FromScheduler Gathered Received Served
        Tick Unblocked;
    "worker effect" WorkerEffect:
        Accept Close Execute Flush Forget Gather Reject Resume Serve ServeBusy Stop ToRun
        ToScheduler;
    "worker → scheduler" WorkerMessage: Register Finished Failed Started Fetched Locate FromRun;
    "failure" TaskFailure:
        Cancelled Decode Disconnected Failed Lost NoWorker Rejected TimedOut WorkerDied;
}
