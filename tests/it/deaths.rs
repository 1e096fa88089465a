//! Workers that die: nothing is lost, and only the guilty are charged.

use std::collections::BTreeSet;

use raddle::prelude::*;
use raddle::{Error, Result, SchedulerInfo};
use raddle_tests::{add, exits, process};

use crate::support::{Gate, processes, test, threads, until};

/// Layers of the graph, and tasks of each.
const LAYERS: usize = 10;
const WIDTH: usize = 1000;

/// A graph of 10,000 tasks, each but the first with two inputs from the layer before.
fn graph(client: &Client) -> Vec<Vec<TaskFuture<u64>>> {
    let mut layers = vec![client.map(|i| add(i as u64, 1), 0..WIDTH)];
    for layer in 1..LAYERS {
        let previous = &layers[layer - 1];
        let next = client.map(|i| add(&previous[i], &previous[other(i, layer)]), 0..WIDTH);
        layers.push(next);
    }
    layers
}

fn other(i: usize, layer: usize) -> usize {
    (7 * i + layer) % WIDTH
}

/// What the graph gives, computed here.
fn expected() -> Vec<Vec<u64>> {
    let mut layers = vec![(1..=WIDTH as u64).collect::<Vec<_>>()];
    for layer in 1..LAYERS {
        let previous = &layers[layer - 1];
        layers.push((0..WIDTH).map(|i| previous[i] + previous[other(i, layer)]).collect());
    }
    layers
}

/// Runs the graph; workers are killed in its middle.
async fn run(client: &Client, kill: impl AsyncFn() -> Result<()>) -> Result<()> {
    let layers = graph(client);
    client.wait(&layers[3], WaitFor::First).await;
    kill().await?;
    client.wait(&layers[6], WaitFor::First).await;
    kill().await?;
    for (futures, expected) in layers.iter().zip(expected()) {
        assert_eq!(client.gather(futures).await?, expected);
    }
    Ok(())
}

#[test]
fn kill_minus_9_in_the_middle_of_a_graph_changes_no_result() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        run(&client, async || cluster.kill_worker(0).await).await?;
        cluster.close().await
    });
}

#[test]
fn killing_every_process_in_the_middle_of_a_graph_changes_no_result() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        run(&client, async || {
            cluster.kill_worker(0).await?;
            cluster.kill_worker(1).await
        })
        .await?;
        cluster.close().await
    });
}

#[test]
fn killing_threads_in_the_middle_of_a_graph_changes_no_result() {
    test(async || {
        let (cluster, client) = threads(2).await?;
        run(&client, async || {
            let last = cluster.workers().len() - 1;
            cluster.kill_worker(last).await?;
            cluster.add_worker().await.map(drop)
        })
        .await?;
        cluster.close().await
    });
}

#[test]
fn a_process_that_died_is_started_again_as_a_new_worker() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let ids = |info: &SchedulerInfo| info.workers.iter().map(|w| w.id).collect::<BTreeSet<_>>();
        let (before, addresses) = (ids(&client.info().await?), cluster.workers());
        let old = client.submit(process(0).workers([&addresses[0]])).await?;
        cluster.kill_worker(0).await?;
        let is_new = |info: &SchedulerInfo| {
            let ids = ids(info);
            ids.len() == 2 && ids.difference(&before).count() == 1
        };
        let info = until(&client, is_new).await?;
        let mut names: Vec<_> = info.workers.iter().map(|worker| &worker.name[..]).collect();
        names.sort_unstable();
        assert_eq!(names, ["worker-0", "worker-1"]);
        let new = client.submit(process(0).workers(["worker-0"])).await?;
        assert_ne!(new, old);
        // The address of the other is what it was.
        assert_eq!(cluster.workers()[1], addresses[1]);
        cluster.close().await
    });
}

#[test]
fn without_restart_a_dead_process_stays_dead() {
    test(async || {
        let builder = LocalCluster::builder().workers(2).program(crate::support::APP);
        let cluster = builder.restart(false).start().await?;
        let client = cluster.client().await?;
        cluster.kill_worker(1).await?;
        let info = until(&client, |info| info.workers.len() == 1).await?;
        assert_eq!(info.workers[0].name, "worker-0");
        let resumed = cluster.resume_worker(1).await;
        assert!(matches!(resumed, Err(Error::WorkerGone { .. })), "{resumed:?}");
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        cluster.close().await
    });
}

#[test]
fn a_task_that_ends_its_process_fails_and_what_waited_behind_it_does_not() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let mut gate = Gate::new().await?;
        let held = client.submit(gate.call(0));
        gate.entered().await?;
        // All are with the only worker when it dies.
        let before = client.map(|i| add(i, 1), 0..20);
        let guilty = client.submit(exits(7).allowed_failures(1));
        let after = client.map(|i| add(i, 2), 0..20);
        let dependent = client.submit(add(&guilty, 1));
        gate.open();
        let error = guilty.await.unwrap_err();
        let TaskError::WorkerDied { deaths: 2, last_worker, .. } = &error else {
            panic!("{error:?}")
        };
        assert!(last_worker.starts_with("tcp://127.0.0.1:"), "{last_worker}");
        assert!(error.to_string().starts_with("2 workers died while running the task"), "{error}");
        assert_eq!(dependent.await, Err(error));
        assert_eq!(held.await?, 0);
        assert_eq!(client.gather(&before).await?, (1..=20).collect::<Vec<_>>());
        assert_eq!(client.gather(&after).await?, (2..=21).collect::<Vec<_>>());
        cluster.close().await
    });
}

#[test]
fn a_process_that_is_stopped_is_not_dead() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        cluster.pause_worker(0).await?;
        let future = client.submit(add(2, 3));
        // The scheduler has given it away: nobody answers.
        client.info().await?;
        assert!(!future.done());
        cluster.resume_worker(0).await?;
        assert_eq!(future.await?, 5);
        assert_eq!(client.info().await?.workers[0].id.0, 1, "it is the same worker");
        cluster.close().await
    });
}
