//! Planted bugs are found by the check that is meant to find them; what the machines are meant to
//! bear is borne.

use raddle_core::scheduler::Policy;
use raddle_sim::{Case, Depth, Failure, Mix, Mode, Plan, Plant, Property};

/// Seeds within which a planted bug must be found.
const SEEDS: u64 = 1_000;

fn case(plant: Option<Plant>, seed: u64) -> Case {
    let mix = Mix { tasks: 60, faults: true, bodies: true, swarm: true };
    let (story, policy) = (String::new(), Policy::EarliestStart);
    Case { story, seed, policy, plant, plan: Plan::from_seed(seed, mix) }
}

fn run(plant: Plant, seed: u64) -> Option<Failure> {
    // The naive scheduler sees each run that is checked wholly, and few others.
    let by_reference = plant.found_by() == Some(Property::Reference);
    let depth = if by_reference { Depth::Paranoid } else { Depth::Touched };
    case(Some(plant), seed).run(Mode { depth, ..Mode::default() }).err()
}

#[test]
fn every_planted_bug_is_found_by_its_property() {
    let mut missed = Vec::new();
    for &plant in Plant::ALL {
        let Some(property) = plant.found_by() else { continue };
        // The first two are told of below; what takes many seeds, or long ones, is for
        // `cargo sim -- --plant all`.
        let elsewhere = matches!(
            plant,
            Plant::Canary
                | Plant::N01
                | Plant::CancelOthers
                | Plant::FlushEarly
                | Plant::LoseDeparture
                | Plant::SkipResumed
                | Plant::StaleRun
        );
        let finds = |seed| run(plant, seed).is_some_and(|failure| failure.breaks() == property);
        if !elsewhere && !(0..SEEDS).any(finds) {
            missed.push((plant.name(), property.id()));
        }
    }
    assert_eq!(missed, [], "planted bugs that are not found");
}

#[test]
fn the_canary_sings_in_one_seed_of_a_hundred() {
    let seeds: Vec<u64> = (0..400).filter(|seed| is_canary(*seed)).collect();
    assert!((1..=12).contains(&seeds.len()), "{seeds:?}");
    let sings = |seed| run(Plant::Canary, seed).map(|failure| failure.breaks());
    assert!(seeds.into_iter().map(sings).any(|broken| broken == Some(Property::Canary)));
}

/// As `corrupt.rs` says.
fn is_canary(seed: u64) -> bool {
    raddle_core::random::hash(seed, 0, 0, 0).is_multiple_of(100)
}

#[test]
fn chance_from_outside_makes_runs_differ() {
    let differs = |case: Case| case.run(Mode::default()) != case.run(Mode::default());
    assert!((0..5).any(|seed| differs(case(Some(Plant::N01), seed))));
}

#[test]
fn what_may_come_twice_or_late_changes_nothing() {
    for &plant in Plant::ALL.iter().filter(|plant| plant.found_by().is_none()) {
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
        let case = case(Some(plant), seed);
        case.run(Mode::default()).err().filter(|f| f.breaks() == Property::Value).map(|f| (case, f))
    });
    let (case, failure) = case.expect("the planted bug is found");
    let mut left = 1_000;
    let mut goes_on = || {
        left -= 1;
        left > 0
    };
    let mut run = |case: &Case| case.run(Mode::default()).err();
    let (small, smaller) = raddle_sim::minimise(&case, &failure, &mut run, &mut goes_on);
    assert!(smaller.is_like(&failure) && small.run(Mode::default()) == Err(smaller));
    assert!(small.plan.ops.len() <= 4 && small.plan.tasks() <= 6, "{small}");
    assert_eq!(small.to_string().parse(), Ok(small));
}
