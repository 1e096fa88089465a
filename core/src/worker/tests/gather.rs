//! Values held by peers: who is asked, for what, for how much.

use super::*;

#[test]
fn an_input_held_by_a_peer_is_fetched_and_reported() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.given(compute(5, [held(1, &[2])])), [gathers(2, &[1])]);
    assert_eq!(rig.gathered(2, got(&[1], &[])), [says_fetched(1), executes(5, &[1])]);
    assert_eq!(rig.worker.values().collect::<Vec<_>>(), [(item(1), 100)]);
}

#[test]
fn a_worker_never_asks_itself() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.given(compute(5, [held(1, &[0, 2])])), [gathers(2, &[1])]);
    assert_eq!(rig.given(compute(6, [held(3, &[0])])), [asks_where(3)]);
}

#[test]
fn a_peer_is_asked_once_at_a_time_and_then_for_all_that_came_up() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.given(compute(11, [held(1, &[2])])), [gathers(2, &[1])]);
    assert_eq!(rig.given(compute(13, [held(3, &[2])])), []);
    assert_eq!(rig.given(compute(12, [held(2, &[2])])), []);
    assert_eq!(
        rig.gathered(2, got(&[1], &[])),
        [says_fetched(1), executes(11, &[1]), gathers(2, &[2, 3])]
    );
}

#[test]
fn one_value_for_many_runs_is_asked_for_once() {
    let mut rig = Rig::with_threads(2);
    assert_eq!(rig.given(compute(11, [held(1, &[2])])), [gathers(2, &[1])]);
    assert_eq!(rig.given(compute(12, [held(1, &[2, 3])])), []);
    assert_eq!(
        rig.gathered(2, got(&[1], &[])),
        [says_fetched(1), executes(11, &[1]), executes(12, &[1])]
    );
}

#[test]
fn data_of_more_urgent_runs_are_asked_for_first() {
    let mut rig = Rig::new(Config { max_gathers: 1, ..Config::default() });
    assert_eq!(rig.given(compute(20, [held(1, &[1])])), [gathers(1, &[1])]);
    rig.given(compute(23, [held(2, &[2])]));
    rig.given(compute(22, [held(3, &[3])]));
    rig.given(compute(21, [held(2, &[2])]));
    assert_eq!(
        rig.gathered(1, got(&[1], &[])),
        [says_fetched(1), executes(20, &[1]), gathers(2, &[2])]
    );
    assert_eq!(rig.gathered(2, got(&[2], &[])), [says_fetched(2), gathers(3, &[3])]);
}

#[test]
fn urgency_falls_when_the_urgent_run_goes() {
    let mut rig = Rig::new(Config { max_gathers: 1, ..Config::default() });
    rig.given(compute(20, [held(1, &[1])]));
    rig.given(compute(23, [held(2, &[2])]));
    rig.given(compute(22, [held(3, &[3])]));
    rig.given(compute(21, [held(2, &[2])]));
    rig.freed(21);
    assert_eq!(
        rig.gathered(1, got(&[1], &[])),
        [says_fetched(1), executes(20, &[1]), gathers(3, &[3])]
    );
}

#[test]
fn no_more_peers_are_asked_at_a_time_than_allowed() {
    let mut rig = Rig::new(Config { max_gathers: 2, ..Config::default() });
    let inputs = [held(1, &[1]), held(2, &[2]), held(3, &[3])];
    assert_eq!(rig.given(compute(9, inputs)), [gathers(1, &[1]), gathers(2, &[2])]);
    assert_eq!(rig.gathered(2, got(&[2], &[])), [says_fetched(2), gathers(3, &[3])]);
}

#[test]
fn a_question_is_as_large_as_a_message_but_for_its_first_value() {
    let mut rig = Rig::new(Config { message_bytes: 1000, ..Config::default() });
    let inputs =
        [sized(1, 5000, &[1]), sized(2, 600, &[1]), sized(3, 400, &[1]), sized(4, 1, &[1])];
    assert_eq!(rig.given(compute(9, inputs)), [gathers_bytes(1, &[1], 5000)]);
    assert_eq!(rig.gathered(1, got(&[1], &[])), [says_fetched(1), gathers_bytes(1, &[2, 3], 1000)]);
    assert_eq!(
        rig.gathered(1, got(&[2, 3], &[])),
        [says_fetched(2), says_fetched(3), gathers_bytes(1, &[4], 1)]
    );
}

#[test]
fn what_is_on_its_way_stays_within_the_budget_but_for_a_single_value() {
    let mut rig = Rig::new(Config { incoming_bytes: 1000, ..Config::default() });
    assert_eq!(rig.given(compute(7, [sized(1, 5000, &[1])])), [gathers_bytes(1, &[1], 5000)]);
    assert_eq!(rig.given(compute(8, [sized(2, 600, &[2]), sized(3, 600, &[3])])), []);
    assert_eq!(
        rig.gathered(1, got(&[1], &[])),
        [says_fetched(1), executes(7, &[1]), gathers_bytes(2, &[2], 600)]
    );
    assert_eq!(rig.gathered(2, got(&[2], &[])), [says_fetched(2), gathers_bytes(3, &[3], 600)]);
}

#[test]
fn a_value_of_unknown_size_counts_as_a_kibibyte() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.given(compute(7, [sized(1, 0, &[1])])), [gathers_bytes(1, &[1], 1024)]);
}

#[test]
fn a_value_that_is_not_wanted_any_more_when_it_comes_is_forgotten() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(7, [held(1, &[1])]));
    assert_eq!(rig.freed(7), []);
    assert_eq!(rig.gathered(1, got(&[1], &[])), [forgets(1)]);
    assert!(rig.worker.is_empty());
}

#[test]
fn a_value_that_is_wanted_again_while_it_comes_is_kept() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(7, [held(1, &[1])]));
    rig.freed(7);
    assert_eq!(rig.given(compute(8, [held(1, &[1])])), []);
    assert_eq!(rig.gathered(1, got(&[1], &[])), [says_fetched(1), executes(8, &[1])]);
}

#[test]
fn what_is_wanted_and_not_asked_for_goes_with_the_last_run_that_needs_it() {
    let mut rig = Rig::new(Config { max_gathers: 1, ..Config::default() });
    rig.given(compute(6, [held(1, &[1])]));
    rig.given(compute(7, [held(2, &[2])]));
    rig.given(compute(8, [held(2, &[2])]));
    assert_eq!(rig.freed(7), []);
    assert_eq!(rig.freed(8), []);
    assert_eq!(rig.gathered(1, got(&[1], &[])), [says_fetched(1), executes(6, &[1])]);
}
