//! What a driver does around the scheduler machine.
//!
//! It must not know why the machine says what it says.

use raddle_core::client::Event as ClientEvent;
use raddle_core::scheduler::{Config, Effect, Event, Kind, PeerError, Scheduler};
use raddle_core::time::{Duration, Instant};
use raddle_core::worker::Event as WorkerEvent;
use raddle_net::messages::{ClientMessage, SchedulerToWorker, WorkerMessage};
use raddle_net::names::Key;

use crate::corrupt::Cause;
use crate::failure::Failure;
use crate::journal::Fact;
use crate::knobs;
use crate::plan::Plan;
use crate::plant::Plant;
use crate::property::Property;
use crate::world::{Delivery, Depth, Node, Settings, World, node_behind};

/// The scheduler.
#[derive(Clone, Debug)]
pub(crate) struct SimScheduler {
    pub(crate) machine: Scheduler,
    /// Since when there has been no worker.
    deserted: Option<Instant>,
    /// When there was something to do, or a client said something, for the last time.
    busy: Instant,
    /// When it is woken next, at the latest.
    alarm: Option<Instant>,
    /// The kind of its last event.
    last: usize,
    /// Emptied and used again, event after event.
    effects: Vec<Effect>,
}

impl SimScheduler {
    pub(crate) fn new(settings: &Settings, plan: &Plan) -> Self {
        let charge_early = settings.plant == Some(Plant::ChargeEarly);
        let allowed_failures = if charge_early { 0 } else { Config::default().allowed_failures };
        let ignored = settings.plant == Some(Plant::IgnoreGrace);
        let grace = if ignored { plan.grace / 2 } else { plan.grace };
        let idle = knobs::idle_timeout(plan);
        let hurries = settings.plant == Some(Plant::EndEarly);
        let mut config = Config {
            allowed_failures,
            policy: settings.policy,
            seed: settings.seed,
            track_touched: settings.mode.depth == Depth::Touched,
            client_grace: Duration::from_micros(grace),
            worker_grace: Duration::from_micros(grace),
            no_workers_timeout: patience(plan),
            idle_timeout: if hurries { idle / 2 } else { idle },
            ..Config::default()
        };
        plan.limits.configure(&mut config);
        match settings.plant {
            Some(Plant::GiveUpEarly) => config.unqualified_timeout /= 2,
            Some(Plant::OneTaskMore) => config.max_client_tasks += 1,
            Some(_) | None => {}
        }
        Self {
            machine: Scheduler::new(config),
            alarm: None,
            deserted: None,
            busy: Instant::ZERO,
            last: 0,
            effects: Vec::new(),
        }
    }
}

impl World {
    pub(crate) fn scheduler_event(&mut self, event: Event) {
        self.see_scheduler_event(&event);
        self.visit_scheduler(&event);
        self.note_report(&event);
        self.note_desertion();
        let heard = self.watch_scheduler_hear(&event);
        let cause = Cause::of(&event, self.settings.plant);
        let is_word = matches!(event, Event::FromClient { .. } | Event::ClientConnected { .. });
        let event = self.corrupt_event(event);
        let sim = &mut self.scheduler;
        if event == Event::Tick {
            sim.alarm = sim.alarm.filter(|at| *at > self.now);
        }
        let mut out = std::mem::take(&mut sim.effects);
        sim.machine.handle(self.now, event, &mut out);
        self.note_desertion();
        let machine = &self.scheduler.machine;
        if is_word || Kind::ALL.iter().any(|kind| kind.is_active() && machine.count(*kind) > 0) {
            self.scheduler.busy = self.now;
        }
        let machine = &self.scheduler.machine;
        let wholly = self.checks_wholly(machine.tasks());
        let checked = if wholly { machine.check() } else { machine.check_touched() };
        if let Err(violation) = checked {
            self.fail(Failure::Scheduler(violation));
        }
        self.corrupt_effects(&cause, &mut out);
        let connections = &self.connections;
        let behind = |connection| node_behind(connections, connection);
        let machine = &self.scheduler.machine;
        let observation = self.watch.scheduler_did(self.now, &heard, &out, machine, behind);
        let observation = observation.and_then(|()| match &mut self.reference {
            Some(reference) => reference.see(self.now, &out, machine),
            None => Ok(()),
        });
        self.must(observation);
        for effect in out.drain(..) {
            self.scheduler_effect(effect);
        }
        self.scheduler.effects = out;
        if let Some((at, _)) = self.scheduler.machine.next_deadline()
            && let Some(at) = wake(&mut self.scheduler.alarm, at, self.now)
        {
            self.at(at, Delivery::Scheduler(Event::Tick));
        }
    }

    /// Work that has no worker for as long as the plan says may fail.
    fn note_desertion(&mut self) {
        let patience = patience(self.plan());
        if self.scheduler.machine.open_workers() > 0 {
            self.scheduler.deserted = None;
            return;
        }
        let since = *self.scheduler.deserted.get_or_insert(self.now);
        if self.now - since >= patience {
            self.oracle.deserted();
        }
    }

    fn scheduler_effect(&mut self, effect: Effect) {
        self.report.coverage.see(&effect);
        match effect {
            // Nobody minds what becomes of a stranger.
            Effect::Close { connection, .. }
                if self.behind(connection) == Some(Node::Scheduler) => {}
            // Who died is waited for, and given up in the end; who left is let go.
            Effect::Close {
                connection,
                reason:
                    reason @ (PeerError::Away
                    | PeerError::DeclaredLost(_)
                    | PeerError::Left
                    | PeerError::OutOfMemory { .. }),
            } => self.close_line(connection, &reason),
            Effect::Close { connection, reason } => {
                let node = self.behind(connection);
                self.fail(Failure::Protocol(format!("scheduler closes {node:?}: {reason}")));
            }
            Effect::End => self.judge_end(),
            Effect::ToClient { connection, message } => {
                if let Some(Node::Client(client)) = self.behind(connection)
                    && self.is_current(Node::Client(client), connection)
                {
                    let delivery = Delivery::Client(client, ClientEvent::FromScheduler(message));
                    self.send(Node::Scheduler, Node::Client(client), delivery);
                }
            }
            Effect::ToWorker { connection, message } => {
                if let Some(Node::Worker(worker)) = self.behind(connection)
                    && self.is_current(Node::Worker(worker), connection)
                {
                    if let SchedulerToWorker::Recall { run, .. } = message {
                        self.journal(Fact::Recalled { run, worker });
                    }
                    let delivery = Delivery::Worker(worker, WorkerEvent::FromScheduler(message));
                    self.send(Node::Scheduler, Node::Worker(worker), delivery);
                }
            }
            Effect::Warn { .. } => {}
        }
    }

    /// Nobody asks for the end; the scheduler says that it has nothing to do. It is let go on.
    fn judge_end(&mut self) {
        let (limit, idle) = (knobs::idle_timeout(self.plan()), self.now - self.scheduler.busy);
        if limit.is_zero() || idle < limit {
            let early = format!("it ends after {} µs", idle.as_micros());
            self.fail(Failure::Broken(Property::Ending, early));
        }
    }

    fn see_scheduler_event(&mut self, event: &Event) {
        let (seen, last) = (&mut self.report.coverage, &mut self.scheduler.last);
        match event {
            Event::FromClient { message, .. } => seen.see_event(event, Some(message), last),
            Event::FromWorker { message, .. } => {
                seen.see_event(event, Some(message), last);
                if let WorkerMessage::Failed { failure, .. } = message {
                    seen.see(&**failure);
                }
            }
            Event::ClientConnected { .. }
            | Event::ClientDisconnected { .. }
            | Event::ClientResumed { .. }
            | Event::SessionEnded { .. }
            | Event::Tick
            | Event::WorkerConnected { .. }
            | Event::WorkerDisconnected { .. }
            | Event::WorkerLost { .. }
            | Event::WorkerResumed { .. } => seen.see_event(event, None::<&ClientMessage>, last),
        }
    }

    /// Why a key is not done, as the scheduler sees it.
    pub(crate) fn explain(&self, key: Key) -> String {
        self.scheduler.machine.explain(key)
    }
}

/// How long work waits without any worker.
pub(crate) fn patience(plan: &Plan) -> Duration {
    match plan.patience {
        0 => Config::default().no_workers_timeout,
        micros => Duration::from_micros(micros),
    }
}

/// When to wake a machine that is due at `deadline`, unless it is woken before that anyway.
pub(crate) fn wake(
    alarm: &mut Option<Instant>,
    deadline: Instant,
    now: Instant,
) -> Option<Instant> {
    let at = deadline.max(now + Duration::from_nanos(1));
    if alarm.is_some_and(|alarm| alarm <= at) {
        return None;
    }
    *alarm = Some(at);
    Some(at)
}
