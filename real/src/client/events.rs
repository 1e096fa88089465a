//! Topics: what clients say for others to hear, and what runs and the scheduler say.
//!
//! This module must not know what is said.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use raddle_net::messages::{EventLine, Query, QueryAnswer};
use raddle_net::names::Key;

use super::Client;
use super::queries::wrong_answer;
use crate::error::Result;
use crate::future::TaskFuture;

impl Client {
    /// Says something on a topic, for whoever reads [`Self::events`]. The scheduler keeps the last
    /// events of each topic, 256 KiB of it.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// use futures::StreamExt as _;
    ///
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let cluster = LocalCluster::builder().start().await?;
    /// let (ann, bob) = (cluster.client().await?, cluster.client().await?);
    /// ann.log_event("harvest", "the first basket is full").await?;
    /// let mut events = bob.events("harvest"); // also what was said before
    /// let event = events.next().await.expect("topics do not end")?;
    /// assert_eq!((event.number, event.text.as_str()), (1, "the first basket is full"));
    /// # cluster.close().await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Declined`](crate::Error::Declined) if the text is longer than 4 KiB, there are 256
    /// topics already, or the topic is one of the scheduler's own; or the connection is gone.
    pub async fn log_event(&self, topic: &str, text: impl Into<String>) -> Result<()> {
        let query = Query::LogEvent { topic: topic.to_owned(), text: text.into() };
        self.ask_done(query).await
    }

    /// What was and will be said on a topic, as far back as the scheduler remembers; it ends
    /// with the connection, and the error that says so. Numbers tell whether something was missed. The scheduler itself
    /// speaks on `workers` and `clients`, when one comes or goes, and runs on `logs`.
    pub fn events(&self, topic: &str) -> Events {
        Events {
            client: self.clone(),
            topic: topic.to_owned(),
            after: 0,
            ready: VecDeque::new(),
            asked: None,
            ended: false,
        }
    }

    /// What the body of a task has said by [`TaskContext::log`](crate::TaskContext::log), in all of
    /// its runs, the oldest first: the last 1,024 lines, as far as the scheduler remembers.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn logs<T>(&self, future: &TaskFuture<T>) -> Result<Vec<EventLine>> {
        self.logs_of(future.key()).await
    }

    pub(crate) async fn logs_of(&self, key: Key) -> Result<Vec<EventLine>> {
        let QueryAnswer::Events(lines) = self.ask(Query::Logs(key)).await? else {
            return Err(wrong_answer());
        };
        Ok(lines)
    }
}

/// The events of a topic: see [`Client::events`].
#[must_use = "streams do nothing unless they are polled"]
pub struct Events {
    client: Client,
    topic: String,
    /// The number of the last event that came.
    after: u64,
    ready: VecDeque<EventLine>,
    asked: Option<Pin<Box<dyn Future<Output = Result<QueryAnswer>> + Send>>>,
    /// After an error there is nothing.
    ended: bool,
}

impl Stream for Events {
    type Item = Result<EventLine>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.ended {
                return Poll::Ready(None);
            }
            if let Some(event) = this.ready.pop_front() {
                this.after = event.number;
                return Poll::Ready(Some(Ok(event)));
            }
            let asked = this.asked.get_or_insert_with(|| {
                let (client, topic, after) = (this.client.clone(), this.topic.clone(), this.after);
                Box::pin(async move { client.ask(Query::Events { topic, after }).await })
            });
            let answer = ready!(asked.as_mut().poll(cx));
            this.asked = None;
            let error = match answer {
                Ok(QueryAnswer::Events(events)) if !events.is_empty() => {
                    this.ready = events.into();
                    continue;
                }
                Ok(_) => wrong_answer(),
                Err(error) => error,
            };
            this.ended = true;
            return Poll::Ready(Some(Err(error)));
        }
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Events({}, after {})", self.topic, self.after)
    }
}
