//! The graphs: shapes, durations and sizes by formula, regenerated from what the suites publish.
//!
//! Two things are not as there. A task of ours takes one slot, so what Estee asks in cores beyond one
//! is left out. A task of ours has one value: where tasks take different outputs of another one, each
//! output is a task `pick` of a millisecond, as in Dask.

mod elementary;
mod irw;
mod pegasus;
mod rsds;

use super::graph::Graph;

/// All of them.
pub(super) fn all() -> Vec<Graph> {
    let mut all = elementary::all();
    all.extend(irw::all());
    all.extend(pegasus::all());
    all.extend(rsds::all());
    all
}
