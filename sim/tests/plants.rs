//! Planted bugs are found by the check that is meant to find them; what the machines are meant to
//! bear is borne.

use raddle_core::scheduler::Policy;
use raddle_sim::{Case, Depth, Failure, Mix, Mode, Plan, Plant};

/// Seeds within which a planted bug must be found.
const SEEDS: u64 = 400;

/// What finds each planted bug; no property for those that must change no outcome.
fn found_by(plant: Plant) -> Option<&'static str> {
    match plant {
        Plant::KeepForgotten | Plant::LoseFetched | Plant::LoseFree | Plant::LoseRelease => {
            Some("leak")
        }
        Plant::LoseCompute
        | Plant::LoseDisconnect
        | Plant::LoseErred
        | Plant::LoseFailed
        | Plant::LoseFinished
        | Plant::LoseInMemory
        | Plant::SkipFlushed
        | Plant::SkipServed
        | Plant::SkipUnblocked => Some("stuck"),
        Plant::Overtake | Plant::SkipResumed => Some("protocol"),
        Plant::SwapInputs | Plant::WrongRun => Some("wrong-value"),
        Plant::WrongBlame => Some("wrong-failure"),
        Plant::LateFinished
        | Plant::LoseHolders
        | Plant::LoseRecomputing
        | Plant::LoseStarted
        | Plant::TwiceFetched
        | Plant::TwiceFinished => None,
    }
}

fn run(plant: Plant, seed: u64) -> Option<Failure> {
    let mix = Mix { tasks: 60, faults: true, bodies: true, swarm: true };
    let (story, policy) = (String::new(), Policy::EarliestStart);
    let plan = Plan::from_seed(seed, mix);
    let mode = Mode { depth: Depth::Touched, ..Mode::default() };
    Case { story, seed, policy, plant: Some(plant), plan }.run(mode).err()
}

#[test]
fn every_planted_bug_is_found_by_its_property() {
    for &plant in Plant::ALL {
        let Some(property) = found_by(plant) else { continue };
        let finds = |seed| run(plant, seed).is_some_and(|failure| failure.property() == property);
        assert!((0..SEEDS).any(finds), "{} is not found as {property}", plant.name());
    }
}

#[test]
fn what_may_come_twice_or_late_changes_nothing() {
    for &plant in Plant::ALL.iter().filter(|plant| found_by(**plant).is_none()) {
        for seed in 0..10 {
            let failure = run(plant, seed);
            assert_eq!(failure, None, "seed {seed} with {}", plant.name());
        }
    }
}

#[test]
fn a_failure_becomes_small_and_stays_what_it_was() {
    let plant = Plant::SwapInputs;
    let case = (0..SEEDS).find_map(|seed| {
        let mix = Mix { tasks: 60, faults: true, bodies: true, swarm: true };
        let (story, policy) = (String::new(), Policy::EarliestStart);
        let plan = Plan::from_seed(seed, mix);
        let case = Case { story, seed, policy, plant: Some(plant), plan };
        case.run(Mode::default()).err().filter(|f| f.property() == "wrong-value").map(|f| (case, f))
    });
    let (case, failure) = case.expect("the planted bug is found");
    let mut left = 1_000;
    let mut goes_on = || {
        left -= 1;
        left > 0
    };
    let (small, smaller) = raddle_sim::minimise(&case, &failure, Mode::default(), &mut goes_on);
    assert!(smaller.is_like(&failure) && small.run(Mode::default()) == Err(smaller));
    assert!(small.plan.ops.len() <= 4 && small.plan.tasks() <= 6, "{small}");
    assert_eq!(small.to_string().parse(), Ok(small));
}
