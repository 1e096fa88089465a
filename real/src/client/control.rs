//! What a client has the cluster do with its workers, and with copies of values.
//!
//! This module must not know how the scheduler brings it about.

use raddle_net::messages::{Query, QueryAnswer};

use super::Client;
use super::queries::wrong_answer;
use crate::error::Result;
use crate::future::TaskFuture;
use crate::value::TaskValue;

/// What [`Client::rebalance`] has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// How many values.
    pub values: u64,
    /// Their bytes together, as their workers hold them.
    pub nbytes: u64,
}

impl Client {
    /// Keeps `copies` of a value, each on a worker of its own, or as many as there are workers; at
    /// least one. Returns when no copy is on its way any more; if the value is not made yet, that is
    /// after it is.
    ///
    /// The workers copy it from one another: each round the number of those that have it doubles. The
    /// number is kept for as long as anybody wants the value: a copy that is lost with its worker is
    /// made good from another one, if one is left. Copies beyond it are dropped once no task needs
    /// them there, never the last. A later call replaces the number.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// #[raddle::task]
    /// fn table(n: u64) -> Vec<u64> {
    ///     (0..n).map(|x| x * x).collect()
    /// }
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let cluster = LocalCluster::builder().workers(3).start().await?;
    /// # let client = cluster.client().await?;
    /// let table = client.submit(table(1000));
    /// client.replicate(&table, 2).await?; // outlives the death of any one worker
    /// assert_eq!(client.who_has(&table).await?.len(), 2);
    /// # cluster.close().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Declined`](crate::Error::Declined) if the task has failed, or the future is not of
    /// this client; or the connection is gone.
    pub async fn replicate<T>(&self, future: &TaskFuture<T>, copies: usize) -> Result<()> {
        let copies = u32::try_from(copies).unwrap_or(u32::MAX);
        self.ask_done(Query::Copies { key: future.key(), copies }).await
    }

    /// Puts `value` on every worker: on one as [`scatter`](Self::scatter) does, and from there the
    /// workers copy it from one another as with [`replicate`](Self::replicate). Returns when they
    /// have it. A worker that joins later gets a copy, too.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let cluster = LocalCluster::builder().workers(3).start().await?;
    /// # let client = cluster.client().await?;
    /// let words = client.broadcast(vec!["warp".to_owned(), "weft".to_owned()]).await?;
    /// assert_eq!(client.who_has(&words).await?.len(), 3);
    /// # cluster.close().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Declined`](crate::Error::Declined) if the value cannot be put into bytes, or is lost
    /// with the only worker that has it; or the connection is gone.
    pub async fn broadcast<T: TaskValue>(&self, value: T) -> Result<TaskFuture<T>> {
        let future = self.scatter(value);
        self.replicate(&future, usize::MAX).await?;
        Ok(future)
    }

    /// Moves values of this client's futures from workers that hold much to workers that hold little,
    /// until nobody is far from its share: an equal part of all bytes, or as large as the memory that it
    /// may use. Returns when no move is left, and what was moved.
    ///
    /// A value leaves its worker once it is elsewhere, so none is lost. What a task needs that is on its
    /// way stays, and so does what has a number of copies of its own ([`replicate`](Self::replicate));
    /// what is not made yet is left out. One call decides on at most 8,192 moves, of the largest values.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let cluster = LocalCluster::builder().workers(1).start().await?;
    /// # let client = cluster.client().await?;
    /// let parts: Vec<_> = (0..4).map(|n| client.scatter(vec![n; 100])).collect();
    /// client.wait(&parts, WaitFor::All).await;
    /// cluster.add_worker().await?; // holds nothing
    /// let moved = client.rebalance().await?;
    /// assert_eq!(moved.values, 2);
    /// # cluster.close().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn rebalance(&self) -> Result<Moved> {
        self.ask_moves(Query::Rebalance { keys: None, workers: Vec::new() }).await
    }

    /// As [`rebalance`](Self::rebalance), of these futures, and between these workers alone, by name or
    /// address; between all of them if none is named.
    ///
    /// # Errors
    ///
    /// [`Error::Declined`](crate::Error::Declined) if a future is not of this client, and
    /// [`Error::Unknown`](crate::Error::Unknown) if a worker is not there: then nothing moves; or the
    /// connection is gone. More than 16,384 futures break the protocol.
    pub async fn rebalance_between<T>(
        &self,
        futures: &[TaskFuture<T>],
        workers: &[&str],
    ) -> Result<Moved> {
        let keys = Some(futures.iter().map(TaskFuture::key).collect());
        self.ask_moves(Query::Rebalance { keys, workers: names(workers) }).await
    }

    async fn ask_moves(&self, query: Query) -> Result<Moved> {
        let QueryAnswer::Rebalanced { values, nbytes } = self.ask(query).await? else {
            return Err(wrong_answer());
        };
        Ok(Moved { values, nbytes })
    }

    /// Has workers leave, by name or address, without losing anything: they are given nothing new,
    /// end what they run, hand on the values that only they hold, and end, with exit code 0. Returns
    /// when they are gone.
    ///
    /// While there is no other worker that could take the values, it waits: then
    /// [`workers`](Self::workers) says so, and so does `raddle status`. To stop waiting does not call
    /// it off. A worker that was started by a [`LocalCluster`](crate::LocalCluster) is not started
    /// again.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// #[raddle::task]
    /// fn square(x: u64) -> u64 {
    ///     x * x
    /// }
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let cluster = LocalCluster::builder().workers(2).start().await?;
    /// # let client = cluster.client().await?;
    /// let squares = client.map(square, 0..100);
    /// client.retire_workers(&["worker-0"]).await?;
    /// assert_eq!(client.workers().await?.len(), 1);
    /// assert_eq!(client.gather(&squares).await?[9], 81);
    /// # cluster.close().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`](crate::Error::Unknown) if one of them is not there: then none leaves; or the
    /// connection is gone.
    pub async fn retire_workers(&self, workers: &[impl AsRef<str>]) -> Result<()> {
        self.ask_done(Query::Retire(names(workers))).await
    }

    /// Gives workers, by name or address, nothing new until [`unpause_workers`](Self::unpause_workers).
    /// They run on what they have, keep their values and serve them. Tasks that only they may run
    /// wait, for however long.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let cluster = LocalCluster::builder().workers(2).start().await?;
    /// # let client = cluster.client().await?;
    /// client.pause_workers(&["worker-0"]).await?;
    /// let workers = client.workers().await?;
    /// let paused = workers.iter().find(|worker| worker.status == "paused");
    /// assert_eq!(paused.map(|worker| &*worker.name), Some("worker-0"));
    /// client.unpause_workers(&["worker-0"]).await?;
    /// # cluster.close().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`](crate::Error::Unknown) if one of them is not there, and
    /// [`Error::Declined`](crate::Error::Declined) if one is about to leave: then none is paused; or
    /// the connection is gone.
    pub async fn pause_workers(&self, workers: &[impl AsRef<str>]) -> Result<()> {
        self.ask_done(Query::Pause { workers: names(workers), paused: true }).await
    }

    /// Ends the whole cluster: its workers and its scheduler end, with exit code 0, and futures of other
    /// clients fail with [`TaskError::Disconnected`](crate::TaskError::Disconnected). Values are gone.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let cluster = LocalCluster::builder().start().await?;
    /// # let client = cluster.client().await?;
    /// client.shutdown().await?;
    /// assert!(cluster.client().await.is_err());
    /// # cluster.close().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The connection was gone before.
    pub async fn shutdown(&self) -> Result<()> {
        self.ask_done(Query::Shutdown).await
    }

    /// Gives workers something again that were paused.
    ///
    /// # Errors
    ///
    /// As [`pause_workers`](Self::pause_workers).
    pub async fn unpause_workers(&self, workers: &[impl AsRef<str>]) -> Result<()> {
        self.ask_done(Query::Pause { workers: names(workers), paused: false }).await
    }
}

fn names(workers: &[impl AsRef<str>]) -> Vec<String> {
    workers.iter().map(|worker| worker.as_ref().to_owned()).collect()
}
