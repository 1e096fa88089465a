//! Any events in any order: every invariant holds after each, everyone hears what concerns them and
//! nothing else, and in the end nothing hangs and nothing is left.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::Config as Runs;

use super::super::state::{Channel, Duty, Index, TaskState};
use super::*;
use audience::{Audience, Sense, Told};
use matrix::Prediction;
use plan::{Joins, Plan, plan};
use steps::is_process;

mod audience;
mod corrupted;
pub mod matrix;
mod plan;
mod probes;
mod steps;

proptest! {
    #![proptest_config(Runs { failure_persistence: None, ..Runs::default() })]

    #[test]
    fn whatever_happens_the_scheduler_stays_whole_and_finishes(plan in plan()) {
        let mut play = Play::new(&plan);
        for step in &plan.steps {
            play.step(step)?;
        }
        play.all_that_is_wanted_gets_done()?;
        play.nothing_is_left_when_all_have_gone()?;
        play.the_same_events_have_the_same_effects()?;
    }
}

/// A scheduler in the hands of its audience.
struct Play<'a> {
    plan: &'a Plan,
    scheduler: Scheduler,
    now: Instant,
    audience: Audience,
    connections: u64,
    /// What happened, when, and what came out.
    story: Vec<(Instant, Event, Vec<Effect>)>,
}

impl<'a> Play<'a> {
    fn new(plan: &'a Plan) -> Self {
        let scheduler = Scheduler::new(plan.config.clone());
        let (now, audience) = (Instant::ZERO, Audience::default());
        Self { plan, scheduler, now, audience, connections: 0, story: Vec::new() }
    }

    /// Handles an event that is the doing of `from`: nobody else is closed for it.
    fn handle(&mut self, event: Event, from: Option<ConnectionId>) -> Sense {
        let mut out = Vec::new();
        let prediction = Prediction::of(&self.scheduler, self.now, &event);
        self.scheduler.handle(self.now, event.clone(), &mut out);
        prediction.holds(&self.scheduler, &event, &out)?;
        for effect in &out {
            self.audience.hear(effect)?;
        }
        for closed in self.audience.closed.drain(..) {
            prop_assert_eq!(Some(closed), from);
        }
        prop_assert_eq!(self.scheduler.check_touched(), Ok(()), "after {:?}", event);
        prop_assert_eq!(self.scheduler.check(), Ok(()), "after {:?}", event);
        self.story.push((self.now, event, out));
        self.clients_know_the_truth()?;
        self.workers_have_what_they_should()
    }

    /// Every client was told where each key stands that it wants and that is done.
    fn clients_know_the_truth(&self) -> Sense {
        for (_, client) in self.scheduler.state.clients() {
            let heard = match client.channel {
                Channel::Connection { connection, .. } => self.audience.clients.get(&connection),
                Channel::Run { run, .. } => self.audience.run(run),
                Channel::Cluster => None,
            };
            let Some(heard) = heard else { continue };
            for &task in &client.wants {
                let task = self.scheduler.state.task(task);
                let truth = match task.state() {
                    TaskState::Erred { .. } => Some(Told::Erred),
                    TaskState::Memory { run, .. } => Some(Told::InMemory(*run)),
                    TaskState::NoWorker
                    | TaskState::Processing { .. }
                    | TaskState::Queued
                    | TaskState::Released
                    | TaskState::Waiting { .. } => None,
                };
                prop_assert_eq!(heard.told.get(&task.key).copied(), truth, "{}", task.key);
            }
        }
        Ok(())
    }

    /// What a worker is to run, and what it is to hold, is what the scheduler believes it does.
    fn workers_have_what_they_should(&self) -> Sense {
        let state = &self.scheduler.state;
        for worker in self.audience.workers.values() {
            let Some(id) = worker.id else { continue };
            let load = state.index().load(id).cloned().unwrap_or_default();
            let runs = load.processing.iter().filter_map(|task| state.task(task).processing());
            let runs: BTreeSet<_> = runs.map(|(_, run)| run).collect();
            prop_assert!(worker.runs.keys().eq(&runs), "{:?} is not {:?}", worker.runs, runs);
            let values = load.values.iter().filter_map(|task| {
                let TaskState::Memory { run, .. } = state.task(task).state() else { return None };
                Some((state.task(task).key, *run))
            });
            prop_assert_eq!(&worker.values, &values.collect());
        }
        Ok(())
    }

    /// Once workers have come that can run anything, those that went have been given up, and nobody
    /// rests any more, honest workers finish all there is to do.
    fn all_that_is_wanted_gets_done(&mut self) -> Sense {
        self.joins(201, 200)?;
        self.nobody_rests()?;
        // Whoever is to leave has left when another one comes under its name.
        self.all_work()?;
        self.joins(200, 2)?;
        self.wait_for_all_timers()?;
        self.all_work()?;
        let retiring = self.scheduler.copies.retiring.len();
        prop_assert!(retiring == 0, "{retiring} workers retire for ever");
        for kind in Kind::ALL {
            let left = self.scheduler.count(kind);
            prop_assert!(left == 0 || !kind.is_active(), "{left} tasks are {kind} for ever");
        }
        Ok(())
    }

    fn workers_work(&mut self, runs: usize) -> Sense {
        for _ in 0..runs {
            let Some((worker, key, run)) = self.first_run_that_can_finish() else { break };
            self.audience.workers.get_mut(&worker).unwrap().finish(key, run);
            let message = WorkerMessage::Finished { key, run, nbytes: 8, duration: 1, value: None };
            self.handle(Event::FromWorker { connection: worker, message }, None)?;
        }
        Ok(())
    }

    fn joins(&mut self, session: u8, name: u8) -> Sense {
        let joins = Joins { session, name, address: session, nthreads: 1, registers: true };
        self.worker_joins(joins, "adt")
    }

    fn nobody_rests(&mut self) -> Sense {
        let registered = self.audience.workers.iter().filter(|(_, worker)| worker.id.is_some());
        let registered: Vec<ConnectionId> = registered.map(|(at, _)| *at).collect();
        for connection in registered {
            let message = WorkerMessage::Memory(MemoryUse::default());
            self.handle(Event::FromWorker { connection, message }, None)?;
        }
        self.client_joins(76)?;
        let rests = self.scheduler.state.workers().filter(|w| w.duty == Duty::Paused);
        let workers = rests.map(|worker| worker.name.clone()).collect();
        let query = Query::Pause { workers, paused: false };
        let client = self.clients().last().copied().expect("one has just come");
        self.client_says(client, ClientMessage::Query { id: 0, query })
    }

    fn all_work(&mut self) -> Sense {
        while self.first_run_that_can_finish().is_some() || self.first_to_fetch().is_some() {
            self.workers_work(usize::MAX)?;
            self.workers_fetch(usize::MAX)?;
        }
        while self.audience.workers.values().any(|worker| worker.leaves) {
            self.workers_fetch(1)?;
        }
        Ok(())
    }

    /// Copies that are to be made are made, and who is to leave leaves.
    fn workers_fetch(&mut self, copies: usize) -> Sense {
        for _ in 0..copies {
            let Some((connection, key, run)) = self.first_to_fetch() else { break };
            let worker = self.audience.workers.get_mut(&connection).unwrap();
            worker.acquires.remove(&(key, run));
            worker.values.insert((key, run));
            let message = WorkerMessage::Fetched { key, run };
            self.handle(Event::FromWorker { connection, message }, None)?;
        }
        let leavers = self.audience.workers.iter().filter(|(_, worker)| worker.leaves);
        let leaver = leavers.map(|(connection, _)| *connection).next();
        leaver.map_or(Ok(()), |connection| {
            let message = WorkerMessage::Goodbye;
            self.handle(Event::FromWorker { connection, message }, Some(connection))
        })
    }

    fn first_to_fetch(&self) -> Option<(ConnectionId, Key, RunId)> {
        let mut workers = self.audience.workers.iter();
        workers.find_map(|(connection, worker)| {
            worker.acquires.first().map(|(key, run)| (*connection, *key, *run))
        })
    }

    fn first_run_that_can_finish(&self) -> Option<(ConnectionId, Key, RunId)> {
        let runs = self.audience.workers.iter().flat_map(|(connection, worker)| {
            worker.runs.iter().map(move |(run, given)| (*run, *connection, given))
        });
        let can = |run, given: &audience::Given| match given.runtime {
            Runtime::Command | Runtime::Native => true,
            Runtime::Receive => self.audience.is_sent(given.key, run),
        };
        let runs = runs.filter(|(run, _, given)| can(*run, given));
        let first = runs.min_by_key(|(run, ..)| *run)?;
        Some((first.1, first.2.key, first.0))
    }

    fn wait_for_all_timers(&mut self) -> Sense {
        while let Some((at, _)) = self.scheduler.next_deadline() {
            self.now = self.now.max(at);
            self.handle(Event::Tick, None)?;
            let next = self.scheduler.next_deadline();
            prop_assert!(next.is_none_or(|(next, _)| next > self.now), "a timer does not rest");
        }
        Ok(())
    }

    fn nothing_is_left_when_all_have_gone(&mut self) -> Sense {
        self.client_joins(77)?;
        for (i, client) in self.clients().into_iter().enumerate() {
            for name in ["0", "1"] {
                let query = Query::Unpublish(name.to_owned());
                self.client_says(client, ClientMessage::Query { id: 0, query })?;
            }
            if i % 2 == 0 {
                let keys = self.wants(|channel| is_process(channel, client));
                let message =
                    ClientMessage::Release { keys: keys.into_iter().collect(), answer: false };
                self.client_says(client, message)?;
            }
            self.client_breaks(client)?;
        }
        self.wait_for_all_timers()?;
        prop_assert_eq!(self.scheduler.tasks(), 0);
        for worker in self.workers() {
            self.worker_breaks(worker)?;
        }
        self.wait_for_all_timers()?;
        let Scheduler { state, peers, run_clients, graces, no_workers_since, .. } = &self.scheduler;
        prop_assert!(peers.is_empty() && run_clients.is_empty() && graces.is_empty());
        prop_assert!(self.scheduler.datasets.is_empty() && self.scheduler.detached.is_none());
        prop_assert_eq!(self.scheduler.topics.waiting().count(), 0);
        prop_assert_eq!(&self.scheduler.copies, &Copies::default());
        prop_assert!(self.scheduler.waiting_queries.is_empty() && no_workers_since.is_none());
        prop_assert_eq!((state.clients().len(), state.workers().len()), (0, 0));
        prop_assert_eq!(state.index(), &Index::default());
        Ok(())
    }
    fn the_same_events_have_the_same_effects(self) -> Sense {
        let mut again = Scheduler::new(self.plan.config.clone());
        for (now, event, effects) in self.story {
            let mut out = Vec::new();
            again.handle(now, event, &mut out);
            prop_assert_eq!(out, effects);
        }
        Ok(())
    }
}
