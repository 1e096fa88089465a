//! Tasks for the tests. They are in a library so that the test binary, which submits them, and the
//! worker program (`src/bin/app.rs`), which runs them, are different executables with equal tasks.

pub mod chaos;
pub mod proxy;

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::PathBuf;

use bytes::Bytes;
use raddle::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// a + b
#[raddle::task]
pub fn add(a: u64, b: u64) -> u64 {
    a + b
}

/// The sum of a list.
#[raddle::task]
pub fn total(xs: Vec<u64>) -> u64 {
    xs.iter().sum()
}

/// The sum of a list that is only looked at.
#[raddle::task]
pub fn total_of(xs: &[u64]) -> u64 {
    xs.iter().sum()
}

/// The number in a text that is only looked at.
#[raddle::task]
pub fn parse(text: &str) -> Result<f64, std::num::ParseFloatError> {
    text.trim().parse()
}

/// Says hello.
#[raddle::task]
pub fn greet(name: String) -> String {
    format!("hello {name}")
}

/// One or the other.
#[raddle::task]
pub fn or_zero(x: Option<u64>) -> u64 {
    x.unwrap_or(0)
}

/// The names whose number is odd.
#[raddle::task]
pub fn odd(xs: BTreeMap<String, u64>) -> Vec<String> {
    xs.into_iter().filter(|(_, x)| x % 2 == 1).map(|(name, _)| name).collect()
}

/// An async task.
#[raddle::task]
pub async fn later(x: u64) -> u64 {
    std::future::ready(x + 1).await
}

/// Sleeps for so many nanoseconds; says nothing.
#[raddle::task]
pub fn sleeps(nanos: u64, _inputs: Vec<()>) {
    std::thread::sleep(std::time::Duration::from_nanos(nanos));
}

/// Fails as soon as its input is there.
#[raddle::task]
pub fn refuse(_input: u64, why: String) -> Result<u64, String> {
    Err(why)
}

/// Panics.
#[raddle::task]
pub fn panics(why: String) -> u64 {
    panic!("it panicked: {why}")
}

/// Fails with an error that has a source.
#[raddle::task]
pub fn fails(what: String) -> Result<u64, Outer> {
    Err(Outer(what.parse::<u64>().expect_err("the tests give it what is no number")))
}

/// An error with a source.
#[derive(Debug)]
pub struct Outer(std::num::ParseIntError);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the outer error")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Ends its process.
#[raddle::task]
pub fn exits(code: i32) -> u64 {
    std::process::exit(code)
}

/// Fails until the file has `failures` lines, of which it writes one each time.
#[raddle::task]
pub fn flaky(file: PathBuf, failures: usize) -> Result<usize, std::io::Error> {
    use std::io::Write;
    let mut log = std::fs::OpenOptions::new().create(true).append(true).open(&file)?;
    writeln!(log, "attempt")?;
    let attempts = std::fs::read_to_string(&file)?.lines().count();
    if attempts > failures { Ok(attempts) } else { Err(std::io::Error::other("not yet")) }
}

/// `x`, after a line with it was written to the file: one for each execution.
#[raddle::task]
pub fn logged(file: PathBuf, x: u64) -> Result<u64, std::io::Error> {
    use std::io::Write;
    let mut log = std::fs::OpenOptions::new().create(true).append(true).open(&file)?;
    log.write_all(format!("{x}\n").as_bytes())?;
    Ok(x)
}

/// The id of the process that runs it.
#[raddle::task]
pub fn process(_n: u64) -> u32 {
    std::process::id()
}

/// Connects to `address`, and returns `x` when that connection ends: tests see that it has begun, and
/// decide when it ends.
#[raddle::task]
pub fn gate(address: String, x: u64) -> u64 {
    if let Ok(mut test) = TcpStream::connect(address) {
        // Nothing is ever said. However it ends, it has ended.
        let _ = std::io::copy(&mut test, &mut std::io::sink());
    }
    x
}

/// The id of the process that runs it, once it is let out of a [`gate()`].
#[raddle::task]
pub fn gated_process(address: String, n: u64) -> u32 {
    gate::run(address, n);
    std::process::id()
}

/// So many bytes are in memory while it is in a [`gate()`]; says how many.
#[raddle::task]
pub fn ballast(address: String, nbytes: usize) -> u64 {
    let bytes = vec![1_u8; nbytes];
    gate::run(address, 0);
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

/// What a [`blob()`] consists of, again and again.
#[must_use]
pub fn pattern() -> Vec<u8> {
    (0..251).collect::<Vec<u8>>().repeat(64)
}

/// So many bytes, of which each says where it is.
#[raddle::task]
pub fn blob(nbytes: usize) -> Bytes {
    let pattern = pattern();
    let mut bytes = pattern.repeat(nbytes.div_ceil(pattern.len()));
    bytes.truncate(nbytes);
    bytes.into()
}

/// How many bytes there are in all of them.
#[raddle::task]
pub fn together(blobs: Vec<Bytes>) -> usize {
    blobs.iter().map(Bytes::len).sum()
}

/// How many bytes there are, if they are those of a [`blob()`].
#[raddle::task]
pub fn verify(bytes: Bytes) -> Option<usize> {
    let pattern = pattern();
    bytes.chunks(pattern.len()).all(|chunk| pattern.starts_with(chunk)).then_some(bytes.len())
}

/// As [`verify()`], without a thread of its own.
#[raddle::task]
pub async fn verify_async(bytes: Bytes) -> Option<usize> {
    tokio::task::yield_now().await;
    let pattern = pattern();
    bytes.chunks(pattern.len()).all(|chunk| pattern.starts_with(chunk)).then_some(bytes.len())
}

/// As [`verify()`], by a task that asks for the value itself.
#[raddle::task]
pub async fn fetch_and_verify(blob: TaskFuture<Bytes>) -> Result<Option<usize>, TaskError> {
    let (pattern, bytes) = (pattern(), blob.await?);
    let is_whole = bytes.chunks(pattern.len()).all(|chunk| pattern.starts_with(chunk));
    Ok(is_whole.then_some(bytes.len()))
}

/// A value that can be written and not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unreadable(pub u64);

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("nobody can read this"))
    }
}

/// A value that can be read and not be written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Sealed;

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("nobody may write this"))
    }
}

/// Makes a value that cannot be written.
#[raddle::task]
pub fn seal() -> Sealed {
    Sealed
}

/// Makes a value that cannot be read.
#[raddle::task]
pub fn unreadable(x: u64) -> Unreadable {
    Unreadable(x)
}

/// Uses a value that cannot be read.
#[raddle::task]
pub fn read(x: Unreadable) -> u64 {
    x.0
}

/// Fibonacci's numbers, by tasks that submit tasks.
#[raddle::task]
pub async fn fib(ctx: TaskContext, n: u64) -> Result<u64, TaskError> {
    if n < 2 {
        return Ok(n);
    }
    let (a, b) = (ctx.submit(fib(n - 1)), ctx.submit(fib(n - 2)));
    Ok(a.await? + b.await?)
}

/// The same on threads.
#[raddle::task]
pub fn fib_blocking(ctx: &TaskContext, n: u64) -> Result<u64, TaskError> {
    if n < 2 {
        return Ok(n);
    }
    let (a, b) = (ctx.submit(fib_blocking(n - 1)), ctx.submit(fib_blocking(n - 2)));
    Ok(ctx.wait(a)? + ctx.wait(b)?)
}

/// Submits itself, ever deeper, and holds on to a thread at each depth.
#[raddle::task]
pub fn depth(ctx: &TaskContext, n: u64) -> Result<u64, TaskError> {
    if n == 0 { Ok(0) } else { Ok(ctx.wait(ctx.submit(depth(n - 1)))? + 1) }
}

/// Submits `n` tasks that can never run, and does not wait for them.
#[raddle::task]
pub fn spawns(ctx: &TaskContext, n: u64) -> usize {
    let tasks: Vec<_> = (0..n).map(|i| ctx.submit(add(i, 0).workers(["nowhere"]))).collect();
    tasks.len()
}

/// Fails because a task that it submitted does.
#[raddle::task]
pub async fn delegates(ctx: TaskContext, what: String) -> Result<u64, TaskError> {
    ctx.submit(fails(what)).await
}

/// Runs until nobody wants it any more.
#[raddle::task]
pub fn until_cancelled(ctx: &TaskContext) -> u64 {
    while !ctx.cancelled() {
        std::thread::yield_now();
    }
    0
}

/// Says how far it is and what it does, and goes through a [`gate()`] half way.
#[raddle::task]
pub fn narrate(ctx: &TaskContext, address: String) -> u32 {
    ctx.log("begun");
    ctx.progress(0.25);
    gate::run(address, 0);
    ctx.log("let out");
    ctx.attempt()
}

/// Asks to be run again until its attempt is the `n`-th.
#[raddle::task]
pub fn patient(ctx: &TaskContext, n: u32) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    ctx.log(format!("attempt {}", ctx.attempt()));
    if ctx.attempt() < n { Err(raddle::Reschedule.into()) } else { Ok(ctx.attempt()) }
}

/// How often it ran on its worker.
#[raddle::task]
pub fn nth_here(ctx: &TaskContext, _n: u64) -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    ctx.local(|| AtomicU64::new(0)).fetch_add(1, Ordering::Relaxed) + 1
}

/// Waits until nobody wants it any more, and lets the test know by the end of a connection.
#[raddle::task]
pub async fn sleeper(ctx: TaskContext, address: String) {
    let test = TcpStream::connect(address);
    ctx.until_cancelled().await;
    drop(test);
}

/// The sum of squares, by a client of its own.
#[raddle::task]
pub async fn delegate_all(ctx: TaskContext, n: u64) -> Result<u64, raddle::Error> {
    let client = ctx.client();
    let shared = client.scatter(n);
    let futures = client.map(|i| add(i, &shared), 0..n);
    let workers = client.workers().await?.len() as u64;
    Ok(client.gather(&futures).await?.iter().sum::<u64>() + workers)
}

/// As [`depth()`], without a thread at each depth.
#[raddle::task]
pub async fn depth_async(ctx: TaskContext, n: u64) -> Result<u64, TaskError> {
    if n == 0 { Ok(0) } else { Ok(ctx.submit(depth_async(n - 1)).await? + 1) }
}

/// What a future that was passed itself comes to, and one more.
#[raddle::task]
pub async fn follow(number: TaskFuture<u64>) -> Result<u64, TaskError> {
    Ok((&number).await? + 1)
}

/// Calls the task of a future off that was passed itself.
#[raddle::task]
pub async fn call_off(number: TaskFuture<u64>) -> Result<u64, TaskError> {
    number.force_cancel();
    number.await
}
