//! The first figures, each beside its floor or peer, all of one run:
//! `cargo bench -p raddle --bench first_light`.
//!
//! In each round everything is measured once, one after another, so that a noisy machine is noisy
//! for all of it. Shown are medians of the rounds with minimum and maximum, and the median of the
//! rounds' ratios. Nothing is asserted of a time. Peers: set `RADDLE_BENCH_PYTHON` to a Python with
//! `distributed`, for instance after `python3 -m venv V && V/bin/pip install distributed`.

mod floor;
mod memory;
mod peers;
mod report;
mod workload;

use raddle::Credentials;
use raddle::prelude::*;

use self::peers::Peer;
use self::report::{Report, say};

/// Rounds of everything.
const ROUNDS: usize = 7;

const MAP: &str = "100,000 no-ops by `map`, gathered; 2 processes × 1 thread; tasks/s";
const MAP_THREADS: &str = "the same; 1 worker in the client's process × 2 threads; tasks/s";
const MAP_TLS: &str = "100,000 no-ops by `map`, every connection by TLS; tasks/s";
const SUBMITS: &str = "100,000 no-ops, one `submit` each, gathered; tasks/s";
const TREE: &str = "sum of 32,768 numbers as a tree, 65,535 tasks; tasks/s";
const NESTED: &str = "100,000 no-ops submitted by 20 tasks; tasks/s";
const RECURSIVE: &str = "Fibonacci's 20th number by 21,891 tasks within tasks; tasks/s";
const CHAIN: &str = "chain of 10,000; µs a link";
const P50: &str = "submit → result, p50; µs";
const P99: &str = "submit → result, p99; µs";
const BUSY_P50: &str = "the same with a higher priority, during a map of 200,000; p50; µs";
const BUSY_P99: &str = "the same, p99; µs";
const TRANSFER: &str = "100 MB from worker to worker; GB/s";
const TRANSFER_TLS: &str = "the same by TLS; GB/s";
const QUEUED: &str = "resident bytes of the scheduler a task, 1,000,000 queued";

const FUTURES: &str = "ProcessPoolExecutor";
const DASK: &str = "Dask";

#[raddle::main]
async fn main() -> raddle::Result<()> {
    if memory::is_asked() {
        say(&memory::bytes_per_queued_task().to_string());
        return Ok(());
    }
    let mut report = Report::default();
    let mut peers = vec![Peer::start(FUTURES, "futures.py"), Peer::start(DASK, "dask_cluster.py")];
    let processes =
        LocalCluster::builder().workers(2).threads_per_worker(1).processes(true).start().await?;
    let threads = LocalCluster::builder().workers(1).threads_per_worker(2).start().await?;
    let sealed = LocalCluster::builder().workers(2).threads_per_worker(1).processes(true);
    let sealed = sealed.credentials(Credentials::temporary()?).start().await?;
    let by_tls = sealed.client().await?;
    let (client, local) = (processes.client().await?, threads.client().await?);
    workload::map(&client, 1_000).await?;
    for _ in 0..ROUNDS {
        let plain = workload::map(&client, 100_000).await?;
        report.ours(MAP, plain);
        report.ours(MAP_TLS, workload::map(&by_tls, 100_000).await?);
        report.beside(MAP_TLS, "without TLS", plain);
        report.beside(MAP, "relay of 4 hops, pipelined", floor::pipelined(100_000)?);
        report.ours(MAP_THREADS, workload::map(&local, 100_000).await?);
        report.ours(SUBMITS, workload::submits(&client, 100_000).await?);
        report.ours(TREE, workload::tree(&client, 1 << 15).await?);
        report.ours(NESTED, workload::nested(&client, 20, 5_000).await?);
        report.ours(RECURSIVE, workload::recursive(&client, 20).await?);
        report.ours(CHAIN, workload::chain(&client, 10_000).await?);
        latencies(&mut report, &client).await?;
        let plain = workload::transfer(&client, &processes.workers(), NBYTES).await?;
        report.ours(TRANSFER, plain);
        let tls = workload::transfer(&by_tls, &sealed.workers(), NBYTES).await?;
        report.ours(TRANSFER_TLS, tls);
        report.beside(TRANSFER_TLS, "without TLS", plain);
        report.beside(TRANSFER, "raw copy over TCP, fresh buffer", floor::copy(NBYTES)?);
        report.ours(QUEUED, memory::measure());
        measure_peers(&mut report, &mut peers);
    }
    by_tls.close().await?;
    sealed.close().await?;
    local.close().await?;
    client.close().await?;
    threads.close().await?;
    processes.close().await?;
    report.print();
    for peer in peers {
        if let Err(why) = peer.end() {
            say(&why);
        }
    }
    Ok(())
}

/// Bytes of the large value.
const NBYTES: usize = 100_000_000;

async fn latencies(report: &mut Report, client: &Client) -> raddle::Result<()> {
    let ours = workload::latencies(client, 500).await?;
    let relay = floor::latencies(500)?;
    let busy = workload::busy_latencies(client, 200_000).await?;
    for (name, busy_name, share) in [(P50, BUSY_P50, 0.50), (P99, BUSY_P99, 0.99)] {
        report.ours(name, report::quantile(&ours, share));
        report.beside(name, "relay of 4 hops", report::quantile(&relay, share));
        report.ours(busy_name, report::quantile(&busy, share));
    }
    Ok(())
}

fn measure_peers(report: &mut Report, peers: &mut [Peer]) {
    for peer in peers {
        for (figure, row) in
            [("tasks_per_s", MAP), ("p50_us", P50), ("p99_us", P99), ("gb_per_s", TRANSFER)]
        {
            if figure == "tasks_per_s" {
                peer.measure();
            }
            if let Some(value) = peer.figure(figure) {
                report.beside(row, peer.name, value);
            }
        }
    }
}
