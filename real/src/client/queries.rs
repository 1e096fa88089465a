//! Questions to the scheduler.
//!
//! This module must not change anything.

use raddle_net::messages::{
    Query, QueryAnswer, SchedulerInfo, StoryLine, StoryOf, TaskInfo, WorkerInfo,
};
use raddle_net::names::Key;
use serde_json::{Value as Json, json};

use super::{Client, disconnected};
use crate::error::{Error, Result};
use crate::future::TaskFuture;

/// What there is to know of a cluster.
///
/// ```
/// # use raddle::prelude::*;
/// #[raddle::task]
/// fn square(x: u64) -> u64 {
///     x * x
/// }
/// # #[raddle::main]
/// # async fn main() -> raddle::Result<()> {
/// # let client = Client::local().await?;
///
/// let nine = client.submit(square(3));
/// (&nine).await?;
/// let workers = client.who_has(&nine).await?; // addresses
/// assert_eq!(client.has_what(&workers[0]).await?, [nine.key()]);
/// println!("{}", client.explain(&nine).await?);
/// for line in client.story(&nine).await? {
///     println!("{} → {} because of: {}", line.from, line.to, line.cause);
/// }
/// assert_eq!(client.tasks(Some("memory")).await?[0].key, nine.key());
/// # client.close().await
/// # }
/// ```
impl Client {
    /// The workers that the scheduler knows.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>> {
        Ok(self.info().await?.workers)
    }

    /// The scheduler's view of the cluster.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn info(&self) -> Result<SchedulerInfo> {
        self.ask_info(Query::Info).await
    }

    /// Waits until the scheduler has at least `count` workers.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn wait_for_workers(&self, count: usize) -> Result<()> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.ask_info(Query::WaitForWorkers(count)).await.map(drop)
    }

    /// Why a future is not done, in words.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn explain<T>(&self, future: &TaskFuture<T>) -> Result<String> {
        self.explain_key(future.key()).await
    }

    pub(crate) async fn explain_key(&self, key: Key) -> Result<String> {
        let QueryAnswer::Explanation(text) = self.ask(Query::Explain(key)).await? else {
            return Err(wrong_answer());
        };
        Ok(text)
    }

    /// Addresses of the workers that hold the value of a future: of some, if they are many.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn who_has<T>(&self, future: &TaskFuture<T>) -> Result<Vec<String>> {
        let QueryAnswer::Workers(addresses) = self.ask(Query::WhoHas(future.key())).await? else {
            return Err(wrong_answer());
        };
        Ok(addresses)
    }

    /// Keys of the values that a worker holds, named by its name or address: at most 16,384.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if there is no such worker; or the connection is gone.
    pub async fn has_what(&self, worker: &str) -> Result<Vec<Key>> {
        let QueryAnswer::Keys(keys) = self.ask(Query::HasWhat(worker.to_owned())).await? else {
            return Err(wrong_answer());
        };
        Ok(keys)
    }

    /// What has happened to a task, the oldest first, as far back as the scheduler remembers: it
    /// remembers the last 65,536 changes of all tasks together.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn story<T>(&self, future: &TaskFuture<T>) -> Result<Vec<StoryLine>> {
        self.story_of(StoryOf::Key(future.key())).await
    }

    /// As [`Self::story`], of a worker, named by its name or address, and its tasks; also of one that
    /// is gone.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if there was no such worker; or the connection is gone.
    pub async fn worker_story(&self, worker: &str) -> Result<Vec<StoryLine>> {
        self.story_of(StoryOf::Worker(worker.to_owned())).await
    }

    pub(crate) async fn story_of(&self, of: StoryOf) -> Result<Vec<StoryLine>> {
        let QueryAnswer::Story(lines) = self.ask(Query::Story(of)).await? else {
            return Err(wrong_answer());
        };
        Ok(lines)
    }

    /// What the scheduler knows of the task of a future; `None` if it does not know it any more.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn task<T>(&self, future: &TaskFuture<T>) -> Result<Option<TaskInfo>> {
        let QueryAnswer::Tasks { mut tasks, .. } = self.ask(Query::Task(future.key())).await?
        else {
            return Err(wrong_answer());
        };
        Ok(tasks.pop())
    }

    /// How far the task of a future is, from 0 to 1: what its body has said by
    /// [`TaskContext::progress`](crate::TaskContext::progress), and 1 when it has a value.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn progress<T>(&self, future: &TaskFuture<T>) -> Result<f64> {
        let task = self.task(future).await?;
        Ok(task.map_or(0.0, |task| match task.state == "memory" {
            true => 1.0,
            false => f64::from(task.progress) / 10_000.0,
        }))
    }

    /// The tasks that the scheduler knows, in the order of their keys: all, or those in the state of
    /// this name. They are asked for in pages; what happens meanwhile is seen or not.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if there is no such state; or the connection is gone.
    pub async fn tasks(&self, state: Option<&str>) -> Result<Vec<TaskInfo>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let state = state.map(str::to_owned);
            let query = Query::Tasks { state, after };
            let QueryAnswer::Tasks { tasks, next } = self.ask(query).await? else {
                return Err(wrong_answer());
            };
            all.extend(tasks);
            after = next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// The state of the whole cluster as JSON, for people and for bug reports.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn dump(&self) -> Result<String> {
        let info = self.info().await?;
        let tasks = self.tasks(None).await?;
        let dump = json!({
            "raddle": env!("CARGO_PKG_VERSION"),
            "scheduler": self.address(),
            "clients": info.clients,
            "workers": info.workers.iter().map(worker_json).collect::<Vec<_>>(),
            "tasks": tasks.iter().map(task_json).collect::<Vec<_>>(),
        });
        Ok(dump.to_string())
    }

    async fn ask_info(&self, query: Query) -> Result<SchedulerInfo> {
        let QueryAnswer::Info(info) = self.ask(query).await? else { return Err(wrong_answer()) };
        Ok(info)
    }

    /// The answer, unless it is that something is not there.
    pub(super) async fn ask(&self, query: Query) -> Result<QueryAnswer> {
        match self.inner.hub.ask(query).await {
            Ok(answer) => match answer {
                QueryAnswer::Declined(why) => Err(Error::Declined(why)),
                QueryAnswer::Unknown(what) => Err(Error::Unknown(what)),
                QueryAnswer::Done
                | QueryAnswer::Events(_)
                | QueryAnswer::Names(_)
                | QueryAnswer::Explanation(_)
                | QueryAnswer::Info(_)
                | QueryAnswer::Keys(_)
                | QueryAnswer::Rebalanced { .. }
                | QueryAnswer::Story(_)
                | QueryAnswer::Tasks { .. }
                | QueryAnswer::Workers(_) => Ok(answer),
            },
            Err(_) => Err(match self.inner.hub.why_closed() {
                Some(failure) => disconnected(&failure),
                None => Error::disconnected("the connection to the scheduler is gone"),
            }),
        }
    }
}

pub(super) fn wrong_answer() -> Error {
    Error::disconnected("the scheduler gave a wrong answer")
}

/// A worker as JSON.
pub(crate) fn worker_json(worker: &WorkerInfo) -> Json {
    json!({
        "id": worker.id.to_string(),
        "name": worker.name,
        "address": worker.address,
        "threads": worker.nthreads,
        "memory_limit": worker.memory_limit,
        "processing": worker.processing,
        "values": worker.values,
        "bytes": worker.nbytes,
        "status": worker.status,
        "note": worker.note,
        "process_bytes": worker.process_bytes,
        "spilled_bytes": worker.spilled_bytes,
    })
}

/// A task as JSON.
pub(crate) fn task_json(task: &TaskInfo) -> Json {
    json!({
        "key": task.key.to_string(),
        "state": task.state,
        "function": task.function,
        "priority": task.priority,
        "attempts": task.attempts,
        "deaths": task.deaths,
        "clients": task.clients,
        "dependencies": task.dependencies.iter().map(Key::to_string).collect::<Vec<_>>(),
        "dependency_count": task.ndependencies,
        "dependents": task.dependents,
        "workers": task.workers,
        "run": task.run.map(|run| run.to_string()),
        "progress": f64::from(task.progress) / 10_000.0,
        "bytes": task.nbytes,
        "failure": task.failure,
    })
}
