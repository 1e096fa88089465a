//! Graphs whose shapes stress a scheduler: the families of the RSDS paper (Böhm and Beránek,
//! "Runtime vs Scheduler: Analyzing Dask's Overheads", 2020) that are made by formula, with bodies
//! that do nothing.
//!
//! It must not know how figures are shown.

use std::time::{Duration, Instant};

use raddle::prelude::*;

use crate::bench::Bench;
use crate::report::Figure;
use crate::{cpu, families, workload};

const TREE: Figure =
    Figure::at_least("tree of 65,535 tasks, each the sum of two; tasks/s", 300_000.0);
const LONG_TREE: Figure = Figure::at_least("tree-20: 1,048,575 tasks; tasks/s", 300_000.0);
const MERGE: Figure = Figure::at_least("merge-100K: as many no-ops, one sum; tasks/s", 300_000.0);
const LONG_MERGE: Figure =
    Figure::at_least("merge-1M: 1,000,000 no-ops, 1,000 sums, their sum; tasks/s", 300_000.0);
const STENCIL: Figure = Figure::new("stencil of 1,000 × 100, 3 inputs; tasks/s");
const BAG: Figure = Figure::new("bag-100: shuffle of 100 by 100 pieces; tasks/s");
const NUMPY: Figure =
    Figure::new("numpy-100: 100 × 100 blocks and their transposes, summed; tasks/s");
const GROUPBY: Figure = Figure::new("groupby of 20,000 partitions, reduced in eights; tasks/s");
const JOIN: Figure = Figure::new("join of 2 tables of 100 partitions; tasks/s");
const XARRAY: Figure = Figure::new("xarray: 20,000 chunks cut anew, means by season; tasks/s");
const WORDBAG: Figure = Figure::new("wordbag: 20,000 chains of three that meet; tasks/s");
const TREE_CPU: Figure = Figure::at_most("scheduler's time a task, tree; µs", 1.0);
const MERGE_CPU: Figure = Figure::at_most("scheduler's time a task, merge; µs", 1.0);
const STENCIL_CPU: Figure = Figure::at_most("scheduler's time a task, stencil; µs", 1.0);

#[raddle::task]
pub(crate) fn one(x: u64) -> u64 {
    x
}

#[raddle::task]
pub(crate) fn add(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

#[raddle::task]
pub(crate) fn sum(values: Vec<u64>) -> u64 {
    values.into_iter().fold(0, u64::wrapping_add)
}

/// How long a graph took, and what it cost.
struct Took {
    tasks: u64,
    time: Duration,
    scheduler: Duration,
}

impl Took {
    fn rate(&self) -> f64 {
        self.tasks as f64 / self.time.as_secs_f64()
    }

    fn micros(&self) -> f64 {
        self.scheduler.as_secs_f64() * 1e6 / self.tasks as f64
    }
}

pub(crate) async fn measure(bench: &mut Bench) -> raddle::Result<()> {
    let client = bench.client.clone();
    let smaller = |tasks| bench.tasks(tasks);
    let tree_took = clocked(&client, tree(&client, 1 << 15)).await?;
    let long_tree = clocked(&client, tree(&client, smaller(1 << 19))).await?;
    let merge_took = clocked(&client, merge(&client, smaller(100_000))).await?;
    let long_merge = clocked(&client, wide_merge(&client, smaller(1_000), 1_000)).await?;
    let stencil_took = clocked(&client, stencil(&client, 1_000, 100)).await?;
    let bag_took = clocked(&client, bag(&client, 100)).await?;
    let numpy_took = clocked(&client, numpy(&client, 100)).await?;
    let groupby_took = clocked(&client, families::groupby(&client, smaller(20_000))).await?;
    let join_took = clocked(&client, families::join(&client, 100)).await?;
    let xarray_took = clocked(&client, families::xarray(&client, smaller(20_000) as usize)).await?;
    let wordbag_took = clocked(&client, families::wordbag(&client, smaller(20_000))).await?;
    for (figure, took) in [
        (TREE, &tree_took),
        (LONG_TREE, &long_tree),
        (MERGE, &merge_took),
        (LONG_MERGE, &long_merge),
        (STENCIL, &stencil_took),
        (BAG, &bag_took),
        (NUMPY, &numpy_took),
        (GROUPBY, &groupby_took),
        (JOIN, &join_took),
        (XARRAY, &xarray_took),
        (WORDBAG, &wordbag_took),
    ] {
        bench.report.ours(figure, took.rate());
    }
    for (figure, took) in
        [(TREE_CPU, &tree_took), (MERGE_CPU, &merge_took), (STENCIL_CPU, &stencil_took)]
    {
        bench.report.ours(figure, took.micros());
    }
    for peer in &mut bench.peers {
        peer.measure("tree");
        if let Some(rate) = peer.figure("tree_tasks_per_s") {
            bench.report.beside(TREE, peer.name, rate);
        }
    }
    Ok(())
}

/// From the first submit to the last value; the graph says how many tasks it was.
async fn clocked(
    client: &Client,
    graph: impl Future<Output = raddle::Result<u64>>,
) -> raddle::Result<Took> {
    workload::forgotten(client).await?;
    let (start, before) = (Instant::now(), cpu::of_threads("raddle-scheduler"));
    let tasks = graph.await?;
    let time = start.elapsed();
    Ok(Took { tasks, time, scheduler: cpu::of_threads("raddle-scheduler").saturating_sub(before) })
}

/// Sums pairs, and pairs of those.
pub(crate) async fn tree(client: &Client, leaves: u64) -> raddle::Result<u64> {
    let (mut level, mut tasks) = (client.map(one, 0..leaves), leaves);
    while level.len() > 1 {
        let pair = |pair: &[TaskFuture<u64>]| match pair {
            [a, b] => add(a, b),
            [a, ..] => one(a),
            [] => one(0),
        };
        level = client.map(pair, level.chunks(2));
        tasks += level.len() as u64;
    }
    assert_eq!(client.gather(&level).await?, [leaves * (leaves - 1) / 2]);
    Ok(tasks)
}

async fn merge(client: &Client, leaves: u64) -> raddle::Result<u64> {
    let values = client.map(one, 0..leaves);
    assert_eq!(client.submit(sum(&values)).await?, leaves * (leaves - 1) / 2);
    Ok(leaves + 1)
}

/// As [`merge`], by two levels: a task has at most 131,072 inputs.
async fn wide_merge(client: &Client, sums: u64, leaves: u64) -> raddle::Result<u64> {
    let values = client.map(one, 0..sums * leaves);
    let partial = client.map(|part: &[_]| sum(part), values.chunks(leaves as usize));
    let all = sums * leaves;
    assert_eq!(client.submit(sum(&partial)).await?, all * (all - 1) / 2);
    Ok(all + sums + 1)
}

/// Each task is the sum of three neighbours of the step before.
async fn stencil(client: &Client, width: usize, steps: usize) -> raddle::Result<u64> {
    let mut row = client.map(one, 0..width as u64);
    let mut expected: Vec<u64> = (0..width as u64).collect();
    for _ in 1..steps {
        let near = |point: usize| point.saturating_sub(1)..(point + 2).min(width);
        let before = std::mem::take(&mut row);
        row = client.map(|point| sum(&before[near(point)]), 0..width);
        let sums =
            (0..width).map(|p| expected[near(p)].iter().fold(0_u64, |a, b| a.wrapping_add(*b)));
        expected = sums.collect();
    }
    assert_eq!(client.gather(&row).await?, expected);
    Ok((width * steps) as u64)
}

/// Each partition is cut in pieces, and each new one is made of a piece of every old one.
async fn bag(client: &Client, parts: usize) -> raddle::Result<u64> {
    let made = client.map(one, 0..parts as u64);
    let cuts = (0..parts).flat_map(|to| made.iter().map(move |part| (part, to as u64)));
    let pieces = client.map(|(part, to): (&TaskFuture<u64>, u64)| add(part, to), cuts);
    let merged = client.map(|pieces: &[_]| sum(pieces), pieces.chunks(parts));
    let values = client.gather(&merged).await?;
    let parts = parts as u64;
    let of = |to: u64| parts * (parts - 1) / 2 + parts * to;
    assert!(values.into_iter().eq((0..parts).map(of)));
    Ok(parts * parts + 2 * parts)
}

/// Each block and the one across the diagonal are added; then rows are summed, and their sums.
async fn numpy(client: &Client, blocks: usize) -> raddle::Result<u64> {
    let count = (blocks * blocks) as u64;
    let made = client.map(one, 0..count);
    let places = (0..blocks).flat_map(|row| (0..blocks).map(move |column| (row, column)));
    let both = |(row, column): (usize, usize)| {
        add(&made[row * blocks + column], &made[column * blocks + row])
    };
    let added = client.map(both, places);
    let rows = client.map(|row: &[_]| sum(row), added.chunks(blocks));
    assert_eq!(client.submit(sum(&rows)).await?, count * (count - 1));
    Ok(2 * count + blocks as u64 + 1)
}
