//! What clients say, judged in full before it changes anything.
//!
//! A client may be a process or a run; past the first lines of each handler nothing knows which.

use std::sync::Arc;

use raddle_net::limits::{MAX_ARGS, MAX_DEPENDENCIES, MAX_KEYS, MAX_NAME, MAX_SPECS, MAX_SUBMIT};
use raddle_net::messages::{ClientMessage, Failure, NewTask, SchedulerToClient, TaskSpec};
use raddle_net::names::{Key, Priority, Session, SpecId, WorkerId};
use smallvec::SmallVec;

use super::effect::{Effect, PeerError};
use super::event::ConnectionId;
use super::on_worker::judge_resources;
use super::state::{Channel, Client, ClientId, Kind, Task, TaskId, TaskState};
use super::turn::{Goal, Turn};
use super::{Peer, Scheduler};

impl Scheduler {
    /// A client said hello. Whoever had this session before, and does not resume it, is gone.
    pub(super) fn on_client_connected(
        &mut self,
        connection: ConnectionId,
        session: Session,
        name: String,
        turn: &mut Turn<'_>,
    ) {
        if let Some(before) = self.client_of_session(session) {
            self.close(before, PeerError::Superseded, turn);
        }
        let channel = Channel::Connection { connection, session };
        let client = self.state.add_client(Client::new(channel, name, 0));
        self.peers.insert(connection, Peer::Client(client));
        self.announce_client(client, "joined", turn);
    }

    /// The connection of the client that has this session.
    pub(super) fn client_of_session(&self, session: Session) -> Option<ConnectionId> {
        self.state.clients().find_map(|(_, client)| match client.channel {
            Channel::Connection { connection, session: s } => (s == session).then_some(connection),
            Channel::Cluster | Channel::Run { .. } => None,
        })
    }

    /// A client said something. An error is its own fault; nothing of the message was applied.
    pub(super) fn on_client_message(
        &mut self,
        client: ClientId,
        message: ClientMessage,
        turn: &mut Turn<'_>,
    ) -> Result<(), PeerError> {
        self.judge_client_message(Some(client), &message)?;
        match message {
            ClientMessage::Cancel { keys, force } => {
                for key in keys {
                    self.on_cancel(client, key, force, turn);
                }
            }
            ClientMessage::Define { id: _, spec } => self.on_define(client, spec),
            ClientMessage::Detach { keys } => self.on_detach(client, &keys),
            ClientMessage::Goodbye => self.on_goodbye(client, turn),
            ClientMessage::Locate { key, failed } => self.on_locate(client, key, failed, turn),
            ClientMessage::Query { id, query } => self.on_query(client, id, query, turn),
            ClientMessage::Release { keys, answer } => {
                self.on_release(client, keys, answer, turn);
            }
            ClientMessage::Retry { keys } => self.on_retry(client, &keys, turn),
            ClientMessage::Submit { submission, tasks } => {
                let number = self.submission(client, submission);
                for task in tasks {
                    self.submit(client, number, task, turn);
                }
            }
            ClientMessage::Want { keys } => self.on_want(client, &keys, turn),
        }
        Ok(())
    }

    /// A process leaves at once; the client of a run stays as long as the run.
    fn on_goodbye(&mut self, client: ClientId, turn: &mut Turn<'_>) {
        match self.state.client(client).map(|client| client.channel) {
            Some(Channel::Connection { connection, .. }) => {
                self.close(connection, PeerError::Left, turn);
            }
            Some(Channel::Run { .. }) => self.release_all(client, turn),
            Some(Channel::Cluster) | None => {}
        }
    }

    /// Whether a client may say this. One that is not known yet, a run before its first word, has
    /// defined nothing.
    pub(super) fn judge_client_message(
        &self,
        client: Option<ClientId>,
        message: &ClientMessage,
    ) -> Result<(), PeerError> {
        let specs = client.and_then(|client| self.state.client(client));
        let specs = specs.map_or(&[][..], |client| &client.specs);
        match message {
            ClientMessage::Cancel { keys, .. }
            | ClientMessage::Detach { keys }
            | ClientMessage::Release { keys, .. }
            | ClientMessage::Retry { keys }
            | ClientMessage::Want { keys } => bounded(keys.len(), MAX_KEYS, "keys of one message"),
            ClientMessage::Define { id, spec } => self.judge_definition(specs.len(), *id, spec),
            ClientMessage::Goodbye | ClientMessage::Locate { .. } => Ok(()),
            ClientMessage::Query { query, .. } => self.judge_query(query),
            ClientMessage::Submit { tasks, .. } => {
                bounded(tasks.len(), MAX_SUBMIT, "tasks of one message")?;
                tasks.iter().try_for_each(|task| judge_task(specs.len(), task))
            }
        }
    }

    fn judge_definition(
        &self,
        defined: usize,
        id: SpecId,
        spec: &TaskSpec,
    ) -> Result<(), PeerError> {
        judge_resources(&spec.options.resources)?;
        if !spec.options.resources.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(PeerError::BeyondLimit("resources that are named twice"));
        }
        let options = &spec.options.workers;
        let longest = options.iter().map(String::len).max().unwrap_or(0);
        if spec.function.name.len().max(longest) > MAX_NAME || options.len() > MAX_KEYS {
            return Err(PeerError::BeyondLimit("a name"));
        }
        if id.0 as usize != defined {
            return Err(PeerError::UnknownSpec);
        }
        if defined >= MAX_SPECS || !self.state.specs().can_intern(spec) {
            return Err(PeerError::BeyondLimit("task specs"));
        }
        Ok(())
    }

    fn on_define(&mut self, client: ClientId, spec: TaskSpec) {
        let spec = self.state.intern(spec);
        if let Some((client, spec)) = self.state.client_mut(client).zip(spec) {
            client.specs.push(spec);
        }
    }

    /// The scheduler's number for a submission of the client.
    fn submission(&mut self, client: ClientId, submission: u64) -> u64 {
        match self.state.client(client).and_then(|client| client.submission) {
            Some((current, number)) if current == submission => number,
            Some(_) | None => {
                let number = self.state.next_submission();
                if let Some(client) = self.state.client_mut(client) {
                    client.submission = Some((submission, number));
                }
                number
            }
        }
    }

    fn submit(&mut self, client: ClientId, submission: u64, new: NewTask, turn: &mut Turn<'_>) {
        let Some(known) = self.state.client(client) else { return };
        let spec = known.specs[new.spec.0 as usize];
        let priority = Priority {
            negated: new.priority.saturating_neg(),
            nesting: -known.depth,
            submission,
            order: new.order,
            client: known.parent.unwrap_or(client).0,
        };
        match self.state.find(new.key) {
            Some(task) if self.is_same(task, spec, &new) => self.want_again(client, task, turn),
            Some(_) => self.reject(client, new.key, turn),
            None if self.wants_too_much(client, turn) => self.refuse(client, new.key, turn),
            None => self.create(client, spec, priority, new, turn),
        }
    }

    /// Whether a task that is known computes what `new` describes. How it is run may differ: the
    /// first to come decides.
    pub(super) fn is_same(&self, task: TaskId, spec: SpecId, new: &NewTask) -> bool {
        let task = self.state.task(task);
        let dependencies = task.dependencies.iter().map(|d| self.key(*d));
        let function = |spec| &self.state.specs().get(spec).spec.function;
        (task.spec == spec || function(task.spec) == function(spec))
            && task.args == new.args
            && dependencies.eq(new.dependencies.iter().copied())
    }

    /// A task that is known is wanted by one more client, which is told where it stands.
    pub(super) fn want_again(&mut self, client: ClientId, task: TaskId, turn: &mut Turn<'_>) {
        self.state.want(client, task);
        match self.kind(task) {
            Kind::Erred | Kind::Memory => self.tell_where(client, task, None, turn),
            Kind::Released => turn.recommend(task, Goal::Waiting),
            Kind::NoWorker | Kind::Processing | Kind::Queued | Kind::Waiting => {}
        }
    }

    fn reject(&self, client: ClientId, key: Key, turn: &mut Turn<'_>) {
        let reason = format!(
            "the key {key} already names another task: use another key, or release the first one"
        );
        let failure = Arc::new(Failure::Rejected { reason });
        self.to_client(client, SchedulerToClient::Erred { key, blame: key, failure }, turn);
    }

    /// Whether a client wants as many tasks as it may. It is worth a word, once.
    fn wants_too_much(&mut self, client: ClientId, turn: &mut Turn<'_>) -> bool {
        let limit = self.config.max_client_tasks;
        let Some(known) = self.state.client(client) else { return false };
        if known.wants.len() < limit {
            return false;
        }
        if !known.is_warned {
            let name = &known.name;
            let text = format!(
                "client `{name}` wants {limit} tasks, as many as it may: further ones are rejected"
            );
            turn.out.push(Effect::Warn { text });
            if let Some(known) = self.state.client_mut(client) {
                known.is_warned = true;
            }
        }
        true
    }

    /// A task of a client that wants too many.
    fn refuse(&self, client: ClientId, key: Key, turn: &mut Turn<'_>) {
        let limit = self.config.max_client_tasks;
        let reason = format!(
            "its client wants {limit} tasks, as many as it may: drop futures before it submits more"
        );
        let failure = Arc::new(Failure::Rejected { reason });
        self.to_client(client, SchedulerToClient::Erred { key, blame: key, failure }, turn);
    }

    fn create(
        &mut self,
        client: ClientId,
        spec: SpecId,
        priority: Priority,
        new: NewTask,
        turn: &mut Turn<'_>,
    ) {
        let mut dependencies = SmallVec::with_capacity(new.dependencies.len());
        let mut unknown = None;
        for key in &new.dependencies {
            match self.shared(client, *key) {
                Some(task) => dependencies.push(task),
                None => unknown = unknown.or(Some(*key)),
            }
        }
        let retries_left = self.state.specs().get(spec).spec.options.retries;
        let task = self.state.add_task(Task::new(new.key, spec, priority, new.args, dependencies));
        *self.state.record(task).retries_left = retries_left;
        *self.state.record(task).incomplete = unknown.is_some();
        self.state.want(client, task);
        turn.recommend(
            task,
            unknown.map_or(Goal::Waiting, |blame| {
                let reason = format!("it depends on {blame}, which is not known, or is no more");
                Goal::Erred { blame, failure: Arc::new(Failure::Lost { reason }) }
            }),
        );
    }

    /// The client does not want these keys any more. If it may want them again, it must know which
    /// answers are meant for which life.
    fn on_release(&mut self, client: ClientId, keys: Vec<Key>, answer: bool, turn: &mut Turn<'_>) {
        for key in &keys {
            if let Some(task) = self.state.find(*key) {
                self.release_want(client, task, turn);
            }
        }
        if answer && !keys.is_empty() {
            self.to_client(client, SchedulerToClient::Released { keys }, turn);
        }
    }

    /// The client did not get a value from the worker it was told of.
    fn on_locate(
        &mut self,
        client: ClientId,
        key: Key,
        failed: Option<WorkerId>,
        turn: &mut Turn<'_>,
    ) {
        match self.state.find(key) {
            Some(task) if self.state.task(task).clients.contains(&client) => {
                self.tell_where(client, task, failed, turn);
            }
            // It has called the task off, and was told so while it asked.
            Some(_) => {}
            None => self.tell_unknown(client, key, turn),
        }
    }

    /// Tells a client that it asks for what there is not.
    pub(super) fn tell_unknown(&self, client: ClientId, key: Key, turn: &mut Turn<'_>) {
        let reason = format!("{key} is not known to the scheduler, or not to be wanted");
        let failure = Arc::new(Failure::Lost { reason });
        self.to_client(client, SchedulerToClient::Erred { key, blame: key, failure }, turn);
    }

    /// Tells one client where a task stands that is done. One that is not is told when it is.
    pub(super) fn tell_where(
        &mut self,
        client: ClientId,
        task: TaskId,
        failed: Option<WorkerId>,
        turn: &mut Turn<'_>,
    ) {
        let key = self.key(task);
        match self.state.task(task).state() {
            TaskState::Erred { blame, failure } => {
                let (blame, failure) = (*blame, Arc::clone(failure));
                self.to_client(client, SchedulerToClient::Erred { key, blame, failure }, turn);
            }
            TaskState::Memory { run, nbytes, holders } => {
                let (run, nbytes) = (*run, *nbytes);
                let other = holders.iter().copied().find(|holder| Some(*holder) != failed);
                let worker = other.unwrap_or(holders[0]);
                self.introduce_to_client(client, worker, turn);
                let value = None;
                let message = SchedulerToClient::InMemory { key, run, nbytes, worker, value };
                self.to_client(client, message, turn);
            }
            TaskState::NoWorker
            | TaskState::Processing { .. }
            | TaskState::Queued
            | TaskState::Released
            | TaskState::Waiting { .. } => {}
        }
    }
}

/// A task of a client that has defined so many specs.
fn judge_task(defined: usize, task: &NewTask) -> Result<(), PeerError> {
    if task.spec.0 as usize >= defined {
        return Err(PeerError::UnknownSpec);
    }
    bounded(task.args.len(), MAX_ARGS, "arguments of a task")?;
    bounded(task.dependencies.len(), MAX_DEPENDENCIES, "dependencies of a task")
}

fn bounded(length: usize, limit: usize, what: &'static str) -> Result<(), PeerError> {
    if length <= limit { Ok(()) } else { Err(PeerError::BeyondLimit(what)) }
}
