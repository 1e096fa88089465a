//! One client: its machine with the slots of its futures. Any thread drives it.
//!
//! What is said to the machine is said under one lock, in short steps; wakers are woken, values
//! pulled and pushed after it is given back. Messages pile up in the machine until whoever carries
//! them asks with [`Hub::flush`]: batches grow while a write is under way, and no timer is needed.
//! This module must not know sockets, workers or types of values.

mod driver;
mod link;
mod slot;
mod table;
#[cfg(test)]
mod tests;

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use raddle_core::client::{Event, FetchOutcome, SendOutcome};
use raddle_core::time::Instant;
use raddle_net::messages::{ClientMessage, Failure, Item, Query, QueryAnswer, SchedulerToClient};
use raddle_net::names::{Key, Session};

use self::driver::{Driver, Later};
use crate::call::CallParts;
use crate::clock;
use crate::rt::oneshot;
use crate::value::Value;

pub(crate) use self::link::{Link, Nowhere};
pub use self::slot::Status;
pub(crate) use self::slot::{Found, FutureHandle};

/// Unsent bytes above which [`Hub::poll_ready`] is not ready.
const READY_UNSENT: usize = 64 << 20;
/// Unsent bytes above which a submission is rejected.
const MAX_UNSENT: usize = 1 << 30;
/// Tasks that are handed over under one lock, so that the first leave while the last are made.
const CHUNK: usize = 1 << 12;
/// As [`CHUNK`], for the first tasks of a submission; each next chunk is twice as large.
const FIRST_CHUNK: usize = 1 << 6;
/// Releases that are handed over under one lock.
const RELEASES: usize = 1 << 14;

/// The machine of one client, with the slots of its futures.
pub(crate) struct Hub {
    driver: Mutex<Driver>,
    /// Keys of which the last handle was dropped. A lock of its own: a drop may happen anywhere.
    released: Mutex<Vec<Key>>,
    /// The link was told that there is something to flush, and has not asked yet.
    stirred: AtomicBool,
    /// Nothing can be said any more.
    closed: AtomicBool,
    /// Wakers in the slots.
    waiting: AtomicUsize,
    slot_back: Mutex<SlotBack>,
    link: Arc<dyn Link>,
}

/// Whether the run that this hub belongs to may go on after it gave its slot back.
#[derive(Default)]
struct SlotBack {
    granted: bool,
    waker: Option<Waker>,
}

impl Hub {
    /// A hub with nothing in it, of which the words are carried by `link`.
    pub(crate) fn new(session: Session, link: Arc<dyn Link>) -> Arc<Self> {
        Arc::new(Self {
            driver: Mutex::new(Driver::new(session)),
            released: Mutex::default(),
            stirred: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            slot_back: Mutex::default(),
            link,
        })
    }

    /// Submits `calls`, in order. Never blocks on I/O. A call that cannot be submitted gives a
    /// future that says why. The first tasks leave while the last calls are made.
    pub(crate) fn submit(
        self: &Arc<Self>,
        calls: impl IntoIterator<Item = CallParts>,
    ) -> Vec<FutureHandle> {
        let mut calls = calls.into_iter();
        let mut handles = Vec::with_capacity(calls.size_hint().0);
        let mut size = FIRST_CHUNK;
        loop {
            let chunk: Vec<_> = calls.by_ref().take(size).collect();
            if chunk.is_empty() {
                return handles;
            }
            self.submit_chunk(chunk, &mut handles);
            size = (2 * size).min(CHUNK);
        }
    }

    /// As [`Self::submit`], of calls that may depend on those before: `next` is given their futures.
    /// It is called under the lock.
    pub(crate) fn submit_linked(
        self: &Arc<Self>,
        mut next: impl FnMut(&[FutureHandle]) -> Option<CallParts>,
    ) -> Vec<FutureHandle> {
        let mut handles = Vec::new();
        let mut size = FIRST_CHUNK;
        loop {
            let now = clock::now();
            let (mut tasks, mut calls) = (Vec::new(), Vec::new());
            self.with(|driver, later| {
                while calls.len() < size
                    && let Some(mut call) = next(&handles)
                {
                    handles.push(driver.enlist(self, (now, &mut call), &mut tasks, later));
                    calls.push(call);
                }
                driver.say(now, Event::Submit { tasks }, later);
            });
            self.stir();
            if calls.len() < size {
                return handles;
            }
            size = (2 * size).min(CHUNK);
        }
    }

    fn submit_chunk(self: &Arc<Self>, mut calls: Vec<CallParts>, handles: &mut Vec<FutureHandle>) {
        let now = clock::now();
        let mut tasks = Vec::with_capacity(calls.len());
        self.with(|driver, later| {
            for call in &mut calls {
                handles.push(driver.enlist(self, (now, call), &mut tasks, later));
            }
            driver.say(now, Event::Submit { tasks }, later);
        });
        self.stir();
        // The handles of dependencies go only now: one may be the last of a value with a destructor.
        drop(calls);
    }

    /// Puts `value` on a worker of the scheduler's choice. It is kept until the scheduler knows who
    /// has it, and must be in bytes already.
    pub(crate) fn scatter(self: &Arc<Self>, value: Arc<Value>) -> FutureHandle {
        let now = clock::now();
        let handle = self.with(|driver, later| {
            let key = driver.next_key();
            driver.scatter(self, now, key, value, later)
        });
        self.stir();
        handle
    }

    /// Futures of keys that somebody else submitted.
    pub(crate) fn adopt(self: &Arc<Self>, keys: &[Key]) -> Vec<FutureHandle> {
        let now = clock::now();
        let handles = self.with(|driver, later| {
            let mut new = Vec::new();
            let handles = keys.iter().map(|&key| driver.adopt(self, key, &mut new)).collect();
            driver.say(now, Event::Adopt { keys: new }, later);
            handles
        });
        self.stir();
        handles
    }

    /// A future that fails, as `failure` says, without anybody having heard of it.
    pub(crate) fn failed(self: &Arc<Self>, failure: Failure) -> FutureHandle {
        let key = lock(&self.driver).next_key();
        FutureHandle::stillborn(Arc::clone(self), key, key, Arc::new(failure))
    }

    /// Calls `keys` off, if nobody else wants them or by `force`.
    pub(crate) fn cancel(self: &Arc<Self>, keys: Vec<Key>, force: bool) {
        self.tell(Event::Cancel { keys, force });
    }

    /// Has `keys` computed to the end, whoever holds them.
    pub(crate) fn detach(self: &Arc<Self>, keys: Vec<Key>) {
        self.tell(Event::Detach { keys });
    }

    /// Has `keys` computed again, if they failed.
    pub(crate) fn retry(self: &Arc<Self>, keys: Vec<Key>) {
        self.tell(Event::Retry { keys });
    }

    fn tell(self: &Arc<Self>, event: Event) {
        let now = clock::now();
        self.with(|driver, later| driver.say(now, event, later));
        self.stir();
    }

    /// Has the values of `keys` fetched: of those for which [`FutureHandle::want`] said so.
    pub(crate) fn want(self: &Arc<Self>, keys: impl IntoIterator<Item = Key>) {
        let now = clock::now();
        self.with(|driver, later| {
            for key in keys {
                driver.say(now, Event::Await { key }, later);
            }
        });
        self.stir();
    }

    /// Asks the scheduler. The receiver fails if the connection goes first.
    pub(crate) fn ask(self: &Arc<Self>, query: Query) -> oneshot::Receiver<QueryAnswer> {
        let now = clock::now();
        let (sender, receiver) = oneshot::channel();
        self.with(|driver, later| {
            if driver.closed.is_none() {
                let id = driver.next_question;
                driver.next_question += 1;
                driver.questions.insert(id, sender);
                driver.say(now, Event::Query { id, query }, later);
            }
        });
        self.stir();
        receiver
    }

    /// Ready when little enough is unsent, or nothing can be sent any more.
    pub(crate) fn poll_ready(&self, cx: &Context<'_>) -> Poll<()> {
        let mut driver = lock(&self.driver);
        if driver.unsent + driver.flushed < READY_UNSENT || driver.closed.is_some() {
            return Poll::Ready(());
        }
        if !driver.ready.iter().any(|waker| waker.will_wake(cx.waker())) {
            driver.ready.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Why nothing can be said any more, if so.
    pub(crate) fn why_closed(&self) -> Option<Arc<Failure>> {
        lock(&self.driver).closed.clone()
    }

    /// The last handle of `key` was dropped.
    fn release(&self, key: Key) {
        if !self.closed.load(Ordering::Relaxed) {
            lock(&self.released).push(key);
            self.stir();
        }
    }

    /// Tells the link that there is something to flush, unless it knows.
    ///
    /// The first load needs no ordering: what is to be flushed was put behind a lock before, and a
    /// flush clears the mark before it takes that lock.
    fn stir(&self) {
        if !self.stirred.load(Ordering::Relaxed) && !self.stirred.swap(true, Ordering::AcqRel) {
            self.link.wake();
        }
    }

    /// Does `step` under the lock, and what follows from it after.
    fn with<R>(self: &Arc<Self>, step: impl FnOnce(&mut Driver, &mut Later) -> R) -> R {
        let mut later = Later::default();
        let result = step(&mut lock(&self.driver), &mut later);
        later.run(self);
        result
    }
}

/// For whoever carries the words.
impl Hub {
    /// The scheduler said these. One lock for all of them: give whole frames.
    pub(crate) fn received(
        self: &Arc<Self>,
        messages: impl IntoIterator<Item = SchedulerToClient>,
    ) {
        let now = clock::now();
        self.with(|driver, later| {
            for message in messages {
                driver.say(now, Event::FromScheduler(message), later);
            }
        });
        self.stir();
    }

    /// Pulls ended. One lock for all of them.
    pub(crate) fn fetched(
        self: &Arc<Self>,
        ends: impl IntoIterator<Item = (Item, Result<Arc<Value>, FetchOutcome>)>,
    ) {
        let now = clock::now();
        self.with(|driver, later| {
            for (item, end) in ends {
                driver.fetched(now, item, end, later);
            }
        });
        self.stir();
    }

    /// A push ended.
    pub(crate) fn sent(self: &Arc<Self>, item: Item, outcome: SendOutcome) {
        let (now, Item { key, run }) = (clock::now(), item);
        self.with(|driver, later| driver.say(now, Event::Sent { key, run, outcome }, later));
        self.stir();
    }

    /// Moves all that is to be said to `out`. What the flushes before gave counts as sent, but for
    /// `kept` bytes.
    pub(crate) fn flush(self: &Arc<Self>, out: &mut Vec<ClientMessage>, kept: usize) {
        let now = clock::now();
        self.stirred.store(false, Ordering::Release);
        while self.hand_over_releases(now) {}
        self.with(|driver, later| {
            driver.say(now, Event::Flush, later);
            out.append(&mut driver.outbox);
            driver.flushed = mem::take(&mut driver.unsent) + kept;
            if driver.flushed < READY_UNSENT {
                later.woken.append(&mut driver.ready);
            }
        });
    }

    /// Tells the machine of some keys that were released. `true`: there may be more.
    fn hand_over_releases(self: &Arc<Self>, now: Instant) -> bool {
        let (keys, more) = {
            let mut released = lock(&self.released);
            let rest = released.len().saturating_sub(RELEASES);
            (released.split_off(rest), rest > 0)
        };
        self.with(|driver, later| {
            for key in keys {
                driver.release(now, key, later);
            }
        });
        more
    }

    /// When to say [`Self::tick`]. Ask again after each flush.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        lock(&self.driver).machine.next_deadline().map(|(at, _)| at)
    }

    /// The time of the deadline has come.
    pub(crate) fn tick(self: &Arc<Self>) {
        let now = clock::now();
        self.with(|driver, later| driver.say(now, Event::Tick, later));
        self.stir();
    }

    /// Nothing can be said or heard any more: every future that has no value yet fails, as
    /// `reason` says.
    pub(crate) fn closed(self: &Arc<Self>, reason: &str) {
        let now = clock::now();
        self.with(|driver, later| {
            driver.say(now, Event::Disconnected { reason: reason.to_owned() }, later);
            driver.close(reason, later);
        });
        self.closed.store(true, Ordering::Relaxed);
        lock(&self.released).clear();
        self.resumed();
    }

    /// As [`Self::closed`], by the client itself: what it said before still leaves, and a goodbye.
    pub(crate) fn close(self: &Arc<Self>) {
        let mut last = Vec::new();
        self.flush(&mut last, 0);
        if self.why_closed().is_none() {
            last.push(ClientMessage::Goodbye);
            self.closed("the client was closed");
            self.link.farewell(last);
        }
    }
}

/// For runs, which give their slot back while they wait.
impl Hub {
    /// Whether somebody waits for a future of this hub.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Wakers came to the slots, or left them.
    fn waiting(&self, came: usize, left: usize) {
        if came != left {
            self.waiting.fetch_add(came.wrapping_sub(left), Ordering::Relaxed);
        }
    }

    /// The run that this hub belongs to has a slot again.
    pub(crate) fn resumed(&self) {
        let waker = {
            let mut slot_back = lock(&self.slot_back);
            slot_back.granted = true;
            slot_back.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The body sleeps. `false`: it does not belong to a run, and has no slot to give back.
    pub(crate) fn blocked(&self) -> bool {
        self.link.blocked()
    }

    /// The body was woken, and wants a slot.
    pub(crate) fn unblocked(&self) {
        self.link.unblocked();
    }

    /// Ready, once, when [`Self::resumed`] was said; at once when the hub is closed.
    pub(crate) fn poll_resumed(&self, cx: &Context<'_>) -> Poll<()> {
        let mut slot_back = lock(&self.slot_back);
        if mem::take(&mut slot_back.granted) || self.closed.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        slot_back.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // No handle and no client is left: nothing is wanted any more.
        let driver = match self.driver.get_mut() {
            Ok(driver) => driver,
            Err(poisoned) => poisoned.into_inner(),
        };
        if driver.closed.is_none() {
            driver.say(clock::now(), Event::Flush, &mut Later::default());
            let mut last = mem::take(&mut driver.outbox);
            last.push(ClientMessage::Goodbye);
            self.link.farewell(last);
        }
    }
}

/// What is behind `mutex`. Nobody leaves it half changed: a panic of another thread is no reason
/// to fail here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
