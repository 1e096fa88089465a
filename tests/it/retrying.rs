//! Second thoughts: failures taken back, tasks called off, tasks that nobody waits for.

use raddle::prelude::*;
use raddle_tests::{add, flaky, parse};

use crate::support::{Gate, Scratch, known_tasks, test, threads, until};

#[test]
fn a_failure_is_taken_back_for_all_who_want_what_it_failed() {
    test(async || {
        let (cluster, client) = threads(2).await?;
        let other = cluster.client().await?;
        let scratch = Scratch::new("retry")?;
        let log = scratch.path("log");
        let root = client.submit(flaky(log.clone(), 2).key("root"));
        let text = client.submit(parse_count(&root));
        let elsewhere = other.submit(flaky(log, 2).key("root"));
        assert!((&text).await.is_err() && (&elsewhere).await.is_err());
        text.retry();
        let Err(TaskError::Failed { attempts, .. }) = (&text).await else { panic!("once more") };
        assert_eq!(attempts, 2);
        // Who asks for a run before it has heard of a failure may hear of that afterwards.
        while !matches!((&elsewhere).await, Err(TaskError::Failed { attempts: 2, .. })) {
            tokio::task::yield_now().await;
        }
        other.retry(std::slice::from_ref(&elsewhere));
        assert_eq!(elsewhere.await?, 3);
        // Nor does another client's success come to all at the same moment.
        let is_old = |outcome: &Result<u64, TaskError>| {
            matches!(outcome, Err(TaskError::Failed { attempts: 2, .. }))
        };
        while is_old(&(&text).await) {
            tokio::task::yield_now().await;
        }
        assert_eq!((text.await?, root.await?), (3, 3));
        cluster.close().await
    });
}

/// The count as a number of the other kind.
#[raddle::task]
fn parse_count(count: usize) -> u64 {
    count as u64
}

#[test]
fn what_another_client_needs_is_computed_unless_by_force() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let other = cluster.client().await?;
        let mut gate = Gate::new().await?;
        let first = client.submit(gate.call(1).key("first"));
        gate.entered().await?;
        let theirs = other.submit(add(other.submit(gate.call(1).key("first")), 1));
        until(&client, |info| known_tasks(info) == 2).await?;
        first.cancel();
        assert_eq!((&first).await, Err(TaskError::Cancelled));
        gate.open();
        assert_eq!(theirs.await?, 2);

        let mut gate = Gate::new().await?;
        let second = client.submit(gate.call(1).key("second"));
        gate.entered().await?;
        let theirs = other.submit(add(other.submit(gate.call(1).key("second")), 1));
        until(&client, |info| known_tasks(info) == 2).await?;
        client.force_cancel(&[second]);
        assert_eq!(theirs.await, Err(TaskError::Cancelled));
        cluster.close().await
    });
}

#[test]
fn a_task_that_nobody_waits_for_ends_after_its_client_has_gone() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let other = cluster.client().await?;
        let scratch = Scratch::new("forget")?;
        let mut gate = Gate::new().await?;
        let held = client.submit(gate.call(0));
        client.fire_and_forget(client.submit(flaky_after(&held, scratch.path("log"))));
        gate.entered().await?;
        drop(held);
        client.close().await?;
        until(&other, |info| info.clients == 1).await?;
        gate.open();
        until(&other, |info| known_tasks(info) == 0).await?;
        assert_eq!(std::fs::read_to_string(scratch.path("log"))?, "done");
        cluster.close().await
    });
}

/// Says in the file that it has run.
#[raddle::task]
fn flaky_after(_input: u64, file: std::path::PathBuf) -> Result<(), std::io::Error> {
    std::fs::write(file, "done")
}

#[test]
fn errors_are_gathered_with_the_values() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let futures = client.map(parse, ["1", "x", "3"]);
        let results = client.gather_results(&futures).await;
        assert_eq!((&results[0], &results[2]), (&Ok(1.0), &Ok(3.0)));
        let Err(TaskError::Failed { message, .. }) = &results[1] else { panic!("{results:?}") };
        assert_eq!(message, "invalid float literal");
        cluster.close().await
    });
}
