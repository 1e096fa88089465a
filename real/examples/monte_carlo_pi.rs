//! Estimates π by random points, better with each task that completes.
//!
//! `cargo run --release --example monte_carlo_pi -- [TASKS]`

use futures::StreamExt;
use raddle::prelude::*;

/// Points of one task.
const POINTS: u64 = 1_000_000;

/// How many of `POINTS` random points of the unit square lie in the quarter circle.
#[raddle::task]
fn hits(seed: u64) -> u64 {
    // A xorshift generator: any seed but 0 does.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..POINTS).filter(|_| draw().powi(2) + draw().powi(2) < 1.0).count() as u64
}

#[raddle::main]
#[allow(clippy::print_stdout)] // it is what the program is for
async fn main() -> raddle::Result<()> {
    let tasks: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(32);
    let cluster = LocalCluster::builder().workers(2).processes(true).start().await?;
    let client = cluster.client().await?;

    let mut finished = as_completed(client.map(hits, 1..tasks + 1));
    let (mut inside, mut points) = (0, 0);
    while let Some(future) = finished.next().await {
        inside += future.await?;
        points += POINTS;
        if (points / POINTS).is_power_of_two() || points == tasks * POINTS {
            println!("{points:>12} points: {:.6}", 4.0 * inside as f64 / points as f64);
        }
    }
    println!("pi is about {:.4}", 4.0 * inside as f64 / points as f64);
    cluster.close().await
}
