//! Tasks that submit tasks.

use raddle::prelude::*;
use raddle_tests::{add, delegates, depth, depth_async, fib, fib_blocking, spawns};

use crate::support::{known_tasks, processes, test, threads, until};

#[test]
fn async_tasks_submit_tasks_and_wait_for_them() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        assert_eq!(client.submit(fib(13)).await?, 233);
        let many = client.map(fib, 0..10);
        assert_eq!(client.gather(&many).await?, [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]);
        drop(many);
        until(&client, |info| known_tasks(info) == 0).await?;
        cluster.close().await
    });
}

#[test]
fn blocking_tasks_submit_tasks_and_wait_for_them() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        assert_eq!(client.submit(fib_blocking(10)).await?, 55);
        cluster.close().await
    });
}

#[test]
fn a_task_that_waits_gives_its_slot_away_however_deep_it_goes() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        assert_eq!(client.submit(depth(1000)).await?, 1000);
        assert_eq!(client.submit(depth_async(1000)).await?, 1000);
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        cluster.close().await
    });
}

#[test]
fn a_task_that_passes_an_error_on_keeps_its_root() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let outer = client.submit(delegates("no number"));
        let dependent = client.submit(add(&outer, 1));
        let error = (&outer).await.unwrap_err();
        let TaskError::Failed { message, blame, chain, .. } = &error else { panic!("{error:?}") };
        assert_eq!(message, "the outer error");
        assert_eq!(chain[..], ["invalid digit found in string"]);
        assert_ne!(*blame, outer.key(), "the inner task is to blame");
        assert_eq!(dependent.await, Err(error));
        cluster.close().await
    });
}

#[test]
fn what_a_task_submitted_ends_with_the_task() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        // It submits tasks that can never run, and returns.
        assert_eq!(client.submit(spawns(50)).await?, 50);
        until(&client, |info| known_tasks(info) == 0).await?;
        cluster.close().await
    });
}

#[test]
fn tasks_within_tasks_survive_the_death_of_a_worker() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let futures = client.map(fib, [12, 13]);
        until(&client, |info| known_tasks(info) > 20 || futures[1].done()).await?;
        cluster.kill_worker(0).await?;
        assert_eq!(client.gather(&futures).await?, [144, 233]);
        cluster.close().await
    });
}
