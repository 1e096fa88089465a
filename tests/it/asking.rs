//! Questions about the cluster: who is there, why a task is not done.

use std::time::Duration;

use raddle::prelude::*;
use raddle_tests::{add, blob, together, total};

use crate::support::{APP, Gate, Program, RADDLE, known_tasks, tasks_in, test, threads, until};

/// A task that the worker program does not have.
#[raddle::task]
fn add_them(a: u64, b: u64) -> u64 {
    a + b
}

#[test]
fn waiting_for_workers_ends_when_they_are_there() {
    test(async || {
        let (cluster, client) = threads(0).await?;
        let (waited, added, again) =
            tokio::join!(client.wait_for_workers(2), cluster.add_worker(), cluster.add_worker());
        waited?;
        let mut named: Vec<_> = client.workers().await?.into_iter().map(|w| w.address).collect();
        let mut expected = vec![added?, again?];
        named.sort_unstable();
        expected.sort_unstable();
        assert_eq!(named, expected);
        cluster.close().await
    });
}

#[test]
fn a_task_that_is_not_done_can_be_explained() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let mut gate = Gate::new().await?;
        let running = client.submit(gate.call(1));
        gate.entered().await?;
        let waiting = client.submit(add(&running, 1));
        let explain = async |future| client.explain(future).await;
        let why = explain(&running).await?;
        assert!(why.contains(&format!("is on {}", cluster.workers()[0])), "{why}");
        let why = explain(&waiting).await?;
        assert!(why.contains("waits for 1 of 1 inputs"), "{why}");
        assert!(why.contains(&running.key().to_string()), "{why}");
        gate.open();
        (&waiting).await?;
        let why = explain(&waiting).await?;
        assert!(why.contains("is done: 8 bytes on 1 worker"), "{why}");
        cluster.close().await
    });
}

#[test]
fn a_task_without_any_worker_says_so() {
    test(async || {
        let (cluster, client) = threads(0).await?;
        let future = client.submit(add(1, 2));
        let why = client.explain(&future).await?;
        assert!(why.contains("none is connected"), "{why}");
        cluster.add_worker().await?;
        assert_eq!(future.await?, 3);
        cluster.close().await
    });
}

#[test]
fn a_function_that_no_worker_offers_waits_and_names_the_nearest() {
    test(async || {
        let (cluster, client) = crate::support::processes(1).await?;
        let future = client.submit(add_them(1, 2));
        let why = client.explain(&future).await?;
        for part in
            ["no worker offers `it::asking::add_them`", "`raddle_tests::", "use your_crate as _;"]
        {
            assert!(why.contains(part), "{part}: {why}");
        }
        assert_eq!(client.submit(add(1, 2)).await?, 3, "others are not held up");
        until(&client, |info| tasks_in(info, "no-worker") == 1).await?;
        assert!(!future.done());
        future.cancel();
        assert_eq!(future.await, Err(TaskError::Cancelled));
        cluster.close().await
    });
}

#[test]
fn the_cluster_knows_what_is_where() {
    test(async || {
        let (cluster, client) = threads(2).await?;
        let xs = client.map(|i| add(i, 0), 0..10);
        let sum = client.submit(total(&xs));
        assert_eq!((&sum).await?, 45);
        let info = client.info().await?;
        assert_eq!((info.clients, tasks_in(&info, "memory")), (1, 11));
        assert!(info.workers.iter().map(|worker| worker.values).sum::<u64>() >= 11, "{info:?}");
        assert_eq!(info.workers.iter().map(|worker| worker.nthreads).collect::<Vec<_>>(), [1, 1]);
        cluster.close().await
    });
}

#[test]
fn who_holds_what_and_what_has_happened() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let three = client.submit(add(1, 2));
        (&three).await?;
        let worker = cluster.workers().remove(0);
        assert_eq!(client.who_has(&three).await?, cluster.workers());
        assert_eq!(client.has_what(&worker).await?, [three.key()]);
        let story = client.story(&three).await?;
        let states: Vec<_> = story.iter().map(|line| line.to.as_str()).collect();
        assert_eq!(states, ["released", "waiting", "queued", "processing", "memory"]);
        let causes = (story[3].cause.as_str(), story[4].cause.as_str());
        assert_eq!(causes, ("submit", "a run finished"));
        let of_worker = client.worker_story(&worker).await?;
        assert_eq!(of_worker[0].to, "registered");
        assert_eq!(of_worker.last().map(|line| line.key), Some(Some(three.key())));
        let Err(raddle::Error::Unknown(text)) = client.has_what("nobody").await else {
            panic!("there is nobody")
        };
        assert!(text.contains("no worker called `nobody`"), "{text}");
        cluster.close().await
    });
}

#[test]
fn the_whole_state_can_be_written_down() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let sums = client.map(|i| add(i, 0), 0..1500);
        client.gather(&sums).await?;
        let failed = client.submit(raddle_tests::parse("x"));
        assert!((&failed).await.is_err());
        let erred = client.tasks(Some("erred")).await?;
        assert_eq!((erred.len(), erred[0].key), (1, failed.key()));
        assert_eq!(erred[0].failure.as_deref(), Some("invalid float literal"));
        let dump: serde_json::Value = serde_json::from_str(&client.dump().await?).expect("JSON");
        let tasks = dump["tasks"].as_array().expect("a list");
        assert_eq!(tasks.len(), 1501);
        assert_eq!(tasks[0]["workers"][0], cluster.workers()[0].as_str());
        assert_eq!(dump["workers"][0]["values"], 1500);
        cluster.close().await
    });
}

#[test]
fn a_task_of_which_the_inputs_fit_into_no_worker_fails_and_others_do_not() {
    test(async || {
        const PART: usize = 8 << 20;
        let mut scheduler = Program::start(RADDLE, &["scheduler", "--port", "0"])?;
        let line = scheduler.line()?;
        let address = line.split_whitespace().last().unwrap_or_default();
        let limits = ["--memory-limit", "20MiB", "--threads", "1"];
        let worker = [&["worker", address, "--program", APP][..], &limits].concat();
        let mut worker = Program::start(RADDLE, &worker)?;
        worker.line()?;
        let client = Client::connect(address).await?;
        let parts = client.map(blob, [PART; 3]);
        assert_eq!(client.submit(together(&parts[..2])).await?, 2 * PART);
        let above = client.submit(together(&parts));
        let Err(TaskError::NoWorker { reason }) = above.await else { panic!("it ran") };
        assert!(reason.contains(&(3 * PART).to_string()), "{reason}");
        client.shutdown().await?;
        assert_eq!((scheduler.end()?.0, worker.end()?.0), (Some(0), Some(0)));
        Ok(())
    });
}

#[test]
fn a_task_that_no_worker_may_run_fails_when_its_time_is_over() {
    test(async || {
        let limit = Duration::from_millis(50);
        let builder = LocalCluster::builder().workers(1).threads_per_worker(1);
        let cluster = builder.unqualified_timeout(limit).start().await?;
        let client = cluster.client().await?;
        let stuck = client.submit(add(1, 2).workers(["nobody"]));
        let above = client.submit(add(&stuck, 1));
        for failed in [stuck, above] {
            let Err(TaskError::NoWorker { reason }) = failed.await else { panic!("it ran") };
            assert!(reason.contains("it may only run on nobody"), "{reason}");
        }
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        cluster.close().await
    });
}

#[test]
fn a_client_that_wants_too_much_is_refused_more() {
    test(async || {
        let builder = LocalCluster::builder().workers(1).threads_per_worker(1);
        let cluster = builder.max_client_tasks(10).start().await?;
        let (greedy, modest) = (cluster.client().await?, cluster.client().await?);
        let mut held = greedy.map(|x| add(x, 1), 0..12_u64);
        let refused = held.split_off(10);
        assert_eq!(greedy.gather(&held).await?, (1..11).collect::<Vec<_>>());
        for refused in refused {
            let Err(error @ TaskError::Rejected { .. }) = refused.await else { panic!("it ran") };
            assert!(error.to_string().contains("10 tasks, as many as it may"), "{error}");
        }
        assert_eq!(modest.submit(add(1, 2)).await?, 3);
        drop(held);
        until(&modest, |info| known_tasks(info) == 0).await?;
        let again = greedy.submit(add(2, 2));
        assert_eq!(again.await?, 4);
        cluster.close().await
    });
}
