//! What is not wanted any more: edges of the transition table, and the end of a connection.

use std::sync::Arc;

use raddle_net::messages::{Failure, WorkerMessage};
use raddle_net::names::{RunId, WorkerId};
use smallvec::SmallVec;

use super::Worker;
use super::effect::Effect;
use super::session::Session;
use super::state::{Datum, DatumKind, Intent, Run, RunKind, RunState};
use super::turn::{DatumGoal, RunGoal, Turn};

impl Worker {
    /// A run, or the value it made, is not needed any more.
    pub(super) fn free(&mut self, run: RunId, turn: &mut Turn<'_>) {
        if self.state.run_kind(run) == RunKind::Gone {
            self.step_datum(run, DatumGoal::Free, turn);
        } else {
            self.step_run(run, RunGoal::Free, turn);
        }
    }

    /// Nothing was entered: nothing is left of it.
    pub(super) fn become_gone(&mut self, run: RunId, turn: &mut Turn<'_>) {
        let (_, unused) = self.state.remove_run(run);
        for input in unused {
            self.step_datum(input, DatumGoal::Unneed, turn);
        }
        self.step_datum(run, DatumGoal::Break, turn);
    }

    /// The scheduler has it back: nothing of it was done, and nothing is left of it.
    pub(super) fn give_back(&mut self, run: RunId, turn: &mut Turn<'_>) {
        self.answer_recall(run, true, turn);
        self.become_gone(run, turn);
    }

    /// It is too late to give it back: its body was entered, or it has none.
    pub(super) fn keep(&self, run: RunId, turn: &mut Turn<'_>) {
        if self.state.run(run).is_some_and(Run::is_wanted) {
            self.answer_recall(run, false, turn);
        }
    }

    fn answer_recall(&self, run: RunId, returned: bool, turn: &mut Turn<'_>) {
        let key = self.state.run(run).expect("its kind was looked at").key;
        turn.out.push(Effect::ToScheduler(WorkerMessage::Recalled { key, run, returned }));
    }

    /// The body goes on until it ends, and keeps its slot if it has one. It is told once.
    pub(super) fn become_unwanted(&mut self, run: RunId, turn: &mut Turn<'_>) {
        let unwanted = self.state.run(run).expect("its kind was looked at");
        let RunState::Busy { activity, intent: Intent::Keep } = unwanted.state() else { return };
        self.state.set_run(run, RunState::Busy { activity, intent: Intent::Drop });
        turn.out.push(Effect::Stop { run });
        self.step_datum(run, DatumGoal::Break, turn);
    }

    /// The body took too long. It goes on until it ends, and keeps its slot if it has one.
    pub(super) fn become_expired(&mut self, run: RunId, turn: &mut Turn<'_>) {
        let key = self.state.run(run).expect("its kind was looked at").key;
        let failure = Arc::new(Failure::TimedOut);
        let message = WorkerMessage::Failed { key, run, blame: None, failure };
        turn.out.push(Effect::ToScheduler(message));
        self.become_unwanted(run, turn);
    }

    /// A value leaves the store. A run that still needs it is about to be freed too; if it is not,
    /// the scheduler is asked where the value is now.
    pub(super) fn forget(&mut self, datum: RunId, turn: &mut Turn<'_>) {
        turn.out.push(Effect::Forget { run: datum });
        let Datum { state, users, .. } = self.state.datum(datum).expect("its kind was looked at");
        if *users == 0 {
            self.state.remove_datum(datum);
            return;
        }
        let missing = self.missing_since(state.nbytes(), turn.now);
        self.state.set_datum(datum, missing);
        let users: SmallVec<[RunId; 4]> = self.state.index().users(datum).collect();
        for user in users {
            self.step_run(user, RunGoal::LoseInput, turn);
        }
    }

    /// A copy need not be here any more, unless a run needs it. One on its way is dropped when it
    /// comes.
    pub(super) fn unacquire(&mut self, datum: RunId) {
        let is_acquired = self.state.datum(datum).expect("its kind was looked at").acquired;
        let is_coming = self.state.datum_kind(datum) == DatumKind::Flight;
        if is_acquired && self.state.set_acquired(datum, false) && !is_coming {
            self.abandon(datum);
        }
    }

    /// Nobody needs it, and it is neither here nor on its way.
    pub(super) fn abandon(&mut self, datum: RunId) {
        self.state.remove_datum(datum);
    }

    /// The connection broke. What is left are bodies that have not ended, and gathers that have not:
    /// of both nothing will be kept, unless the next connection wants it.
    pub(super) fn on_disconnected(&mut self, turn: &mut Turn<'_>) {
        let runs: Vec<RunId> = self.state.runs().iter().map(|(run, _)| run).collect();
        for run in runs {
            self.step_run(run, RunGoal::Free, turn);
        }
        let acquired = self.state.data().iter().filter(|(_, datum)| datum.acquired);
        let acquired: Vec<RunId> = acquired.map(|(datum, _)| datum).collect();
        for datum in acquired {
            self.step_datum(datum, DatumGoal::Free, turn);
        }
        let data: Vec<RunId> = self.state.data().iter().map(|(datum, _)| datum).collect();
        for datum in data {
            // Peers of the next connection may be others under the same ids.
            self.step_datum(datum, DatumGoal::Hold(SmallVec::new()), turn);
            self.step_datum(datum, DatumGoal::Free, turn);
        }
        let paused: Vec<WorkerId> = self.state.paused_peers().collect();
        for peer in paused {
            self.state.set_peer(peer, None);
        }
        self.session = Session::default();
    }
}
