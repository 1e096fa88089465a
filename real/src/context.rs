//! What the body of a task knows of itself, and what it may ask of the worker that runs it.
//!
//! This module must not know the worker machine, or what its words look like.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use raddle_net::names::{Key, RunId};

use crate::call::Call;
use crate::error::TaskError;
use crate::future::TaskFuture;
use crate::hub::Hub;
use crate::value::TaskValue;

/// A running task's view of itself: a leading parameter `ctx: TaskContext` of an `async` task, or
/// `ctx: &TaskContext` of any other.
///
/// With it a task submits tasks of its own. They are wanted until the run ends, or until their last
/// [`TaskFuture`] is dropped.
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

    /// Whether nobody wants the outcome of this run any more. A body that takes long may look from
    /// time to time, and return anything.
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
    /// Its body occupies a thread of the executor.
    pub(crate) has_thread: bool,
    /// Nobody wants it any more.
    stopped: AtomicBool,
    /// What is done when nobody wants it any more.
    on_stop: OnceLock<Box<dyn Fn() + Send + Sync>>,
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
}

impl Run {
    /// A run of `key` that has a slot.
    pub(crate) fn new(key: Key, id: RunId, has_thread: bool, host: Arc<dyn Host>) -> Arc<Self> {
        let (stopped, asleep) = (AtomicBool::new(false), AtomicBool::new(false));
        let (on_stop, hub) = (OnceLock::new(), OnceLock::new());
        Arc::new(Self { key, id, has_thread, stopped, on_stop, asleep, hub, host })
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
        self.stopped.store(true, Ordering::Relaxed);
        self.close("the task that submitted this one has ended");
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
        if let Some(hub) = self.hub.get() {
            hub.closed(reason);
        }
    }
}
