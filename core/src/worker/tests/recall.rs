//! What the scheduler asks back.

use super::*;

fn recall(rig: &mut Rig, n: u64) -> Vec<Effect> {
    rig.hears(SchedulerToWorker::Recall { key: key(n), run: run(n) })
}

fn says(n: u64, returned: bool) -> Effect {
    let (key, run) = (key(n), run(n));
    Effect::ToScheduler(WorkerMessage::Recalled { key, run, returned })
}

#[test]
fn a_run_that_waits_is_given_back_and_never_begins() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.given(compute(2, []));
    assert_eq!(recall(&mut rig, 2), [says(2, true)]);
    assert_eq!(recall(&mut rig, 2), [], "it is gone");
    assert_eq!(rig.finishes(1), [says_finished(1)]);
}

#[test]
fn a_body_that_was_entered_stays_and_ends() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    assert_eq!(recall(&mut rig, 1), [says(1, false)]);
    assert_eq!(rig.finishes(1), [says_finished(1)]);
    assert_eq!(recall(&mut rig, 1), [], "its value is not asked for");
}

#[test]
fn an_announced_run_that_is_given_back_is_not_entered_when_its_words_have_left() {
    let mut rig = Rig::with_threads(1);
    rig.given(announced(1));
    assert_eq!(recall(&mut rig, 1), [says(1, true)]);
    assert_eq!(rig.event(Event::Flushed { run: run(1) }), []);
    assert!(rig.worker.is_empty());
}

#[test]
fn nothing_is_said_of_a_body_that_is_not_wanted_any_more() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    assert_eq!(rig.freed(1), [stops(1)]);
    assert_eq!(recall(&mut rig, 1), []);
}

#[test]
fn inputs_that_only_a_returned_run_needed_are_not_waited_for() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(9, []));
    rig.given(compute(1, []));
    rig.given(compute(2, [local(1)]));
    assert_eq!(recall(&mut rig, 2), [says(2, true)]);
    assert_eq!(recall(&mut rig, 1), [says(1, true)]);
    assert_eq!(rig.finishes(9), [says_finished(9)]);
    assert_eq!(rig.worker.next_deadline(), None);
}
