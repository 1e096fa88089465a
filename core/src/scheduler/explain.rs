//! Answers in words: who is there, and why a task is not done.
//!
//! Nothing here changes a task.

use std::collections::BTreeSet;

use raddle_net::limits::MAX_KEYS;
use raddle_net::messages::{Query, QueryAnswer, SchedulerInfo, SchedulerToClient, WorkerInfo};
use raddle_net::names::{Key, RunId, SpecId, WorkerId};

use super::Scheduler;
use super::datasets::judge_dataset;
use super::effect::{Effect, PeerError};
use super::policy;
use super::rebalance::not_wanted;
use super::state::{Channel, ClientId, Duty, Kind, Presence, Spec, TaskId, TaskState, Worker};
use super::turn::Turn;

/// Names that an explanation lists.
const NAMES: usize = 3;
/// Why a worker is paused that nobody has paused.
const FULL: &str = "its memory is full";
/// Questions of all clients together that wait for workers.
const MAX_WAITING: usize = 1 << 12;

/// A question that is answered in time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WaitingQuery {
    pub(super) client: ClientId,
    id: u64,
    pub(super) awaited: Awaited,
}

/// What a question waits for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Awaited {
    /// That no copy of a value is on its way.
    Copies(TaskId),
    /// That none of these workers is there.
    Gone(BTreeSet<WorkerId>),
    /// That no move of this request is left.
    Moves(u64),
    /// That so many workers are there.
    Workers(u32),
}

impl Scheduler {
    pub(super) fn on_query(
        &mut self,
        client: ClientId,
        id: u64,
        query: Query,
        turn: &mut Turn<'_>,
    ) {
        let answer = match query {
            Query::Copies { key, copies } => match self.wanted(client, key) {
                Some(task) => {
                    self.wish_copies(task, copies);
                    // What there is to copy is known once the event has settled.
                    return self.wait_for(client, id, Awaited::Copies(task));
                }
                None => not_wanted(key),
            },
            Query::Dataset(name) => self.dataset(&name),
            Query::Datasets => QueryAnswer::Names(self.datasets.keys().cloned().collect()),
            Query::Events { topic, after } => {
                match self.events(client, id, (&topic, after), turn) {
                    Some(answer) => answer,
                    None => return,
                }
            }
            Query::Explain(key) => QueryAnswer::Explanation(self.explain(key)),
            Query::HasWhat(worker) => self.has_what(&worker),
            Query::Info => QueryAnswer::Info(self.info()),
            Query::LogEvent { topic, text } => self.log_event(&topic, &text, turn),
            Query::Logs(key) => self.logs(key, turn.now),
            Query::Pause { workers, paused } => self.pause(&workers, paused, turn),
            Query::Publish { name, keys } => self.publish(client, name, keys),
            Query::Rebalance { keys, workers } => {
                match self.rebalance(client, keys, &workers, turn) {
                    Ok(request) => return self.wait_for(client, id, Awaited::Moves(request)),
                    Err(answer) => answer,
                }
            }
            Query::Retire(workers) => match self.retire(&workers, turn) {
                Ok(workers) => {
                    self.wait_for(client, id, Awaited::Gone(workers));
                    return self.answer_waiting(turn);
                }
                Err(answer) => answer,
            },
            Query::Shutdown => {
                self.to_client(
                    client,
                    SchedulerToClient::Answer { id, answer: QueryAnswer::Done },
                    turn,
                );
                return turn.out.push(Effect::End);
            }
            Query::Story(of) => self.story(&of, turn.now),
            Query::Task(key) => self.task_of(key),
            Query::Tasks { state, after } => self.task_page(state.as_deref(), after),
            Query::Unpublish(name) => self.unpublish(&name, turn),
            Query::WhoHas(key) => QueryAnswer::Workers(self.who_has(key)),
            Query::WaitForWorkers(workers) => {
                self.wait_for(client, id, Awaited::Workers(workers));
                return self.answer_waiting(turn);
            }
        };
        self.to_client(client, SchedulerToClient::Answer { id, answer }, turn);
    }

    fn wait_for(&mut self, client: ClientId, id: u64, awaited: Awaited) {
        self.waiting_queries.push(WaitingQuery { client, id, awaited });
    }

    /// The task of a key that the client wants.
    pub(super) fn wanted(&self, client: ClientId, key: Key) -> Option<TaskId> {
        let task = self.state.find(key)?;
        self.state.task(task).clients.contains(&client).then_some(task)
    }

    /// Whether one more question may be asked.
    pub(super) fn judge_query(&self, query: &Query) -> Result<(), PeerError> {
        let waits = matches!(
            query,
            Query::Copies { .. }
                | Query::Rebalance { .. }
                | Query::Retire(_)
                | Query::WaitForWorkers(_)
        );
        if waits && self.waiting_queries.len() >= MAX_WAITING {
            return Err(PeerError::BeyondLimit("questions that wait"));
        }
        match query {
            Query::Publish { name, keys } => judge_dataset(name, keys),
            Query::Rebalance { keys: Some(keys), .. } if keys.len() > MAX_KEYS => {
                Err(PeerError::BeyondLimit("keys of one message"))
            }
            Query::Pause { workers, .. }
            | Query::Rebalance { workers, .. }
            | Query::Retire(workers)
                if workers.len() > MAX_KEYS =>
            {
                Err(PeerError::BeyondLimit("workers of one message"))
            }
            Query::Pause { .. } | Query::Rebalance { .. } | Query::Retire(_) => Ok(()),
            Query::Copies { .. }
            | Query::Dataset(_)
            | Query::Datasets
            | Query::Events { .. }
            | Query::Explain(_)
            | Query::HasWhat(_)
            | Query::Info
            | Query::LogEvent { .. }
            | Query::Logs(_)
            | Query::Shutdown
            | Query::Story(_)
            | Query::Task(_)
            | Query::Tasks { .. }
            | Query::Unpublish(_)
            | Query::WaitForWorkers(_)
            | Query::WhoHas(_) => Ok(()),
        }
    }

    /// Answers those whose time has come.
    pub(super) fn answer_waiting(&mut self, turn: &mut Turn<'_>) {
        if self.waiting_queries.is_empty() {
            return;
        }
        for query in std::mem::take(&mut self.waiting_queries) {
            let Some(answer) = self.answer_to(&query.awaited) else {
                self.waiting_queries.push(query);
                continue;
            };
            let WaitingQuery { client, id, .. } = query;
            self.to_client(client, SchedulerToClient::Answer { id, answer }, turn);
        }
    }

    /// The answer, if what was waited for is there.
    pub(super) fn answer_to(&self, awaited: &Awaited) -> Option<QueryAnswer> {
        match awaited {
            Awaited::Copies(task) => self.answer_copies(*task),
            Awaited::Gone(workers) => {
                let there = workers.iter().any(|worker| self.state.worker(*worker).is_some());
                (!there).then_some(QueryAnswer::Done)
            }
            Awaited::Moves(request) => self.copies.moves.answer(*request),
            Awaited::Workers(workers) => {
                let there = self.state.index().open_workers();
                (*workers as usize <= there).then(|| QueryAnswer::Info(self.info()))
            }
        }
    }

    /// Who is there and how much there is to do.
    #[must_use]
    pub fn info(&self) -> SchedulerInfo {
        let index = self.state.index();
        let workers = self.state.workers().map(|worker| {
            let load = index.load(worker.id);
            WorkerInfo {
                id: worker.id,
                name: worker.name.clone(),
                address: worker.address.clone(),
                nthreads: worker.nthreads,
                memory_limit: worker.memory_limit,
                processing: load.map_or(0, |load| load.processing.len() as u64),
                values: load.map_or(0, |load| load.values.len() as u64),
                nbytes: load.map_or(0, |load| load.nbytes),
                status: worker.status().to_owned(),
                note: self.explain_worker(worker),
                process_bytes: worker.memory.process,
                spilled_bytes: worker.memory.spilled,
            }
        });
        let connected = self.state.clients().filter(|(_, client)| match client.channel {
            Channel::Connection { connection, .. } => !self.graces.contains_key(&connection),
            Channel::Cluster | Channel::Run { .. } => false,
        });
        SchedulerInfo {
            workers: workers.collect(),
            clients: u32::try_from(connected.count()).unwrap_or(u32::MAX),
            tasks: Kind::ALL.map(|kind| (kind.name().to_owned(), index.count(kind))).to_vec(),
        }
    }

    /// Why a worker is paused, or still there although it is to leave; or nothing.
    fn explain_worker(&self, worker: &Worker) -> String {
        let retires = self.explain_retirement(worker.id);
        let is_full = worker.memory.is_full.then(|| FULL.to_owned());
        let refuses = worker.memory.is_disk_refusing;
        let refuses = refuses.then(|| "its values cannot be written to disk".to_owned());
        let notes: Vec<_> = [retires, is_full, refuses].into_iter().flatten().collect();
        notes.join("; ")
    }

    /// Why a key is not done, in words.
    #[must_use]
    pub fn explain(&self, key: Key) -> String {
        let Some(id) = self.state.find(key) else {
            return format!("{key} is not known: it was never submitted, or was released");
        };
        let task = self.state.task(id);
        match task.state() {
            TaskState::Erred { blame, .. } if *blame == key => format!("{key} failed"),
            TaskState::Erred { blame, .. } => format!("{key} failed because {blame} did"),
            TaskState::Memory { holders, nbytes, .. } => {
                format!("{key} is done: {nbytes} bytes on {} worker(s)", holders.len())
            }
            TaskState::NoWorker => {
                format!("{key} waits for a worker: {}", self.why_no_worker(self.state.spec_of(id)))
            }
            TaskState::Processing { worker, run, progress, .. } => {
                let worker = self.state.worker(*worker);
                let address = worker.map_or("", |worker| &worker.address);
                let attempt = task.attempts;
                let away = worker.and_then(|worker| self.explain_away(worker));
                let away = away.map(|away| format!("; {away}")).unwrap_or_default();
                let done = match *progress {
                    0 => String::new(),
                    done => format!("; it says that {}.{:02} % are done", done / 100, done % 100),
                };
                let (why, moved) = (self.why_there(id), self.explain_moves(id, *run));
                format!(
                    "{key} is on {address}{why}, as run {run}, the {attempt}. attempt{done}{moved}{away}"
                )
            }
            TaskState::Queued if self.state.spec_of(id).qualified.is_empty() => {
                format!("{key} waits for a worker: {}", self.why_no_worker(self.state.spec_of(id)))
            }
            TaskState::Queued if self.state.spec_of(id).needs_resources() => {
                let needs = resources(task.resources());
                format!("{key} is ready and waits until a worker that may run it has {needs} left")
            }
            TaskState::Queued => {
                let queued = self.state.index().count(Kind::Queued);
                let clients = match self.state.clients_that_queue() {
                    1 => String::new(),
                    clients => format!(" of {clients} clients, which get equal shares"),
                };
                format!(
                    "{key} is ready and waits for its turn among {queued}{clients}: no worker that may run it has room"
                )
            }
            TaskState::Released => format!("{key} is needed by nobody right now"),
            TaskState::Waiting { missing } => self.explain_waiting(id, *missing),
        }
    }

    /// What speaks for the worker that a task is processing on.
    fn why_there(&self, id: TaskId) -> String {
        let Some((worker, _)) = self.state.task(id).processing() else { return String::new() };
        let (held, all) = policy::held_bytes(&self.state, id, worker);
        let spec = self.state.spec_of(id);
        if !spec.spec.options.workers.is_empty() {
            let names = spec.spec.options.workers.join(", ");
            return format!(" (it is to run on {names})");
        }
        if all > 0 {
            return format!(" (which has {held} of the {all} bytes of its inputs)");
        }
        " (which was to begin it soonest)".to_owned()
    }

    /// Whether a task was moved before it began, and whether it is about to be.
    fn explain_moves(&self, id: TaskId, run: RunId) -> String {
        let name = |worker| self.state.worker(worker).map_or("", |worker| &worker.name);
        let moved = match self.state.task(id).returns {
            0 => String::new(),
            1 => "; moved once, before it began".to_owned(),
            returns => format!("; moved {returns} times, each before it began"),
        };
        match self.recalls.thief(run) {
            Some(thief) => {
                format!("{moved}; asked back for {}, which would begin it sooner", name(thief))
            }
            None => moved,
        }
    }

    /// For how long a worker is away, and is waited for.
    fn explain_away(&self, worker: &Worker) -> Option<String> {
        let grace = self.graces.get(&worker.connection)?;
        let (away, waited) = (self.now - grace.since, grace.until - grace.since);
        Some(format!(
            "worker {} is disconnected for {} s, and is waited for {} s",
            worker.name,
            away.as_secs(),
            waited.as_secs_f32(),
        ))
    }

    fn explain_waiting(&self, id: TaskId, missing: u32) -> String {
        let task = self.state.task(id);
        let inputs = task.dependencies.iter().map(|input| self.state.task(*input));
        let missed = inputs.filter(|input| input.kind() != Kind::Memory).take(NAMES);
        let missed: Vec<_> = missed.map(|i| format!("{} ({})", i.key, i.kind())).collect();
        let total = task.dependencies.len();
        format!("{} waits for {missing} of {total} inputs: {} …", task.key, missed.join(", "))
    }

    /// Why nothing can be given to any worker.
    fn why_none(&self) -> String {
        let held_back = |worker: &Worker| match (worker.presence, worker.duty) {
            (Presence::Away, _) => self.explain_away(worker),
            (Presence::Here, Duty::Active) if worker.memory.is_full => Some(explain_full(worker)),
            (Presence::Gone, _) | (Presence::Here, Duty::Active) => None,
            (Presence::Here, Duty::Leaving | Duty::Paused | Duty::Retiring) => {
                Some(format!("worker {} is {}", worker.name, worker.duty.name()))
            }
        };
        let here = self.state.workers().any(|worker| worker.presence == Presence::Here);
        let reasons = self.state.workers().filter_map(held_back);
        let reasons: Vec<_> = reasons.take(NAMES).map(|reason| format!("; {reason}")).collect();
        let none = if here { "none is given anything" } else { "none is connected" };
        format!("{none}{}", reasons.concat())
    }

    /// Why no worker may run tasks of the spec of this number now.
    pub(super) fn why_none_of(&self, spec: SpecId) -> String {
        self.why_no_worker(self.state.specs().get(spec))
    }

    /// Why no worker may run tasks of this spec now.
    fn why_no_worker(&self, spec: &Spec) -> String {
        let function = &spec.spec.function;
        let connected = || self.state.workers().filter(|worker| worker.is_open());
        if connected().next().is_none() {
            return self.why_none();
        }
        if let Some(worker) = self.full_worker_for(spec) {
            return explain_full(worker);
        }
        let needs = &spec.spec.options.resources;
        let offering = || connected().filter(|worker| worker.offers(function));
        if !needs.is_empty() && offering().next().is_some() && !offering().any(|w| w.has_all(needs))
        {
            return format!("it takes {}, and no worker has so much", resources(needs));
        }
        if offering().next().is_some() {
            let allowed = spec.spec.options.workers.join(", ");
            return format!(
                "it may only run on {allowed}, which are not connected or do not offer it"
            );
        }
        let known = connected().flat_map(|worker| &worker.functions);
        let mut known: Vec<_> = known.map(|function| function.name.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        if known.contains(&function.name.as_str()) {
            let name = &function.name;
            return format!("`{name}` is registered with other argument or result types: rebuild");
        }
        known.sort_by_cached_key(|name| distance(name, &function.name));
        let nearest = known.iter().take(NAMES).map(|name| format!("`{name}`"));
        format!(
            "no worker offers `{}`; {} functions are registered, the nearest: {}. A crate that is \
             never named in the program registers nothing: add `use your_crate as _;`. Or start \
             workers of your program: `./app --raddle-worker ADDRESS`",
            function.name,
            known.len(),
            nearest.collect::<Vec<_>>().join(", "),
        )
    }

    /// A task that no connected worker offers is worth a word, once a spec.
    pub(super) fn warn_if_unknown(&mut self, task: TaskId, turn: &mut Turn<'_>) {
        let spec = self.state.task(task).spec;
        let index = self.state.index();
        let is_unknown = self.full_worker_for(self.state.specs().get(spec)).is_none();
        if is_unknown && index.open_workers() > 0 && index.no_worker(spec).take(2).count() == 1 {
            let text = self.explain(self.key(task));
            turn.out.push(Effect::Warn { text });
        }
    }

    /// The first worker is there: what waits and cannot run on it is worth a word, too.
    pub(super) fn warn_of_unknown(&self, gained: &[SpecId], turn: &mut Turn<'_>) {
        let index = self.state.index();
        let specs = index.no_worker_specs().filter(|spec| !gained.contains(spec));
        for task in specs.filter_map(|spec| index.no_worker(spec).next()) {
            turn.out.push(Effect::Warn { text: self.explain(self.key(task)) });
        }
    }
}

fn explain_full(worker: &Worker) -> String {
    format!("worker {} is paused: {FULL}", worker.name)
}

fn resources(resources: &[(String, u64)]) -> String {
    let one = |(name, amount): &(String, u64)| {
        format!("{name} {}.{:04}", amount / 10_000, amount % 10_000)
    };
    resources.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Edits that turn one name into the other (Levenshtein's distance).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, r) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
