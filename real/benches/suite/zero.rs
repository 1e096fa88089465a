//! Workers that do not execute: they answer each task at once, by the protocol. What they leave is the
//! scheduler's time a task, with few workers and with many.
//!
//! It must not know how figures are shown.

use std::thread;
use std::time::Instant;

use raddle::prelude::*;
use raddle_net::frame::{FrameDecoder, FrameEncoder, FrameOptions};
use raddle_net::hello::{self, Hello, PREFIX, Role};
use raddle_net::messages::{FunctionName, Registration, SchedulerToWorker, WorkerMessage};
use raddle_net::names::Session;
use raddle_net::payload::{Blob, SmallValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::Bench;
use crate::cpu;
use crate::report::Figure;
use crate::workload::noop;

const FEW: Figure = Figure::new("scheduler's time a task, 10 workers that do not execute; µs");
const SOME: Figure = Figure::new("the same, 100; µs");
const MANY: Figure = Figure::at_most_times("the same, 1,000; µs", 1.3, "with 10");
const RATE: Figure = Figure::new("no-ops by `map`, 10 workers that do not execute; tasks/s");

pub(crate) async fn measure(bench: &mut Bench) -> raddle::Result<()> {
    let tasks = bench.tasks(300_000);
    let (few, rate) = with(10, tasks).await?;
    let (some, _) = with(100, tasks).await?;
    let (many, _) = with(1_000, tasks).await?;
    bench.report.ours(FEW, few);
    bench.report.ours(RATE, rate);
    bench.report.ours(SOME, some);
    bench.report.ours(MANY, many);
    bench.report.beside(MANY, "with 10", few);
    Ok(())
}

/// Microseconds of the scheduler a task, and tasks a second.
async fn with(workers: u64, tasks: u64) -> raddle::Result<(f64, f64)> {
    let cluster = LocalCluster::builder().workers(0).start().await?;
    let client = cluster.client().await?;
    let address = cluster.address().trim_start_matches("tcp://").to_owned();
    let crowd = thread::spawn(move || crowd(&address, workers));
    client.wait_for_workers(workers as usize).await?;
    let (start, before) = (Instant::now(), cpu::of_threads("raddle-scheduler"));
    let futures = client.map(noop, 0..tasks);
    let values = client.gather(&futures).await?;
    let (time, after) = (start.elapsed(), cpu::of_threads("raddle-scheduler"));
    assert!(values.into_iter().eq((0..tasks).map(|_| 0)));
    drop(futures);
    client.close().await?;
    cluster.close().await?;
    // They end with their scheduler: how is not of interest.
    drop(crowd.join());
    let used = after.saturating_sub(before);
    Ok((used.as_secs_f64() * 1e6 / tasks as f64, tasks as f64 / time.as_secs_f64()))
}

/// All workers, on one thread.
fn crowd(address: &str, workers: u64) -> raddle::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let workers = (1..=workers).map(|number| worker(address, number));
        // Those whose scheduler is gone have ended as they should.
        drop(futures::future::join_all(workers).await);
    });
    Ok(())
}

/// A worker, until its connection ends.
async fn worker(address: &str, number: u64) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let hello = Hello::new(Role::Worker, Session::truncate(number));
    stream.write_all(&hello::encode_hello(&hello).map_err(std::io::Error::other)?).await?;
    let mut prefix = [0; PREFIX];
    stream.read_exact(&mut prefix).await?;
    let body = hello::body_len(&prefix).map_err(std::io::Error::other)?;
    stream.read_exact(&mut vec![0; body]).await?;
    let options = FrameOptions::default();
    let (mut encoder, mut decoder) = (FrameEncoder::new(options), FrameDecoder::new(options));
    say(&mut encoder, &WorkerMessage::Register(registration(number)))?;
    loop {
        for bytes in encoder.take() {
            stream.write_all(&bytes).await?;
        }
        if stream.read_buf(&mut decoder.buffer()).await? == 0 {
            return Ok(());
        }
        while let Some(frame) = decoder.next().map_err(std::io::Error::other)? {
            encoder.set_ack(frame.seq);
            for message in frame.messages().map_err(std::io::Error::other)? {
                if let Some(answer) = answer(message) {
                    say(&mut encoder, &answer)?;
                }
            }
        }
    }
}

fn say(encoder: &mut FrameEncoder, message: &WorkerMessage) -> std::io::Result<()> {
    encoder.push(message).map_err(std::io::Error::other)
}

/// Every task gives zero, at once.
fn answer(message: SchedulerToWorker) -> Option<WorkerMessage> {
    let SchedulerToWorker::Compute(compute) = message else { return None };
    let bytes: Blob = Blob::from(&[0_u8][..]);
    let value_type = raddle::__private::value_type::<u64>();
    Some(WorkerMessage::Finished {
        key: compute.key,
        run: compute.run,
        nbytes: 1,
        duration: 0,
        value: Some(SmallValue { value_type, bytes }),
    })
}

/// It offers the one function that is called.
fn registration(number: u64) -> Registration {
    let of = raddle::__private::value_type::<u64>();
    let function = FunctionName {
        name: concat!(env!("CARGO_CRATE_NAME"), "::workload::noop").to_owned(),
        signature: raddle::__private::signature(&[of], of),
    };
    Registration {
        name: format!("zero {number}"),
        address: format!("tcp://127.0.0.1:{}", number + 1),
        nthreads: 1,
        memory_limit: None,
        functions: vec![function],
        resources: Vec::new(),
    }
}
