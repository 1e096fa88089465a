//! A hunt for a planted bug: how many seeds it takes to find it, and how small the case becomes.
//!
//! It must not know what the bug does.

use raddle_core::scheduler::Policy;

use crate::case::Case;
use crate::generate::Mix;
use crate::minimise::minimise;
use crate::plan::Plan;
use crate::plant::Plant;
use crate::property::Property;
use crate::world::{Depth, Mode};

/// What is hunted with: as in short runs, but every machine is checked wholly when a case is made
/// small.
const MIX: Mix = Mix { tasks: 60, faults: true, bodies: true, swarm: true };

/// A planted bug that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Find {
    /// Seeds that it took.
    pub seeds: u64,
    /// Operations of the smallest case.
    pub ops: usize,
    /// Its tasks.
    pub tasks: u64,
}

impl Plant {
    /// The first seed below `seeds` by which this bug is found by its property, and the case made
    /// small in at most `runs` runs. `None` if it is not found, or must not be.
    #[must_use]
    pub fn hunt(self, seeds: u64, runs: u64) -> Option<Find> {
        let property = self.found_by()?;
        let mode = Mode { depth: Depth::Touched, ..Mode::default() };
        (0..seeds).find_map(|seed| {
            let plan = Plan::from_seed(seed, MIX);
            let policy =
                if seed.is_multiple_of(2) { Policy::EarliestStart } else { Policy::Random };
            let case = Case { story: String::new(), seed, policy, plant: Some(self), plan };
            if property == Property::Determinism {
                let (ops, tasks) = (case.plan.ops.len(), case.plan.tasks());
                let differs = case.run(mode) != case.run(mode);
                return differs.then_some(Find { seeds: seed + 1, ops, tasks });
            }
            let failure = case.run(mode).err().filter(|failure| failure.breaks() == property)?;
            let mut left = runs;
            let mut more = || {
                left = left.saturating_sub(1);
                left > 0
            };
            let mut run = |case: &Case| case.run(mode).err();
            let (small, _) = minimise(&case, &failure, &mut run, &mut more);
            Some(Find { seeds: seed + 1, ops: small.plan.ops.len(), tasks: small.plan.tasks() })
        })
    }
}
