//! The six graphs of Estee inspired by real work, by the formulas and counts of its generators
//! (`estee/generators/irw.py`, `benchmarks/generate.py` of github.com/spirali/estee).
//!
//! `mapreduce` there has 160 maps; here 40, as each of its outputs is a task of its own.

use crate::quality::draw::Draw;
use crate::quality::graph::Graph;

const FAMILY: &str = "irw";
/// The size of a hash, in MiB.
const HASH: f64 = 16.0 / 1024.0 / 1024.0;
/// Parts of data that are cross validated, and the size of each in MiB.
const PARTS: usize = 5;
const PART: f64 = 320.0;
/// How long a model trains, in seconds.
const TRAIN: f64 = 680.0;

pub(super) fn all() -> Vec<Graph> {
    vec![
        gridcat(20),
        crossv("crossv", 8, 1, 1.0),
        crossv("crossvx", 4, 4, 1.0),
        crossv("fastcrossv", 8, 1, 0.02),
        mapreduce(40),
        nestedcrossv(5),
    ]
}

fn gridcat(count: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "gridcat");
    let sizes: Vec<f64> = (0..count).map(|_| draw.normal(300.0, 25.0)).collect();
    let mut make = |size: &f64| graph.task("input", draw.normal(0.01, 0.001), *size, &[]);
    let opens: Vec<usize> = sizes.iter().map(&mut make).collect();
    let mut hashes = Vec::new();
    for i in 0..count {
        for j in i + 1..count {
            let size = sizes[i] + sizes[j];
            let seconds = draw.normal(0.2, 0.01) + size / 1000.0;
            let cat = graph.task("cat", seconds, size, &[opens[i], opens[j]]);
            let seconds = draw.normal(0.2, 0.01) + size / 500.0;
            hashes.push(graph.task("hash", seconds, HASH, &[cat]));
        }
    }
    graph.task("merge", 0.1, HASH, &hashes);
    graph
}

/// The data in parts, each taken from what one task has made.
fn parts(graph: &mut Graph, draw: &Draw) -> Vec<usize> {
    let generator = graph.task("generator", draw.normal(5.0, 0.5), PART * PARTS as f64, &[]);
    (0..PARTS).map(|_| graph.pick(PART, generator)).collect()
}

/// A merge of all parts but one.
fn merge_others(graph: &mut Graph, draw: &Draw, parts: &[usize], left: usize) -> usize {
    let mut others = parts.to_vec();
    others.remove(left);
    graph.task("merge", draw.normal(1.1, 0.02), PART * others.len() as f64, &others)
}

fn crossv(name: &str, inner: usize, outer: usize, factor: f64) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, name);
    for _ in 0..outer {
        let parts = parts(&mut graph, &draw);
        let mut merge = |left| merge_others(&mut graph, &draw, &parts, left);
        let merges: Vec<usize> = (0..PARTS).map(&mut merge).collect();
        for _ in 0..inner {
            let mut results = Vec::new();
            for (merged, part) in merges.iter().zip(&parts) {
                let train = graph.task("train", draw.exponential(TRAIN * factor), 18.0, &[*merged]);
                let seconds = draw.normal(34.0 * factor, 3.0);
                results.push(graph.task("eval", seconds, 0.0001, &[train, *part]));
            }
            graph.task("final", 0.2, 0.0, &results);
        }
    }
    graph
}

fn mapreduce(count: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "mapreduce-40");
    let (part, chunk) = (2.5 * 1024.0, 250.0 / count as f64);
    let splitter = graph.task("splitter", 10.0, part * count as f64, &[]);
    let mut chunks = vec![Vec::new(); count];
    let mut sizes = vec![0.0; count];
    for _ in 0..count {
        let input = graph.pick(part, splitter);
        let map = graph.task("map", draw.normal(50.0, 10.0), 250.0, &[input]);
        for (chunks, sum) in chunks.iter_mut().zip(&mut sizes) {
            let size = draw.normal(chunk, 20.0 / count as f64);
            *sum += size;
            chunks.push(graph.pick(size, map));
        }
    }
    for (chunks, size) in chunks.iter().zip(sizes) {
        graph.task("reduce", draw.normal(size / 25.0, 5.0), 0.0, chunks);
    }
    graph
}

fn nestedcrossv(parameters: u32) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "nestedcrossv");
    let parts = parts(&mut graph, &draw);
    for left in 0..PARTS {
        let mut inner = parts.clone();
        inner.remove(left);
        let mut merge = |left| merge_others(&mut graph, &draw, &inner, left);
        let merges: Vec<usize> = (0..inner.len()).map(&mut merge).collect();
        let mut scores = Vec::new();
        for parameter in 1..=parameters {
            let mut results = Vec::new();
            for (merged, part) in merges.iter().zip(&inner) {
                let seconds = draw.exponential(TRAIN * f64::from(parameter));
                let train = graph.task("train", seconds, 18.0, &[*merged]);
                results.push(graph.task("eval", draw.normal(35.0, 3.0), 0.0001, &[train, *part]));
            }
            scores.push(graph.task("avg_score", 0.2, 0.0001, &results));
        }
        let best = graph.task("best_param", 0.2, 0.0001, &scores);
        let size = PART * inner.len() as f64;
        let merged = graph.task("merge", draw.normal(1.0, 0.02), size, &inner);
        let train = graph.task("train", draw.exponential(TRAIN), 18.0, &[merged, best]);
        graph.task("eval", draw.normal(38.0, 3.0), 0.0001, &[train, parts[left]]);
    }
    graph
}
