//! Copies for their own sake: fetched as inputs are, after these, and reported.

use super::*;

fn acquires(n: u64, holders: &[u32]) -> SchedulerToWorker {
    SchedulerToWorker::Acquire(held(n, holders))
}

#[test]
fn a_copy_is_fetched_and_reported_and_stays_until_it_is_freed() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.hears(acquires(1, &[2])), [gathers(2, &[1])]);
    assert_eq!(rig.gathered(2, got(&[1], &[])), [says_fetched(1)]);
    assert_eq!(rig.given(compute(5, [held(1, &[2])])), [executes(5, &[1])]);
    assert_eq!(rig.finishes(5), [says_finished(5)]);
    assert_eq!(rig.values(), [1, 5]);
    assert_eq!(rig.freed(1), [forgets(1)]);
}

#[test]
fn what_is_here_is_not_fetched_again() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(5, [held(1, &[2])]));
    assert_eq!(rig.hears(acquires(1, &[3])), []);
    assert_eq!(rig.gathered(2, got(&[1], &[])), [says_fetched(1), executes(5, &[1])]);
    assert_eq!(rig.hears(acquires(1, &[3])), []);
}

#[test]
fn inputs_of_runs_are_fetched_before_copies() {
    let mut rig = Rig::new(Config { max_gathers: 1, ..Config::default() });
    rig.given(compute(20, [held(1, &[1])]));
    assert_eq!(rig.hears(acquires(2, &[2])), []);
    assert_eq!(rig.given(compute(21, [held(3, &[3])])), []);
    assert_eq!(
        rig.gathered(1, got(&[1], &[])),
        [says_fetched(1), executes(20, &[1]), gathers(3, &[3])]
    );
    assert_eq!(rig.gathered(3, got(&[3], &[])), [says_fetched(3), gathers(2, &[2])]);
}

#[test]
fn who_cannot_get_a_copy_asks_who_else_has_it() {
    let mut rig = Rig::with_threads(1);
    rig.hears(acquires(1, &[2]));
    assert_eq!(rig.gathered(2, got(&[], &[1])), [asks_where(1)]);
    assert_eq!(rig.told_holders(1, &[3]), [gathers(3, &[1])]);
    assert_eq!(rig.gathered(3, got(&[1], &[])), [says_fetched(1)]);
}

#[test]
fn a_copy_that_is_freed_before_it_comes_is_not_kept() {
    let mut rig = Rig::with_threads(1);
    rig.hears(acquires(1, &[2]));
    rig.hears(acquires(4, &[2]));
    assert_eq!(rig.freed(1), []);
    assert_eq!(rig.freed(4), []);
    assert_eq!(rig.gathered(2, got(&[1], &[])), [forgets(1)]);
    assert!(rig.worker.is_empty());
    assert_eq!(rig.worker.next_deadline(), None);
}

#[test]
fn a_copy_that_is_freed_is_kept_for_a_run_that_needs_it() {
    let mut rig = Rig::with_threads(1);
    rig.hears(acquires(1, &[2]));
    assert_eq!(rig.given(compute(5, [held(1, &[2])])), []);
    assert_eq!(rig.freed(1), []);
    assert_eq!(rig.gathered(2, got(&[1], &[])), [says_fetched(1), executes(5, &[1])]);
}

#[test]
fn nothing_is_acquired_once_the_connection_is_lost() {
    let mut rig = Rig::with_threads(1);
    rig.hears(acquires(1, &[]));
    rig.hears(acquires(4, &[2]));
    assert_eq!(rig.event(Event::Disconnected), []);
    assert_eq!(rig.gathered(2, got(&[4], &[])), [forgets(4)]);
    assert!(rig.worker.is_empty());
}

#[test]
fn who_is_told_to_leave_says_goodbye_and_hears_no_more() {
    let mut rig = Rig::with_threads(1);
    let goodbye = says(WorkerMessage::Goodbye);
    assert_eq!(rig.hears(SchedulerToWorker::Leave), [goodbye, Effect::Leave]);
    assert_eq!(rig.given(compute(1, [])), []);
}
