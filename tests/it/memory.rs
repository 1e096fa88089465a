//! Workers whose processes have more in memory than their values.

use raddle::prelude::*;
use raddle::{SchedulerInfo, WorkerInfo};
use raddle_tests::{ballast, blob, process, verify};

use crate::support::{APP, Gate, test, until};

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
        let heavy = ballast(gate.address(), (PAUSE + (4 << 20)) as usize).workers(["worker-0"]);
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
        assert_eq!(heavy.await?, PAUSE + (4 << 20));
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
