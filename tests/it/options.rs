//! How a task is run: priority, retries, restriction to workers.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use raddle::prelude::*;
use raddle_tests::{add, flaky, process};

use crate::support::{Gate, Scratch, processes, test, threads};

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
