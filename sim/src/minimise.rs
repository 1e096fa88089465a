//! A case that fails becomes a small one that fails in the same way.
//!
//! Everything that a case lists is cut as delta debugging does (Zeller, Hildebrandt: "Simplifying
//! and isolating failure-inducing input", IEEE TSE 2002): halves first, then smaller and smaller
//! pieces, down to single items. Then numbers are replaced by simpler ones. It must not know why a
//! run fails.

use raddle_net::names::Key;

use crate::body::Body;
use crate::case::Case;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::limits::Limits;
use crate::plan::{DiskFault, Latency, Op, Place, TaskDef};

/// The smallest case found that fails like `case` did, and its failure. `run` says how a case fails,
/// if it does; before each run, `goes_on` says whether there may be another.
#[must_use]
pub fn minimise(
    case: &Case,
    failure: &Failure,
    run: &mut dyn FnMut(&Case) -> Option<Failure>,
    goes_on: &mut dyn FnMut() -> bool,
) -> (Case, Failure) {
    let (best, failure) = (case.clone(), failure.clone());
    let mut shrinker = Shrinker { best, failure, run, goes_on, over: false };
    loop {
        let before = shrinker.best.clone();
        shrinker.lists();
        shrinker.clients();
        shrinker.numbers();
        if shrinker.best == before || shrinker.over {
            return (shrinker.best, shrinker.failure);
        }
    }
}

struct Shrinker<'a> {
    best: Case,
    failure: Failure,
    run: &'a mut dyn FnMut(&Case) -> Option<Failure>,
    goes_on: &'a mut dyn FnMut() -> bool,
    /// Whether it was said that there may not be another run.
    over: bool,
}

impl Shrinker<'_> {
    /// Keeps the best case changed like this, if it is another one and fails in the same way.
    fn accepts(&mut self, change: impl FnOnce(&mut Case)) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate);
        if self.over || candidate == self.best {
            return false;
        }
        if !(self.goes_on)() {
            self.over = true;
            return false;
        }
        let failure = (self.run)(&candidate).filter(|failure| failure.is_like(&self.failure));
        let Some(failure) = failure else { return false };
        (self.best, self.failure) = (candidate, failure);
        true
    }

    fn lists(&mut self) {
        self.cut(
            |case| case.plan.ops.len(),
            |case, gone| {
                let mut at = 0..;
                case.plan.ops.retain(|_| at.next().is_none_or(|n| !gone.contains(&n)));
            },
        );
        self.cut(
            |case| tasks(case).count(),
            |case, gone| {
                let keys: Vec<Key> =
                    tasks(case).skip(gone.start).take(gone.len()).map(|task| task.key).collect();
                forget(case, &keys);
            },
        );
        self.cut(
            |case| case.plan.workers.len(),
            |case, gone| {
                // Somebody must be there, lest the case becomes one of a cluster without workers.
                if gone.len() < case.plan.workers.len() {
                    case.plan.workers.drain(gone);
                }
            },
        );
        self.cut(
            |case| edges(&mut case.clone()).map(|list| list.len()).sum(),
            |case, gone| {
                let mut at = 0..;
                for list in edges(case) {
                    list.retain(|_| at.next().is_none_or(|n: usize| !gone.contains(&n)));
                }
            },
        );
    }

    /// Cuts ranges out of a list, from its end.
    fn cut(
        &mut self,
        len: impl Fn(&Case) -> usize,
        remove: impl Fn(&mut Case, std::ops::Range<usize>),
    ) {
        let mut piece = len(&self.best).div_ceil(2);
        while piece > 0 && !self.over {
            let mut end = len(&self.best);
            while end > 0 {
                let start = end.saturating_sub(piece);
                self.accepts(|case| remove(case, start..end));
                end = start.min(len(&self.best));
            }
            piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
        }
    }

    /// Every client's operations become those of the one before it, or it is left out.
    fn clients(&mut self) {
        for client in (1..self.best.plan.clients).rev() {
            self.accepts(|case| {
                case.plan.clients -= 1;
                for step in &mut case.plan.ops {
                    for who in clients_of(&mut step.op).into_iter().filter(|who| **who >= client) {
                        *who -= 1;
                    }
                }
            });
        }
    }

    fn numbers(&mut self) {
        self.accepts(|case| case.plan.grace = 0);
        self.accepts(|case| case.plan.knobs = 0);
        self.accepts(|case| case.plan.limits = Limits::default());
        self.accepts(|case| case.plan.limits.starve = 0);
        self.accepts(|case| case.plan.limits.quota = 0);
        self.accepts(|case| case.plan.limits.declared.clear());
        self.accepts(|case| case.plan.limits.declared.truncate(1));
        self.accepts(|case| case.plan.memory.clear());
        self.accepts(|case| case.plan.memory.truncate(1));
        self.accepts(|case| case.plan.gpus.clear());
        self.accepts(|case| case.plan.gpus.truncate(1));
        self.accepts(|case| case.plan.serves = 0);
        self.accepts(|case| case.plan.bandwidth = 0);
        self.accepts(|case| case.plan.patience = 0);
        self.accepts(|case| case.plan.latency = Latency::Constant(100));
        self.accepts(|case| case.plan.workers.fill(1));
        self.accepts(|case| case.seed = 0);
        for n in 0..self.best.plan.workers.len() {
            self.accepts(|case| case.plan.workers[n] = 1);
        }
        for n in 0..self.best.plan.ops.len() {
            self.accepts(|case| round(&mut case.plan.ops[n].at));
            self.accepts(|case| match &mut case.plan.ops[n].op {
                Op::Kill(number) | Op::Leave(number) => *number = 0,
                Op::Pause(number, micros) => {
                    *number = 0;
                    round(micros);
                }
                Op::Ambush(_, nth) => *nth = 1,
                Op::Clog(_, _, micros) => round(micros),
                Op::Cut(_, noticed, away) => {
                    round(noticed);
                    round(away);
                }
                Op::Disk(number, fault) => {
                    *number = 0;
                    if let DiskFault::Full(micros) = fault {
                        round(micros);
                    }
                }
                Op::Join(nthreads) => *nthreads = 1,
                Op::Cancel(..)
                | Op::Goodbye(_)
                | Op::Meddle(_)
                | Op::Query(..)
                | Op::Release(..)
                | Op::Scatter(..)
                | Op::Submit(..)
                | Op::Vanish(_)
                | Op::Wish(..) => {}
            });
        }
        // One key, one recipe, however often it is submitted.
        let mut keys: Vec<Key> = tasks(&self.best).map(|task| task.key).collect();
        keys.sort_unstable();
        keys.dedup();
        for (n, key) in keys.into_iter().enumerate() {
            for simpler in SIMPLER {
                self.accepts(|case| named(case, key).for_each(simpler));
            }
            self.accepts(|case| named(case, key).for_each(|task| task.body.salt = n as u64));
        }
    }
}

/// What may make a task simpler; the first is the most.
const SIMPLER: [fn(&mut TaskDef); 19] = [
    |task| {
        let (salt, nbytes) = (task.body.salt, task.body.nbytes);
        task.body = Body { salt, nbytes, ..Body::default() };
        (task.retries, task.priority) = (0, 0);
        task.fields = Fields::default();
    },
    |task| task.fields = Fields::default(),
    |task| {
        task.fields.workers.clear();
        task.fields.allow_others = false;
    },
    |task| task.fields.workers.truncate(1),
    |task| task.fields.allow_others = false,
    |task| task.fields.gpu = 0,
    |task| task.fields.limit = 0,
    |task| round(&mut task.fields.limit),
    |task| task.fields.expected = 0,
    |task| task.fields.once = false,
    |task| task.priority = 0,
    |task| task.retries = 0,
    |task| task.body.poison = false,
    |task| task.body.failures = 0,
    |task| task.body.reschedules = 0,
    |task| task.body.children = task.body.children.min(1),
    |task| task.body.children = 0,
    |task| task.body.nbytes = if task.body.nbytes > 64 { 100 } else { 8 },
    |task| {
        let mut micros = u64::from(task.body.micros);
        round(&mut micros);
        task.body.micros = micros as u32;
    },
];

/// Leaves the first digit.
fn round(number: &mut u64) {
    let unit = 10_u64.pow(number.checked_ilog10().unwrap_or(0));
    *number -= *number % unit;
}

fn tasks(case: &Case) -> impl Iterator<Item = &TaskDef> {
    case.plan.ops.iter().flat_map(|step| step.op.tasks())
}

/// Every submission of this key.
fn named(case: &mut Case, key: Key) -> impl Iterator<Item = &mut TaskDef> {
    let tasks = case.plan.ops.iter_mut().flat_map(|step| step.op.tasks_mut());
    tasks.filter(move |task| task.key == key)
}

/// Without tasks of these keys, and without whoever names them.
fn forget(case: &mut Case, keys: &[Key]) {
    let is_forgotten = |op: &Op| matches!(op, Op::Scatter(_, task) if keys.contains(&task.key));
    case.plan.ops.retain(|step| !is_forgotten(&step.op));
    for step in &mut case.plan.ops {
        if let Op::Submit(_, tasks) = &mut step.op {
            tasks.retain(|task| !keys.contains(&task.key));
        }
        for list in lists_of_keys(&mut step.op) {
            list.retain(|key| !keys.contains(key));
        }
    }
}

fn lists_of_keys(op: &mut Op) -> Vec<&mut Vec<Key>> {
    match op {
        Op::Cancel(_, keys) | Op::Release(_, keys) => vec![keys],
        Op::Ambush(..)
        | Op::Clog(..)
        | Op::Cut(..)
        | Op::Disk(..)
        | Op::Goodbye(_)
        | Op::Join(_)
        | Op::Kill(_)
        | Op::Leave(_)
        | Op::Meddle(_)
        | Op::Pause(..)
        | Op::Query(..)
        | Op::Scatter(..)
        | Op::Vanish(_) => Vec::new(),
        Op::Submit(_, tasks) => tasks.iter_mut().map(|task| &mut task.dependencies).collect(),
        Op::Wish(_, wish) => wish.keys_mut().into_iter().collect(),
    }
}

fn edges(case: &mut Case) -> impl Iterator<Item = &mut Vec<Key>> {
    case.plan.ops.iter_mut().flat_map(|step| lists_of_keys(&mut step.op))
}

fn clients_of(op: &mut Op) -> Vec<&mut usize> {
    match op {
        Op::Cancel(client, _)
        | Op::Goodbye(client)
        | Op::Query(client, _)
        | Op::Release(client, _)
        | Op::Scatter(client, _)
        | Op::Submit(client, _)
        | Op::Vanish(client)
        | Op::Wish(client, _) => vec![client],
        Op::Clog(from, to, _) => {
            let clients = [from, to].into_iter().filter_map(|end| match end {
                Place::Client(client) => Some(client),
                Place::Scheduler | Place::Worker(_) => None,
            });
            clients.collect()
        }
        Op::Cut(Place::Client(client), ..) => vec![client],
        Op::Cut(Place::Scheduler | Place::Worker(_), ..) => Vec::new(),
        Op::Ambush(..)
        | Op::Disk(..)
        | Op::Join(_)
        | Op::Kill(_)
        | Op::Leave(_)
        | Op::Meddle(_)
        | Op::Pause(..) => Vec::new(),
    }
}
