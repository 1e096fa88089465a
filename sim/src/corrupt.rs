//! Planted bugs of machines, done by their drivers: what a machine hears or says is not what it
//! should be. The observer sees what the machine should have heard, and what is really said.
//!
//! It must not know who finds the bug.

mod moves;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use raddle_core::random::hash;
use raddle_core::scheduler::{ConnectionId, Effect, Event};
use raddle_core::worker::{Effect as WorkerEffect, Event as WorkerEvent};
use raddle_net::messages::{
    ClientMessage, Failure as TaskFailure, Query, SchedulerToClient, SchedulerToWorker,
    WorkerMessage,
};
use raddle_net::names::{Key, RunId, SpecId, WorkerId};

use crate::failure::Failure;
use crate::plant::Plant;
use crate::property::Property;
use crate::world::World;

/// One seed of so many has the canary.
const CANARIES: u64 = 100;

/// Events after which the canary sings.
const CANARY_AFTER: u64 = 100;

/// How many runs there have been in this process: what [`Plant::N01`] must not depend on, and does.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// What a corrupt driver remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// The last news of each key.
    told: BTreeMap<Key, SchedulerToClient>,
    /// The last run of each key, and where it went.
    runs: BTreeMap<Key, (ConnectionId, RunId)>,
    /// What is published, and by whom.
    published: BTreeMap<Key, ConnectionId>,
    /// Who submitted a key.
    owners: BTreeMap<Key, Vec<ConnectionId>>,
    /// What tasks of each spec need of their worker, as far as they need anything.
    needs: BTreeSet<SpecId>,
    /// Runs that need something of their worker.
    takers: BTreeSet<RunId>,
    /// Workers of which something is thought to be taken for ever.
    taken: BTreeSet<ConnectionId>,
    /// Runs whose time is over.
    late: BTreeMap<RunId, Key>,
    /// Values that are to move, and where they were.
    moves: BTreeMap<RunId, (Key, ConnectionId)>,
}

/// A number that no two runs in one process agree on.
pub(crate) fn never_the_same() -> u64 {
    RUNS.fetch_add(1, Ordering::Relaxed)
}

/// What a worker hears instead of this.
pub(crate) fn corrupt_worker_event(plant: Option<Plant>, mut event: WorkerEvent) -> WorkerEvent {
    if let WorkerEvent::FromScheduler(SchedulerToWorker::Compute(compute)) = &mut event
        && plant == Some(Plant::InvertPriority)
    {
        compute.priority.negated = -compute.priority.negated;
        compute.priority.order = u32::MAX - compute.priority.order;
    }
    event
}

/// What a worker does instead of this.
pub(crate) fn corrupt_worker_effects(
    plant: Option<Plant>,
    memory: &mut Memory,
    out: &mut Vec<WorkerEffect>,
) {
    let is_execute = |effect: &WorkerEffect| matches!(effect, WorkerEffect::Execute(_));
    if plant == Some(Plant::LoseExecute) && out.len() > 1 {
        out.retain(|effect| !is_execute(effect));
    }
    if plant == Some(Plant::ExecuteTwice) {
        let again = out.iter().find(|effect| is_execute(effect)).cloned();
        out.extend(again);
    }
    if plant == Some(Plant::AcceptLate) {
        out.retain(|effect| !memory.is_over(effect));
        for effect in out {
            if let WorkerEffect::Forget { run } = *effect
                && let Some(key) = memory.late.remove(&run)
            {
                let (nbytes, duration, value) = (8, 0, None);
                let message = WorkerMessage::Finished { key, run, nbytes, duration, value };
                *effect = WorkerEffect::ToScheduler(message);
            }
        }
    }
}

impl Memory {
    /// Whether a worker says that the time of a run is over; it is remembered.
    fn is_over(&mut self, effect: &WorkerEffect) -> bool {
        let WorkerEffect::ToScheduler(WorkerMessage::Failed { key, run, failure, .. }) = effect
        else {
            return false;
        };
        let over = matches!(**failure, TaskFailure::TimedOut);
        if over {
            self.late.insert(*run, *key);
        }
        over
    }
}

impl World {
    /// What the scheduler hears instead of this.
    pub(crate) fn corrupt_event(&mut self, mut event: Event) -> Event {
        let Some(plant) = self.settings.plant else { return event };
        if let Event::FromClient { connection, message } = &mut event {
            match message {
                ClientMessage::Define { spec, .. } if plant == Plant::EndlessRetries => {
                    spec.options.retries = 1_000;
                }
                ClientMessage::Define { spec, .. } if plant == Plant::OnceAgain => {
                    spec.options.at_most_once = false;
                }
                ClientMessage::Define { spec, .. } if plant == Plant::TooFewRetries => {
                    spec.options.retries = 0;
                }
                ClientMessage::Submit { tasks, .. } => {
                    for task in tasks {
                        self.memory.owners.entry(task.key).or_default().push(*connection);
                    }
                }
                ClientMessage::Detach { keys } if plant == Plant::ForgetDetached => keys.clear(),
                ClientMessage::Query { query: Query::Publish { keys, .. }, .. } => {
                    if plant == Plant::ForgetPublished {
                        keys.clear();
                    }
                    let published = keys.iter().map(|key| (*key, *connection));
                    self.memory.published.extend(published);
                }
                ClientMessage::Cancel { .. }
                | ClientMessage::Define { .. }
                | ClientMessage::Detach { .. }
                | ClientMessage::Goodbye
                | ClientMessage::Locate { .. }
                | ClientMessage::Query { .. }
                | ClientMessage::Release { .. }
                | ClientMessage::Retry { .. }
                | ClientMessage::Want { .. } => {}
            }
        }
        if let Event::FromWorker { connection, message } = &mut event {
            match message {
                WorkerMessage::Register(registration) if plant == Plant::ForgetMemory => {
                    registration.memory_limit = None;
                }
                WorkerMessage::Memory(memory) if plant == Plant::ForgetFull => {
                    memory.is_full = false;
                }
                WorkerMessage::Register(registration) if plant == Plant::DoubleResources => {
                    registration.resources.iter_mut().for_each(|(_, amount)| *amount *= 2);
                }
                WorkerMessage::Recalled { returned, .. } if plant == Plant::FalseReturn => {
                    *returned = true;
                }
                WorkerMessage::Failed { run, .. } if self.memory.takers.contains(run) => {
                    self.memory.taken.insert(*connection);
                }
                WorkerMessage::Failed { .. }
                | WorkerMessage::Fetched { .. }
                | WorkerMessage::Finished { .. }
                | WorkerMessage::FromRun { .. }
                | WorkerMessage::Goodbye
                | WorkerMessage::Locate { .. }
                | WorkerMessage::Memory(_)
                | WorkerMessage::Note { .. }
                | WorkerMessage::Recalled { .. }
                | WorkerMessage::Register(_)
                | WorkerMessage::Retire
                | WorkerMessage::Started { .. } => {}
            }
        }
        if plant == Plant::StaleRun
            && let Event::FromWorker {
                connection,
                message: WorkerMessage::Finished { key, run, .. },
            } = &mut event
            && let Some(&valid) = self.memory.runs.get(key)
        {
            (*connection, *run) = valid;
        }
        event
    }

    /// What the scheduler says besides, or instead of this, when it has heard `cause`.
    pub(crate) fn corrupt_effects(&mut self, cause: &Cause, out: &mut Vec<Effect>) {
        let Some(plant) = self.settings.plant else { return };
        if plant == Plant::Canary
            && hash(self.settings.seed, 0, 0, 0).is_multiple_of(CANARIES)
            && self.report.events > CANARY_AFTER
        {
            self.fail(Failure::Broken(Property::Canary, "as planted".to_owned()));
        }
        self.corrupt_assignments(plant, out);
        for effect in out.iter_mut() {
            match effect {
                Effect::ToClient { message, .. } => self.corrupt_news(plant, message),
                Effect::ToWorker { connection, message: SchedulerToWorker::Compute(compute) } => {
                    let given = (*connection, compute.run);
                    let before = self.memory.runs.insert(compute.key, given);
                    if plant == Plant::SkipAnnounce {
                        compute.announce = false;
                    }
                    if let Some((_, run)) = before.filter(|_| plant == Plant::SameRun) {
                        compute.run = run;
                    }
                }
                Effect::Close { .. }
                | Effect::End
                | Effect::ToWorker { .. }
                | Effect::Warn { .. } => {}
            }
        }
        if matches!(plant, Plant::DropEarly | Plant::DropUsed) {
            self.spoil_moves(plant, cause, out);
        }
        if matches!(plant, Plant::FreeSource | Plant::LeaveEarly) {
            self.spoil_copies(plant, out);
        }
        if plant == Plant::SilentRetry && matches!(cause, Cause::Retried) {
            let is_recomputing = |message: &SchedulerToClient| {
                matches!(message, SchedulerToClient::Recomputing { .. })
            };
            out.retain(|effect| !matches!(effect, Effect::ToClient { message, .. } if is_recomputing(message)));
        }
        self.say_more(plant, cause, out);
    }

    /// Whoever is to be copied from loses the value, or leaves.
    fn spoil_copies(&mut self, plant: Plant, out: &mut Vec<Effect>) {
        let mut more = Vec::new();
        for effect in out.iter() {
            let Effect::ToWorker { message: SchedulerToWorker::Acquire(input), .. } = effect else {
                continue;
            };
            let source = self.workers.values().find(|node| input.holders.first() == node.id());
            let Some(connection) = source.map(|node| node.connection) else { continue };
            let message = if plant == Plant::LeaveEarly {
                SchedulerToWorker::Leave
            } else {
                SchedulerToWorker::Free { key: input.key, run: input.run }
            };
            more.push(Effect::ToWorker { connection, message });
        }
        out.extend(more);
    }

    /// Runs go where they should not, or nowhere.
    fn corrupt_assignments(&mut self, plant: Plant, out: &mut Vec<Effect>) {
        for effect in out.iter_mut() {
            match effect {
                Effect::ToWorker { message: SchedulerToWorker::Define { id, spec }, .. } => {
                    if !spec.options.resources.is_empty() {
                        self.memory.needs.insert(*id);
                    }
                }
                Effect::ToWorker { connection, message: SchedulerToWorker::Compute(compute) } => {
                    if self.memory.needs.contains(&compute.spec) {
                        self.memory.takers.insert(compute.run);
                    }
                    if plant == Plant::IgnoreRestriction
                        && self.memory.runs.contains_key(&compute.key)
                        && let Some(other) = self.somebody_else_for(compute.key)
                    {
                        *connection = other;
                    }
                }
                Effect::Close { .. }
                | Effect::End
                | Effect::ToClient { .. }
                | Effect::ToWorker { .. }
                | Effect::Warn { .. } => {}
            }
        }
        let Memory { takers, taken, .. } = &self.memory;
        out.retain(|effect| match effect {
            Effect::ToWorker { connection, message: SchedulerToWorker::Compute(compute) } => {
                let waits = takers.contains(&compute.run) && taken.contains(connection);
                plant != Plant::KeepResource || !waits
            }
            Effect::Close { .. }
            | Effect::End
            | Effect::ToClient { .. }
            | Effect::ToWorker { .. }
            | Effect::Warn { .. } => true,
        });
    }

    fn corrupt_news(&mut self, plant: Plant, message: &mut SchedulerToClient) {
        match message {
            SchedulerToClient::Erred { key, blame, .. } if plant == Plant::SelfBlame => {
                *blame = *key;
            }
            SchedulerToClient::InMemory { key, worker, .. } => {
                let key = *key;
                if plant == Plant::WrongHolder {
                    *worker = WorkerId(worker.0 % 2 + 1);
                }
                self.memory.told.insert(key, message.clone());
            }
            SchedulerToClient::Answer { .. }
            | SchedulerToClient::Erred { .. }
            | SchedulerToClient::Peer { .. }
            | SchedulerToClient::Recomputing { .. }
            | SchedulerToClient::Released { .. }
            | SchedulerToClient::Send { .. } => {}
        }
    }

    /// What should not be said at all.
    fn say_more(&mut self, plant: Plant, cause: &Cause, out: &mut Vec<Effect>) {
        let Cause::LetGo { connection, keys, cancelled, forced } = cause else {
            if plant == Plant::TellStranger {
                let more: Vec<Effect> = out.iter().filter_map(|e| self.to_stranger(e)).collect();
                out.extend(more);
            }
            return;
        };
        if plant == Plant::DeafWaiter && *forced {
            out.retain(|effect| {
                !matches!(effect, Effect::ToClient { connection: other, message: SchedulerToClient::Erred { .. } } if other != connection)
            });
        }
        for key in keys {
            let others = self.memory.owners.get(key).into_iter().flatten();
            let others: Vec<ConnectionId> =
                others.copied().filter(|other| other != connection).collect();
            if plant == Plant::TellReleased
                && !cancelled
                && let Some(message) = self.memory.told.get(key).cloned()
            {
                out.push(Effect::ToClient { connection: *connection, message });
            }
            if plant == Plant::CancelOthers && *cancelled {
                let failure = Arc::new(TaskFailure::Cancelled);
                let erred = |connection| {
                    let failure = Arc::clone(&failure);
                    let message = SchedulerToClient::Erred { key: *key, blame: *key, failure };
                    Effect::ToClient { connection, message }
                };
                out.extend(others.iter().copied().map(erred));
            }
            let dies = plant == Plant::DatasetDies
                && self.memory.published.get(key) == Some(connection)
                && self.memory.runs.get(key).is_some_and(|(_, run)| self.is_made(*run));
            if (plant == Plant::ReleaseOthers && !others.is_empty() || dies)
                && !cancelled
                && let Some(&(connection, run)) = self.memory.runs.get(key)
            {
                let message = SchedulerToWorker::Free { key: *key, run };
                out.push(Effect::ToWorker { connection, message });
            }
        }
    }

    /// Whether the value of a run is there.
    fn is_made(&self, run: RunId) -> bool {
        self.scheduler.machine.replicas().any(|(_, made, _)| made == run)
    }

    /// The same news, to a client that has nothing to do with it.
    fn to_stranger(&self, effect: &Effect) -> Option<Effect> {
        let Effect::ToClient { message: SchedulerToClient::InMemory { key, .. }, .. } = effect
        else {
            return None;
        };
        let owners = self.memory.owners.get(key)?;
        let strangers = self.clients.iter().filter(|client| !client.gone);
        let mut strangers = strangers.map(crate::client::SimClient::connection);
        let connection = strangers.find(|connection| !owners.contains(connection))?;
        let message = self.memory.told.get(key)?.clone();
        Some(Effect::ToClient { connection, message })
    }
}

/// What the scheduler has heard, as far as a corrupt one cares.
pub(crate) enum Cause {
    /// It releases these keys, or calls them off.
    LetGo { connection: ConnectionId, keys: Vec<Key>, cancelled: bool, forced: bool },
    /// A worker has a copy of what this run made.
    Fetched(RunId),
    /// It has values moved.
    Rebalanced,
    /// It has something run again.
    Retried,
    /// Something else has happened, or nothing is corrupt.
    Other,
}

impl Cause {
    pub(crate) fn of(event: &Event, plant: Option<Plant>) -> Self {
        if let Event::FromWorker { message: WorkerMessage::Fetched { run, .. }, .. } = event {
            return Self::Fetched(*run);
        }
        let Event::FromClient { connection, message } = event else { return Self::Other };
        match message {
            ClientMessage::Release { keys, .. } if plant.is_some() => Self::LetGo {
                connection: *connection,
                keys: keys.clone(),
                cancelled: false,
                forced: false,
            },
            ClientMessage::Cancel { keys, force } if plant.is_some() => Self::LetGo {
                connection: *connection,
                keys: keys.clone(),
                cancelled: true,
                forced: *force,
            },
            ClientMessage::Query { query: Query::Rebalance { .. }, .. } if plant.is_some() => {
                Self::Rebalanced
            }
            ClientMessage::Retry { .. } if plant.is_some() => Self::Retried,
            ClientMessage::Cancel { .. }
            | ClientMessage::Define { .. }
            | ClientMessage::Detach { .. }
            | ClientMessage::Goodbye
            | ClientMessage::Locate { .. }
            | ClientMessage::Query { .. }
            | ClientMessage::Release { .. }
            | ClientMessage::Retry { .. }
            | ClientMessage::Submit { .. }
            | ClientMessage::Want { .. } => Self::Other,
        }
    }
}
