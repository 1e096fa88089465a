//! Whatever is spoilt of one run or datum is found, by either check.

use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::worker::state::Corruption;

#[test]
fn what_is_corrupt_is_found_by_both_checks() {
    let mut found: BTreeMap<Corruption, usize> = BTreeMap::new();
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 20..60);
    for _ in 0..60 {
        let mut driver = Driver::new();
        steps.new_tree(&mut runner).unwrap().current().into_iter().for_each(|s| driver.take(s));
        for corruption in Corruption::ALL {
            *found.entry(corruption).or_default() += spoil_each(&driver.rig.worker, corruption);
        }
    }
    assert!(found.values().all(|times| *times > 0), "{found:?}");
}

/// How many runs and data could be spoilt.
fn spoil_each(worker: &Worker, corruption: Corruption) -> usize {
    let mut spoilt = 0;
    for id in worker.state.ids() {
        let mut worker = worker.clone();
        worker.state.begin_event();
        if worker.state.corrupt(corruption, id).is_some() {
            spoilt += 1;
            assert!(worker.check_touched().is_err(), "{corruption:?} of {id}");
            assert!(worker.check().is_err(), "{corruption:?} of {id}");
        }
    }
    spoilt
}
