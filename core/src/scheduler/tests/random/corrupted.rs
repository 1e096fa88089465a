//! Whatever is spoilt of one task is found, by either check.

use std::collections::BTreeMap;

use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::super::super::state::Corruption;
use super::*;

/// Plays looked at.
const PLAYS: usize = 60;

#[test]
fn what_is_corrupt_is_found_by_both_checks() {
    let mut found: BTreeMap<Corruption, usize> = BTreeMap::new();
    let mut runner = TestRunner::deterministic();
    for _ in 0..PLAYS {
        let plan = plan().new_tree(&mut runner).unwrap().current();
        let mut play = Play::new(&plan);
        plan.steps.iter().for_each(|step| play.step(step).unwrap());
        for corruption in Corruption::ALL {
            *found.entry(corruption).or_default() += spoil_each_task(&play.scheduler, corruption);
        }
    }
    assert!(found.values().all(|times| *times > 0), "{found:?}");
}

/// How many tasks could be spoilt.
fn spoil_each_task(scheduler: &Scheduler, corruption: Corruption) -> usize {
    let mut spoilt = 0;
    for id in scheduler.state.task_ids() {
        let mut scheduler = scheduler.clone();
        scheduler.state.begin_event(None);
        assert_eq!(scheduler.check_touched(), Ok(()));
        if scheduler.state.corrupt(corruption, id).is_some() {
            spoilt += 1;
            let task = scheduler.state.task(id);
            assert!(scheduler.check_touched().is_err(), "{corruption:?} of {task:?}");
            assert!(scheduler.check().is_err(), "{corruption:?} of {task:?}");
        }
    }
    spoilt
}
