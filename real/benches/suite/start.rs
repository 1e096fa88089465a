//! From the start of a program to the first result of its cluster, and what a cluster costs that has
//! nothing to do.
//!
//! It must not know how figures are shown.

use std::process::Command;
use std::time::{Duration, Instant};

use raddle::prelude::*;

use crate::bench::Bench;
use crate::cpu;
use crate::report::{Figure, say};
use crate::workload::noop;

const FIRST: Figure =
    Figure::at_most("a program starts a cluster of 2 processes, and has a first result; ms", 100.0);
const IDLE: Figure =
    Figure::at_most("three idle clusters of 5 processes and their clients; % of a core", 0.1);

/// The argument that makes this program do that, and nothing else.
const ASKED: &str = "--until-first-result";
/// How long nothing is done.
const REST: Duration = Duration::from_secs(2);

/// Whether this process was started for it.
pub(crate) fn is_asked() -> bool {
    std::env::args().any(|argument| argument == ASKED)
}

/// What the program does that is measured.
pub(crate) async fn until_first_result() -> raddle::Result<()> {
    let cluster = LocalCluster::builder().workers(2).threads_per_worker(1).processes(true);
    let cluster = cluster.start().await?;
    let client = cluster.client().await?;
    say(&client.submit(noop(7)).await?.to_string());
    client.close().await?;
    cluster.close().await
}

pub(crate) async fn measure(bench: &mut Bench) -> raddle::Result<()> {
    let start = Instant::now();
    let mut program = Command::new(std::env::current_exe()?)
        .arg(ASKED)
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(output) = program.stdout.take() {
        use std::io::BufRead;
        std::io::BufReader::new(output).read_line(&mut line)?;
    }
    let elapsed = start.elapsed();
    program.wait()?;
    assert_eq!(line, "7\n");
    bench.report.ours(FIRST, elapsed.as_secs_f64() * 1e3);
    let before = cpu::of_all();
    tokio::time::sleep(REST).await;
    let used = cpu::of_all().saturating_sub(before);
    bench.report.ours(IDLE, used.as_secs_f64() * 100.0 / REST.as_secs_f64());
    Ok(())
}
