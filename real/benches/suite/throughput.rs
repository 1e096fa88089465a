//! Many small tasks, each for itself.
//!
//! It must not know how they are made or measured.

use crate::bench::{Bench, DASK, FUTURES};
use crate::report::Figure;
use crate::{floor, workload};

const MAP: Figure = Figure::at_least_times(
    "100,000 no-ops by `map`, gathered; 2 processes × 1 thread; tasks/s",
    500.0,
    DASK,
);
const LONG_MAP: Figure = Figure::at_least("1,000,000 no-ops by `map`; tasks/s", 500_000.0);
const THREADS: Figure =
    Figure::new("100,000 no-ops; 1 worker in the client's process × 2 threads; tasks/s");
const TLS: Figure = Figure::at_least_times(
    "100,000 no-ops by `map`, every connection by TLS; tasks/s",
    0.85,
    WITHOUT_TLS,
);
const SUBMITS: Figure =
    Figure::at_least("100,000 no-ops, one `submit` each, gathered; tasks/s", 250_000.0);
const NESTED: Figure = Figure::at_least("100,000 no-ops submitted by 20 tasks; tasks/s", 50_000.0);
const RECURSIVE: Figure =
    Figure::new("Fibonacci's 20th number by 21,891 tasks within tasks; tasks/s");

const WITHOUT_TLS: &str = "without TLS";

pub(crate) async fn measure(bench: &mut Bench) -> raddle::Result<()> {
    let tasks = bench.tasks(100_000);
    let plain = workload::map(&bench.client, tasks).await?;
    bench.report.ours(MAP, plain);
    bench.report.beside(MAP, "relay of 4 hops, pipelined", floor::pipelined(100_000)?);
    bench.report.ours(TLS, workload::map(&bench.by_tls, tasks).await?);
    bench.report.beside(TLS, WITHOUT_TLS, plain);
    bench.report.ours(LONG_MAP, workload::map(&bench.client, bench.tasks(1_000_000)).await?);
    workload::forgotten(&bench.client).await?;
    bench.report.ours(THREADS, workload::map(&bench.local, tasks).await?);
    bench.report.ours(SUBMITS, workload::submits(&bench.client, tasks).await?);
    bench.report.ours(NESTED, workload::nested(&bench.client, 20, tasks / 20).await?);
    bench.report.ours(RECURSIVE, workload::recursive(&bench.client, 20).await?);
    for peer in &mut bench.peers {
        peer.measure("tasks");
        if let Some(rate) = peer.figure("tasks_per_s") {
            bench.report.beside(MAP, peer.name, rate);
            if peer.name == FUTURES {
                bench.report.beside(LONG_MAP, peer.name, rate);
            }
        }
    }
    Ok(())
}
