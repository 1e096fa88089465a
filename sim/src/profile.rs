//! What seeds are used for: many small runs, few thorough ones, speed, size, long time.
//!
//! It must not know how many seeds are run.

use raddle_core::random::hash;
use raddle_core::scheduler::Policy;

use crate::bulk::{Bulk, Shape};
use crate::generate::Mix;
use crate::plan::{Latency, Plan};
use crate::world::Depth;

/// The stream of chance that belongs to profiles.
const PROFILE: u64 = 0x7072_6f66;

macro_rules! profiles {
    ($($variant:ident $name:literal $sentence:literal,)*) => {
        /// A way to use seeds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Profile {
            $(#[doc = $sentence] $variant,)*
        }

        impl Profile {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it is for.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self {
                    $(Self::$variant => $sentence,)*
                }
            }
        }
    };
}

profiles! {
    Calm "calm" "No faults, no failing bodies: nothing hides behind them.",
    Lite "lite" "Small plans of every style, one policy each; what an event touched is checked.",
    Perf "perf" "100,000 tasks without faults, bags, merges or trees: for events per second.",
    Reference "reference" "An hour of 20 workers, 10 tasks a second, all faults.",
    Scale "scale" "1,000 workers, 1,000,000 tasks, all faults.",
    Swarm "swarm" "Plans of every style, both policies; everything is checked after each event.",
}

impl Profile {
    /// The profile of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|profile| profile.name() == name)
    }

    /// How much is checked.
    #[must_use]
    pub fn depth(self) -> Depth {
        match self {
            Self::Calm | Self::Swarm => Depth::Paranoid,
            Self::Lite | Self::Reference => Depth::Touched,
            Self::Perf | Self::Scale => Depth::Sampled,
        }
    }

    /// The policies that each seed is run with.
    #[must_use]
    pub fn policies(self, seed: u64) -> Vec<Policy> {
        match self {
            Self::Calm | Self::Swarm => vec![Policy::EarliestStart, Policy::Random],
            Self::Lite if hash(seed, PROFILE, 0, 0).is_multiple_of(4) => vec![Policy::Random],
            Self::Lite | Self::Perf | Self::Reference | Self::Scale => vec![Policy::EarliestStart],
        }
    }

    /// The plan of a seed: of about so many `tasks`, if that is said; `plain`, if the seed is to
    /// choose operations, and not how often what is done.
    #[must_use]
    pub fn plan(self, seed: u64, tasks: Option<u64>, plain: bool) -> Plan {
        let (usual, faults) = match self {
            Self::Calm => (120, false),
            Self::Lite => (40, true),
            Self::Perf => return perf(seed, tasks.unwrap_or(100_000)).plan(seed),
            Self::Reference => return reference(tasks.unwrap_or(36_000)).plan(seed),
            Self::Scale => return scale(tasks.unwrap_or(1_000_000)).plan(seed),
            Self::Swarm => (120, true),
        };
        let tasks = tasks.unwrap_or(usual);
        Plan::from_seed(seed, Mix { tasks, faults, bodies: faults, swarm: !plain })
    }
}

fn perf(seed: u64, tasks: u64) -> Bulk {
    let shapes = [Shape::Bag, Shape::Merge, Shape::Tree];
    Bulk {
        workers: 16,
        threads: 4,
        clients: 1,
        tasks,
        size: 1_000,
        shapes: vec![shapes[(seed % 3) as usize]],
        gap: 5_000,
        window: 10,
        longest: 200,
        largest: 1_000,
        calm: 0,
        latency: Latency::Constant(100),
        bandwidth: 0,
    }
}

fn reference(tasks: u64) -> Bulk {
    Bulk {
        workers: 20,
        threads: 2,
        clients: 2,
        tasks,
        size: 20,
        shapes: Shape::ALL.into(),
        gap: 2_000_000,
        window: 30,
        longest: 4_000_000,
        largest: 5_000_000,
        calm: 10_000_000,
        latency: Latency::Uniform(20, 420),
        bandwidth: 1_000,
    }
}

fn scale(tasks: u64) -> Bulk {
    Bulk {
        workers: 1_000,
        threads: 2,
        clients: 4,
        tasks,
        size: 1_000,
        shapes: Shape::ALL.into(),
        gap: 5_000,
        window: 100,
        longest: 16_000,
        largest: 100_000,
        calm: 20_000,
        latency: Latency::Uniform(20, 420),
        bandwidth: 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_plan_has_the_tasks_that_it_is_asked_for_and_its_faults() {
        let plan = Profile::Reference.plan(1, Some(4_000), false);
        assert_eq!((plan.tasks(), plan.workers.len(), plan.clients), (4_000, 20, 2));
        assert!(plan.ops.len() > 400 && plan.ops.is_sorted_by_key(|step| step.at));
        let text = plan.to_string();
        for word in ["kill", "leave", "join", "pause", "clog", "ambush", "release", "poison"] {
            assert!(text.contains(word), "no {word}");
        }
        assert_eq!(text.parse(), Ok(plan));
    }
}
