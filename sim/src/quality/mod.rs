//! How good schedules are: `cargo sim -- quality` runs graphs by formula on simulated clusters, under
//! our policy and five others, and compares with what no schedule can beat. See docs/quality.md.
//!
//! | file | story |
//! |---|---|
//! | `graph.rs`, `draw.rs`, `graphs/` | what is computed |
//! | `cluster.rs`, `share.rs` | where; how links are shared |
//! | `engine.rs`, `view.rs` | what happens; what policies know of it |
//! | `policies/` | who decides |
//! | `bound.rs` | what nobody can beat |
//! | `measure.rs` | all of it, run |
//! | `rehearse.rs` | what is run for real as well |
//! | `report.rs`, `plot.rs` | as text, as JSON, and drawn |

mod bound;
mod cluster;
mod draw;
mod engine;
mod graph;
mod graphs;
mod measure;
mod plot;
mod policies;
mod rehearse;
mod report;
mod share;
#[cfg(test)]
mod tests;
mod view;

use std::io;
use std::path::Path;

pub use self::rehearse::{Part, Rehearsal, rehearse};

/// Runs everything whose graph's name contains `filter`, and writes `quality.svg` and `quality.json`
/// into `folder`, and the figures into its `quality.md`. Returns the summary.
///
/// # Errors
/// If a file cannot be written.
pub fn quality(filter: &str, folder: &Path) -> io::Result<String> {
    let results = measure::all(filter);
    std::fs::write(folder.join("quality.svg"), plot::svg(&results))?;
    std::fs::write(folder.join("quality.json"), report::json(&results))?;
    let page = report::page(&results);
    report::write(&folder.join("quality.md"), &page)?;
    Ok(page)
}
