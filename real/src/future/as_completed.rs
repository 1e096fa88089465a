//! Futures in the order in which they are done.
//!
//! Each future gets a token as its waker; a token that is woken puts the future's place on a list.
//! So a completion costs the same however many futures there are. This module must not know values.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures::Stream;

use super::TaskFuture;
use crate::hub::lock;

/// The futures, each when it is done: when it has a value, wherever that is, or never will.
///
/// Futures that are done already come first, in the order given. The stream ends when all have
/// come; after [`AsCompleted::add`] it goes on.
///
/// ```
/// # use raddle::prelude::*;
/// use futures::StreamExt;
///
/// #[raddle::task]
/// fn half(x: u64) -> u64 {
///     x / 2
/// }
/// # #[raddle::main]
/// # async fn main() -> raddle::Result<()> {
/// # let client = Client::local().await?;
///
/// let mut steps = 0;
/// let mut running = as_completed(client.map(half, [3, 16, 100]));
/// while let Some(done) = running.next().await {
///     steps += 1;
///     let x = done.await?;
///     if x > 0 {
///         running.add(client.submit(half(x))); // one more round for this one
///     }
/// }
/// assert_eq!(steps, 2 + 5 + 7);
/// # client.close().await
/// # }
/// ```
pub fn as_completed<T>(futures: impl IntoIterator<Item = TaskFuture<T>>) -> AsCompleted<T> {
    let mut stream = AsCompleted { futures: Vec::new(), free: Vec::new(), done: Arc::default() };
    for future in futures {
        stream.add(future);
    }
    stream
}

/// The stream that [`as_completed`] returns.
pub struct AsCompleted<T> {
    /// Those that have not come, by place.
    futures: Vec<Option<Watched<T>>>,
    /// Places that are empty.
    free: Vec<usize>,
    done: Arc<Done>,
}

/// A future that has a token of ours.
struct Watched<T> {
    future: TaskFuture<T>,
    token: Waker,
}

/// Places of futures that are done.
#[derive(Default)]
struct Done(Mutex<DoneList>);

#[derive(Default)]
struct DoneList {
    places: std::collections::VecDeque<usize>,
    waker: Option<Waker>,
}

/// The waker of the future at a place.
struct Token {
    place: usize,
    done: Arc<Done>,
}

impl<T> AsCompleted<T> {
    /// One more future.
    pub fn add(&mut self, future: TaskFuture<T>) {
        let place = self.free.pop().unwrap_or(self.futures.len());
        if place == self.futures.len() {
            self.futures.push(None);
        }
        let token = Waker::from(Arc::new(Token { place, done: Arc::clone(&self.done) }));
        self.watch(place, Watched { future, token });
    }

    /// How many have not come yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.futures.len() - self.free.len()
    }

    /// Whether all have come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn watch(&mut self, place: usize, watched: Watched<T>) {
        if watched.future.handle().poll_done(&watched.token) {
            watched.token.wake_by_ref();
        }
        self.futures[place] = Some(watched);
    }
}

impl<T> Stream for AsCompleted<T> {
    type Item = TaskFuture<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<TaskFuture<T>>> {
        let this = &mut *self;
        if this.is_empty() {
            return Poll::Ready(None);
        }
        while let Some(place) = this.done.take(cx.waker()) {
            // Empty: woken twice, and it has come already.
            let Some(watched) = this.futures.get_mut(place).and_then(Option::take) else {
                continue;
            };
            if watched.future.done() {
                this.free.push(place);
                return Poll::Ready(Some(watched.future));
            }
            // It was done, and is computed again.
            this.watch(place, watched);
        }
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl Done {
    /// The next place, or none; then `waker` is woken when there is one.
    fn take(&self, waker: &Waker) -> Option<usize> {
        let mut list = lock(&self.0);
        let place = list.places.pop_front();
        if place.is_none() {
            list.waker = Some(waker.clone());
        }
        place
    }
}

impl Wake for Token {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waker = {
            let mut list = lock(&self.done.0);
            list.places.push_back(self.place);
            list.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for AsCompleted<T> {
    fn drop(&mut self) {
        // Or a loop that looks at the first of many each time would leave its tokens with them.
        for watched in self.futures.iter().flatten() {
            watched.future.handle().unwatch(&watched.token);
        }
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsCompleted({} to come)", self.len())
    }
}
