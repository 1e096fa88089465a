//! What comes of a body, and which threads there are for it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use raddle_net::messages::Failure;
use raddle_net::names::{Key, RunId, Session};
use raddle_net::payload::Blob;

use super::body::{self, Made, Unmade};
use super::*;
use crate::context::{Host, Locals, TaskContext};
use crate::hub::Hub;
use crate::task::finish;

const WORKER: &str = "tcp://127.0.0.1:9";

/// A worker whose runs submit nothing.
struct Nobody;

impl Host for Nobody {
    fn hub(self: Arc<Self>, _run: &Arc<Run>) -> Arc<Hub> {
        unreachable!("no body here submits a task")
    }

    fn heed(&self, _: &Arc<Run>) {}

    fn locals(&self) -> &Locals {
        unreachable!("no body here keeps anything")
    }

    fn scheduler(&self) -> &str {
        "tcp://127.0.0.1:1"
    }
}

fn run(number: u64) -> Arc<Run> {
    let key = Key::numbered(Session::truncate(1), number);
    Run::new(key, RunId { epoch: 1, counter: number }, 1, true, Arc::new(Nobody))
}

fn invocation(run: &Arc<Run>) -> Invocation {
    let context = TaskContext::new(Arc::clone(run));
    Invocation { args: Blob::new(), inputs: Vec::new(), context }
}

fn job(number: u64) -> Job {
    let run = run(number);
    Job { body: seven, invocation: invocation(&run), run }
}

fn seven(_: Invocation) -> Result<Value, BodyError> {
    finish(7_u64)
}

fn failed(message: &str, chain: &[&str], panic: bool, location: Option<String>) -> Unmade {
    let failure = Failure::Failed {
        message: message.to_owned(),
        chain: chain.iter().map(|text| (*text).to_owned()).collect(),
        panic,
        location,
        worker: WORKER.to_owned(),
        attempts: 1,
    };
    Unmade { blame: None, failure: Arc::new(failure) }
}

fn outcome(body: fn(Invocation) -> Result<Value, BodyError>) -> Result<Made, Unmade> {
    body::run_blocking(body, invocation(&run(1)), WORKER)
}

#[test]
fn a_value_comes_with_its_size_and_itself_if_it_is_small() {
    let Made { value, nbytes, small } = outcome(seven).unwrap();
    assert_eq!((nbytes, small), (value.nbytes(), value.inline()));
    assert_eq!(value.take::<u64>().unwrap(), 7);
}

#[test]
fn a_panic_is_a_failure_with_message_and_location() {
    fn body(_: Invocation) -> Result<Value, BodyError> {
        panic!("no {}", 7)
    }
    let line = line!() - 2;
    let location = Some(format!("{}:{line}:9", file!()));
    assert_eq!(outcome(body).err(), Some(failed("no 7", &[], true, location)));
    // The thread goes on as if nothing had been.
    assert!(outcome(seven).is_ok());
}

#[test]
fn an_error_is_a_failure_with_its_sources() {
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("not a port")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    fn body(_: Invocation) -> Result<Value, BodyError> {
        Err(BodyError::new(Outer("x".parse::<u16>().unwrap_err())))
    }
    let expected = failed("not a port", &["invalid digit found in string"], false, None);
    assert_eq!(outcome(body).err(), Some(expected));
}

#[test]
fn an_async_body_may_sleep_fail_and_panic() {
    static WOKEN: AtomicBool = AtomicBool::new(false);
    fn sleepy(_: Invocation) -> crate::task::BodyFuture {
        Box::pin(async {
            crate::rt::yield_now().await;
            WOKEN.store(true, Ordering::Relaxed);
            finish("done".to_owned())
        })
    }
    fn panics(_: Invocation) -> crate::task::BodyFuture {
        Box::pin(async {
            crate::rt::yield_now().await;
            panic!("late")
        })
    }
    let line = line!() - 3;
    let run = run(1);
    let (good, bad) = crate::rt::block_on(async {
        let good = body::run_async(sleepy, invocation(&run), Arc::clone(&run), WORKER).await;
        let bad = body::run_async(panics, invocation(&run), Arc::clone(&run), WORKER).await;
        (good, bad)
    })
    .unwrap();
    assert_eq!(good.unwrap().value.take::<String>().unwrap(), "done");
    assert!(WOKEN.load(Ordering::Relaxed));
    let location = Some(format!("{}:{line}:13", file!()));
    assert_eq!(bad.err(), Some(failed("late", &[], true, location)));
}

#[test]
fn one_thread_is_asked_for_per_slot_and_one_more_per_sleeping_body() {
    let executor = Executor::new(2);
    let asked: Vec<_> = (1..=3).map(|number| executor.push(job(number))).collect();
    assert_eq!(asked, [true, true, false]);
    let taken: Vec<_> = (0..3).map(|_| executor.next().unwrap().run.id.counter).collect();
    assert_eq!(taken, [1, 2, 3]);

    executor.fell_asleep();
    assert!(executor.push(job(4)));
    assert!(!executor.push(job(5)));
    assert_eq!((executor.next().unwrap().run.id.counter, executor.threads()), (4, 3));
    assert_eq!((executor.next().unwrap().run.id.counter, executor.threads()), (5, 3));

    // The body goes on: one thread too many, which ends when it looks for work.
    executor.woke_up();
    assert!(executor.next().is_none());
    assert_eq!(executor.threads(), 2);
}

#[test]
fn a_thread_that_could_not_be_started_is_asked_for_again() {
    let executor = Executor::new(1);
    assert!(executor.push(job(1)));
    executor.not_started();
    assert!(executor.push(job(2)));
    assert_eq!(executor.next().unwrap().run.id.counter, 1);
}

#[test]
fn a_closed_executor_begins_nothing() {
    let executor = Arc::new(Executor::new(1));
    assert!(executor.push(job(1)));
    let idle = {
        let executor = Arc::clone(&executor);
        std::thread::spawn(move || std::iter::from_fn(|| executor.next()).count())
    };
    executor.close();
    assert!(idle.join().unwrap() <= 1);
    assert!(!executor.push(job(2)));
    assert!(executor.next().is_none());
}

impl Executor {
    fn threads(&self) -> usize {
        self.lock().threads
    }
}
