//! A run's life: waiting → ready → (flushing →) busy → gone. Edges of the transition table, and the
//! choice of what gets the next slot.

use raddle_net::messages::WorkerMessage;
use raddle_net::names::{Key, RunId};
use smallvec::SmallVec;

use super::Worker;
use super::effect::Effect;
use super::event::Outcome;
use super::state::{Activity, Datum, DatumState, Intent, RunState};
use super::turn::{DatumGoal, RunGoal, Turn};
use crate::time::Duration;

impl Worker {
    /// Gives free slots to runs that want one. Once an event, when everything else has settled.
    pub(super) fn fill_slots(&mut self, turn: &mut Turn<'_>) {
        while self.state.index().slots() < self.config.nthreads {
            let Some(run) = self.state.index().next_to_run() else { return };
            self.step_run(run, RunGoal::Start, turn);
        }
    }

    pub(super) fn gain_input(&mut self, run: RunId) {
        let state = match self.missing(run) {
            1 => RunState::Ready,
            missing => RunState::Waiting { missing: missing - 1 },
        };
        self.state.set_run(run, state);
    }

    /// If it was announced, it gives its slot back, and is announced again in time.
    pub(super) fn lose_input(&mut self, run: RunId) {
        let missing = self.missing(run) + 1;
        self.state.set_run(run, RunState::Waiting { missing });
    }

    fn missing(&self, run: RunId) -> usize {
        match self.state.run(run).expect("its kind was looked at").state() {
            RunState::Waiting { missing } => missing,
            RunState::Busy { .. } | RunState::Flushing | RunState::Ready | RunState::Receiving => 0,
        }
    }

    /// An announced run waits until its announcement has left.
    pub(super) fn start(&mut self, run: RunId, turn: &mut Turn<'_>) {
        let starting = self.state.run(run).expect("its kind was looked at");
        if starting.announce {
            let key = starting.key;
            self.state.set_run(run, RunState::Flushing);
            turn.out.push(Effect::ToScheduler(WorkerMessage::Started { key, run }));
            turn.out.push(Effect::Flush { run });
        } else {
            self.become_executing(run, turn);
        }
    }

    pub(super) fn become_executing(&mut self, run: RunId, turn: &mut Turn<'_>) {
        let (activity, intent) = (Activity::Executing, Intent::Keep);
        self.state.set_run(run, RunState::Busy { activity, intent });
        let body = self.state.take_body(run);
        if let Some(nanos) = body.spec.options.timeout {
            self.state.limit_run(run, turn.now + Duration::from_nanos(nanos));
        }
        turn.out.push(Effect::Execute(body));
    }

    pub(super) fn become_blocked(&mut self, run: RunId) {
        self.set_activity(run, Activity::Blocked);
    }

    pub(super) fn become_unblocked(&mut self, run: RunId) {
        self.set_activity(run, Activity::Unblocked);
    }

    /// A body that was not wanted any more resumes too: so it can end.
    pub(super) fn resume(&mut self, run: RunId, turn: &mut Turn<'_>) {
        self.set_activity(run, Activity::Executing);
        turn.out.push(Effect::Resume { run });
    }

    fn set_activity(&mut self, run: RunId, activity: Activity) {
        let intent = self.intent(run);
        self.state.set_run(run, RunState::Busy { activity, intent });
    }

    fn intent(&self, run: RunId) -> Intent {
        let wanted = self.state.run(run).expect("its kind was looked at").is_wanted();
        if wanted { Intent::Keep } else { Intent::Drop }
    }

    /// A body ended, or a scattered value came.
    pub(super) fn end(&mut self, run: RunId, outcome: Outcome, turn: &mut Turn<'_>) {
        let intent = self.intent(run);
        let (ended, _) = self.state.remove_run(run);
        let key = ended.key;
        match (intent, outcome) {
            (Intent::Keep, Outcome::Finished { nbytes, duration, value }) => {
                let message = WorkerMessage::Finished { key, run, nbytes, duration, value };
                turn.out.push(Effect::ToScheduler(message));
                self.step_datum(run, DatumGoal::Arrive { key, nbytes }, turn);
            }
            (Intent::Keep, Outcome::Failed { blame, failure }) => {
                let message = WorkerMessage::Failed { key, run, blame, failure };
                turn.out.push(Effect::ToScheduler(message));
                self.step_datum(run, DatumGoal::Break, turn);
            }
            (Intent::Drop, Outcome::Finished { .. }) => turn.out.push(Effect::Forget { run }),
            (Intent::Drop, Outcome::Failed { .. }) => {}
        }
    }

    /// A value is in the store; it stays until the scheduler frees it.
    pub(super) fn become_memory(
        &mut self,
        datum: RunId,
        key: Key,
        nbytes: u64,
        turn: &mut Turn<'_>,
    ) {
        let state = DatumState::Memory { nbytes };
        let Some(known) = self.state.datum(datum) else {
            return self.state.insert_datum(datum, Datum::new(key, state));
        };
        if known.acquired {
            self.state.set_acquired(datum, false);
        }
        self.state.set_datum(datum, state);
        let users: SmallVec<[RunId; 4]> = self.state.index().users(datum).collect();
        for user in users {
            self.step_run(user, RunGoal::GainInput, turn);
        }
    }
}
