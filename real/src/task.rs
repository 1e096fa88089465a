//! What an expansion of `#[raddle::task]` is made of on the worker's side: the body of a task, what
//! it is given and what it gives.
//!
//! This module must not know who runs a body, nor when.

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use raddle_net::messages::Failure;
use raddle_net::names::Key;
use raddle_net::payload::Blob;

use crate::arg::ArgReader;
use crate::context::TaskContext;
use crate::error::{Reschedule, TaskError};
use crate::value::{TaskValue, Value};

/// What runs a task.
#[derive(Clone, Copy)]
pub enum Body {
    /// The body of an `async fn`.
    Async(fn(Invocation) -> BodyFuture),
    /// The body of a `fn`: it occupies its thread.
    Blocking(fn(Invocation) -> Result<Value, BodyError>),
}

/// The body of an `async fn` at work.
pub type BodyFuture = Pin<Box<dyn Future<Output = Result<Value, BodyError>> + Send>>;

/// What a body is given.
pub struct Invocation {
    /// Its arguments, as its caller wrote them.
    pub args: Blob,
    /// The values that the arguments name by position.
    pub inputs: Vec<Arc<Value>>,
    /// For the body itself.
    pub context: TaskContext,
}

impl Invocation {
    /// The arguments, to be read one after the other, and the context.
    #[must_use]
    pub fn open(self) -> (ArgReader, TaskContext) {
        let mut reader = ArgReader::new(self.args, self.inputs);
        if reader.has_futures {
            reader.hub = Some(self.context.hub());
        }
        (reader, self.context)
    }
}

/// What a body returns if it has no value.
pub struct BodyError(Box<(Option<Key>, Failure)>);

impl BodyError {
    /// The task's own error. A [`TaskError`], also within a [`crate::Error`], keeps its root;
    /// [`Reschedule`] is none.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = match error.into().downcast::<TaskError>() {
            Ok(error) => return Self::from(*error),
            Err(error) => error,
        };
        let error = match error.downcast::<crate::Error>().map(|error| *error) {
            Ok(crate::Error::Task(error)) => return Self::from(error),
            Ok(error) => Box::new(error),
            Err(error) => error,
        };
        if error.is::<Reschedule>() {
            return Self(Box::new((None, Failure::Reschedule)));
        }
        let mut chain = Vec::new();
        let mut source = error.source();
        while let Some(error) = source {
            chain.push(error.to_string());
            source = error.source();
        }
        Self::failed(error.to_string(), chain)
    }

    /// This failure, of this task.
    pub(crate) fn of(failure: Failure) -> Self {
        Self(Box::new((None, failure)))
    }

    fn failed(message: String, chain: Vec<String>) -> Self {
        let failure = Failure::Failed {
            message,
            chain,
            panic: false,
            location: None,
            worker: String::new(),
            attempts: 1,
        };
        Self::of(failure)
    }

    /// The root, unless it is this task, and the failure; `worker` is where the body ran.
    pub(crate) fn into_failure(self, worker: &str) -> (Option<Key>, Failure) {
        let (blame, mut failure) = *self.0;
        if let Failure::Failed { worker: place, .. } | Failure::Exited { worker: place, .. } =
            &mut failure
            && blame.is_none()
        {
            worker.clone_into(place);
        }
        (blame, failure)
    }
}

impl From<TaskError> for BodyError {
    fn from(error: TaskError) -> Self {
        Self(Box::new(error.into_failure()))
    }
}

impl fmt::Debug for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The body of an `async fn`.
pub fn boxed(body: impl Future<Output = Result<Value, BodyError>> + Send + 'static) -> BodyFuture {
    Box::pin(body)
}

/// What can be the error of a task.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a task",
    label = "`{Self}` is not an error that can be sent",
    note = "it must be `std::error::Error + Send + Sync`, or anything else that is an \
            `Into<Box<dyn std::error::Error + Send + Sync>>`, such as `String`"
)]
pub trait TaskFailure: Into<Box<dyn Error + Send + Sync>> {}

impl<E: Into<Box<dyn Error + Send + Sync>>> TaskFailure for E {}

/// The result of a body that may fail, as a value.
///
/// # Errors
///
/// Its own; and as [`finish`].
pub fn finish_result<T: TaskValue, E: TaskFailure>(
    result: Result<T, E>,
) -> Result<Value, BodyError> {
    result.map_err(BodyError::new).and_then(finish)
}

/// The result of a body as a value.
///
/// # Errors
///
/// If its `Serialize` gives up while it is measured.
pub fn finish<T: TaskValue>(value: T) -> Result<Value, BodyError> {
    Value::checked(value).map_err(|error| {
        let message = format!(
            "the result, a `{}`, cannot leave the worker: {error}",
            std::any::type_name::<T>()
        );
        BodyError::failed(message, Vec::new())
    })
}
