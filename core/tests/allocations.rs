//! What a task may cost the machines in allocations and bytes: counts, the same on every machine.
//! `cargo bench -p raddle-core --bench cost` shows them, and instructions besides.

#[path = "../benches/cost/baseline.rs"]
mod baseline;
#[path = "../benches/cost/cluster.rs"]
mod cluster;
#[path = "../benches/cost/count.rs"]
mod count;
#[path = "../benches/cost/graphs.rs"]
mod graphs;
#[path = "../benches/cost/measure.rs"]
mod measure;

use self::baseline::{Baseline, QUEUED, QUEUED_BYTES, TASKS};
use self::graphs::Graph;

#[global_allocator]
static ALLOCATOR: count::Counting = count::Counting;

#[test]
fn no_graph_allocates_a_tenth_more_than_when_it_was_last_written_down() {
    for graph in Graph::ALL {
        let (cost, baseline) = (measure::run(graph, TASKS), Baseline::of(graph));
        let (does, may) = (baseline::per_task(&cost), baseline.allocations);
        assert!(baseline.allows(&cost), "{}: {does:?} instead of {may:?} a task", graph.name());
        assert!(baseline.instructions > 0.0, "they are held against it where they can be counted");
    }
}

#[test]
fn no_queued_task_takes_a_tenth_more_memory_than_when_it_was_last_written_down() {
    let bytes = measure::bytes_per_queued_task(QUEUED);
    assert!(bytes <= 1.1 * QUEUED_BYTES, "{bytes} instead of {QUEUED_BYTES}");
}
