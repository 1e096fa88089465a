//! What the scheduler says. Each message is judged in full before it changes anything; one that
//! breaks the protocol costs the connection. Late words about what is gone are ordinary.

use std::sync::Arc;

use raddle_net::limits::{MAX_ARGS, MAX_DEPENDENCIES, MAX_HOLDERS};
use raddle_net::messages::{Compute, Input, Runtime, SchedulerToWorker, WorkerMessage};
use raddle_net::names::{Key, RunId, WorkerId};
use smallvec::SmallVec;

use super::Worker;
use super::effect::{Effect, PeerError};
use super::session::Session;
use super::state::NewRun;
use super::turn::{DatumGoal, RunGoal, Turn};

impl Worker {
    /// The scheduler said something.
    pub(super) fn on_scheduler(&mut self, message: SchedulerToWorker, turn: &mut Turn<'_>) {
        if self.session.is_closing {
            return;
        }
        match self.judge(&message) {
            Ok(()) => self.obey(message, turn),
            Err(reason) => {
                self.session.is_closing = true;
                turn.out.push(Effect::Close { reason });
            }
        }
    }

    /// Whether the scheduler may say this.
    pub(super) fn judge(&self, message: &SchedulerToWorker) -> Result<(), PeerError> {
        match message {
            SchedulerToWorker::Acquire(input) => self.judge_acquisition(input),
            SchedulerToWorker::Compute(compute) => self.judge_compute(compute),
            SchedulerToWorker::Define { id, spec } => self.session.judge_definition(*id, spec),
            SchedulerToWorker::Free { key, run } | SchedulerToWorker::Recall { key, run } => {
                self.judge_key(*run, *key)
            }
            SchedulerToWorker::Holders { key, run, workers } => {
                if workers.len() > MAX_HOLDERS {
                    return Err(PeerError::BeyondLimit("holders"));
                }
                self.judge_key(*run, *key)
            }
            SchedulerToWorker::Peer { id: _, address } => Session::judge_address(address),
            SchedulerToWorker::Registered { worker } => self.session.judge_id(*worker),
            SchedulerToWorker::Leave | SchedulerToWorker::ToRun { .. } => Ok(()),
        }
    }

    fn obey(&mut self, message: SchedulerToWorker, turn: &mut Turn<'_>) {
        match message {
            SchedulerToWorker::Acquire(Input { key, run, nbytes, holders }) => {
                self.step_datum(run, DatumGoal::Acquire { key, nbytes, holders }, turn);
            }
            SchedulerToWorker::Compute(compute) => self.on_compute(compute, turn),
            SchedulerToWorker::Define { id, spec } => self.session.define(id, spec),
            SchedulerToWorker::Free { key: _, run } => self.free(run, turn),
            SchedulerToWorker::Holders { key: _, run, workers } => {
                self.on_holders(run, workers, turn);
            }
            SchedulerToWorker::Leave => {
                self.session.is_closing = true;
                turn.out.push(Effect::ToScheduler(WorkerMessage::Goodbye));
                turn.out.push(Effect::Leave);
            }
            SchedulerToWorker::Peer { id, address } => self.session.introduce(id, &address),
            SchedulerToWorker::Recall { key: _, run } => {
                self.step_run(run, RunGoal::Recall, turn);
            }
            SchedulerToWorker::Registered { worker } => self.session.me = Some(worker),
            SchedulerToWorker::ToRun { run, message } => {
                if self.state.run(run).is_some_and(super::state::Run::is_entered_and_wanted) {
                    turn.out.push(Effect::ToRun { run, message });
                }
            }
        }
    }

    fn on_compute(&mut self, compute: Compute, turn: &mut Turn<'_>) {
        let Compute { key, run, spec, priority, announce, attempt, inputs, args } = compute;
        let spec = Arc::clone(self.session.spec(spec).expect("it was judged to be defined"));
        let receives = spec.function.runtime == Runtime::Receive;
        let inputs_to_come = SmallVec::new();
        let mut new =
            NewRun { key, priority, announce, attempt, spec, inputs: inputs_to_come, args };
        if receives {
            return self.state.insert_receiving(run, new);
        }
        for Input { key, run, nbytes, holders } in inputs {
            self.step_datum(run, DatumGoal::Want { key, nbytes, holders }, turn);
            new.inputs.push(run);
        }
        self.state.insert_run(run, new);
    }

    fn judge_compute(&self, compute: &Compute) -> Result<(), PeerError> {
        let Compute { key: _, run, spec, priority: _, announce: _, attempt: _, inputs, args } =
            compute;
        if self.session.me.is_none() {
            return Err(PeerError::NotRegistered);
        }
        if self.state.run(*run).is_some() || self.state.datum(*run).is_some() {
            return Err(PeerError::RepeatedRun(*run));
        }
        if args.len() > MAX_ARGS {
            return Err(PeerError::BeyondLimit("arguments"));
        }
        if inputs.len() > MAX_DEPENDENCIES {
            return Err(PeerError::BeyondLimit("inputs"));
        }
        for input in inputs {
            if input.run == *run {
                return Err(PeerError::RunNeedsItself(*run));
            }
            self.judge_input(input)?;
        }
        self.session.spec(*spec).map(|_| ()).ok_or(PeerError::UnknownSpec(*spec))
    }

    /// What a run of this worker makes is not acquired.
    fn judge_acquisition(&self, input: &Input) -> Result<(), PeerError> {
        if self.session.me.is_none() {
            return Err(PeerError::NotRegistered);
        }
        if self.state.run(input.run).is_some() {
            return Err(PeerError::RepeatedRun(input.run));
        }
        self.judge_input(input)
    }

    fn judge_input(&self, input: &Input) -> Result<(), PeerError> {
        if input.holders.len() > MAX_HOLDERS {
            return Err(PeerError::BeyondLimit("holders"));
        }
        let known = |peer: &&WorkerId| {
            Some(**peer) == self.session.me || self.session.address(**peer).is_some()
        };
        if let Some(stranger) = input.holders.iter().find(|peer| !known(peer)) {
            return Err(PeerError::UnknownPeer(*stranger));
        }
        self.judge_key(input.run, input.key)
    }

    /// A run belongs to one key.
    fn judge_key(&self, run: RunId, key: Key) -> Result<(), PeerError> {
        let known = self.state.run(run).map(|run| run.key);
        let known = known.or_else(|| self.state.datum(run).map(|datum| datum.key));
        if known.is_none_or(|known| known == key) {
            Ok(())
        } else {
            Err(PeerError::RunOfTwoKeys(run))
        }
    }

    /// The scheduler knows of no holder that it has not introduced; one that is not known here has
    /// gone since.
    fn on_holders(
        &mut self,
        run: RunId,
        mut workers: SmallVec<[WorkerId; 2]>,
        turn: &mut Turn<'_>,
    ) {
        workers.retain(|peer| self.session.is_peer(*peer));
        self.step_datum(run, DatumGoal::Hold(workers), turn);
    }
}
