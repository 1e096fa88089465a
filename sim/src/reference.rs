//! A naive scheduler that sees what the real one sees, and must agree with it at every event on what
//! is known, wanted, done and failed, and on what may run. It does not place tasks: it takes note of
//! where they were placed.
//!
//! It keeps sets of plain facts, and computes everything else anew until nothing changes. It must
//! not know the scheduler's state, nor be fast.

mod able;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use raddle_core::scheduler::{Config, ConnectionId, Effect, Event, Kind, Scheduler};
use raddle_core::time::Instant;
use raddle_net::messages::{
    ClientMessage, Compute, Failure, NewTask, Registration, Runtime, SchedulerToWorker, TaskSpec,
    WorkerMessage,
};
use raddle_net::names::{Key, RunId};

use able::Starving;

use crate::bystander::is_rejected;
use crate::plan::{Op, Plan, Step};
use crate::property::Property;
use crate::scheduler::patience;
use crate::watch::Breach;
use crate::wish::Wish;
use crate::world::{Depth, Settings};

/// Who wants values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Client(ConnectionId),
    /// The cluster: what is published, by the number of the publication.
    Dataset(u64),
    /// The cluster: what is detached and has not ended.
    Detached,
    Run(RunId),
}

/// What became of a task.
#[derive(Clone, Debug, PartialEq)]
enum Fact {
    /// It has failed; whether by its own fault.
    Erred { own: bool },
    /// It has this value, at these workers.
    Made(RunId, BTreeSet<ConnectionId>),
    /// Nothing yet, or nothing any more.
    Nothing,
}

/// A task that is known.
#[derive(Clone, Debug)]
struct Task {
    inputs: Vec<Key>,
    wants: Vec<Who>,
    retries: u32,
    retries_left: u32,
    deaths: u32,
    /// Runs that were given out.
    attempts: u32,
    spec: Arc<TaskSpec>,
    /// Whether an input was not known when it came.
    orphan: bool,
    scattered: bool,
    fact: Fact,
    /// Bytes of the value that it had last.
    nbytes: u64,
    /// Whether it waits for its turn, and nobody asks any more what its inputs need.
    queued: bool,
    assigned: Option<Assigned>,
}

impl Task {
    fn has_failed(&self) -> bool {
        matches!(self.fact, Fact::Erred { .. })
    }

    fn want(&mut self, who: Who) {
        if !self.wants.contains(&who) {
            self.wants.push(who);
        }
    }
}

/// Where a task is computed.
#[derive(Clone, Debug, PartialEq)]
struct Assigned {
    run: RunId,
    worker: ConnectionId,
    inputs: Vec<(Key, RunId)>,
    announced: bool,
    started: bool,
}

/// A worker, and whether it is away.
#[derive(Clone, Debug)]
struct Colleague {
    is_away: bool,
    /// Whether it has said that it is about to leave.
    retires: bool,
    registration: Registration,
}
/// It failed by its own fault.
const BY_ITSELF: Fact = Fact::Erred { own: true };
/// It failed because something else did.
const BY_ANOTHER: Fact = Fact::Erred { own: false };

/// Whether it may be asked whose fault a failure was that had two causes in one event: a task that may
/// run once is lost, and so is what it needs. Which of them counts depends on the order in which a
/// scheduler comes to them, and decides what a retry has run again.
fn is_ambiguous(plan: &Plan) -> bool {
    let retries = |step: &Step| matches!(step.op, Op::Wish(_, Wish::Retry(_)));
    let has_once = plan.submitted().any(|task| task.fields.once);
    has_once && plan.ops.iter().any(retries)
}

/// The naive scheduler.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    tasks: BTreeMap<Key, Task>,
    specs: BTreeMap<Who, Vec<Arc<TaskSpec>>>,
    clients: BTreeSet<ConnectionId>,
    /// Workers that have registered.
    workers: BTreeMap<ConnectionId, Colleague>,
    /// Those that were told to leave.
    leaving: BTreeSet<ConnectionId>,
    no_workers_since: Option<Instant>,
    /// What starves.
    starving: Starving,
    config: Config,
    /// What is published under each name.
    datasets: BTreeMap<String, Who>,
    publications: u64,
}

/// Beyond so many tasks it is too slow.
const TASKS: u64 = 1_000;
/// Of so many runs that are not checked wholly, one has it.
const RUNS: u64 = 8;

impl Reference {
    /// One for this run, if it is to have one.
    pub(crate) fn of(settings: &Settings, plan: &Plan) -> Option<Self> {
        let chosen = match settings.mode.depth {
            Depth::Paranoid => true,
            Depth::Sampled => false,
            Depth::Touched => settings.seed.is_multiple_of(RUNS),
        };
        (chosen && plan.tasks() <= TASKS && !is_ambiguous(plan)).then(|| Self::new(plan))
    }

    fn new(plan: &Plan) -> Self {
        let mut config = Config { no_workers_timeout: patience(plan), ..Config::default() };
        plan.limits.configure(&mut config);
        Self {
            tasks: BTreeMap::new(),
            specs: BTreeMap::new(),
            clients: BTreeSet::new(),
            workers: BTreeMap::new(),
            leaving: BTreeSet::new(),
            no_workers_since: None,
            starving: Starving::default(),
            config,
            datasets: BTreeMap::new(),
            publications: 0,
        }
    }

    /// What the scheduler is about to handle.
    pub(crate) fn hear(&mut self, now: Instant, event: &Event) {
        match event {
            Event::ClientConnected { connection, .. } => {
                self.clients.insert(*connection);
            }
            Event::SessionEnded { connection, .. } => self.end_session(*connection),
            Event::ClientDisconnected { .. }
            | Event::ClientResumed { .. }
            | Event::WorkerLost { .. } => {}
            Event::FromClient { connection, message } => {
                if self.clients.contains(connection) {
                    self.client_says(Who::Client(*connection), message);
                }
            }
            Event::FromWorker { connection, message } => {
                self.worker_says(*connection, message);
            }
            Event::Tick => self.tick(now),
            Event::WorkerConnected { .. } => {}
            Event::WorkerDisconnected { connection, .. } => self.set_away(*connection, true),
            Event::WorkerResumed { connection } => self.set_away(*connection, false),
        }
        self.settle();
    }

    /// What the scheduler says after that; and whether it agrees.
    pub(crate) fn see(
        &mut self,
        now: Instant,
        out: &[Effect],
        machine: &Scheduler,
    ) -> Result<(), Breach> {
        for effect in out {
            match effect {
                Effect::Close { connection, .. } => {
                    self.end_session(*connection);
                    self.settle();
                }
                Effect::ToWorker { connection, message } => match message {
                    SchedulerToWorker::Compute(compute) => self.give(*connection, compute)?,
                    SchedulerToWorker::Free { key, run } => {
                        self.drop_replica(*key, *run, *connection);
                        self.free(*key, *run);
                    }
                    SchedulerToWorker::Leave => self.empty(*connection),
                    SchedulerToWorker::Acquire(_)
                    | SchedulerToWorker::Define { .. }
                    | SchedulerToWorker::Holders { .. }
                    | SchedulerToWorker::Peer { .. }
                    | SchedulerToWorker::Recall { .. }
                    | SchedulerToWorker::Registered { .. }
                    | SchedulerToWorker::ToRun { .. } => {}
                },
                Effect::End | Effect::ToClient { .. } | Effect::Warn { .. } => {}
            }
        }
        self.settle();
        self.watch_for_workers(now);
        self.watch_the_starving(now);
        self.compare(machine)
    }

    /// Every task is in the state that follows from the facts.
    fn compare(&mut self, machine: &Scheduler) -> Result<(), Breach> {
        let active = self.active();
        let disagree = |key: Key, kind: Option<Kind>| {
            let mine = self.tasks.get(&key).map(|task| (self.may_be(key, &active), task));
            Err((Property::Reference, format!("{key} is {kind:?}, and {mine:?} to the reference")))
        };
        let (mut seen, mut idle) = (0, Vec::new());
        for (key, kind) in machine.kinds() {
            seen += 1;
            if !self.tasks.contains_key(&key) || !self.may_be(key, &active).contains(&kind) {
                if self.is_idle(key, kind) {
                    idle.push((key, kind));
                    continue;
                }
                return disagree(key, Some(kind));
            }
        }
        match self.tasks.keys().find(|key| machine.kind_of(**key).is_none()) {
            Some(key) if seen < self.tasks.len() => return disagree(*key, None),
            Some(_) | None => {}
        }
        for (key, kind) in machine.kinds() {
            if let Some(task) = self.tasks.get_mut(&key) {
                task.queued = kind == Kind::Queued;
            }
        }
        for (key, kind) in idle {
            let fact = if kind == Kind::Erred { BY_ANOTHER } else { Fact::Nothing };
            self.set(key, fact);
        }
        Ok(())
    }

    /// Whether it is all the same that a task has failed or was released: nobody needs it, and it may
    /// not run again, or something upstream has failed. Which came first is for the real one to choose.
    fn is_idle(&self, key: Key, kind: Kind) -> bool {
        let Some(task) = self.tasks.get(&key) else { return false };
        let upstream = self.has_failed_upstream(key);
        let made = matches!(task.fact, Fact::Made(..));
        let same = matches!(kind, Kind::Erred | Kind::Released) && !made;
        let again = task.attempts > 0 && task.spec.options.at_most_once;
        same && (upstream || again) && !self.needed().contains(&key)
    }

    /// Whether something that it depends on has failed, directly or not.
    fn has_failed_upstream(&self, key: Key) -> bool {
        let (mut seen, mut next) = (BTreeSet::from([key]), vec![key]);
        while let Some(key) = next.pop() {
            for input in &self.tasks[&key].inputs {
                if self.tasks[input].has_failed() {
                    return true;
                }
                if seen.insert(*input) {
                    next.push(*input);
                }
            }
        }
        false
    }

    /// What the state of a task may be called.
    fn may_be(&self, key: Key, active: &BTreeSet<Key>) -> &'static [Kind] {
        let task = &self.tasks[&key];
        match (&task.fact, active.contains(&key)) {
            (Fact::Erred { .. }, _) => &[Kind::Erred],
            (Fact::Made(..), _) => &[Kind::Memory],
            (Fact::Nothing, false) => &[Kind::Released],
            (Fact::Nothing, true) if task.assigned.is_some() => &[Kind::Processing],
            (Fact::Nothing, true) if self.may_run(task) && self.has_its_worker(task) => {
                &[Kind::Queued]
            }
            // What was queued when its last worker went stays where it is.
            (Fact::Nothing, true) if self.may_run(task) => &[Kind::Queued, Kind::NoWorker],
            (Fact::Nothing, true) => &[Kind::Waiting],
        }
    }

    fn may_run(&self, task: &Task) -> bool {
        task.inputs.iter().all(|input| matches!(self.tasks[input].fact, Fact::Made(..)))
    }

    /// What is to be computed: what a client wants and is not there, and then what that needs.
    fn active(&self) -> BTreeSet<Key> {
        let open = |key: &Key| self.tasks[key].fact == Fact::Nothing;
        let wanted = self.tasks.iter().filter(|(_, task)| !task.wants.is_empty());
        let mut next: Vec<Key> = wanted.map(|(key, _)| *key).filter(open).collect();
        let mut active: BTreeSet<Key> = next.iter().copied().collect();
        while let Some(key) = next.pop() {
            let inputs = self.tasks[&key].inputs.iter().copied().filter(open);
            next.extend(inputs.filter(|input| active.insert(*input)));
        }
        active
    }

    /// What a client wants, or something that is to be computed needs.
    fn needed(&self) -> BTreeSet<Key> {
        let wanted = self.tasks.iter().filter(|(_, task)| !task.wants.is_empty());
        let mut needed: BTreeSet<Key> = wanted.map(|(key, _)| *key).collect();
        let active = self.active();
        needed.extend(active.iter().flat_map(|key| &self.tasks[key].inputs));
        needed
    }

    fn is_known_to_others(&self, key: Key) -> bool {
        self.tasks.values().any(|task| task.inputs.contains(&key))
    }

    /// Applies each rule until none applies.
    fn settle(&mut self) {
        while self.settle_once() {}
    }

    fn settle_once(&mut self) -> bool {
        let (mut changed, mut needed, mut active) = (false, self.needed(), self.active());
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            let Some(task) = self.tasks.get(&key) else { continue };
            let (wanted, nothing) = (needed.contains(&key), task.fact == Fact::Nothing);
            let upstream = task.inputs.iter().any(|input| self.tasks[input].has_failed());
            let lost = task.assigned.as_ref().is_some_and(|assigned| !self.stands(assigned));
            let made = matches!(task.fact, Fact::Made(..));
            let again = task.attempts > 0 && task.spec.options.at_most_once;
            let begins = nothing && task.assigned.is_none() && active.contains(&key);
            let vain = begins && self.needs_too_much(task);
            if wanted && nothing && (upstream || vain || (begins && again)) {
                self.set(key, Fact::Erred { own: !upstream });
            } else if !wanted && (made || task.assigned.is_some()) {
                let fact = if task.scattered { BY_ITSELF } else { Fact::Nothing };
                self.set(key, fact);
            } else if !wanted && !self.is_known_to_others(key) {
                self.tasks.remove(&key);
            } else if lost {
                self.set(key, Fact::Nothing);
            } else {
                continue;
            }
            (changed, needed, active) = (true, self.needed(), self.active());
        }
        changed
    }

    /// Whether each input is made, or being made on the same worker, as the run was told.
    fn stands(&self, assigned: &Assigned) -> bool {
        assigned.inputs.iter().all(|(key, run)| {
            let input = &self.tasks[key];
            match (&input.fact, &input.assigned) {
                (Fact::Made(made, _), _) => made == run,
                (Fact::Erred { .. } | Fact::Nothing, Some(other)) => {
                    other.run == *run && other.worker == assigned.worker
                }
                (Fact::Erred { .. } | Fact::Nothing, None) => false,
            }
        })
    }

    /// The run of a task is over.
    fn set(&mut self, key: Key, fact: Fact) {
        let Some(task) = self.tasks.get_mut(&key) else { return };
        task.fact = fact;
        task.queued = false;
        if task.fact != Fact::Nothing {
            task.wants.retain(|who| *who != Who::Detached);
        }
        if let Some(assigned) = task.assigned.take() {
            self.let_go(Who::Run(assigned.run));
            self.specs.remove(&Who::Run(assigned.run));
        }
    }

    fn let_go(&mut self, who: Who) {
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            self.unwant(key, who);
        }
    }

    /// Data goes with the client that has it, unless it was sent.
    fn unwant(&mut self, key: Key, who: Who) {
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let unsent = task.scattered && task.fact == Fact::Nothing;
        let was_source = task.wants.first() == Some(&who);
        task.wants.retain(|other| *other != who);
        if was_source && unsent {
            self.set(key, BY_ITSELF);
        }
    }

    fn client_says(&mut self, who: Who, message: &ClientMessage) {
        match message {
            ClientMessage::Cancel { keys, force } => {
                keys.iter().for_each(|key| self.cancel(who, *key, *force));
            }
            ClientMessage::Define { spec, .. } => {
                self.specs.entry(who).or_default().push(Arc::new(spec.clone()));
            }
            ClientMessage::Goodbye => self.let_go(who),
            ClientMessage::Detach { keys } => {
                for key in keys {
                    if self.is_open_to(who, *key) {
                        self.want(Who::Detached, *key);
                    }
                }
            }
            ClientMessage::Locate { .. } => {}
            ClientMessage::Query { query, .. } => self.query(who, query),
            ClientMessage::Retry { keys } => self.retry(who, keys),
            ClientMessage::Want { keys } => keys.iter().for_each(|key| self.want(who, *key)),
            ClientMessage::Release { keys, .. } => {
                keys.iter().for_each(|key| self.unwant(*key, who))
            }
            ClientMessage::Submit { tasks, .. } => {
                let ours = tasks.iter().filter(|task| !is_rejected(task));
                ours.for_each(|task| self.submit(who, task));
            }
        }
    }

    fn submit(&mut self, who: Who, new: &NewTask) {
        let wanted = self.tasks.values().filter(|task| task.wants.contains(&who)).count();
        if !self.tasks.contains_key(&new.key) && wanted >= self.config.max_client_tasks {
            return;
        }
        let specs = self.specs.get(&who);
        let spec = specs.and_then(|specs| specs.get(new.spec.0 as usize)).cloned();
        let spec = spec.unwrap_or_default();
        let known = |key: &&Key| self.tasks.contains_key(*key);
        let inputs: Vec<Key> = new.dependencies.iter().filter(known).copied().collect();
        let orphan = inputs.len() < new.dependencies.len();
        let task = self.tasks.entry(new.key).or_insert_with(|| Task {
            inputs,
            wants: Vec::new(),
            retries: spec.options.retries,
            retries_left: spec.options.retries,
            deaths: 0,
            orphan,
            attempts: 0,
            scattered: spec.function.runtime == Runtime::Receive,
            spec,
            fact: if orphan { BY_ANOTHER } else { Fact::Nothing },
            nbytes: 0,
            queued: false,
            assigned: None,
        });
        task.want(who);
    }

    fn worker_says(&mut self, worker: ConnectionId, message: &WorkerMessage) {
        if let WorkerMessage::Register(registration) = message {
            let registration = registration.clone();
            self.workers.insert(worker, Colleague { is_away: false, retires: false, registration });
            return;
        }
        if !self.workers.contains_key(&worker) {
            return;
        }
        match message {
            WorkerMessage::Failed { key, run, blame, failure } => {
                if let Some(task) = self.current(worker, *key, *run) {
                    let once = task.spec.options.at_most_once;
                    let asks = **failure == Failure::Reschedule && !once;
                    let again = blame.is_none() && task.retries_left > 0 && !asks && !once;
                    task.retries_left -= u32::from(again);
                    let own = blame.is_none_or(|blame| blame == *key);
                    let runs_again = again || asks;
                    self.set(*key, if runs_again { Fact::Nothing } else { Fact::Erred { own } });
                }
            }
            // What a worker holds that was told to leave does not count.
            WorkerMessage::Fetched { .. } if self.leaving.contains(&worker) => {}
            WorkerMessage::Fetched { key, run } => {
                if let Some(Fact::Made(made, holders)) =
                    self.tasks.get_mut(key).map(|task| &mut task.fact)
                    && made == run
                {
                    holders.insert(worker);
                }
            }
            WorkerMessage::Finished { key, run, nbytes, .. } => {
                if let Some(task) = self.current(worker, *key, *run) {
                    task.nbytes = *nbytes;
                    self.set(*key, Fact::Made(*run, [worker].into()));
                }
            }
            WorkerMessage::FromRun { key, run, message } => {
                if self.current(worker, *key, *run).is_some() {
                    self.client_says(Who::Run(*run), message);
                }
            }
            WorkerMessage::Locate { key, run } => {
                let fact = self.tasks.get(key).map(|task| &task.fact);
                if matches!(fact, Some(Fact::Made(made, _)) if made == run) {
                    self.lose_replica(*key, worker);
                }
            }
            // It had not begun.
            WorkerMessage::Recalled { key, run, returned: true } => {
                if let Some(task) = self.current(worker, *key, *run) {
                    task.attempts -= 1;
                    self.set(*key, Fact::Nothing);
                }
            }
            WorkerMessage::Recalled { returned: false, .. } => {}
            // It goes when the scheduler closes.
            WorkerMessage::Goodbye | WorkerMessage::Note { .. } | WorkerMessage::Register(_) => {}
            WorkerMessage::Retire => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.retires = true;
                }
            }
            WorkerMessage::Started { key, run } => {
                if let Some(task) = self.current(worker, *key, *run)
                    && let Some(assigned) = &mut task.assigned
                {
                    assigned.started = assigned.announced;
                }
            }
        }
    }

    /// The task, if this is its run, and this worker has it.
    fn current(&mut self, worker: ConnectionId, key: Key, run: RunId) -> Option<&mut Task> {
        let is_it = |assigned: &Assigned| assigned.run == run && assigned.worker == worker;
        self.tasks.get_mut(&key).filter(|task| task.assigned.as_ref().is_some_and(is_it))
    }

    fn lose_replica(&mut self, key: Key, worker: ConnectionId) {
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let Fact::Made(_, holders) = &mut task.fact else { return };
        if holders.remove(&worker) && holders.is_empty() {
            task.fact = if task.scattered { BY_ITSELF } else { Fact::Nothing };
        }
    }

    /// One copy of several is given up.
    fn drop_replica(&mut self, key: Key, run: RunId, worker: ConnectionId) {
        let fact = self.tasks.get_mut(&key).map(|task| &mut task.fact);
        if let Some(Fact::Made(made, holders)) = fact
            && *made == run
            && holders.len() > 1
        {
            holders.remove(&worker);
        }
    }

    /// A worker is told to leave: what it holds counts no more, so others must hold it too.
    fn empty(&mut self, worker: ConnectionId) {
        self.leaving.insert(worker);
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            self.lose_replica(key, worker);
        }
    }

    fn set_away(&mut self, worker: ConnectionId, is_away: bool) {
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.is_away = is_away;
        }
    }

    /// A session is over: a client lets go, a worker is gone.
    fn end_session(&mut self, connection: ConnectionId) {
        if self.clients.remove(&connection) {
            self.let_go(Who::Client(connection));
        }
        if self.workers.contains_key(&connection) {
            self.lose(connection);
        }
    }

    /// A worker is gone, with what it held and what it ran.
    fn lose(&mut self, worker: ConnectionId) {
        self.workers.remove(&worker);
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            self.lose_replica(key, worker);
            let Some(task) = self.tasks.get_mut(&key) else { continue };
            let Some(assigned) = task.assigned.as_ref().filter(|a| a.worker == worker) else {
                continue;
            };
            let once = task.spec.options.at_most_once;
            task.deaths += u32::from(assigned.started || once);
            let blamed = once || task.deaths > self.config.allowed_failures;
            self.set(key, if blamed { BY_ITSELF } else { Fact::Nothing });
        }
    }

    fn tick(&mut self, now: Instant) {
        let waited = self.no_workers_since.map(|since| now - since);
        if waited.is_some_and(|waited| waited >= self.config.no_workers_timeout) {
            for key in self.stranded() {
                self.set(key, BY_ITSELF);
            }
        }
        for key in self.starving.over(now, self.config.unqualified_timeout) {
            self.set(key, BY_ITSELF);
        }
    }

    /// What could run if there were a worker.
    fn stranded(&self) -> Vec<Key> {
        let active = self.active();
        let runnable = |(key, task): &(&Key, &Task)| {
            active.contains(*key) && task.assigned.is_none() && self.may_run(task)
        };
        self.tasks.iter().filter(runnable).map(|(key, _)| *key).collect()
    }

    fn watch_for_workers(&mut self, now: Instant) {
        let any = self.workers.values().any(|worker| !worker.is_away);
        if any || self.stranded().is_empty() {
            self.no_workers_since = None;
        } else {
            self.no_workers_since.get_or_insert(now);
        }
    }

    /// A task is given out: only one that is to be computed, and whose inputs are there or come.
    fn give(&mut self, worker: ConnectionId, compute: &Compute) -> Result<(), Breach> {
        let Compute { key, run, announce, inputs, .. } = compute;
        let assigned = Assigned {
            run: *run,
            worker,
            inputs: inputs.iter().map(|input| (input.key, input.run)).collect(),
            announced: *announce,
            started: false,
        };
        let may = self.tasks.contains_key(key)
            && self.active().contains(key)
            && self.tasks[key].assigned.is_none()
            && self.stands(&assigned);
        if !may {
            let task = self.tasks.get(key);
            let what = format!("{key} is given out as {run}, and is {task:?} to the reference");
            return Err((Property::Reference, what));
        }
        if let Some(task) = self.tasks.get_mut(key) {
            task.attempts += 1;
            task.assigned = Some(assigned);
        }
        Ok(())
    }

    fn free(&mut self, key: Key, run: RunId) {
        let assigned = self.tasks.get(&key).and_then(|task| task.assigned.as_ref());
        if assigned.is_some_and(|assigned| assigned.run == run) {
            self.set(key, Fact::Nothing);
            self.settle();
        }
    }
}
