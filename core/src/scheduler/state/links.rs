//! What transfers between workers bring: how many bytes a link carries in a while, as an average, and
//! which values are on their way, from whom to whom.
//!
//! Measured is what the scheduler sees anyway: a run that lacks values is assigned, and its worker says
//! of each when it has come. Small values are not looked at. This module must not know tasks.

use std::collections::BTreeMap;

use raddle_net::names::{RunId, WorkerId};

use crate::time::Instant;

/// Values of fewer bytes say more of words than of links.
pub const LARGE: u64 = 64 << 10;
/// What is assumed before anything has been seen: 128 MiB a second.
const ASSUMED: (u64, u64) = (128 << 20, 1_000_000_000);
/// When more is seen, what was seen before counts an eighth less.
const LESS: u64 = 8;
/// Bytes of one report that are believed in.
const MOST_BYTES: u64 = 1 << 48;
/// The least and the most bytes in a [`SPAN`] that are believed in: 1 MB and 64 GB a second.
const RATES: (u64, u64) = (66, 4 << 20);
/// Nanoseconds in which a rate counts bytes.
const SPAN: u64 = 65_536;

/// Transfers of large values.
#[derive(Clone, Debug)]
pub struct Links {
    /// Bytes seen, and the nanoseconds in which they came, the older ones counting less.
    seen: (u64, u64),
    /// Bytes in a [`SPAN`].
    rate: u64,
    /// Values on their way to workers.
    coming: BTreeMap<(WorkerId, RunId), Transfer>,
    /// What links carry into workers, and out of them.
    into: BTreeMap<WorkerId, Link>,
    out_of: BTreeMap<WorkerId, Link>,
}

/// A value on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfer {
    /// Its bytes.
    pub bytes: u64,
    /// Who holds it, if only one worker did.
    pub from: Option<WorkerId>,
}

/// One direction of a worker's link, while it carries something.
#[derive(Clone, Copy, Debug)]
struct Link {
    bytes: u64,
    transfers: usize,
    /// Since when the next value has been on its way.
    since: Instant,
}

impl Default for Links {
    fn default() -> Self {
        let (coming, into, out_of) = Default::default();
        Self { seen: ASSUMED, rate: rate(ASSUMED), coming, into, out_of }
    }
}

impl Links {
    /// How long so many bytes take, in nanoseconds.
    pub fn nanos(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(SPAN) / self.rate
    }

    /// Whether this value is on its way to this worker.
    pub fn is_coming(&self, worker: WorkerId, run: RunId) -> bool {
        !self.coming.is_empty() && self.coming.contains_key(&(worker, run))
    }

    /// Bytes that are on their way into a worker.
    pub fn incoming(&self, worker: WorkerId) -> u64 {
        self.into.get(&worker).map_or(0, |link| link.bytes)
    }

    /// Bytes that are on their way out of a worker.
    pub fn outgoing(&self, worker: WorkerId) -> u64 {
        self.out_of.get(&worker).map_or(0, |link| link.bytes)
    }

    /// A worker was given what needs this value.
    pub fn expect(&mut self, worker: WorkerId, run: RunId, transfer: Transfer, now: Instant) {
        let transfer = Transfer { bytes: transfer.bytes.min(MOST_BYTES), ..transfer };
        if self.is_coming(worker, run) {
            return;
        }
        self.coming.insert((worker, run), transfer);
        add(&mut self.into, worker, transfer.bytes, now);
        if let Some(from) = transfer.from {
            add(&mut self.out_of, from, transfer.bytes, now);
        }
    }

    /// A value has come. Of the two links that it took, the one that brought its last value later is
    /// the one that it had to wait for.
    pub fn arrived(&mut self, worker: WorkerId, run: RunId, now: Instant) {
        let Some(Transfer { bytes, from }) = self.coming.remove(&(worker, run)) else { return };
        let into = take(&mut self.into, worker, bytes, now);
        let out_of = from.and_then(|from| take(&mut self.out_of, from, bytes, now));
        let Some(since) = into.max(out_of) else { return };
        let nanos = now.as_nanos().saturating_sub(since.as_nanos());
        let less = |sum: u64| sum - sum / LESS;
        self.seen.0 = less(self.seen.0).saturating_add(bytes);
        self.seen.1 = less(self.seen.1).saturating_add(nanos);
        self.rate = rate(self.seen);
    }

    /// What was to come to this worker may not come.
    pub fn forget(&mut self, worker: WorkerId, now: Instant) {
        if self.into.contains_key(&worker) {
            let least = (worker, RunId { epoch: 0, counter: 0 });
            let its = self.coming.range(least..).take_while(|((to, _), _)| *to == worker);
            let runs: Vec<RunId> = its.map(|((_, run), _)| *run).collect();
            for run in runs {
                let Some(Transfer { bytes, from }) = self.coming.remove(&(worker, run)) else {
                    continue;
                };
                take(&mut self.into, worker, bytes, now);
                if let Some(from) = from {
                    take(&mut self.out_of, from, bytes, now);
                }
            }
        }
    }
}

fn add(links: &mut BTreeMap<WorkerId, Link>, worker: WorkerId, bytes: u64, now: Instant) {
    let link = links.entry(worker).or_insert(Link { bytes: 0, transfers: 0, since: now });
    link.bytes = link.bytes.saturating_add(bytes);
    link.transfers += 1;
}

/// A transfer is over. Returns since when the link has carried it and nothing before it.
fn take(
    links: &mut BTreeMap<WorkerId, Link>,
    worker: WorkerId,
    bytes: u64,
    now: Instant,
) -> Option<Instant> {
    let link = links.get_mut(&worker)?;
    let since = std::mem::replace(&mut link.since, now);
    link.bytes = link.bytes.saturating_sub(bytes);
    link.transfers -= 1;
    if link.transfers == 0 {
        links.remove(&worker);
    }
    Some(since)
}

/// Bytes in a [`SPAN`], of bytes in nanoseconds, within what is believed.
fn rate((bytes, nanos): (u64, u64)) -> u64 {
    let rate = u128::from(bytes) * u128::from(SPAN) / u128::from(nanos.max(1));
    u64::try_from(rate).unwrap_or(u64::MAX).clamp(RATES.0, RATES.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKER: WorkerId = WorkerId(1);
    const OTHER: WorkerId = WorkerId(2);
    const MIB: u64 = 1 << 20;
    const VALUE: Transfer = Transfer { bytes: 32 * MIB, from: None };

    fn run(counter: u64) -> RunId {
        RunId { epoch: 1, counter }
    }

    fn millis(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    /// Whether it has been learned that 32 MiB take a second.
    fn assert_a_second(links: &Links) {
        let nanos = links.nanos(32 * MIB);
        assert!((990_000_000..1_010_000_000).contains(&nanos), "{nanos}: a second each");
    }

    #[test]
    fn it_learns_what_links_bring() {
        let mut links = Links::default();
        assert_eq!(links.nanos(128 * MIB) / 1_000_000, 1_000, "it is assumed");
        for n in 0..100 {
            links.expect(WORKER, run(n), VALUE, millis(2_000 * n));
            links.arrived(WORKER, run(n), millis(2_000 * n + 1_000));
        }
        assert_a_second(&links);
    }

    #[test]
    fn values_that_come_to_one_worker_share_its_link() {
        let mut links = Links::default();
        (0..100).for_each(|n| links.expect(WORKER, run(n), VALUE, millis(0)));
        for n in 0..100 {
            assert!(links.is_coming(WORKER, run(n)));
            assert_eq!(links.incoming(WORKER), (100 - n) * 32 * MIB);
            links.arrived(WORKER, run(n), millis(1_000 * (n + 1)));
            assert!(!links.is_coming(WORKER, run(n)));
        }
        assert_a_second(&links);
        assert_eq!(links.incoming(WORKER), 0);
    }

    #[test]
    fn values_that_one_worker_sends_to_many_share_its_link() {
        let mut links = Links::default();
        let value = Transfer { from: Some(OTHER), ..VALUE };
        let to = |n: u64| WorkerId(n as u32 + 10);
        (0..100).for_each(|n| links.expect(to(n), run(1), value, millis(0)));
        for n in 0..100 {
            assert_eq!(links.outgoing(OTHER), (100 - n) * 32 * MIB);
            links.arrived(to(n), run(1), millis(1_000 * (n + 1)));
        }
        assert_a_second(&links);
        assert_eq!(links.outgoing(OTHER), 0);
    }

    #[test]
    fn a_value_that_two_tasks_need_comes_once() {
        let mut links = Links::default();
        (0..2).for_each(|_| links.expect(WORKER, run(1), VALUE, millis(0)));
        assert_eq!(links.incoming(WORKER), 32 * MIB);
        links.arrived(WORKER, run(1), millis(1));
        assert_eq!(links.incoming(WORKER), 0);
    }

    #[test]
    fn what_was_not_expected_or_was_forgotten_teaches_nothing() {
        let mut links = Links::default();
        let before = links.nanos(MIB);
        links.arrived(WORKER, run(1), millis(5));
        links.expect(WORKER, run(2), Transfer { from: Some(OTHER), ..VALUE }, millis(5));
        links.forget(WORKER, millis(6));
        links.arrived(WORKER, run(2), millis(500));
        assert_eq!(links.nanos(MIB), before);
        assert_eq!((links.incoming(WORKER), links.outgoing(OTHER)), (0, 0));
    }

    #[test]
    fn no_report_makes_links_unbelievable() {
        let mut links = Links::default();
        for n in 0..200 {
            links.expect(WORKER, run(n), Transfer { bytes: u64::MAX, from: None }, millis(n));
            links.arrived(WORKER, run(n), millis(n));
        }
        assert_eq!(links.nanos(RATES.1), SPAN);
        assert_eq!(links.nanos(u64::MAX), u64::MAX / RATES.1, "it saturates");
    }
}
