//! Values that do not come: other holders, back-off, and the scheduler's help.

use super::*;

const FIRST: Duration = Duration::from_millis(100);
const BUSY: Duration = Duration::from_millis(150);

#[test]
fn a_busy_peer_is_left_alone_for_a_while() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(7, [held(1, &[1])]));
    assert_eq!(rig.gathered(1, GatherOutcome::Busy), []);
    assert_eq!(rig.given(compute(8, [held(2, &[1])])), []);
    assert_eq!(rig.waits(BUSY, Timer::Busy(WorkerId(1))), [gathers(1, &[1, 2])]);
}

#[test]
fn what_a_busy_peer_holds_is_asked_of_others_at_once() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(7, [held(1, &[1, 2])]));
    assert_eq!(rig.gathered(1, GatherOutcome::Busy), [gathers(2, &[1])]);
}

#[test]
fn what_nobody_wants_any_more_is_not_asked_again() {
    for outcome in [GatherOutcome::Busy, GatherOutcome::Failed, got(&[], &[1])] {
        let mut rig = Rig::with_threads(1);
        rig.given(compute(7, [held(1, &[1, 2])]));
        rig.freed(7);
        assert_eq!(rig.gathered(1, outcome), []);
        assert!(rig.worker.is_empty());
    }
}

#[test]
fn a_peer_that_lacks_a_value_is_no_holder_of_it() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.given(compute(7, [held(1, &[1, 2]), held(3, &[1, 2])])), [gathers(1, &[1, 3])]);
    assert_eq!(rig.gathered(1, got(&[3], &[1])), [says_fetched(3), gathers(2, &[1])]);
    assert_eq!(rig.gathered(2, got(&[], &[1])), [asks_where(1)]);
}

#[test]
fn a_failed_peer_is_put_aside_for_what_it_was_asked_and_only_that() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.given(compute(7, [held(1, &[1, 2])])), [gathers(1, &[1])]);
    assert_eq!(rig.given(compute(8, [held(3, &[1])])), []);
    assert_eq!(rig.gathered(1, GatherOutcome::Failed), [gathers(2, &[1]), gathers(1, &[3])]);
}

#[test]
fn when_every_holder_has_failed_the_scheduler_is_asked() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.given(compute(7, [held(1, &[1, 2])])), [gathers(1, &[1])]);
    assert_eq!(rig.gathered(1, GatherOutcome::Failed), [gathers(2, &[1])]);
    assert_eq!(rig.gathered(2, GatherOutcome::Failed), [asks_where(1)]);
}

#[test]
fn a_failed_peer_is_tried_again_with_doubling_pauses() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(7, [held(1, &[1])]));
    assert_eq!(rig.gathered(1, GatherOutcome::Failed), [asks_where(1)]);
    for millis in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
        let pause = Duration::from_millis(millis);
        assert_eq!(rig.waits(pause, Timer::Locate(run(1))), [asks_where(1), gathers(1, &[1])]);
        assert_eq!(rig.gathered(1, GatherOutcome::Failed), []);
    }
}

#[test]
fn a_holder_that_is_named_again_stays_aside() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(7, [held(1, &[1])]));
    assert_eq!(rig.gathered(1, GatherOutcome::Failed), [asks_where(1)]);
    rig.now = rig.now + FIRST / 2;
    assert_eq!(rig.told_holders(1, &[1]), []);
    assert_eq!(rig.given(compute(8, [held(1, &[1])])), []);
    assert_eq!(rig.waits(FIRST / 2, Timer::Locate(run(1))), [asks_where(1), gathers(1, &[1])]);
}

#[test]
fn the_scheduler_is_asked_with_doubling_pauses_up_to_the_longest() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.given(compute(7, [held(1, &[0])])), [asks_where(1)]);
    assert_eq!(rig.told_holders(1, &[]), []);
    for millis in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
        let pause = Duration::from_millis(millis);
        assert_eq!(rig.waits(pause, Timer::Locate(run(1))), [asks_where(1)]);
    }
    assert_eq!(rig.freed(7), []);
    assert_eq!(rig.worker.next_deadline(), None);
}

#[test]
fn holders_that_are_strangers_or_this_worker_are_ignored() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(7, [held(1, &[0])]));
    assert_eq!(rig.told_holders(1, &[0, 99]), []);
    assert_eq!(rig.told_holders(1, &[0, 99, 3]), [gathers(3, &[1])]);
}

#[test]
fn a_holder_that_is_named_again_and_lacks_it_again_is_not_asked_in_a_loop() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(7, [held(1, &[1])]));
    assert_eq!(rig.gathered(1, got(&[], &[1])), [asks_where(1)]);
    assert_eq!(rig.told_holders(1, &[1]), [gathers(1, &[1])]);
    assert_eq!(rig.gathered(1, got(&[], &[1])), []);
    assert_eq!(rig.waits(FIRST, Timer::Locate(run(1))), [asks_where(1)]);
}

#[test]
fn holders_of_what_is_here_or_unknown_are_no_news() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    assert_eq!(rig.told_holders(1, &[1]), []);
    rig.given(compute(2, [local(1)]));
    assert_eq!(rig.told_holders(1, &[1]), []);
    rig.finishes(1);
    assert_eq!(rig.told_holders(1, &[1]), []);
    assert_eq!(rig.told_holders(9, &[1]), []);
}

#[test]
fn new_holders_are_asked_while_old_ones_are_aside() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(7, [held(1, &[1])]));
    rig.gathered(1, GatherOutcome::Failed);
    assert_eq!(rig.told_holders(1, &[1, 2]), [gathers(2, &[1])]);
    assert_eq!(rig.gathered(2, got(&[1], &[])), [says_fetched(1), executes(7, &[1])]);
    assert_eq!(rig.worker.next_deadline(), None);
}

#[test]
fn a_new_run_brings_new_holders() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(7, [held(1, &[0])]));
    assert_eq!(rig.given(compute(8, [held(1, &[4])])), [gathers(4, &[1])]);
}
