//! Values on their way, and those that are put off. Few at any time, so kept apart from futures.
//!
//! This module must not know what is pulled and what is pushed.

use std::collections::{BTreeMap, BTreeSet};

use raddle_net::names::{Key, RunId, WorkerId};

use super::effect::Route;
use crate::time::Instant;
use crate::touched::Log;

/// How far the value of a key is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transfer {
    /// Failures in a row.
    pub(super) failures: u32,
    /// What it waits for.
    pub(super) phase: Phase,
}

/// What a transfer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The scheduler was asked who holds the value.
    Locating {
        /// Who had been thought to.
        failed: WorkerId,
    },
    /// The driver.
    Underway {
        /// The run whose value it is.
        run: RunId,
        /// The other end.
        worker: WorkerId,
        /// How it goes there.
        route: Route,
    },
    /// Time.
    Waiting {
        /// When to try again.
        until: Instant,
        /// The other end, as it was known when the wait began.
        worker: WorkerId,
    },
}

/// All transfers, at most one a key.
#[derive(Clone, Debug)]
pub(super) struct Transfers {
    by_key: BTreeMap<Key, Transfer>,
    /// Those that are `Waiting`.
    timers: BTreeSet<(Instant, Key)>,
    touched: Log<Key>,
}

impl Transfers {
    /// There are none yet.
    pub(super) fn new(track_touched: bool) -> Self {
        let touched = Log::new(track_touched);
        Self { by_key: BTreeMap::new(), timers: BTreeSet::new(), touched }
    }

    /// What was touched since the current event began.
    pub(super) fn touched(&self) -> &Log<Key> {
        &self.touched
    }

    /// An event begins: nothing is touched yet.
    pub(super) fn begin_event(&mut self) {
        self.touched.clear();
    }

    /// The transfer of `key`.
    pub(super) fn get(&self, key: Key) -> Option<Transfer> {
        self.by_key.get(&key).copied()
    }

    /// Whether the driver is at it.
    pub(super) fn is_underway(&self, key: Key) -> bool {
        matches!(self.get(key), Some(Transfer { phase: Phase::Underway { .. }, .. }))
    }

    /// The transfer of `key` is now this.
    pub(super) fn set(&mut self, key: Key, failures: u32, phase: Phase) {
        self.remove(key);
        if let Phase::Waiting { until, .. } = phase {
            self.timers.insert((until, key));
        }
        self.by_key.insert(key, Transfer { failures, phase });
    }

    /// Forgets the transfer of `key`.
    pub(super) fn remove(&mut self, key: Key) {
        self.touched.note(key);
        if let Some(Transfer { phase: Phase::Waiting { until, .. }, .. }) = self.by_key.remove(&key)
        {
            self.timers.remove(&(until, key));
        }
    }

    /// What has waited long enough, the longest first: its key and its failures in a row. It is
    /// forgotten.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Key, u32)> {
        let (_, key) = self.next_due().filter(|(until, _)| *until <= now)?;
        let failures = self.get(key).map_or(0, |transfer| transfer.failures);
        self.remove(key);
        Some((key, failures))
    }

    /// What is to be tried again next, and when.
    pub(super) fn next_due(&self) -> Option<(Instant, Key)> {
        self.timers.first().copied()
    }

    /// All, in the order of keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, Transfer)> + '_ {
        self.by_key.iter().map(|(&key, &transfer)| (key, transfer))
    }

    /// Whether a transfer that is `Waiting` has its timer.
    pub(super) fn is_timed(&self, key: Key, transfer: Transfer) -> bool {
        match transfer.phase {
            Phase::Locating { .. } | Phase::Underway { .. } => true,
            Phase::Waiting { until, .. } => self.timers.contains(&(until, key)),
        }
    }

    /// Whether the timers are those of what is `Waiting`.
    pub(super) fn timers_mirror(&self) -> bool {
        let waiting = self.iter().filter_map(|(key, transfer)| match transfer.phase {
            Phase::Locating { .. } | Phase::Underway { .. } => None,
            Phase::Waiting { until, .. } => Some((until, key)),
        });
        waiting.collect::<BTreeSet<_>>() == self.timers
    }
}
