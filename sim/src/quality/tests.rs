//! What holds of every policy on every graph, and of graphs by chance.

use proptest::prelude::*;

use super::bound::lower_bound;
use super::cluster::Cluster;
use super::engine::{Outcome, run};
use super::graph::Graph;
use super::graphs;
use super::policies::{Kind, static_order};
use super::view::Knowledge;

fn outcome(kind: Kind, graph: &Graph, cluster: Cluster, knowledge: Knowledge) -> Outcome {
    let mut planner = kind.planner(graph, &static_order(graph), cluster, knowledge);
    run(graph, cluster, knowledge, &mut *planner)
}

/// Each task ran once, after its inputs, for as long as it takes, on a slot of its own; and no sooner
/// than can be.
fn assert_sound(kind: Kind, graph: &Graph, cluster: Cluster, outcome: &Outcome) {
    let mut edges: Vec<(u64, i32, usize)> = Vec::new();
    for (task, span) in graph.tasks.iter().zip(&outcome.spans) {
        let (start, end, worker) = span.expect("every task runs");
        assert_eq!(end - start, task.nanos);
        for &input in &task.inputs {
            let (_, made, _) = outcome.spans[input].expect("every task runs");
            assert!(made <= start, "{kind:?} runs a task of {} before its inputs", graph.name);
        }
        edges.extend([(start, 1, worker), (end, -1, worker)]);
    }
    edges.sort_unstable();
    let mut busy = vec![0; cluster.workers];
    for (_, change, worker) in edges {
        busy[worker] += change;
        assert!(busy[worker] <= cluster.slots as i32, "{kind:?} has no more slots than there are");
    }
    let bound = lower_bound(graph, cluster);
    assert!(bound <= outcome.makespan, "{kind:?} on {}: {bound} is no bound", graph.name);
}

#[test]
fn every_policy_runs_every_task_of_every_graph_once_after_its_inputs() {
    let cluster = Cluster::new((4, 2), 256);
    for graph in graphs::all() {
        for kind in Kind::ALL {
            let outcome = outcome(kind, &graph, cluster, Knowledge::Learned);
            assert_sound(kind, &graph, cluster, &outcome);
        }
    }
}

#[test]
fn the_same_again_comes_to_the_same() {
    let cluster = Cluster::new((8, 4), 32);
    let all = graphs::all();
    let graph = all.iter().find(|graph| graph.name == "cybershake").unwrap();
    for kind in Kind::ALL {
        let [one, two] = [0, 1].map(|_| outcome(kind, graph, cluster, Knowledge::Learned));
        assert_eq!(one, two);
    }
}

#[test]
fn the_suite_has_the_graphs_that_it_names() {
    let all = graphs::all();
    let family = |name| all.iter().filter(|graph| graph.family == name).count();
    assert_eq!(["elementary", "irw", "pegasus", "rsds"].map(family), [16, 6, 5, 8]);
    assert_eq!(all.iter().find(|graph| graph.name == "conflux").unwrap().tasks.len(), 255);
    assert_eq!(graphs::all(), all, "they are the same each time");
}

#[test]
fn the_bound_of_a_chain_is_its_length_and_that_of_a_bag_its_area() {
    let cluster = Cluster::new((2, 2), 32);
    let (mut chain, _) = Graph::new("test", "chain");
    let first = chain.task("a", 1.0, 0.0, &[]);
    chain.task("a", 2.0, 0.0, &[first]);
    assert_eq!(lower_bound(&chain, cluster), 3_000_000_000);
    let (mut bag, _) = Graph::new("test", "bag");
    (0..8).for_each(|_| _ = bag.task("a", 1.0, 0.0, &[]));
    assert_eq!(lower_bound(&bag, cluster), 2_000_000_000);
}

/// A graph of these tasks: seconds, MiB, and inputs by number, modulo how many there are.
fn graph(tasks: &[(u8, u8, Vec<u8>)]) -> Graph {
    let (mut graph, _) = Graph::new("test", "by chance");
    for (id, (tenths, mib, inputs)) in tasks.iter().enumerate() {
        let inputs = inputs.iter().filter(|_| id > 0).map(|&i| usize::from(i) % id.max(1));
        let inputs: Vec<usize> = inputs.collect();
        let function = if tenths % 2 == 0 { "even" } else { "odd" };
        graph.task(function, f64::from(*tenths) / 10.0, f64::from(*mib), &inputs);
    }
    graph
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_policy_beats_the_bound(
        tasks in prop::collection::vec(
            (any::<u8>(), any::<u8>(), prop::collection::vec(any::<u8>(), 0..4)),
            1..40,
        ),
        workers in 1_usize..5,
        slots in 1_usize..4,
        mib in 8_u32..512,
    ) {
        let graph = graph(&tasks);
        let cluster = Cluster::new((workers, slots), mib);
        for kind in Kind::ALL {
            for knowledge in [Knowledge::Exact, Knowledge::Learned] {
                let outcome = outcome(kind, &graph, cluster, knowledge);
                assert_sound(kind, &graph, cluster, &outcome);
            }
        }
    }
}
