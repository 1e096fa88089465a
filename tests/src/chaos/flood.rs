//! Strangers send what is wrong, as fast as they can, to a scheduler and a worker, while somebody
//! honest works; neither process may grow by it.
//!
//! It must not know what is wrong with what they send.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use raddle::Client;

use super::cluster::{Cluster, Programs};
use super::footprint::Footprint;
use super::strangers::{Target, Work};
use super::{LIMIT, Outcome, calm, text};
use crate::add;

/// Strangers at a time.
const STRANGERS: u64 = 8;
/// One of so many comes before the measure is taken, and so many at least: then what is kept of them,
/// and what each thread allocates once, is there.
const WARM: u64 = 10;
const WARM_AT_LEAST: u64 = 1_000;
/// Bytes that a process may grow by in a flood.
const GROWTH: u64 = 1 << 20;

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct Flood {
    /// Wrong frames, each after a good hello.
    pub frames: u64,
    /// Wrong hellos.
    pub hellos: u64,
    /// How long the honest client works before the flood, to compare.
    pub calm: Duration,
    /// Of what seed.
    pub seed: u64,
    /// With what.
    pub programs: Programs,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Summary {
    /// How long the flood took.
    pub took: Duration,
    /// How long tasks took the honest client, before and meanwhile: the median, and 99 of 100.
    pub latencies: [[Duration; 2]; 2],
    /// What scheduler and worker took at its beginning and at its end.
    pub footprints: [[Option<Footprint>; 2]; 2],
}

impl Flood {
    /// Does it.
    ///
    /// # Errors
    ///
    /// If an honest task does not come back, or a process grows by more than a megabyte.
    pub async fn run(&self) -> Outcome<Summary> {
        let cluster = Cluster::start(self.programs.clone(), 1).await?;
        let client = Client::connect(cluster.address()).await.map_err(text)?;
        client.wait_for_workers(1).await.map_err(text)?;
        let worker = client.workers().await.map_err(text)?.remove(0).address;
        let bare = |address: &str| address.trim_start_matches("tcp://").to_owned();
        let targets = [
            Target { address: bare(cluster.address()), is_worker: false },
            Target { address: bare(&worker), is_worker: true },
        ];
        calm::warm_up(&client).await?;
        let first = [self.frames, self.hellos].map(|all| (all / WARM).max(WARM_AT_LEAST).min(all));
        let warm = Work::new(self.seed, 0, first, targets.clone());
        work_meanwhile(&client, warm, &mut Vec::new()).await?;
        let (mut before, start) = (Vec::new(), Instant::now());
        while before.is_empty() || start.elapsed() < self.calm {
            before.push(honest(&client, before.len()).await?);
        }
        let footprints = || [cluster.footprint(), cluster.worker_footprint(0)];
        let (at_first, start, mut meanwhile) = (footprints(), Instant::now(), Vec::new());
        let rest = [self.frames - first[0], self.hellos - first[1]];
        let flood = Work::new(self.seed, 1, rest, targets);
        work_meanwhile(&client, flood, &mut meanwhile).await?;
        let [scheduler, worker] = footprints();
        client.close().await.map_err(text)?;
        let summary = Summary {
            took: start.elapsed(),
            latencies: [quantiles(before), quantiles(meanwhile)],
            footprints: [[at_first[0], scheduler], [at_first[1], worker]],
        };
        summary.is_flat().map(|()| summary)
    }
}

/// Works until the flood is over; how long each task took.
async fn work_meanwhile(client: &Client, work: Work, took: &mut Vec<Duration>) -> Outcome<()> {
    let work = Arc::new(work);
    let strangers: Vec<JoinHandle<Outcome<()>>> = (0..STRANGERS)
        .map(|_| {
            let work = Arc::clone(&work);
            thread::spawn(move || work.send_all())
        })
        .collect();
    while strangers.iter().any(|stranger| !stranger.is_finished()) {
        took.push(honest(client, took.len()).await?);
    }
    for stranger in strangers {
        stranger.join().map_err(|_| "a stranger panicked")??;
    }
    Ok(())
}

/// One small task; how long it took.
async fn honest(client: &Client, number: usize) -> Outcome<Duration> {
    let (number, start) = (number as u64, Instant::now());
    let sum = tokio::time::timeout(LIMIT, client.submit(add(number, 1))).await;
    let sum = sum.map_err(|_| "an honest task hangs")?.map_err(text)?;
    match sum == number + 1 {
        true => Ok(start.elapsed()),
        false => Err(format!("{number} and 1 is {sum}")),
    }
}

/// The median, and what 99 of 100 are not longer than.
fn quantiles(mut took: Vec<Duration>) -> [Duration; 2] {
    took.sort();
    let at = |of_100: usize| took.get(took.len() * of_100 / 100).copied().unwrap_or_default();
    [at(50), at(99)]
}

impl Summary {
    fn is_flat(&self) -> Outcome<()> {
        for (who, footprints) in ["scheduler", "worker"].iter().zip(self.footprints) {
            let [Some(before), Some(after)] = footprints else { continue };
            if after.memory > before.memory + GROWTH {
                return Err(format!("the {who} took {before}, and after the flood {after}"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [[median, p99], [under_median, under_p99]] = self.latencies;
        write!(
            f,
            "{:.1?}; an honest task took {median:.1?}, and {p99:.1?} of 99 in 100; in the flood \
             {under_median:.1?}, {under_p99:.1?}",
            self.took,
        )?;
        for (who, footprints) in ["scheduler", "worker"].iter().zip(self.footprints) {
            let [Some(before), Some(after)] = footprints else { continue };
            write!(f, "; the {who} took {before}, and then {after}")?;
        }
        Ok(())
    }
}
