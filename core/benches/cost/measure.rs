//! What is measured of a graph, free of noise: the same on every machine, however busy.

use super::cluster::{Allocations, Cluster};
use super::count;
use super::graphs::Graph;

/// What a graph costs the machines.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Allocations of all its tasks, from submit to forgotten.
    pub allocations: Allocations,
    /// Its tasks.
    pub tasks: u64,
}

/// Runs `graph` from submit to forgotten.
pub fn run(graph: Graph, tasks: u64) -> Cost {
    let submissions = graph.submissions(tasks);
    let keys: Vec<_> = submissions.iter().flatten().map(|task| task.key).collect();
    let mut cluster = Cluster::new();
    let before = cluster.allocations();
    cluster.submit(submissions);
    cluster.settle();
    let tasks = keys.len() as u64;
    assert_eq!(cluster.settled(), tasks, "every task is done");
    cluster.release(keys.into_iter());
    let after = cluster.allocations();
    let allocations = Allocations {
        client: after.client - before.client,
        scheduler: after.scheduler - before.scheduler,
        workers: after.workers - before.workers,
    };
    Cost { allocations, tasks }
}

/// Bytes of the scheduler's memory that a task takes which waits for a worker with room.
pub fn bytes_per_queued_task(tasks: u64) -> f64 {
    let mut cluster = Cluster::new();
    cluster.submit(Graph::Map.submissions(tasks));
    let before = count::live_bytes();
    cluster.hear_client();
    // What the client has said is freed meanwhile, and what the few assigned tasks cost is on its way.
    let bytes = count::live_bytes() - before;
    bytes as f64 / cluster.queued() as f64
}
