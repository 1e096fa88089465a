//! Everything that follows from the runs, the data and the peers, kept up to date instead of
//! recomputed: who uses what, what comes next, who is asked next, what is due when.
//!
//! `enter` and `leave` mirror each other, and [`Index::rebuild`] is their oracle. This module must
//! not know effects, or why a state changes.

use std::collections::{BTreeMap, BTreeSet};

use raddle_net::names::{Priority, RunId, WorkerId};

use super::Peer;
use super::datum::{Datum, DatumState, Search};
use super::run::{Activity, Run, RunState};
use super::table::RunTable;
use crate::ranked::Ranked;
use crate::time::Instant;
use crate::worker::Timer;

/// What goes before everything else.
const FIRST: Priority =
    Priority { negated: i32::MIN, nesting: i16::MIN, submission: 0, order: 0, client: 0 };
/// What comes after everything else: copies that no run waits for.
pub(super) const LAST: Priority = Priority {
    negated: i32::MAX,
    nesting: i16::MAX,
    submission: u64::MAX,
    order: u32::MAX,
    client: u32::MAX,
};

/// Everything that follows from the runs, the data and the peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Slots taken by announced runs.
    pub(super) announced: usize,
    /// Peers that may not be asked now, for any value.
    pub(super) away: BTreeSet<WorkerId>,
    /// Peers that are being asked.
    pub(super) gathers: usize,
    /// What is most urgent of each queue of `wanted`, but for peers that are away.
    pub(super) heads: BTreeSet<(Priority, RunId, WorkerId)>,
    /// Bytes on their way here.
    pub(super) incoming: u64,
    /// Ready runs that need no announcement.
    pub(super) ready: Ranked<Priority, RunId>,
    /// Ready runs that need one.
    pub(super) ready_announced: Ranked<Priority, RunId>,
    /// Slots taken.
    pub(super) slots: usize,
    /// What is due when.
    pub(super) timers: BTreeSet<(Instant, Timer)>,
    /// Entered bodies that wait for a slot.
    pub(super) unblocked: Ranked<Priority, RunId>,
    /// (datum, priority of the user, user): which runs that are not entered have it as an input. What
    /// is acquired uses itself.
    pub(super) users: BTreeSet<(RunId, Priority, RunId)>,
    /// By peer: data in fetch that it can be asked for. Invariant: no queue is empty.
    pub(super) wanted: BTreeMap<WorkerId, BTreeSet<(Priority, RunId)>>,
}

impl Index {
    /// The index of these tables, from nothing.
    pub fn rebuild(
        runs: &RunTable<Run>,
        data: &RunTable<Datum>,
        peers: &BTreeMap<WorkerId, Peer>,
    ) -> Self {
        let mut index = Self::default();
        for (id, run) in runs.iter() {
            index.enter_run(id, run);
            index.users.extend(run.inputs.iter().map(|&input| (input, run.priority, id)));
        }
        for (&peer, state) in peers {
            index.enter_peer(peer, state);
        }
        for (id, datum) in data.iter() {
            if datum.acquired {
                index.users.insert((id, LAST, id));
            }
            index.enter_datum(id, datum);
        }
        index
    }

    /// Whether a run is in the queue that its state says, if any, and is known to use its inputs.
    pub fn holds_run(&self, id: RunId, run: &Run) -> bool {
        let is_ready = run.state == RunState::Ready;
        let is_unblocked =
            matches!(run.state, RunState::Busy { activity: Activity::Unblocked, .. });
        self.unblocked.contains(run.priority, id) == is_unblocked
            && self.ready_announced.contains(run.priority, id) == (is_ready && run.announce)
            && self.ready.contains(run.priority, id) == (is_ready && !run.announce)
            && run.inputs.iter().all(|&input| self.users.contains(&(input, run.priority, id)))
    }

    /// Whether a datum has the timers, and is in the queues, that its state says. That it has no
    /// others, [`rebuild`](Self::rebuild) says.
    pub fn holds_datum(&self, id: RunId, datum: &Datum) -> bool {
        let Some(search) = datum.state.search() else { return true };
        let mut aside = search.aside();
        let is_timed = aside.all(|(at, peer)| self.timers.contains(&(at, Timer::Retry(id, peer))));
        let is_placed = match &datum.state {
            DatumState::Fetch(search) => self.urgency(id).is_some_and(|priority| {
                let is_wanted_of = |peer| {
                    let queue = self.wanted.get(&peer);
                    queue.is_some_and(|queue| queue.contains(&(priority, id)))
                };
                search.askable().all(is_wanted_of)
            }),
            DatumState::Missing(search) => {
                self.timers.contains(&(search.locate_at, Timer::Locate(id)))
            }
            DatumState::Flight { .. } | DatumState::Memory { .. } | DatumState::Promised => true,
        };
        is_timed && is_placed
    }

    /// The run that should have the next slot.
    pub fn next_to_run(&self) -> Option<RunId> {
        if let Some((_, run)) = self.unblocked.first() {
            return Some(run);
        }
        let plain = self.ready.first();
        let announced = self.ready_announced.first().filter(|_| self.announced == 0);
        plain.into_iter().chain(announced).min().map(|(_, run)| run)
    }

    /// The peer that should be asked next, and the most urgent datum that it holds.
    pub fn next_to_ask(&self) -> Option<(WorkerId, RunId)> {
        self.heads.first().map(|&(_, datum, peer)| (peer, datum))
    }

    /// Data that `peer` can be asked for, the most urgent first.
    pub fn wanted_of(&self, peer: WorkerId) -> impl Iterator<Item = RunId> + '_ {
        self.wanted.get(&peer).into_iter().flatten().map(|&(_, datum)| datum)
    }

    /// Runs, not entered, that have `datum` as an input; the most urgent first. Last, if it is
    /// acquired, itself.
    pub fn users(&self, datum: RunId) -> impl Iterator<Item = RunId> + '_ {
        self.entries_of(datum).map(|&(_, _, run)| run)
    }

    /// What is due first.
    pub fn next_deadline(&self) -> Option<(Instant, Timer)> {
        self.timers.first().copied()
    }

    /// How many entries of runs, data and peers there are, in all queues, timers among them.
    pub fn entries(&self) -> usize {
        let wanted: usize = self.wanted.values().map(BTreeSet::len).sum();
        let queued = self.ready.len() + self.ready_announced.len() + self.unblocked.len();
        let peers = self.away.len() + self.heads.len() + wanted;
        queued + peers + self.users.len() + self.timers.len()
    }

    /// What is due by now.
    pub fn due(&self, now: Instant) -> impl Iterator<Item = Timer> + '_ {
        self.timers.iter().take_while(move |(at, _)| *at <= now).map(|&(_, timer)| timer)
    }

    /// Slots taken.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Peers that are being asked.
    pub fn gathers(&self) -> usize {
        self.gathers
    }

    /// Bytes on their way here.
    pub fn incoming(&self) -> u64 {
        self.incoming
    }

    /// The priority of the most urgent user of `datum`.
    pub(super) fn urgency(&self, datum: RunId) -> Option<Priority> {
        self.entries_of(datum).next().map(|&(_, priority, _)| priority)
    }

    fn entries_of(&self, datum: RunId) -> impl Iterator<Item = &(RunId, Priority, RunId)> {
        self.users
            .range((datum, FIRST, RunId::default())..)
            .take_while(move |&&(used, _, _)| used == datum)
    }

    pub(super) fn enter_run(&mut self, id: RunId, run: &Run) {
        self.timers.extend(run.limit().map(|at| (at, Timer::Limit(id))));
        if run.has_slot() {
            self.slots += 1;
            self.announced += usize::from(run.announce);
        }
        if let Some(queue) = self.queue_of(run) {
            assert!(queue.insert(run.priority, id), "{id} was queued");
        }
    }

    pub(super) fn leave_run(&mut self, id: RunId, run: &Run) {
        if let Some(at) = run.limit() {
            self.timers.remove(&(at, Timer::Limit(id)));
        }
        if run.has_slot() {
            self.slots -= 1;
            self.announced -= usize::from(run.announce);
        }
        if let Some(queue) = self.queue_of(run) {
            assert!(queue.remove(run.priority, id), "{id} was not queued");
        }
    }

    fn queue_of(&mut self, run: &Run) -> Option<&mut Ranked<Priority, RunId>> {
        match run.state {
            RunState::Busy { activity: Activity::Unblocked, .. } => Some(&mut self.unblocked),
            RunState::Ready if run.announce => Some(&mut self.ready_announced),
            RunState::Ready => Some(&mut self.ready),
            RunState::Busy { activity: Activity::Blocked | Activity::Executing, .. }
            | RunState::Flushing
            | RunState::Receiving
            | RunState::Waiting { .. } => None,
        }
    }

    pub(super) fn enter_datum(&mut self, id: RunId, datum: &Datum) {
        match &datum.state {
            DatumState::Fetch(search) => self.enter_fetch(id, search),
            DatumState::Flight { search, .. } => self.incoming += search.nbytes,
            DatumState::Missing(search) => {
                self.timers.insert((search.locate_at, Timer::Locate(id)));
            }
            DatumState::Memory { .. } | DatumState::Promised => return,
        }
        for (at, peer) in datum.state.search().into_iter().flat_map(Search::aside) {
            self.timers.insert((at, Timer::Retry(id, peer)));
        }
    }

    pub(super) fn leave_datum(&mut self, id: RunId, datum: &Datum) {
        match &datum.state {
            DatumState::Fetch(search) => self.leave_fetch(id, search),
            DatumState::Flight { search, .. } => self.incoming -= search.nbytes,
            DatumState::Missing(search) => {
                self.timers.remove(&(search.locate_at, Timer::Locate(id)));
            }
            DatumState::Memory { .. } | DatumState::Promised => return,
        }
        for (at, peer) in datum.state.search().into_iter().flat_map(Search::aside) {
            self.timers.remove(&(at, Timer::Retry(id, peer)));
        }
    }

    /// A datum in fetch without users is in no queue: it is on its way in or out.
    fn enter_fetch(&mut self, id: RunId, search: &Search) {
        let Some(priority) = self.urgency(id) else { return };
        for peer in search.askable() {
            self.hide_head(peer);
            let queue = self.wanted.entry(peer).or_default();
            assert!(queue.insert((priority, id)), "{id} was queued");
            self.show_head(peer);
        }
    }

    /// Mirrors [`Self::enter_fetch`]; the users must still be what they were then.
    fn leave_fetch(&mut self, id: RunId, search: &Search) {
        let Some(priority) = self.urgency(id) else { return };
        for peer in search.askable() {
            self.hide_head(peer);
            let queue = self.wanted.get_mut(&peer).expect("the datum is in it");
            assert!(queue.remove(&(priority, id)), "{id} was not queued");
            if queue.is_empty() {
                self.wanted.remove(&peer);
            }
            self.show_head(peer);
        }
    }

    pub(super) fn enter_peer(&mut self, peer: WorkerId, state: &Peer) {
        self.hide_head(peer);
        self.away.insert(peer);
        match state {
            Peer::Asked { .. } => self.gathers += 1,
            Peer::Paused { until } => {
                self.timers.insert((*until, Timer::Busy(peer)));
            }
        }
    }

    pub(super) fn leave_peer(&mut self, peer: WorkerId, state: &Peer) {
        self.away.remove(&peer);
        self.show_head(peer);
        match state {
            Peer::Asked { .. } => self.gathers -= 1,
            Peer::Paused { until } => {
                self.timers.remove(&(*until, Timer::Busy(peer)));
            }
        }
    }

    fn hide_head(&mut self, peer: WorkerId) {
        if let Some(&(priority, datum)) = self.wanted.get(&peer).and_then(BTreeSet::first) {
            self.heads.remove(&(priority, datum, peer));
        }
    }

    fn show_head(&mut self, peer: WorkerId) {
        if self.away.contains(&peer) {
            return;
        }
        if let Some(&(priority, datum)) = self.wanted.get(&peer).and_then(BTreeSet::first) {
            self.heads.insert((priority, datum, peer));
        }
    }
}
