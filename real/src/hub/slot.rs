//! A slot: what is known of the value of one future, and who waits for it.
//!
//! Each slot has a lock of its own, so that asking a future costs no lock of the hub. Whoever holds
//! the hub's lock may take a slot's, never the other way round. This module must not know messages
//! or the client machine.

use std::fmt;
use std::mem;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::Waker;

use raddle_net::messages::Failure;
use raddle_net::names::{Key, RunId, Session};
use raddle_net::payload::SmallValue;

use super::{Hub, Nowhere, lock};
use crate::value::Value;

/// Keeps a key wanted. Dropping the last handle releases it.
#[derive(Clone)]
pub(crate) struct FutureHandle(Arc<Slot>);

/// One future of one hub.
pub(crate) struct Slot {
    hub: Arc<Hub>,
    key: Key,
    state: Mutex<State>,
}

/// What is known of the value.
pub(super) enum State {
    /// It will have none. If it was refused here, nobody else has heard of it, and its key may stand
    /// for another future.
    Erred { blame: Key, failure: Arc<Failure>, refused: bool },
    /// It came with the news.
    Inline(SmallValue),
    /// A worker has it; perhaps it is here, too.
    Large(Box<Large>),
    /// Nothing.
    Pending { wanted: bool, waiters: Waiters },
}

/// A value that did not come with the news.
pub(super) struct Large {
    run: RunId,
    /// It was asked for, and will come.
    asked: bool,
    value: Option<Arc<Value>>,
    waiters: Waiters,
}

/// Who is to be woken at the next change.
#[derive(Default)]
pub(super) struct Waiters {
    first: Option<Waker>,
    #[expect(clippy::box_collection, reason = "rare; two words less in each slot")]
    more: Option<Box<Vec<Waker>>>,
}

/// What can be had of a slot.
pub(crate) enum Found {
    /// It has no value, and why.
    Erred { blame: Key, failure: Arc<Failure> },
    /// A value that came with the news.
    Inline(SmallValue),
    /// A value that was fetched.
    Value(Arc<Value>),
}

/// How far a future is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Called off.
    Cancelled,
    /// It failed, or a task that it depends on did.
    Erred,
    /// Its value is in memory, here or on a worker.
    Finished,
    /// Not done.
    Pending,
}

/// What must be done after a look into a slot.
pub(super) enum Look {
    /// Nothing: whoever asked is woken when there is news.
    Later,
    /// Say that the value is wanted; whoever asked is woken when it is there.
    Fetch,
    /// It is there.
    Found(Found),
}

impl FutureHandle {
    /// A handle of a new slot, of which the value is to come.
    pub(super) fn pending(hub: Arc<Hub>, key: Key) -> Self {
        Self::new(hub, key, State::Pending { wanted: false, waiters: Waiters::default() })
    }

    /// One more handle of `slot`.
    pub(super) const fn of(slot: Arc<Slot>) -> Self {
        Self(slot)
    }

    /// A handle of a new slot that will never have a value.
    pub(super) fn stillborn(hub: Arc<Hub>, key: Key, blame: Key, failure: Arc<Failure>) -> Self {
        Self::new(hub, key, State::Erred { blame, failure, refused: true })
    }

    /// A handle that stands for data of this key until a hub scatters it.
    pub(crate) fn of_data(key: Key) -> Self {
        static NOWHERE: LazyLock<Arc<Hub>> =
            LazyLock::new(|| Hub::new(Session::truncate(0), Arc::new(Nowhere)));
        Self::stillborn(Arc::clone(&NOWHERE), key, key, Arc::new(Failure::Cancelled))
    }

    fn new(hub: Arc<Hub>, key: Key, state: State) -> Self {
        Self(Arc::new(Slot { hub, key, state: Mutex::new(state) }))
    }

    /// The key that is kept wanted.
    pub(crate) fn key(&self) -> Key {
        self.0.key
    }

    /// Who keeps it wanted.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.0.hub
    }

    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.0
    }

    /// How far it is.
    pub(crate) fn status(&self) -> Status {
        match &*lock(&self.0.state) {
            State::Erred { failure, .. } if **failure == Failure::Cancelled => Status::Cancelled,
            State::Erred { .. } => Status::Erred,
            State::Inline(_) | State::Large(_) => Status::Finished,
            State::Pending { .. } => Status::Pending,
        }
    }

    /// Why it was refused before the scheduler heard of it, and whose fault that was.
    pub(super) fn rejection(&self) -> Option<(Key, Arc<Failure>)> {
        match &*lock(&self.0.state) {
            State::Erred { blame, failure, .. }
                if matches!(**failure, Failure::Rejected { .. }) =>
            {
                Some((*blame, Arc::clone(failure)))
            }
            State::Erred { .. } | State::Inline(_) | State::Large(_) | State::Pending { .. } => {
                None
            }
        }
    }

    /// Whether it has a value or never will. If neither, `waker` is woken at the next change.
    pub(crate) fn poll_done(&self, waker: &Waker) -> bool {
        match &mut *lock(&self.0.state) {
            State::Pending { waiters, .. } => {
                self.0.hub.waiting(waiters.add(waker), 0);
                false
            }
            State::Erred { .. } | State::Inline(_) | State::Large(_) => true,
        }
    }

    /// `waker` need not be woken any more.
    pub(crate) fn unwatch(&self, waker: &Waker) {
        let mut state = lock(&self.0.state);
        let left = state.waiters().map_or(0, |waiters| waiters.remove(waker));
        self.0.hub.waiting(0, left);
    }

    /// What became of it. If it is not here yet, it is wanted from now on, and `waker` is woken at
    /// the next change. If this is the last handle, it may `take` a large value away.
    pub(crate) fn poll_value(&self, waker: &Waker, take: bool) -> Option<Found> {
        let take = take && Arc::strong_count(&self.0) == 1;
        match self.0.look(Some(waker), take) {
            Look::Found(found) => Some(found),
            Look::Later => None,
            Look::Fetch => {
                self.0.hub.want([self.0.key]);
                None
            }
        }
    }

    /// Says that the value will be asked for. `true`: the hub must be told ([`Hub::want`]).
    pub(crate) fn want(&self) -> bool {
        matches!(self.0.look(None, false), Look::Fetch)
    }
}

impl fmt::Debug for FutureHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FutureHandle({})", self.key())
    }
}

impl Slot {
    /// Looks for the value. A large one that is taken away is fetched again if it is asked for again.
    fn look(&self, waker: Option<&Waker>, take: bool) -> Look {
        let mut state = lock(&self.state);
        let (waiters, look) = match &mut *state {
            State::Erred { blame, failure, .. } => {
                return Look::Found(Found::Erred { blame: *blame, failure: Arc::clone(failure) });
            }
            State::Inline(value) => return Look::Found(Found::Inline(value.clone())),
            State::Large(large) => {
                let value = if take { large.value.take() } else { large.value.clone() };
                if let Some(value) = value {
                    return Look::Found(Found::Value(value));
                }
                let asked = mem::replace(&mut large.asked, true);
                (&mut large.waiters, if asked { Look::Later } else { Look::Fetch })
            }
            State::Pending { wanted, waiters } => {
                *wanted = true;
                (waiters, Look::Later)
            }
        };
        if let Some(waker) = waker {
            self.hub.waiting(waiters.add(waker), 0);
        }
        look
    }

    /// The key has a value, made by `run`. `true`: it is wanted, and must be fetched.
    pub(super) fn finished(
        &self,
        run: RunId,
        value: Option<SmallValue>,
        woken: &mut Vec<Waker>,
    ) -> bool {
        let mut state = lock(&self.state);
        let wanted = match &*state {
            State::Erred { .. } => false,
            // What is here stays.
            State::Inline(_) => return false,
            State::Large(large) if large.value.is_some() => return false,
            State::Large(large) => large.asked,
            State::Pending { wanted, .. } => *wanted,
        };
        let next = match value {
            Some(value) => State::Inline(value),
            None => State::Large(Box::new(Large {
                run,
                asked: wanted,
                value: None,
                waiters: Waiters::default(),
            })),
        };
        let fetch = wanted && matches!(next, State::Large(_));
        self.replace(&mut state, next, woken);
        fetch
    }

    /// The key will have no value. The first error stays.
    pub(super) fn erred(&self, blame: Key, failure: Arc<Failure>, woken: &mut Vec<Waker>) {
        let mut state = lock(&self.state);
        if !matches!(*state, State::Erred { .. }) {
            self.replace(&mut state, State::Erred { blame, failure, refused: false }, woken);
        }
    }

    /// As [`Self::erred`], unless there is a value here already or it erred before.
    pub(super) fn cut_off(&self, failure: &Arc<Failure>, woken: &mut Vec<Waker>) {
        let mut state = lock(&self.state);
        let open = match &*state {
            State::Erred { .. } | State::Inline(_) => false,
            State::Large(large) => large.value.is_none(),
            State::Pending { .. } => true,
        };
        if open {
            let failure = Arc::clone(failure);
            let next = State::Erred { blame: self.key, failure, refused: false };
            self.replace(&mut state, next, woken);
        }
    }

    /// Every copy of the value is gone; it is computed again. A value that is here stays.
    pub(super) fn unsettled(&self) {
        let mut state = lock(&self.state);
        match &mut *state {
            State::Large(large) if large.value.is_none() => {
                let waiters = mem::take(&mut large.waiters);
                *state = State::Pending { wanted: large.asked, waiters };
            }
            State::Erred { .. } => {
                *state = State::Pending { wanted: false, waiters: Waiters::default() };
            }
            State::Inline(_) | State::Large(_) | State::Pending { .. } => {}
        }
    }

    /// The value that `run` made is here. That of another run is not what was asked for.
    pub(super) fn fetched(&self, run: RunId, value: Arc<Value>, woken: &mut Vec<Waker>) {
        let mut state = lock(&self.state);
        if let State::Large(large) = &mut *state
            && large.run == run
        {
            large.value = Some(value);
            large.asked = false;
            let taken = large.waiters.take(woken);
            self.hub.waiting(0, taken);
        }
    }

    fn replace(&self, state: &mut State, next: State, woken: &mut Vec<Waker>) {
        if let State::Pending { waiters, .. } = state {
            self.hub.waiting(0, waiters.take(woken));
        } else if let State::Large(large) = state {
            self.hub.waiting(0, large.waiters.take(woken));
        }
        *state = next;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let state = match self.state.get_mut() {
            Ok(state) => state,
            Err(poisoned) => poisoned.into_inner(),
        };
        // Futures that were dropped while they waited leave their wakers behind.
        self.hub.waiting(0, state.waiters().map_or(0, |waiters| waiters.take(&mut Vec::new())));
        if !matches!(state, State::Erred { refused: true, .. }) {
            self.hub.release(self.key);
        }
    }
}

impl State {
    fn waiters(&mut self) -> Option<&mut Waiters> {
        match self {
            Self::Large(large) => Some(&mut large.waiters),
            Self::Pending { waiters, .. } => Some(waiters),
            Self::Erred { .. } | Self::Inline(_) => None,
        }
    }
}

impl Waiters {
    /// Adds `waker` unless it is there; returns how many were added.
    fn add(&mut self, waker: &Waker) -> usize {
        let more = self.more.iter().flat_map(|more| more.iter());
        if self.first.iter().chain(more).any(|other| other.will_wake(waker)) {
            return 0;
        }
        match &self.first {
            Some(_) => self.more.get_or_insert_default().push(waker.clone()),
            None => self.first = Some(waker.clone()),
        }
        1
    }

    /// Drops what wakes as `waker` does; returns how many they were.
    fn remove(&mut self, waker: &Waker) -> usize {
        if self.first.as_ref().is_some_and(|first| first.will_wake(waker)) {
            self.first = None;
            return 1;
        }
        let Some(more) = &mut self.more else { return 0 };
        let before = more.len();
        more.retain(|other| !other.will_wake(waker));
        before - more.len()
    }

    /// Moves all into `woken`; returns how many they were.
    fn take(&mut self, woken: &mut Vec<Waker>) -> usize {
        let before = woken.len();
        woken.extend(self.first.take());
        if let Some(more) = self.more.take() {
            woken.extend(*more);
        }
        woken.len() - before
    }
}

/// Bytes of a slot, without the two counts of its `Arc`.
#[cfg(test)]
pub(super) const SIZE: usize = size_of::<Slot>();
