//! What a policy knows: the graph, and what it was told of the workers, kept up to date for all
//! policies alike.

use std::collections::BTreeSet;

use super::cluster::Cluster;
use super::graph::Graph;

/// What durations a policy knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// Every task's, or where a policy keeps estimates by function, every function's mean.
    Exact,
    /// Those of functions of which a task has ended: half the last one, half what was before.
    Learned,
}

/// What a policy is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It begins: the whole graph is there.
    Begin,
    /// A task has ended, and its worker holds the value.
    Finished {
        /// The task.
        task: usize,
        /// Its worker.
        worker: usize,
    },
    /// A worker holds one more copy of a value.
    Fetched {
        /// The task that made it.
        task: usize,
        /// The worker.
        worker: usize,
    },
    /// A worker was asked for a task that had not ended.
    Answered {
        /// The task.
        task: usize,
        /// The worker.
        worker: usize,
        /// Whether the worker gives it back: it has not begun.
        returned: bool,
    },
    /// It is the time at which the policy wanted to be woken.
    Woken,
}

/// What a policy wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Run this task.
    Assign {
        /// The task.
        task: usize,
        /// Where.
        worker: usize,
        /// Smaller ones run first on a worker.
        rank: u64,
    },
    /// Give back this task.
    Recall {
        /// The task.
        task: usize,
    },
    /// Forget this task, which waits for an input that is not made there after all.
    Withdraw {
        /// The task.
        task: usize,
        /// Its worker.
        worker: usize,
    },
    /// Wake the policy in so many nanoseconds.
    Wake {
        /// How many.
        nanos: u64,
    },
}

/// Estimate of a duration of which nothing is known, in nanoseconds: Dask's.
const UNKNOWN: u64 = 500_000_000;

/// What is known.
#[derive(Debug)]
pub(super) struct View<'a> {
    /// What is to be computed.
    pub(super) graph: &'a Graph,
    /// Where.
    pub(super) cluster: Cluster,
    /// What is known of durations.
    pub(super) knowledge: Knowledge,
    /// Who holds the value of each task.
    pub(super) holders: Vec<BTreeSet<usize>>,
    /// How many inputs of each task are not made.
    pub(super) missing: Vec<usize>,
    /// Where each task was assigned, if it was.
    pub(super) placed: Vec<Option<usize>>,
    /// Which tasks have ended.
    pub(super) done: Vec<bool>,
    /// Tasks of each worker that have not ended.
    pub(super) running: Vec<BTreeSet<usize>>,
    learned: Vec<Option<u64>>,
}

impl<'a> View<'a> {
    /// Nothing has happened.
    pub(super) fn new(graph: &'a Graph, cluster: Cluster, knowledge: Knowledge) -> Self {
        let count = graph.tasks.len();
        Self {
            graph,
            cluster,
            knowledge,
            holders: vec![BTreeSet::new(); count],
            missing: graph.tasks.iter().map(|task| task.inputs.len()).collect(),
            placed: vec![None; count],
            done: vec![false; count],
            running: vec![BTreeSet::new(); cluster.workers],
            learned: vec![None; graph.functions()],
        }
    }

    /// Takes news in. Says whether a duration is known that was not.
    pub(super) fn hear(&mut self, news: News) -> bool {
        let mut is_first = false;
        match news {
            News::Finished { task, worker } => {
                self.done[task] = true;
                self.holders[task].insert(worker);
                self.running[worker].remove(&task);
                for &user in &self.graph.users[task] {
                    self.missing[user] -= 1;
                }
                let nanos = self.graph.tasks[task].nanos;
                let learned = &mut self.learned[self.graph.tasks[task].function];
                is_first = learned.is_none();
                *learned = Some(learned.map_or(nanos, |known| known / 2 + nanos / 2));
            }
            News::Fetched { task, worker } => {
                self.holders[task].insert(worker);
            }
            News::Answered { task, worker, returned: true } => {
                self.running[worker].remove(&task);
                self.placed[task] = None;
            }
            News::Answered { returned: false, .. } | News::Begin | News::Woken => {}
        }
        is_first
    }

    /// Notes what a policy wants.
    pub(super) fn note(&mut self, order: Order) {
        match order {
            Order::Assign { task, worker, .. } => {
                self.placed[task] = Some(worker);
                self.running[worker].insert(task);
            }
            Order::Withdraw { task, worker } => {
                self.placed[task] = None;
                self.running[worker].remove(&task);
            }
            Order::Recall { .. } | Order::Wake { .. } => {}
        }
    }

    /// How long a task will take, as far as is known.
    pub(super) fn nanos(&self, task: usize) -> u64 {
        match self.knowledge {
            Knowledge::Exact => self.graph.tasks[task].nanos,
            Knowledge::Learned => self.learned(task).unwrap_or(UNKNOWN),
        }
    }

    /// What tasks of this function took, if one has ended.
    pub(super) fn learned(&self, task: usize) -> Option<u64> {
        self.learned[self.graph.tasks[task].function]
    }

    /// Bytes of inputs that a worker lacks.
    pub(super) fn missing_bytes(&self, task: usize, worker: usize) -> u64 {
        let inputs = self.graph.tasks[task].inputs.iter();
        let missing = inputs.filter(|&&input| !self.holders[input].contains(&worker));
        missing.map(|&input| self.graph.tasks[input].bytes).sum()
    }

    /// Tasks that may be assigned: their inputs are made, and they are nowhere. After these news.
    pub(super) fn ready(&self, news: News) -> Vec<usize> {
        let is_ready = |&task: &usize| self.missing[task] == 0 && self.placed[task].is_none();
        match news {
            News::Begin => (0..self.graph.tasks.len()).filter(is_ready).collect(),
            News::Finished { task, .. } => {
                self.graph.users[task].iter().copied().filter(is_ready).collect()
            }
            News::Fetched { .. } | News::Answered { .. } | News::Woken => Vec::new(),
        }
    }
}
