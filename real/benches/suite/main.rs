//! Every figure of speed, each beside its goal, its floor or its peer, all of one run:
//! `cargo bench -p raddle --bench suite` (`-- --help` for a part of it).
//!
//! In each round everything is measured once, one after another, so that a noisy machine is noisy
//! for all of it. Shown are medians of the rounds with minimum and maximum, and the median of the
//! rounds' ratios. Nothing is asserted of a time; of every result it is that it is right. Peers: set
//! `RADDLE_BENCH_PYTHON` to a Python with `distributed` (and `ray`), for instance after
//! `python3 -m venv V && V/bin/pip install distributed ray`.

mod arrays;
mod bench;
mod busy;
mod core_alone;
mod cpu;
mod families;
mod floor;
mod graphs;
mod group;
mod intake;
mod latency;
mod limits;
mod memory;
mod options;
mod peers;
mod plot;
mod report;
mod start;
mod task_bench;
mod throughput;
mod transfer;
mod workload;
mod zero;

use self::bench::Bench;
use self::options::Options;
use self::report::say;

#[raddle::main]
async fn main() -> raddle::Result<()> {
    if let Some(figure) = memory::asked() {
        say(&figure.to_string());
        return Ok(());
    }
    if start::is_asked() {
        return start::until_first_result().await;
    }
    let options = match Options::of_process() {
        Ok(options) => options,
        Err(text) => {
            say(&text);
            return Ok(());
        }
    };
    let mut bench = Bench::start(&options).await?;
    for round in 1..=options.rounds {
        for group in &options.groups {
            say(&format!("round {round} of {}: {}", options.rounds, group.name()));
            group.measure(&mut bench).await?;
        }
    }
    let report = bench.end().await?;
    say(&report.markdown());
    if let Some(folder) = &options.write {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("suite.md"), report.markdown())?;
        std::fs::write(folder.join("suite.json"), report.json())?;
        std::fs::write(folder.join("suite.svg"), plot::svg(&report))?;
    }
    Ok(())
}
