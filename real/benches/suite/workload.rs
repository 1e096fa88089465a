//! What raddle is made to do, with the time that it takes: each result is checked.
//!
//! Latencies are in microseconds, sorted by nobody.

use std::time::Instant;

use bytes::Bytes;
use raddle::prelude::*;

#[raddle::task]
pub(crate) fn noop(x: u64) -> u64 {
    x
}

#[raddle::task]
fn value(nbytes: usize) -> Bytes {
    vec![7; nbytes].into()
}

#[raddle::task]
fn length(value: Bytes) -> usize {
    value.len()
}

/// Waits until the scheduler has forgotten every task: what was dropped is not measured with what
/// follows.
pub(crate) async fn forgotten(client: &Client) -> raddle::Result<()> {
    while client.info().await?.tasks.iter().any(|(_, count)| *count > 0) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Tasks a second, from the first submit to the last value in the program's hands.
pub(crate) async fn map(client: &Client, tasks: u64) -> raddle::Result<f64> {
    let start = Instant::now();
    let results = client.gather(&client.map(noop, 0..tasks)).await?;
    let elapsed = start.elapsed();
    assert!(results.into_iter().eq(0..tasks));
    Ok(tasks as f64 / elapsed.as_secs_f64())
}

/// As [`map`], by a loop of single submits.
pub(crate) async fn submits(client: &Client, tasks: u64) -> raddle::Result<f64> {
    let start = Instant::now();
    let futures: Vec<_> = (0..tasks).map(|i| client.submit(noop(i))).collect();
    let results = client.gather(&futures).await?;
    let elapsed = start.elapsed();
    assert!(results.into_iter().eq(0..tasks));
    Ok(tasks as f64 / elapsed.as_secs_f64())
}

/// Submits so many tasks of its own, and sums what they give.
#[raddle::task]
async fn fan_out(ctx: TaskContext, tasks: u64) -> Result<u64, TaskError> {
    let client = ctx.client();
    let values = client.gather(&client.map(noop, 0..tasks)).await?;
    Ok(values.into_iter().sum())
}

/// Fibonacci's numbers, each by two tasks.
#[raddle::task]
async fn fibonacci(ctx: TaskContext, n: u64) -> Result<u64, TaskError> {
    if n < 2 {
        return Ok(n);
    }
    let (a, b) = (ctx.submit(fibonacci(n - 1)), ctx.submit(fibonacci(n - 2)));
    Ok(a.await? + b.await?)
}

/// Tasks a second, submitted by so many tasks that run at a time as there are slots.
pub(crate) async fn nested(client: &Client, parents: u64, tasks: u64) -> raddle::Result<f64> {
    let start = Instant::now();
    let sums = client.gather(&client.map(|_| fan_out(tasks), 0..parents)).await?;
    let elapsed = start.elapsed();
    assert!(sums.iter().all(|sum| *sum == tasks * (tasks - 1) / 2));
    Ok((parents * (tasks + 1)) as f64 / elapsed.as_secs_f64())
}

/// Tasks a second, of which half wait for two others, that they have submitted.
pub(crate) async fn recursive(client: &Client, n: u64) -> raddle::Result<f64> {
    let start = Instant::now();
    let number = client.submit(fibonacci(n)).await?;
    let elapsed = start.elapsed();
    let (mut numbers, mut calls) = ((0, 1), (1, 1));
    for _ in 1..n {
        numbers = (numbers.1, numbers.0 + numbers.1);
        calls = (calls.1, calls.0 + calls.1 + 1);
    }
    assert_eq!(number, numbers.1);
    Ok(calls.1 as f64 / elapsed.as_secs_f64())
}

/// Microseconds a link of a chain, each link a task that needs the one before.
pub(crate) async fn chain(client: &Client, links: u32) -> raddle::Result<f64> {
    let start = Instant::now();
    let mut link = client.submit(noop(1));
    for _ in 1..links {
        link = client.submit(noop(link));
    }
    assert_eq!(link.await?, 1);
    Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(links))
}

/// From submit to result, one after another, nothing else to do.
pub(crate) async fn latencies(client: &Client, probes: u64) -> raddle::Result<Vec<f64>> {
    let mut times = Vec::new();
    for i in 0..probes {
        times.push(probe(client, noop(i), i).await?);
    }
    Ok(times)
}

/// From submit to result, one after another, while a map of so many no-ops has not ended.
pub(crate) async fn busy_latencies(client: &Client, backlog: u64) -> raddle::Result<Vec<f64>> {
    let backlog = client.map(noop, 0..backlog);
    let mut times = Vec::new();
    while backlog.iter().rev().take(1).any(|last| !last.done()) {
        times.push(probe(client, noop(1).priority(1), 1).await?);
    }
    client.gather(&backlog).await?;
    Ok(times)
}

pub(crate) async fn probe(client: &Client, call: Call<u64>, expected: u64) -> raddle::Result<f64> {
    let start = Instant::now();
    let result = client.submit(call).await?;
    let elapsed = start.elapsed();
    assert_eq!(result, expected);
    Ok(elapsed.as_secs_f64() * 1e6)
}

/// GB a second. The value is on one worker before the clock starts; the other one only measures its
/// length.
pub(crate) async fn transfer(
    client: &Client,
    workers: &[String],
    nbytes: usize,
) -> raddle::Result<f64> {
    let made = client.submit(value(nbytes).workers([workers[0].clone()]));
    client.wait(std::slice::from_ref(&made), WaitFor::All).await;
    let start = Instant::now();
    let length = client.submit(length(&made).workers([workers[1].clone()])).await?;
    let elapsed = start.elapsed();
    assert_eq!(length, nbytes);
    Ok(nbytes as f64 / elapsed.as_secs_f64() / 1e9)
}
