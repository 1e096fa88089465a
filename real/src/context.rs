//! What the body of a task knows of itself, and what it may ask of the worker that runs it.
//!
//! This module must not know the worker machine, or what its words look like.

mod locals;
mod notes;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use raddle_core::time::Instant;
use raddle_net::messages::Note;
use raddle_net::names::{Key, RunId};

use self::notes::Notes;
use crate::call::Call;
use crate::client::Client;
use crate::error::TaskError;
use crate::future::TaskFuture;
use crate::hub::Hub;
use crate::rt::Notify;
use crate::value::TaskValue;

pub(crate) use self::locals::Locals;
pub(crate) use self::notes::Due;

/// A running task's view of itself: a leading parameter `ctx: TaskContext` of an `async` task, or
/// `ctx: &TaskContext` of any other.
///
/// With it a task submits tasks of its own. They are wanted until the run ends, or until their last
/// [`TaskFuture`] is dropped.
///
/// ```
/// # use raddle::prelude::*;
/// use std::collections::BTreeMap;
///
/// /// What is read once on each worker, and used by all of its tasks.
/// struct Dictionary(BTreeMap<&'static str, &'static str>);
///
/// #[raddle::task]
/// fn translate(ctx: &TaskContext, words: Vec<String>) -> Result<Vec<String>, TaskError> {
///     let dictionary = ctx.local(|| Dictionary([("warp", "Kette"), ("weft", "Schuss")].into()));
///     let mut translated = Vec::new();
///     for (number, word) in words.iter().enumerate() {
///         if ctx.cancelled() {
///             return Err(TaskError::Cancelled);
///         }
///         ctx.progress(number as f64 / words.len() as f64);
///         match dictionary.0.get(word.as_str()) {
///             Some(found) => translated.push((*found).to_owned()),
///             None => ctx.log(format!("`{word}` is not known")),
///         }
///     }
///     Ok(translated)
/// }
/// # #[raddle::main]
/// # async fn main() -> raddle::Result<()> {
/// # let client = Client::local().await?;
///
/// let words = ["warp", "loom", "weft"].map(str::to_owned);
/// let translated = client.submit(translate(words.to_vec()));
/// assert_eq!((&translated).await?, ["Kette", "Schuss"]);
/// assert_eq!(client.logs(&translated).await?[0].text, "`loom` is not known");
/// # client.close().await
/// # }
/// ```
#[derive(Clone)]
pub struct TaskContext(Arc<Run>);

impl TaskContext {
    pub(crate) const fn new(run: Arc<Run>) -> Self {
        Self(run)
    }

    /// The name of the task and of its value.
    #[must_use]
    pub fn key(&self) -> Key {
        self.0.key
    }

    /// Which run of the task this is: unique in the life of the cluster.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.0.id
    }

    /// How often the task was given to a worker, this time included: 1 in its first run.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// Whether nobody wants the outcome of this run any more: the task was cancelled or released, it
    /// took longer than it may, or the scheduler gave it to another worker. A body that takes long may
    /// look from time to time, and return anything.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// Does `act` as soon as nobody wants the outcome of this run any more; at once, if so already.
    /// It may be done more than once. Said at most once for each run.
    pub(crate) fn when_stopped(&self, act: impl Fn() + Send + Sync + 'static) {
        let act = self.0.on_stop.get_or_init(|| Box::new(act));
        if self.0.stopped.load(Ordering::SeqCst) {
            act();
        }
    }

    /// Waits until this run is [`cancelled`](Self::cancelled), for `select!` in an `async` task.
    pub async fn until_cancelled(&self) {
        // Hears of everything that happens from here on.
        let notified = self.0.stop.notified();
        if !self.cancelled() {
            notified.await;
        }
    }

    /// Says how far the task is, from 0 to 1: `raddle tasks` and `raddle explain` show it, and
    /// [`Client::progress`] asks for it. Cheap: what is said in quick succession is passed on a few
    /// times a second.
    pub fn progress(&self, done: f64) {
        // Out of range or not a number, it is cut to what there is.
        let done = (done.clamp(0.0, 1.0) * 10_000.0).round() as u16;
        if self.0.notes.progress(done) {
            self.0.host.heed(&self.0);
        }
    }

    /// A line for people: [`Client::logs`] has those of a task, and the topic `logs` those of all.
    /// More than 4 KiB are cut, and of more than some thousands of lines a second the oldest are
    /// dropped. The scheduler keeps the last lines, 16 MiB of all tasks together.
    pub fn log(&self, text: impl Into<String>) {
        if self.0.notes.log(text.into()) {
            self.0.host.heed(&self.0);
        }
    }

    /// What this worker keeps for tasks: one value of each type, made by `make` when it is first asked
    /// for, and dropped with the worker. Tasks that run at a time share it; those that ask while it is
    /// being made wait.
    pub fn local<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        self.0.host.locals().get(make)
    }

    /// What its tasks are submitted to.
    pub(crate) fn hub(&self) -> Arc<Hub> {
        Arc::clone(self.0.hub())
    }

    /// A client that speaks for this run: what it submits, scatters or adopts is wanted until the run
    /// ends. Awaiting its futures gives the slot back; asking it questions does not.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::of_run(self.hub(), self.0.host.scheduler())
    }

    /// Submits a task on behalf of this run. Returns at once.
    ///
    /// While the body waits for it, its slot is given to others.
    pub fn submit<T>(&self, call: Call<T>) -> TaskFuture<T> {
        let mut handles = self.0.hub().submit([call.into_parts()]);
        TaskFuture::new(handles.pop().expect("one call gives one future"))
    }

    /// Blocks this thread until the value of `future` is there; others have the slot meanwhile. In
    /// an `async` task, `.await` the future.
    ///
    /// # Errors
    ///
    /// That of the task that `future` stands for.
    pub fn wait<T: TaskValue>(&self, future: TaskFuture<T>) -> Result<T, TaskError> {
        future.wait()
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskContext({}, run {})", self.0.key, self.0.id)
    }
}

/// One run of a task, as long as its body runs.
pub(crate) struct Run {
    /// The task.
    pub(crate) key: Key,
    /// This run of it.
    pub(crate) id: RunId,
    attempt: u32,
    /// Its body occupies a thread of the executor.
    pub(crate) has_thread: bool,
    /// Nobody wants it any more.
    stopped: AtomicBool,
    /// What is done when nobody wants it any more.
    on_stop: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Somebody waits for that.
    stop: Notify,
    notes: Notes,
    /// That thread sleeps.
    pub(crate) asleep: AtomicBool,
    /// Made when the run submits its first task.
    hub: OnceLock<Arc<Hub>>,
    host: Arc<dyn Host>,
}

/// What a run needs of the worker that it runs on.
pub(crate) trait Host: Send + Sync {
    /// A new hub for the tasks of `run`.
    fn hub(self: Arc<Self>, run: &Arc<Run>) -> Arc<Hub>;

    /// `run` has said something about itself, and has not been heard: see [`Run::due`].
    fn heed(&self, run: &Arc<Run>);

    /// What bodies keep here.
    fn locals(&self) -> &Locals;

    /// Where the scheduler listens.
    fn scheduler(&self) -> &str;
}

impl Run {
    /// A run of `key` that has a slot.
    pub(crate) fn new(
        key: Key,
        id: RunId,
        attempt: u32,
        has_thread: bool,
        host: Arc<dyn Host>,
    ) -> Arc<Self> {
        Arc::new(Self {
            key,
            id,
            attempt,
            has_thread,
            stopped: AtomicBool::new(false),
            on_stop: OnceLock::new(),
            stop: Notify::new(),
            notes: Notes::default(),
            asleep: AtomicBool::new(false),
            hub: OnceLock::new(),
            host,
        })
    }

    /// Nobody wants the run any more: its context says so, and what it waits for fails.
    pub(crate) fn stop(&self) {
        // In one order with `when_stopped`: one of the two sees the other.
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(act) = self.on_stop.get() {
            act();
        }
        self.close("the run is not wanted any more");
    }

    /// The body has returned: its tasks are not wanted any more.
    pub(crate) fn end(&self) {
        self.close("the task that submitted this one has ended");
    }

    /// What the body has said about itself, unless something was passed on just before `now`.
    pub(crate) fn due(&self, now: Instant) -> Due {
        self.notes.due(now)
    }

    /// What it has said and was not passed on, when it has ended.
    pub(crate) fn last_notes(&self) -> Vec<Note> {
        self.notes.rest()
    }

    /// The hub of its tasks, if it submitted any.
    pub(crate) fn nested(&self) -> Option<&Arc<Hub>> {
        self.hub.get()
    }

    fn hub(self: &Arc<Self>) -> &Arc<Hub> {
        let hub = self.hub.get_or_init(|| Arc::clone(&self.host).hub(self));
        if self.stopped.load(Ordering::Relaxed) {
            // It may have been stopped before there was a hub to close.
            hub.closed("the run is not wanted any more");
        }
        hub
    }

    fn close(&self, reason: &str) {
        self.stopped.store(true, Ordering::SeqCst);
        self.stop.notify_waiters();
        if let Some(hub) = self.hub.get() {
            hub.closed(reason);
        }
    }
}
