//! Clusters that change while there is much to do.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use raddle::prelude::*;
use raddle_tests::{add, blob, gated_process, logged, process, verify};

use crate::support::{APP, Gate, Scratch, processes, test, until};

/// A connection that is silent for so long is taken for broken, and then waited for as long.
const TTL: Duration = Duration::from_millis(500);

#[test]
fn a_worker_that_stands_still_does_not_hold_up_the_others() {
    test(async || {
        let builder = LocalCluster::builder().workers(3).threads_per_worker(1).program(APP);
        let builder = builder.connection_ttl(TTL).worker_grace(TTL);
        let cluster = builder.start().await?;
        let client = cluster.client().await?;
        let mut gate = Gate::new().await?;
        let straggler = client.submit(gate.call(7).workers(["worker-0"]).allow_other_workers());
        gate.entered().await?;
        let behind = client.submit(process(0).workers(["worker-0"]));
        cluster.pause_worker(0).await?;
        // Nobody knows yet that it stands still: it is given tasks like the others.
        let sums = client.map(|n| add(n, 1), 0..300);
        let further = client.submit_all(sums.iter().map(|sum| add(sum, 1)));
        assert_eq!(client.gather(&further).await?, (2..302).collect::<Vec<_>>());
        gate.entered().await?;
        gate.open();
        assert_eq!(straggler.await?, 7);
        // It does stand still; what only it may run waits for it.
        let info = client.info().await?;
        assert_eq!(info.workers.len(), 2, "{info:?}");
        cluster.resume_worker(0).await?;
        behind.await?;
        until(&client, |info| info.workers.len() == 3).await?;
        cluster.close().await
    });
}

#[test]
fn of_what_begins_after_they_have_come_new_workers_take_their_share() {
    test(async || {
        const ROUNDS: usize = 7;
        let (cluster, client) = processes(1).await?;
        let mut gate = Gate::new().await?;
        let job = client.map(|n| gated_process(gate.address(), n), 0..60);
        for _ in 0..3 {
            gate.entered().await?;
            gate.let_out();
        }
        gate.entered().await?;
        cluster.add_worker().await?;
        cluster.add_worker().await?;
        for _ in 0..2 {
            gate.entered().await?;
        }
        // Each has one thread, so that each has begun one whenever three are inside.
        for _ in 1..ROUNDS {
            gate.let_out();
            for _ in 0..3 {
                gate.entered().await?;
            }
        }
        gate.open();
        let ran = client.gather(&job).await?;
        let by = |worker: &u32| ran.iter().filter(|by| *by == worker).count();
        let workers: BTreeSet<u32> = ran.iter().copied().collect();
        let shares: Vec<usize> = workers.iter().map(by).collect();
        assert!(shares.len() == 3 && shares.iter().all(|share| *share >= ROUNDS), "{shares:?}");
        cluster.close().await
    });
}

#[test]
fn workers_that_retire_under_load_lose_nothing_and_run_nothing_twice() {
    test(async || {
        const TASKS: u64 = 400;
        let (cluster, client) = processes(4).await?;
        let scratch = Scratch::new("loaded")?;
        let log = scratch.path("log");
        let blobs = client.map(blob, [100_000; 40]);
        let numbers = client.map(|n| logged(log.clone(), n), 0..TASKS);
        let sums = client.submit_all(numbers.iter().map(|number| add(number, 1)));
        client.wait(&numbers[..40], WaitFor::All).await;
        client.retire_workers(&["worker-1", "worker-3"]).await?;
        let checks = client.submit_all(blobs.iter().map(verify));
        assert_eq!(client.gather(&sums).await?, (1..=TASKS).collect::<Vec<_>>());
        assert_eq!(client.gather(&checks).await?, [Some(100_000); 40]);
        let left: BTreeSet<_> = client.workers().await?.into_iter().map(|w| w.name).collect();
        assert!(left.iter().eq(["worker-0", "worker-2"]), "{left:?}");
        let log = fs::read_to_string(log)?;
        let mut runs: Vec<u64> = log.lines().filter_map(|line| line.parse().ok()).collect();
        runs.sort_unstable();
        assert_eq!(runs, (0..TASKS).collect::<Vec<_>>());
        cluster.close().await
    });
}
