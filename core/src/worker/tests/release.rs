//! What is freed, in any state and any order, and what a broken connection leaves.

use super::*;

#[test]
fn freeing_what_is_unknown_does_nothing() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.freed(1), []);
    rig.given(compute(1, []));
    rig.finishes(1);
    assert_eq!(rig.freed(1), [forgets(1)]);
    assert_eq!(rig.freed(1), []);
    assert!(rig.worker.is_empty());
}

#[test]
fn a_run_that_is_freed_before_it_starts_is_gone() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.given(compute(2, []));
    rig.given(compute(3, [local(1)]));
    assert_eq!(rig.freed(2), []);
    assert_eq!(rig.freed(3), []);
    assert_eq!(rig.finishes(1), [says_finished(1)]);
}

#[test]
fn a_body_that_is_freed_is_told_once_and_keeps_its_slot_until_it_ends() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.given(compute(2, []));
    assert_eq!(rig.freed(1), [stops(1)]);
    assert_eq!(rig.freed(1), []);
    assert_eq!(rig.finishes(1), [forgets(1), executes(2, &[])]);
    assert_eq!(rig.freed(2), [stops(2)]);
    assert_eq!(rig.event(Event::Executed { run: run(2), outcome: failed() }), []);
    assert!(rig.worker.is_empty());
}

#[test]
fn a_graph_is_freed_in_either_order() {
    for order in [[1, 2, 3], [3, 2, 1], [2, 1, 3]] {
        let mut rig = Rig::with_threads(1);
        rig.given(compute(9, []));
        rig.given(compute(1, []));
        rig.given(compute(2, [local(1)]));
        rig.given(compute(3, [local(1), local(2)]));
        for n in order {
            assert_eq!(rig.freed(n), [], "{order:?}");
        }
        assert_eq!(rig.finishes(9), [says_finished(9)]);
        assert_eq!(rig.worker.next_deadline(), None);
    }
}

#[test]
fn a_run_whose_input_is_freed_waits_again_and_asks_after_a_pause() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.finishes(1);
    rig.given(compute(2, []));
    assert_eq!(rig.given(compute(3, [local(1)])), []);
    assert_eq!(rig.given(compute(4, [local(1), local(2)])), []);
    assert_eq!(rig.freed(1), [forgets(1)]);
    assert_eq!(rig.finishes(2), [says_finished(2)]);
    assert_eq!(rig.waits(Duration::from_millis(100), Timer::Locate(run(1))), [asks_where(1)]);
    let gather = gathers_bytes(2, &[1], 8);
    assert_eq!(rig.told_holders(1, &[2]), [gather]);
    assert_eq!(rig.gathered(2, got(&[1], &[])), [says_fetched(1), executes(3, &[1])]);
    assert_eq!(rig.finishes(3), [says_finished(3), executes(4, &[1, 2])]);
}

#[test]
fn an_announced_run_whose_input_is_freed_is_announced_again() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.finishes(1);
    let run_2 = Compute { announce: true, ..compute(2, [local(1)]) };
    assert_eq!(rig.given(run_2), [says_started(2), flushes(2)]);
    assert_eq!(rig.freed(1), [forgets(1)]);
    assert_eq!(rig.event(Event::Flushed { run: run(2) }), []);
    rig.told_holders(1, &[2]);
    assert_eq!(rig.gathered(2, got(&[1], &[])), [says_fetched(1), says_started(2), flushes(2)]);
    assert_eq!(rig.event(Event::Flushed { run: run(2) }), [executes(2, &[1])]);
}

#[test]
fn a_body_keeps_the_inputs_that_are_freed_while_it_runs() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.finishes(1);
    assert_eq!(rig.given(compute(2, [local(1)])), [executes(2, &[1])]);
    assert_eq!(rig.freed(1), [forgets(1)]);
    assert_eq!(rig.finishes(2), [says_finished(2)]);
}

#[test]
fn what_a_freed_body_makes_is_not_fetched_as_well() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.given(compute(2, [local(1)]));
    assert_eq!(rig.freed(1), [stops(1)]);
    assert_eq!(rig.told_holders(1, &[2]), []);
    assert_eq!(rig.given(compute(3, [held(1, &[2])])), []);
    assert_eq!(rig.finishes(1), [forgets(1)]);
    assert_eq!(rig.told_holders(1, &[2]), [gathers_bytes(2, &[1], 1024)]);
}

#[test]
fn a_broken_connection_empties_the_worker_but_for_what_cannot_be_stopped() {
    let mut rig = Rig::with_threads(2);
    rig.given(compute(1, []));
    rig.finishes(1);
    rig.given(compute(2, []));
    rig.given(announced(3));
    rig.given(compute(4, []));
    rig.given(compute(5, [local(4), held(8, &[2]), held(9, &[0])]));
    rig.given(scattered(6));
    assert_eq!(rig.event(Event::Disconnected), [stops(2), forgets(1)]);
    assert_eq!(rig.worker.runs().collect::<Vec<_>>(), [item(2)]);
    assert_eq!(rig.worker.next_deadline(), None);
    assert_eq!(rig.event(Event::Flushed { run: run(3) }), []);
    assert_eq!(rig.event(Event::Disconnected), []);

    rig.register();
    assert_eq!(rig.given(compute(11, [])), [executes(11, &[])]);
    assert_eq!(rig.given(compute(12, [])), []);
    assert_eq!(rig.finishes(2), [forgets(2), executes(12, &[])]);
    assert_eq!(rig.given(compute(13, [held(10, &[2])])), []);
    assert_eq!(rig.gathered(2, got(&[8], &[])), [forgets(8), gathers(2, &[10])]);
}
