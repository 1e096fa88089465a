//! The figures as a picture: for each, how many times as much as what it is held against, on a
//! logarithmic axis.
//!
//! It must not know what is measured.

use std::fmt::Write as _;

use crate::report::{Report, number};

/// Height of a line, in pixels.
const LINE: f64 = 18.0;
/// Where the axis is at a ratio of 1, and pixels for a factor of 10.
const ONE: f64 = 760.0;
const DECADE: f64 = 90.0;
const WIDTH: f64 = 1_180.0;
const COLOUR: &str = "#3568a8";

/// One bar for each floor or peer of each figure.
pub(crate) fn svg(report: &Report) -> String {
    let bars = report.rows().iter().flat_map(|row| {
        let name = row.figure.name;
        row.ratios().map(move |(other, ratio)| (format!("{name} ÷ {other}"), ratio))
    });
    let bars: Vec<_> = bars.filter(|(_, ratio)| ratio.is_finite() && *ratio > 0.0).collect();
    let height = LINE * (bars.len() + 3) as f64;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"14\" font-size=\"13\">raddle ÷ floor or peer, medians</text>\n",
    );
    for decade in -2_i32..=3 {
        let x = ONE + f64::from(decade) * DECADE;
        let label = number(10_f64.powi(decade));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "<line x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{height}\" stroke=\"#ccc\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#666\">{label}</text>",
            LINE * 2.0,
            LINE * 1.7,
        );
    }
    for (place, (name, ratio)) in bars.iter().enumerate() {
        let y = LINE * (place as f64 + 2.2);
        let length = ratio.log10() * DECADE;
        let (x, width) = (ONE + length.min(0.0), length.abs());
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{COLOUR}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>",
            ONE - 2.2 * DECADE,
            y + LINE * 0.6,
            escaped(name),
            LINE * 0.7,
            ONE + length.max(0.0) + 4.0,
            y + LINE * 0.6,
            number(*ratio),
        );
    }
    text + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
