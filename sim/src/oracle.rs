//! What each future may hold: the submitted tasks, evaluated plainly.
//!
//! It knows the plan and nothing of schedulers or workers.

use std::collections::{BTreeMap, BTreeSet};

use raddle_net::messages::Failure;
use raddle_net::names::Key;

use crate::knobs;
use crate::memory::is_too_large;
use crate::plan::{Plan, TaskDef};

/// Every task that was submitted, and what was done to it on purpose.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    tasks: BTreeMap<Key, Known>,
    cancelled: BTreeSet<Key>,
    /// Data that a client let go of.
    let_go: BTreeSet<Key>,
    /// What was asked to run again, and all upstream of it.
    retried: BTreeSet<Key>,
    /// What was ever published under each name, and whether somebody unpublished it.
    datasets: BTreeMap<u64, (BTreeSet<Key>, bool)>,
    kills: u32,
    deserted: bool,
    /// Whether work may fail for want of a worker that may run it.
    turned_away: bool,
    /// Whether a client may want too much.
    rejects: bool,
    /// Bytes that fit into any worker's memory, if all have limits.
    memory: Option<u64>,
    /// Whether bodies may have to wait for values on disk.
    has_disks: bool,
    /// Whether a body that takes too long may end before anybody has noticed.
    lenient: bool,
}

/// A submitted task.
#[derive(Clone, Debug)]
struct Known {
    task: TaskDef,
    /// Its value, unless it can have none however often it runs.
    value: Option<u64>,
    /// Whether it fails unless somebody has it run again.
    hopeless: bool,
    /// Whether it is, or something upstream.
    doomed: bool,
}

/// What a client saw of one future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it must be.
    Right,
    /// Why it must not be.
    Wrong(String),
}

impl Oracle {
    /// One that knows how much memory workers have.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self {
            memory: plan.largest_memory(),
            turned_away: plan.limits.turn_work_away(),
            rejects: plan.limits.quota > 0,
            has_disks: knobs::disk(plan).is_some(),
            ..Self::default()
        }
    }

    /// One to which a body may be done although its time was over: its clock is not the plan's.
    #[must_use]
    pub fn lenient() -> Self {
        Self { lenient: true, ..Self::default() }
    }

    /// A task is about to be submitted, after those it depends on.
    pub fn submitted(&mut self, task: &TaskDef) {
        if self.tasks.contains_key(&task.key) {
            return;
        }
        let inputs = task.dependencies.iter().map(|input| self.tasks[input].value);
        let inputs: Option<Vec<u64>> = inputs.collect();
        let too_slow = task.fields.is_too_short_for(task.body.micros) && !self.lenient;
        let never = task.body.poison
            || task.body.failures == u8::MAX
            || is_too_large(task, self.memory)
            || too_slow;
        let hopeless = never || fails_for_good(task);
        let value = inputs.filter(|_| !never).map(|inputs| task.evaluate(inputs));
        let doomed = hopeless || task.dependencies.iter().any(|input| self.tasks[input].doomed);
        self.tasks.insert(task.key, Known { task: task.clone(), value, hopeless, doomed });
    }

    /// Whether this key was submitted.
    pub(crate) fn knows(&self, key: Key) -> bool {
        self.tasks.contains_key(&key)
    }

    /// What was submitted by this name.
    #[must_use]
    pub fn task(&self, key: Key) -> Option<&TaskDef> {
        self.tasks.get(&key).map(|known| &known.task)
    }

    /// A client called a task off: it may end either way.
    pub fn cancelled(&mut self, key: Key) {
        self.cancelled.insert(key);
    }

    /// A client let go of a key. If it is data, it may be lost for others. If it is a task, a run of
    /// it may fail that nobody wants any more, and not fail when it is submitted again.
    pub fn let_go(&mut self, key: Key) {
        self.let_go.insert(key);
    }

    /// A client has a key run again if it failed, and with it what it failed because of.
    pub fn retried(&mut self, key: Key) {
        let upstream = self.upstream(key);
        self.retried.extend(upstream);
    }

    /// Whether a failure of this key may be taken back: because it, what made it fail, or what else
    /// failed because of that was asked to run again.
    #[must_use]
    pub fn may_run_again(&self, key: Key) -> bool {
        !self.upstream(key).is_disjoint(&self.retried)
    }

    /// A client publishes keys under a name.
    pub fn published(&mut self, name: u64, keys: &[Key]) {
        self.datasets.entry(name).or_default().0.extend(keys);
    }

    /// A client unpublishes what is under a name: whoever is about to take it may come too late.
    pub fn unpublished(&mut self, name: u64) {
        self.datasets.entry(name).or_default().1 = true;
    }

    /// Names under which something may be published.
    pub(crate) fn names(&self) -> impl Iterator<Item = u64> + '_ {
        self.datasets.keys().copied()
    }

    /// Whether it is data that a client let go of, or called off, perhaps before it was sent.
    fn is_given_up(&self, key: Key) -> bool {
        let scattered = self.tasks.get(&key).is_some_and(|known| known.task.is_scattered());
        scattered && (self.let_go.contains(&key) || self.cancelled.contains(&key))
    }

    /// Whether a key may be gone when somebody who knows it from a dataset wants it.
    fn may_be_gone(&self, key: Key) -> bool {
        self.datasets.values().any(|(keys, unpublished)| *unpublished && keys.contains(&key))
    }

    /// A worker was killed.
    pub fn killed(&mut self) {
        self.kills += 1;
    }

    /// There was no worker for as long as work waits.
    pub fn deserted(&mut self) {
        self.deserted = true;
    }

    /// Whether `value` is what `key` must hold.
    #[must_use]
    pub fn judge_value(&self, key: Key, value: u64) -> Verdict {
        let Some(known) = self.tasks.get(&key) else {
            return Verdict::Wrong(format!("{key} was never submitted"));
        };
        let fails = |key: &Key| {
            let hopeless = self.tasks.get(key).is_some_and(|known| known.hopeless);
            let again = [&self.retried, &self.let_go, &self.cancelled];
            hopeless && !again.iter().any(|keys| keys.contains(key))
        };
        if known.doomed
            && let Some(root) = self.upstream(key).into_iter().find(fails)
        {
            return Verdict::Wrong(format!("{key} holds {value:x}, but {root} must fail"));
        }
        match known.value {
            Some(expected) if expected == value => Verdict::Right,
            expected => {
                Verdict::Wrong(format!("{key} holds {value:x}, but must hold {expected:x?}"))
            }
        }
    }

    /// Whether a task may end without a value, by its own fault or another's.
    #[must_use]
    pub fn may_fail(&self, key: Key, allowed: u32) -> bool {
        let fails = |key: &Key| {
            let known = self.tasks.get(key);
            let may = |Known { task, hopeless, .. }: &Known| {
                let limited = task.fields.limit > 0 || task.fields.once;
                *hopeless || limited || task.is_scattered()
            };
            known.is_none_or(may) || self.cancelled.contains(key) || self.may_be_gone(*key)
        };
        self.lacks_workers()
            || self.rejects
            || self.kills > allowed
            || self.upstream(key).iter().any(fails)
    }

    /// Whether `key` may have failed because `blame` did, in this way.
    #[must_use]
    pub fn judge_failure(&self, key: Key, blame: Key, failure: &Failure, allowed: u32) -> Verdict {
        let wrong =
            |why: &str| Verdict::Wrong(format!("{key} blames {blame} ({failure:?}): {why}"));
        if !self.is_upstream(blame, key) {
            return match failure {
                Failure::NoWorker { .. }
                    if self.lacks_workers() && self.has_children(blame, key) =>
                {
                    Verdict::Right
                }
                Failure::WorkerDied { deaths, .. }
                    if self.kills.min(*deaths) > allowed && self.has_children(blame, key) =>
                {
                    Verdict::Right
                }
                Failure::Cancelled
                | Failure::Decode { .. }
                | Failure::Disconnected { .. }
                | Failure::Exited { .. }
                | Failure::Failed { .. }
                | Failure::Lost { .. }
                | Failure::NoWorker { .. }
                | Failure::Rejected { .. }
                | Failure::Reschedule
                | Failure::TimedOut
                | Failure::WorkerDied { .. } => wrong("that is not upstream of it"),
            };
        }
        let Some(Known { task: root, hopeless, .. }) = self.tasks.get(&blame) else {
            return wrong("it was never submitted");
        };
        match failure {
            Failure::Cancelled if self.cancelled.contains(&blame) => Verdict::Right,
            Failure::Failed { .. } if *hopeless && !root.body.poison && fails_for_good(root) => {
                Verdict::Right
            }
            // That it took too long, waiting for the disk, has cost it a retry.
            Failure::Failed { .. }
                if self.has_disks && root.fields.limit > 0 && root.body.failures > 0 =>
            {
                Verdict::Right
            }
            // The observer has seen that it was begun, or over its time.
            Failure::Lost { .. } if root.fields.once => Verdict::Right,
            Failure::TimedOut if root.fields.limit > 0 => Verdict::Right,
            Failure::WorkerDied { deaths: 1.., .. } if root.fields.once && self.kills > 0 => {
                Verdict::Right
            }
            Failure::Lost { .. } if root.is_scattered() && self.kills > 0 => Verdict::Right,
            Failure::Lost { .. } if self.is_given_up(blame) => Verdict::Right,
            Failure::Lost { .. } if self.may_be_gone(blame) => Verdict::Right,
            // Who called it off may depend on it later, when nobody else has it known any more.
            Failure::Lost { .. } if self.cancelled.contains(&blame) => Verdict::Right,
            Failure::NoWorker { .. } if self.lacks_workers() => Verdict::Right,
            // The observer has seen how many its client wants; who depends on it finds nothing.
            Failure::Rejected { .. } | Failure::Lost { .. } if self.rejects => Verdict::Right,
            Failure::WorkerDied { deaths, .. } if *deaths <= allowed => wrong("too few deaths"),
            Failure::WorkerDied { .. } if root.body.poison || self.kills > allowed => {
                Verdict::Right
            }
            Failure::Cancelled
            | Failure::Decode { .. }
            | Failure::Disconnected { .. }
            | Failure::Exited { .. }
            | Failure::Failed { .. }
            | Failure::Lost { .. }
            | Failure::NoWorker { .. }
            | Failure::Rejected { .. }
            | Failure::Reschedule
            | Failure::TimedOut
            | Failure::WorkerDied { .. } => wrong("nothing in the plan does that"),
        }
    }

    /// Whether work may have failed because nobody was there who may run it.
    fn lacks_workers(&self) -> bool {
        self.deserted || self.turned_away
    }

    /// Whether no client has submitted `child`, and a body upstream may have.
    fn has_children(&self, child: Key, key: Key) -> bool {
        let submits = |key: &Key| self.tasks.get(key).is_some_and(|k| k.task.body.children > 0);
        !self.knows(child) && self.upstream(key).iter().any(submits)
    }

    fn is_upstream(&self, root: Key, key: Key) -> bool {
        self.upstream(key).contains(&root)
    }

    /// A key, what it depends on, and so on.
    fn upstream(&self, key: Key) -> BTreeSet<Key> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![key]);
        while let Some(key) = next.pop() {
            if seen.insert(key) {
                next.extend(self.tasks.get(&key).into_iter().flat_map(|k| &k.task.dependencies));
            }
        }
        seen
    }
}

/// Whether the body fails so often that this is what becomes of the task.
fn fails_for_good(task: &TaskDef) -> bool {
    let asks_in_vain = task.fields.once && task.body.reschedules > 0;
    let retries = if task.fields.once { 0 } else { task.retries };
    asks_in_vain || u32::from(task.body.failures) > retries
}
