//! What a worker keeps behind its lock.
//!
//! This module must not know who takes the lock, or why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::time::Instant;
use raddle_core::worker::{Config, Effect, RequestId, Worker};
use raddle_net::error::SessionError;
use raddle_net::names::RunId;

use super::functions::Functions;
use super::gauge::Gauge;
use crate::context::Run;
use crate::error::Error;
use crate::rt::oneshot;
use crate::serve::Answer;
use crate::store::Store;
use crate::stream::Stream;
use crate::value::Value;

/// What is behind the lock.
pub(super) struct Core {
    pub(super) machine: Worker,
    /// Words for the scheduler, and how far it was heard.
    pub(super) stream: Stream,
    /// The writer was woken, and has not looked.
    pub(super) told: bool,
    /// The writer looks again soon, told or not.
    pub(super) looks_again: bool,
    /// Since when there are words.
    pub(super) words_since: Instant,
    /// Announced runs that may begin when the words before have left.
    pub(super) flushes: Vec<RunId>,
    pub(super) store: Store,
    /// What the worker makes of what it has in memory.
    pub(super) gauge: Gauge,
    /// Runs of which the body runs.
    pub(super) runs: BTreeMap<RunId, Arc<Run>>,
    pub(super) functions: Functions,
    pub(super) requests: BTreeMap<RequestId, Request>,
    next_request: u64,
    /// When runs that submitted tasks want to be told the time.
    pub(super) run_deadlines: BTreeSet<(Instant, RunId)>,
    /// When the timer will look.
    pub(super) armed: Option<Instant>,
    /// Why the connection to the scheduler must end.
    pub(super) broken: Option<Error>,
    /// The scheduler has told the worker to leave.
    pub(super) leaves: bool,
    /// Nothing happens any more.
    pub(super) closed: bool,
    /// Reused.
    pub(super) effects: Vec<Effect>,
}

/// A request of a peer that the machine has not judged.
pub(super) enum Request {
    /// For values.
    Get(oneshot::Sender<Answer>),
    /// To take one.
    Put(Arc<Value>, oneshot::Sender<bool>),
}

/// What is to be written.
pub(super) struct Words {
    /// The bytes; or why there can be none any more.
    pub(super) chunks: Result<Vec<Bytes>, SessionError>,
    /// How many announced runs may begin after that.
    pub(super) flushes: usize,
    /// Why the connection ends after that.
    pub(super) broken: Option<Error>,
    /// The writer must look again soon.
    pub(super) looks_again: bool,
}

impl Core {
    /// A worker that was given nothing, and keeps no more in memory than `gauge` says.
    pub(super) fn new(config: Config, gauge: Gauge) -> Self {
        Self {
            machine: Worker::new(config),
            stream: Stream::new(),
            told: false,
            looks_again: false,
            words_since: Instant::ZERO,
            flushes: Vec::new(),
            store: Store::new(gauge.limits()),
            gauge,
            runs: BTreeMap::new(),
            functions: Functions::default(),
            requests: BTreeMap::new(),
            next_request: 0,
            run_deadlines: BTreeSet::new(),
            armed: None,
            broken: None,
            leaves: false,
            closed: false,
            effects: Vec::new(),
        }
    }

    /// Whether there is something to write.
    pub(super) fn has_words(&self) -> bool {
        self.stream.has_words() || !self.flushes.is_empty() || self.broken.is_some()
    }

    /// For the writer. If there is something now and bodies run, there will be more: the writer then
    /// looks again by itself, so that not every short body has to wake it.
    pub(super) fn take_words(&mut self) -> Words {
        self.told = false;
        self.looks_again = !self.runs.is_empty() && self.stream.has_words();
        Words {
            chunks: self.stream.take(),
            flushes: self.flushes.len(),
            broken: self.broken.take(),
            looks_again: self.looks_again,
        }
    }

    /// When somebody wants to be told the time.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let machine = self.machine.next_deadline().map(|(at, _)| at);
        let run = self.run_deadlines.first().map(|(at, _)| *at);
        [machine, run, self.gauge.next_look()].into_iter().flatten().min()
    }

    /// A name for `request`, until the machine has judged it.
    pub(super) fn new_request(&mut self, request: Request) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        self.requests.insert(id, request);
        id
    }
}
