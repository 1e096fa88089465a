//! Graphs to be run for real, with bodies that sleep, and how long they take in the simulation: proof
//! that the latter tells the truth.
//!
//! It must not know how they are run.

use std::time::Duration;

use super::bound::lower_bound;
use super::cluster::Cluster;
use super::engine::run;
use super::graph::Graph;
use super::graphs;
use super::policies::{Kind, static_order};
use super::view::Knowledge;

/// Graphs of each family that has enough to do for its workers, and clusters of 2 to 8 workers.
const CASES: [(&str, (usize, usize)); 10] = [
    ("plain1e", (4, 2)),
    ("merge_neighbours", (2, 4)),
    ("fork1", (8, 2)),
    ("splitters", (4, 4)),
    ("conflux", (8, 1)),
    ("grid", (3, 2)),
    ("crossv", (6, 2)),
    ("montage", (2, 2)),
    ("epigenomics", (8, 4)),
    ("tree", (5, 2)),
];
/// Fast links, in MiB a second: values have no size.
const MIB: u32 = 2048;

/// A graph on a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsal {
    /// The graph's name.
    pub graph: String,
    /// How many workers there are.
    pub workers: usize,
    /// How many tasks each runs at a time.
    pub slots: usize,
    /// Each follows its inputs.
    pub tasks: Vec<Part>,
    /// How long it takes in the simulation, if nobody knows anything of durations before.
    pub makespan: Duration,
    /// How long it takes at least.
    pub bound: Duration,
}

/// A task, whose value is of no size.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its function, by number.
    pub function: usize,
    /// How long it takes.
    pub duration: Duration,
    /// Tasks whose values it needs, by their places in the list.
    pub inputs: Vec<usize>,
}

/// Ten graphs, with durations such that no schedule of any takes less than `bound`.
#[must_use]
pub fn rehearse(bound: Duration) -> Vec<Rehearsal> {
    let mut all = graphs::all();
    CASES
        .iter()
        .map(|(name, shape)| {
            let at = all.iter().position(|graph| graph.name == *name).expect("it is one of them");
            rehearse_one(all.swap_remove(at), *shape, bound)
        })
        .collect()
}

fn rehearse_one(mut graph: Graph, shape: (usize, usize), bound: Duration) -> Rehearsal {
    let cluster = Cluster::new(shape, MIB);
    for task in &mut graph.tasks {
        task.bytes = 8;
    }
    let factor = bound.as_nanos() as f64 / lower_bound(&graph, cluster) as f64;
    for task in &mut graph.tasks {
        task.nanos = (task.nanos as f64 * factor) as u64;
    }
    let order = static_order(&graph);
    let mut planner = Kind::Ours.planner(&graph, &order, cluster, Knowledge::Learned);
    let outcome = run(&graph, cluster, Knowledge::Learned, &mut *planner);
    let parts = graph.tasks.iter().map(|task| Part {
        function: task.function,
        duration: Duration::from_nanos(task.nanos),
        inputs: task.inputs.clone(),
    });
    Rehearsal {
        graph: graph.name.clone(),
        workers: shape.0,
        slots: shape.1,
        tasks: parts.collect(),
        makespan: Duration::from_nanos(outcome.makespan),
        bound: Duration::from_nanos(lower_bound(&graph, cluster)),
    }
}
