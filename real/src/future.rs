//! Futures: handles of values that tasks make.
//!
//! A [`TaskFuture`] is a word wide; what is known of its value is in a slot of its client. This
//! module must not know messages, sockets or the client machine.

mod as_completed;
mod gated;
mod wait;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use raddle_net::names::Key;
use raddle_net::payload::SmallValue;

use crate::error::TaskError;
use crate::fingerprint;
use crate::hub::Found;
use crate::value::{self, TaskValue, Value};

pub use self::as_completed::{AsCompleted, as_completed};
pub(crate) use self::gated::{Gated, block_on, park_on};
pub use self::wait::{Wait, WaitFor, wait};
pub(crate) use crate::hub::FutureHandle;
pub use crate::hub::Status;

/// The value that a task will have made, wherever it is.
///
/// `.await` gives the value or the [`TaskError`] of the task; `(&future).await` does too, and leaves
/// the future for later use. A future that is passed where a value is expected makes the new task
/// depend on it. As long as one clone of it exists, the value is kept; dropping the last one
/// releases it, and calls the task off if nobody else wants it.
///
/// It is an ordinary [`Future`]: `join!`, `select!` and time limits work with it.
///
/// ```
/// # use raddle::prelude::*;
/// #[raddle::task]
/// fn parse(text: &str) -> Result<i64, std::num::ParseIntError> {
///     text.parse()
/// }
/// #[raddle::task]
/// fn sum(numbers: Vec<i64>) -> i64 {
///     numbers.iter().sum()
/// }
/// # #[raddle::main]
/// # async fn main() -> raddle::Result<()> {
/// # let client = Client::local().await?;
///
/// let numbers = client.map(parse, ["1", "2", "x"]);
/// assert_eq!((&numbers[1]).await, Ok(2)); // still there for others
/// let sum = client.submit(sum(numbers)); // depends on all three
/// let error = sum.await.unwrap_err(); // and fails as the third does
/// assert!(error.to_string().contains("invalid digit found in string"));
/// # client.close().await
/// # }
/// ```
pub struct TaskFuture<T> {
    handle: FutureHandle,
    value: PhantomData<fn() -> T>,
}

impl<T> TaskFuture<T> {
    pub(crate) const fn new(handle: FutureHandle) -> Self {
        Self { handle, value: PhantomData }
    }

    pub(crate) const fn handle(&self) -> &FutureHandle {
        &self.handle
    }

    /// The name of the task and of its value.
    #[must_use]
    pub fn key(&self) -> Key {
        self.handle.key()
    }

    /// How far it is, as far as this process knows. Never blocks.
    #[must_use]
    pub fn status(&self) -> Status {
        self.handle.status()
    }

    /// Whether there is a value, or there never will be one.
    #[must_use]
    pub fn done(&self) -> bool {
        self.status() != Status::Pending
    }

    /// Calls the task off: this future, and those of this client that depend on it, end with
    /// [`TaskError::Cancelled`]. If another client wants the task, or something that needs it, it is
    /// computed all the same. What is done stays done. Returns at once.
    pub fn cancel(&self) {
        self.handle.hub().cancel(vec![self.key()], false);
    }

    /// As [`Self::cancel`], whoever else wants the task: they are told that it was cancelled.
    pub fn force_cancel(&self) {
        self.handle.hub().cancel(vec![self.key()], true);
    }

    /// Takes a failure back: the task that failed first runs again, and so does all that failed
    /// because of it and is still wanted, by whomever. It may fail as often as a new one. The future
    /// is pending from now on; one that has not failed stays as it is. What cannot be run again
    /// fails again: lost data, and calls that were rejected. Returns at once.
    ///
    /// ```
    /// # use raddle::prelude::*;
    /// use std::path::PathBuf;
    ///
    /// #[raddle::task]
    /// fn size(file: PathBuf) -> Result<u64, std::io::Error> {
    ///     Ok(std::fs::metadata(file)?.len())
    /// }
    /// #[raddle::task]
    /// fn double(x: u64) -> u64 {
    ///     2 * x
    /// }
    /// # #[raddle::main]
    /// # async fn main() -> raddle::Result<()> {
    /// # let client = Client::local().await?;
    /// # let file = std::env::temp_dir().join(format!("raddle-doc-{}", std::process::id()));
    ///
    /// let twice = client.submit(double(client.submit(size(file.clone()))));
    /// assert!((&twice).await.is_err()); // there is no such file
    /// std::fs::write(&file, "weft")?;
    /// twice.retry();
    /// assert_eq!((&twice).await?, 8);
    /// # std::fs::remove_file(file)?;
    /// # client.close().await
    /// # }
    /// ```
    pub fn retry(&self) {
        self.handle.hub().retry(vec![self.key()]);
    }
}

impl<T: TaskValue> TaskFuture<T> {
    /// Blocks this thread until the value is there.
    ///
    /// For code without a runtime; in `async` code, `.await` it. In a task, the slot of the task is
    /// given to others meanwhile.
    ///
    /// # Errors
    ///
    /// That of the task.
    pub fn wait(self) -> Result<T, TaskError> {
        let hub = Arc::clone(self.handle.hub());
        block_on(&hub, self)
    }
}

impl<T: TaskValue> Future for TaskFuture<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.handle.poll_value(cx.waker(), true) {
            Some(found) => Poll::Ready(open(found)),
            None => Poll::Pending,
        }
    }
}

impl<'a, T: TaskValue> IntoFuture for &'a TaskFuture<T> {
    type Output = Result<T, TaskError>;
    type IntoFuture = Borrowed<'a, T>;

    fn into_future(self) -> Borrowed<'a, T> {
        Borrowed(self)
    }
}

/// What `(&future).await` waits with.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Borrowed<'a, T>(&'a TaskFuture<T>);

impl<T: TaskValue> Future for Borrowed<'_, T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0.handle.poll_value(cx.waker(), false) {
            Some(found) => Poll::Ready(open(found)),
            None => Poll::Pending,
        }
    }
}

/// The value, or why there is none.
pub(crate) fn open<T: TaskValue>(found: Found) -> Result<T, TaskError> {
    match found {
        Found::Erred { blame, failure } => Err(TaskError::new(blame, &failure)),
        Found::Inline(value) => small(&value),
        Found::Value(value) => value.take(),
    }
}

/// The value, read where it lies. Of another type, the error is the same as everywhere.
fn small<T: TaskValue>(value: &SmallValue) -> Result<T, TaskError> {
    if value.value_type == fingerprint::value_type::<T>() {
        return value::from_slice(&value.bytes).map_err(value::unexpected::<T>);
    }
    Value::from_small(value).decode()
}

impl<T> Clone for TaskFuture<T> {
    fn clone(&self) -> Self {
        Self::new(self.handle.clone())
    }
}

impl<T> fmt::Debug for TaskFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskFuture({}, {:?})", self.key(), self.status())
    }
}
