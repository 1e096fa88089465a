//! Fibonacci's numbers by tasks that submit tasks: while one waits for its own, others have its slot.
//!
//! `cargo run --release --example fibonacci -- [N]`

use raddle::prelude::*;

#[raddle::task]
async fn fib(ctx: TaskContext, n: u64) -> Result<u64, TaskError> {
    if n < 2 {
        return Ok(n);
    }
    let (a, b) = (ctx.submit(fib(n - 1)), ctx.submit(fib(n - 2)));
    Ok(a.await? + b.await?)
}

#[raddle::main]
#[allow(clippy::print_stdout)] // it is what the program is for
async fn main() -> raddle::Result<()> {
    let n: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(16);
    let builder = LocalCluster::builder().workers(2).threads_per_worker(1);
    let cluster = builder.processes(true).start().await?;
    let client = cluster.client().await?;
    let value = client.submit(fib(n)).await?;
    println!("fib({n}) = {value}");
    cluster.close().await
}
