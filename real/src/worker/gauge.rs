//! What a worker has in memory, looked at now and then while something happens, and what it makes of
//! it: values leave memory, and the scheduler hears that it is full, or that it ends.
//!
//! A look costs a system call, so that none is on the way of a task. This module must not know how
//! values leave memory, or what the scheduler does.

use std::sync::Arc;

use raddle_core::memory::{Limits, Pressure, Reading};
use raddle_core::time::{Duration, Instant};
use raddle_net::messages::{MemoryUse, WorkerMessage};

use super::shell::Shell;
use crate::error::Error;
use crate::hub::lock;
use crate::{clock, memory, rt};

/// How long after something has happened it is looked, and again while bodies run.
const LOOK: Duration = Duration::from_millis(100);
/// How often numbers are told that change nothing.
const TELL: Duration = Duration::from_secs(1);
/// How long a worker that ends waits for the scheduler to end its session.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What was seen last, and what was told.
#[derive(Debug)]
pub(super) struct Gauge {
    limits: Limits,
    /// Whether the process is this worker's alone.
    has_process: bool,
    pressure: Pressure,
    told: MemoryUse,
    told_at: Instant,
    next_look: Option<Instant>,
}

impl Gauge {
    /// Nothing was seen yet.
    pub(super) fn new(limits: Limits, has_process: bool) -> Self {
        Self {
            limits,
            has_process,
            pressure: Pressure::default(),
            told: MemoryUse::default(),
            told_at: Instant::ZERO,
            next_look: None,
        }
    }

    /// What may be in memory.
    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// When to look.
    pub(super) const fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// Why the worker is to end, if it is.
    pub(super) fn is_over(&self) -> Option<Error> {
        let (process, most) = (self.told.process, self.limits.terminate);
        self.pressure.is_over.then_some(Error::OutOfMemory { process, most })
    }

    /// A body begins, or a value has come.
    pub(super) fn has_more(&mut self, now: Instant) {
        if self.next_look.is_none() && self.limits != Limits::NONE && !self.pressure.is_over {
            self.next_look = Some(now + LOOK);
        }
    }

    /// A body has ended, or a value is on disk: it may be over at once that the worker is full.
    pub(super) fn has_less(&mut self, now: Instant) {
        match self.pressure.is_full && !self.pressure.is_over {
            true => self.next_look = Some(now),
            false => self.has_more(now),
        }
    }

    /// What follows from what is seen now: bytes of values that may stay in memory, and what the
    /// scheduler is to be told. Of values, `spilled` bytes are on disk alone.
    fn judge(&mut self, now: Instant, reading: Reading, spilled: u64) -> (u64, Option<MemoryUse>) {
        self.pressure = self.limits.judge(now, reading, self.pressure);
        let Pressure { is_full, is_over, .. } = self.pressure;
        let Reading { process, is_disk_refusing, .. } = reading;
        let process = process.unwrap_or(0);
        let memory = MemoryUse { process, spilled, is_full, is_disk_refusing, is_over };
        let is_news = is_over
            || self.told.is_full != is_full
            || self.told.is_disk_refusing != is_disk_refusing;
        let differs = memory != self.told;
        let tells = is_news || (differs && now - self.told_at >= TELL);
        if tells {
            (self.told, self.told_at) = (memory, now);
        }
        self.next_look = if is_over {
            None
        } else if reading.bodies > 0 || reading.leaving > 0 {
            Some(now + LOOK)
        } else if differs && !tells {
            Some(self.told_at + TELL)
        } else {
            None
        };
        (self.limits.allowed(reading, self.pressure), tells.then_some(memory))
    }
}

impl Shell {
    /// Looks how much is in memory, if it is time to.
    pub(super) fn look_at_memory(self: &Arc<Self>) {
        let has_process = {
            let gauge = &lock(&self.core).gauge;
            if gauge.next_look.is_none_or(|at| at > clock::now()) {
                return;
            }
            gauge.has_process
        };
        let process = has_process.then(memory::resident).flatten();
        let mut turn = self.turn();
        let now = turn.now();
        let core = turn.core();
        let (values, leaving) = core.store.in_memory();
        let (bodies, is_disk_refusing) = (core.machine.executing(), core.store.is_disk_refusing());
        let reading = Reading { process, values, leaving, is_disk_refusing, bodies };
        let spilled = core.store.spilled();
        let (allowed, tells) = core.gauge.judge(now, reading, spilled);
        core.store.allow(allowed);
        let is_over = core.gauge.is_over();
        if let Some(memory) = tells {
            turn.say(&WorkerMessage::Memory(memory));
        }
        turn.end();
        if let Some(error) = is_over {
            tracing::error!(%error, "this worker ends");
            self.over.notify_one();
        }
    }

    /// Until the worker is to end because of what it has in memory, and the scheduler has had some time
    /// to hear of it.
    pub(super) async fn last_words(&self) {
        self.over.notified().await;
        rt::sleep(LAST_WORDS).await;
    }

    /// Why the worker is to end, if it is because of what it has in memory.
    pub(super) fn is_over(&self) -> Option<Error> {
        lock(&self.core).gauge.is_over()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::ZERO;
    const IDLE: Reading =
        Reading { process: Some(100), values: 0, leaving: 0, is_disk_refusing: false, bodies: 0 };

    fn gauge() -> Gauge {
        Gauge { told_at: START, ..Gauge::new(Limits::of(1_000, None, None), true) }
    }

    fn used(process: u64) -> MemoryUse {
        MemoryUse { process, ..MemoryUse::default() }
    }

    #[test]
    fn it_is_looked_a_while_after_something_has_happened_and_not_again_when_nothing_does() {
        let mut gauge = gauge();
        assert_eq!(gauge.next_look(), None);
        gauge.has_more(START);
        gauge.has_more(START + LOOK / 2);
        assert_eq!(gauge.next_look(), Some(START + LOOK));
        let later = START + TELL;
        assert_eq!(gauge.judge(later, IDLE, 0), (600, Some(used(100))));
        assert_eq!(gauge.next_look(), None);
        gauge.has_less(later);
        assert_eq!(gauge.next_look(), Some(later + LOOK), "it was not full");
        let busy = Reading { bodies: 1, ..IDLE };
        assert_eq!(gauge.judge(later, busy, 0), (600, None));
        assert_eq!(gauge.next_look(), Some(later + LOOK));
    }

    #[test]
    fn nobody_looks_where_nothing_is_limited() {
        let mut gauge = Gauge::new(Limits::NONE, true);
        gauge.has_more(START);
        assert_eq!(gauge.next_look(), None);
    }

    #[test]
    fn numbers_are_told_in_their_time_and_the_last_ones_too() {
        let mut gauge = gauge();
        let soon = START + LOOK;
        assert_eq!(gauge.judge(soon, IDLE, 0), (600, None));
        assert_eq!(gauge.next_look(), Some(START + TELL));
        let told = MemoryUse { spilled: 7, ..used(100) };
        assert_eq!(gauge.judge(START + TELL, IDLE, 7), (600, Some(told)));
        assert_eq!(gauge.next_look(), None);
    }

    #[test]
    fn that_it_ends_is_told_at_the_second_look_and_then_nobody_looks() {
        let mut gauge = gauge();
        let heavy = Reading { process: Some(951), bodies: 1, ..IDLE };
        let full = MemoryUse { is_full: true, ..used(951) };
        assert_eq!(gauge.judge(START, heavy, 0), (0, Some(full)));
        assert_eq!(gauge.next_look(), Some(START + LOOK));
        let over = MemoryUse { is_over: true, ..full };
        assert_eq!(gauge.judge(START + LOOK, heavy, 0), (0, Some(over)));
        assert_eq!(gauge.next_look(), None);
        gauge.has_more(START + LOOK);
        gauge.has_less(START + LOOK);
        assert_eq!(gauge.next_look(), None);
    }

    #[test]
    fn what_changes_something_is_told_at_once() {
        let mut gauge = gauge();
        let full = Reading { process: Some(900), values: 500, bodies: 1, ..IDLE };
        let told = MemoryUse { is_full: true, ..used(900) };
        assert_eq!(gauge.judge(START, full, 0), (200, Some(told)));
        let refuses = MemoryUse { is_disk_refusing: true, ..told };
        let full = Reading { is_disk_refusing: true, ..full };
        assert_eq!(gauge.judge(START, full, 0), (200, Some(refuses)));
        let soon = START + LOOK / 2;
        gauge.has_less(soon);
        assert_eq!(gauge.next_look(), Some(soon));
        let over = MemoryUse { is_full: false, ..refuses };
        let ended = Reading { bodies: 0, ..full };
        assert_eq!(gauge.judge(soon, ended, 0), (200, Some(over)));
    }
}
