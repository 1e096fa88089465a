//! What a task may cost: what it cost when these figures were last written down. Who makes it cheaper
//! writes down the new ones.

use super::graphs::Graph;
use super::measure::Cost;

/// Tasks of a graph that is measured.
pub const TASKS: u64 = 10_000;
/// Tasks that are queued where a queued task is measured: what is bounded is then next to nothing.
pub const QUEUED: u64 = 250_000;
/// Bytes of the scheduler a queued task.
pub const QUEUED_BYTES: f64 = 255.0;

/// Half of the last place of the figures below.
const ROUNDING: f64 = 0.005;

/// What a task of a graph may cost.
#[derive(Clone, Copy, Debug)]
pub struct Baseline {
    /// Allocations in client, scheduler and workers.
    pub allocations: [f64; 3],
    /// Instructions in all machines, compiled with optimisation, and in what connects them.
    pub instructions: f64,
}

impl Baseline {
    /// Of this graph.
    pub const fn of(graph: Graph) -> Self {
        let (allocations, instructions) = match graph {
            Graph::Map => ([0.03, 0.20, 0.01], 19_150.0),
            Graph::Merge => ([0.05, 0.28, 0.77], 33_400.0),
            Graph::Chain => ([0.03, 0.20, 0.18], 21_100.0),
            Graph::Tree => ([0.04, 0.78, 1.18], 25_150.0),
            Graph::Random => ([0.14, 3.16, 4.50], 41_650.0),
        };
        Self { allocations, instructions }
    }

    /// Whether no machine allocates more than a tenth more.
    pub fn allows(&self, cost: &Cost) -> bool {
        let [may, does] = [self.allocations, per_task(cost)];
        may.iter().zip(does).all(|(may, does)| does <= 1.1 * may + ROUNDING)
    }
}

/// Allocations a task in client, scheduler and workers.
pub fn per_task(cost: &Cost) -> [f64; 3] {
    let Cost { allocations, tasks } = cost;
    [allocations.client, allocations.scheduler, allocations.workers]
        .map(|count| count as f64 / *tasks as f64)
}
