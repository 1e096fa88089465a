//! What must hold after every event. One function a sentence.

use std::collections::BTreeSet;

use raddle_net::names::{RunId, WorkerId};

use super::Worker;
use super::state::{Datum, DatumKind, DatumState, Peer, Run, RunState};

/// An invariant that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A datum in fetch has nobody to be asked, or a missing one has somebody.
    Askable(RunId),
    /// A peer is asked for something that is not in flight from it, or the reverse.
    Asked(WorkerId),
    /// This many peers are asked at a time.
    Gathers(usize),
    /// A search names this worker itself, a stranger, or somebody twice, as a holder.
    Holder(RunId, WorkerId),
    /// A run that could have a slot has none.
    IdleSlot(RunId),
    /// A peer that could be asked is not.
    IdlePeer(WorkerId),
    /// This many bytes are on their way here, in several values.
    Incoming(u64),
    /// What follows from the tables is not what was kept up to date.
    Index,
    /// A run that is ready has an input that is not in memory.
    Input {
        /// The run.
        run: RunId,
        /// The input.
        input: RunId,
    },
    /// A run waits for another number of inputs than are missing, or for none.
    Missing {
        /// The run.
        run: RunId,
        /// What it waits for.
        counted: usize,
        /// What is missing.
        missing: usize,
    },
    /// A datum is promised, but no run here will make it.
    Promise(RunId),
    /// This many requests are served at a time.
    Serves(usize),
    /// This many slots are taken.
    Slots(usize),
    /// A run's value is here, or on its way, and the run is not over.
    TwoSources(RunId),
    /// An input of a run is not known.
    UnknownInput {
        /// The run.
        run: RunId,
        /// The input.
        input: RunId,
    },
    /// A datum that is only wanted is wanted by nobody.
    Unneeded(RunId),
    /// A datum has another number of users than it counts.
    Users(RunId),
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Worker {
    /// Says which invariant is broken, if one is. Linear in everything that the worker knows.
    ///
    /// # Errors
    /// The first violation found.
    pub fn check(&self) -> Result<(), Violation> {
        self.check_index()?;
        self.check_limits()?;
        for (id, run) in self.state.runs().iter() {
            self.check_inputs(id, run)?;
        }
        for (id, datum) in self.state.data().iter() {
            self.check_datum(id, datum)?;
            self.check_holders(id, &datum.state)?;
        }
        self.check_gathers()?;
        self.check_nothing_idles()
    }

    /// Counts, queues, users and timers are what the tables say.
    fn check_index(&self) -> Result<(), Violation> {
        ensure(*self.state.index() == self.state.rebuild_index(), Violation::Index)
    }

    /// No limit of the configuration is passed; a single value may be larger than the budget.
    fn check_limits(&self) -> Result<(), Violation> {
        let (index, config) = (self.state.index(), &self.config);
        let is_flight = |kind| kind == DatumKind::Flight;
        let flights = self.state.data().iter().filter(|(_, datum)| is_flight(datum.state.kind()));
        ensure(index.slots() <= config.nthreads, Violation::Slots(index.slots()))?;
        ensure(index.gathers() <= config.max_gathers, Violation::Gathers(index.gathers()))?;
        ensure(
            index.incoming() <= config.incoming_bytes || flights.count() == 1,
            Violation::Incoming(index.incoming()),
        )?;
        ensure(self.serves <= config.max_serves, Violation::Serves(self.serves))
    }

    /// A run that is not entered knows all its inputs, and waits for exactly those not in memory.
    fn check_inputs(&self, id: RunId, run: &Run) -> Result<(), Violation> {
        let mut absent = BTreeSet::new();
        for &input in run.inputs() {
            match self.state.datum_kind(input) {
                DatumKind::Memory => {}
                DatumKind::Gone => return Err(Violation::UnknownInput { run: id, input }),
                DatumKind::Fetch | DatumKind::Flight | DatumKind::Missing | DatumKind::Promised => {
                    absent.insert(input);
                }
            }
        }
        match (run.state(), absent.first()) {
            (RunState::Waiting { missing: counted }, _) => {
                let missing = absent.len();
                ensure(
                    counted == missing && counted > 0,
                    Violation::Missing { run: id, counted, missing },
                )
            }
            (_, Some(&input)) => Err(Violation::Input { run: id, input }),
            (_, None) => Ok(()),
        }
    }

    /// A datum counts its users, has one source, and, unless it is here or on its way, a user.
    fn check_datum(&self, id: RunId, datum: &Datum) -> Result<(), Violation> {
        let run = self.state.run(id);
        let is_used = datum.users > 0;
        ensure(self.state.index().users(id).count() == datum.users, Violation::Users(id))?;
        match datum.state.kind() {
            DatumKind::Promised => {
                ensure(run.is_some_and(Run::is_wanted), Violation::Promise(id))?;
                ensure(is_used, Violation::Unneeded(id))
            }
            DatumKind::Missing => {
                ensure(run.is_none_or(|run| !run.is_wanted()), Violation::TwoSources(id))?;
                ensure(is_used, Violation::Unneeded(id))
            }
            DatumKind::Fetch => {
                ensure(run.is_none(), Violation::TwoSources(id))?;
                ensure(is_used, Violation::Unneeded(id))
            }
            DatumKind::Flight | DatumKind::Memory => {
                ensure(run.is_none(), Violation::TwoSources(id))
            }
            DatumKind::Gone => unreachable!("it is in the table"),
        }
    }

    /// Holders are peers that were introduced, each named once; somebody can be asked for what is in
    /// fetch, and nobody for what is missing.
    fn check_holders(&self, id: RunId, state: &DatumState) -> Result<(), Violation> {
        let Some(search) = state.search() else { return Ok(()) };
        let mut seen = BTreeSet::new();
        for holder in &search.holders {
            let is_new = seen.insert(holder.peer) && self.session.is_peer(holder.peer);
            ensure(is_new, Violation::Holder(id, holder.peer))?;
        }
        let is_askable = search.askable().next().is_some();
        let holds = match state.kind() {
            DatumKind::Fetch => is_askable,
            DatumKind::Missing => !is_askable,
            DatumKind::Flight | DatumKind::Gone | DatumKind::Memory | DatumKind::Promised => true,
        };
        ensure(holds, Violation::Askable(id))
    }

    /// A peer is asked for exactly the data in flight from it.
    fn check_gathers(&self) -> Result<(), Violation> {
        let mut flights: BTreeSet<(WorkerId, RunId)> = BTreeSet::new();
        for (id, datum) in self.state.data().iter() {
            if let DatumState::Flight { peer, .. } = datum.state {
                flights.insert((peer, id));
            }
        }
        for (&peer, state) in self.state.peers() {
            if let Peer::Asked { data } = state {
                for &datum in data {
                    ensure(flights.remove(&(peer, datum)), Violation::Asked(peer))?;
                }
            }
        }
        flights.first().map_or(Ok(()), |&(peer, _)| Err(Violation::Asked(peer)))
    }

    /// A free slot is not left free while a run wants it, nor a peer unasked.
    fn check_nothing_idles(&self) -> Result<(), Violation> {
        let next = self.state.index().next_to_run();
        if let Some(run) = next.filter(|_| self.state.index().slots() < self.config.nthreads) {
            return Err(Violation::IdleSlot(run));
        }
        self.next_question().map_or(Ok(()), |(peer, ..)| Err(Violation::IdlePeer(peer)))
    }
}

fn ensure(holds: bool, violation: Violation) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(violation) }
}
