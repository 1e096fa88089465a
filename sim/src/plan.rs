//! What a plan is: a small network, and a list of timed operations on it.
//!
//! It must not know where a plan comes from (a seed, a file, a smaller copy) or how it is run.

use raddle_net::names::Key;

use crate::body::Body;

/// What a run does from outside, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Threads of each worker that is there from the start.
    pub workers: Vec<u32>,
    /// How many clients there are.
    pub clients: usize,
    /// How long messages travel.
    pub latency: Latency,
    /// How long the scheduler waits for a worker whose connection broke, in microseconds.
    pub grace: u64,
    /// Operations.
    pub ops: Vec<Step>,
}

impl Plan {
    /// Tasks that clients submit.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        let tasks = self.ops.iter().map(|step| match &step.op {
            Op::Cancel(..) | Op::Join(_) | Op::Kill(_) | Op::Release(..) | Op::Scatter(..) => 0,
            Op::Submit(_, tasks) => tasks.len() as u64,
        });
        tasks.sum()
    }
}

/// An operation and when it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name in the plan, and in what is cut out of the plan.
    pub id: u32,
    /// When, in microseconds from the start.
    pub at: u64,
    /// What.
    pub op: Op,
}

/// How long a message travels on a link, in microseconds. None overtakes another on its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Fast, and now and then slow.
    Bimodal {
        /// Most messages.
        fast: u64,
        /// The others.
        slow: u64,
        /// How many of a thousand are slow.
        per_mille: u64,
    },
    /// Always the same.
    Constant(u64),
    /// Anything from the first up to the second.
    Uniform(u64, u64),
}

impl Default for Latency {
    fn default() -> Self {
        Self::Uniform(20, 420)
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// The client calls these futures off.
    Cancel(usize, Vec<Key>),
    /// A worker with so many threads joins.
    Join(u32),
    /// The worker with this number, of those alive, dies.
    Kill(usize),
    /// The client drops these futures.
    Release(usize, Vec<Key>),
    /// The client puts data on a worker.
    Scatter(usize, TaskDef),
    /// The client submits these tasks in one call.
    Submit(usize, Vec<TaskDef>),
}

/// A task of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskDef {
    /// Its key.
    pub key: Key,
    /// Tasks whose values it needs.
    pub dependencies: Vec<Key>,
    /// What it does.
    pub body: Body,
    /// Failures that it may have.
    pub retries: u32,
    /// The user's priority.
    pub priority: i32,
    /// Whether it is data that the client sends.
    pub scattered: bool,
}

impl TaskDef {
    /// Whether it is data that a client sends.
    #[must_use]
    pub fn is_scattered(&self) -> bool {
        self.scattered
    }

    /// Its value, given those of its inputs.
    #[must_use]
    pub fn evaluate(&self, inputs: Vec<u64>) -> u64 {
        let children = (0..self.body.children).map(|n| self.body.child(n).value([]));
        self.body.value(inputs.into_iter().chain(children))
    }
}
