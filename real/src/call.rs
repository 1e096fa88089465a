//! A call of a task: what to run, with which arguments, and how.
//!
//! This module must not know who submits it.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use raddle_net::messages::{TaskOptions, TaskSpec};
use raddle_net::names::Key;

use crate::arg::{ArgWriter, Written};
use crate::fingerprint::KeyHasher;
use crate::future::FutureHandle;
use crate::registry::{Defaults, TaskEntry};
use crate::resources::{self, Resources};
use crate::value::Value;

/// A call of a task that gives a `T`, made by calling the function with `#[raddle::task]`. Nothing
/// happens until it is submitted.
///
/// ```
/// #[raddle::task]
/// fn double(x: u64) -> u64 {
///     2 * x
/// }
///
/// let call: raddle::Call<u64> = double(21).priority(5).retries(2);
/// assert_eq!(double::run(21), 42); // the function itself, here
/// ```
#[must_use = "a call does nothing until it is submitted"]
pub struct Call<T> {
    parts: CallParts,
    pure: bool,
    result: PhantomData<fn() -> T>,
}

/// What a [`Call`] consists of.
#[derive(Clone)]
pub(crate) struct CallParts {
    /// What to run and how; one for all calls of a task without options.
    pub(crate) spec: Arc<TaskSpec>,
    /// Higher runs first.
    pub(crate) priority: i32,
    /// The name that the task is to have; `None`: one that nobody has.
    pub(crate) key: Option<Key>,
    /// What a call with a name computes: a name must not stand for two things.
    pub(crate) recipe: Option<Key>,
    /// Futures whose values are arguments, each once.
    pub(crate) dependencies: Vec<FutureHandle>,
    /// Arguments that are too large to travel with the task, and which dependency each is.
    pub(crate) data: Vec<(usize, Arc<Value>)>,
    /// Arguments that are futures themselves.
    pub(crate) futures: Vec<FutureHandle>,
    /// Arguments; they name dependencies by position.
    pub(crate) args: Vec<u8>,
    /// Why it cannot be submitted, if so.
    pub(crate) refused: Option<String>,
}

impl<T> Call<T> {
    /// A call of `entry` with the arguments that were written.
    pub fn new(entry: &'static TaskEntry, arguments: ArgWriter) -> Self {
        Self::of(Arc::clone(entry.spec()), entry.defaults, arguments)
    }

    /// A call of what `spec` says, with the arguments that were written.
    pub(crate) fn of(spec: Arc<TaskSpec>, defaults: Defaults, arguments: ArgWriter) -> Self {
        let Written { args, dependencies, data, futures, refused } = arguments.finish();
        let parts = CallParts {
            spec,
            priority: defaults.priority,
            key: None,
            recipe: None,
            dependencies,
            data,
            futures,
            args,
            refused,
        };
        Self { parts, pure: defaults.pure, result: PhantomData }
    }

    /// Gives the task a name: two tasks of one name, also of different clients, are one task.
    pub fn key(mut self, name: &str) -> Self {
        let mut hasher = KeyHasher::new();
        hasher.write(b"key");
        hasher.write(name.as_bytes());
        self.parts.key = Some(Key::hashed(hasher.finish()));
        self
    }

    /// Says that the result depends on nothing but the arguments: calls with equal arguments are one
    /// task, as long as somebody wants its value.
    pub fn pure(mut self) -> Self {
        self.pure = true;
        self
    }

    /// Among tasks of this client that could run, those with a higher priority run first. It is 0 by
    /// default. Between clients it does not count: they get equal shares.
    pub const fn priority(mut self, priority: i32) -> Self {
        self.parts.priority = priority;
        self
    }

    /// How often the task is run again after it failed. It is 0 by default.
    pub fn retries(self, retries: u32) -> Self {
        self.with(|options| options.retries = retries)
    }

    /// Only these workers may run the task: names, addresses or hosts. None means any.
    pub fn workers(self, workers: impl IntoIterator<Item: Into<String>>) -> Self {
        let workers = workers.into_iter().map(Into::into).collect();
        self.with(|options| options.workers = workers)
    }

    /// The workers of [`Self::workers`] run the task if one of them is there; otherwise any may.
    pub fn allow_other_workers(self) -> Self {
        self.with(|options| options.allow_other_workers = true)
    }

    /// What the task takes of its worker for as long as it is assigned to it, besides a thread. A
    /// worker that has less never runs it, and tasks that take more together than a worker has do not
    /// run there at a time. Amounts are exact to 1/10,000.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// #[raddle::task]
    /// fn render(frame: u64) -> u64 {
    ///     frame
    /// }
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// let builder = LocalCluster::builder().workers(1).threads_per_worker(8);
    /// let cluster = builder.resources([("gpu", 1.0)]).start().await?;
    /// let client = cluster.client().await?;
    /// // Two at a time, although there are 8 threads.
    /// let frames = client.map(|i| render(i).resources([("gpu", 0.5)]), 0..10);
    /// assert_eq!(client.gather(&frames).await?.len(), 10);
    /// # cluster.close().await
    /// # }
    /// ```
    pub fn resources(
        mut self,
        resources: impl IntoIterator<Item = (impl Into<String>, f64)>,
    ) -> Self {
        match resources::units(resources) {
            Ok(units) => {
                let units = units.into_iter().filter(|(_, amount)| *amount > 0).collect();
                self.resource_units(units)
            }
            Err(reason) => {
                self.parts.refused.get_or_insert(reason);
                self
            }
        }
    }

    /// As [`Self::resources`], in units of 1/10,000, in the order of names.
    pub(crate) fn resource_units(self, units: Resources) -> Self {
        self.with(|options| options.resources = units)
    }

    /// How long the body may take, from its start on its worker; waiting for tasks of its own counts.
    /// One that takes longer fails with [`TaskError::TimedOut`](crate::TaskError::TimedOut), or is run
    /// again if it has [`retries`](Self::retries). A [`Command`](crate::Command) is killed. Nothing
    /// can stop any other body: its context says that it is
    /// [cancelled](crate::TaskContext::cancelled), and it keeps its thread until it returns.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// use std::time::Duration;
    ///
    /// #[raddle::task]
    /// fn search(ctx: &TaskContext) -> u64 {
    ///     (0..).find(|_| ctx.cancelled()).unwrap_or_default() // looks for ever
    /// }
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let client = Client::local().await?;
    /// let found = client.submit(search().timeout(Duration::from_millis(1)));
    /// assert_eq!(found.await, Err(TaskError::TimedOut));
    /// # client.close().await
    /// # }
    /// ```
    pub fn timeout(self, limit: Duration) -> Self {
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.with(|options| options.timeout = Some(nanos))
    }

    /// How long the body is expected to take. Otherwise that is learned, for each function with its
    /// options, as the average of what its bodies took, the later ones counting more; what is said here
    /// is believed instead. It decides where and when tasks run, never whether. If it is said of every
    /// task of a [map](crate::Client::map) or [graph](crate::Graph), those go first that have the
    /// longest way to the end of it.
    ///
    /// Calls that say different things are different kinds of calls, of which a client may use about a
    /// million: round the time.
    pub fn expected(self, time: Duration) -> Self {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.with(|options| options.expected = Some(nanos))
    }

    /// A run of the task that may have begun is never followed by another one: if its worker dies, or
    /// its value is lost, it fails. There are no retries but [`TaskFuture::retry`].
    ///
    /// [`TaskFuture::retry`]: crate::TaskFuture::retry
    pub fn at_most_once(self) -> Self {
        self.with(|options| options.at_most_once = true)
    }

    /// How many workers may die while they run the task, before it fails.
    pub fn allowed_failures(self, failures: u32) -> Self {
        self.with(|options| options.allowed_failures = Some(failures))
    }

    /// The same call, as a task of its own that only this worker may run.
    pub(crate) fn only_on(&self, worker: &str) -> Self {
        let parts = CallParts { key: None, ..self.parts.clone() };
        Self { parts, pure: false, result: PhantomData }.workers([worker])
    }

    /// The same call, whatever it gives.
    pub(crate) fn erase(self) -> Call<()> {
        Call { parts: self.parts, pure: self.pure, result: PhantomData }
    }

    /// Futures whose values are arguments.
    pub(crate) fn dependencies(&self) -> &[FutureHandle] {
        &self.parts.dependencies
    }

    /// Futures whose values are arguments, to be exchanged one by one.
    pub(crate) fn dependencies_mut(&mut self) -> &mut [FutureHandle] {
        &mut self.parts.dependencies
    }

    fn with(mut self, set: impl FnOnce(&mut TaskOptions)) -> Self {
        set(&mut Arc::make_mut(&mut self.parts.spec).options);
        self
    }

    pub(crate) fn into_parts(mut self) -> CallParts {
        match self.parts.key {
            Some(_) => self.parts.recipe = Some(self.parts.content()),
            None if self.pure => self.parts.key = Some(self.parts.content()),
            None => {}
        }
        self.parts
    }
}

impl CallParts {
    /// The key of all pure calls that compute the same.
    fn content(&self) -> Key {
        let mut hasher = KeyHasher::new();
        hasher.write(b"pure");
        hasher.write(self.spec.function.name.as_bytes());
        hasher.write(&self.spec.function.signature.to_le_bytes());
        hasher.write(&self.args);
        for dependency in &self.dependencies {
            hasher.write(dependency.key().to_string().as_bytes());
        }
        Key::hashed(hasher.finish())
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallParts { spec, dependencies, args, .. } = &self.parts;
        write!(f, "Call({}, {} bytes", spec.function.name, args.len())?;
        match dependencies.len() {
            0 => f.write_str(")"),
            count => write!(f, ", {count} futures)"),
        }
    }
}
