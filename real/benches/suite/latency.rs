//! From submit to result.
//!
//! It must not know how a task is measured.

use crate::bench::Bench;
use crate::report::{Figure, quantile};
use crate::{floor, workload};

const P50: Figure = Figure::at_most_times("submit → result, p50; µs", 2.0, RELAY);
const P99: Figure = Figure::new("submit → result, p99; µs");
const BUSY_P50: Figure =
    Figure::new("the same with a higher priority, during a map of 1,000,000; p50; µs");
const BUSY_P99: Figure = Figure::at_most("the same, p99; µs", 1_000.0);
const CHAIN: Figure = Figure::at_most("chain of 10,000; µs a link", 5.0);

const RELAY: &str = "relay of 4 hops";

pub(crate) async fn measure(bench: &mut Bench) -> raddle::Result<()> {
    let ours = workload::latencies(&bench.client, 500).await?;
    let relay = floor::latencies(500)?;
    let busy = workload::busy_latencies(&bench.client, bench.tasks(1_000_000)).await?;
    let report = &mut bench.report;
    for (figure, busy_figure, share) in [(P50, BUSY_P50, 0.50), (P99, BUSY_P99, 0.99)] {
        report.ours(figure, quantile(&ours, share));
        report.beside(figure, RELAY, quantile(&relay, share));
        report.ours(busy_figure, quantile(&busy, share));
    }
    for peer in &mut bench.peers {
        peer.measure("latency");
        for (name, figure) in [("p50_us", P50), ("p99_us", P99)] {
            if let Some(value) = peer.figure(name) {
                bench.report.beside(figure, peer.name, value);
            }
        }
    }
    workload::forgotten(&bench.client).await?;
    bench.report.ours(CHAIN, workload::chain(&bench.client, 10_000).await?);
    Ok(())
}
