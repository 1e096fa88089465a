//! The plot: for each policy, on how many instances it is within a factor of the best one.

use std::fmt::Write as _;

use super::measure::Instance;
use super::policies::Kind;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const MARGIN: f64 = 50.0;
/// The factor at the right edge.
const MOST: f64 = 2.0;
/// Widths of a step of a curve, in factors.
const STEP: f64 = 0.01;

/// Of each policy a colour.
const fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Random => "#999999",
        Kind::Dask => "#d95f02",
        Kind::Stealing => "#7570b3",
        Kind::List => "#1b9e77",
        Kind::Heft => "#e6ab02",
        Kind::Ours => "#c0002a",
    }
}

/// The plot as SVG.
pub(super) fn svg(all: &[Instance]) -> String {
    let (width, height) = (WIDTH + 2.0 * MARGIN, HEIGHT + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{MARGIN}\" y=\"25\">share of instances within a factor of the best policy</text>\n"
    );
    for step in 0..=4_u32 {
        let share = f64::from(step) / 4.0;
        let (x, y) = (x(1.0 + share * (MOST - 1.0)), y(share));
        let right = MARGIN + WIDTH;
        let _ = writeln!(
            svg,
            "<path d=\"M{MARGIN} {y:.1}H{right}\" stroke=\"#dddddd\"/>\
             <text x=\"8\" y=\"{y:.1}\">{:.0} %</text>\
             <text x=\"{x:.1}\" y=\"{:.1}\">{:.2}</text>",
            share * 100.0,
            MARGIN + HEIGHT + 20.0,
            1.0 + share * (MOST - 1.0)
        );
    }
    for (line, kind) in (1..).zip(Kind::ALL) {
        let _ = writeln!(
            svg,
            "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"{}\">{}</text>",
            curve(all, kind),
            colour(kind),
            MARGIN + WIDTH - 90.0,
            MARGIN + HEIGHT - 20.0 * f64::from(line),
            colour(kind),
            kind.name()
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn curve(all: &[Instance], kind: Kind) -> String {
    let steps = ((MOST - 1.0) / STEP).round() as u32;
    let mut path = String::new();
    for step in 0..=steps {
        let factor = 1.0 + f64::from(step) * STEP;
        let within = all.iter().filter(|one| one.makespan(kind) <= one.best() * (factor + 1e-9));
        let share = within.count() as f64 / all.len().max(1) as f64;
        let to = if step == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{to}{:.1} {:.1}", x(factor), y(share));
    }
    path
}

fn x(factor: f64) -> f64 {
    MARGIN + WIDTH * (factor - 1.0) / (MOST - 1.0)
}

fn y(share: f64) -> f64 {
    MARGIN + HEIGHT * (1.0 - share)
}
