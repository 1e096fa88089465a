//! What clients share: published futures, calls on every worker.

use raddle::prelude::*;
use raddle_tests::{add, process, total};

use crate::support::{known_tasks, processes, test, threads, until};

#[test]
fn what_is_published_outlives_the_client_that_published_it() {
    test(async || {
        let (cluster, ann) = processes(2).await?;
        let bob = cluster.client().await?;
        let sums = ann.map(|i| add(i, 0), 0..100);
        ann.publish("sums", &sums).await?;
        let error = ann.publish("sums", &sums).await;
        assert!(matches!(error, Err(raddle::Error::Declined(_))), "{error:?}");
        drop(sums);
        ann.close().await?;
        until(&bob, |info| info.clients == 1).await?;

        assert_eq!(bob.datasets().await?, ["sums"]);
        for _ in 0..3 {
            // Taken, used and let go, again and again.
            let sums: Vec<TaskFuture<u64>> = bob.dataset("sums").await?;
            assert_eq!(bob.gather(&sums).await?, (0..100).collect::<Vec<_>>());
            assert_eq!(bob.submit(total(sums)).await?, 4950);
        }
        let wrong: Vec<TaskFuture<String>> = bob.dataset("sums").await?;
        assert!(matches!((&wrong[0]).await, Err(TaskError::Decode { .. })));
        bob.unpublish("sums").await?;
        let error = bob.dataset::<u64>("sums").await;
        assert!(matches!(error, Err(raddle::Error::Unknown(_))), "{error:?}");
        drop(wrong);
        until(&bob, |info| known_tasks(info) == 0).await?;
        cluster.close().await
    });
}

#[test]
fn a_publisher_can_let_go_and_take_back() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let first = client.submit(add(1, 2));
        client.publish("first", std::slice::from_ref(&first)).await?;
        drop(first);
        // The window of numbers moves on.
        client.gather(&client.map(|i| add(i, 0), 0..2000)).await?;
        let first: Vec<TaskFuture<u64>> = client.dataset("first").await?;
        let again: Vec<TaskFuture<u64>> = client.dataset("first").await?;
        assert_eq!(first[0].key(), again[0].key());
        assert_eq!(((&first[0]).await?, (&again[0]).await?), (3, 3));
        cluster.close().await
    });
}

#[test]
fn a_call_runs_on_every_worker() {
    test(async || {
        let (cluster, client) = processes(3).await?;
        let ran = client.run_on_workers(process(0).key("one name")).await?;
        let mut workers = cluster.workers();
        workers.sort_unstable();
        assert!(ran.keys().eq(&workers), "{ran:?}");
        let processes: std::collections::BTreeSet<_> = ran.into_values().flatten().collect();
        assert_eq!(processes.len(), 3);
        cluster.close().await
    });
}
