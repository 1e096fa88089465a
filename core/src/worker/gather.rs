//! A datum's life when its value is elsewhere: fetch → flight → memory, or missing. Edges of the
//! transition table, and the choice of who is asked next for how much.

use std::mem;
use std::sync::Arc;

use raddle_net::limits::MAX_SEGMENTS;
use raddle_net::messages::{Item, WorkerMessage};
use raddle_net::names::{Key, RunId, WorkerId};

use super::Worker;
use super::effect::Effect;
use super::state::{Datum, DatumState, Peer, Search};
use super::turn::{DatumGoal, Turn};
use crate::time::{Duration, Instant};

impl Worker {
    /// Asks peers for what is most urgent. Once an event, when everything else has settled, so that
    /// one question holds as much as it may.
    pub(super) fn ask_peers(&mut self, turn: &mut Turn<'_>) {
        while let Some((peer, items, nbytes)) = self.next_question() {
            let data: Vec<RunId> = items.iter().map(|item| item.run).collect();
            for &datum in &data {
                self.step_datum(datum, DatumGoal::Ask(peer), turn);
            }
            self.state.set_peer(peer, Some(Peer::Asked { data }));
            let address = Arc::clone(self.session.address(peer).expect("holders were introduced"));
            turn.out.push(Effect::Gather { peer, address, items, nbytes });
        }
    }

    /// Whom to ask now, for what, of how many bytes together. The first datum of a question may be
    /// larger than a question; if nothing else is on its way, it may be larger than the budget too.
    pub(super) fn next_question(&self) -> Option<(WorkerId, Vec<Item>, u64)> {
        let index = self.state.index();
        if index.gathers() >= self.config.max_gathers {
            return None;
        }
        let (peer, _) = index.next_to_ask()?;
        let room = self.config.incoming_bytes.saturating_sub(index.incoming());
        let (mut items, mut nbytes) = (Vec::new(), 0);
        for datum in index.wanted_of(peer).take(MAX_SEGMENTS) {
            let (item, size) = self.wanted_item(datum);
            let fits = if items.is_empty() {
                size <= room || index.incoming() == 0
            } else {
                nbytes + size <= room.min(self.config.message_bytes)
            };
            if !fits {
                break;
            }
            items.push(item);
            nbytes += size;
        }
        (!items.is_empty()).then_some((peer, items, nbytes))
    }

    fn wanted_item(&self, run: RunId) -> (Item, u64) {
        let datum = self.state.datum(run).expect("what is queued is here");
        let search = datum.state.search().expect("what is queued is searched for");
        (Item { key: datum.key, run }, search.nbytes)
    }

    pub(super) fn become_flight(&mut self, datum: RunId, peer: WorkerId) {
        let (mut taken, search) = self.take_search(datum);
        taken.state = DatumState::Flight { peer, search };
        self.state.insert_datum(datum, taken);
    }

    /// A peer sent the value. If nobody needs it any more it is not kept.
    pub(super) fn receive(&mut self, datum: RunId, nbytes: u64, turn: &mut Turn<'_>) {
        let &Datum { key, users, .. } = self.state.datum(datum).expect("its kind was looked at");
        if users > 0 {
            turn.out.push(Effect::ToScheduler(WorkerMessage::Fetched { key, run: datum }));
            self.become_memory(datum, key, nbytes, turn);
        } else {
            self.state.remove_datum(datum);
            turn.out.push(Effect::Forget { run: datum });
        }
    }

    /// One more run needs a datum that was not known. Without holders it is made here; if not even
    /// such a run is known, that run failed a moment ago, and a `Free` of the one more run follows.
    pub(super) fn begin(
        &mut self,
        datum: RunId,
        key: Key,
        nbytes: u64,
        holders: &[WorkerId],
        turn: &mut Turn<'_>,
    ) {
        if self.state.run(datum).is_some_and(super::state::Run::is_wanted) {
            return self.state.insert_datum(datum, Datum::new(key, DatumState::Promised));
        }
        // Holders that turn out not to hold it are news for the scheduler: it is asked at once.
        let missing = if holders.is_empty() {
            self.missing_since(nbytes, turn.now)
        } else {
            DatumState::Missing(Search::new(nbytes, turn.now, self.config.retry_first))
        };
        self.state.insert_datum(datum, Datum::new(key, missing));
        self.add_holders(datum, holders, turn);
    }

    /// A copy is to be here for its own sake. It is fetched when nothing more urgent is.
    pub(super) fn acquire(&mut self, datum: RunId, holders: &[WorkerId], turn: &mut Turn<'_>) {
        if !self.state.datum(datum).expect("its kind was looked at").acquired {
            self.state.set_acquired(datum, true);
        }
        self.add_holders(datum, holders, turn);
    }

    /// The run that would have made it here will not. The scheduler knows, and is about to free the
    /// runs that need it; if it is not, it is asked.
    pub(super) fn become_missing(&mut self, datum: RunId, turn: &Turn<'_>) {
        let missing = self.missing_since(0, turn.now);
        self.state.set_datum(datum, missing);
    }

    /// Missing, and no holder known. The scheduler is not asked at once.
    pub(super) fn missing_since(&self, nbytes: u64, now: Instant) -> DatumState {
        let pause = self.config.retry_first;
        DatumState::Missing(Search::new(nbytes, now + pause, pause))
    }

    pub(super) fn add_holders(&mut self, datum: RunId, holders: &[WorkerId], turn: &mut Turn<'_>) {
        // What a run here makes is not fetched as well: the store keeps one value per run.
        if holders.is_empty() || self.state.run(datum).is_some() {
            return;
        }
        let pause = self.config.retry_first;
        let me = self.session.me;
        self.search_on(datum, turn, |search| {
            for &peer in holders.iter().filter(|peer| Some(**peer) != me) {
                search.add_holder(peer, pause);
            }
        });
    }

    /// Holders that were known before stay put aside if they were.
    pub(super) fn replace_holders(
        &mut self,
        datum: RunId,
        holders: &[WorkerId],
        turn: &mut Turn<'_>,
    ) {
        if self.state.run(datum).is_some() {
            return;
        }
        let pause = self.config.retry_first;
        self.search_on(datum, turn, |search| {
            search.holders.retain(|holder| holders.contains(&holder.peer));
            for &peer in holders {
                search.add_holder(peer, pause);
            }
        });
    }

    /// The peer that was asked failed. That condemns neither the peer nor its other values.
    pub(super) fn put_holder_aside(&mut self, datum: RunId, turn: &mut Turn<'_>) {
        let (peer, now, longest) = (self.asked_peer(datum), turn.now, self.config.retry_longest);
        self.end_flight(datum, turn, |search| {
            if let Some(holder) = search.holder_mut(peer) {
                holder.aside = Some(now + holder.pause);
                holder.pause = doubled(holder.pause, longest);
            }
        });
    }

    /// The peer that was asked does not hold it.
    pub(super) fn drop_holder(&mut self, datum: RunId, turn: &mut Turn<'_>) {
        let peer = self.asked_peer(datum);
        self.end_flight(datum, turn, |search| search.holders.retain(|holder| holder.peer != peer));
    }

    /// Looks again for a datum of which nothing new is known.
    pub(super) fn search_again(&mut self, datum: RunId, turn: &mut Turn<'_>) {
        self.end_flight(datum, turn, |_| {});
    }

    pub(super) fn take_holder_back(&mut self, datum: RunId, peer: WorkerId, turn: &mut Turn<'_>) {
        self.search_on(datum, turn, |search| {
            if let Some(holder) = search.holder_mut(peer) {
                holder.aside = None;
            }
        });
    }

    fn asked_peer(&self, datum: RunId) -> WorkerId {
        match self.state.datum(datum).expect("its kind was looked at").state {
            DatumState::Flight { peer, .. } => peer,
            DatumState::Fetch(_)
            | DatumState::Memory { .. }
            | DatumState::Missing(_)
            | DatumState::Promised => unreachable!("its kind was looked at"),
        }
    }

    /// Takes a datum out, to be brought back with what is known about it.
    fn take_search(&mut self, datum: RunId) -> (Datum, Box<Search>) {
        let mut taken = self.state.remove_datum(datum);
        let state = mem::replace(&mut taken.state, DatumState::Promised);
        (taken, state.into_search().expect("its kind was looked at"))
    }

    /// Learns something about a datum; one in flight stays there.
    fn search_on(&mut self, datum: RunId, turn: &mut Turn<'_>, learn: impl FnOnce(&mut Search)) {
        let asked = match self.state.datum(datum).expect("its kind was looked at").state {
            DatumState::Flight { peer, .. } => Some(peer),
            DatumState::Fetch(_)
            | DatumState::Memory { .. }
            | DatumState::Missing(_)
            | DatumState::Promised => None,
        };
        let (mut taken, mut search) = self.take_search(datum);
        learn(&mut search);
        taken.state = match asked {
            Some(peer) => DatumState::Flight { peer, search },
            None => self.settle_search(datum, taken.key, search, turn),
        };
        self.state.insert_datum(datum, taken);
    }

    /// Learns something about a datum that did not come, and is dropped if nobody needs it any more.
    fn end_flight(&mut self, datum: RunId, turn: &mut Turn<'_>, learn: impl FnOnce(&mut Search)) {
        let (mut taken, mut search) = self.take_search(datum);
        if taken.users > 0 {
            learn(&mut search);
            taken.state = self.settle_search(datum, taken.key, search, turn);
            self.state.insert_datum(datum, taken);
        }
    }

    /// Fetch, if there is somebody to ask; else missing, and the scheduler is asked when it is time.
    fn settle_search(
        &self,
        datum: RunId,
        key: Key,
        mut search: Box<Search>,
        turn: &mut Turn<'_>,
    ) -> DatumState {
        if search.askable().next().is_some() {
            return DatumState::Fetch(search);
        }
        if search.locate_at <= turn.now {
            turn.out.push(Effect::ToScheduler(WorkerMessage::Locate { key, run: datum }));
            search.locate_at = turn.now + search.locate_pause;
            search.locate_pause = doubled(search.locate_pause, self.config.retry_longest);
        }
        DatumState::Missing(search)
    }
}

fn doubled(pause: Duration, longest: Duration) -> Duration {
    pause.saturating_mul(2).min(longest)
}
