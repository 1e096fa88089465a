//! The disk of a simulated worker: values go there that do not fit into its memory, by the decisions of
//! real workers (`raddle_core::memory`), and are read back when they are needed. One thing is done
//! after the other, and takes its time.
//!
//! It must not know which values go, or what they are needed for.

use std::collections::BTreeMap;

use raddle_core::memory::{Ticket, Unwritten};
use raddle_core::time::{Duration, Instant};
use raddle_core::worker::RequestId;
use raddle_net::messages::Item;
use raddle_net::names::{Key, RunId};

use super::SimWorker;
use crate::body::Body;
use crate::failure::Failure;
use crate::plan::DiskFault;
use crate::plant::Plant;
use crate::probe::Probe;
use crate::property::Property;
use crate::world::{Delivery, World};

/// A value: the number that it is, and how many bytes it has.
pub(crate) type Value = (u64, u32);

/// What a disk can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speed {
    /// Until it begins.
    pub(crate) seek: Duration,
    /// Bytes that it reads or writes in a microsecond.
    pub(crate) bytes: u64,
    /// Bytes that it has room for.
    pub(crate) room: u64,
}

/// A disk, with what is on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    speed: Option<Speed>,
    /// Values by their places.
    pieces: BTreeMap<u64, Value>,
    /// Until when it does what it was asked to.
    busy_until: Instant,
    /// Until when nothing more fits.
    full_until: Instant,
    /// What was on it cannot be read, and nothing is written any more.
    is_gone: bool,
    /// What is to be done, by its number.
    jobs: BTreeMap<u64, Job>,
    /// Bodies that wait for it.
    begins: BTreeMap<RunId, Begin>,
}

/// What a disk is asked for.
#[derive(Clone, Debug)]
enum Job {
    /// Read what this run needs.
    Read(RunId),
    /// Read what a peer wants, which is this.
    Serve(RequestId, Vec<(Item, Option<Value>)>),
    Write(Ticket, Value),
}

/// A body that is entered when its inputs are there, and there is memory for what it makes.
#[derive(Clone, Debug)]
pub(super) struct Begin {
    pub(super) key: Key,
    pub(super) body: Body,
    pub(super) inputs: Vec<u64>,
    /// Its inputs are in memory.
    is_read: bool,
}

/// A value that a worker holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) value: Value,
    /// Bytes of it that are to be read from disk; `None` if it is in memory.
    pub(super) away: Option<u32>,
}

impl Disk {
    /// An empty one, if there is one.
    pub(super) fn new(speed: Option<Speed>) -> Self {
        Self { speed, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.begins.is_empty()
    }

    /// The place is of no use any more.
    pub(super) fn free(&mut self, place: Option<u64>) {
        if let Some(place) = place {
            self.pieces.remove(&place);
        }
    }

    /// Whether the body of a run waits, which it does no longer.
    pub(super) fn calls_off(&mut self, run: RunId) -> Option<Key> {
        self.begins.remove(&run).map(|begin| begin.key)
    }

    /// Whether a value of so many bytes cannot be written now.
    fn refuses(&self, now: Instant, nbytes: u32) -> bool {
        let used: u64 = self.pieces.values().map(|(_, nbytes)| u64::from(*nbytes)).sum();
        let room = self.speed.map_or(0, |speed| speed.room);
        self.is_gone || now < self.full_until || used + u64::from(nbytes) > room
    }
}

impl SimWorker {
    /// Keeps a value.
    pub(crate) fn keep(&mut self, run: RunId, value: Value) {
        let removed = self.store.insert(run, u64::from(value.1), value);
        self.disk.free(removed.on_disk);
    }

    /// Gives a value up; says whether it was there.
    pub(super) fn drop_value(&mut self, run: RunId) -> bool {
        let is_held = self.store.contains(run);
        let removed = self.store.remove(run);
        self.disk.free(removed.on_disk);
        is_held
    }

    /// A value that is held, which is needed now. `Err` if it is neither in memory nor on disk.
    pub(super) fn take_up(&mut self, run: RunId) -> Result<Option<Taken>, Failure> {
        let (mut away, mut is_nowhere) = (None, false);
        let read = |place: &u64| match self.disk.pieces.get(place) {
            Some(value) => {
                away = Some(value.1);
                *value
            }
            None => {
                is_nowhere = true;
                (0, 0)
            }
        };
        let value = self.store.get(run, read);
        match is_nowhere {
            true => Err(nowhere(run)),
            false => Ok(value.map(|value| Taken { value, away })),
        }
    }

    /// Whether all that is held is somewhere, and no more in memory than must be.
    pub(super) fn check_store(&self, now: Instant) -> Result<(), Failure> {
        let is_there = |place: &u64| self.disk.pieces.contains_key(place);
        if let Some((run, _)) = self.store.iter().find(|(_, at)| !at.is_none_or(is_there)) {
            return Err(nowhere(run));
        }
        let broken = |property, fault| Failure::Broken(property, format!("{fault:?}"));
        self.store.check(now).map_err(|fault| match fault {
            raddle_core::memory::Fault::TooMuch => broken(Property::Memory, fault),
            raddle_core::memory::Fault::Count
            | raddle_core::memory::Fault::Nowhere(_)
            | raddle_core::memory::Fault::Order(_) => broken(Property::Spilled, fault),
        })
    }
}

fn nowhere(run: RunId) -> Failure {
    let what = format!("what {run} made is neither in memory nor on disk");
    Failure::Broken(Property::Spilled, what)
}

impl World {
    /// The disk of a worker fails.
    pub(crate) fn spoil(&mut self, worker: u32, fault: DiskFault) {
        let now = self.now;
        let Some(node) = self.workers.get_mut(&worker) else { return };
        match fault {
            DiskFault::Full(micros) => {
                let until = now + Duration::from_micros(micros);
                node.disk.full_until = node.disk.full_until.max(until);
            }
            DiskFault::Gone => node.disk.is_gone = true,
        }
    }

    /// Whoever has a disk that is gone is started again, with another one.
    pub(crate) fn replace_disks(&mut self) {
        let spoilt = self.workers.iter().filter(|(_, node)| node.disk.is_gone);
        let spoilt: Vec<u32> = spoilt.map(|(worker, _)| *worker).collect();
        for worker in spoilt {
            self.die(worker);
        }
    }

    /// Has values leave memory, if there are too many.
    pub(super) fn relieve(&mut self, worker: u32) {
        if self.harms(Plant::SpillNothing) {
            return;
        }
        let now = self.now;
        let Some(node) = self.workers.get_mut(&worker) else { return };
        let relief = node.store.relieve(now);
        self.probe_if(Probe::Dropped, !relief.dropped.is_empty());
        for (ticket, value) in relief.writes {
            self.ask_disk(worker, value.1, Job::Write(ticket, value));
        }
    }

    /// A body is entered, once so many bytes were read for it, and there is memory.
    pub(super) fn enter(
        &mut self,
        worker: u32,
        run: RunId,
        begin: (Key, Body, Vec<u64>),
        away: Option<u32>,
    ) {
        let (key, body, inputs) = begin;
        let begin = Begin { key, body, inputs, is_read: away.is_none() };
        let node = self.workers.get_mut(&worker).expect("it has just had an effect");
        node.disk.begins.insert(run, begin);
        if let Some(nbytes) = away {
            self.probe(Probe::ReadBack);
            self.ask_disk(worker, nbytes, Job::Read(run));
        }
        self.enter_ready(worker);
    }

    /// Enters what need not wait any more.
    fn enter_ready(&mut self, worker: u32) {
        loop {
            let Some(node) = self.workers.get_mut(&worker) else { return };
            let ready = node.disk.begins.iter().find(|(_, begin)| begin.is_read);
            let Some(run) = ready.map(|(run, _)| *run) else { return };
            if node.store.is_choked() {
                return self.probe(Probe::Choked);
            }
            let begin = node.disk.begins.remove(&run).expect("it has just been there");
            self.begin(worker, run, begin);
        }
    }

    /// Serves what was asked for, once so many bytes of it were read.
    pub(super) fn serve_from_disk(
        &mut self,
        worker: u32,
        request: RequestId,
        values: Vec<(Item, Option<Value>)>,
        nbytes: u32,
    ) {
        self.probe(Probe::ServedFromDisk);
        self.ask_disk(worker, nbytes, Job::Serve(request, values));
    }

    /// The disk of a worker does this when it has done all it was asked for before.
    fn ask_disk(&mut self, worker: u32, nbytes: u32, job: Job) {
        self.next_job += 1;
        let (number, now) = (self.next_job, self.now);
        let node = self.workers.get_mut(&worker).expect("it asks its disk");
        let speed = node.disk.speed.expect("nothing leaves memory without a disk");
        let takes = speed.seek + Duration::from_micros(u64::from(nbytes) / speed.bytes);
        let done = node.disk.busy_until.max(now) + takes;
        node.disk.busy_until = done;
        node.disk.jobs.insert(number, job);
        self.at(done, Delivery::Disk(worker, number));
    }

    /// The disk of a worker has done something, or cannot do it.
    pub(crate) fn disk_did(&mut self, worker: u32, number: u64) {
        let Some(node) = self.workers.get_mut(&worker) else { return };
        let Some(job) = node.disk.jobs.remove(&number) else { return };
        let is_gone = node.disk.is_gone;
        match job {
            Job::Write(ticket, value) => {
                self.wrote(worker, number, ticket, value);
                self.enter_ready(worker);
            }
            // What it is said to hold it does not hold: it ends, so that all of it is made again.
            Job::Read(_) | Job::Serve(..) if is_gone => {
                self.probe(Probe::DiskGone);
                return self.die(worker);
            }
            Job::Read(run) => {
                if let Some(begin) = node.disk.begins.get_mut(&run) {
                    begin.is_read = true;
                }
                self.enter_ready(worker);
            }
            Job::Serve(request, values) => self.reply_values(worker, request, values),
        }
        if self.workers.contains_key(&worker) {
            self.judge_memory(worker);
        }
    }

    /// A value was to be written.
    fn wrote(&mut self, worker: u32, place: u64, ticket: Ticket, value: Value) {
        let now = self.now;
        let forgets = self.harms(Plant::SpillForget);
        let Some(node) = self.workers.get_mut(&worker) else { return };
        if node.disk.refuses(now, value.1) {
            node.store.not_written(ticket, Unwritten::Disk, now);
            return self.probe(Probe::DiskRefuses);
        }
        let removed = node.store.written(ticket, place);
        let is_held = removed.on_disk.is_none();
        if is_held && !forgets {
            node.disk.pieces.insert(place, value);
        }
        self.probe(if is_held { Probe::Spilled } else { Probe::SpilledForNothing });
    }

    /// Mixes up what was read from disk with something else that is there.
    pub(super) fn mix_up(&mut self, worker: u32, read: u64) -> u64 {
        let others = self.workers[&worker].disk.pieces.values();
        let other = others.map(|(value, _)| *value).find(|value| *value != read);
        match other {
            Some(other) if self.harms(Plant::SpillSwap) => other,
            Some(_) | None => read,
        }
    }
}
