//! Runs: what starts when, and what is said of how it ended.

use super::*;

#[test]
fn a_run_without_inputs_starts_at_once() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.given(compute(1, [])), [executes(1, &[])]);
    assert_eq!(rig.finishes(1), [says_finished(1)]);
    assert_eq!(rig.values(), [1]);
}

#[test]
fn runs_start_by_priority_when_slots_are_free() {
    let mut rig = Rig::with_threads(2);
    assert_eq!(rig.given(compute(5, [])), [executes(5, &[])]);
    assert_eq!(rig.given(compute(6, [])), [executes(6, &[])]);
    for n in [9, 7, 8] {
        assert_eq!(rig.given(compute(n, [])), []);
    }
    assert_eq!(rig.finishes(6), [says_finished(6), executes(7, &[])]);
    assert_eq!(rig.finishes(5), [says_finished(5), executes(8, &[])]);
}

#[test]
fn a_chain_given_whole_runs_without_asking() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.given(compute(1, [])), [executes(1, &[])]);
    assert_eq!(rig.given(compute(2, [local(1)])), []);
    assert_eq!(rig.given(compute(3, [local(2), local(1)])), []);
    assert_eq!(rig.finishes(1), [says_finished(1), executes(2, &[1])]);
    assert_eq!(rig.finishes(2), [says_finished(2), executes(3, &[2, 1])]);
}

#[test]
fn an_input_that_is_here_is_not_fetched() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.finishes(1);
    assert_eq!(rig.given(compute(2, [held(1, &[0, 3])])), [executes(2, &[1])]);
}

#[test]
fn an_input_named_twice_is_one_input() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    assert_eq!(rig.given(compute(2, [local(1), local(1)])), []);
    assert_eq!(rig.finishes(1), [says_finished(1), executes(2, &[1, 1])]);
}

#[test]
fn all_users_of_a_value_get_ready_together() {
    let mut rig = Rig::with_threads(2);
    rig.given(compute(1, []));
    for n in [2, 3, 4] {
        assert_eq!(rig.given(compute(n, [local(1)])), []);
    }
    assert_eq!(rig.finishes(1), [says_finished(1), executes(2, &[1]), executes(3, &[1])]);
}

#[test]
fn a_failure_is_reported_and_its_dependents_wait_to_be_freed() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.given(compute(2, [local(1)]));
    let event = Event::Executed { run: run(1), outcome: failed() };
    assert_eq!(rig.event(event), [says_failed(1)]);
    assert_eq!(rig.freed(2), []);
    assert!(rig.worker.is_empty());
}

#[test]
fn a_dependent_that_crosses_with_the_failure_of_its_input_waits_to_be_freed() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    let outcome = Outcome::Failed { blame: Some(key(9)), failure: failure() };
    let message =
        WorkerMessage::Failed { key: key(1), run: run(1), blame: Some(key(9)), failure: failure() };
    assert_eq!(rig.event(Event::Executed { run: run(1), outcome }), [says(message)]);
    assert_eq!(rig.given(compute(2, [local(1)])), []);
    assert_eq!(rig.freed(2), []);
    assert!(rig.worker.is_empty());
}

#[test]
fn an_announced_run_is_entered_when_its_announcement_has_left() {
    let mut rig = Rig::with_threads(1);
    assert_eq!(rig.given(announced(1)), [says_started(1), flushes(1)]);
    assert_eq!(rig.given(compute(2, [])), []);
    assert_eq!(rig.event(Event::Flushed { run: run(1) }), [executes(1, &[])]);
    assert_eq!(rig.finishes(1), [says_finished(1), executes(2, &[])]);
}

#[test]
fn announced_runs_go_one_at_a_time_and_others_pass_them() {
    let mut rig = Rig::with_threads(3);
    assert_eq!(rig.given(announced(1)), [says_started(1), flushes(1)]);
    assert_eq!(rig.given(announced(2)), []);
    assert_eq!(rig.given(compute(3, [])), [executes(3, &[])]);
    assert_eq!(rig.event(Event::Flushed { run: run(1) }), [executes(1, &[])]);
    assert_eq!(rig.finishes(3), [says_finished(3)]);
    assert_eq!(rig.finishes(1), [says_finished(1), says_started(2), flushes(2)]);
}

#[test]
fn an_announced_run_that_is_freed_meanwhile_is_not_entered() {
    let mut rig = Rig::with_threads(1);
    rig.given(announced(1));
    assert_eq!(rig.given(announced(2)), []);
    assert_eq!(rig.freed(1), [says_started(2), flushes(2)]);
    assert_eq!(rig.event(Event::Flushed { run: run(1) }), []);
    assert_eq!(rig.event(Event::Flushed { run: run(2) }), [executes(2, &[])]);
}

/// The spec of a task that may take 5 ms.
const LIMITED: SpecId = SpecId(9);

fn limited(rig: &mut Rig, n: u64) -> (Compute, Effect) {
    let mut spec = TaskSpec::clone(&spec(NATIVE));
    spec.options.timeout = Some(5_000_000);
    // Said once or more: it is the same.
    assert_eq!(rig.hears(SchedulerToWorker::Define { id: LIMITED, spec: spec.clone() }), []);
    let (inputs, spec) = (SmallVec::new(), Arc::new(spec));
    let body = Execute { key: key(n), run: run(n), attempt: 1, spec, inputs, args: blob(n) };
    (Compute { spec: LIMITED, ..compute(n, []) }, Effect::Execute(body))
}

#[test]
fn a_body_that_takes_too_long_has_failed_and_keeps_its_slot_until_it_ends() {
    let mut rig = Rig::with_threads(1);
    let (given, body) = limited(&mut rig, 1);
    assert_eq!(rig.given(given), [body]);
    assert_eq!(rig.given(compute(2, [])), []);
    let over = [says_failed(1), stops(1)];
    assert_eq!(rig.waits(Duration::from_millis(5), Timer::Limit(run(1))), over);
    assert_eq!(rig.worker.next_deadline(), None);
    assert_eq!(rig.finishes(1), [forgets(1), executes(2, &[])]);
}

#[test]
fn a_body_that_ends_in_time_has_no_limit_any_more() {
    let mut rig = Rig::with_threads(1);
    for end in [Rig::finishes, Rig::freed] {
        let (given, body) = limited(&mut rig, 1);
        assert_eq!(rig.given(given), [body]);
        end(&mut rig, 1);
        assert_eq!(rig.worker.next_deadline(), None);
        rig.freed(1);
    }
}
