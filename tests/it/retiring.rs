//! Workers that leave on request or rest for a while, and copies made on purpose.

use std::time::Duration;

use raddle::prelude::*;
use raddle::{Error, Result};
use raddle_tests::{add, blob, total};

use crate::support::{APP, Gate, Program, processes, tasks_in, test, threads, until};

/// The status of a worker, by its name.
async fn status(client: &Client, name: &str) -> Result<String> {
    let workers = client.workers().await?;
    let worker = workers.into_iter().find(|worker| worker.name == name);
    Ok(worker.map(|worker| worker.status).unwrap_or_default())
}

#[test]
fn a_worker_retires_and_nothing_is_lost() {
    test(async || {
        let (cluster, client) = processes(3).await?;
        let data: Vec<_> = (0..20).map(|n| client.scatter(vec![n, 1])).collect();
        let sums = client.map(|n: usize| total(&data[n]), 0..20);
        wait(&sums, WaitFor::All).await;
        client.retire_workers(&["worker-0"]).await?;
        assert_eq!(client.workers().await?.len(), 2);
        client.retire_workers(&[cluster.workers()[1].clone()]).await?;
        assert_eq!(client.gather(&sums).await?, (1..=20).collect::<Vec<_>>());
        let later: Vec<_> = data.iter().map(|data| client.submit(total(data))).collect();
        assert_eq!(client.gather(&later).await?, (1..=20).collect::<Vec<_>>());
        let left: Vec<_> = client.workers().await?.into_iter().map(|w| w.name).collect();
        assert_eq!(left, ["worker-2"]);
        cluster.close().await
    });
}

#[test]
fn a_worker_that_retires_ends_what_it_runs_and_exits_with_success() {
    test(async || {
        let (cluster, client) = threads(0).await?;
        let arguments = ["--raddle-worker", cluster.address(), "--raddle-name", "old"];
        let old = Program::start(APP, &arguments)?;
        until(&client, |info| info.workers.len() == 1).await?;
        let mut gate = Gate::new().await?;
        let (inside, other) = (client.submit(gate.call(5)), client.clone());
        gate.entered().await?;
        let retired = tokio::spawn(async move { other.retire_workers(&["old"]).await });
        let info = until(&client, |info| info.workers[0].status == "retiring").await?;
        assert_eq!(info.workers[0].note, "1 tasks are to end");
        gate.open();
        // Its value has nowhere to go yet.
        let stuck = "1 values are on no other worker, and no other worker can take them";
        until(&client, |info| info.workers[0].note == stuck).await?;
        cluster.add_worker().await?;
        retired.await.expect("it does not panic")?;
        assert_eq!((inside.await?, old.end()?.0), (5, Some(0)));
        cluster.close().await
    });
}

#[test]
fn what_is_broadcast_is_on_every_worker_and_survives_all_but_one() {
    test(async || {
        let cluster = LocalCluster::builder().workers(4).threads_per_worker(1).program(APP);
        let cluster = cluster.restart(false).start().await?;
        let client = cluster.client().await?;
        let data = client.broadcast(blob::run(2_000_000).to_vec()).await?;
        assert_eq!(client.who_has(&data).await?.len(), 4);
        for worker in 0..3 {
            cluster.kill_worker(worker).await?;
        }
        until(&client, |info| info.workers.len() == 1).await?;
        assert_eq!(client.who_has(&data).await?, [cluster.workers()[3].clone()]);
        assert_eq!(data.await?.len(), 2_000_000);
        cluster.close().await
    });
}

#[test]
fn replicas_are_made_good_and_dropped_again() {
    test(async || {
        let (cluster, client) = threads(3).await?;
        let sum = client.submit(add(1, 2));
        client.replicate(&sum, 2).await?;
        let before = client.who_has(&sum).await?;
        assert_eq!(before.len(), 2);
        let index = cluster.workers().iter().position(|w| *w == before[0]).expect("a worker");
        cluster.kill_worker(index).await?;
        while {
            let now = client.who_has(&sum).await?;
            now.contains(&before[0]) || now.len() != 2
        } {
            tokio::task::yield_now().await;
        }
        client.replicate(&sum, 1).await?;
        assert_eq!((client.who_has(&sum).await?.len(), sum.await?), (1, 3));
        cluster.close().await
    });
}

#[test]
fn a_paused_worker_gets_nothing_new_until_it_is_unpaused() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let data = client.scatter(vec![1_u64, 2]);
        wait(std::slice::from_ref(&data), WaitFor::All).await;
        client.pause_workers(&["worker-0"]).await?;
        assert_eq!(status(&client, "worker-0").await?, "paused");
        let sum = client.submit(total(&data));
        let why = client.explain(&sum).await?;
        assert!(why.ends_with("none is given anything; worker worker-0 is paused"), "{why}");
        assert_eq!(data.await?, [1, 2]);
        client.unpause_workers(&cluster.workers()).await?;
        assert_eq!((sum.await?, status(&client, "worker-0").await?), (3, "running".to_owned()));
        let unknown = client.pause_workers(&["worker-9"]).await;
        assert!(matches!(unknown, Err(Error::Unknown(_))), "{unknown:?}");
        cluster.close().await
    });
}

#[test]
fn what_a_retiring_worker_has_not_begun_runs_elsewhere_at_once() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let mut gate = Gate::new().await?;
        // For so short a time, as it seems, that another is bound behind it.
        let soon = Duration::from_millis(50);
        let running = client.submit(gate.call(1).expected(soon));
        gate.entered().await?;
        let behind = client.submit(add(1, 2).expected(soon));
        until(&client, |info| tasks_in(info, "processing") == 2).await?;
        cluster.add_worker().await?;
        let moves = async {
            assert_eq!(behind.await?, 3);
            gate.open();
            Ok::<u64, Error>(running.await?)
        };
        let (retired, ran) = tokio::join!(client.retire_workers(&["worker-0"]), moves);
        retired?;
        assert_eq!(ran?, 1, "what had begun went on");
        cluster.close().await
    });
}
