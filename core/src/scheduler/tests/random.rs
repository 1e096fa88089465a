//! Any events in any order: every invariant holds after each, everyone hears what concerns them and
//! nothing else, and in the end nothing hangs and nothing is left.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::Config as Runs;

use super::super::state::{Channel, Client, Index, TaskState};
use super::*;
use audience::{Audience, Sense, Told};
use plan::{Age, Joins, Plan, Report, Says, Step, Submit, plan};

mod audience;
mod plan;

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
    }
}

/// A scheduler in the hands of its audience.
struct Play<'a> {
    plan: &'a Plan,
    scheduler: Scheduler,
    now: Instant,
    audience: Audience,
    connections: u64,
}

impl<'a> Play<'a> {
    fn new(plan: &'a Plan) -> Self {
        let scheduler = Scheduler::new(plan.config.clone());
        Self { plan, scheduler, now: Instant::ZERO, audience: Audience::default(), connections: 0 }
    }

    /// Nothing happens if nobody is there whom the step could mean.
    fn step(&mut self, step: &Step) -> Sense {
        match step {
            Step::ClientBreaks { client } => {
                self.client(*client).map_or(Ok(()), |client| self.client_breaks(client))
            }
            Step::ClientJoins { session } => self.client_joins(*session),
            Step::ClientSays { client, says } => {
                let message = self.message(says);
                let client = self.client(*client);
                client.map_or(Ok(()), |client| self.client_says(client, message))
            }
            Step::RunSays { worker, run, says } => {
                let worker = self.worker(*worker);
                worker.map_or(Ok(()), |worker| self.run_says(worker, *run, says))
            }
            Step::Tick { millis } => {
                self.now = self.now + Duration::from_millis(*millis);
                self.handle(Event::Tick, None)
            }
            Step::WorkerBreaks { worker } => {
                self.worker(*worker).map_or(Ok(()), |worker| self.worker_breaks(worker))
            }
            Step::WorkerJoins { joins } => self.worker_joins(*joins, "subtract"),
            Step::WorkerLost { worker } => self.worker_is_lost(WorkerId((*worker % 8).into())),
            Step::WorkersWork { runs } => self.workers_work((*runs).into()),
            Step::WorkerReports { worker, age, report } => {
                let worker = self.worker(*worker);
                worker.map_or(Ok(()), |worker| self.worker_reports(worker, *age, *report))
            }
        }
    }

    /// Handles an event that is the doing of `from`: nobody else is closed for it.
    fn handle(&mut self, event: Event, from: Option<ConnectionId>) -> Sense {
        let mut out = Vec::new();
        self.scheduler.handle(self.now, event.clone(), &mut out);
        for effect in &out {
            self.audience.hear(effect)?;
        }
        for closed in self.audience.closed.drain(..) {
            prop_assert_eq!(Some(closed), from);
        }
        prop_assert_eq!(self.scheduler.check(), Ok(()), "after {:?}", event);
        self.clients_know_the_truth()?;
        self.workers_have_what_they_should()
    }

    /// Every client was told where each key stands that it wants and that is done.
    fn clients_know_the_truth(&self) -> Sense {
        for (_, client) in self.scheduler.state.clients() {
            let heard = match client.channel {
                Channel::Connection { connection, .. } => self.audience.clients.get(&connection),
                Channel::Run { run, .. } => self.audience.run(run),
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
            let runs = load.processing.iter().filter_map(|task| state.task(*task).processing());
            let runs: BTreeSet<_> = runs.map(|(_, run)| run).collect();
            prop_assert!(worker.runs.keys().eq(&runs), "{:?} is not {:?}", worker.runs, runs);
            let values = load.values.iter().filter_map(|task| {
                let TaskState::Memory { run, .. } = state.task(*task).state() else { return None };
                Some((state.task(*task).key, *run))
            });
            prop_assert_eq!(&worker.values, &values.collect());
        }
        Ok(())
    }

    /// Once a worker has come that can run anything, and those that went have been given up, honest
    /// workers finish all there is to do.
    fn all_that_is_wanted_gets_done(&mut self) -> Sense {
        for name in [2, 200] {
            let joins = Joins { session: 200, name, address: 200, nthreads: 1, registers: true };
            self.worker_joins(joins, "adt")?;
        }
        self.wait_for_all_timers()?;
        self.workers_work(usize::MAX)?;
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

    fn first_run_that_can_finish(&self) -> Option<(ConnectionId, Key, RunId)> {
        let runs = self.audience.workers.iter().flat_map(|(connection, worker)| {
            worker.runs.iter().map(move |(run, given)| (*run, *connection, given))
        });
        let can = |run, given: &audience::Given| match given.runtime {
            Runtime::Native => true,
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
        for (i, client) in self.clients().into_iter().enumerate() {
            if i % 2 == 0 {
                let keys = self.wants(|channel| is_process(channel, client));
                let message = ClientMessage::Release { keys: keys.into_iter().collect() };
                self.client_says(client, message)?;
            }
            self.client_breaks(client)?;
        }
        prop_assert_eq!(self.scheduler.tasks(), 0);
        for worker in self.workers() {
            self.worker_breaks(worker)?;
        }
        self.wait_for_all_timers()?;
        let Scheduler { state, peers, run_clients, graces, no_workers_since, .. } = &self.scheduler;
        prop_assert!(peers.is_empty() && run_clients.is_empty() && graces.is_empty());
        prop_assert!(self.scheduler.waiting_queries.is_empty() && no_workers_since.is_none());
        prop_assert_eq!((state.clients().len(), state.workers().len()), (0, 0));
        prop_assert_eq!(state.index(), &Index::default());
        Ok(())
    }
}

/// What the steps mean.
impl Play<'_> {
    fn clients(&self) -> Vec<ConnectionId> {
        self.audience.clients.keys().copied().collect()
    }

    fn client(&self, which: u8) -> Option<ConnectionId> {
        pick(self.audience.clients.keys(), which).copied()
    }

    fn workers(&self) -> Vec<ConnectionId> {
        self.audience.workers.keys().copied().collect()
    }

    fn worker(&self, which: u8) -> Option<ConnectionId> {
        pick(self.audience.workers.keys(), which).copied()
    }

    fn next_connection(&mut self) -> ConnectionId {
        self.connections += 1;
        ConnectionId(self.connections)
    }

    fn wants(&self, is_it: impl Fn(Channel) -> bool) -> BTreeSet<Key> {
        let state = &self.scheduler.state;
        let client = state.clients().find(|(_, client)| is_it(client.channel));
        let wants = client.into_iter().flat_map(|(_, Client { wants, .. })| wants);
        wants.map(|task| state.task(*task).key).collect()
    }

    fn client_joins(&mut self, session: u8) -> Sense {
        let connection = self.next_connection();
        self.audience.clients.insert(connection, audience::Client::default());
        let (session, name) = (Session::truncate(session.into()), String::new());
        self.handle(Event::ClientConnected { connection, session, name }, Some(connection))?;
        if self.audience.clients.contains_key(&connection) {
            for (id, spec) in (0..).map(SpecId).zip(specs()) {
                let message = ClientMessage::Define { id, spec };
                self.handle(Event::FromClient { connection, message }, None)?;
            }
        }
        Ok(())
    }

    fn client_breaks(&mut self, connection: ConnectionId) -> Sense {
        self.audience.clients.remove(&connection);
        self.handle(Event::ClientDisconnected { connection }, None)
    }

    fn client_says(&mut self, connection: ConnectionId, message: ClientMessage) -> Sense {
        let wants = self.wants(|channel| is_process(channel, connection));
        self.audience.clients.get_mut(&connection).unwrap().forget(&message, &wants);
        self.handle(Event::FromClient { connection, message }, Some(connection))
    }

    fn run_says(&mut self, connection: ConnectionId, which: u8, says: &Says) -> Sense {
        let message = self.message(says);
        let wants = |run| self.wants(|c| matches!(c, Channel::Run { run: r, .. } if r == run));
        let worker = &self.audience.workers[&connection];
        let Some((&run, given)) = pick(worker.runs.iter(), which) else { return Ok(()) };
        let (key, wants, is_ready) = (given.key, wants(run), given.client.is_ready);
        if !is_ready {
            for (id, spec) in (0..).map(SpecId).zip(specs()) {
                let message = ClientMessage::Define { id, spec };
                let message = WorkerMessage::FromRun { key, run, message };
                self.handle(Event::FromWorker { connection, message }, None)?;
            }
        }
        let worker = self.audience.workers.get_mut(&connection).unwrap();
        let client = &mut worker.runs.get_mut(&run).unwrap().client;
        client.is_ready = true;
        client.forget(&message, &wants);
        let message = WorkerMessage::FromRun { key, run, message };
        self.handle(Event::FromWorker { connection, message }, Some(connection))
    }

    fn worker_joins(&mut self, joins: Joins, function: &str) -> Sense {
        let connection = self.next_connection();
        let address = format!("tcp://w{}:1", joins.address);
        let worker = audience::Worker::at(address.clone());
        self.audience.workers.insert(connection, worker);
        let session = Session::truncate(joins.session.into());
        self.handle(Event::WorkerConnected { connection, session }, Some(connection))?;
        if !joins.registers || !self.audience.workers.contains_key(&connection) {
            return Ok(());
        }
        let name = |name: &str| FunctionName { name: name.to_owned(), signature: 0 };
        let functions = vec![name("add"), name(function)];
        let (name, nthreads) = (format!("w{}", joins.name), joins.nthreads);
        let registration = Registration { name, address, nthreads, functions };
        let message = WorkerMessage::Register(registration);
        self.handle(Event::FromWorker { connection, message }, Some(connection))
    }

    fn worker_breaks(&mut self, connection: ConnectionId) -> Sense {
        self.audience.workers.remove(&connection);
        let reason = "reset".to_owned();
        self.handle(Event::WorkerDisconnected { connection, reason }, None)
    }

    fn worker_is_lost(&mut self, worker: WorkerId) -> Sense {
        let mut workers = self.audience.workers.iter();
        let connection = workers.find(|(_, w)| w.id == Some(worker)).map(|(c, _)| *c);
        let reason = "exited".to_owned();
        self.handle(Event::WorkerLost { worker, reason }, connection)
    }

    fn worker_reports(&mut self, connection: ConnectionId, age: Age, report: Report) -> Sense {
        let Some((key, run)) = self.run_of_age(connection, age) else { return Ok(()) };
        let worker = self.audience.workers.get_mut(&connection).unwrap();
        let message = match report {
            Report::Failed { blame } => {
                worker.runs.remove(&run);
                let (blame, failure) = (blame.map(key_of), broke("", 0));
                WorkerMessage::Failed { key, run, blame, failure }
            }
            Report::Fetched => {
                worker.values.insert((key, run));
                WorkerMessage::Fetched { key, run }
            }
            Report::Finished { nbytes, duration } => {
                worker.finish(key, run);
                WorkerMessage::Finished { key, run, nbytes, duration, value: None }
            }
            Report::Locate => {
                worker.values.remove(&(key, run));
                WorkerMessage::Locate { key, run }
            }
            Report::Register => {
                let address = worker.address.clone();
                WorkerMessage::Register(Registration { address, ..registration(1, 1) })
            }
            Report::Started => WorkerMessage::Started { key, run },
        };
        self.handle(Event::FromWorker { connection, message }, Some(connection))
    }

    fn run_of_age(&self, connection: ConnectionId, age: Age) -> Option<(Key, RunId)> {
        let Audience { workers, given, .. } = &self.audience;
        let runs_of = |worker: &audience::Worker| {
            worker.runs.iter().map(|(run, given)| (given.key, *run)).collect::<Vec<_>>()
        };
        match age {
            Age::Current(which) => pick(runs_of(&workers[&connection]), which),
            Age::Foreign(which) => {
                let others = workers.iter().filter(|(other, _)| **other != connection);
                pick(others.flat_map(|(_, other)| runs_of(other)).collect::<Vec<_>>(), which)
            }
            Age::Future => {
                let last = given.last().map_or(0, |(_, run)| run.counter);
                Some((key_of(0), run_id(last + 1)))
            }
            Age::Past(which) => pick(given, which).copied(),
        }
    }

    fn message(&self, says: &Says) -> ClientMessage {
        let keys_of = |keys: &[u8]| keys.iter().copied().map(key_of).collect();
        let query = |query| ClientMessage::Query { id: 0, query };
        match says {
            Says::Cancel { keys } => ClientMessage::Cancel { keys: keys_of(keys) },
            Says::Explain { key } => query(Query::Explain(key_of(*key))),
            Says::Goodbye => ClientMessage::Goodbye,
            Says::Info => query(Query::Info),
            Says::Locate { key, failed } => {
                let failed = failed.map(|worker| WorkerId((worker % 8).into()));
                ClientMessage::Locate { key: key_of(*key), failed }
            }
            Says::Misdefine => ClientMessage::Define { id: SpecId(99), spec: TaskSpec::default() },
            Says::Release { keys } => ClientMessage::Release { keys: keys_of(keys) },
            Says::Submit(submit) => self.submission(submit),
            Says::SubmitUndefined { key } => {
                let task = NewTask { spec: SpecId(99), ..self.new_task(*key) };
                ClientMessage::Submit { submission: 1, tasks: vec![task] }
            }
            Says::WaitForWorkers { workers } => query(Query::WaitForWorkers(*workers)),
        }
    }

    fn submission(&self, submit: &Submit) -> ClientMessage {
        let mut keys = submit.keys.clone();
        if submit.whole {
            for i in 0.. {
                let Some(key) = keys.get(i).copied() else { break };
                keys.extend(&self.plan.recipes[usize::from(key)].dependencies);
            }
            keys.sort_unstable();
            keys.dedup();
        }
        let mut tasks: Vec<_> = keys.into_iter().map(|key| self.new_task(key)).collect();
        if submit.other {
            tasks[0].args = Blob::from(&b"other"[..]);
        }
        ClientMessage::Submit { submission: submit.submission, tasks }
    }

    fn new_task(&self, key: u8) -> NewTask {
        let recipe = &self.plan.recipes[usize::from(key)];
        NewTask {
            key: key_of(key),
            spec: recipe.spec,
            priority: recipe.priority,
            order: key.into(),
            dependencies: recipe.dependencies.iter().copied().map(key_of).collect(),
            args: Blob::new(),
        }
    }
}

/// Numbered and hashed keys.
fn key_of(key: u8) -> Key {
    if key % 2 == 0 { Key::hashed(key.into()) } else { super::key(key.into()) }
}

fn is_process(channel: Channel, connection: ConnectionId) -> bool {
    matches!(channel, Channel::Connection { connection: c, .. } if c == connection)
}

/// Whoever is meant by a number, if anybody is there.
fn pick<T>(from: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>, which: u8) -> Option<T> {
    let mut from = from.into_iter();
    let index = usize::from(which).checked_rem(from.len())?;
    from.nth(index)
}
