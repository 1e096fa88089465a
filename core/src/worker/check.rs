//! What must hold after every event. One function a sentence.

use std::collections::BTreeSet;

use raddle_net::names::{RunId, WorkerId};

use super::state::{Datum, DatumKind, DatumState, Peer, Run, RunState};
use super::{Violation, Worker};
use crate::touched::{WIDE, distinct};

impl Worker {
    /// Says which invariant is broken, if one is. Linear in everything that the worker knows.
    ///
    /// # Errors
    /// The first violation found.
    pub fn check(&self) -> Result<(), Violation> {
        self.check_index()?;
        self.check_limits()?;
        for (id, _) in self.state.runs().iter() {
            self.check_run(id)?;
        }
        for (id, datum) in self.state.data().iter() {
            self.check_users(id, datum)?;
            self.check_datum(id)?;
        }
        for &peer in self.state.peers().keys() {
            self.check_peer(peer)?;
        }
        self.check_nothing_idles()
    }

    /// The same, of what the last event touched; what holds of all together only is left to
    /// [`check`](Self::check). Costs about as much as the event did. It sees nothing unless
    /// [`Config::track_touched`](super::Config::track_touched) is set.
    ///
    /// # Errors
    /// The first violation found.
    pub fn check_touched(&self) -> Result<(), Violation> {
        self.check_limits()?;
        let touched = self.state.touched();
        let (mut runs, mut data) = (touched.runs.distinct(), touched.data.distinct());
        let users = data.iter().flat_map(|id| self.state.index().users(*id).take(WIDE));
        let (of_data, users): (Vec<RunId>, Vec<RunId>) = (data.clone(), users.collect());
        let inputs = runs.iter().filter_map(|id| self.state.run(*id)).flat_map(Run::inputs);
        data.extend(inputs.copied().chain(touched.used.distinct()));
        data.extend(&runs);
        runs.extend(users.into_iter().chain(of_data));
        for id in distinct(runs) {
            self.check_run(id)?;
        }
        for id in distinct(data) {
            if let Some(datum) = self.state.datum(id).filter(|datum| datum.users <= WIDE) {
                self.check_users(id, datum)?;
            }
            self.check_datum(id)?;
        }
        for peer in touched.peers.distinct() {
            self.check_peer(peer)?;
        }
        self.check_nothing_idles()
    }

    /// Counts, queues, users and timers are what the tables say.
    fn check_index(&self) -> Result<(), Violation> {
        ensure(*self.state.index() == self.state.rebuild_index(), Violation::Index)
    }

    /// No limit of the configuration is passed; a single value may be larger than the budget.
    fn check_limits(&self) -> Result<(), Violation> {
        let (index, config) = (self.state.index(), &self.config);
        let flights = || self.state.peers().values().map(Peer::asked).map(<[RunId]>::len);
        ensure(index.slots() <= config.nthreads, Violation::Slots(index.slots()))?;
        ensure(index.gathers() <= config.max_gathers, Violation::Gathers(index.gathers()))?;
        ensure(
            index.incoming() <= config.incoming_bytes || flights().sum::<usize>() == 1,
            Violation::Incoming(index.incoming()),
        )?;
        ensure(self.serves <= config.max_serves, Violation::Serves(self.serves))
    }

    /// A run that is not entered knows all its inputs, and waits for exactly those not in memory.
    fn check_run(&self, id: RunId) -> Result<(), Violation> {
        let Some(run) = self.state.run(id) else { return Ok(()) };
        ensure(self.state.index().holds_run(id, run), Violation::Index)?;
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

    /// A datum counts its users.
    fn check_users(&self, id: RunId, datum: &Datum) -> Result<(), Violation> {
        ensure(self.state.index().users(id).count() == datum.users, Violation::Users(id))
    }

    /// Everything else that must hold of one datum.
    fn check_datum(&self, id: RunId) -> Result<(), Violation> {
        let Some(datum) = self.state.datum(id) else { return Ok(()) };
        ensure(self.state.index().holds_datum(id, datum), Violation::Index)?;
        self.check_source(id, datum)?;
        self.check_holders(id, &datum.state)?;
        self.check_flight(id, &datum.state)
    }

    /// A datum has one source, and, unless it is here or on its way, a user.
    fn check_source(&self, id: RunId, datum: &Datum) -> Result<(), Violation> {
        let run = self.state.run(id);
        let is_used = datum.users > 0;
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

    /// What is in flight is asked for, of the peer from which it is.
    fn check_flight(&self, id: RunId, state: &DatumState) -> Result<(), Violation> {
        let DatumState::Flight { peer, .. } = state else { return Ok(()) };
        let asked = self.state.peers().get(peer).is_some_and(|peer| peer.asked().contains(&id));
        ensure(asked, Violation::Asked(*peer))
    }

    /// What a peer is asked for is in flight from it, once.
    fn check_peer(&self, id: WorkerId) -> Result<(), Violation> {
        let asked = self.state.peers().get(&id).map_or(&[][..], Peer::asked);
        let is_in_flight = |datum: &RunId| {
            let datum = self.state.datum(*datum).map(|datum| &datum.state);
            matches!(datum, Some(DatumState::Flight { peer, .. }) if *peer == id)
        };
        let sound = asked.iter().all(is_in_flight) && distinct(asked.to_vec()).len() == asked.len();
        ensure(sound, Violation::Asked(id))
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
