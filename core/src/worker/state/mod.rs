//! What a worker knows of its runs, of the data they use and make, and of the peers it asks.
//!
//! The methods here are the only writers of these tables, and so of the [`Index`]. This module must
//! not know effects, or why a state changes.

#[cfg(test)]
mod corrupt;
mod datum;
mod index;
mod run;
mod table;
mod touched;

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use raddle_net::messages::TaskSpec;
use raddle_net::names::{Key, Priority, RunId, WorkerId};
use raddle_net::payload::Blob;
use smallvec::SmallVec;

#[cfg(test)]
pub use corrupt::Corruption;
pub use datum::{Datum, DatumKind, DatumState, Search};
pub use index::Index;
pub use run::{Activity, Intent, Run, RunKind, RunState};
pub use table::RunTable;
pub use touched::Touched;

use super::effect::Execute;
use crate::time::Instant;

/// The runs, the data, the peers that are not idle, and what follows from them.
#[derive(Clone, Debug, Default)]
pub struct State {
    runs: RunTable<Run>,
    data: RunTable<Datum>,
    peers: BTreeMap<WorkerId, Peer>,
    index: Index,
    touched: Touched,
}

/// A peer that may not be asked now. An idle one is not in the table.
#[derive(Clone, Debug)]
pub enum Peer {
    /// It is being asked.
    Asked {
        /// For what. Invariant: exactly the data in flight from it.
        data: Vec<RunId>,
    },
    /// It was busy.
    Paused {
        /// It is left alone until then.
        until: Instant,
    },
}

impl Peer {
    /// What it is being asked for.
    pub fn asked(&self) -> &[RunId] {
        match self {
            Self::Asked { data } => data,
            Self::Paused { .. } => &[],
        }
    }
}

/// What a new run is made of.
#[derive(Debug)]
pub struct NewRun {
    pub key: Key,
    pub priority: Priority,
    pub announce: bool,
    pub attempt: u32,
    pub spec: Arc<TaskSpec>,
    pub inputs: SmallVec<[RunId; 1]>,
    pub args: Blob,
}

impl State {
    /// Nothing is known yet.
    pub fn new(track_touched: bool) -> Self {
        Self { touched: Touched::new(track_touched), ..Self::default() }
    }

    /// What was touched since the current event began.
    pub fn touched(&self) -> &Touched {
        &self.touched
    }

    /// An event begins: nothing is touched yet.
    pub fn begin_event(&mut self) {
        self.touched.clear();
    }

    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.get(id)
    }

    pub fn run_kind(&self, id: RunId) -> RunKind {
        self.runs.get(id).map_or(RunKind::Gone, |run| run.state.kind())
    }

    pub fn runs(&self) -> &RunTable<Run> {
        &self.runs
    }

    pub fn datum(&self, id: RunId) -> Option<&Datum> {
        self.data.get(id)
    }

    pub fn datum_kind(&self, id: RunId) -> DatumKind {
        self.data.get(id).map_or(DatumKind::Gone, |datum| datum.state.kind())
    }

    pub fn data(&self) -> &RunTable<Datum> {
        &self.data
    }

    pub fn peers(&self) -> &BTreeMap<WorkerId, Peer> {
        &self.peers
    }

    pub fn paused_peers(&self) -> impl Iterator<Item = WorkerId> + '_ {
        let paused = |state: &Peer| match state {
            Peer::Asked { .. } => false,
            Peer::Paused { .. } => true,
        };
        self.peers.iter().filter(move |(_, state)| paused(state)).map(|(&peer, _)| peer)
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The index as it should be.
    pub fn rebuild_index(&self) -> Index {
        Index::rebuild(&self.runs, &self.data, &self.peers)
    }

    /// Adds a run, whose inputs all have a datum, in the state that follows from them.
    pub fn insert_run(&mut self, id: RunId, new: NewRun) {
        let NewRun { key, priority, announce, attempt, spec, inputs, args } = new;
        let mut missing = 0;
        for &input in &inputs {
            if self.add_user(input, priority, id) && self.datum_kind(input) != DatumKind::Memory {
                missing += 1;
            }
        }
        let state = if missing == 0 { RunState::Ready } else { RunState::Waiting { missing } };
        self.enter_run(
            id,
            Run { key, priority, announce, attempt, spec, inputs, args, limit: None, state },
        );
    }

    /// Adds a run whose value is sent to this worker.
    pub fn insert_receiving(&mut self, id: RunId, new: NewRun) {
        let NewRun { key, priority, announce, attempt, spec, inputs: _, args: _ } = new;
        let (inputs, args) = (SmallVec::new(), Blob::new());
        let state = RunState::Receiving;
        self.enter_run(
            id,
            Run { key, priority, announce, attempt, spec, inputs, args, limit: None, state },
        );
    }

    fn enter_run(&mut self, id: RunId, run: Run) {
        self.touched.runs.note(id);
        self.index.enter_run(id, &run);
        self.runs.insert(id, run);
    }

    /// Changes the state of a run.
    pub fn set_run(&mut self, id: RunId, state: RunState) {
        let run = self.runs.get_mut(id).expect("only runs that are here change");
        self.touched.runs.note(id);
        self.index.leave_run(id, run);
        run.state = state;
        self.index.enter_run(id, run);
    }

    /// The body of a run is entered, for no longer than until then.
    pub fn limit_run(&mut self, id: RunId, limit: Instant) {
        let run = self.runs.get_mut(id).expect("only runs that are here change");
        self.index.leave_run(id, run);
        run.limit = Some(limit);
        self.index.enter_run(id, run);
    }

    /// Removes a run. Returns it, and which of its inputs nobody uses now.
    pub fn remove_run(&mut self, id: RunId) -> (Run, SmallVec<[RunId; 1]>) {
        let mut run = self.runs.remove(id).expect("only runs that are here go");
        self.touched.runs.note(id);
        self.index.leave_run(id, &run);
        let mut unused = mem::take(&mut run.inputs);
        unused.retain(|input| self.remove_user(*input, run.priority, id));
        (run, unused)
    }

    /// What the driver needs to enter the body of a run. From here on the body, not the run, uses
    /// the inputs.
    pub fn take_body(&mut self, id: RunId) -> Execute {
        let run = self.runs.get_mut(id).expect("only runs that are here are entered");
        self.touched.runs.note(id);
        let inputs = mem::take(&mut run.inputs);
        let args = mem::take(&mut run.args);
        let (key, priority, attempt, spec) =
            (run.key, run.priority, run.attempt, Arc::clone(&run.spec));
        for &input in &inputs {
            self.remove_user(input, priority, id);
        }
        Execute { key, run: id, attempt, spec, inputs, args }
    }

    /// Adds a datum that nobody uses yet, or brings one back.
    pub fn insert_datum(&mut self, id: RunId, datum: Datum) {
        self.touched.data.note(id);
        self.index.enter_datum(id, &datum);
        self.data.insert(id, datum);
    }

    /// Changes the state of a datum.
    pub fn set_datum(&mut self, id: RunId, state: DatumState) {
        let datum = self.data.get_mut(id).expect("only data that are here change");
        self.touched.data.note(id);
        self.index.leave_datum(id, datum);
        datum.state = state;
        self.index.enter_datum(id, datum);
    }

    /// Removes a datum. If it has users, they keep it as an input: it is brought back in the same
    /// event.
    pub fn remove_datum(&mut self, id: RunId) -> Datum {
        let datum = self.data.remove(id).expect("only data that are here go");
        self.touched.data.note(id);
        self.index.leave_datum(id, &datum);
        datum
    }

    /// A copy of a datum that is not here is to be here, or is not any more. Returns whether nobody
    /// uses it now.
    pub fn set_acquired(&mut self, id: RunId, acquired: bool) -> bool {
        self.touched.data.note(id);
        if acquired {
            self.add_user(id, index::LAST, id);
        } else {
            self.remove_user(id, index::LAST, id);
        }
        let datum = self.data.get_mut(id).expect("only data that are here are acquired");
        datum.acquired = acquired;
        datum.users == 0
    }

    /// Says that a peer may not be asked now (or, with `None`, that it may). Returns what was.
    pub fn set_peer(&mut self, peer: WorkerId, state: Option<Peer>) -> Option<Peer> {
        self.touched.peers.note(peer);
        let previous = self.peers.remove(&peer);
        if let Some(previous) = &previous {
            self.index.leave_peer(peer, previous);
        }
        if let Some(state) = state {
            self.index.enter_peer(peer, &state);
            self.peers.insert(peer, state);
        }
        previous
    }

    /// Returns whether the use is a new one.
    fn add_user(&mut self, id: RunId, priority: Priority, run: RunId) -> bool {
        let datum = self.data.get_mut(id).expect("inputs are known");
        let requeue =
            is_fetch(datum) && self.index.urgency(id).is_none_or(|least| priority < least);
        if requeue {
            self.index.leave_datum(id, datum);
        }
        self.touched.used.note(id);
        let is_new = self.index.users.insert((id, priority, run));
        datum.users += usize::from(is_new);
        if requeue {
            self.index.enter_datum(id, datum);
        }
        is_new
    }

    /// Returns whether it was the last use.
    fn remove_user(&mut self, id: RunId, priority: Priority, run: RunId) -> bool {
        let datum = self.data.get_mut(id).expect("inputs are known");
        let requeue = is_fetch(datum) && self.index.urgency(id) == Some(priority);
        if requeue {
            self.index.leave_datum(id, datum);
        }
        self.touched.used.note(id);
        let was_there = self.index.users.remove(&(id, priority, run));
        datum.users -= usize::from(was_there);
        if requeue {
            self.index.enter_datum(id, datum);
        }
        was_there && datum.users == 0
    }
}

/// Whether the place of a datum in the queues depends on its users.
fn is_fetch(datum: &Datum) -> bool {
    datum.state.kind() == DatumKind::Fetch
}
