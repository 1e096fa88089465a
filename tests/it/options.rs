//! How a task is run: priority, retries, restriction to workers.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use raddle::prelude::*;
use raddle_tests::{add, flaky, logged, process, until_cancelled};

use crate::support::{APP, Gate, Scratch, processes, test, threads};

#[test]
fn higher_priorities_run_first_and_equal_ones_in_order() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let mut gate = Gate::new().await?;
        let _held = client.submit(gate.call(0));
        gate.entered().await?;
        // All wait for the only thread.
        let priorities = [(1, 0), (2, -1), (3, 7), (4, 0), (5, 7), (6, i32::MIN), (7, i32::MAX)];
        let calls = priorities.map(|(name, priority)| add(name, 0).priority(priority));
        let stream = as_completed(client.submit_all(calls));
        gate.open();
        let order: Vec<_> = stream.then(|future| future).collect().await;
        let order: Result<Vec<u64>, _> = order.into_iter().collect();
        assert_eq!(order?, [7, 3, 5, 1, 4, 2, 6]);
        cluster.close().await
    });
}

#[test]
fn what_is_expected_to_take_longest_runs_first() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let mut gate = Gate::new().await?;
        let _held = client.submit(gate.call(0));
        gate.entered().await?;
        let times = [(1, 10), (2, 300), (3, 20), (4, 100)];
        let calls = times.map(|(name, ms)| add(name, 0).expected(Duration::from_millis(ms)));
        let stream = as_completed(client.submit_all(calls));
        gate.open();
        let order: Vec<_> = stream.then(|future| future).collect().await;
        let order: Result<Vec<u64>, _> = order.into_iter().collect();
        assert_eq!(order?, [2, 4, 3, 1]);
        cluster.close().await
    });
}

#[test]
fn a_client_that_comes_later_does_not_wait_for_all_of_another_ones() {
    test(async || {
        let (cluster, first) = threads(1).await?;
        let second = cluster.client().await?;
        let (mut gate, scratch) = (Gate::new().await?, Scratch::new("shares")?);
        let _held = first.submit(gate.call(0));
        gate.entered().await?;
        let many = first.submit_all((1..=500).map(|x| logged(scratch.path("log"), x)));
        // Once a client has an answer, the scheduler has heard what it said before.
        first.info().await?;
        let one = second.submit(logged(scratch.path("log"), 1_000));
        second.info().await?;
        gate.open();
        one.await?;
        first.gather(&many).await?;
        let log = std::fs::read_to_string(scratch.path("log"))?;
        let place = log.lines().position(|line| line == "1000");
        // One that was given out before it came goes first.
        assert!(place.is_some_and(|place| place < 10), "{place:?}");
        cluster.close().await
    });
}

#[test]
fn a_task_that_fails_is_run_again_as_often_as_it_may() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let scratch = Scratch::new("retries")?;
        let good = client.submit(flaky(scratch.path("good"), 3).retries(3));
        assert_eq!(good.await?, 4);
        let bad = client.submit(flaky(scratch.path("bad"), 3).retries(2)).await;
        let Err(TaskError::Failed { message, attempts, panic: false, .. }) = bad else {
            panic!("{bad:?}")
        };
        assert_eq!((message.as_str(), attempts), ("not yet", 3));
        let log = std::fs::read_to_string(scratch.path("bad"))?;
        assert_eq!(log.lines().count(), 3);
        cluster.close().await
    });
}

#[test]
fn a_restricted_task_runs_where_it_may_by_address_or_by_name() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let addresses = cluster.workers();
        let pids = async |place: &str| {
            let futures = client.map(|i| process(i).workers([place]), 0..50);
            let pids: BTreeSet<u32> = client.gather(&futures).await?.into_iter().collect();
            Ok::<_, raddle::Error>(pids)
        };
        let (first, second) = (pids(&addresses[0]).await?, pids(&addresses[1]).await?);
        assert_eq!((first.len(), second.len()), (1, 1));
        assert!(first.is_disjoint(&second), "{first:?} {second:?}");
        assert_eq!(pids("worker-1").await?, second);
        let both = process(0).workers(addresses);
        let either = client.submit(both).await?;
        assert!(first.contains(&either) || second.contains(&either));
        cluster.close().await
    });
}

#[test]
fn a_task_whose_workers_are_not_there_waits_for_them() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let future = client.submit(add(1, 2).workers(["worker-1"]));
        let why = client.explain(&future).await?;
        assert!(why.contains("it may only run on worker-1"), "{why}");
        cluster.add_worker().await?;
        assert_eq!(future.await?, 3);
        cluster.close().await
    });
}

#[test]
fn tasks_never_take_more_than_their_worker_has() {
    test(async || {
        let builder = LocalCluster::builder().workers(1).threads_per_worker(4).program(APP);
        let cluster = builder.resources([("gpu", 1.0)]).start().await?;
        let client = cluster.client().await?;
        let (mut first, mut second) = (Gate::new().await?, Gate::new().await?);
        let half = client.submit(first.call(1).resources([("gpu", 0.6)]));
        first.entered().await?;
        let more = client.submit(second.call(2).resources([("gpu", 0.6)]));
        // There are threads left, and others use them.
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        let why = client.explain(&more).await?;
        assert!(why.contains("waits until a worker that may run it has gpu 0.6000 left"), "{why}");
        first.open();
        second.entered().await?;
        second.open();
        assert_eq!((half.await?, more.await?), (1, 2));
        let huge = client.submit(add(1, 2).resources([("gpu", 2.0)]));
        let why = client.explain(&huge).await?;
        assert!(why.contains("it takes gpu 2.0000, and no worker has so much"), "{why}");
        let wrong = client.submit(add(1, 2).resources([("gpu", -1.0)])).await;
        assert!(matches!(wrong, Err(TaskError::Rejected { .. })), "{wrong:?}");
        cluster.close().await
    });
}

#[test]
fn workers_that_are_preferred_need_not_be_there() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let nowhere = || add(1, 2).workers(["nowhere"]);
        assert_eq!(client.submit(nowhere().allow_other_workers()).await?, 3);
        let never = client.submit(nowhere());
        let why = client.explain(&never).await?;
        assert!(why.contains("it may only run on nowhere"), "{why}");
        assert_eq!(client.submit(add(1, 2).workers(["127.0.0.1"])).await?, 3, "a host");
        cluster.close().await
    });
}

#[test]
fn a_task_that_takes_too_long_has_failed_and_says_so_to_its_body() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let limit = Duration::from_millis(5);
        let over = client.submit(until_cancelled().timeout(limit));
        assert_eq!((&over).await, Err(TaskError::TimedOut));
        // Its thread comes back when it has seen that.
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        let far = Duration::from_secs(3600);
        assert_eq!(client.submit(add(1, 2).timeout(far)).await?, 3);
        cluster.close().await
    });
}

#[test]
fn what_must_run_at_most_once_is_not_run_again_when_its_worker_dies() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let scratch = Scratch::new("once")?;
        let mut gate = Gate::new().await?;
        let once = client.submit(gate.call(1).at_most_once());
        gate.entered().await?;
        cluster.kill_worker(0).await?;
        let died = once.await;
        assert!(matches!(died, Err(TaskError::WorkerDied { deaths: 1, .. })), "{died:?}");
        let log = scratch.path("log");
        let failed = client.submit(flaky(log.clone(), 5).retries(3).at_most_once()).await;
        assert!(matches!(failed, Err(TaskError::Failed { attempts: 1, .. })), "{failed:?}");
        assert_eq!(std::fs::read_to_string(log)?.lines().count(), 1);
        cluster.close().await
    });
}
