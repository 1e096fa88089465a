//! A graph of a million tasks: how long until it is accepted, until its first result and until it is
//! done, and what a second client feels of it meanwhile.
//!
//! It must not know how figures are shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use raddle::prelude::*;

use crate::bench::Bench;
use crate::report::{Figure, quantile};
use crate::workload::{self, noop};

const ACCEPTED: Figure =
    Figure::at_most("graph of 1,000,000 no-ops in 10 layers: accepted; s", 1.0);
const FIRST: Figure = Figure::at_most("the same: first result; ms", 20.0);
const DONE: Figure = Figure::new("the same: done; s");
const SECOND_P99: Figure =
    Figure::new("submit → result of a second client meanwhile, with a higher priority, p99; µs");
const SECOND_MOST: Figure = Figure::new("the same, the longest; µs");

/// Tasks that wait for each other.
const LAYERS: u64 = 10;

pub(crate) async fn measure(bench: &mut Bench) -> raddle::Result<()> {
    let (client, second) = (bench.client.clone(), bench.second.clone());
    let width = bench.tasks(1_000_000) / LAYERS;
    let is_over = Arc::new(AtomicBool::new(false));
    let prober = tokio::spawn(probe(second, Arc::clone(&is_over)));
    let start = Instant::now();
    let mut layer = client.map(noop, 0..width);
    let first = layer[0].clone();
    let first = tokio::spawn(async move { first.await.map(|_| start.elapsed()) });
    let mut held = Vec::new();
    for _ in 1..LAYERS {
        let next = client.map(noop, layer.iter());
        held.push(std::mem::replace(&mut layer, next));
    }
    while known(&client).await? < width * LAYERS {
        tokio::task::yield_now().await;
    }
    bench.report.ours(ACCEPTED, start.elapsed().as_secs_f64());
    let values = client.gather(&layer).await?;
    bench.report.ours(DONE, start.elapsed().as_secs_f64());
    assert!(values.into_iter().eq(0..width));
    is_over.store(true, Ordering::Relaxed);
    if let Ok(first) = first.await {
        bench.report.ours(FIRST, first?.as_secs_f64() * 1e3);
    }
    if let Ok(times) = prober.await {
        let times = times?;
        bench.report.ours(SECOND_P99, quantile(&times, 0.99));
        bench.report.ours(SECOND_MOST, quantile(&times, 1.0));
    }
    Ok(())
}

/// Tasks that the scheduler knows.
async fn known(client: &Client) -> raddle::Result<u64> {
    Ok(client.info().await?.tasks.iter().map(|(_, count)| count).sum())
}

/// Submits one task after the other.
async fn probe(client: Client, is_over: Arc<AtomicBool>) -> raddle::Result<Vec<f64>> {
    let mut times = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        times.push(workload::probe(&client, noop(1).priority(1), 1).await?);
    }
    Ok(times)
}
