//! One turn at the machine: the lock, what is said to the machine, and what follows from it.
//!
//! Words and values are dealt with under the lock; everything that may call user code, another lock
//! or the runtime waits until it is given back. This module must not know sockets or threads.

use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use raddle_core::client::Route;
use raddle_core::time::{Duration, Instant};
use raddle_core::worker::{Effect, Event, Execute, GatherOutcome, Outcome, RequestId};
use raddle_net::messages::{Failure, Item, Note, SchedulerToClient, WorkerMessage};
use raddle_net::names::{RunId, WorkerId};

use super::core::{Core, Request};
use super::functions;
use super::shell::{Shell, discard};
use super::spiller;
use crate::clock;
use crate::context::{Run, TaskContext};
use crate::error::{Error, TaskError};
use crate::executor::Job;
use crate::executor::body::{Made, Unmade};
use crate::serve::Answer;
use crate::store::{Relief, Removed};
use crate::stream::MAX_KEPT_AWAY;
use crate::task::{Body, BodyFuture, Invocation};
use crate::transfer::TransferError;
use crate::value::Value;

/// A body that takes longer is worth a wake-up of the writer. A wake-up costs the cluster some 50 µs of
/// computing time, most of it in the kernel: here, in the scheduler, and in whoever it tells.
const SHORT_BODY: Duration = Duration::from_micros(250);
/// How long the words of short bodies may wait for others, while such bodies end.
const WORDS_WAIT: Duration = Duration::from_micros(500);
/// Bytes of words that are worth a wake-up.
const WORDS_BATCH: usize = 16 << 10;

/// Exclusive use of the machine.
#[must_use = "what was said has no effect before `end`"]
pub(super) struct Turn<'a> {
    shell: &'a Arc<Shell>,
    core: MutexGuard<'a, Core>,
    now: Instant,
    /// There was something to write before.
    had_words: bool,
    /// How long the body took of which this turn is the end.
    body: Option<Duration>,
    later: Later,
}

/// An `async` body to run.
pub(super) struct AsyncJob {
    pub(super) body: fn(Invocation) -> BodyFuture,
    pub(super) invocation: Invocation,
    pub(super) run: Arc<Run>,
}

/// What waits until the lock is given back.
#[derive(Default)]
struct Later {
    /// The first body, and the others.
    job: Option<Job>,
    jobs: Vec<Job>,
    async_jobs: Vec<AsyncJob>,
    /// Runs that cannot be run here.
    refused: Vec<(RunId, Failure)>,
    gathers: Vec<Gather>,
    to_runs: Vec<(Arc<Run>, SchedulerToClient)>,
    resumed: Vec<Arc<Run>>,
    stopped: Vec<Arc<Run>>,
    forgotten: Vec<Arc<Value>>,
    /// For the thread that waits for the disk.
    disk: Vec<spiller::Job>,
}

/// Values to be asked for.
pub(super) struct Gather {
    peer: WorkerId,
    address: Arc<str>,
    items: Vec<Item>,
    nbytes: u64,
}

impl<'a> Turn<'a> {
    /// With the lock in hand.
    pub(super) fn new(shell: &'a Arc<Shell>, core: MutexGuard<'a, Core>) -> Self {
        let had_words = core.has_words();
        // Read under the lock, so that time does not go back from one turn to the next.
        Self { shell, core, now: clock::now(), had_words, body: None, later: Later::default() }
    }

    /// The time of this turn.
    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    /// What is behind the lock.
    pub(super) fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    /// Tells the machine `event`, and does what it asks for.
    pub(super) fn handle(&mut self, event: Event) {
        if self.core.closed {
            return;
        }
        let mut effects = mem::take(&mut self.core.effects);
        self.core.machine.handle(self.now, event, &mut effects);
        if cfg!(madsim)
            && let Err(violation) = self.core.machine.check()
        {
            panic!("worker-check: {violation:?}");
        }
        for effect in effects.drain(..) {
            self.apply(effect);
        }
        self.core.effects = effects;
        while let Some((run, failure)) = self.later.refused.pop() {
            let outcome = Outcome::Failed { blame: None, failure: Arc::new(failure) };
            self.handle(Event::Executed { run, outcome });
        }
    }

    /// Says `message` to the scheduler.
    pub(super) fn say(&mut self, message: &WorkerMessage) {
        if let Err(error) = self.core.stream.push(message) {
            self.core.broken = Some(protocol(error.to_string()));
        }
    }

    /// The body of `run` has said these.
    pub(super) fn noted(&mut self, run: RunId, notes: Vec<Note>) {
        for note in notes {
            self.handle(Event::Noted { run, note });
        }
    }

    /// The body of `run`, begun at `begun`, has returned.
    pub(super) fn executed(&mut self, run: RunId, begun: Instant, result: Result<Made, Unmade>) {
        if self.core.closed {
            // Dropped later, like any value.
            self.later.forgotten.extend(result.ok().map(|made| made.value));
            return;
        }
        self.core.runs.remove(&run);
        let duration = self.now - begun;
        self.body = Some(duration);
        self.core.gauge.has_less(self.now);
        let outcome = match result {
            Ok(Made { value, nbytes, small }) => {
                self.keep(run, value);
                let duration = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
                Outcome::Finished { nbytes, duration, value: small }
            }
            Err(Unmade { blame, failure }) => Outcome::Failed { blame, failure },
        };
        self.handle(Event::Executed { run, outcome });
    }

    /// `peer` was asked for `items`.
    pub(super) fn gathered(
        &mut self,
        peer: WorkerId,
        items: &[Item],
        pulled: Result<Vec<Option<Arc<Value>>>, TransferError>,
    ) {
        if self.core.closed {
            return;
        }
        let outcome = match pulled {
            Ok(values) => {
                let (mut found, mut missing) = (Vec::new(), Vec::new());
                for (item, value) in items.iter().zip(values) {
                    match value {
                        Some(value) => {
                            found.push((item.run, value.nbytes()));
                            self.keep(item.run, value);
                        }
                        None => missing.push(item.run),
                    }
                }
                GatherOutcome::Got { found, missing }
            }
            Err(TransferError::Busy) => GatherOutcome::Busy,
            Err(error) => {
                tracing::debug!(%peer, %error, "values could not be gathered");
                GatherOutcome::Failed
            }
        };
        self.handle(Event::Gathered { peer, outcome });
    }

    /// Gives the lock back, and does what has waited for that.
    pub(super) fn end(self) {
        let (shell, mut later) = self.unlock();
        if let Some(job) = later.job.take() {
            shell.start(job);
        }
        later.run(shell);
    }

    /// As [`Self::end`], for a thread that has nothing to do: returns a body for it.
    pub(super) fn end_with_job(self) -> Option<Job> {
        let (shell, mut later) = self.unlock();
        let job = later.job.take();
        later.run(shell);
        job
    }

    fn unlock(mut self) -> (&'a Arc<Shell>, Later) {
        self.relieve();
        let tells = self.tells_writer();
        let next = self.core.next_deadline();
        let earlier = next.is_some_and(|next| self.core.armed.is_none_or(|armed| next < armed));
        if earlier {
            self.core.armed = next;
        }
        let is_too_much = self.core.stream.kept() > MAX_KEPT_AWAY;
        drop(self.core);
        if is_too_much {
            self.shell.tell_too_much();
        }
        if tells {
            self.shell.wake_writer();
        }
        if earlier {
            self.shell.wake_timer();
        }
        (self.shell, self.later)
    }

    /// Has values leave memory, if there are too many.
    fn relieve(&mut self) {
        let Relief { dropped, writes } = self.core.store.relieve(self.now);
        self.later.forgotten.extend(dropped);
        self.later
            .disk
            .extend(writes.into_iter().map(|(ticket, value)| spiller::Job::Write(ticket, value)));
        if self.core.store.is_choked() {
            self.shell.choked.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the writer must be woken. After a short body of many it need not, if it looks again by
    /// itself before anybody misses the words.
    fn tells_writer(&mut self) -> bool {
        let core = &mut *self.core;
        if core.told || !core.has_words() {
            return false;
        }
        if !self.had_words {
            core.words_since = self.now;
        }
        let can_wait = core.looks_again
            && self.later.job.is_some()
            && self.body.is_some_and(|body| body < SHORT_BODY)
            && self.now - core.words_since < WORDS_WAIT
            && core.stream.unsent() < WORDS_BATCH;
        core.told = !can_wait;
        core.told
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Accept { request, run } => {
                if let Some(Request::Put(value, taken)) = self.core.requests.remove(&request) {
                    self.keep(run, value);
                    // The peer has gone: the value is here all the same.
                    let _ = taken.send(true);
                }
            }
            Effect::Close { reason } => self.core.broken = Some(protocol(reason.to_string())),
            Effect::Execute(execute) => self.execute(execute),
            Effect::Flush { run } => self.core.flushes.push(run),
            Effect::Forget { run } => {
                let removed = self.core.store.remove(run);
                self.give_up(removed);
            }
            Effect::Gather { peer, address, items, nbytes } => {
                self.later.gathers.push(Gather { peer, address, items, nbytes });
            }
            // The scheduler answers the goodbye by ending the session.
            Effect::Leave => self.core.leaves = true,
            Effect::Reject { request } => {
                if let Some(Request::Put(value, taken)) = self.core.requests.remove(&request) {
                    self.later.forgotten.push(value);
                    // The peer has gone: then it need not know.
                    let _ = taken.send(false);
                }
            }
            Effect::Resume { run } => self.later.resumed.extend(self.core.runs.get(&run).cloned()),
            Effect::Serve { request, items } => {
                let store = &mut self.core.store;
                let value =
                    |(item, held): (Item, bool)| if held { store.get(item.run) } else { None };
                let values: Vec<_> = items.into_iter().map(value).collect();
                if values.iter().flatten().any(|value| value.is_away()) {
                    self.serve_from_disk(request, values);
                } else {
                    self.answer(request, Answer::Values(values));
                }
            }
            Effect::ServeBusy { request } => self.answer(request, Answer::Busy),
            Effect::Stop { run } => self.later.stopped.extend(self.core.runs.get(&run).cloned()),
            Effect::ToRun { run, message } => {
                // Said only to the thread that reads the scheduler's words, so in their order.
                let run = self.core.runs.get(&run).cloned();
                self.later.to_runs.extend(run.map(|run| (run, message)));
            }
            Effect::ToScheduler(message) => self.say(&message),
        }
    }

    fn execute(&mut self, execute: Execute) {
        let Execute { key, run: id, attempt, spec, inputs, args } = execute;
        let Some(entry) = self.core.functions.find(&spec) else {
            self.later.refused.push((id, functions::unknown(&spec, &self.shell.address)));
            return;
        };
        let inputs = inputs.iter().map(|run| {
            self.core.store.get(*run).expect("the inputs of a run that is begun are in the store")
        });
        let inputs = inputs.collect();
        self.core.gauge.has_more(self.now);
        let has_thread = matches!(entry.body, Body::Blocking(_));
        let run = Run::new(key, id, attempt, has_thread, Arc::clone(self.shell) as _);
        let invocation = Invocation { args, inputs, context: TaskContext::new(Arc::clone(&run)) };
        self.core.runs.insert(id, Arc::clone(&run));
        match entry.body {
            Body::Async(body) => self.later.async_jobs.push(AsyncJob { body, invocation, run }),
            Body::Blocking(body) => self.later.add_job(Job { body, invocation, run }),
        }
    }

    fn keep(&mut self, run: RunId, value: Arc<Value>) {
        let removed = self.core.store.insert(run, value);
        self.core.gauge.has_more(self.now);
        self.give_up(removed);
    }

    /// A value is held no more.
    pub(super) fn give_up(&mut self, removed: Removed) {
        self.later.forgotten.extend(removed.value);
        self.later.disk.extend(removed.piece.map(spiller::Job::Free));
    }

    /// Answers when the values have been read.
    fn serve_from_disk(&mut self, request: RequestId, values: Vec<Option<Arc<Value>>>) {
        let Some(Request::Get(sender)) = self.core.requests.remove(&request) else { return };
        let shell = Arc::clone(self.shell);
        let away = values.iter().flatten().cloned().collect();
        let then = move |read: Result<(), TaskError>| match read {
            // An error means that the peer has gone.
            Ok(()) => drop(sender.send(Answer::Values(values))),
            Err(error) => shell.is_lost(&error),
        };
        self.later.disk.push(spiller::Job::Read(away, Box::new(then)));
    }

    fn answer(&mut self, request: RequestId, answer: Answer) {
        if let Some(Request::Get(sender)) = self.core.requests.remove(&request) {
            // The peer has gone: `served` is said all the same.
            let _ = sender.send(answer);
        }
    }
}

impl Later {
    fn add_job(&mut self, job: Job) {
        match self.job {
            None => self.job = Some(job),
            Some(_) => self.jobs.push(job),
        }
    }

    fn run(self, shell: &Arc<Shell>) {
        for job in self.jobs {
            shell.start(job);
        }
        for job in self.async_jobs {
            shell.start_async(job);
        }
        for Gather { peer, address, items, nbytes } in self.gathers {
            let gathering = Arc::clone(shell);
            shell.spawn(async move {
                let pulled =
                    gathering.peers.pull_values((&address, Route::Direct), &items, nbytes).await;
                let mut turn = gathering.turn();
                turn.gathered(peer, &items, pulled);
                turn.end();
            });
        }
        for (run, message) in self.to_runs {
            if let Some(hub) = run.nested() {
                hub.received([message]);
            }
        }
        for run in self.resumed {
            shell.body_wakes(&run);
            if let Some(hub) = run.nested() {
                hub.resumed();
            }
        }
        for run in self.stopped {
            run.stop();
        }
        discard(self.forgotten);
        for job in self.disk {
            shell.spiller.ask(shell, job);
        }
    }
}

/// The scheduler and the worker do not agree.
fn protocol(reason: String) -> Error {
    Error::Protocol { peer: "the scheduler".to_owned(), reason }
}
