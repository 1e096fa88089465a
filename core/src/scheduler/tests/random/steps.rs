//! What the steps of a plan mean to whoever is there.

use std::collections::BTreeSet;

use super::super::super::state::{Channel, Client};
use super::audience::{self, Audience, Sense};
use super::plan::{Age, Joins, Report, Says, Step, Submit};
use super::*;

impl Play<'_> {
    /// Nothing happens if nobody is there whom the step could mean.
    pub fn step(&mut self, step: &Step) -> Sense {
        match step {
            Step::ClientBreaks { client } => {
                self.client(*client).map_or(Ok(()), |client| self.client_breaks(client))
            }
            Step::ClientResumes { client } => {
                self.client(*client).map_or(Ok(()), |client| self.client_resumes(client))
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
            Step::WorkerResumes { worker } => {
                self.worker(*worker).map_or(Ok(()), |worker| self.worker_resumes(worker))
            }
            Step::SessionEnds { worker } => {
                self.worker(*worker).map_or(Ok(()), |worker| self.session_ends(worker))
            }
            Step::WorkerJoins { joins } => self.worker_joins(*joins, "subtract"),
            Step::WorkerLost { worker } => self.worker_is_lost(WorkerId((*worker % 8).into())),
            Step::WorkersFetch { copies } => self.workers_fetch((*copies).into()),
            Step::WorkersWork { runs } => self.workers_work((*runs).into()),
            Step::WorkerReports { worker, age, report } => {
                let worker = self.worker(*worker);
                worker.map_or(Ok(()), |worker| self.worker_reports(worker, *age, *report))
            }
        }
    }

    pub fn clients(&self) -> Vec<ConnectionId> {
        self.audience.clients.keys().copied().collect()
    }

    fn client(&self, which: u8) -> Option<ConnectionId> {
        pick(self.audience.clients.keys(), which).copied()
    }

    pub fn workers(&self) -> Vec<ConnectionId> {
        self.audience.workers.keys().copied().collect()
    }

    fn worker(&self, which: u8) -> Option<ConnectionId> {
        pick(self.audience.workers.keys(), which).copied()
    }

    fn next_connection(&mut self) -> ConnectionId {
        self.connections += 1;
        ConnectionId(self.connections)
    }

    pub fn wants(&self, is_it: impl Fn(Channel) -> bool) -> BTreeSet<Key> {
        let state = &self.scheduler.state;
        let client = state.clients().find(|(_, client)| is_it(client.channel));
        let wants = client.into_iter().flat_map(|(_, Client { wants, .. })| wants);
        wants.map(|task| state.task(*task).key).collect()
    }

    pub fn client_joins(&mut self, session: u8) -> Sense {
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

    pub fn client_breaks(&mut self, connection: ConnectionId) -> Sense {
        self.audience.away.insert(connection);
        self.handle(Event::ClientDisconnected { connection }, None)
    }

    fn client_resumes(&mut self, connection: ConnectionId) -> Sense {
        self.audience.away.remove(&connection);
        self.handle(Event::ClientResumed { connection }, None)
    }

    pub fn client_says(&mut self, connection: ConnectionId, message: ClientMessage) -> Sense {
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

    pub fn worker_joins(&mut self, joins: Joins, function: &str) -> Sense {
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
        let gpus = if joins.name == 200 { 2 } else { u64::from(joins.name % 3) };
        let resources = vec![("gpu".to_owned(), 10_000 * gpus)];
        let (name, nthreads) = (format!("w{}", joins.name), joins.nthreads);
        let registration =
            Registration { name, address, nthreads, memory_limit: None, functions, resources };
        let message = WorkerMessage::Register(registration);
        self.handle(Event::FromWorker { connection, message }, Some(connection))
    }

    fn worker_resumes(&mut self, connection: ConnectionId) -> Sense {
        self.audience.away.remove(&connection);
        self.handle(Event::WorkerResumed { connection }, None)
    }

    pub fn worker_breaks(&mut self, connection: ConnectionId) -> Sense {
        self.audience.away.insert(connection);
        let reason = "reset".to_owned();
        self.handle(Event::WorkerDisconnected { connection, reason }, None)
    }

    fn session_ends(&mut self, connection: ConnectionId) -> Sense {
        self.audience.away.remove(&connection);
        self.audience.workers.remove(&connection);
        let reason = "it talks nonsense".to_owned();
        self.handle(Event::SessionEnded { connection, reason }, None)
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
        if worker.leaves {
            let message = WorkerMessage::Goodbye;
            return self.handle(Event::FromWorker { connection, message }, Some(connection));
        }
        let message = match report {
            Report::Failed { blame } => {
                worker.runs.remove(&run);
                let (blame, failure) = (blame.map(key_of), broke("", 0));
                WorkerMessage::Failed { key, run, blame, failure }
            }
            Report::Fetched => {
                worker.values.insert((key, run));
                worker.acquires.remove(&(key, run));
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
            Report::Memory { is_full, is_over } => {
                WorkerMessage::Memory(MemoryUse { is_full, is_over, ..MemoryUse::default() })
            }
            Report::Recalled { returned } => {
                if worker.recalls.remove(&run) && returned {
                    worker.runs.remove(&run);
                }
                WorkerMessage::Recalled { key, run, returned }
            }
            Report::Register => {
                let address = worker.address.clone();
                WorkerMessage::Register(Registration { address, ..registration(1, 1) })
            }
            Report::Speaks if worker.runs.contains_key(&run) => return Ok(()),
            Report::Speaks => WorkerMessage::FromRun { key, run, message: ClientMessage::Goodbye },
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
            Age::Future(key) => {
                let last = given.last().map_or(0, |(_, run)| run.counter);
                Some((key_of(key), run_id(last + 1)))
            }
            Age::Past(which) => pick(given, which).copied(),
        }
    }

    fn message(&self, says: &Says) -> ClientMessage {
        let keys_of = |keys: &[u8]| keys.iter().copied().map(key_of).collect();
        let query = |query| ClientMessage::Query { id: 0, query };
        match says {
            Says::Cancel { keys, force } => {
                ClientMessage::Cancel { keys: keys_of(keys), force: *force }
            }
            Says::Copies { key, copies } => {
                query(Query::Copies { key: key_of(*key), copies: *copies })
            }
            Says::Detach { keys } => ClientMessage::Detach { keys: keys_of(keys) },
            Says::Events { topic, after } => {
                query(Query::Events { topic: topic.to_string(), after: *after })
            }
            Says::Explain { key } => query(Query::Explain(key_of(*key))),
            Says::Goodbye => ClientMessage::Goodbye,
            Says::HasWhat { worker } => query(Query::HasWhat(format!("w{worker}"))),
            Says::Info => query(Query::Info),
            Says::Locate { key, failed } => {
                let failed = failed.map(|worker| WorkerId((worker % 8).into()));
                ClientMessage::Locate { key: key_of(*key), failed }
            }
            Says::LogEvent { topic } => {
                query(Query::LogEvent { topic: topic.to_string(), text: "said".to_owned() })
            }
            Says::Misdefine => ClientMessage::Define { id: SpecId(99), spec: TaskSpec::default() },
            Says::Pause { worker, paused } => {
                query(Query::Pause { workers: vec![format!("w{worker}")], paused: *paused })
            }
            Says::Publish { name, keys } => {
                query(Query::Publish { name: name.to_string(), keys: keys_of(keys) })
            }
            Says::Rebalance { key } => {
                let keys = key.map(|key| vec![key_of(key)]);
                query(Query::Rebalance { keys, workers: Vec::new() })
            }
            Says::Release { keys, answer } => {
                ClientMessage::Release { keys: keys_of(keys), answer: *answer }
            }
            Says::Retire { worker } => query(Query::Retire(vec![format!("w{worker}")])),
            Says::Retry { keys } => ClientMessage::Retry { keys: keys_of(keys) },
            Says::Story { key } => query(Query::Story(StoryOf::Key(key_of(*key)))),
            Says::Submit(submit) => self.submission(submit),
            Says::SubmitUndefined { key } => {
                let task = NewTask { spec: SpecId(99), ..self.new_task(*key) };
                ClientMessage::Submit { submission: 1, tasks: vec![task] }
            }
            Says::Tasks { after } => {
                query(Query::Tasks { state: None, after: Some(key_of(*after)) })
            }
            Says::Unpublish { name } => query(Query::Unpublish(name.to_string())),
            Says::WaitForWorkers { workers } => query(Query::WaitForWorkers(*workers)),
            Says::Want { keys } => ClientMessage::Want { keys: keys_of(keys) },
            Says::WhoHas { key } => query(Query::WhoHas(key_of(*key))),
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

    pub fn new_task(&self, key: u8) -> NewTask {
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
pub fn key_of(key: u8) -> Key {
    if key.is_multiple_of(2) { Key::hashed(key.into()) } else { super::key(key.into()) }
}

pub fn is_process(channel: Channel, connection: ConnectionId) -> bool {
    matches!(channel, Channel::Connection { connection: c, .. } if c == connection)
}

/// Whoever is meant by a number, if anybody is there.
fn pick<T>(from: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>, which: u8) -> Option<T> {
    let mut from = from.into_iter();
    let index = usize::from(which).checked_rem(from.len())?;
    from.nth(index)
}
