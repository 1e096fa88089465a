//! Relations between runs hold; and runs come to what they came to when this was written.

use std::fmt::Write as _;
use std::path::Path;

use raddle_core::scheduler::Policy;
use raddle_sim::{Case, Mix, Mode, Plan};

const MIX: Mix = Mix { tasks: 60, faults: true, bodies: true, swarm: true };

fn case(seed: u64) -> Case {
    let policy = if seed.is_multiple_of(2) { Policy::EarliestStart } else { Policy::Random };
    Case { story: String::new(), seed, policy, plant: None, plan: Plan::from_seed(seed, MIX) }
}

#[test]
fn relations_hold() {
    for seed in 0..8 {
        let checked = case(seed).check_relations(Mode::default());
        assert_eq!(checked, Ok(()), "seed {seed}");
    }
}

/// A change of behaviour, wanted or not, changes these: `UPDATE=1 cargo test -p raddle-sim` writes
/// them anew.
#[test]
fn runs_come_to_what_they_came_to() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fingerprints.txt");
    let mut fresh = String::new();
    for seed in 0..20 {
        let outcome = case(seed).run(Mode::default()).map(|report| report.digest);
        let digest = outcome.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        let _ = writeln!(fresh, "{seed} {digest:016x}");
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &fresh).expect("the folder can be written");
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == fresh, "runs differ: look why, then run `UPDATE=1 cargo test -p raddle-sim`");
}
