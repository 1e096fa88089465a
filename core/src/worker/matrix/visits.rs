//! Which cells an event visits, said before it is handled. It must not change anything, and must
//! judge as the handlers do: by the same functions.

use raddle_net::messages::SchedulerToWorker;
use raddle_net::names::RunId;

use super::super::state::{Activity, DatumKind, Intent, Peer, RunKind, RunState};
use super::super::{Event, GatherOutcome, Outcome, Timer, Worker};
use super::{Cell, DatumEvent, DatumRow, Occasion, RunEvent, RunRow, Standing, Word};
use crate::time::Instant;

/// Whoever counts cells.
type Visit<'a> = &'a mut dyn FnMut(Cell);

impl Worker {
    /// Says which cells of the matrix `event` visits if it is handled now: one for each run or datum
    /// that it names, or one of the connection that it comes over. Costs about as much as handling
    /// it.
    pub fn cells(&self, now: Instant, event: &Event, visit: Visit<'_>) {
        let mut run = |id: &RunId, event| visit(Cell::Run(self.run_row(*id), event));
        match event {
            Event::Blocked { run: id } => run(id, RunEvent::Block),
            Event::Executed { run: id, outcome: Outcome::Failed { .. } } => run(id, RunEvent::Fail),
            Event::Executed { run: id, outcome: Outcome::Finished { .. } } => {
                run(id, RunEvent::Finish);
            }
            Event::Flushed { run: id } => run(id, RunEvent::Flush),
            Event::FromRun { run: id, .. } => run(id, RunEvent::Speak),
            Event::Noted { run: id, .. } => run(id, RunEvent::Note),
            Event::Received { item, .. } => run(&item.run, RunEvent::Receive),
            Event::Unblocked { run: id } => run(id, RunEvent::Unblock),
            Event::Asked { items, .. } => {
                let full = self.serves >= self.config.max_serves;
                visit(Cell::Other(if full { Occasion::AskedFull } else { Occasion::AskedOpen }));
                for item in items.iter().filter(|_| !full) {
                    visit(Cell::Datum(self.datum_row(item.run), DatumEvent::Ask));
                }
            }
            Event::Disconnected => {
                visit(Cell::Scheduler(self.standing(), Word::Disconnect));
                for (id, _) in self.state.runs().iter() {
                    visit(Cell::Run(self.run_row(id), RunEvent::Disconnect));
                }
                for (id, _) in self.state.data().iter() {
                    visit(Cell::Datum(self.datum_row(id), DatumEvent::Disconnect));
                }
            }
            Event::FromScheduler(message) => self.scheduler_says(message, visit),
            Event::Gathered { peer, outcome } => match self.state.peers().get(peer) {
                Some(Peer::Asked { data }) => self.is_answered(data, outcome, visit),
                Some(Peer::Paused { .. }) | None => visit(Cell::Other(Occasion::GatheredUnasked)),
            },
            Event::Served { .. } => {
                let serving = self.serves > 0;
                visit(Cell::Other(if serving { Occasion::Served } else { Occasion::ServedIdle }));
            }
            Event::Tick => self.time_passes(now, visit),
        }
    }

    fn run_row(&self, id: RunId) -> RunRow {
        match self.state.run(id).map(super::super::state::Run::state) {
            Some(RunState::Busy { activity, intent }) => match (activity, intent) {
                (Activity::Blocked, Intent::Keep) => RunRow::Blocked,
                (Activity::Blocked, Intent::Drop) => RunRow::BlockedUnwanted,
                (Activity::Executing, Intent::Keep) => RunRow::Executing,
                (Activity::Executing, Intent::Drop) => RunRow::ExecutingUnwanted,
                (Activity::Unblocked, Intent::Keep) => RunRow::Unblocked,
                (Activity::Unblocked, Intent::Drop) => RunRow::UnblockedUnwanted,
            },
            Some(RunState::Flushing) => RunRow::Flushing,
            Some(RunState::Ready) => RunRow::Ready,
            Some(RunState::Receiving) => RunRow::Receiving,
            Some(RunState::Waiting { .. }) => RunRow::Waiting,
            None => RunRow::Gone,
        }
    }

    fn datum_row(&self, id: RunId) -> DatumRow {
        let is_needed = self.state.datum(id).is_some_and(|datum| datum.users > 0);
        match self.state.datum_kind(id) {
            DatumKind::Fetch => DatumRow::Fetch,
            DatumKind::Flight if is_needed => DatumRow::Flight,
            DatumKind::Flight => DatumRow::FlightUnneeded,
            DatumKind::Gone => DatumRow::Gone,
            DatumKind::Memory => DatumRow::Memory,
            DatumKind::Missing => DatumRow::Missing,
            DatumKind::Promised => DatumRow::Promised,
        }
    }

    fn standing(&self) -> Standing {
        match self.session.me {
            _ if self.session.is_closing => Standing::Closing,
            Some(_) => Standing::Registered,
            None => Standing::Newcomer,
        }
    }

    fn scheduler_says(&self, message: &SchedulerToWorker, visit: Visit<'_>) {
        let how = self.standing();
        let (word, wrong) = words(message);
        if how == Standing::Closing {
            return visit(Cell::Scheduler(how, word));
        }
        if self.judge(message).is_err() {
            return visit(Cell::Scheduler(how, wrong));
        }
        match message {
            SchedulerToWorker::Acquire(input) => {
                visit(Cell::Datum(self.datum_row(input.run), DatumEvent::Acquire));
            }
            SchedulerToWorker::Compute(compute) => {
                visit(Cell::Run(self.run_row(compute.run), RunEvent::Compute));
                for input in &compute.inputs {
                    visit(Cell::Datum(self.datum_row(input.run), DatumEvent::Want));
                }
            }
            SchedulerToWorker::Define { id, .. } => {
                let known = self.session.spec(*id).is_some();
                visit(Cell::Scheduler(how, if known { Word::DefineAgain } else { word }));
            }
            SchedulerToWorker::Free { run, .. } => {
                visit(if self.state.run_kind(*run) == RunKind::Gone {
                    Cell::Datum(self.datum_row(*run), DatumEvent::Free)
                } else {
                    Cell::Run(self.run_row(*run), RunEvent::Free)
                });
            }
            SchedulerToWorker::Holders { run, .. } => {
                visit(Cell::Datum(self.datum_row(*run), DatumEvent::Hold));
            }
            SchedulerToWorker::Leave | SchedulerToWorker::Peer { .. } => {
                visit(Cell::Scheduler(how, word));
            }
            SchedulerToWorker::Recall { run, .. } => {
                visit(Cell::Run(self.run_row(*run), RunEvent::Recall));
            }
            SchedulerToWorker::Registered { .. } => {
                let known = self.session.me.is_some();
                visit(Cell::Scheduler(how, if known { Word::RegisteredAgain } else { word }));
            }
            SchedulerToWorker::ToRun { run, .. } => {
                visit(Cell::Run(self.run_row(*run), RunEvent::ToRun));
            }
        }
    }

    fn is_answered(&self, asked: &[RunId], outcome: &GatherOutcome, visit: Visit<'_>) {
        let mut each = |id: RunId, event| visit(Cell::Datum(self.datum_row(id), event));
        match outcome {
            GatherOutcome::Busy => asked.iter().for_each(|id| each(*id, DatumEvent::Busy)),
            GatherOutcome::Failed => asked.iter().for_each(|id| each(*id, DatumEvent::Fail)),
            GatherOutcome::Got { found, missing } => {
                found.iter().for_each(|(id, _)| each(*id, DatumEvent::Find));
                missing.iter().for_each(|id| each(*id, DatumEvent::Miss));
            }
        }
    }

    fn time_passes(&self, now: Instant, visit: Visit<'_>) {
        let mut is_idle = true;
        for timer in self.state.index().due(now) {
            is_idle = false;
            visit(Cell::Other(match timer {
                Timer::Busy(_) => Occasion::TickBusy,
                Timer::Limit(_) => Occasion::TickLimit,
                Timer::Locate(_) => Occasion::TickLocate,
                Timer::Retry(..) => Occasion::TickRetry,
            }));
        }
        if is_idle {
            visit(Cell::Other(Occasion::TickIdle));
        }
    }
}

/// A message as a word, and the same if it is wrong.
const fn words(message: &SchedulerToWorker) -> (Word, Word) {
    match message {
        SchedulerToWorker::Acquire(_) => (Word::Acquire, Word::AcquireWrong),
        SchedulerToWorker::Compute(_) => (Word::Compute, Word::ComputeWrong),
        SchedulerToWorker::Define { .. } => (Word::Define, Word::DefineWrong),
        SchedulerToWorker::Free { .. } => (Word::Free, Word::FreeWrong),
        SchedulerToWorker::Holders { .. } => (Word::Holders, Word::HoldersWrong),
        SchedulerToWorker::Peer { .. } => (Word::Peer, Word::PeerWrong),
        SchedulerToWorker::Recall { .. } => (Word::Recall, Word::RecallWrong),
        SchedulerToWorker::Registered { .. } => (Word::Registered, Word::RegisteredWrong),
        // There is nothing in it that could be wrong.
        SchedulerToWorker::Leave => (Word::Leave, Word::Leave),
        // What is said to a run that is not here is late, never wrong.
        SchedulerToWorker::ToRun { .. } => (Word::ToRun, Word::ToRun),
    }
}
