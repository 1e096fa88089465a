//! Task Bench (Slaughter et al., "Task Bench: A Parameterized Benchmark for Evaluating Parallel
//! Runtime Performance", SC20): its patterns of dependences, with inputs that every task checks, and
//! the smallest task that is worth it, METG(50 %).
//!
//! It must not know how figures are shown.

use std::time::Instant;

use raddle::prelude::*;

use crate::bench::Bench;
use crate::busy::{compute, steps_per_micro};
use crate::report::{Figure, Goal};

/// Points of a step. The paper has one a core; a scheduler of a cluster has many more tasks than cores.
const WIDTH: u32 = 64;
/// Steps of a graph.
const STEPS: u32 = 32;
/// Inputs of patterns that have a choice.
const RADIX: u32 = 5;
/// After how many steps spread repeats itself.
const PERIOD: u32 = 3;
/// Of a thousand edges of random-nearest, those that are there.
const FRACTION: u64 = 250;
/// Problem sizes: microseconds a task.
const SIZES: [f64; 8] = [128.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0];

/// Which points of the step before a point needs.
#[derive(Clone, Copy, Debug)]
enum Pattern {
    Trivial,
    NoComm,
    Stencil,
    StencilPeriodic,
    Dom,
    Tree,
    Fft,
    AllToAll,
    Nearest,
    Spread,
    RandomNearest,
}

const PATTERNS: [(Pattern, Figure); 11] = [
    (Pattern::Trivial, wide("METG(50 %), trivial, 64 × 32; µs")),
    (Pattern::NoComm, wide("METG(50 %), no_comm, 64 × 32; µs")),
    (Pattern::Stencil, wide("METG(50 %), stencil_1d, 64 × 32; µs")),
    (Pattern::StencilPeriodic, wide("METG(50 %), stencil_1d_periodic, 64 × 32; µs")),
    (Pattern::Dom, wide("METG(50 %), dom, 64 × 32; µs")),
    (Pattern::Tree, wide("METG(50 %), tree, 64 × 32; µs")),
    (Pattern::Fft, wide("METG(50 %), fft, 64 × 32; µs")),
    (Pattern::AllToAll, Figure::new("METG(50 %), all_to_all, 64 × 32; µs")),
    (Pattern::Nearest, wide("METG(50 %), nearest, radix 5, 64 × 32; µs")),
    (Pattern::Spread, wide("METG(50 %), spread, radix 5, 64 × 32; µs")),
    (Pattern::RandomNearest, wide("METG(50 %), random_nearest, radix 5, 64 × 32; µs")),
];

const fn wide(name: &'static str) -> Figure {
    Figure { name, goal: Goal::AtMost(10.0) }
}

impl Pattern {
    /// The points of a step: `first` and how many.
    fn points(self, step: u32) -> std::ops::Range<u32> {
        match self {
            Self::Dom => {
                let last = (WIDTH + step).saturating_sub(STEPS);
                last..WIDTH.min(step + 1)
            }
            Self::Tree => 0..WIDTH.min(1_u32.checked_shl(step).unwrap_or(WIDTH)),
            Self::Trivial
            | Self::NoComm
            | Self::Stencil
            | Self::StencilPeriodic
            | Self::Fft
            | Self::AllToAll
            | Self::Nearest
            | Self::Spread
            | Self::RandomNearest => 0..WIDTH,
        }
    }

    /// What point `point` of `step` needs of the step before, if it is there.
    fn needs(self, step: u32, point: u32) -> Vec<u32> {
        let (at, width) = (i64::from(point), i64::from(WIDTH));
        let near = |from: i64, to: i64| (from..=to).collect::<Vec<_>>();
        let radix = i64::from(RADIX);
        let wanted: Vec<i64> = match self {
            Self::Trivial => Vec::new(),
            Self::NoComm => vec![at],
            Self::Stencil => near(at - 1, at + 1),
            Self::StencilPeriodic => {
                near(at - 1, at + 1).into_iter().map(|p| p.rem_euclid(width)).collect()
            }
            Self::Dom => near(at - 1, at),
            Self::Tree => vec![at / 2],
            Self::Fft => {
                let levels = WIDTH.next_power_of_two().trailing_zeros();
                let distance = 1_i64 << ((step + levels - 1) % levels);
                vec![at, at - distance, at + distance]
            }
            Self::AllToAll => near(0, width - 1),
            Self::Nearest => near(at - (radix - 1) / 2, at + radix / 2),
            Self::Spread => {
                let turn = i64::from(step % PERIOD);
                let part = |i: i64| (at + i * width / radix + i64::from(i > 0) * turn) % width;
                (0..radix).map(part).collect()
            }
            Self::RandomNearest => {
                let kept = |other: &i64| *other == at || is_kept(step, at, *other);
                near(at - (radix - 1) / 2, at + radix / 2).into_iter().filter(kept).collect()
            }
        };
        let there = self.points(step.saturating_sub(1));
        let points = wanted.into_iter().filter_map(|point| u32::try_from(point).ok());
        let mut points: Vec<u32> = points.filter(|point| there.contains(point)).collect();
        points.sort_unstable();
        points.dedup();
        points
    }
}

fn is_kept(step: u32, point: i64, other: i64) -> bool {
    let edge = (u64::from(step) << 32) ^ ((point as u64) << 16) ^ (other as u64);
    edge.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40 & 1023 < FRACTION
}

/// Computes, checks that the inputs are those of exactly these points, and says who it is: 16 bytes.
#[raddle::task]
fn point(
    at: (u64, u64),
    steps: u64,
    needs: Vec<u32>,
    inputs: Vec<(u64, u64)>,
) -> Result<(u64, u64), String> {
    let expected = needs.iter().map(|point| (at.0 - 1, u64::from(*point)));
    if !expected.eq(inputs) {
        return Err(format!("{at:?} has the wrong inputs"));
    }
    compute(steps);
    Ok(at)
}

/// Seconds that a graph takes, and how many tasks it has.
async fn run(client: &Client, pattern: Pattern, steps: u64) -> raddle::Result<(f64, usize)> {
    let start = Instant::now();
    let (mut before, mut first, mut tasks) = (Vec::new(), 0, 0);
    for step in 0..STEPS {
        let points = pattern.points(step);
        let call = |at: u32| {
            let needs = if step == 0 { Vec::new() } else { pattern.needs(step, at) };
            let inputs = needs.iter().map(|need| &before[(need - first) as usize]);
            let inputs: Vec<&TaskFuture<(u64, u64)>> = inputs.collect();
            let inputs: Vec<_> = inputs.into_iter().cloned().collect();
            point((u64::from(step), u64::from(at)), steps, needs, inputs)
        };
        let row = client.map(call, points.clone());
        tasks += row.len();
        (before, first) = (row, points.start);
    }
    let values = client.gather(&before).await?;
    let last = pattern.points(STEPS - 1).map(|at| (u64::from(STEPS - 1), u64::from(at)));
    assert!(values.into_iter().eq(last));
    Ok((start.elapsed().as_secs_f64(), tasks))
}

pub(crate) async fn measure(bench: &mut Bench) -> raddle::Result<()> {
    let per_micro = steps_per_micro();
    for (pattern, figure) in PATTERNS {
        let mut points = Vec::new();
        for micros in SIZES {
            let (seconds, tasks) = run(&bench.client, pattern, (micros * per_micro) as u64).await?;
            // Of two cores.
            let granularity = seconds * 2.0 * 1e6 / tasks as f64;
            points.push((micros / granularity, granularity));
            if points.last().is_some_and(|(efficiency, _)| *efficiency < 0.4) {
                break;
            }
        }
        bench.report.ours(figure, metg(&points));
    }
    Ok(())
}

/// The granularity at which half of the time is work: between the last problem that is that
/// efficient and the next smaller one, by a line. NaN if there is none on both sides.
fn metg(points: &[(f64, f64)]) -> f64 {
    let Some(last) = points.iter().rposition(|(efficiency, _)| *efficiency >= 0.5) else {
        return f64::NAN;
    };
    match points[last..] {
        [(above, large), (below, small), ..] if small < large => {
            small + (large - small) * (0.5 - below) / (above - below)
        }
        [(_, granularity), _, ..] => granularity,
        [_] | [] => f64::NAN,
    }
}
