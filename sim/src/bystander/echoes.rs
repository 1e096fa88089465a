//! What was said lately, and whom and what it was about: from this, bystanders choose what they say.
//!
//! It must not know what they say.

use std::collections::{BTreeMap, VecDeque};

use raddle_core::random::{below, hash};
use raddle_core::scheduler::{ConnectionId, Event};
use raddle_core::worker::{Cell as WorkerCell, Effect as WorkerEffect, Event as WorkerEvent};
use raddle_net::messages::{SchedulerToWorker, WorkerMessage};
use raddle_net::names::{Key, RunId};

use super::ODD;
use crate::plan::{Op, TaskDef};
use crate::world::World;

/// Words of each machine that are remembered, to be said again.
const REMEMBERED: usize = 48;
/// What was said lately, and can be said again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Echoes {
    pub(super) reports: VecDeque<(ConnectionId, WorkerMessage)>,
    pub(super) words: VecDeque<(u32, SchedulerToWorker)>,
    pub(super) strangers: u64,
    /// Whether somebody is saying odd things of what has just happened.
    pub(super) meddles: bool,
}

fn remember<T>(list: &mut VecDeque<T>, word: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(word);
}

impl World {
    /// A worker has reported this, or is told this: it may be said again.
    pub(crate) fn note_report(&mut self, event: &Event) {
        if self.has_bystanders
            && let Event::FromWorker { connection, message } = event
            && !matches!(message, WorkerMessage::Register(_) | WorkerMessage::Fetched { .. })
        {
            remember(&mut self.echoes.reports, (*connection, message.clone()));
        }
    }

    /// A worker is told this: it may be told again.
    pub(crate) fn note_word(&mut self, worker: u32, event: &WorkerEvent) {
        if self.has_bystanders
            && let WorkerEvent::FromScheduler(message) = event
        {
            remember(&mut self.echoes.words, (worker, message.clone()));
        }
    }

    /// A task of the plan.
    pub(super) fn some_task(&self, bits: u64) -> Option<TaskDef> {
        let ops = &self.plan().ops;
        (0..8).find_map(|n| {
            let at = below(hash(bits, ODD, n, 2), ops.len() as u64) as usize;
            let Op::Submit(_, tasks) = &ops[at].op else { return None };
            tasks.get(below(hash(bits, ODD, n, 3), tasks.len() as u64) as usize).cloned()
        })
    }

    /// A run and its inputs, and whose they are, if it was given out lately.
    pub(super) fn about(&self, run: RunId) -> Vec<(Key, RunId)> {
        let of_it = |word: &SchedulerToWorker| match word {
            SchedulerToWorker::Compute(compute) => compute.run == run,
            SchedulerToWorker::Acquire(_)
            | SchedulerToWorker::Define { .. }
            | SchedulerToWorker::Free { .. }
            | SchedulerToWorker::Holders { .. }
            | SchedulerToWorker::Leave
            | SchedulerToWorker::Peer { .. }
            | SchedulerToWorker::Recall { .. }
            | SchedulerToWorker::Registered { .. }
            | SchedulerToWorker::ToRun { .. } => false,
        };
        let mut words = self.echoes.words.iter().map(|(_, word)| word);
        words.find(|word| of_it(word)).map(mentioned).unwrap_or_default()
    }

    /// A run that was given out lately, and a worker that may say something of it. Whatever its task
    /// and the run are by now is as likely as anything else, so that what is rare is met.
    pub(super) fn some_report(&self, bits: u64) -> Option<(ConnectionId, Key, RunId)> {
        let other = self.alive(bits as usize);
        let mut reports = BTreeMap::<usize, Vec<_>>::new();
        for (worker, word) in &self.echoes.words {
            let SchedulerToWorker::Compute(compute) = word else { continue };
            let worker = if bits.is_multiple_of(2) { Some(*worker) } else { other };
            let worker = worker.filter(|worker| self.workers.contains_key(worker)).or(other);
            let connection = self.workers.get(&worker?)?.connection;
            let (key, run) = (compute.key, compute.run);
            let message = WorkerMessage::Started { key, run };
            let event = Event::FromWorker { connection, message };
            self.scheduler.machine.cells(self.now, &event, &mut |cell| {
                reports.entry(cell.index()).or_default().push((connection, key, run));
            });
        }
        some_of_some(&reports, bits)
    }

    /// A run that a worker has entered, or was told of lately. Whatever state the run, or its value,
    /// is in is as likely as any other, so that what is rare is met.
    pub(super) fn some_run(&self, bits: u64) -> Option<(u32, Key, RunId)> {
        let running = self.workers.iter().flat_map(|(worker, node)| {
            node.running.iter().map(|(run, (key, _))| (*worker, *key, *run))
        });
        let told = self.echoes.words.iter().flat_map(|(worker, word)| {
            mentioned(word).into_iter().map(|(key, run)| (*worker, key, run))
        });
        let mut runs = BTreeMap::<usize, Vec<_>>::new();
        for (worker, key, run) in running.chain(told) {
            let Some(node) = self.workers.get(&worker) else { continue };
            let free = WorkerEvent::FromScheduler(SchedulerToWorker::Free { key, run });
            node.machine.cells(self.now, &free, &mut |cell| {
                if !matches!(cell, WorkerCell::Scheduler(..)) {
                    runs.entry(cell.index()).or_default().push((worker, key, run));
                }
            });
        }
        some_of_some(&runs, bits)
    }
}

/// One of these.
pub(super) fn pick<T>(list: &VecDeque<T>, bits: u64, which: u64) -> Option<&T> {
    let at = below(hash(bits, ODD, 0, which), (list.len() as u64).max(1));
    list.get(at as usize)
}

/// One of these lists, and one of its items.
fn some_of_some<T: Copy>(lists: &BTreeMap<usize, Vec<T>>, bits: u64) -> Option<T> {
    let at = below(hash(bits, ODD, 0, 6), (lists.len() as u64).max(1));
    let list = lists.values().nth(at as usize)?;
    list.get(below(hash(bits, ODD, 0, 7), list.len() as u64) as usize).copied()
}

/// Runs that are spoken of, and whose.
pub(super) fn mentioned(word: &SchedulerToWorker) -> Vec<(Key, RunId)> {
    match word {
        SchedulerToWorker::Compute(compute) => {
            let inputs = compute.inputs.iter().map(|input| (input.key, input.run));
            std::iter::once((compute.key, compute.run)).chain(inputs).collect()
        }
        SchedulerToWorker::Acquire(input) => vec![(input.key, input.run)],
        SchedulerToWorker::Free { key, run }
        | SchedulerToWorker::Holders { key, run, .. }
        | SchedulerToWorker::Recall { key, run } => vec![(*key, *run)],
        SchedulerToWorker::Define { .. }
        | SchedulerToWorker::Leave
        | SchedulerToWorker::Peer { .. }
        | SchedulerToWorker::Registered { .. }
        | SchedulerToWorker::ToRun { .. } => Vec::new(),
    }
}

/// The run to which this happens, if it is then in a state that passes soon.
pub(crate) fn passes(event: &WorkerEvent) -> Option<RunId> {
    match event {
        WorkerEvent::Unblocked { run }
        | WorkerEvent::FromScheduler(SchedulerToWorker::Free { run, .. }) => Some(*run),
        WorkerEvent::Asked { .. }
        | WorkerEvent::Blocked { .. }
        | WorkerEvent::Disconnected
        | WorkerEvent::Executed { .. }
        | WorkerEvent::Flushed { .. }
        | WorkerEvent::FromRun { .. }
        | WorkerEvent::FromScheduler(_)
        | WorkerEvent::Gathered { .. }
        | WorkerEvent::Noted { .. }
        | WorkerEvent::Received { .. }
        | WorkerEvent::Served { .. }
        | WorkerEvent::Tick => None,
    }
}

/// The run that is about to leave the process with its announcement.
pub(crate) fn passes_soon(effect: &WorkerEffect) -> Option<RunId> {
    if let WorkerEffect::Flush { run } = effect { Some(*run) } else { None }
}
