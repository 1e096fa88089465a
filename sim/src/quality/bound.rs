//! How short any schedule can be: the longest of what must pass whatever is decided.
//!
//! Sound for the simulation: words, and transfers beyond those that cannot be avoided, only take longer.

use super::cluster::Cluster;
use super::graph::Graph;

/// Ways to the beginning, and to the end, at which sets of tasks are cut.
const CUTS: usize = 24;
/// Halvings of the time at which a task may begin.
const HALVINGS: usize = 50;

/// No schedule ends before, in nanoseconds.
pub(super) fn lower_bound(graph: &Graph, cluster: Cluster) -> u64 {
    let tails = graph.tails(|task| graph.tasks[task].nanos);
    let heads = heads(graph);
    let joins = (0..graph.tasks.len())
        .filter(|&task| graph.tasks[task].inputs.len() > 1)
        .map(|task| start(graph, cluster, task) + tails[task]);
    let longest = tails.iter().copied().max().unwrap_or(0);
    longest.max(joins.max().unwrap_or(0)).max(sets(graph, cluster, &heads, &tails))
}

/// The longest way to each task, its own time excluded.
fn heads(graph: &Graph) -> Vec<u64> {
    let mut heads = vec![0; graph.tasks.len()];
    for (id, task) in graph.tasks.iter().enumerate() {
        let before = task.inputs.iter().map(|&input| heads[input] + graph.tasks[input].nanos);
        heads[id] = before.max().unwrap_or(0);
    }
    heads
}

/// Of a set of tasks none begins before its shortest head, all together take their time on all slots,
/// and after them comes the shortest tail. The sets are of those with so long a head and tail.
fn sets(graph: &Graph, cluster: Cluster, heads: &[u64], tails: &[u64]) -> u64 {
    let after: Vec<u64> = tails.iter().zip(&graph.tasks).map(|(tail, t)| tail - t.nanos).collect();
    let slots = (cluster.workers * cluster.slots) as u64;
    let mut best = 0;
    for head in cuts(heads) {
        for tail in cuts(&after) {
            let in_set = |&task: &usize| heads[task] >= head && after[task] >= tail;
            let nanos = (0..heads.len()).filter(in_set).map(|task| graph.tasks[task].nanos);
            let sum: u64 = nanos.sum();
            if sum > 0 {
                best = best.max(head + sum / slots + tail);
            }
        }
    }
    best
}

/// Some of these numbers, spread evenly over their order.
fn cuts(numbers: &[u64]) -> Vec<u64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let last = sorted.len() - 1;
    let count = sorted.len().min(CUTS);
    (0..count).map(|i| sorted[i * last / count.saturating_sub(1).max(1)]).collect()
}

/// When a task can begin whose inputs are made on its worker, which takes the worker's time, or come
/// to it, which takes its link's. The best mixture is found as if inputs could be cut.
fn start(graph: &Graph, cluster: Cluster, task: usize) -> u64 {
    let mut inputs: Vec<(f64, f64)> = graph.tasks[task]
        .inputs
        .iter()
        .map(|&input| (graph.tasks[input].bytes as f64, graph.tasks[input].nanos as f64))
        .collect();
    // Most bytes for its time first.
    inputs.sort_by(|a, b| (b.0 * a.1).total_cmp(&(a.0 * b.1)));
    let bytes: f64 = inputs.iter().map(|(bytes, _)| bytes).sum();
    let fits = |nanos: f64| {
        let mut time = nanos * cluster.slots as f64;
        let mut remote = bytes;
        for (bytes, needs) in &inputs {
            let share = (time / needs).min(1.0);
            remote -= bytes * share;
            time -= needs * share;
        }
        remote <= cluster.bandwidth * nanos / 1e9
    };
    let (mut low, mut high) = (0.0, bytes * 1e9 / cluster.bandwidth);
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if fits(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    low as u64
}
