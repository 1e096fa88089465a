//! Rare moments that matter are all seen within the seeds that every change is tested with; and runs
//! that are watched are the runs that are not.

use raddle_sim::{Case, Coverage, Mode, Profile, diagram};

/// Moments that take more seeds than a test may, and how many about: `--coverage` of longer runs
/// shows them.
const RARE: [(&str, u64); 5] = [
    ("a client asks for a value that is not there any more", 3_000),
    ("a future that another client holds too is called off", 1_000),
    ("a worker asks for a value that is not there any more", 250),
    ("a worker dies before it has announced a deadly run", 350),
    ("a worker is served a part of what it asked for", 7_000),
];

fn case(seed: u64) -> Case {
    let plan = Profile::Lite.plan(seed, None, false);
    let policy = Profile::Lite.policies(seed)[0];
    Case { story: String::new(), seed, policy, plant: None, plan }
}

#[test]
fn every_moment_comes_within_few_seeds() {
    let mut seen = Coverage::default();
    for seed in 0..400 {
        let mode = Mode { depth: Profile::Lite.depth(), ..Mode::default() };
        let report = case(seed).run(mode).unwrap_or_else(|failure| panic!("{seed}: {failure}"));
        seen.add(&report.coverage);
    }
    let rare = |moment: &&str| RARE.iter().any(|(name, _)| name == moment);
    let missed: Vec<&str> = seen.missed().filter(|moment| !rare(moment)).collect();
    assert!(missed.is_empty(), "never seen: {missed:#?}");
}

#[test]
fn a_run_that_is_recorded_is_the_same_run() {
    for seed in 0..5 {
        let case = case(seed);
        let (report, records) = case.record(Mode::default(), usize::MAX / 4);
        let again = case.record(Mode::default(), usize::MAX / 4);
        assert_eq!(report, case.run(Mode::default()));
        assert_eq!((&report, &records), (&again.0, &again.1));
        let numbers = records.iter().map(|record| record.number);
        assert!(numbers.eq(1..=report.expect("it passes").events));
        let drawn = diagram(&records);
        assert!(drawn.lines().count() <= 305 && drawn.lines().all(|line| !line.ends_with(' ')));
    }
}
