//! The worker machine: what one worker does with the runs that the scheduler gives it.
//!
//! A [`RunId`] is never used twice, and a value is the outcome of one run; so the tables are by run,
//! and what is said of a run can only mean that run, however late it is said. To read it in order:
//! [`Event`], [`Effect`], `state/run.rs`, `state/datum.rs`, `transitions.rs`, then `compute.rs`,
//! `gather.rs`, `release.rs`. This module must not know what bodies or values are.

mod check;
mod compute;
mod effect;
mod event;
mod gather;
mod matrix;
mod on_peer;
mod on_scheduler;
mod release;
mod session;
mod state;
mod survey;
#[cfg(test)]
mod tests;
mod transitions;
mod turn;
mod violation;

use raddle_net::messages::{Item, WorkerMessage};
use raddle_net::names::{Key, RunId, WorkerId};

pub use effect::{Effect, Execute, PeerError};
pub use event::{Event, GatherOutcome, Outcome, RequestId};
pub use matrix::{Cell, DatumEvent, DatumRow, Occasion, RunEvent, RunRow, Standing, Word};
pub use transitions::transition_table;
pub use violation::Violation;

use crate::time::{Duration, Instant};
use session::Session;
use state::{DatumState, State};
use turn::{DatumGoal, RunGoal, Turn};

/// The shortest pause before anything is repeated: time must pass.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// How a worker behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long a peer that serves as many as it may is left alone.
    pub busy_pause: Duration,
    /// Bytes that may be on their way here, of all gathers together. A single value may be larger.
    pub incoming_bytes: u64,
    /// Peers asked at a time.
    pub max_gathers: usize,
    /// Peers served at a time.
    pub max_serves: usize,
    /// Bytes asked of a peer at a time. A single value may be larger.
    pub message_bytes: u64,
    /// Bodies run at a time; at least 1.
    pub nthreads: usize,
    /// The first pause before a failed gather, or an unanswered question, is repeated; it doubles.
    pub retry_first: Duration,
    /// The longest such pause.
    pub retry_longest: Duration,
    /// Whether it is remembered what each event touched, for
    /// [`check_touched`](Worker::check_touched). For tests and simulation.
    pub track_touched: bool,
}

impl Default for Config {
    /// Limits and pauses of Dask's worker, with one thread.
    fn default() -> Self {
        Self {
            busy_pause: Duration::from_millis(150),
            incoming_bytes: 400_000_000,
            max_gathers: 50,
            max_serves: 10,
            message_bytes: 50_000_000,
            nthreads: 1,
            retry_first: Duration::from_millis(100),
            retry_longest: Duration::from_secs(5),
            track_touched: false,
        }
    }
}

/// The worker machine.
#[derive(Clone, Debug)]
pub struct Worker {
    config: Config,
    session: Session,
    state: State,
    /// Requests of peers that are being answered.
    serves: usize,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A peer that was busy may be asked again.
    Busy(WorkerId),
    /// The time of this run is over.
    Limit(RunId),
    /// Ask the scheduler again who holds this value.
    Locate(RunId),
    /// A peer that failed may be asked for this value again.
    Retry(RunId, WorkerId),
}

impl Worker {
    /// A worker that was given nothing. Its driver registers it; the scheduler tells it its id.
    #[must_use]
    pub fn new(mut config: Config) -> Self {
        config.nthreads = config.nthreads.max(1);
        config.retry_first = config.retry_first.max(SHORTEST_PAUSE);
        config.retry_longest = config.retry_longest.max(config.retry_first);
        let state = State::new(config.track_touched);
        Self { config, session: Session::default(), state, serves: 0 }
    }

    /// Handles one event and everything that follows from it.
    ///
    /// # Panics
    /// If the driver reports the end of something that it was not told to begin, or that ended.
    pub fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Effect>) {
        self.state.begin_event();
        let mut turn = Turn { now, out };
        self.on_event(event, &mut turn);
        self.fill_slots(&mut turn);
        self.ask_peers(&mut turn);
    }

    fn on_event(&mut self, event: Event, turn: &mut Turn<'_>) {
        match event {
            Event::Asked { request, items } => self.on_asked(request, items, turn),
            Event::Blocked { run } => self.step_run(run, RunGoal::Block, turn),
            Event::Disconnected => self.on_disconnected(turn),
            Event::Executed { run, outcome } => self.step_run(run, RunGoal::End(outcome), turn),
            Event::Flushed { run } => self.step_run(run, RunGoal::Enter, turn),
            Event::FromRun { run, message } => {
                self.on_speech(run, |key| WorkerMessage::FromRun { key, run, message }, turn);
            }
            Event::FromScheduler(message) => self.on_scheduler(message, turn),
            Event::Gathered { peer, outcome } => self.on_gathered(peer, outcome, turn),
            Event::Noted { run, note } => {
                self.on_speech(run, |key| WorkerMessage::Note { key, run, note }, turn);
            }
            Event::Received { request, item, nbytes, value } => {
                self.on_received(request, item, nbytes, value, turn);
            }
            Event::Served { request: _ } => self.on_served(),
            Event::Tick => self.on_tick(turn),
            Event::Unblocked { run } => self.step_run(run, RunGoal::Unblock, turn),
        }
    }

    /// When to call `handle` with [`Event::Tick`], and what for.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Instant, Timer)> {
        self.state.index().next_deadline()
    }

    /// Values in the store, with their sizes in bytes.
    pub fn values(&self) -> impl Iterator<Item = (Item, u64)> + '_ {
        self.state.data().iter().filter_map(|(run, datum)| match datum.state {
            DatumState::Memory { nbytes } => Some((Item { key: datum.key, run }, nbytes)),
            DatumState::Fetch(_)
            | DatumState::Flight { .. }
            | DatumState::Missing(_)
            | DatumState::Promised => None,
        })
    }

    /// Runs that are not gone.
    pub fn runs(&self) -> impl Iterator<Item = Item> + '_ {
        self.state.runs().iter().map(|(id, run)| Item { key: run.key, run: id })
    }

    /// Whether there is nothing here: no run, no value, and none wanted or on its way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.runs().is_empty() && self.state.data().is_empty()
    }

    /// A body speaks. Nobody listens to one that is not wanted any more.
    fn on_speech(
        &self,
        run: RunId,
        message: impl FnOnce(Key) -> WorkerMessage,
        turn: &mut Turn<'_>,
    ) {
        let Some(speaker) = self.state.run(run) else { return };
        if speaker.is_entered_and_wanted() {
            turn.out.push(Effect::ToScheduler(message(speaker.key)));
        }
    }

    fn on_tick(&mut self, turn: &mut Turn<'_>) {
        while let Some((at, timer)) = self.next_deadline() {
            if at > turn.now {
                return;
            }
            match timer {
                Timer::Busy(peer) => {
                    self.state.set_peer(peer, None);
                }
                Timer::Limit(run) => self.step_run(run, RunGoal::Expire, turn),
                Timer::Locate(datum) => self.step_datum(datum, DatumGoal::Locate, turn),
                Timer::Retry(datum, peer) => self.step_datum(datum, DatumGoal::Retry(peer), turn),
            }
        }
    }
}
