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
/// What is seen counts for one in so many.
const SHARE: u64 = 8;
/// What is seen counts for no more than so many times what was known, and no less than that share of it:
/// news may come together, or be of what has been on its way for long.
const STEP: u64 = 4;
/// Values after which a link that is never idle is looked at.
const LOOK: usize = 16;
/// Bytes of one report that are believed in.
const MOST_BYTES: u64 = 1 << 48;
/// The least and the most bytes in a [`SPAN`] that are believed in: 1 MB and 64 GB a second.
const RATES: (u64, u64) = (66, 4 << 20);
/// Nanoseconds in which a rate counts bytes.
const SPAN: u64 = 65_536;

/// Transfers of large values.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// Values on their way to workers.
    coming: BTreeMap<(WorkerId, RunId), Transfer>,
    /// What links carry into workers, and out of them.
    into: Side,
    out_of: Side,
}

/// A value on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transfer {
    /// Its bytes.
    pub bytes: u64,
    /// Who holds it, if only one worker did.
    pub from: Option<WorkerId>,
}

impl Links {
    /// How long so many bytes take, in nanoseconds. Where one worker sends to many, the links into them
    /// are not full, and where many send to one, those out of them: so the faster side counts.
    pub fn nanos(&self, bytes: u64) -> u64 {
        let seen = self.into.rate.max(self.out_of.rate);
        bytes.saturating_mul(SPAN) / seen.unwrap_or_else(|| rate(ASSUMED))
    }

    /// Whether this value is on its way to this worker.
    pub fn is_coming(&self, worker: WorkerId, run: RunId) -> bool {
        !self.coming.is_empty() && self.coming.contains_key(&(worker, run))
    }

    /// Bytes that are on their way into a worker.
    pub fn incoming(&self, worker: WorkerId) -> u64 {
        self.into.bytes(worker)
    }

    /// Bytes that are on their way out of a worker.
    pub fn outgoing(&self, worker: WorkerId) -> u64 {
        self.out_of.bytes(worker)
    }

    /// A worker was given what needs this value.
    pub fn expect(&mut self, worker: WorkerId, run: RunId, transfer: Transfer, now: Instant) {
        let transfer = Transfer { bytes: transfer.bytes.min(MOST_BYTES), ..transfer };
        if self.is_coming(worker, run) {
            return;
        }
        self.coming.insert((worker, run), transfer);
        self.into.add(worker, transfer.bytes, now);
        if let Some(from) = transfer.from {
            self.out_of.add(from, transfer.bytes, now);
        }
    }

    /// A value has come.
    pub fn arrived(&mut self, worker: WorkerId, run: RunId, now: Instant) {
        self.end(worker, run, Some(now));
    }

    /// What was to come to this worker may not come.
    pub fn forget(&mut self, worker: WorkerId) {
        if self.into.links.contains_key(&worker) {
            let least = (worker, RunId { epoch: 0, counter: 0 });
            let its = self.coming.range(least..).take_while(|((to, _), _)| *to == worker);
            let runs: Vec<RunId> = its.map(|((_, run), _)| *run).collect();
            for run in runs {
                self.end(worker, run, None);
            }
        }
    }

    /// A value is not on its way any more: it has come, or may not come.
    fn end(&mut self, worker: WorkerId, run: RunId, arrived: Option<Instant>) {
        let Some(Transfer { bytes, from }) = self.coming.remove(&(worker, run)) else { return };
        self.into.take(worker, bytes, arrived);
        if let Some(from) = from {
            self.out_of.take(from, bytes, arrived);
        }
    }
}

/// Links in one direction.
#[derive(Clone, Debug, Default)]
struct Side {
    /// Those that carry something.
    links: BTreeMap<WorkerId, Link>,
    /// Bytes in a [`SPAN`], once something was seen.
    rate: Option<u64>,
}

/// One direction of a worker's link, while it carries something.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// On their way.
    bytes: u64,
    transfers: usize,
    /// What has come since, until the last time: bytes and values.
    since: Instant,
    until: Instant,
    seen: (u64, usize),
}

impl Side {
    fn bytes(&self, worker: WorkerId) -> u64 {
        self.links.get(&worker).map_or(0, |link| link.bytes)
    }

    fn add(&mut self, worker: WorkerId, bytes: u64, now: Instant) {
        let idle = Link { bytes: 0, transfers: 0, since: now, until: now, seen: (0, 0) };
        let link = self.links.entry(worker).or_insert(idle);
        link.bytes = link.bytes.saturating_add(bytes);
        link.transfers += 1;
    }

    fn take(&mut self, worker: WorkerId, bytes: u64, arrived: Option<Instant>) {
        let Some(link) = self.links.get_mut(&worker) else { return };
        link.bytes = link.bytes.saturating_sub(bytes);
        link.transfers -= 1;
        if let Some(now) = arrived {
            link.until = now;
            link.seen = (link.seen.0.saturating_add(bytes), link.seen.1 + 1);
        }
        let Link { since, until, seen, transfers, .. } = *link;
        if transfers == 0 {
            self.links.remove(&worker);
        } else if seen.1 < LOOK {
            return;
        } else {
            (link.since, link.seen) = (until, (0, 0));
        }
        self.learn(seen.0, until.as_nanos().saturating_sub(since.as_nanos()));
    }

    /// A link has carried so many bytes in so many nanoseconds, if any.
    fn learn(&mut self, bytes: u64, nanos: u64) {
        if bytes == 0 || nanos == 0 {
            return;
        }
        let known = self.rate.unwrap_or_else(|| rate(ASSUMED));
        let seen = rate((bytes, nanos)).clamp(known / STEP, known * STEP);
        self.rate = Some((known * (SHARE - 1) + seen + SHARE / 2) / SHARE);
    }
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
        (0..1_000).for_each(|n| links.expect(WORKER, run(n), VALUE, millis(0)));
        for n in 0..1_000 {
            assert!(links.is_coming(WORKER, run(n)));
            assert_eq!(links.incoming(WORKER), (1_000 - n) * 32 * MIB);
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
        (0..1_000).for_each(|n| links.expect(to(n), run(1), value, millis(0)));
        for n in 0..1_000 {
            assert_eq!(links.outgoing(OTHER), (1_000 - n) * 32 * MIB);
            links.arrived(to(n), run(1), millis(1_000 * (n + 1)));
        }
        assert_a_second(&links);
        assert_eq!(links.outgoing(OTHER), 0);
    }

    #[test]
    fn values_that_all_send_to_all_at_once_come_together() {
        let mut links = Links::default();
        let workers = 1..=8_u32;
        for shuffle in 0..100 {
            let pairs = || workers.clone().flat_map(|to| workers.clone().map(move |of| (to, of)));
            let value = |of: u32| run(shuffle * 100 + u64::from(of));
            for (to, of) in pairs() {
                let value_of = Transfer { bytes: 4 * MIB, from: Some(WorkerId(of)) };
                links.expect(WorkerId(to), value(of), value_of, millis(2_000 * shuffle));
            }
            for (to, of) in pairs() {
                links.arrived(WorkerId(to), value(of), millis(2_000 * shuffle + 1_000));
            }
        }
        assert_a_second(&links);
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
        links.forget(WORKER);
        links.arrived(WORKER, run(2), millis(500));
        assert_eq!(links.nanos(MIB), before);
        assert_eq!((links.incoming(WORKER), links.outgoing(OTHER)), (0, 0));
    }

    #[test]
    fn one_that_comes_at_once_because_it_was_on_its_way_for_long_teaches_little() {
        let mut links = Links::default();
        let before = links.nanos(MIB);
        links.expect(WORKER, run(1), VALUE, millis(0));
        links.arrived(WORKER, run(1), Instant::from_nanos(1));
        assert!((before / 2..before).contains(&links.nanos(MIB)));
    }

    #[test]
    fn no_report_makes_links_unbelievable() {
        let mut links = Links::default();
        for n in 0..400 {
            links.expect(WORKER, run(n), Transfer { bytes: u64::MAX, from: None }, millis(n));
            links.arrived(WORKER, run(n), millis(n + 1));
        }
        assert_eq!(links.nanos(RATES.1), SPAN);
        assert!(links.nanos(u64::MAX) >= u64::MAX / RATES.1, "it saturates");
    }
}
