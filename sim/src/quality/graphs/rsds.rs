//! Families of the RSDS paper ("Runtime vs Scheduler: Analyzing Dask's Overheads"). `merge_slow` and
//! `tree` are by its formulas. Its array, bag and table graphs are records of collections of Dask and
//! have no formula: here are the shapes that such collections have, named `…-like`.

use crate::quality::graph::Graph;

const FAMILY: &str = "rsds";

pub(super) fn all() -> Vec<Graph> {
    vec![
        merge_slow(1_000, 0.1),
        tree(9),
        transpose(12),
        shuffle("bag-like", 16, 0.05, 4.0),
        table("groupby-like", 256),
        shuffle("join-like", 24, 0.2, 32.0),
        rechunk("xarray-like", 60),
        chains("wordbag-like", 83),
    ]
}

/// Tasks of one length, and one that needs them all.
fn merge_slow(count: usize, seconds: f64) -> Graph {
    let (mut graph, _) = Graph::new(FAMILY, "merge_slow");
    let all: Vec<usize> = (0..count).map(|_| graph.task("slow", seconds, 0.0001, &[])).collect();
    graph.task("merge", seconds, 0.0001, &all);
    graph
}

/// A binary reduction of small numbers.
fn tree(height: u32) -> Graph {
    let (mut graph, _) = Graph::new(FAMILY, "tree");
    let mut level: Vec<usize> =
        (0..1 << height).map(|_| graph.task("leaf", 0.02, 0.0001, &[])).collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|two| graph.task("add", 0.02, 0.0001, two)).collect();
    }
    graph
}

/// `(x + x.T).sum()` of a matrix of square chunks, summed in fours.
fn transpose(side: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "numpy-like");
    let mut chunk = |_| graph.task("random", draw.normal(0.4, 0.05), 32.0, &[]);
    let chunks: Vec<usize> = (0..side * side).map(&mut chunk).collect();
    let mut sums = Vec::new();
    for i in 0..side {
        for j in 0..side {
            let turned = graph.task("transpose", 0.001, 32.0, &[chunks[j * side + i]]);
            let inputs = [chunks[i * side + j], turned];
            let added = graph.task("add", draw.normal(0.1, 0.01), 32.0, &inputs);
            sums.push(graph.task("sum", draw.normal(0.05, 0.01), 0.0001, &[added]));
        }
    }
    while sums.len() > 1 {
        sums = sums.chunks(4).map(|four| graph.task("sum-all", 0.005, 0.0001, four)).collect();
    }
    graph
}

/// Each part is split for all others and put together again.
fn shuffle(name: &str, parts: usize, seconds: f64, mib: f64) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, name);
    let mut pieces = vec![Vec::new(); parts];
    for _ in 0..parts {
        let load = graph.task("load", draw.normal(seconds * 4.0, seconds), mib, &[]);
        let split = graph.task("split", draw.normal(seconds, seconds / 10.0), mib, &[load]);
        for piece in &mut pieces {
            piece.push(graph.pick(mib / parts as f64, split));
        }
    }
    let mut ends = Vec::new();
    for piece in &pieces {
        let joined = graph.task("concat", draw.normal(seconds, seconds / 10.0), mib, piece);
        ends.push(graph.task("apply", draw.normal(seconds * 4.0, seconds), 0.01, &[joined]));
    }
    graph.task("collect", 0.01, 0.1, &ends);
    graph
}

/// Partitions are read, grouped, and reduced in eights.
fn table(name: &str, parts: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, name);
    let mut part = |_| {
        let read = graph.task("read", draw.normal(0.5, 0.1), 24.0, &[]);
        let column = graph.task("getitem", 0.005, 12.0, &[read]);
        graph.task("groupby", draw.normal(0.1, 0.02), 1.0, &[read, column])
    };
    let mut level: Vec<usize> = (0..parts).map(&mut part).collect();
    while level.len() > 1 {
        let mut reduce = |some: &[usize]| graph.task("reduce", draw.normal(0.05, 0.01), 1.0, some);
        level = level.chunks(8).map(&mut reduce).collect();
    }
    graph
}

/// Chunks are cut at other places: each new one is made of neighbours; then means by season.
fn rechunk(name: &str, count: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, name);
    let mut open = |_| graph.task("open", draw.normal(0.3, 0.05), 48.0, &[]);
    let chunks: Vec<usize> = (0..count).map(&mut open).collect();
    let mut seasons = vec![Vec::new(); 4];
    for (i, three) in chunks.windows(3).enumerate() {
        let joined = graph.task("rechunk", draw.normal(0.05, 0.01), 48.0, three);
        let mean = graph.task("mean", draw.normal(0.15, 0.02), 4.0, &[joined]);
        seasons[i / 3 % 4].push(mean);
    }
    let mut season = |all: &Vec<usize>| graph.task("season", draw.normal(0.2, 0.02), 4.0, all);
    let seasons: Vec<usize> = seasons.iter().map(&mut season).collect();
    graph.task("stack", 0.05, 16.0, &seasons);
    graph
}

/// Coarse chains of three that meet in one task.
fn chains(name: &str, count: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, name);
    let mut chain = |_| {
        let read = graph.task("read", draw.normal(0.5, 0.1), 16.0, &[]);
        let clean = graph.task("clean", draw.normal(2.0, 0.3), 16.0, &[read]);
        graph.task("count", draw.normal(1.0, 0.2), 0.5, &[clean])
    };
    let all: Vec<usize> = (0..count).map(&mut chain).collect();
    graph.task("merge", draw.normal(1.0, 0.1), 0.5, &all);
    graph
}
