//! The client: what a program submits its tasks with.
//!
//! A client is a hub whose words are carried by a thread of its own ([`carrier`]). This module must
//! not know messages; questions to the scheduler are in [`queries`].

mod carrier;
mod control;
mod datasets;
mod events;
mod lanes;
mod pulls;
mod queries;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use raddle_net::messages::Failure;
use raddle_net::names::Key;

pub use self::control::Moved;
pub use self::events::Events;
pub(crate) use self::queries::{task_json, worker_json};
use crate::call::Call;
use crate::conn::CONNECT_LIMIT;
use crate::credentials::Credentials;
use crate::error::{Error, Result, TaskError};
use crate::future::{self, AsCompleted, TaskFuture, Wait, WaitFor, block_on, park_on};
use crate::graph::{Graph, GraphError};
use crate::hub::{Hub, lock};
use crate::local::LocalCluster;
use crate::rt::{self, oneshot};
use crate::scheduler_file;
use crate::value::{TaskValue, Value};

/// Futures of which the values are fetched ahead while [`Client::gather`] takes them in order.
const GATHER_AHEAD: usize = 1 << 12;

/// A connection to a scheduler. Cheap to clone; all clones are one client to the scheduler.
///
/// What submits returns at once, from any thread: a thread of the client's own sends in batches
/// while the program goes on. When the last clone and the last [`TaskFuture`] are gone, the client
/// leaves.
///
/// When its connection breaks, a client keeps its futures and dials again for as long as the scheduler
/// waits for it (60 s, unless it was started otherwise): nothing is lost, and nothing runs twice.
/// After that, its futures fail with [`TaskError::Disconnected`].
///
/// ```
/// use raddle::prelude::*;
///
/// #[raddle::task]
/// fn square(x: u64) -> u64 {
///     x * x
/// }
///
/// #[raddle::main]
/// async fn main() -> raddle::Result<()> {
///     let client = Client::local().await?;
///     let squares = client.map(square, 0..100); // returns at once
///     let values = client.gather(&squares).await?;
///     assert_eq!(values[9], 81);
///     client.close().await
/// }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    hub: Arc<Hub>,
    /// Of the scheduler.
    address: String,
    /// Ends with the connection.
    ended: Mutex<Option<oneshot::Receiver<()>>>,
    /// A cluster that lives as long as its only client.
    cluster: Mutex<Option<LocalCluster>>,
}

impl Client {
    /// Connects to the scheduler at `address`, `tcp://host:port` or `tls://host:port`, with the
    /// [credentials of this process](Credentials::of_process). A scheduler that is not there yet is
    /// tried again for 10 s.
    ///
    /// # Errors
    ///
    /// Nobody answers, or who answers is not a scheduler of this version, or not of the same cluster
    /// as our credentials.
    pub async fn connect(address: impl AsRef<str>) -> Result<Self> {
        Self::connect_with(address, &Credentials::of_process()?).await
    }

    /// As [`Self::connect`], with these credentials.
    ///
    /// # Errors
    ///
    /// Those of [`Self::connect`].
    pub async fn connect_with(address: impl AsRef<str>, credentials: &Credentials) -> Result<Self> {
        Self::with_cluster(address.as_ref(), credentials, None).await
    }

    /// As [`Self::connect`], for code without a runtime.
    ///
    /// # Errors
    ///
    /// Those of [`Self::connect`].
    pub fn connect_blocking(address: impl AsRef<str>) -> Result<Self> {
        park_on(Self::connect(address))
    }

    /// Starts a cluster of threads in this process, and connects to it. It ends with the client.
    ///
    /// # Errors
    ///
    /// No port or no thread is to be had.
    pub async fn local() -> Result<Self> {
        let cluster = LocalCluster::builder().start().await?;
        let address = cluster.address().to_owned();
        Self::with_cluster(&address, &Credentials::none(), Some(cluster)).await
    }

    /// As [`Self::local`], for code without a runtime.
    ///
    /// # Errors
    ///
    /// Those of [`Self::local`].
    pub fn local_blocking() -> Result<Self> {
        match park_on(rt::thread("raddle-start", Self::local())?) {
            Ok(client) => client,
            Err(_) => Err(Error::Internal("the thread that starts a cluster has panicked".into())),
        }
    }

    async fn with_cluster(
        address: &str,
        credentials: &Credentials,
        cluster: Option<LocalCluster>,
    ) -> Result<Self> {
        let connected = carrier::connect(address.to_owned(), credentials.clone(), CONNECT_LIMIT);
        let (hub, ended) = connected.await?;
        let (ended, cluster) = (Mutex::new(Some(ended)), Mutex::new(cluster));
        Ok(Self { inner: Arc::new(Inner { hub, address: address.to_owned(), ended, cluster }) })
    }

    /// The client that a run is, by way of its worker.
    pub(crate) fn of_run(hub: Arc<Hub>, address: &str) -> Self {
        let (ended, cluster) = (Mutex::new(None), Mutex::new(None));
        Self { inner: Arc::new(Inner { hub, address: address.to_owned(), ended, cluster }) }
    }

    /// Where the scheduler listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.inner.address
    }

    /// Submits one call.
    pub fn submit<T>(&self, call: Call<T>) -> TaskFuture<T> {
        let mut handles = self.inner.hub.submit(std::iter::once(call.into_parts()));
        TaskFuture::new(handles.pop().expect("one call gives one future"))
    }

    /// Submits `call(item)` for each item. The first tasks leave while the last calls are made.
    pub fn map<I: IntoIterator, T>(
        &self,
        call: impl FnMut(I::Item) -> Call<T>,
        items: I,
    ) -> Vec<TaskFuture<T>> {
        self.submit_all(items.into_iter().map(call))
    }

    /// Submits every call.
    pub fn submit_all<T>(&self, calls: impl IntoIterator<Item = Call<T>>) -> Vec<TaskFuture<T>> {
        let handles = self.inner.hub.submit(calls.into_iter().map(Call::into_parts));
        handles.into_iter().map(TaskFuture::new).collect()
    }

    /// Computes what calls of `graph` give, named in this order, and fetches it. What they need is
    /// computed on the way; the rest of the graph is not.
    ///
    /// # Errors
    ///
    /// [`Error::Graph`] if there is something wrong with the graph; else as [`Self::gather`].
    pub async fn get<T: TaskValue>(
        &self,
        graph: Graph,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Vec<T>> {
        Ok(self.gather(&self.submit_graph(graph, names)?).await?)
    }

    /// As [`Self::get`], but returns at once, with futures. Intermediate results are kept no longer
    /// than they are needed.
    ///
    /// # Errors
    ///
    /// There is something wrong with the graph.
    pub fn submit_graph<T>(
        &self,
        graph: Graph,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Vec<TaskFuture<T>>, GraphError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let mut plan = graph.plan::<T>(&names)?;
        let handles = self.inner.hub.submit_linked(|before| plan.next(before));
        Ok(plan.wanted.iter().map(|place| TaskFuture::new(handles[*place].clone())).collect())
    }

    /// Puts `value` on a worker, to be passed to any number of tasks. It is put into bytes at once,
    /// and kept here until a worker has it.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// #[raddle::task]
    /// fn nth(words: &[String], n: usize) -> String {
    ///     words[n].clone()
    /// }
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let client = Client::local().await?;
    ///
    /// let words = client.scatter(vec!["warp".to_owned(), "weft".to_owned()]); // sent once
    /// let picked = client.map(|n| nth(&words, n), 0..2);
    /// assert_eq!(client.gather(&picked).await?, ["warp", "weft"]);
    /// # client.close().await
    /// # }
    /// ```
    pub fn scatter<T: TaskValue>(&self, value: T) -> TaskFuture<T> {
        let value = Value::new(value);
        let hub = &self.inner.hub;
        TaskFuture::new(match value.bytes() {
            Ok(_) => hub.scatter(Arc::new(value)),
            Err(error) => hub.failed(error.into_failure().1),
        })
    }

    /// The values of `futures`, in their order. Each stays wanted.
    ///
    /// # Errors
    ///
    /// That of the first future, in their order, that has no value.
    pub async fn gather<T: TaskValue>(
        &self,
        futures: &[TaskFuture<T>],
    ) -> Result<Vec<T>, TaskError> {
        let mut values = Vec::with_capacity(futures.len());
        for futures in futures.chunks(GATHER_AHEAD) {
            self.fetch(futures);
            for future in futures {
                values.push(future.await?);
            }
        }
        Ok(values)
    }

    /// As [`Self::gather`], for code without a runtime.
    ///
    /// # Errors
    ///
    /// Those of [`Self::gather`].
    pub fn gather_blocking<T: TaskValue>(
        &self,
        futures: &[TaskFuture<T>],
    ) -> Result<Vec<T>, TaskError> {
        block_on(&self.inner.hub, self.gather(futures))
    }

    /// As [`Self::gather`], with an error in the place of each value that there is not.
    pub async fn gather_results<T: TaskValue>(
        &self,
        futures: &[TaskFuture<T>],
    ) -> Vec<Result<T, TaskError>> {
        let mut results = Vec::with_capacity(futures.len());
        for futures in futures.chunks(GATHER_AHEAD) {
            self.fetch(futures);
            for future in futures {
                results.push(future.await);
            }
        }
        results
    }

    /// Futures of keys that somebody else submitted.
    pub(crate) fn adopt<T>(&self, keys: &[Key]) -> Vec<TaskFuture<T>> {
        self.inner.hub.adopt(keys).into_iter().map(TaskFuture::new).collect()
    }

    /// Connects to the scheduler that wrote its address to `file` (`raddle scheduler
    /// --scheduler-file`). A file that is not there yet is waited for, for 10 s.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has no address; and those of [`Self::connect`].
    pub async fn connect_file(file: impl AsRef<Path>) -> Result<Self> {
        Self::connect(scheduler_file::read(file.as_ref()).await?).await
    }

    /// Has the values of `futures` on their way here.
    fn fetch<T>(&self, futures: &[TaskFuture<T>]) {
        let fetched = futures.iter().map(TaskFuture::handle).filter(|handle| handle.want());
        let keys: Vec<_> = fetched.map(|handle| handle.key()).collect();
        if !keys.is_empty() {
            self.inner.hub.want(keys);
        }
    }

    /// Calls the tasks of `futures` off, as [`TaskFuture::cancel`] does. Returns at once.
    pub fn cancel<T>(&self, futures: &[TaskFuture<T>]) {
        self.inner.hub.cancel(self.keys(futures, TaskFuture::cancel), false);
    }

    /// As [`TaskFuture::force_cancel`]. Returns at once.
    pub fn force_cancel<T>(&self, futures: &[TaskFuture<T>]) {
        self.inner.hub.cancel(self.keys(futures, TaskFuture::force_cancel), true);
    }

    /// Takes the failures of `futures` back, as [`TaskFuture::retry`] does. Returns at once.
    pub fn retry<T>(&self, futures: &[TaskFuture<T>]) {
        self.inner.hub.retry(self.keys(futures, TaskFuture::retry));
    }

    /// The keys of those futures that are this client's; does `other` with the rest.
    fn keys<T>(&self, futures: &[TaskFuture<T>], other: impl Fn(&TaskFuture<T>)) -> Vec<Key> {
        let (ours, others): (Vec<_>, Vec<_>) =
            futures.iter().partition(|future| Arc::ptr_eq(future.handle().hub(), &self.inner.hub));
        others.into_iter().for_each(other);
        ours.into_iter().map(TaskFuture::key).collect()
    }

    /// Has the task computed to its end although nobody holds its future any more, also when this
    /// client leaves. Nobody hears what becomes of it: for tasks of which the effect counts, not the
    /// value. Returns at once.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// #[raddle::task]
    /// fn log(line: String) {
    ///     println!("{line}");
    /// }
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let client = Client::local().await?;
    ///
    /// client.fire_and_forget(client.submit(log("warped")));
    /// # client.close().await
    /// # }
    /// ```
    pub fn fire_and_forget<T>(&self, future: TaskFuture<T>) {
        future.handle().hub().detach(vec![future.key()]);
    }

    /// See [`as_completed`](crate::as_completed).
    pub fn as_completed<T>(
        &self,
        futures: impl IntoIterator<Item = TaskFuture<T>>,
    ) -> AsCompleted<T> {
        future::as_completed(futures)
    }

    /// See [`wait`](crate::wait).
    pub fn wait<'a, T>(&self, futures: &'a [TaskFuture<T>], what: WaitFor) -> Wait<'a, T> {
        future::wait(futures, what)
    }

    /// Waits until there is room for more submissions: until little of what was submitted is still
    /// unsent. A program that submits without end waits here between parts.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn ready(&self) -> Result<()> {
        std::future::poll_fn(|cx| self.inner.hub.poll_ready(cx)).await;
        self.inner.hub.why_closed().map_or(Ok(()), |failure| Err(disconnected(&failure)))
    }

    /// Leaves the scheduler: futures that have no value yet fail with
    /// [`TaskError::Disconnected`]. What was submitted before has been sent when this returns. A
    /// cluster that [`Self::local`] started ends too.
    ///
    /// # Errors
    ///
    /// That of [`LocalCluster::close`].
    pub async fn close(&self) -> Result<()> {
        self.inner.hub.close();
        let ended = lock(&self.inner.ended).take();
        if let Some(ended) = ended {
            // An error means that the thread is gone, which is what is waited for.
            let _ = ended.await;
        }
        let cluster = lock(&self.inner.cluster).take();
        match cluster {
            Some(cluster) => cluster.close().await,
            None => Ok(()),
        }
    }
}

fn disconnected(failure: &Failure) -> Error {
    if let Failure::Disconnected { reason } = failure {
        return Error::disconnected(reason);
    }
    Error::Internal(format!("a client is closed because of {failure:?}"))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.inner.address)
    }
}
