//! Waiting for futures to be done, without their values.
//!
//! This module must not know how a future gets done.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::TaskFuture;

/// How many futures [`wait`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// Every one.
    All,
    /// At least one.
    First,
}

/// Waits until `futures` are done: until they have values, wherever those are, or never will. No
/// values are fetched, and no errors returned; ask each future. Of no futures, all and the first are
/// done at once.
pub fn wait<T>(futures: &[TaskFuture<T>], what: WaitFor) -> Wait<'_, T> {
    Wait { futures, what, next: 0 }
}

/// The future that [`wait`] returns.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Wait<'a, T> {
    futures: &'a [TaskFuture<T>],
    what: WaitFor,
    /// Those before this one are done (when all are waited for).
    next: usize,
}

impl<T> Future for Wait<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.what {
            WaitFor::All => {
                while let Some(future) = self.futures.get(self.next) {
                    if !future.handle().poll_done(cx.waker()) {
                        return Poll::Pending;
                    }
                    self.next += 1;
                }
                Poll::Ready(())
            }
            WaitFor::First => {
                // A waker in each: a token that could be dropped half-way would stay behind in those
                // that are not done, once for each call of a loop around this.
                let mut done = self.futures.is_empty();
                for future in self.futures {
                    done |= future.handle().poll_done(cx.waker());
                }
                if done { Poll::Ready(()) } else { Poll::Pending }
            }
        }
    }
}
