//! What workers say, and what becomes of them. Reports are judged by run: only that of the current
//! run, from the worker it was given to, changes anything; a late one costs a `Free`.

use std::sync::Arc;

use raddle_net::limits::{MAX_HOLDERS, MAX_NAME, MAX_RESOURCES, MAX_VALUE};
use raddle_net::messages::{
    ClientMessage, Failure, MemoryUse, Note, Registration, SchedulerToWorker, WorkerMessage,
};
use raddle_net::names::{Key, RunId, Session, WorkerId};
use raddle_net::payload::SmallValue;

use super::effect::PeerError;
use super::event::ConnectionId;
use super::state::{Channel, Client, ClientId, Duty, Presence, TaskId, TaskState, Worker};
use super::topics::{LOGS, Source};
use super::turn::{Goal, Turn};
use super::{Peer, Scheduler};

impl Scheduler {
    /// A worker said hello; it registers next. Whoever had this session before, and does not resume
    /// it, has lost what was said meanwhile: the newest is the one that counts.
    pub(super) fn on_worker_connected(
        &mut self,
        connection: ConnectionId,
        session: Session,
        turn: &mut Turn<'_>,
    ) {
        if let Some(before) = self.worker_of_session(session) {
            self.close(before, PeerError::Superseded, turn);
        }
        self.peers.insert(connection, Peer::Newcomer(session));
    }

    /// The connection of the worker, registered or not, that has this session.
    pub(super) fn worker_of_session(&self, session: Session) -> Option<ConnectionId> {
        self.peers.iter().find_map(|(&connection, &peer)| match peer {
            Peer::Client(_) => None,
            Peer::Newcomer(other) => (other == session).then_some(connection),
            Peer::Worker(worker) => {
                let worker = self.state.worker(worker)?;
                (worker.session == session).then_some(connection)
            }
        })
    }

    /// A worker is gone, for this reason, and with it its runs and replicas.
    pub(super) fn lose_worker(&mut self, worker: WorkerId, why: &str, turn: &mut Turn<'_>) {
        self.state.suspend_worker(worker, Presence::Gone);
        self.forget_acquirer(worker);
        self.forget_thief(worker);
        let load = self.state.index().load(worker).cloned().unwrap_or_default();
        for task in load.values.iter() {
            self.lose_replica(task, worker, turn);
        }
        for task in load.processing.iter() {
            self.lose_run(task, worker, why, turn);
        }
        self.settle(turn);
        self.announce_worker(worker, "left", turn);
        self.state.remove_worker(worker);
        self.answer_waiting(turn);
    }

    /// The worker of a processing task died. Only an announced run that has started is charged; any
    /// other is a suspect, whose next run is announced.
    fn lose_run(&mut self, task: TaskId, worker: WorkerId, why: &str, turn: &mut Turn<'_>) {
        let TaskState::Processing { worker: on, started, .. } = *self.state.task(task).state()
        else {
            return;
        };
        if on != worker {
            return;
        }
        let options = &self.state.spec_of(task).spec.options;
        let allowed = options.allowed_failures.unwrap_or(self.config.allowed_failures);
        let once = options.at_most_once;
        let record = self.state.record(task);
        *record.suspect = true;
        *record.deaths += u32::from(started || once);
        let deaths = *record.deaths;
        if deaths > allowed || once {
            let last_worker = self.state.worker(worker).map(|w| w.address.clone());
            let last_worker = last_worker.unwrap_or_default();
            let reason = why.to_owned();
            let failure = Arc::new(Failure::WorkerDied { deaths, last_worker, reason });
            let blame = self.key(task);
            self.step(task, Goal::Erred { blame, failure }, turn);
        } else {
            self.step(task, Goal::Waiting, turn);
        }
    }

    /// A worker said something. An error is its own fault; nothing of the message was applied.
    pub(super) fn on_worker_message(
        &mut self,
        worker: WorkerId,
        message: WorkerMessage,
        turn: &mut Turn<'_>,
    ) -> Result<(), PeerError> {
        match message {
            WorkerMessage::Failed { key, run, blame, failure } => {
                self.judge(worker, key, run)?;
                self.on_failed(worker, (key, run), blame, failure, turn);
            }
            WorkerMessage::Fetched { key, run } => {
                self.judge_value(key, run)?;
                self.on_fetched(worker, key, run, turn);
            }
            WorkerMessage::Finished { key, run, nbytes, duration, value } => {
                self.judge(worker, key, run)?;
                judge_size(nbytes)?;
                self.on_finished(worker, (key, run), nbytes, duration, value, turn);
            }
            WorkerMessage::FromRun { key, run, message } => {
                self.judge(worker, key, run)?;
                self.on_run_message(worker, key, run, message, turn)?;
            }
            WorkerMessage::Goodbye => return Err(PeerError::Left),
            WorkerMessage::Locate { key, run } => {
                self.judge_run(run)?;
                self.on_worker_locate(worker, key, run, turn);
            }
            WorkerMessage::Memory(memory) if memory.is_over => {
                let limit = self.state.worker(worker).and_then(|worker| worker.memory_limit);
                let (process, limit) = (memory.process, limit.unwrap_or(0));
                return Err(PeerError::OutOfMemory { process, limit });
            }
            WorkerMessage::Memory(memory) => self.on_memory(worker, memory, turn),
            WorkerMessage::Note { key, run, note } => {
                self.judge(worker, key, run)?;
                self.on_note(worker, (key, run), note, turn);
            }
            WorkerMessage::Recalled { key, run, returned } => {
                self.judge(worker, key, run)?;
                if let Some(task) = self.current(worker, key, run) {
                    self.on_recalled(task, run, returned, turn);
                }
            }
            WorkerMessage::Register(_) => return Err(PeerError::NotRegistered),
            WorkerMessage::Retire => self.retire_one(worker, turn),
            WorkerMessage::Started { key, run } => {
                self.judge(worker, key, run)?;
                if let Some(task) = self.current(worker, key, run) {
                    self.state.mark_started(task);
                }
            }
        }
        Ok(())
    }

    /// A run that was never given out, or was given to another worker, is a lie.
    fn judge(&self, worker: WorkerId, key: Key, run: RunId) -> Result<(), PeerError> {
        self.judge_run(run)?;
        let task = self.state.find(key).map(|task| self.state.task(task));
        match task.and_then(super::state::Task::processing) {
            Some((other, current)) if current == run && other != worker => {
                Err(PeerError::NotItsRun)
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn judge_run(&self, run: RunId) -> Result<(), PeerError> {
        let last = self.state.last_run();
        let given = run.epoch == last.epoch && run.counter <= last.counter && run.counter > 0;
        if given { Ok(()) } else { Err(PeerError::NotItsRun) }
    }

    /// A copy of what a run that is still processing will make is a lie.
    fn judge_value(&self, key: Key, run: RunId) -> Result<(), PeerError> {
        self.judge_run(run)?;
        let task = self.state.find(key).map(|task| self.state.task(task));
        match task.and_then(super::state::Task::processing) {
            Some((_, current)) if current == run => Err(PeerError::NotItsRun),
            Some(_) | None => Ok(()),
        }
    }

    /// The task, if this is its current run and this worker has it.
    fn current(&self, worker: WorkerId, key: Key, run: RunId) -> Option<TaskId> {
        let task = self.state.find(key)?;
        (self.state.task(task).processing() == Some((worker, run))).then_some(task)
    }

    fn on_finished(
        &mut self,
        worker: WorkerId,
        (key, run): (Key, RunId),
        nbytes: u64,
        duration: u64,
        value: Option<SmallValue>,
        turn: &mut Turn<'_>,
    ) {
        match self.current(worker, key, run) {
            Some(task) => {
                let spec = self.state.task(task).spec;
                self.state.learn(spec, duration);
                self.state.spend(task, duration);
                turn.ended = Some(run);
                turn.recommend(task, Goal::Memory { nbytes, value });
            }
            None => self.free_unless_held(worker, key, run, turn),
        }
    }

    /// What a worker reports but should not have is freed. What it is known to hold is left alone: the
    /// report came twice; and what it is to hold.
    fn free_unless_held(&self, worker: WorkerId, key: Key, run: RunId, turn: &mut Turn<'_>) {
        let held = self.state.find(key).is_some_and(|task| {
            matches!(
                self.state.task(task).state(),
                TaskState::Memory { run: made, holders, .. } if *made == run
                    && (holders.contains(&worker)
                        || self.copies.acquiring.contains_key(&(task, worker)))
            )
        });
        if !held {
            self.to_worker(worker, SchedulerToWorker::Free { key, run }, turn);
        }
    }

    fn on_failed(
        &mut self,
        worker: WorkerId,
        (key, run): (Key, RunId),
        blame: Option<Key>,
        failure: Arc<Failure>,
        turn: &mut Turn<'_>,
    ) {
        let Some(task) = self.current(worker, key, run) else { return };
        turn.ended = Some(run);
        *self.state.record(task).suspect = false;
        if let Some(blame) = blame {
            return turn.recommend(task, Goal::Erred { blame, failure });
        }
        let once = self.state.spec_of(task).spec.options.at_most_once;
        let asks = *failure == Failure::Reschedule;
        if asks && !once && self.state.task(task).attempts < MAX_ATTEMPTS {
            return turn.recommend(task, Goal::Waiting);
        }
        let failure = if asks { Arc::new(asked_in_vain(once)) } else { failure };
        let retries_left = self.state.record(task).retries_left;
        if *retries_left > 0 && !once {
            *retries_left -= 1;
            return turn.recommend(task, Goal::Waiting);
        }
        let failure = self.with_history(task, worker, &failure);
        turn.recommend(task, Goal::Erred { blame: key, failure });
    }

    /// A run says something about itself.
    fn on_note(
        &mut self,
        worker: WorkerId,
        (key, run): (Key, RunId),
        note: Note,
        turn: &mut Turn<'_>,
    ) {
        let Some(task) = self.current(worker, key, run) else { return };
        match note {
            Note::Log(text) => {
                let address = self.state.worker(worker).map(|worker| worker.address.as_str());
                let worker = address.unwrap_or_default().into();
                self.announce(LOGS, Some(Source { key, run, worker }), &text, turn);
            }
            Note::Progress(done) => self.state.mark_progress(task, done),
        }
    }

    /// What only the scheduler knows of a failure: where, and after how many runs.
    fn with_history(&self, task: TaskId, worker: WorkerId, failure: &Failure) -> Arc<Failure> {
        let mut failure = failure.clone();
        if let Failure::Failed { worker: address, attempts, .. } = &mut failure {
            *address = self.state.worker(worker).map(|w| w.address.clone()).unwrap_or_default();
            *attempts = self.state.task(task).attempts;
        }
        Arc::new(failure)
    }

    fn on_fetched(&mut self, worker: WorkerId, key: Key, run: RunId, turn: &mut Turn<'_>) {
        let task = self.state.find(key).filter(|task| self.made_by(*task, run));
        match task {
            // It was told to leave: its copies do not count any more.
            Some(_) if self.state.worker(worker).is_some_and(|w| w.duty == Duty::Leaving) => {}
            Some(task) => {
                self.copies.acquiring.remove(&(task, worker));
                self.state.add_replica(task, worker);
                self.state.note_arrival(task, worker, turn.now);
                self.copies.note(task);
            }
            None => self.to_worker(worker, SchedulerToWorker::Free { key, run }, turn),
        }
    }

    fn made_by(&self, task: TaskId, run: RunId) -> bool {
        matches!(self.state.task(task).state(), TaskState::Memory { run: made, .. } if *made == run)
    }

    /// A worker lacks a value. If it should hold it, it does not, whatever it said before.
    fn on_worker_locate(&mut self, worker: WorkerId, key: Key, run: RunId, turn: &mut Turn<'_>) {
        if let Some(task) = self.state.find(key).filter(|task| self.made_by(*task, run)) {
            self.lose_replica(task, worker, turn);
            self.settle(turn);
        }
        let mut workers = smallvec::SmallVec::new();
        if let Some(task) = self.state.find(key).filter(|task| self.made_by(*task, run))
            && let TaskState::Memory { holders, .. } = self.state.task(task).state()
        {
            workers = holders.iter().copied().take(MAX_HOLDERS).collect();
        }
        for &holder in &workers {
            self.introduce_to_worker(worker, holder, turn);
        }
        self.to_worker(worker, SchedulerToWorker::Holders { key, run, workers }, turn);
    }

    /// A run speaks as a client. Its first words make it one.
    fn on_run_message(
        &mut self,
        worker: WorkerId,
        key: Key,
        run: RunId,
        message: ClientMessage,
        turn: &mut Turn<'_>,
    ) -> Result<(), PeerError> {
        let Some(task) = self.current(worker, key, run) else { return Ok(()) };
        let client = self.client_of(task, worker, run);
        self.on_client_message(client, message, turn)
    }

    fn client_of(&mut self, task: TaskId, worker: WorkerId, run: RunId) -> ClientId {
        if let Some(client) = self.run_clients.get(&run) {
            return *client;
        }
        self.state.mark_client(task);
        let priority = self.state.task(task).priority;
        let depth = (-priority.nesting).saturating_add(1);
        let channel = Channel::Run { key: self.key(task), run, worker };
        let parent = Some(ClientId(priority.client));
        let client = Client { parent, ..Client::new(channel, String::new(), depth) };
        let client = self.state.add_client(client);
        self.run_clients.insert(run, client);
        client
    }

    /// A worker's first message.
    pub(super) fn on_register(
        &mut self,
        connection: ConnectionId,
        session: Session,
        registration: Registration,
        turn: &mut Turn<'_>,
    ) -> Result<(), PeerError> {
        self.judge_registration(&registration)?;
        self.lose_predecessors(&registration, turn);
        let Registration { name, address, nthreads, memory_limit, functions, resources } =
            registration;
        let (worker, gained) = self.state.add_worker(|id| Worker {
            id,
            session,
            connection,
            presence: Presence::Here,
            duty: Duty::Active,
            name,
            address,
            nthreads,
            memory_limit,
            memory: MemoryUse::default(),
            functions: functions.into_iter().collect(),
            resources: resources.into_iter().collect(),
            specs: std::collections::BTreeSet::new(),
            peers: std::collections::BTreeSet::new(),
        });
        self.peers.insert(connection, Peer::Worker(worker));
        self.to_worker(worker, SchedulerToWorker::Registered { worker }, turn);
        self.announce_worker(worker, "joined", turn);
        self.can_be_given_tasks(&gained, turn);
        Ok(())
    }

    /// A worker that is away does not come back once another one has its name or address.
    fn lose_predecessors(&mut self, registration: &Registration, turn: &mut Turn<'_>) {
        for connection in self.predecessors(registration) {
            self.close(connection, PeerError::Superseded, turn);
        }
    }

    pub(super) fn predecessors(&self, registration: &Registration) -> Vec<ConnectionId> {
        let gone = self.state.workers().filter(|worker| {
            worker.presence == Presence::Away
                && (worker.name == registration.name || worker.address == registration.address)
        });
        gone.map(|worker| worker.connection).collect()
    }

    pub(super) fn judge_registration(&self, registration: &Registration) -> Result<(), PeerError> {
        let Registration { name, address, nthreads, memory_limit: _, functions, resources } =
            registration;
        judge_resources(resources)?;
        let longest = functions.iter().map(|function| function.name.len()).max().unwrap_or(0);
        if name.len().max(address.len()).max(longest) > MAX_NAME {
            return Err(PeerError::BeyondLimit("a name"));
        }
        if *nthreads == 0 {
            return Err(PeerError::NoThreads);
        }
        if *nthreads > MAX_THREADS {
            return Err(PeerError::BeyondLimit("threads of one worker"));
        }
        for worker in self.state.workers().filter(|worker| worker.presence == Presence::Here) {
            if worker.address == *address {
                return Err(PeerError::AddressTaken(address.clone()));
            }
            if worker.name == *name {
                return Err(PeerError::NameTaken(name.clone()));
            }
        }
        Ok(())
    }
}

/// A value has a size that values may have.
pub(super) fn judge_size(nbytes: u64) -> Result<(), PeerError> {
    if nbytes <= MAX_VALUE { Ok(()) } else { Err(PeerError::BeyondLimit("bytes of a value")) }
}

/// Runs after which a task is not run again because its body asks for it.
const MAX_ATTEMPTS: u32 = 1 << 10;

fn asked_in_vain(once: bool) -> Failure {
    let message = match once {
        true => "it asked to be run again, and may run at most once".to_owned(),
        false => format!("it asked to be run again, after {MAX_ATTEMPTS} runs"),
    };
    Failure::Failed {
        message,
        chain: Vec::new(),
        panic: false,
        location: None,
        worker: String::new(),
        attempts: 0,
    }
}

/// Threads of one worker.
const MAX_THREADS: u32 = 1 << 16;

/// Resources of a worker or of a task: so many, of such names.
pub(super) fn judge_resources(resources: &[(String, u64)]) -> Result<(), PeerError> {
    let longest = resources.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    if resources.len() > MAX_RESOURCES || longest > MAX_NAME {
        return Err(PeerError::BeyondLimit("resources"));
    }
    Ok(())
}
