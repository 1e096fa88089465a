//! Values that do not fit into the memory of their workers.

use std::fs;

use raddle::prelude::*;
use raddle_tests::{blob, fetch_and_verify, process, together, verify, verify_async};
use rustix::process::Signal;

use crate::support::{APP, Program, Scratch, test, threads, until};

/// What each of two workers may use. A process has as much before it holds anything, so that none may
/// end for that.
const LIMIT: u64 = 16 << 20;
/// Bytes of a value.
const PART: usize = 1 << 20;
/// As many are four times what both may use.
const PARTS: usize = 128;

async fn cluster(folder: &str) -> raddle::Result<(LocalCluster, Client)> {
    let builder = LocalCluster::builder().program(APP).workers(2).threads_per_worker(1);
    let builder = builder.memory_limit(LIMIT).memory_terminate(0.0);
    let cluster = match folder {
        "" => builder.start().await?,
        folder => builder.spill_directory(folder).start().await?,
    };
    let client = cluster.client().await?;
    Ok((cluster, client))
}

/// Bytes of this process that are in memory.
fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it is alive");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("on Linux");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") << 10
}

#[test]
fn a_job_of_four_times_the_memory_of_its_cluster_ends_with_the_right_values() {
    test(async || {
        let (cluster, client) = cluster("").await?;
        let parts = client.map(blob, [PART; PARTS]);
        client.wait(&parts, WaitFor::All).await;
        let held: u64 = client.workers().await?.iter().map(|worker| worker.nbytes).sum();
        assert_eq!(held, (PARTS * PART) as u64);
        until(&client, |info| {
            let spilled: u64 = info.workers.iter().map(|worker| worker.spilled_bytes).sum();
            spilled + 2 * LIMIT >= held
        })
        .await?;
        for process in client.gather(&client.map(process, 0..20)).await? {
            let resident = resident(process);
            assert!(resident < held / 2, "{process} uses {resident} bytes");
        }
        // To bodies with a thread and without, to runs that ask for them, to another worker, and here.
        let checks = [
            client.submit_all(parts.iter().map(verify)),
            client.submit_all(parts.iter().map(verify_async)),
            client.submit_all(parts.iter().map(|part| fetch_and_verify(part.clone()))),
        ];
        for checks in checks {
            assert_eq!(client.gather(&checks).await?, [Some(PART); PARTS]);
        }
        assert_eq!(client.submit(together(&parts[..8])).await?, 8 * PART);
        for (n, value) in client.gather(&parts[..16]).await?.into_iter().enumerate() {
            assert_eq!(value.len(), PART, "{n}");
        }
        drop(parts);
        cluster.close().await
    });
}

#[test]
fn what_is_on_disk_survives_the_worker_that_retires() {
    test(async || {
        let (cluster, client) = cluster("").await?;
        let parts = client.map(blob, [PART; 48]);
        client.wait(&parts, WaitFor::All).await;
        client.retire_workers(&["worker-0"]).await?;
        let checks = client.submit_all(parts.iter().map(verify));
        assert_eq!(client.gather(&checks).await?, [Some(PART); 48]);
        let attempts = client.task(&parts[0]).await?;
        assert_eq!(attempts.map(|task| task.attempts), Some(1));
        cluster.close().await
    });
}

#[test]
fn where_nothing_can_be_written_everything_stays_in_memory() {
    test(async || {
        let (cluster, client) = cluster("/proc/self/nothing/can/be/made/here").await?;
        let parts = client.map(blob, [PART; 48]);
        let checks = client.submit_all(parts.iter().map(verify));
        assert_eq!(client.gather(&checks).await?, [Some(PART); 48]);
        cluster.close().await
    });
}

/// What people read of a worker of which the disk takes nothing.
const REFUSED: &str = "its values cannot be written to disk";

#[test]
fn a_disk_that_is_full_loses_nothing_and_is_told_of_once() {
    test(async || {
        const PARTS: usize = 48;
        let (cluster, client) = threads(0).await?;
        let scratch = Scratch::new("disk-full")?;
        // No file may be larger than some MiB, and to write more is an error rather than the end.
        let full = "trap '' XFSZ; ulimit -f 16384; RADDLE_LOG=warn exec \"$0\" \"$@\"";
        let (folder, limit) = (scratch.path("spilled"), LIMIT.to_string());
        let folder = folder.to_str().expect("it is text");
        let arguments = ["-c", full, APP, "--raddle-worker", cluster.address()];
        let memory = ["--raddle-memory-limit", &limit, "--raddle-memory-terminate", "0"];
        let disk = ["--raddle-spill-directory", folder];
        let worker = Program::start("sh", &[&arguments[..], &memory, &disk].concat())?;
        let parts = client.map(blob, [PART; PARTS]);
        let checks = client.submit_all(parts.iter().map(verify));
        assert_eq!(client.gather(&checks).await?, [Some(PART); PARTS]);
        until(&client, |info| info.workers[0].note.contains(REFUSED)).await?;
        // It goes on, with what is in memory and with what is on disk.
        let again = client.submit_all(parts.iter().map(verify_async));
        assert_eq!(client.gather(&again).await?, [Some(PART); PARTS]);
        assert!(client.workers().await?[0].spilled_bytes > 0);
        drop((parts, checks, again));
        worker.signal(Signal::TERM)?;
        let (code, said) = worker.end()?;
        let told = said.lines().filter(|line| line.contains("cannot be written to disk")).count();
        assert_eq!((code, told), (Some(0), 1), "{said}");
        cluster.close().await
    });
}

#[test]
fn no_more_goes_to_disk_than_may_and_more_when_there_is_room_again() {
    test(async || {
        const MOST: u64 = 4 << 20;
        let builder = LocalCluster::builder().workers(1).threads_per_worker(1).program(APP);
        let cluster = builder.memory_limit(LIMIT).memory_terminate(0.0);
        let cluster = cluster.spill_limit(MOST).start().await?;
        let client = cluster.client().await?;
        let parts = client.map(blob, [PART; 32]);
        client.wait(&parts, WaitFor::All).await;
        let info = until(&client, |info| info.workers[0].note.contains(REFUSED)).await?;
        assert!(info.workers[0].spilled_bytes <= MOST, "{info:?}");
        let checks = client.submit_all(parts.iter().map(verify));
        assert_eq!(client.gather(&checks).await?, [Some(PART); 32]);
        drop((parts, checks));
        let few = client.map(blob, [PART; 3]);
        let checks = client.submit_all(few.iter().map(verify));
        assert_eq!(client.gather(&checks).await?, [Some(PART); 3]);
        cluster.close().await
    });
}
