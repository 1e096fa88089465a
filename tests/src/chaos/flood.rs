//! Strangers who send what is wrong, as fast as they can, to a scheduler and a worker, while somebody
//! honest works.
//!
//! It must not know how the others judge it: they close the connection, and that is all it waits for.

use std::fmt;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use raddle::Client;
use raddle_core::random::{below, hash};
use raddle_net::frame::{FrameEncoder, FrameOptions};
use raddle_net::hello::{self, Hello, Role};
use raddle_net::messages::{ClientMessage, PeerRequest, Query, Registration, WorkerMessage};
use raddle_net::names::Session;
use serde::Serialize;

use super::cluster::{Cluster, Programs};
use super::footprint::Footprint;
use super::{LIMIT, Outcome, text};
use crate::add;

/// The stream of chance that belongs to what is wrong.
const WRONG: u64 = 0x77_726f_6e67;
/// Strangers at a time.
const STRANGERS: u64 = 8;
/// One of so many comes before the measure is taken: then everything is as large as it gets.
const WARM: u64 = 10;
/// Bytes that a process may grow by in a flood.
const GROWTH: u64 = 1 << 20;
/// The same in a flood of fewer frames than [`MANY`]: its first tenth has not made everything as large
/// as it gets.
const EARLY_GROWTH: u64 = 8 << 20;
/// Frames of a flood of which the first tenth is enough.
const MANY: u64 = 100_000;

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

/// What one stranger attacks.
#[derive(Clone, Debug)]
struct Target {
    /// `host:port`.
    address: String,
    is_worker: bool,
}

/// The work that is left of a flood.
#[derive(Debug)]
struct Work {
    seed: u64,
    /// The next one to send.
    next: AtomicU64,
    hellos: u64,
    all: u64,
    targets: [Target; 2],
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
        let mut before = Vec::new();
        let start = Instant::now();
        while before.is_empty() || start.elapsed() < self.calm {
            before.push(honest(&client, before.len()).await?);
        }
        let (frames, hellos) = (self.frames / WARM, self.hellos / WARM);
        let warm = self.work(0, frames, hellos, &targets);
        work_meanwhile(&client, warm, &mut Vec::new()).await?;
        let footprints = || [cluster.footprint(), cluster.worker_footprint(0)];
        let (at_first, start, mut meanwhile) = (footprints(), Instant::now(), Vec::new());
        let flood = self.work(1, self.frames - frames, self.hellos - hellos, &targets);
        work_meanwhile(&client, flood, &mut meanwhile).await?;
        let [scheduler, worker] = footprints();
        client.close().await.map_err(text)?;
        let summary = Summary {
            took: start.elapsed(),
            latencies: [quantiles(before), quantiles(meanwhile)],
            footprints: [[at_first[0], scheduler], [at_first[1], worker]],
        };
        summary.is_flat(if self.frames < MANY { EARLY_GROWTH } else { GROWTH }).map(|()| summary)
    }

    fn work(&self, part: u64, frames: u64, hellos: u64, targets: &[Target; 2]) -> Arc<Work> {
        let seed = hash(self.seed, WRONG, part, 0);
        let targets = targets.clone();
        Arc::new(Work { seed, next: AtomicU64::new(0), hellos, all: frames + hellos, targets })
    }
}

/// Works until the flood is over; how long each task took.
async fn work_meanwhile(client: &Client, work: Arc<Work>, took: &mut Vec<Duration>) -> Outcome<()> {
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

impl Work {
    fn send_all(&self) -> Outcome<()> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.all {
                return Ok(());
            }
            let target = &self.targets[(number % 2) as usize];
            let chance = Chance { seed: self.seed, number };
            // Wrong hellos are spread among the frames.
            let is_hello = number * self.hellos / self.all < (number + 1) * self.hellos / self.all;
            let bytes = if is_hello { chance.hello(target) } else { chance.frame(target) };
            send(&target.address, &bytes).map_err(|error| format!("a stranger: {error}"))?;
        }
    }
}

/// Says it, and waits until the other side has closed the connection.
fn send(address: &str, bytes: &[u8]) -> std::io::Result<()> {
    let is_over = |error: &std::io::Error| {
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::NotConnected
        )
    };
    let said = (|| {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(bytes)?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = [0; 512];
        while stream.read(&mut answer)? > 0 {}
        Ok(())
    })();
    match said {
        Err(error) if is_over(&error) => Ok(()),
        said => said,
    }
}

/// What is wrong with one of them.
struct Chance {
    seed: u64,
    number: u64,
}

impl Chance {
    fn below(&self, bound: usize, what: u64) -> usize {
        below(hash(self.seed, WRONG, self.number, what), bound as u64) as usize
    }

    fn bytes(&self, count: usize) -> Vec<u8> {
        (0..count).map(|at| self.below(256, 1_000 + at as u64) as u8).collect()
    }

    fn flip(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let at = self.below(bytes.len(), 1);
        bytes[at] ^= 1 << self.below(8, 2);
        bytes
    }

    fn cut(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.truncate(self.below(bytes.len(), 3));
        bytes
    }

    /// A hello as it should be.
    fn good_hello(&self, target: &Target) -> Vec<u8> {
        let role = match (target.is_worker, self.number % 3) {
            (true, _) => Role::Data,
            (false, 0) => Role::Worker,
            (false, _) => Role::Client,
        };
        let session = Session::truncate(hash(self.seed, WRONG, self.number, 4));
        hello::encode_hello(&Hello::new(role, session)).expect("a short one")
    }

    fn hello(&self, target: &Target) -> Vec<u8> {
        let good = self.good_hello(target);
        match self.below(6, 5) {
            0 => self.bytes(self.below(200, 6) + 1),
            1 => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            2 => self.cut(good),
            3 => {
                // A body of as many bytes as can be claimed.
                let mut claims = good;
                claims[10..12].copy_from_slice(&u16::MAX.to_le_bytes());
                claims
            }
            _ => self.flip(good),
        }
    }

    /// A good hello, and a frame that is none.
    fn frame(&self, target: &Target) -> Vec<u8> {
        let query = ClientMessage::Query { id: 1, query: Query::Info };
        let registration = WorkerMessage::Register(Registration::default());
        let request = PeerRequest::Get { items: Vec::new() };
        let good = match (target.is_worker, self.number % 3) {
            (true, _) => framed(&request),
            (false, 0) => framed(&registration),
            (false, _) => framed(&query),
        };
        let wrong = match self.below(6, 7) {
            0 => self.bytes(self.below(200, 8) + 1),
            1 => {
                let mut claims = good;
                claims[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
                claims
            }
            2 => self.cut(good),
            // Whole, and no message of anybody's.
            3 => framed(&self.bytes(self.below(100, 9) + 1)),
            _ => self.flip(good),
        };
        [self.good_hello(target), wrong].concat()
    }
}

/// The first frame of a connection, with this message.
fn framed<M: Serialize>(message: &M) -> Vec<u8> {
    let mut encoder = FrameEncoder::new(FrameOptions { segment_checksums: false });
    encoder.push(message).expect("a small message");
    encoder.take().concat()
}

impl Summary {
    fn is_flat(&self, growth: u64) -> Outcome<()> {
        for (who, footprints) in ["scheduler", "worker"].iter().zip(self.footprints) {
            let [Some(before), Some(after)] = footprints else { continue };
            if after.memory > before.memory + growth {
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
