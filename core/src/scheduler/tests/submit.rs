//! Submissions: who gets what, and what becomes of keys that are known already.

use super::*;

#[test]
fn a_task_goes_to_the_least_loaded_worker_which_is_told_its_spec_first() {
    let mut cluster = Cluster::of(&[1, 1]);
    let first = cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(first, vec![define(1, PLAIN), compute(1, run_of(1, 1, &[]))]);
    let second = cluster.submit(ANN, &[task(2, &[])]);
    assert_eq!(second, vec![define(2, PLAIN), compute(2, run_of(2, 2, &[]))]);
}

#[test]
fn a_spec_is_defined_once_to_each_worker() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let out = cluster.submit(ANN, &[task(2, &[])]);
    assert_eq!(out, vec![compute(1, run_of(2, 2, &[]))]);
}

#[test]
fn a_task_for_which_no_worker_has_room_waits_for_its_turn() {
    let mut cluster = Cluster::of(&[1]);
    let out = cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[])]);
    let begun =
        vec![define(1, PLAIN), compute(1, run_of(1, 1, &[])), compute(1, run_of(2, 2, &[]))];
    assert_eq!(out, begun);
    let next = vec![
        tells(ANN, introduced(1)),
        tells(ANN, in_memory(1, 1, 1)),
        compute(1, run_of(3, 3, &[])),
    ];
    assert_eq!(cluster.finish(1, 1, 1), next);
}

#[test]
fn a_worker_that_joins_is_given_what_waits() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[])]);
    let out = cluster.join(2, 1);
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(2) };
    assert_eq!(out, vec![told(2, welcome), define(2, PLAIN), compute(2, run_of(3, 3, &[]))]);
}

#[test]
fn a_dependent_waits_for_its_inputs_and_is_told_who_holds_them() {
    let mut cluster = Cluster::of(&[1, 1]);
    let out = cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[1, 2])]);
    let begun = vec![
        define(1, PLAIN),
        compute(1, run_of(1, 1, &[])),
        define(2, PLAIN),
        compute(2, run_of(2, 2, &[])),
    ];
    assert_eq!(out, begun);
    let out = cluster.finish(1, 1, 1);
    assert_eq!(out, vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))]);
    let ready = vec![
        tells(ANN, introduced(2)),
        tells(ANN, in_memory(2, 2, 2)),
        peer(1, 2),
        compute(1, run_of(3, 3, &[input(1, 1, &[1]), input(2, 2, &[2])])),
    ];
    assert_eq!(cluster.finish(2, 2, 2), ready);
    let out = cluster.submit(ANN, &[task(4, &[2])]);
    let known = vec![compute(2, run_of(4, 4, &[input(2, 2, &[2])]))];
    assert_eq!(out, known, "it goes where its input is");
}

#[test]
fn an_input_that_is_named_twice_is_sent_twice() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1, 1])]);
    let out = cluster.finish(1, 1, 1);
    let twice = run_of(2, 2, &[input(1, 1, &[1]), input(1, 1, &[1])]);
    let ready = vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1)), compute(1, twice)];
    assert_eq!(out, ready);
}

#[test]
fn the_same_recipe_from_another_client_is_computed_once_for_both() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.submit(BOB, &[task(1, &[])]), vec![]);
    let both = vec![
        tells(ANN, introduced(1)),
        tells(ANN, in_memory(1, 1, 1)),
        tells(BOB, introduced(1)),
        tells(BOB, in_memory(1, 1, 1)),
    ];
    assert_eq!(cluster.finish(1, 1, 1), both);
}

#[test]
fn a_key_that_is_done_is_told_at_once() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    let out = cluster.submit(BOB, &[task(1, &[])]);
    assert_eq!(out, vec![tells(BOB, introduced(1)), tells(BOB, in_memory(1, 1, 1))]);
}

#[test]
fn another_recipe_for_a_known_key_is_rejected_and_the_first_goes_on() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    let rejected = |key: u64| {
        let reason = format!(
            "the key 1-{key} already names another task: use another key, or release the first one"
        );
        tells(BOB, erred(key, key, &Arc::new(Failure::Rejected { reason })))
    };
    let args = NewTask { args: Blob::new(), ..task(1, &[]) };
    assert_eq!(cluster.submit(BOB, &[args]), vec![rejected(1)]);
    assert_eq!(cluster.submit(BOB, &[task_of(UNHEARD, 1, &[])]), vec![rejected(1)]);
    assert_eq!(cluster.submit(BOB, &[task(2, &[1])]), vec![rejected(2)]);
    let out = cluster.finish(1, 1, 1);
    assert_eq!(out, vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))]);
}

#[test]
fn an_unknown_dependency_fails_the_task_and_its_dependents_and_is_to_blame() {
    let mut cluster = Cluster::of(&[1]);
    let out = cluster.submit(ANN, &[task(1, &[99]), task(2, &[1])]);
    let failure = lost("it depends on 1-99, which is not known, or is no more");
    assert_eq!(out, vec![tells(ANN, erred(1, 99, &failure)), tells(ANN, erred(2, 99, &failure))]);
}

#[test]
fn a_task_that_depends_on_itself_depends_on_what_is_not_known() {
    let mut cluster = Cluster::of(&[1]);
    let failure = lost("it depends on 1-1, which is not known, or is no more");
    assert_eq!(cluster.submit(ANN, &[task(1, &[1])]), vec![tells(ANN, erred(1, 1, &failure))]);
}

#[test]
fn a_value_that_was_freed_is_computed_again_for_a_new_dependent() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    cluster.release(ANN, &[1]);
    cluster.finish(1, 1, 1);
    cluster.finish(1, 2, 2);
    assert_eq!(cluster.submit(ANN, &[task(3, &[1])]), vec![compute(1, run_of(1, 3, &[]))]);
    let out = cluster.finish(1, 1, 3);
    assert_eq!(out, vec![compute(1, run_of(3, 4, &[input(1, 3, &[1])]))]);
}

#[test]
fn a_value_that_was_freed_is_computed_again_when_it_is_wanted_again() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    cluster.release(ANN, &[1]);
    cluster.finish(1, 1, 1);
    cluster.finish(1, 2, 2);
    assert_eq!(cluster.submit(ANN, &[task(1, &[])]), vec![compute(1, run_of(1, 3, &[]))]);
    assert_eq!(cluster.finish(1, 1, 3), vec![tells(ANN, in_memory(1, 3, 1))]);
}

#[test]
fn the_same_recipe_with_other_options_is_the_same_task_and_the_first_decides() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.submit(BOB, &[task_of(RETRIED, 1, &[])]), vec![]);
    let failure = broke("tcp://w1:1", 1);
    let both = vec![tells(ANN, erred(1, 1, &failure)), tells(BOB, erred(1, 1, &failure))];
    assert_eq!(cluster.fail(1, 1, 1), both);
}

#[test]
fn a_client_that_wants_too_much_is_refused_more_and_others_are_not() {
    let config = Config { max_client_tasks: 2, ..Config::default() };
    let mut cluster = Cluster::with(config, &[]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    let refused = |number| {
        let reason = "its client wants 2 tasks, as many as it may: drop futures before it submits \
                      more";
        tells(
            ANN,
            erred(number, number, &Arc::new(Failure::Rejected { reason: reason.to_owned() })),
        )
    };
    let text = "client `client` wants 2 tasks, as many as it may: further ones are rejected";
    let warning = Effect::Warn { text: text.to_owned() };
    assert_eq!(cluster.submit(ANN, &[task(3, &[])]), vec![warning, refused(3)]);
    assert_eq!(cluster.submit(ANN, &[task(4, &[])]), vec![refused(4)], "it was said");
    assert_eq!(cluster.submit(ANN, &[task(2, &[])]), vec![], "it wants that already");
    assert_eq!(cluster.submit(BOB, &[task(3, &[])]), vec![]);
    cluster.release(ANN, &[1]);
    assert_eq!(cluster.submit(ANN, &[task(4, &[])]), vec![]);
}
