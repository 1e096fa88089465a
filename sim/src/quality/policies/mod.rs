//! The policies: ours, as it is deployed, and simple re-expressions of others.

mod dask;
mod heft;
mod list;
mod ours;
mod random;
mod stealing;

use super::cluster::Cluster;
use super::engine::Planner;
use super::graph::Graph;
use super::view::Knowledge;

/// A policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Anywhere.
    Random,
    /// Dask's.
    Dask,
    /// Work stealing as in RSDS.
    Stealing,
    /// Bottom levels, and where least is to be moved.
    List,
    /// Heterogeneous earliest finish time.
    Heft,
    /// Ours.
    Ours,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 6] =
        [Self::Random, Self::Dask, Self::Stealing, Self::List, Self::Heft, Self::Ours];

    /// For people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Dask => "Dask",
            Self::Stealing => "ws (RSDS)",
            Self::List => "b-level-gt",
            Self::Heft => "HEFT",
            Self::Ours => "raddle",
        }
    }

    /// The policy, before it has heard anything. `order` is the static order of the graph.
    pub(super) fn planner(
        self,
        graph: &Graph,
        order: &[u64],
        cluster: Cluster,
        knowledge: Knowledge,
    ) -> Box<dyn Planner> {
        match self {
            Self::Random => Box::new(random::Random::new(order)),
            Self::Dask => Box::new(dask::Dask::new(graph, order, knowledge)),
            Self::Stealing => Box::new(stealing::Stealing::new(order)),
            Self::List => Box::new(list::List::default()),
            Self::Heft => Box::new(heft::Heft),
            Self::Ours => Box::new(ours::Ours::new(graph, cluster, knowledge)),
        }
    }
}

pub(super) use ours::static_order;
