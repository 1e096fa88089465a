//! Workers whose processes have more in memory than their values, and those that have too much.

use raddle::prelude::*;
use raddle::{SchedulerInfo, WorkerInfo};
use raddle_tests::{add, ballast, blob, process, verify};

use crate::support::{APP, Gate, Program, test, threads, until};

/// What each worker may use.
const LIMIT: u64 = 128 << 20;
/// Beyond this share of it values go to disk; beyond the other the worker is full.
const SPILL: u64 = LIMIT / 10 * 7;
const PAUSE: u64 = LIMIT / 10 * 8;

async fn cluster(workers: usize) -> raddle::Result<(LocalCluster, Client)> {
    let builder = LocalCluster::builder().workers(workers).threads_per_worker(1).program(APP);
    let cluster = builder.memory_limit(LIMIT).start().await?;
    let client = cluster.client().await?;
    Ok((cluster, client))
}

/// What is known of the first worker, which may have come after others.
fn first(info: &SchedulerInfo) -> &WorkerInfo {
    let named = info.workers.iter().find(|worker| worker.name == "worker-0");
    named.expect("it is there")
}

#[test]
fn a_worker_whose_process_is_full_is_given_nothing_new_until_it_has_memory_again() {
    test(async || {
        let (cluster, client) = cluster(2).await?;
        let mut gate = Gate::new().await?;
        let heavy = ballast(gate.address(), PAUSE as usize).workers(["worker-0"]);
        let heavy = client.submit(heavy);
        gate.entered().await?;
        let info = until(&client, |info| first(info).status == "paused").await?;
        assert_eq!(first(&info).note, "its memory is full");
        assert!(first(&info).process_bytes > PAUSE, "{info:?}");
        // It takes nothing, and another one does.
        let only_there = client.submit(process(0).workers(["worker-0"]));
        let processes = client.gather(&client.map(process, 1..9)).await?;
        let other = client.submit(process(9).workers(["worker-1"])).await?;
        assert_eq!(processes, [other; 8]);
        let why = client.explain(&only_there).await?;
        assert!(why.ends_with("worker worker-0 is paused: its memory is full"), "{why}");
        gate.open();
        assert_eq!(heavy.await?, PAUSE);
        assert_ne!(only_there.await?, other);
        let info = until(&client, |info| first(info).status == "running").await?;
        assert_eq!(first(&info).note, "");
        cluster.close().await
    });
}

#[test]
fn values_go_to_disk_for_what_else_is_in_the_process_and_come_back_the_same() {
    test(async || {
        const PARTS: usize = 24;
        let (cluster, client) = cluster(1).await?;
        let parts = client.map(blob, [1 << 20; PARTS]);
        client.wait(&parts, WaitFor::All).await;
        let mut gate = Gate::new().await?;
        let heavy = client.submit(ballast(gate.address(), SPILL as usize));
        gate.entered().await?;
        let all = (PARTS << 20) as u64;
        until(&client, |info| first(info).spilled_bytes == all).await?;
        gate.open();
        assert_eq!(heavy.await?, SPILL);
        let checks = client.submit_all(parts.iter().map(verify));
        assert_eq!(client.gather(&checks).await?, [Some(1 << 20); PARTS]);
        cluster.close().await
    });
}

#[test]
fn a_task_that_fills_the_memory_of_one_worker_after_the_other_fails_and_the_cluster_goes_on() {
    test(async || {
        let (cluster, client) = cluster(2).await?;
        let parts = client.map(blob, [1 << 20; 8]);
        client.wait(&parts, WaitFor::All).await;
        // Nobody lets it out.
        let gate = Gate::new().await?;
        let glutton = ballast(gate.address(), 2 * LIMIT as usize).allowed_failures(1);
        let glutton = client.submit(glutton);
        let dependent = client.submit(add(&glutton, 1));
        let error = glutton.await.unwrap_err();
        let TaskError::WorkerDied { deaths: 2, reason, .. } = &error else { panic!("{error:?}") };
        let says = "its process ran out of memory: it had ";
        assert!(reason.starts_with(says) && error.to_string().contains(says), "{error}");
        assert!(reason.ends_with("of the 128 MiB that it may use"), "{reason}");
        assert_eq!(dependent.await, Err(error));
        // What the dead held is made again, and they come again as others.
        let checks = client.submit_all(parts.iter().map(verify));
        assert_eq!(client.gather(&checks).await?, [Some(1 << 20); 8]);
        let is_new = |worker: &WorkerInfo| worker.id.0 > 2;
        until(&client, |info| info.workers.len() == 2 && info.workers.iter().any(is_new)).await?;
        cluster.close().await
    });
}

#[test]
fn a_worker_of_the_command_line_that_runs_out_of_memory_says_so_and_ends() {
    test(async || {
        let (cluster, client) = threads(0).await?;
        let limit = LIMIT.to_string();
        let arguments = ["--raddle-worker", cluster.address(), "--raddle-memory-limit", &limit];
        let worker = Program::start(APP, &arguments)?;
        let gate = Gate::new().await?;
        let glutton = ballast(gate.address(), 2 * LIMIT as usize).at_most_once();
        let error = client.submit(glutton).await.unwrap_err();
        let TaskError::WorkerDied { deaths: 1, reason, .. } = &error else { panic!("{error:?}") };
        assert!(reason.starts_with("its process ran out of memory"), "{reason}");
        let (code, said) = worker.end()?;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("MiB in memory, more than the 121 MiB at which it ends"), "{said}");
        cluster.close().await
    });
}

#[test]
fn where_it_may_have_as_much_as_it_likes_a_worker_never_ends_for_that() {
    test(async || {
        let builder = LocalCluster::builder().workers(1).threads_per_worker(1).program(APP);
        let cluster = builder.memory_limit(LIMIT).memory_terminate(0.0).start().await?;
        let client = cluster.client().await?;
        let mut gate = Gate::new().await?;
        let heavy = client.submit(ballast(gate.address(), 2 * LIMIT as usize).at_most_once());
        gate.entered().await?;
        until(&client, |info| first(info).process_bytes > 2 * LIMIT).await?;
        gate.open();
        assert_eq!(heavy.await?, 2 * LIMIT);
        cluster.close().await
    });
}
