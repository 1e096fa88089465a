//! What a run has seen: how often each kind of event, effect, message and failure. What is never
//! seen over many runs is not tested by them.
//!
//! The lists are complete: a new variant does not compile until it is named here.

use raddle_core::client::{Effect as ClientEffect, Event as ClientEvent};
use raddle_core::scheduler::{Effect as SchedulerEffect, Event as SchedulerEvent};
use raddle_core::worker::{Effect as WorkerEffect, Event as WorkerEvent};
use raddle_net::messages::{
    ClientMessage, Failure as TaskFailure, SchedulerToClient, SchedulerToWorker, WorkerMessage,
};

use crate::plan::Op;

/// How often each kind of thing was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage([[u64; KINDS]; GROUPS.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Self([[0; KINDS]; GROUPS.len()])
    }
}

impl Coverage {
    /// How often each kind was seen, those never seen included: the group, the kind, the number.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        GROUPS.iter().zip(&self.0).flat_map(|((group, kinds), counts)| {
            kinds.iter().zip(counts).map(|(kind, count)| (*group, *kind, *count))
        })
    }

    /// Adds what another run has seen.
    pub fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().flatten().zip(other.0.iter().flatten()) {
            *ours += theirs;
        }
    }

    pub(crate) fn see(&mut self, thing: &impl Kind) {
        let (group, kind) = thing.kind();
        self.0[group][kind] += 1;
    }
}

/// Something of which there are kinds.
pub(crate) trait Kind {
    /// The number of its group in [`GROUPS`], and its own within that.
    fn kind(&self) -> (usize, usize);
}

/// The largest group may be as large as this.
const KINDS: usize = 32;

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
        Ambush Cancel Clog Goodbye Join Kill Leave Pause Query Release Scatter Submit Vanish;
    "client event" ClientEvent:
        Adopt Await Cancel Detach Disconnected Flush Fetched FromScheduler Query Release Retry Scatter Sent
        Submit Tick;
    "client effect" ClientEffect: Answer Close Fetch Send Settled ToScheduler Unsettled;
    "client → scheduler" ClientMessage:
        Define Submit Release Cancel Detach Locate Query Retry Want Goodbye;
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
