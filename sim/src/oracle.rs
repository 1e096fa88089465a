//! What each future may hold: the submitted tasks, evaluated plainly.
//!
//! It knows the plan and nothing of schedulers or workers.

use std::collections::{BTreeMap, BTreeSet};

use raddle_net::messages::Failure;
use raddle_net::names::Key;

use crate::memory::is_too_large;
use crate::plan::{Plan, TaskDef};

/// Every task that was submitted, and what was done to it on purpose.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    tasks: BTreeMap<Key, Known>,
    cancelled: BTreeSet<Key>,
    kills: u32,
    deserted: bool,
    /// Bytes that fit into any worker's memory, if all have limits.
    memory: Option<u64>,
    /// Whether a body that takes too long may end before anybody has noticed.
    lenient: bool,
}

/// A submitted task.
#[derive(Clone, Debug)]
struct Known {
    task: TaskDef,
    /// Its value, or whose fault it is that there is none.
    value: Result<u64, Key>,
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
        Self { memory: plan.largest_memory(), ..Self::default() }
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
        let inputs: Result<Vec<u64>, Key> =
            task.dependencies.iter().map(|input| self.tasks[input].value).collect();
        let hopeless = task.body.poison
            || is_too_large(task, self.memory)
            || fails_for_good(task)
            || (task.fields.is_too_short_for(task.body.micros) && !self.lenient);
        let value = if hopeless && inputs.is_ok() {
            Err(task.key)
        } else {
            inputs.map(|v| task.evaluate(v))
        };
        self.tasks.insert(task.key, Known { task: task.clone(), value });
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
        match self.tasks.get(&key).map(|known| &known.value) {
            Some(Ok(expected)) if *expected == value => Verdict::Right,
            Some(expected) => {
                Verdict::Wrong(format!("{key} holds {value:x}, but must hold {expected:x?}"))
            }
            None => Verdict::Wrong(format!("{key} was never submitted")),
        }
    }

    /// Whether `key` may have failed because `blame` did, in this way.
    #[must_use]
    pub fn judge_failure(&self, key: Key, blame: Key, failure: &Failure, allowed: u32) -> Verdict {
        let wrong =
            |why: &str| Verdict::Wrong(format!("{key} blames {blame} ({failure:?}): {why}"));
        if !self.is_upstream(blame, key) {
            return wrong("that is not upstream of it");
        }
        let Some(Known { task: root, value }) = self.tasks.get(&blame) else {
            return wrong("it was never submitted");
        };
        let expected = value.is_err();
        match failure {
            Failure::Cancelled if self.cancelled.contains(&blame) => Verdict::Right,
            Failure::Failed { .. } if expected && !root.body.poison && fails_for_good(root) => {
                Verdict::Right
            }
            // The observer has seen that it was begun, or over its time.
            Failure::Lost { .. } if root.fields.once => Verdict::Right,
            Failure::TimedOut if root.fields.limit > 0 => Verdict::Right,
            Failure::WorkerDied { deaths: 1.., .. } if root.fields.once && self.kills > 0 => {
                Verdict::Right
            }
            Failure::Lost { .. } if root.is_scattered() && self.kills > 0 => Verdict::Right,
            Failure::NoWorker { .. } if self.deserted => Verdict::Right,
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

    fn is_upstream(&self, root: Key, key: Key) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![key];
        while let Some(key) = next.pop() {
            if key == root {
                return true;
            }
            if seen.insert(key) {
                next.extend(self.tasks.get(&key).into_iter().flat_map(|k| &k.task.dependencies));
            }
        }
        false
    }
}

/// Whether the body fails so often that this is what becomes of the task.
fn fails_for_good(task: &TaskDef) -> bool {
    let asks_in_vain = task.fields.once && task.body.reschedules > 0;
    let retries = if task.fields.once { 0 } else { task.retries };
    asks_in_vain || u32::from(task.body.failures) > retries
}
