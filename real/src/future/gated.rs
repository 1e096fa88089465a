//! Waiting on behalf of a run: its body is polled only while the run has its slot.
//!
//! When the body sleeps and waits for a future of its hub, the slot is given back; when it is
//! woken, a slot is asked for, and only then is it polled. Doing this around the body, not in each
//! future, keeps `join!` and `select!` over several futures right. This module must not know who
//! gives slots.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::thread::{self, Thread};

use crate::hub::Hub;

/// A body that gives its slot back while it waits for futures of its hub.
pub(crate) struct Gated<F: ?Sized, H> {
    hub: H,
    stage: Stage,
    body: Pin<Box<F>>,
}

enum Stage {
    /// It sleeps, without a slot, and waits for futures of this hub.
    Blocked(Arc<Hub>),
    /// It was woken, and a slot was asked for.
    Resuming(Arc<Hub>),
    /// It has a slot.
    Running,
}

impl<F: Future + ?Sized, H: Fn() -> Option<Arc<Hub>>> Gated<F, H> {
    /// `body` has a slot now. Its hub is `hub()`, as soon as it has one.
    pub(crate) const fn new(hub: H, body: Pin<Box<F>>) -> Self {
        Self { hub, stage: Stage::Running, body }
    }
}

impl<F: Future + ?Sized, H: Fn() -> Option<Arc<Hub>> + Unpin> Future for Gated<F, H> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if let Stage::Blocked(hub) = &this.stage {
            let hub = Arc::clone(hub);
            hub.unblocked();
            this.stage = Stage::Resuming(hub);
        }
        if let Stage::Resuming(hub) = &this.stage {
            ready!(hub.poll_resumed(cx));
            this.stage = Stage::Running;
        }
        let poll = this.body.as_mut().poll(cx);
        if poll.is_pending()
            && let Some(hub) = (this.hub)().filter(|hub| hub.is_waiting())
            && hub.blocked()
        {
            this.stage = Stage::Blocked(hub);
        }
        poll
    }
}

/// Blocks this thread until `future`, which waits for futures of `hub`, is done. A run gives its
/// slot back meanwhile.
pub(crate) fn block_on<F: Future>(hub: &Arc<Hub>, future: F) -> F::Output {
    park_on(Gated::new(|| Some(Arc::clone(hub)), Box::pin(future)))
}

/// Blocks this thread until `future`, which needs no runtime, is done.
pub(crate) fn park_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
