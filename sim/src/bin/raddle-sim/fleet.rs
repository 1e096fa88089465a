//! Many seeds at a time, told in order, as if they had been run one after another: the first that
//! fails is the same, however many threads there are.
//!
//! The one place in the simulator that knows threads and the clock; no run sees either.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use raddle_sim::{Novelty, Report};

use crate::options::Options;
use crate::outcome::{Found, Outcome};
use crate::tell::Teller;

#[expect(clippy::disallowed_types, reason = "it measures the simulator, not what is simulated")]
pub(crate) type Clock = std::time::Instant;

/// How often progress is told.
const TELLS: Duration = Duration::from_millis(250);

/// Seeds whose outcome may wait for that of an earlier one.
const WAITING: usize = 64;

/// What all runs came to.
pub(crate) struct Total {
    pub(crate) report: Report,
    pub(crate) novelty: Novelty,
    pub(crate) runs: u64,
    pub(crate) seeds: u64,
    pub(crate) since: Clock,
}

impl Default for Total {
    fn default() -> Self {
        let (report, novelty) = (Report::default(), Novelty::default());
        Self { report, novelty, runs: 0, seeds: 0, since: Clock::now() }
    }
}

impl Total {
    pub(crate) fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.report.add(report);
        self.novelty.add(&report.coverage);
    }
}

/// Threads that run seeds.
pub(crate) struct Fleet<'a> {
    options: &'a Options,
    next: AtomicU64,
    end: u64,
    since: Clock,
}

impl<'a> Fleet<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        let seeds = options.seeds();
        let next = AtomicU64::new(seeds.start);
        Self { options, next, end: seeds.end, since: Clock::now() }
    }

    /// What they came to, up to the first in which something is wrong.
    pub(crate) fn run(&self, teller: &Teller) -> (Total, Option<Box<Found>>) {
        let (sender, receiver) = sync_channel(WAITING);
        let (first, jobs) = (self.options.first(), self.options.jobs);
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                let sender = sender.clone();
                scope.spawn(move || self.work(&sender));
            }
            drop(sender);
            collect(first, receiver, teller)
            // The receiver is gone, and with it goes whoever still runs, after its seed.
        })
    }

    fn work(&self, sender: &SyncSender<(u64, Vec<Outcome>)>) {
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            let late = self.options.time.is_some_and(|time| self.since.elapsed() >= time);
            if seed >= self.end || late {
                return;
            }
            let run = |case| {
                let twice = self.options.is_run_twice(&case);
                Outcome::of(case, self.options.mode, twice, self.options.relations)
            };
            let outcomes = self.options.cases(seed).into_iter().map(run).collect();
            if sender.send((seed, outcomes)).is_err() {
                return;
            }
        }
    }
}

/// Outcomes in the order of their seeds, until one is wrong or all are here.
fn collect(
    mut next: u64,
    receiver: Receiver<(u64, Vec<Outcome>)>,
    teller: &Teller,
) -> (Total, Option<Box<Found>>) {
    let (mut total, mut early, mut told) = (Total::default(), BTreeMap::new(), Clock::now());
    loop {
        match receiver.recv_timeout(TELLS) {
            Ok((seed, outcomes)) => drop(early.insert(seed, outcomes)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        while let Some(outcomes) = early.remove(&next) {
            (next, total.seeds) = (next + 1, total.seeds + 1);
            for outcome in outcomes {
                match outcome {
                    Outcome::Found(found) => return (total, Some(found)),
                    Outcome::Passed(passed) => {
                        let (case, report) = *passed;
                        teller.passed(&case, &report);
                        total.add(&report);
                    }
                }
            }
        }
        if told.elapsed() >= TELLS {
            told = Clock::now();
            teller.progress(&total);
        }
    }
    (total, None)
}
