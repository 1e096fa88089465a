//! A graph of tasks with true durations and sizes, and how one is built.
//!
//! It must not know workers, policies or time.

use std::collections::BTreeMap;

use super::draw::Draw;

/// A task: one slot for a while, then one value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Task {
    /// Its function, by number: what estimates are kept for.
    pub(super) function: usize,
    /// How long it takes, in nanoseconds.
    pub(super) nanos: u64,
    /// The size of its value in bytes.
    pub(super) bytes: u64,
    /// Tasks before it whose values it needs, each once.
    pub(super) inputs: Vec<usize>,
}

/// A graph. Each task follows its inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Graph {
    /// For people.
    pub(super) name: String,
    /// The suite it is from.
    pub(super) family: &'static str,
    /// The tasks.
    pub(super) tasks: Vec<Task>,
    /// For each task, who needs its value.
    pub(super) users: Vec<Vec<usize>>,
    /// Names of functions.
    functions: BTreeMap<String, usize>,
}

impl Graph {
    /// A graph without tasks, and the chance that it is drawn with.
    pub(super) fn new(family: &'static str, name: &str) -> (Self, Draw) {
        let graph = Self { name: name.to_owned(), family, ..Self::default() };
        (graph, Draw::named(name))
    }

    /// Adds a task that takes so many seconds and makes a value of so many MiB.
    pub(super) fn task(
        &mut self,
        function: &str,
        seconds: f64,
        mib: f64,
        inputs: &[usize],
    ) -> usize {
        let next = self.functions.len();
        let function = *self.functions.entry(function.to_owned()).or_insert(next);
        let id = self.tasks.len();
        let mut inputs = inputs.to_vec();
        inputs.sort_unstable();
        inputs.dedup();
        for &input in &inputs {
            self.users[input].push(id);
        }
        let nanos = ((seconds * 1e9) as u64).max(1);
        let bytes = (mib * f64::from(1 << 20)) as u64;
        self.tasks.push(Task { function, nanos, bytes, inputs });
        self.users.push(Vec::new());
        id
    }

    /// Takes one of several outputs of a task: a task of its own, as in Dask.
    pub(super) fn pick(&mut self, mib: f64, from: usize) -> usize {
        self.task("pick", 0.001, mib, &[from])
    }

    /// How many functions there are.
    pub(super) fn functions(&self) -> usize {
        self.functions.len()
    }

    /// How long a body of each function takes on average, in nanoseconds.
    pub(super) fn means(&self) -> Vec<u64> {
        let mut sums = vec![(0_u64, 0_u64); self.functions()];
        for task in &self.tasks {
            sums[task.function].0 += task.nanos;
            sums[task.function].1 += 1;
        }
        sums.iter().map(|(sum, count)| sum / count.max(&1)).collect()
    }

    /// The longest way of `nanos` to the end of the graph, each task's own included.
    pub(super) fn tails(&self, nanos: impl Fn(usize) -> u64) -> Vec<u64> {
        let mut tails = vec![0; self.tasks.len()];
        for task in (0..self.tasks.len()).rev() {
            let after = self.users[task].iter().map(|&user| tails[user]).max();
            tails[task] = nanos(task) + after.unwrap_or(0);
        }
        tails
    }
}
