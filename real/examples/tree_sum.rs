//! Adds the numbers 1 to N up by a tree of tasks, each an argument of the next before it is done.
//!
//! `cargo run --release --example tree_sum -- [N]`

use raddle::prelude::*;

#[raddle::task]
fn leaf(n: u64) -> u64 {
    n
}

#[raddle::task]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[raddle::main]
#[allow(clippy::print_stdout)] // it is what the program is for
async fn main() -> raddle::Result<()> {
    let n: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1024);
    let cluster = LocalCluster::builder().workers(2).processes(true).start().await?;
    let client = cluster.client().await?;

    let mut level = client.map(leaf, 1..n + 1);
    let mut tasks = level.len();
    while level.len() > 1 {
        let pairs = level.chunks(2).map(|pair| match pair {
            [a, b] => client.submit(add(a, b)),
            rest => rest[0].clone(),
        });
        tasks += level.len() / 2;
        level = pairs.collect();
    }
    let sum = match level.pop() {
        Some(sum) => sum.await?,
        None => 0,
    };
    println!("sum of 1..={n}: {sum} by {tasks} tasks");
    assert_eq!(sum, n * (n + 1) / 2);
    cluster.close().await
}
