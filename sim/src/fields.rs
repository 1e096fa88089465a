//! How a task of a plan is to be run, beyond what it computes: where, with what of its worker, for
//! how long, how often. And the workers that come so that somebody may run it.
//!
//! It must not know how the scheduler sees to it.

use raddle_core::random::{below, hash};
use raddle_core::scheduler::{ConnectionId, Kind};
use raddle_net::messages::TaskOptions;
use raddle_net::names::Key;

use crate::body::Body;
use crate::probe::Probe;
use crate::world::World;

/// The stream of chance that belongs to these fields.
const FIELDS: u64 = 0x66_6965_6c64;
/// Workers are on so many hosts, in turn.
const HOSTS: u32 = 3;
/// The one thing that workers have for tasks that need it.
pub(crate) const GPU: &str = "gpu";
/// All of one of it.
const WHOLE: u64 = 10_000;

/// How a task is to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Workers that may run it; none: any may.
    pub workers: Vec<Target>,
    /// Whether others may run it while none of these is there.
    pub allow_others: bool,
    /// What it takes of its worker's GPU, in units of 1/10,000.
    pub gpu: u64,
    /// How long its body may take, in microseconds; 0: as long as it likes.
    pub limit: u64,
    /// How long the scheduler is told that its body takes, in microseconds; 0: nothing.
    pub expected: u64,
    /// Whether a run that may have begun is never followed by another one.
    pub once: bool,
}

/// A worker, or several, as a task names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The worker of this number, by its address.
    Address(u32),
    /// The workers of this host.
    Host(u32),
    /// The worker of this number, by its name.
    Name(u32),
}

impl Target {
    /// Whether the worker of this number is meant.
    fn is(self, worker: u32) -> bool {
        match self {
            Self::Address(number) | Self::Name(number) => number == worker,
            Self::Host(host) => host == host_of(worker),
        }
    }

    /// As the scheduler is told.
    fn text(self) -> String {
        match self {
            Self::Address(number) => address(number),
            Self::Host(host) => format!("host-{host}"),
            Self::Name(number) => name(number),
        }
    }
}

/// The name of the worker of this number.
pub(crate) fn name(worker: u32) -> String {
    format!("worker {worker}")
}

/// Where it serves values.
pub(crate) fn address(worker: u32) -> String {
    format!("tcp://host-{}:{worker}", host_of(worker))
}

/// The number of the worker that serves values there.
pub(crate) fn worker_at(address: &str) -> Option<u32> {
    address.strip_prefix("tcp://host-")?.rsplit_once(':')?.1.parse().ok()
}

fn host_of(worker: u32) -> u32 {
    worker % HOSTS
}

impl Fields {
    /// Whether the worker of this number, with so much of a GPU, may run the task at all.
    fn may_run(&self, worker: u32, gpu: u64) -> bool {
        let listed = self.workers.iter().any(|target| target.is(worker));
        (listed || self.workers.is_empty() || self.allow_others) && gpu >= self.gpu
    }

    /// Whether a body that takes so long, in microseconds, is never done in time.
    pub(crate) fn is_too_short_for(&self, micros: u32) -> bool {
        self.limit > 0 && u64::from(micros) > self.limit
    }

    /// What the scheduler is told of it.
    pub(crate) fn options(&self, retries: u32) -> TaskOptions {
        let gpu = (self.gpu > 0).then(|| (GPU.to_owned(), self.gpu));
        TaskOptions {
            retries,
            workers: self.workers.iter().map(|target| target.text()).collect(),
            allow_other_workers: self.allow_others,
            at_most_once: self.once,
            resources: gpu.into_iter().collect(),
            timeout: (self.limit > 0).then(|| self.limit.saturating_mul(1_000)),
            expected: (self.expected > 0).then(|| self.expected.saturating_mul(1_000)),
            ..TaskOptions::default()
        }
    }
}

/// Which fields the tasks of a plan have: most plans have none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Switches {
    targets: bool,
    gpu: bool,
    limit: bool,
    once: bool,
    expected: bool,
}

impl Switches {
    /// Those of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let draw = |n: u64, of: u64| below(hash(seed, FIELDS, 0, n), of);
        let on = |n| draw(n, 2) == 0;
        match draw(0, 3) {
            0 => Self { targets: on(1), gpu: on(2), limit: on(3), once: on(4), expected: on(5) },
            1.. => Self::default(),
        }
    }

    /// What the workers of the plan have, in turn.
    pub(crate) fn gpus(self, seed: u64) -> Vec<u64> {
        let draw = |n: u64, of: u64| below(hash(seed, FIELDS, 1, n), of);
        let amounts = [0, WHOLE / 2, WHOLE, 2 * WHOLE];
        let count = if self.gpu { 1 + draw(0, 3) } else { 0 };
        (0..count).map(|n| amounts[draw(1 + n, 4) as usize]).collect()
    }

    /// Those of one task, which `entity` names: the same however often it is submitted.
    pub(crate) fn fields(self, seed: u64, entity: u64, body: Body, may_fail: bool) -> Fields {
        let draw = |n: u64, of: u64| below(hash(seed ^ entity, FIELDS, 2, n), of);
        let mut fields = Fields::default();
        if self.gpu && draw(0, 3) == 0 {
            fields.gpu = [1, WHOLE / 4, WHOLE / 2, WHOLE][draw(1, 4) as usize];
        }
        if self.targets && draw(2, 5) == 0 {
            // Somebody who is there, or will be, or never will be.
            let number = 1 + draw(3, 6) as u32;
            let target = match draw(4, 4) {
                0 if fields.gpu == 0 => Target::Name(number),
                1 if fields.gpu == 0 => Target::Address(number),
                _ => Target::Host(number % HOSTS),
            };
            fields.workers = match draw(5, 3) {
                0 => vec![target, Target::Host((number + 1) % HOSTS)],
                _ => vec![target],
            };
            fields.allow_others = draw(6, 3) == 0;
        }
        if self.limit && draw(7, 6) == 0 {
            let micros = u64::from(body.micros);
            let limits = [micros / 2, micros, micros + 1_000, 2 * micros + 5_000];
            let limit = if may_fail { limits[draw(8, 4) as usize] } else { limits[3] };
            fields.limit = limit.max(1);
        }
        if self.expected {
            // As it is, or far from it.
            let micros = u64::from(body.micros);
            fields.expected = [0, 1, micros, micros, 50 * micros, u64::MAX][draw(10, 6) as usize];
        }
        fields.once = self.once && draw(9, 5) == 0;
        fields
    }
}

impl World {
    /// When nothing happens any more, somebody comes for each task that nobody who is there may run.
    /// Says whether anybody does.
    pub(crate) fn send_for_workers(&mut self) -> bool {
        // It has waited for long enough.
        if self.plan().limits.starve > 0 {
            return false;
        }
        let kinds = self.scheduler.machine.kinds();
        let waits = |kind| matches!(kind, Kind::NoWorker | Kind::Queued);
        let waiting: Vec<_> = kinds.filter(|(_, kind)| waits(*kind)).map(|(key, _)| key).collect();
        let mut sent = false;
        for key in waiting {
            let Some(fields) = self.oracle.task(key).map(|task| task.fields.clone()) else {
                continue;
            };
            let mut here = self.workers.iter();
            if !here.any(|(number, worker)| fields.may_run(*number, worker.gpu)) {
                self.send_for(&fields);
                sent = true;
            }
        }
        sent
    }

    /// The connection of a worker that may not run this task, if there is one.
    pub(crate) fn somebody_else_for(&self, key: Key) -> Option<ConnectionId> {
        let fields = &self.oracle.task(key)?.fields;
        let mut here = self.workers.iter().filter(|(_, worker)| worker.is_registered());
        let other = here.find(|(number, worker)| !fields.may_run(**number, worker.gpu));
        other.map(|(_, worker)| worker.connection)
    }

    fn send_for(&mut self, fields: &Fields) {
        self.probe(Probe::SentFor);
        let next = self.next_worker();
        let number = match fields.workers.first() {
            None => next,
            Some(Target::Host(host)) => {
                (next..).find(|number| host_of(*number) == *host % HOSTS).unwrap_or(next)
            }
            // Whoever had that name before is gone, or has not what the task needs.
            Some(Target::Address(number) | Target::Name(number)) => *number,
        };
        match self.workers.contains_key(&number) {
            true => self.leave(number),
            false => self.join_as(number, 1, fields.gpu),
        }
    }

    /// What a worker of this number has of a GPU.
    pub(crate) fn gpu_of(&self, number: u32) -> u64 {
        let gpus = &self.plan().gpus;
        let turn = (number as usize).checked_rem(gpus.len());
        turn.map_or(0, |turn| gpus[turn])
    }
}
