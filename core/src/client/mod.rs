//! The client machine: which keys its user holds, and what became of them.
//!
//! One file a story: `submit` (keys come and go), `settle` (what the scheduler says of them),
//! `fetch` and `send` (values move). What leaves for the scheduler piles up in the `outbox` until
//! [`Event::Flush`]. The machine holds no value and no handle: these are the driver's.

mod check;
mod effect;
mod event;
mod fetch;
mod futures;
mod order;
mod outbox;
mod routes;
mod send;
mod settle;
mod specs;
mod submit;
mod survey;
#[cfg(test)]
mod tests;
mod transfers;
mod violation;

use std::collections::BTreeMap;
use std::sync::Arc;

use raddle_net::messages::{ClientMessage, Failure, Query, SchedulerToClient, TaskSpec};
use raddle_net::names::{Key, WorkerId};

pub use self::effect::{Effect, PeerError, Route, Settled};
pub use self::event::{Event, FetchOutcome, SendOutcome, Task};
use self::futures::{Futures, Place, State};
pub use self::order::{Graph, order_by_level, static_order};
use self::outbox::Outbox;
use self::routes::Routes;
use self::transfers::Transfers;
pub use self::violation::Violation;
use crate::time::{Duration, Instant};

/// How a client behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long after a busy worker's answer it is asked again.
    pub busy_delay: Duration,
    /// How long after a first failed transfer it is tried again; each further failure doubles it.
    pub min_backoff: Duration,
    /// The longest time between two tries of a transfer.
    pub max_backoff: Duration,
    /// How long values of a worker that did not answer come through the scheduler, until it is asked
    /// itself again.
    pub relay_time: Duration,
    /// Whether it is remembered what each event touched, for
    /// [`check_touched`](Client::check_touched). For tests and simulation.
    pub track_touched: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            busy_delay: Duration::from_millis(100),
            min_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            relay_time: Duration::from_secs(60),
            track_touched: false,
        }
    }
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// To pull the value of this key again.
    Fetch(Key),
    /// To push the scattered value of this key again.
    Send(Key),
}

/// The client machine.
#[derive(Clone, Debug)]
pub struct Client {
    config: Config,
    /// Why the scheduler is not there any more.
    closed: Option<Arc<Failure>>,
    futures: Futures,
    outbox: Outbox,
    /// Where workers listen. Invariant: whoever a future names is here.
    peers: BTreeMap<WorkerId, Arc<str>>,
    /// The spec of scattered data.
    receive: Arc<TaskSpec>,
    routes: Routes,
    transfers: Transfers,
}

impl Client {
    /// A client that has submitted nothing.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            closed: None,
            futures: Futures::new(config.track_touched),
            outbox: Outbox::default(),
            peers: BTreeMap::new(),
            receive: submit::receive(),
            routes: Routes::new(config.relay_time),
            transfers: Transfers::new(config.track_touched),
            config,
        }
    }

    /// Handles one event and everything that follows from it: adds to `out` what the driver must
    /// do, in order.
    pub fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Effect>) {
        self.futures.begin_event();
        self.transfers.begin_event();
        match event {
            Event::Adopt { keys } => self.on_adopt(&keys, out),
            Event::Await { key } => self.on_await(now, key, out),
            Event::Cancel { keys, force } => self.on_cancel(keys, force),
            Event::Detach { keys } => self.on_detach(keys),
            Event::Disconnected { reason } => self.on_disconnected(reason, out),
            Event::Flush => self.on_flush(out),
            Event::Fetched { key, run, outcome } => self.on_fetched(now, key, run, outcome, out),
            Event::FromScheduler(message) => {
                // What a scheduler said that is given up does not count.
                if self.closed.is_none() {
                    self.on_message(now, message, out);
                }
            }
            Event::Query { id, query } => {
                if self.closed.is_none() {
                    if let Query::Publish { keys, .. } = &query {
                        self.outbox.share(keys);
                    }
                    self.outbox.push(ClientMessage::Query { id, query });
                }
            }
            Event::Release { key } => self.on_release(key),
            Event::Retry { keys } => self.on_retry(keys, out),
            Event::Scatter { key } => self.on_scatter(key, out),
            Event::Sent { key, run, outcome } => self.on_sent(now, key, run, outcome),
            Event::Submit { tasks } => self.on_submit(tasks, out),
            Event::Tick => self.on_tick(now, out),
        }
    }

    fn on_message(&mut self, now: Instant, message: SchedulerToClient, out: &mut Vec<Effect>) {
        if self.outbox.is_of_a_former_life(&message) {
            return;
        }
        match message {
            SchedulerToClient::Answer { id, answer } => out.push(Effect::Answer { id, answer }),
            SchedulerToClient::Erred { key, blame, failure } => {
                self.on_erred(key, blame, failure, out);
            }
            SchedulerToClient::InMemory { key, run, nbytes, worker, value } => {
                let place = Place { run, nbytes, worker, inline: value.is_some() };
                self.on_in_memory(now, key, place, value, out);
            }
            SchedulerToClient::Peer { id, address } => {
                self.peers.insert(id, Arc::from(address));
            }
            SchedulerToClient::Recomputing { key } => self.on_recomputing(key, out),
            SchedulerToClient::Released { keys } => self.outbox.released(&keys),
            SchedulerToClient::Send { key, run, worker } => {
                self.on_send(now, key, run, worker, out)
            }
        }
    }

    /// A transfer that was put off is tried again.
    fn on_tick(&mut self, now: Instant, out: &mut Vec<Effect>) {
        while let Some((key, failures)) = self.transfers.pop_due(now) {
            match self.timer(key) {
                Timer::Fetch(key) => self.fetch(now, key, failures, out),
                Timer::Send(key) => self.send(now, key, failures, out),
            }
        }
    }

    /// When to call `handle` with [`Event::Tick`], and why.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Instant, Timer)> {
        let (until, key) = self.transfers.next_due()?;
        Some((until, self.timer(key)))
    }

    /// What the timer of `key` is for: only values in memory are pulled, only others pushed.
    fn timer(&self, key: Key) -> Timer {
        match self.futures.get(key).map(|future| &future.state) {
            Some(State::Sending { .. }) => Timer::Send(key),
            Some(
                State::Erred { .. }
                | State::InMemory { .. }
                | State::Pending
                | State::Released
                | State::Scattered,
            )
            | None => Timer::Fetch(key),
        }
    }

    /// Whether there is something to say: the driver should flush when it can send.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        self.outbox.has_unsent()
    }

    /// How many futures are held.
    #[must_use]
    pub fn futures(&self) -> usize {
        self.futures.len() - self.outbox.releases().len()
    }

    /// How long to wait after so many failures in a row; at least one.
    fn backoff(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures - 1).unwrap_or(u32::MAX);
        self.config.min_backoff.saturating_mul(factor).min(self.config.max_backoff)
    }
}
