//! A soak: without faults clients see what they see in the simulation; schedulers die in the middle of
//! rounds; then round after round is played under faults, for a time, and after each few a calm one, after
//! which the cluster takes no more than before.
//!
//! It must not know how a round is played.

use std::fmt;
use std::time::{Duration, Instant};

use raddle::Client;
use raddle_core::random::hash;
use raddle_sim::{End, History};
use tokio::sync::watch;

use super::cluster::{Cluster, Programs};
use super::footprint::Footprint;
use super::{Outcome, calm, round, storm, text};

/// Workers of the cluster.
const WORKERS: usize = 3;
/// Seeds on which the tiers must agree.
const AGREE: usize = 10;
/// How long faults follow one another before it is calm again.
const STORM: Duration = Duration::from_secs(20);
/// Schedulers that die.
const DEATHS: u64 = 3;
/// Storms after which the cluster has what it needs, and a quarter of the time if that is longer.
const WARM: u64 = 2;
/// Bytes that a process may grow by: where it takes the least afterwards, against where it took the most
/// before. What it loses for good does not shrink; what its allocator keeps comes and goes.
const GROWTH: u64 = 4 << 20;
/// Descriptors by which it may differ: connections that come and go.
const DESCRIPTORS: usize = 8;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Soak {
    /// For how long.
    pub time: Duration,
    /// Of what seed.
    pub seed: u64,
    /// With what.
    pub programs: Programs,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Rounds that were played under faults.
    pub rounds: u64,
    /// Faults.
    pub faults: u64,
    /// Futures whose ends were judged.
    pub futures: u64,
    /// Those that held a value; of the others, somebody called a task off, it was to fail, or its
    /// workers were lost.
    pub values: u64,
    /// The most that the scheduler and the first worker, which nothing ends, took after one of the first
    /// storms, a quarter of the time at least.
    pub before: [Option<Footprint>; 2],
    /// The least that they took after one of the others.
    pub after: [Option<Footprint>; 2],
}

impl Soak {
    /// Does it.
    ///
    /// # Errors
    ///
    /// The first thing that must not be.
    pub async fn run(&self) -> Outcome<Summary> {
        let cluster = Cluster::start(self.programs.clone(), WORKERS).await?;
        for seed in (self.seed..).take(AGREE) {
            let agreed = round::agree(seed, &cluster).await;
            agreed.map_err(|why| format!("without faults, plan {seed}: {why}"))?;
        }
        let mut summary = Summary::default();
        for death in 0..DEATHS {
            let survived = summary.outlive(hash(self.seed, 2, death, 0), &cluster).await;
            survived.map_err(|why| format!("when scheduler {death} died: {why}"))?;
        }
        let client = Client::connect(cluster.address()).await.map_err(text)?;
        calm::warm_up(&client).await?;
        client.close().await.map_err(text)?;
        let start = Instant::now();
        for number in 0.. {
            self.storm(number, &cluster, &mut summary).await?;
            let now = [cluster.footprint(), cluster.worker_footprint(0)];
            if number < WARM || start.elapsed() < self.time / 4 {
                summary.before = merge(summary.before, now, Footprint::most);
            } else {
                summary.after = merge(summary.after, now, Footprint::least);
            }
            if start.elapsed() >= self.time {
                break;
            }
        }
        summary.is_flat()?;
        Ok(summary)
    }

    /// Rounds under faults, and one in the calm after them.
    async fn storm(&self, number: u64, cluster: &Cluster, summary: &mut Summary) -> Outcome<()> {
        let (end, over) = watch::channel(false);
        let seed = |n| hash(self.seed, 1, number, n);
        let rounds = async {
            let (start, mut result, mut played) = (Instant::now(), Ok(0), 0);
            while start.elapsed() < STORM && result.is_ok() {
                played += 1;
                result = summary.play(seed(played), false, cluster).await.map(|()| played);
            }
            // The faults hear of it, or are over because one of them could not be done.
            let _ = end.send(true);
            result
        };
        let rages = storm::rage(cluster, seed(0), over.clone());
        let rages_too = storm::rage(cluster, !seed(0), over);
        let (rounds, faults, more) = tokio::join!(rounds, rages, rages_too);
        summary.rounds += rounds.map_err(|why| format!("in storm {number}: {why}"))?;
        summary.faults += faults? + more?;
        calm::settle(cluster).await?;
        let calm = summary.play(!seed(1), true, cluster).await;
        calm.map_err(|why| format!("in the calm after storm {number}: {why}"))
    }
}

impl Summary {
    /// Plays the case of a seed.
    async fn play(&mut self, seed: u64, calm: bool, cluster: &Cluster) -> Outcome<()> {
        let history = round::play(&round::case(seed, calm), cluster, seed).await;
        self.count(history).map_err(|why| format!("plan {seed}: {why}"))
    }

    /// Plays the cases of two seeds; during the first one the scheduler dies, and nobody who comes for the
    /// second one sees anything of that.
    async fn outlive(&mut self, seed: u64, cluster: &Cluster) -> Outcome<()> {
        let history = round::survive(&round::case(seed, false), cluster, seed).await;
        self.count(history).map_err(|why| format!("plan {seed}: {why}"))?;
        self.play(!seed, true, cluster).await
    }

    fn count(&mut self, seen: Outcome<History>) -> Outcome<()> {
        for end in seen?.iter().flat_map(|seen| seen.values()) {
            self.futures += 1;
            self.values += u64::from(matches!(end, End::Value(_)));
        }
        Ok(())
    }

    fn is_flat(&self) -> Outcome<()> {
        for (who, before, after) in self.footprints() {
            let grown = after.memory > before.memory + GROWTH;
            if grown || after.descriptors > before.descriptors + DESCRIPTORS {
                return Err(format!("the {who} took {before} at most, and then {after} at least"));
            }
        }
        Ok(())
    }

    /// Who took what before, and after; nobody, if this system does not tell.
    fn footprints(&self) -> impl Iterator<Item = (&'static str, Footprint, Footprint)> {
        let both = self.before.into_iter().zip(self.after);
        let who = ["scheduler", "first worker"].into_iter();
        who.zip(both).filter_map(|(who, (before, after))| Some((who, before?, after?)))
    }
}

/// Both of each, where there are both.
fn merge(
    one: [Option<Footprint>; 2],
    other: [Option<Footprint>; 2],
    both: fn(Footprint, Footprint) -> Footprint,
) -> [Option<Footprint>; 2] {
    std::array::from_fn(|who| match (one[who], other[who]) {
        (Some(one), Some(other)) => Some(both(one, other)),
        (one, other) => one.or(other),
    })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, faults, futures, values, .. } = self;
        write!(f, "{rounds} rounds, {values} values of {futures} futures, {faults} faults")?;
        self.footprints().try_for_each(|(who, before, after)| {
            write!(f, "; the {who} took {before} at most, and then {after} at least")
        })
    }
}
