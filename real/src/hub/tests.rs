//! A hub on a scripted link: what the scheduler says is written here, and nothing is sent.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicU32;
use std::task::Wake;

use futures::Stream;
use raddle_core::client::Route;
use raddle_net::names::{RunId, WorkerId};

use super::*;
use crate::error::TaskError;
use crate::future::{Gated, TaskFuture, WaitFor, as_completed, wait};

const WORKER: &str = "tcp://127.0.0.1:1";

#[test]
fn a_value_that_comes_with_the_news_resolves_its_future() {
    let (hub, _link) = hub();
    let mut future = submit(&hub);
    let waker = Count::new();
    assert_eq!((poll(&mut future, &waker), future.status()), (None, Status::Pending));

    hub.received([in_memory(future.key(), 1, Some(42))]);
    assert_eq!((waker.count(), future.status()), (1, Status::Finished));
    assert_eq!(future.clone().wait(), Ok(42));
    assert_eq!(poll(&mut future, &waker), Some(Ok(42)));
}

#[test]
fn what_is_submitted_leaves_in_one_batch_after_one_wake() {
    let (hub, link) = hub();
    let first = submit(&hub);
    let second = hub.submit([call(vec![first.handle().clone()])]).remove(0);
    assert_eq!(link.woken.load(Ordering::Relaxed), 1);
    let submitted: Vec<_> = flush(&hub).into_iter().filter_map(tasks).flatten().collect();
    assert_eq!(submitted, [(first.key(), vec![]), (second.key(), vec![first.key()])]);
    assert_eq!(flush(&hub), []);
}

#[test]
fn a_failure_names_the_task_that_failed_first() {
    let (hub, _link) = hub();
    let (root, mut future) = (submit(&hub), submit(&hub));
    let failure = failed("division by zero");
    hub.received([erred(future.key(), root.key(), &failure)]);
    assert_eq!(future.status(), Status::Erred);
    let error = poll(&mut future, &Count::new());
    assert_eq!(error, Some(Err(TaskError::new(root.key(), &failure))));
}

#[test]
fn a_cancelled_future_says_so() {
    let (hub, _link) = hub();
    let future = submit(&hub);
    flush(&hub);
    future.cancel();
    assert_eq!(flush(&hub), [ClientMessage::Cancel { keys: vec![future.key()], force: false }]);
    hub.received([erred(future.key(), future.key(), &Arc::new(Failure::Cancelled))]);
    assert_eq!(future.status(), Status::Cancelled);
}

#[test]
fn dropping_many_futures_is_one_batch_of_releases() {
    let (hub, link) = hub();
    let handles = hub.submit((0..20_000).map(|_| call(vec![])));
    flush(&hub);
    let woken = link.woken.load(Ordering::Relaxed);
    let mut keys: Vec<_> = handles.iter().map(FutureHandle::key).collect();
    let clones = handles.clone();
    drop(handles);
    assert_eq!(flush(&hub), []);

    drop(clones);
    assert_eq!(link.woken.load(Ordering::Relaxed), woken + 1);
    let mut released = Vec::new();
    for message in flush(&hub) {
        let ClientMessage::Release { keys, .. } = message else { panic!("{message:?}") };
        released.extend(keys);
    }
    released.sort_unstable();
    keys.sort_unstable();
    assert_eq!(released, keys);
    assert_eq!(lock(&hub.driver).table.live().count(), 0);
}

#[test]
fn a_large_value_is_fetched_when_it_is_wanted() {
    let (hub, link) = hub();
    let (mut wanted, idle) = (submit(&hub), submit(&hub));
    let waker = Count::new();
    assert_eq!(poll(&mut wanted, &waker), None);
    hub.received([in_memory(wanted.key(), 1, None), in_memory(idle.key(), 2, None)]);
    assert_eq!((wanted.status(), idle.status()), (Status::Finished, Status::Finished));
    let item = Item { key: wanted.key(), run: run(1) };
    assert_eq!(link.take_pulls(), [(item, 1000, WORKER.into())]);

    assert_eq!(poll(&mut wanted, &waker), None);
    hub.fetched([(item, Ok(value(7)))]);
    assert_eq!(poll(&mut wanted, &waker), Some(Ok(7)));
    assert_eq!(link.take_pulls(), []);
    assert!(idle.handle().want());
    hub.want([idle.key()]);
    let item = Item { key: idle.key(), run: run(2) };
    assert_eq!(link.take_pulls(), [(item, 1000, WORKER.into())]);
    assert!(!idle.handle().want());
}

#[test]
fn a_value_of_a_stale_run_is_discarded() {
    let (hub, link) = hub();
    let mut future = submit(&hub);
    let waker = Count::new();
    assert_eq!(poll(&mut future, &waker), None);
    hub.received([in_memory(future.key(), 1, None)]);
    hub.received([SchedulerToClient::Recomputing { key: future.key() }]);
    assert_eq!(future.status(), Status::Pending);
    hub.received([in_memory(future.key(), 2, None)]);
    let old = Item { key: future.key(), run: run(1) };
    hub.fetched([(old, Ok(value(1)))]);
    assert_eq!(poll(&mut future, &waker), None);

    let new = Item { key: future.key(), run: run(2) };
    assert_eq!(link.take_pulls().pop(), Some((new, 1000, WORKER.into())));
    hub.fetched([(new, Ok(value(2)))]);
    assert_eq!(poll(&mut future, &waker), Some(Ok(2)));
}

#[test]
fn scattered_data_is_kept_until_its_key_settles() {
    for is_lost in [false, true] {
        let (hub, link) = hub();
        let handle = hub.scatter(value(5));
        let key = handle.key();
        flush(&hub);
        drop(handle);
        assert_eq!(flush(&hub), []);
        // The first worker that took it is lost.
        for counter in [1, 2] {
            let item = Item { key, run: run(counter) };
            let worker = WorkerId(1);
            hub.received([SchedulerToClient::Send { key, run: item.run, worker }]);
            assert_eq!(lock(&link.pushes).drain(..).collect::<Vec<_>>(), [(item, WORKER.into())]);
            hub.sent(item, SendOutcome::Delivered);
            assert_eq!(lock(&hub.driver).scattered.len(), 1);
        }
        hub.received([match is_lost {
            true => erred(key, key, &Arc::new(Failure::Lost { reason: "lost".into() })),
            false => in_memory(key, 2, None),
        }]);
        assert_eq!(lock(&hub.driver).scattered.len(), 0);
        assert_eq!(flush(&hub), [ClientMessage::Release { keys: vec![key], answer: false }]);
    }
}

#[test]
fn calls_of_one_key_share_a_future() {
    let (hub, _link) = hub();
    let named = || CallParts { key: Some(Key::hashed(1)), ..call(vec![]) };
    let first = hub.submit([named(), named()]);
    let submitted = |hub: &Arc<Hub>| flush(hub).into_iter().filter_map(tasks).flatten().count();
    assert_eq!(submitted(&hub), 1);
    hub.received([in_memory(Key::hashed(1), 1, Some(3))]);
    drop(first);
    let again = TaskFuture::<u64>::new(hub.submit([named()]).remove(0));
    flush(&hub);
    hub.received([in_memory(Key::hashed(1), 1, Some(3))]);
    assert_eq!(again.wait(), Ok(3));
}

#[test]
fn a_name_that_is_taken_is_refused_and_stays_with_the_first() {
    let (hub, _link) = hub();
    let (name, recipe) = (Some(Key::hashed(1)), |number| Some(Key::hashed(number)));
    let named = |number| CallParts { key: name, recipe: recipe(number), ..call(vec![]) };
    let submit = |number| TaskFuture::<u64>::new(hub.submit([named(number)]).remove(0));
    let (first, wrong, same) = (submit(5), submit(6), submit(5));
    assert_eq!(flush(&hub).into_iter().filter_map(tasks).flatten().count(), 1);
    let error = wrong.wait().unwrap_err();
    assert!(matches!(error, TaskError::Rejected { .. }), "{error:?}");
    drop(same);
    assert_eq!(flush(&hub), []);
    drop(first);
    assert_eq!(flush(&hub), [ClientMessage::Release { keys: vec![Key::hashed(1)], answer: true }]);
    assert_eq!(submit(6).status(), Status::Pending);
}

#[test]
fn futures_come_as_they_complete() {
    let (hub, _link) = hub();
    let futures: Vec<_> = (0..4).map(|_| submit(&hub)).collect();
    let keys: Vec<_> = futures.iter().map(TaskFuture::key).collect();
    hub.received([in_memory(keys[2], 1, Some(0))]);
    let mut stream = as_completed(futures);
    let waker = Count::new();
    assert_eq!(next(&mut stream, &waker), Poll::Ready(Some(keys[2])));
    assert_eq!(next(&mut stream, &waker), Poll::Pending);

    hub.received([
        in_memory(keys[3], 2, None),
        erred(keys[0], keys[0], &failed("no")),
        in_memory(keys[1], 3, Some(0)),
    ]);
    assert_eq!(waker.count(), 1);
    assert_eq!(next(&mut stream, &waker), Poll::Ready(Some(keys[3])));
    let late = submit(&hub);
    let key = late.key();
    stream.add(late);
    assert_eq!(next(&mut stream, &waker), Poll::Ready(Some(keys[0])));
    assert_eq!(next(&mut stream, &waker), Poll::Ready(Some(keys[1])));
    assert_eq!((stream.len(), next(&mut stream, &waker)), (1, Poll::Pending));
    hub.received([in_memory(key, 4, Some(0))]);
    assert_eq!(next(&mut stream, &waker), Poll::Ready(Some(key)));
    assert_eq!(next(&mut stream, &waker), Poll::Ready(None));
}

#[test]
fn a_stream_that_is_dropped_leaves_no_wakers_behind() {
    let (hub, _link) = hub();
    let futures: Vec<_> = (0..3).map(|_| submit(&hub)).collect();
    drop(as_completed(futures.clone()));
    assert_eq!((futures.len(), hub.is_waiting()), (3, false));
}

#[test]
fn wait_ends_with_the_first_or_with_all() {
    let (hub, _link) = hub();
    let futures: Vec<_> = (0..3).map(|_| submit(&hub)).collect();
    let waker = Count::new();
    let mut first = pin!(wait(&futures, WaitFor::First));
    let mut all = pin!(wait(&futures, WaitFor::All));
    assert_eq!(poll_pin(first.as_mut(), &waker), None);
    assert_eq!(poll_pin(all.as_mut(), &waker), None);
    hub.received([in_memory(futures[1].key(), 1, None)]);
    assert_eq!(poll_pin(first.as_mut(), &waker), Some(()));
    assert_eq!(poll_pin(all.as_mut(), &waker), None);
    hub.received([in_memory(futures[0].key(), 2, None), in_memory(futures[2].key(), 3, None)]);
    assert_eq!(poll_pin(all.as_mut(), &waker), Some(()));
}

#[test]
fn a_closed_hub_fails_what_is_not_done_and_what_comes_after() {
    let (hub, link) = hub();
    let (done, fetching, open) = (submit(&hub), submit(&hub), submit(&hub));
    hub.received([in_memory(done.key(), 1, Some(1)), in_memory(fetching.key(), 2, None)]);
    let answer = hub.ask(Query::Info);
    hub.closed("the cable is cut");
    let failure = Arc::new(Failure::Disconnected { reason: "the cable is cut".into() });
    let late = submit(&hub);
    assert_eq!(done.wait(), Ok(1));
    for future in [fetching, open, late] {
        let error = TaskError::new(future.key(), &failure);
        assert_eq!(future.wait(), Err(error));
    }
    assert!(crate::future::park_on(answer).is_err());
    assert_eq!(flush(&hub), []);
    drop(hub);
    assert_eq!(*lock(&link.last), None);
}

#[test]
fn the_last_word_is_goodbye() {
    let (hub, link) = hub();
    let future = submit(&hub);
    flush(&hub);
    drop(hub);
    assert_eq!(*lock(&link.last), None);
    drop(future);
    assert_eq!(lock(&link.last).take(), Some(vec![ClientMessage::Goodbye]));
}

#[test]
fn a_future_of_another_client_is_refused_and_so_is_what_depends_on_it() {
    let (other, _other_link) = hub();
    let (hub, _link) = hub();
    let foreign = submit(&other);
    let refused = hub.submit([call(vec![foreign.handle().clone()])]).remove(0);
    let dependent = hub.submit([call(vec![refused.clone()])]).remove(0);
    for handle in [&refused, &dependent] {
        let Some(Found::Erred { blame, failure }) = handle.poll_value(Waker::noop(), false) else {
            panic!("it was not refused")
        };
        assert_eq!(blame, refused.key());
        assert!(matches!(&*failure, Failure::Rejected { .. }), "{failure:?}");
    }
    drop((refused, dependent));
    assert_eq!(flush(&hub), []);
}

#[test]
fn a_body_gives_its_slot_back_while_it_waits() {
    let (hub, link) = hub();
    link.is_run.store(true, Ordering::Relaxed);
    let (first, second) = (submit(&hub), submit(&hub));
    let keys = (first.key(), second.key());
    let body = async move { futures::join!(second, first) };
    let mut gated = pin!(Gated::new(|| Some(Arc::clone(&hub)), Box::pin(body)));
    let waker = Count::new();
    assert_eq!((poll_pin(gated.as_mut(), &waker), link.take_log()), (None, vec!["blocked"]));

    hub.received([in_memory(keys.0, 1, Some(1))]);
    assert_eq!(waker.count(), 1);
    assert_eq!((poll_pin(gated.as_mut(), &waker), link.take_log()), (None, vec!["unblocked"]));
    assert_eq!((poll_pin(gated.as_mut(), &waker), link.take_log()), (None, vec![]));
    hub.resumed();
    assert_eq!(waker.count(), 2);
    assert_eq!((poll_pin(gated.as_mut(), &waker), link.take_log()), (None, vec!["blocked"]));

    hub.received([in_memory(keys.1, 2, Some(2))]);
    assert_eq!((poll_pin(gated.as_mut(), &waker), link.take_log()), (None, vec!["unblocked"]));
    hub.resumed();
    assert_eq!(poll_pin(gated.as_mut(), &waker), Some((Ok(2), Ok(1))));
    assert_eq!(link.take_log(), Vec::<&str>::new());
}

#[test]
fn a_body_that_waits_for_something_else_keeps_its_slot() {
    let (hub, link) = hub();
    link.is_run.store(true, Ordering::Relaxed);
    let _future = submit(&hub);
    let body = std::future::pending::<()>();
    let mut gated = pin!(Gated::new(|| Some(Arc::clone(&hub)), Box::pin(body)));
    assert_eq!(poll_pin(gated.as_mut(), &Count::new()), None);
    assert_eq!(link.take_log(), Vec::<&str>::new());
}

#[test]
fn ready_waits_for_room() {
    let (hub, _link) = hub();
    let waker = Count::new();
    let mut cx_waker = Waker::from(Arc::clone(&waker));
    let mut calls = 0;
    while hub.poll_ready(&Context::from_waker(&cx_waker)).is_ready() {
        drop(hub.submit((0..64).map(|_| CallParts { args: vec![0; 1 << 20], ..call(vec![]) })));
        calls += 64;
        assert!(calls <= 128, "a bound that never comes");
    }
    let mut batch = Vec::new();
    hub.flush(&mut batch, 0);
    assert!(hub.poll_ready(&Context::from_waker(&cx_waker)).is_pending());
    hub.flush(&mut batch, 0);
    assert_eq!(waker.count(), 1);
    cx_waker = Waker::from(Count::new());
    assert!(hub.poll_ready(&Context::from_waker(&cx_waker)).is_ready());
}

#[test]
fn far_too_much_unsent_is_refused() {
    let (hub, _link) = hub();
    lock(&hub.driver).unsent = MAX_UNSENT;
    let error = submit(&hub).wait().unwrap_err();
    assert!(matches!(&error, TaskError::Rejected { reason } if reason.contains("ready()")));
    flush(&hub);
    flush(&hub);
    assert_eq!(submit(&hub).status(), Status::Pending);
}

#[test]
fn a_live_future_is_small() {
    assert_eq!(size_of::<TaskFuture<u64>>(), 8);
    // Two counts and an entry of the table come to it.
    assert_eq!(slot::SIZE, 72);
}

/// A link that only writes down what it is told.
#[derive(Default)]
struct Script {
    woken: AtomicUsize,
    is_run: AtomicBool,
    log: Mutex<Vec<&'static str>>,
    pulls: Mutex<Vec<(Item, u64, Arc<str>)>>,
    pushes: Mutex<Vec<(Item, Arc<str>)>>,
    last: Mutex<Option<Vec<ClientMessage>>>,
}

impl Script {
    fn take_log(&self) -> Vec<&'static str> {
        mem::take(&mut lock(&self.log))
    }

    fn take_pulls(&self) -> Vec<(Item, u64, Arc<str>)> {
        mem::take(&mut lock(&self.pulls))
    }
}

impl Link for Script {
    fn wake(&self) {
        self.woken.fetch_add(1, Ordering::Relaxed);
    }

    fn pull(&self, _: &Arc<Hub>, item: Item, nbytes: u64, address: Arc<str>, _: Route) {
        lock(&self.pulls).push((item, nbytes, address));
    }

    fn push(&self, _: &Arc<Hub>, item: Item, _: Arc<Value>, address: Arc<str>, _: Route) {
        lock(&self.pushes).push((item, address));
    }

    fn farewell(&self, last: Vec<ClientMessage>) {
        *lock(&self.last) = Some(last);
    }

    fn blocked(&self) -> bool {
        lock(&self.log).push("blocked");
        self.is_run.load(Ordering::Relaxed)
    }

    fn unblocked(&self) {
        lock(&self.log).push("unblocked");
    }
}

/// A waker that counts.
struct Count(AtomicU32);

impl Count {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU32::new(0)))
    }

    fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn hub() -> (Arc<Hub>, Arc<Script>) {
    let link = Arc::new(Script::default());
    let hub = Hub::new(Session::truncate(9), Arc::clone(&link) as Arc<dyn Link>);
    hub.received([SchedulerToClient::Peer { id: WorkerId(1), address: WORKER.into() }]);
    assert_eq!(flush(&hub), []);
    link.woken.store(0, Ordering::Relaxed);
    (hub, link)
}

fn call(dependencies: Vec<FutureHandle>) -> CallParts {
    let (spec, args) = (Arc::default(), vec![1]);
    CallParts {
        spec,
        priority: 0,
        key: None,
        recipe: None,
        dependencies,
        data: Vec::new(),
        futures: Vec::new(),
        args,
        refused: None,
    }
}

fn submit(hub: &Arc<Hub>) -> TaskFuture<u64> {
    TaskFuture::new(hub.submit([call(vec![])]).remove(0))
}

fn flush(hub: &Arc<Hub>) -> Vec<ClientMessage> {
    let mut out = Vec::new();
    hub.flush(&mut out, 0);
    out
}

fn tasks(message: ClientMessage) -> Option<Vec<(Key, Vec<Key>)>> {
    let ClientMessage::Submit { tasks, .. } = message else { return None };
    Some(tasks.into_iter().map(|task| (task.key, task.dependencies.into_vec())).collect())
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Arc<Count>) -> Option<F::Output> {
    poll_pin(Pin::new(future), waker)
}

fn poll_pin<F: Future>(future: Pin<&mut F>, waker: &Arc<Count>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(waker)))) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn next(stream: &mut crate::future::AsCompleted<u64>, waker: &Arc<Count>) -> Poll<Option<Key>> {
    let waker = Waker::from(Arc::clone(waker));
    let next = Pin::new(stream).poll_next(&mut Context::from_waker(&waker));
    next.map(|future| future.map(|future| future.key()))
}

fn value(value: u64) -> Arc<Value> {
    Arc::new(Value::new(value))
}

const fn run(counter: u64) -> RunId {
    RunId { epoch: 1, counter }
}

fn in_memory(key: Key, counter: u64, value: Option<u64>) -> SchedulerToClient {
    let value = value.map(|value| self::value(value).inline().expect("it is small"));
    let (run, worker) = (run(counter), WorkerId(1));
    SchedulerToClient::InMemory { key, run, nbytes: 1000, worker, value }
}

fn erred(key: Key, blame: Key, failure: &Arc<Failure>) -> SchedulerToClient {
    SchedulerToClient::Erred { key, blame, failure: Arc::clone(failure) }
}

fn failed(message: &str) -> Arc<Failure> {
    Arc::new(Failure::Failed {
        message: message.into(),
        chain: vec![],
        panic: false,
        location: None,
        worker: WORKER.into(),
        attempts: 1,
    })
}
