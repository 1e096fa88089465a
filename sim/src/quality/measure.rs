//! Every graph on every cluster, under every policy.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bound::lower_bound;
use super::cluster::Cluster;
use super::engine::{Outcome, run};
use super::graph::Graph;
use super::graphs;
use super::policies::{Kind, static_order};
use super::view::Knowledge;

/// A graph on a cluster, and what each policy made of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Instance {
    /// The graph's name.
    pub(super) graph: String,
    /// The suite it is from.
    pub(super) family: &'static str,
    /// How many tasks it has.
    pub(super) tasks: usize,
    /// Workers and slots of each.
    pub(super) shape: (usize, usize),
    /// Bandwidth in MiB a second.
    pub(super) mib: u32,
    /// What is known of durations.
    pub(super) knowledge: Knowledge,
    /// What no schedule can beat, in nanoseconds.
    pub(super) bound: u64,
    /// What each policy came to.
    pub(super) outcomes: BTreeMap<Kind, Outcome>,
}

impl Instance {
    /// Makespan of a policy, in nanoseconds.
    pub(super) fn makespan(&self, kind: Kind) -> f64 {
        self.outcomes[&kind].makespan as f64
    }

    /// The shortest makespan of all policies.
    pub(super) fn best(&self) -> f64 {
        let all = Kind::ALL.into_iter().map(|kind| self.makespan(kind));
        all.fold(f64::INFINITY, f64::min)
    }
}

/// Everything whose graph's name contains `filter`, in order.
pub(super) fn all(filter: &str) -> Vec<Instance> {
    let graphs: Vec<Graph> =
        graphs::all().into_iter().filter(|graph| graph.name.contains(filter)).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(graph) = graphs.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((graph.name.clone(), one(graph)));
        }
        done
    };
    let mut done: BTreeMap<String, Vec<Instance>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let done = threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
        done.flatten().collect()
    });
    graphs.iter().flat_map(|graph| done.remove(&graph.name).unwrap_or_default()).collect()
}

/// A graph on every cluster.
fn one(graph: &Graph) -> Vec<Instance> {
    let order = static_order(graph);
    let mut instances = Vec::new();
    for shape in Cluster::SHAPES {
        for mib in Cluster::BANDWIDTHS {
            let cluster = Cluster::new(shape, mib);
            let bound = lower_bound(graph, cluster);
            for knowledge in [Knowledge::Exact, Knowledge::Learned] {
                let outcome = |kind: Kind| {
                    let mut planner = kind.planner(graph, &order, cluster, knowledge);
                    let mut outcome = run(graph, cluster, knowledge, &mut *planner);
                    outcome.spans = Vec::new();
                    (kind, outcome)
                };
                instances.push(Instance {
                    graph: graph.name.clone(),
                    family: graph.family,
                    tasks: graph.tasks.len(),
                    shape,
                    mib,
                    knowledge,
                    bound,
                    outcomes: Kind::ALL.into_iter().map(outcome).collect(),
                });
            }
        }
    }
    instances
}
