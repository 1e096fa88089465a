//! Names of tasks: pure calls and calls with a key are shared, and never by mistake.

use raddle::prelude::*;
use raddle_tests::{add, flaky};

use crate::support::{Scratch, processes, test, threads};

#[test]
fn pure_calls_with_equal_arguments_are_one_task_for_all_clients() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let other = cluster.client().await?;
        let scratch = Scratch::new("pure")?;
        let log = scratch.path("log");
        // It counts how often it has run.
        let first = client.submit(flaky(log.clone(), 0).pure());
        let again = client.submit(flaky(log.clone(), 0).pure());
        let elsewhere = other.submit(flaky(log.clone(), 0).pure());
        assert_eq!((first.key(), first.key()), (again.key(), elsewhere.key()));
        // None is let go before all have their value.
        assert_eq!(((&first).await?, (&again).await?, (&elsewhere).await?), (1, 1, 1));
        let (one, two) = (client.submit(add(1, 2).pure()), client.submit(add(2, 1).pure()));
        assert_ne!(one.key(), two.key());
        let (sum, same) = (client.submit(add(&one, 1).pure()), client.submit(add(&one, 1).pure()));
        assert_eq!((sum.key(), sum.await?), (same.key(), 4));
        assert_ne!(client.submit(add(1, 2)).key(), client.submit(add(1, 2)).key());
        cluster.close().await
    });
}

#[test]
fn a_named_task_is_one_task_for_all_clients() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let other = cluster.client().await?;
        let scratch = Scratch::new("named")?;
        let log = scratch.path("log");
        let first = client.submit(flaky(log.clone(), 0).key("count"));
        let elsewhere = other.submit(flaky(log, 0).key("count"));
        assert_eq!((first.key(), (&first).await?), (elsewhere.key(), 1));
        assert_eq!((&elsewhere).await?, 1);
        cluster.close().await
    });
}

#[test]
fn a_name_is_never_reused_for_another_task() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let other = cluster.client().await?;
        let three = client.submit(add(1, 2).key("sum"));
        // The scheduler knows the first before the other client comes.
        assert_eq!((&three).await?, 3);
        for client in [&client, &other] {
            let wrong = client.submit(add(2, 2).key("sum")).await;
            let Err(TaskError::Rejected { reason }) = wrong else { panic!("{wrong:?}") };
            assert!(reason.contains("already names another task"), "{reason}");
        }
        // Once nobody holds it, the name is free.
        drop(three);
        crate::support::until(&other, |info| crate::support::known_tasks(info) == 0).await?;
        assert_eq!(client.submit(add(2, 2).key("sum")).await?, 4);
        cluster.close().await
    });
}
