//! What a body may do besides computing: say how far it is, log, keep state, ask for another run.

use futures::StreamExt as _;
use raddle::prelude::*;
use raddle_tests::{delegate_all, narrate, nth_here, patient, sleeper};

use crate::support::{Gate, processes, test, threads, until};

#[test]
fn a_body_says_how_far_it_is_and_what_it_does() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let mut gate = Gate::new().await?;
        let future = client.submit(narrate(gate.address()));
        gate.entered().await?;
        while client.progress(&future).await? != 0.25 {
            tokio::task::yield_now().await;
        }
        let why = client.explain(&future).await?;
        assert!(why.ends_with("it says that 25.00 % are done"), "{why}");
        gate.open();
        assert_eq!((&future).await?, 1);
        assert_eq!(client.progress(&future).await?, 1.0);
        let lines = client.logs(&future).await?;
        let said: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(said, ["begun", "let out"]);
        assert!(lines.iter().all(|line| line.key == Some(future.key())), "{lines:?}");
        assert_eq!(lines[0].worker.as_ref(), cluster.workers().first());
        cluster.close().await
    });
}

#[test]
fn a_body_asks_to_be_run_again() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        assert_eq!(client.gather(&client.map(patient, [1, 2])).await?, [1, 2]);
        // Alone: one that waits behind others may be moved before it begins, which counts as an attempt.
        let future = client.submit(patient(50));
        assert_eq!((&future).await?, 50);
        assert_eq!(client.logs(&future).await?.len(), 50);
        let error = client.submit(patient(2000)).await.unwrap_err();
        let TaskError::Failed { message, attempts, .. } = &error else { panic!("{error:?}") };
        assert_eq!(
            (message.as_str(), *attempts),
            ("it asked to be run again, after 1024 runs", 1024)
        );
        let once = client.submit(patient(2).at_most_once()).await;
        assert!(matches!(once, Err(TaskError::Failed { attempts: 1, .. })), "{once:?}");
        cluster.close().await
    });
}

#[test]
fn what_bodies_keep_on_a_worker_goes_with_the_worker() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let counts = client.gather(&client.map(nth_here, 0..10)).await?;
        assert_eq!(counts.iter().sum::<u64>(), 55);
        let old = cluster.workers();
        cluster.kill_worker(0).await?;
        until(&client, |info| info.workers.iter().any(|w| !old.contains(&w.address))).await?;
        assert_eq!(client.submit(nth_here(0)).await?, 1);
        cluster.close().await
    });
}

#[test]
fn a_body_waits_for_the_end_of_its_run() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let mut gate = Gate::new().await?;
        let future = client.submit(sleeper(gate.address()));
        gate.entered().await?;
        future.cancel();
        gate.left().await?;
        assert_eq!(future.await, Err(TaskError::Cancelled));
        cluster.close().await
    });
}

#[test]
fn a_body_is_a_client() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        // 0 + … + 9, ten times ten, and two workers.
        assert_eq!(client.submit(delegate_all(10)).await?, 147);
        cluster.close().await
    });
}

#[test]
fn clients_talk_on_topics_and_hear_who_comes_and_goes() {
    test(async || {
        let (cluster, ann) = threads(1).await?;
        let bob = cluster.client().await?;
        ann.log_event("jobs", "one").await?;
        let mut jobs = bob.events("jobs");
        let first = jobs.next().await.expect("it goes on")?;
        let (next, said) = futures::join!(jobs.next(), ann.log_event("jobs", "two"));
        said?;
        let next = next.expect("it goes on")?;
        assert_eq!((first.number, &*first.text, next.number, &*next.text), (1, "one", 2, "two"));
        let error = ann.log_event("workers", "I am one").await;
        assert!(matches!(error, Err(raddle::Error::Declined(_))), "{error:?}");
        let joined = ann.events("workers").next().await.expect("it goes on")?;
        assert!(joined.text.starts_with("joined: "), "{joined:?}");
        cluster.close().await?;
        assert!(jobs.next().await.expect("it says why").is_err());
        assert!(jobs.next().await.is_none());
        Ok(())
    });
}
