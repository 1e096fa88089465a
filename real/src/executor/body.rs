//! One body, from its arguments to its outcome: a value with what the scheduler is told of it, or a
//! failure.
//!
//! Whatever user code does here is caught. This module must not know threads or machines.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use raddle_net::limits::MAX_FAILURE_TEXT;
use raddle_net::messages::Failure;
use raddle_net::names::Key;
use raddle_net::payload::SmallValue;

use super::panics::{self, Panic};
use crate::context::Run;
use crate::future::Gated;
use crate::task::{BodyError, BodyFuture, Invocation};
use crate::value::Value;

/// A value, and what the scheduler is told of it.
pub(crate) struct Made {
    /// The value.
    pub(crate) value: Arc<Value>,
    /// Its size in bytes.
    pub(crate) nbytes: u64,
    /// The value itself, if it is small.
    pub(crate) small: Option<SmallValue>,
}

/// Why there is no value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unmade {
    /// The task that failed first, if it is another one.
    pub(crate) blame: Option<Key>,
    /// Why.
    pub(crate) failure: Arc<Failure>,
}

/// Runs a body on this thread, in a worker that is reached at `worker`.
pub(crate) fn run_blocking(
    body: fn(Invocation) -> Result<Value, BodyError>,
    invocation: Invocation,
    worker: &str,
) -> Result<Made, Unmade> {
    settle(panics::catch(|| body(invocation).map(make)), worker)
}

/// Runs an `async` body on behalf of `run`, in a worker that is reached at `worker`.
pub(crate) async fn run_async(
    body: fn(Invocation) -> BodyFuture,
    invocation: Invocation,
    run: Arc<Run>,
    worker: &str,
) -> Result<Made, Unmade> {
    let result = match panics::catch(|| body(invocation)) {
        Ok(body) => Caught(Some(Gated::new(move || run.nested().cloned(), body))).await,
        Err(panic) => Err(panic),
    };
    settle(result, worker)
}

/// User code serializes and measures the value: it may panic as well as the body.
fn make(value: Value) -> Made {
    let (nbytes, small) = (value.nbytes(), value.inline());
    Made { value: Arc::new(value), nbytes, small }
}

fn settle(result: Result<Result<Made, BodyError>, Panic>, worker: &str) -> Result<Made, Unmade> {
    let (blame, failure) = match result {
        Ok(Ok(made)) => return Ok(made),
        Ok(Err(error)) => error.into_failure(worker),
        Err(Panic { message, location }) => (None, panicked(message, location, worker)),
    };
    Err(Unmade { blame, failure: Arc::new(cut(failure)) })
}

fn panicked(message: String, location: Option<String>, worker: &str) -> Failure {
    let (chain, worker) = (Vec::new(), worker.to_owned());
    Failure::Failed { message, chain, panic: true, location, worker, attempts: 1 }
}

/// Cuts the texts that user code wrote to what may travel.
fn cut(mut failure: Failure) -> Failure {
    let mut room = MAX_FAILURE_TEXT;
    match &mut failure {
        Failure::Decode { expected, found } => {
            cut_text(expected, &mut room);
            cut_text(found, &mut room);
        }
        Failure::Failed { message, chain, location, .. } => {
            if let Some(location) = location {
                cut_text(location, &mut room);
            }
            cut_text(message, &mut room);
            chain.iter_mut().for_each(|text| cut_text(text, &mut room));
            chain.retain(|text| !text.is_empty());
        }
        Failure::Exited { stderr, .. } => cut_text(stderr, &mut room),
        Failure::Disconnected { reason }
        | Failure::Lost { reason }
        | Failure::NoWorker { reason }
        | Failure::Rejected { reason } => cut_text(reason, &mut room),
        Failure::Cancelled
        | Failure::Reschedule
        | Failure::TimedOut
        | Failure::WorkerDied { .. } => {}
    }
    failure
}

/// Cuts `text` to `room` bytes, at a character, and leaves the rest of the room.
fn cut_text(text: &mut String, room: &mut usize) {
    let mut end = text.len().min(*room);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    *room -= end;
}

/// Polls a body; catches its panics, and those of its destructor.
struct Caught<F>(Option<F>);

impl<F: Future<Output = Result<Value, BodyError>> + Unpin> Future for Caught<F> {
    type Output = Result<Result<Made, BodyError>, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let body = self.0.as_mut().expect("not polled after its end");
        let polled = panics::catch(|| Pin::new(body).poll(cx).map(|result| result.map(make)));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => Ok(result),
            Err(panic) => Err(panic),
        };
        let body = self.0.take();
        Poll::Ready(panics::catch(|| drop(body)).and(result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_a_failure_are_cut_at_a_character_and_together() {
        let long = "ä".repeat(MAX_FAILURE_TEXT);
        let failure = |message: &str, chain: &[&str]| Failure::Failed {
            message: message.to_owned(),
            chain: chain.iter().map(|text| (*text).to_owned()).collect(),
            panic: false,
            location: Some("x".to_owned()),
            worker: "tcp://127.0.0.1:1".to_owned(),
            attempts: 1,
        };
        // The location takes one byte, so the last character would not fit whole.
        let fits = "ä".repeat(MAX_FAILURE_TEXT / 2 - 1);
        assert_eq!(cut(failure(&long, &["a", "b"])), failure(&fits, &["a"]));
        assert_eq!(cut(failure("short", &["a", &long, "b"])), {
            let rest = "ä".repeat((MAX_FAILURE_TEXT - 7) / 2);
            failure("short", &["a", &rest, "b"])
        });
        assert_eq!(cut(failure("short", &["a"])), failure("short", &["a"]));
    }
}
