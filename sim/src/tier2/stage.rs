//! What all nodes of a simulated cluster share, beside the network: the oracle, what was found out,
//! who is there. Of one run on one thread.
//!
//! It must not know how nodes are started, or what they do.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use madsim::runtime::NodeHandle;
use madsim::task::NodeId;
use raddle_core::random::{below, hash};
use raddle_net::names::Key;

use super::weather::Weather;
use crate::failure::{Failure, Report};
use crate::oracle::{Oracle, Verdict};

/// Chance of what happens to nodes.
const CHANCE: u64 = 0x7374_6167;
/// Of the history.
const SEEN: u64 = 0x7365_656e;

/// See the top of the file.
pub(super) struct Stage {
    pub(super) seed: u64,
    pub(super) weather: Weather,
    /// A node that no fault hits.
    pub(super) director: NodeHandle,
    /// Where the scheduler is.
    pub(super) scheduler: Machine,
    pub(super) clients: Vec<Machine>,
    pub(super) workers: BTreeMap<u32, Worker>,
    pub(super) next_worker: u32,
    pub(super) oracle: Oracle,
    pub(super) report: Report,
    pub(super) failure: Option<Failure>,
    /// Keys of the plan, by those of the cluster.
    pub(super) keys: BTreeMap<Key, Key>,
    /// How often the body of each task of the plan has failed.
    pub(super) failed: BTreeMap<Key, u32>,
    /// How many bodies begin, of each ambush, until the last of them kills its worker.
    pub(super) ambushes: Vec<u64>,
    /// Connections of clients were broken on purpose.
    pub(super) cut_off: bool,
    /// Whether plan or weather have faults by which workers may lose their connections.
    pub(super) faulty: bool,
    /// Whether somebody asks that workers rest or leave.
    pub(super) holds_back: bool,
    /// Workers that were told to leave.
    pub(super) retiring: BTreeSet<NodeId>,
    /// Faults that are not undone yet.
    pub(super) open: usize,
    /// No fault happens any more: the cluster must stay as it is.
    pub(super) healed: bool,
    decided: u64,
}

/// A node and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    pub(super) node: NodeId,
    pub(super) ip: IpAddr,
}

/// A worker that is alive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worker {
    pub(super) machine: Machine,
    pub(super) threads: u32,
}

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// Looks at the stage, or changes it.
pub(super) fn stage<R>(act: impl FnOnce(&mut Stage) -> R) -> R {
    STAGE.with_borrow_mut(|stage| act(stage.as_mut().expect("a run begins with `set`")))
}

impl Stage {
    /// The stage of a run that begins.
    pub(super) fn set(seed: u64, weather: Weather, director: NodeHandle, scheduler: Machine) {
        let stage = Self {
            seed,
            weather,
            director,
            scheduler,
            clients: Vec::new(),
            workers: BTreeMap::new(),
            next_worker: 0,
            // A process that stands still may find that its time is over, or that it was done.
            oracle: Oracle::lenient(),
            report: Report::default(),
            failure: None,
            keys: BTreeMap::new(),
            failed: BTreeMap::new(),
            ambushes: Vec::new(),
            cut_off: false,
            faulty: false,
            holds_back: false,
            retiring: BTreeSet::new(),
            open: 0,
            healed: false,
            decided: 0,
        };
        STAGE.set(Some(stage));
    }

    /// The stage of a run that is over.
    pub(super) fn take() -> Option<Self> {
        STAGE.take()
    }

    /// A number below `bound`.
    pub(super) fn chance(&mut self, bound: u64) -> u64 {
        self.decided += 1;
        below(hash(self.seed, CHANCE, 0, self.decided), bound)
    }

    /// The worker of this number, of those alive (modulo).
    pub(super) fn alive(&self, which: u64) -> Option<u32> {
        let alive = self.workers.len().max(1) as u64;
        self.workers.keys().nth((which % alive) as usize).copied()
    }

    /// A body begins; whether it falls into an ambush.
    pub(super) fn begins(&mut self) -> bool {
        self.report.executions += 1;
        self.ambushes.iter_mut().for_each(|left| *left = left.saturating_sub(1));
        let before = self.ambushes.len();
        self.ambushes.retain(|left| *left > 0);
        self.ambushes.len() < before
    }

    /// The key in the plan of a key in the cluster; that itself, if it is not of the plan.
    pub(super) fn planned(&self, key: Key) -> Key {
        self.keys.get(&key).copied().unwrap_or(key)
    }

    /// The first failure is the one that counts.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// A client saw something that the oracle has judged.
    pub(super) fn judged(&mut self, what: &str, verdict: Verdict, wrong: fn(String) -> Failure) {
        self.report.judged += 1;
        self.seen(what);
        if let Verdict::Wrong(why) = verdict {
            self.fail(wrong(why));
        }
    }

    /// Adds what a client saw to the hash of the run.
    fn seen(&mut self, what: &str) {
        let words = what.bytes().fold(0, |so_far, byte| hash(so_far, SEEN, u64::from(byte), 0));
        self.report.digest = hash(self.report.digest, SEEN, words, 0);
    }
}
