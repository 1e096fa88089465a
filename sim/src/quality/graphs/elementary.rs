//! The sixteen elementary graphs of Estee, by the formulas and counts of its generators
//! (`estee/generators/elementary.py`, `benchmarks/generate.py` of github.com/spirali/estee).

use crate::quality::graph::Graph;

const FAMILY: &str = "elementary";
/// Durations of plain tasks, in seconds.
const PLAIN: [f64; 4] = [10.0, 20.0, 60.0, 180.0];

pub(super) fn all() -> Vec<Graph> {
    vec![
        plain("plain1n", 380),
        plain1e(380),
        // Without cores it is another draw of the first.
        plain("plain1cpus", 380),
        triplets(110),
        merge_neighbours(107),
        merge_triplets(111),
        merge_small_big(80),
        fork("fork1", 100, false),
        fork("fork2", 100, true),
        bigmerge(320),
        duration_stairs(190),
        size_stairs(190),
        splitters(7),
        conflux(7),
        grid(19),
        fern(200),
    ]
}

fn plain(name: &str, count: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, name);
    for _ in 0..count {
        let mean = draw.one_of(&PLAIN);
        graph.task("t", draw.normal(mean, mean / 10.0), 0.0, &[]);
    }
    graph
}

fn plain1e(count: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "plain1e");
    for _ in 0..count {
        graph.task("t", draw.exponential(60.0), 0.0, &[]);
    }
    graph
}

fn triplets(count: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "triplets");
    for _ in 0..count {
        let a = graph.task("a", draw.normal(5.0, 1.5), 40.0, &[]);
        let b = graph.task("b", draw.normal(120.0, 20.0), 120.0, &[a]);
        graph.task("c", draw.normal(32.0, 3.0), 0.0, &[b]);
    }
    graph
}

fn merge_neighbours(count: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "merge_neighbours");
    let mut make = |_| graph.task("a", draw.normal(15.0, 3.0), draw.normal(99.0, 2.5), &[]);
    let tops: Vec<usize> = (0..count).map(&mut make).collect();
    for i in 0..count {
        graph.task("b", draw.normal(15.0, 2.0), 0.0, &[tops[i], tops[(i + 1) % count]]);
    }
    graph
}

fn merge_triplets(count: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "merge_triplets");
    let mut make = |_| graph.task("a", draw.normal(15.0, 3.0), draw.normal(99.0, 2.5), &[]);
    let tops: Vec<usize> = (0..count).map(&mut make).collect();
    for three in tops.chunks(3) {
        graph.task("b", draw.normal(15.0, 2.0), 0.0, three);
    }
    graph
}

fn merge_small_big(count: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "merge_small_big");
    let mut make = |_| graph.task("a", draw.normal(11.0, 3.0), 0.5, &[]);
    let small: Vec<usize> = (0..count).map(&mut make).collect();
    let mut make = |_| graph.task("b", draw.normal(15.0, 3.0), draw.normal(99.0, 2.5), &[]);
    let big: Vec<usize> = (0..count).map(&mut make).collect();
    for i in 0..count {
        graph.task("c", draw.normal(10.0, 1.0), 0.0, &[small[i], big[i]]);
    }
    graph
}

/// Each task has two users: of one output, or each of its own.
fn fork(name: &str, count: usize, split: bool) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, name);
    let size = if split { 200.0 } else { 100.0 };
    let mut make = |_| graph.task("a", draw.normal(17.0, 3.0), size, &[]);
    let tops: Vec<usize> = (0..count).map(&mut make).collect();
    for top in tops {
        for function in ["b", "c"] {
            let input = if split { graph.pick(100.0, top) } else { top };
            graph.task(function, draw.normal(15.0, 2.0), 0.0, &[input]);
        }
    }
    graph
}

fn bigmerge(count: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "bigmerge");
    let mut make = |_| graph.task("a", draw.normal(17.0, 3.0), 100.0, &[]);
    let tops: Vec<usize> = (0..count).map(&mut make).collect();
    graph.task("m", 40.0, 0.0, &tops);
    graph
}

fn duration_stairs(count: usize) -> Graph {
    let (mut graph, _) = Graph::new(FAMILY, "duration_stairs");
    for i in 0..count {
        graph.task("a", i as f64, 0.0, &[]);
        graph.task("b", i as f64, 0.0, &[]);
    }
    graph
}

fn size_stairs(count: usize) -> Graph {
    let (mut graph, _) = Graph::new(FAMILY, "size_stairs");
    let all = (0..count).sum::<usize>() as f64;
    let root = graph.task("a", 0.1, all, &[]);
    for i in 0..count {
        let output = graph.pick(i as f64, root);
        graph.task("b", 20.0, 0.0, &[output]);
    }
    graph
}

fn splitters(depth: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "splitters");
    let mut level = vec![graph.task("root", 1.0, 512.0, &[])];
    for _ in 0..depth {
        let mut make = |j: usize| graph.task("a", draw.normal(20.0, 1.0), 128.0, &[level[j / 2]]);
        level = (0..level.len() * 2).map(&mut make).collect();
    }
    graph
}

fn conflux(depth: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "conflux");
    let mut make = |_| graph.task("top", draw.normal(20.0, 1.5), 128.0, &[]);
    let mut level: Vec<usize> = (0..1 << depth).map(&mut make).collect();
    while level.len() > 1 {
        let mut make = |two: &[usize]| graph.task("a", draw.normal(20.0, 1.0), 128.0, two);
        level = level.chunks(2).map(&mut make).collect();
    }
    graph
}

/// Each task needs the one above and the one to the left.
fn grid(size: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "grid");
    for i in 0..size * size {
        let left = (i % size > 0).then(|| i - 1);
        let above = i.checked_sub(size);
        let inputs: Vec<usize> = left.into_iter().chain(above).collect();
        graph.task("a", draw.normal(20.0, 1.0), 128.0, &inputs);
    }
    graph
}

fn fern(size: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "fern");
    let mut stem = graph.task("init", draw.normal(20.0, 1.0), 5.0, &[]);
    for i in 0..size {
        let grown = i as f64 / 10.0;
        let leaf = graph.task("b", draw.normal(35.0, 3.0), draw.normal(42.0, 2.0), &[]);
        let size = draw.normal(5.0 + grown, grown / 10.0);
        stem = graph.task("a", draw.normal(17.0 + grown, 3.0), size, &[stem, leaf]);
    }
    graph
}
