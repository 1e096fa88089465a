//! What is shared with other clients: futures under a name, and calls on every worker.

use std::collections::BTreeMap;

use raddle_net::messages::{Query, QueryAnswer};

use super::Client;
use super::queries::wrong_answer;
use crate::call::Call;
use crate::error::{Result, TaskError};
use crate::future::TaskFuture;
use crate::value::TaskValue;

impl Client {
    /// Keeps `futures` under a name, for any client, until [`Self::unpublish`]: they are computed and
    /// kept also when this client has gone.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// #[raddle::task]
    /// fn square(x: u64) -> u64 {
    ///     x * x
    /// }
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let cluster = LocalCluster::builder().start().await?;
    /// let (ann, bob) = (cluster.client().await?, cluster.client().await?);
    /// ann.publish("squares", &ann.map(square, 0..10)).await?;
    /// ann.close().await?;
    /// assert_eq!(bob.datasets().await?, ["squares"]);
    /// let squares: Vec<TaskFuture<u64>> = bob.dataset("squares").await?;
    /// assert_eq!(bob.gather(&squares).await?[3], 9);
    /// bob.unpublish("squares").await?;
    /// # cluster.close().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Declined`](crate::Error::Declined) if the name is taken, or a future is not of this
    /// client; or the connection is gone. More than 16,384 futures break the protocol.
    pub async fn publish<T>(&self, name: &str, futures: &[TaskFuture<T>]) -> Result<()> {
        let keys = futures.iter().map(TaskFuture::key).collect();
        self.ask_done(Query::Publish { name: name.to_owned(), keys }).await
    }

    /// What is published under a name, in the order in which it was. What the values are must be
    /// known; of another type they are [`TaskError::Decode`].
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`](crate::Error::Unknown) if nothing is; or the connection is gone.
    pub async fn dataset<T>(&self, name: &str) -> Result<Vec<TaskFuture<T>>> {
        let QueryAnswer::Keys(keys) = self.ask(Query::Dataset(name.to_owned())).await? else {
            return Err(wrong_answer());
        };
        Ok(self.inner.hub.adopt(&keys).into_iter().map(TaskFuture::new).collect())
    }

    /// The names under which something is published.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn datasets(&self) -> Result<Vec<String>> {
        let QueryAnswer::Names(names) = self.ask(Query::Datasets).await? else {
            return Err(wrong_answer());
        };
        Ok(names)
    }

    /// Keeps what was published under a name no longer. Who holds futures of it keeps them.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`](crate::Error::Unknown) if nothing is; or the connection is gone.
    pub async fn unpublish(&self, name: &str) -> Result<()> {
        self.ask_done(Query::Unpublish(name.to_owned())).await
    }

    pub(super) async fn ask_done(&self, query: Query) -> Result<()> {
        let QueryAnswer::Done = self.ask(query).await? else { return Err(wrong_answer()) };
        Ok(())
    }

    /// Runs `call` once on every worker that is there now. Returns what came of it, by the address of
    /// the worker.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// #[raddle::task]
    /// fn process() -> u32 {
    ///     std::process::id()
    /// }
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let client = Client::local().await?;
    /// for (worker, process) in client.run_on_workers(process()).await? {
    ///     println!("{worker}: {}", process?);
    /// }
    /// # client.close().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn run_on_workers<T: TaskValue>(
        &self,
        call: Call<T>,
    ) -> Result<BTreeMap<String, Result<T, TaskError>>> {
        let addresses: Vec<_> = self.workers().await?.into_iter().map(|w| w.address).collect();
        let futures = self.submit_all(addresses.iter().map(|address| call.only_on(address)));
        let results = self.gather_results(&futures).await;
        Ok(addresses.into_iter().zip(results).collect())
    }
}
