//! The five graphs of Estee after the Pegasus workflow gallery, by the formulas and counts of its
//! generators (`schedsim/generators/pegasus.py`, `benchmarks/generate.py` of
//! github.com/spirali/estee). Outputs that are always taken together are one value here.

use crate::quality::draw::Draw;
use crate::quality::graph::Graph;

const FAMILY: &str = "pegasus";

pub(super) fn all() -> Vec<Graph> {
    vec![montage(50), cybershake(50), epigenomics(50), ligo(&[20, 10, 15]), sipht(2)]
}

fn montage(width: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "montage");
    let tops: Vec<[usize; 2]> = (0..width / 4)
        .map(|_| {
            let sizes = [draw.normal(4.0, 1.0), draw.normal(4.0, 1.0)];
            let top = graph.task("mProjectPP", draw.normal(15.0, 3.0), sizes[0] + sizes[1], &[]);
            sizes.map(|size| graph.pick(size, top))
        })
        .collect();
    let mut inputs = vec![Vec::new(); width];
    for (i, outputs) in tops.iter().enumerate() {
        for inputs in &mut inputs[(4 * i).saturating_sub(2)..width.min(4 * i + 2)] {
            inputs.push(draw.one_of(outputs));
        }
    }
    let mut fit = |inputs: &Vec<usize>| {
        let size = draw.normal(0.2, 0.1) + draw.normal(0.2, 0.1);
        graph.task("mDiffFit", draw.normal(10.0, 1.0), size, inputs)
    };
    let fits: Vec<usize> = inputs.iter().map(&mut fit).collect();
    let concat = graph.task("mConcatFit", draw.normal(13.0, 2.0), 0.01, &fits);
    let model = graph.task("mBgModel", draw.normal(11.0, 1.0), 0.01, &[concat]);
    let mut background = |outputs: &[usize; 2]| {
        let size = draw.normal(4.0, 1.0) + draw.normal(4.0, 1.0);
        graph.task("mBackground", draw.normal(10.0, 1.0), size, &[model, draw.one_of(outputs)])
    };
    let backgrounds: Vec<usize> = tops.iter().map(&mut background).collect();
    graph.task("mImgTbl", 8.0, 0.0, &backgrounds);
    graph
}

fn cybershake(width: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "cybershake");
    let mut extract = |_| {
        let size = draw.normal(220.0, 80.0) + draw.normal(220.0, 80.0);
        graph.task("ExtractGST", draw.normal(100.0, 50.0), size, &[])
    };
    let tops: Vec<usize> = (0..2).map(&mut extract).collect();
    let mut synthesis = |i: usize| {
        let top = tops[i / (width / 2)];
        graph.task("SeismogramSynthesis", draw.normal(45.0, 10.0), draw.normal(0.02, 0.01), &[top])
    };
    let synthesis: Vec<usize> = (0..width).map(&mut synthesis).collect();
    graph.task("ZipSeis", draw.normal(0.5, 0.2), draw.normal(0.2, 0.1), &synthesis);
    let mut peak =
        |one: &usize| graph.task("PeakValCalcOkaya", draw.normal(1.0, 0.5), 0.01, &[*one]);
    let peaks: Vec<usize> = synthesis.iter().map(&mut peak).collect();
    graph.task("ZipPSA", draw.normal(0.5, 0.2), 0.1, &peaks);
    graph
}

fn epigenomics(width: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "epigenomics");
    let sizes: Vec<f64> = (0..width).map(|_| draw.normal(10.0, 5.0)).collect();
    let split = graph.task("fastqSplit", draw.normal(35.0, 5.0), sizes.iter().sum(), &[]);
    let mut ends = Vec::new();
    for size in sizes {
        let part = graph.pick(size, split);
        let size = draw.normal(5.0, 2.0) + draw.normal(5.0, 2.0);
        let filter = graph.task("filter_Contams", draw.normal(1.5, 1.0), size, &[part]);
        let sol = graph.task("sol2sanger", draw.normal(0.3, 0.2), draw.normal(5.0, 2.0), &[filter]);
        let fastq = graph.task("fastq2bfq", draw.normal(1.0, 0.2), draw.normal(1.0, 0.5), &[sol]);
        let seconds = draw.normal(15_000.0, 2_500.0);
        ends.push(graph.task("map_chr", seconds, draw.normal(1.0, 0.5), &[fastq]));
    }
    let merge = graph.task("mapMerge", draw.normal(10.0, 2.0), draw.normal(20.0, 2.0), &ends);
    let index = graph.task("maqindex", 0.02, 0.4, &[merge]);
    graph.task("pileup", draw.normal(6_000.0, 200.0), 3.0, &[index]);
    graph
}

fn ligo(widths: &[usize]) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "ligo");
    for &width in widths {
        let mut parent: Option<usize> = None;
        for _ in 0..2 {
            let before: Vec<usize> = parent.into_iter().collect();
            let mut inspiral = |_| {
                let size = draw.normal(0.9, 0.1);
                let top = graph.task("TmpItBank", draw.normal(19.0, 0.1), size, &before);
                graph.task("Inspiral", draw.normal(400.0, 100.0), draw.normal(0.4, 0.1), &[top])
            };
            let all: Vec<usize> = (0..width).map(&mut inspiral).collect();
            parent = Some(graph.task("Thinca", draw.normal(5.0, 1.0), 0.02, &all));
        }
    }
    graph
}

fn sipht(copies: usize) -> Graph {
    let (mut graph, draw) = Graph::new(FAMILY, "sipht");
    for _ in 0..copies {
        let mut parser =
            |_| graph.task("Parser", draw.normal(1.0, 0.2), draw.normal(0.1, 0.02), &[]);
        let parsers: Vec<usize> = (0..20).map(&mut parser).collect();
        let concat = graph.task("Parser-concat", 0.05, draw.normal(1.5, 0.1), &parsers);
        annotate(&mut graph, &draw, concat);
    }
    graph
}

/// What a copy of `sipht` does beside parsing.
fn annotate(graph: &mut Graph, draw: &Draw, concat: usize) {
    let tops = [
        graph.task("Findterm", draw.normal(1_800.0, 100.0), draw.normal(34.2, 2.0), &[]),
        graph.task("RNAMotif", draw.normal(38.0, 2.0), 1.0, &[]),
        graph.task("Transterm", draw.normal(50.0, 2.0), 0.5, &[]),
        graph.task("Blast", draw.normal(1_900.0, 100.0), 4.5, &[]),
    ];
    let size = draw.normal(5.0, 0.6);
    let srna = graph.task("SRNA", draw.normal(450.0, 50.0), size, &tops);
    let output = graph.pick(0.5, srna);
    let parse = graph.task("FFN_Parse", draw.normal(1.0, 1.0), 0.9, &[output]);
    let level = [
        graph.task("BlastQRNA", draw.normal(1_200.0, 100.0), draw.normal(4.0, 2.0), &[output]),
        graph.task("Blast_paralogues", draw.normal(5.0, 1.0), 0.9, &[output]),
        graph.task("Blast_synteny", draw.normal(30.0, 5.0), 1.0, &[parse, output]),
        graph.task("Blast_candidate", draw.normal(6.0, 1.0), 0.0, &[output]),
    ];
    let inputs = [&level[..], &[output, parse, concat]].concat();
    graph.task("SRNA_annotate", draw.normal(1.0, 2.0), draw.normal(4.0, 0.6), &inputs);
}
