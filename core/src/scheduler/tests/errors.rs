//! Failures of tasks: retries, blame, and what depends on them.

use super::*;

#[test]
fn a_failure_is_told_with_the_worker_and_the_attempts() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let failure = broke("tcp://w1:1", 1);
    assert_eq!(cluster.fail(1, 1, 1), vec![tells(ANN, erred(1, 1, &failure))]);
}

#[test]
fn a_retry_is_a_new_run_and_only_the_last_failure_is_told() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(RETRIED, 1, &[])]);
    let again = Compute { spec: RETRIED, ..run_of(1, 2, &[]) };
    assert_eq!(cluster.fail(1, 1, 1), vec![compute(1, again)]);
    let failure = broke("tcp://w1:1", 2);
    assert_eq!(cluster.fail(1, 1, 2), vec![tells(ANN, erred(1, 1, &failure))]);
}

#[test]
fn dependents_fail_with_the_error_and_the_blame_of_the_root() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    cluster.borrow(&[2], &[task(3, &[2])]);
    let failure = broke("tcp://w1:1", 1);
    let all = vec![
        tells(ANN, erred(1, 1, &failure)),
        tells(ANN, erred(2, 1, &failure)),
        tells(BOB, erred(3, 1, &failure)),
    ];
    assert_eq!(cluster.fail(1, 1, 1), all);
}

#[test]
fn what_depends_on_a_failed_task_fails_at_once() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.fail(1, 1, 1);
    let failure = broke("tcp://w1:1", 1);
    let out = cluster.borrow(&[1], &[task(2, &[1]), task(3, &[2])]);
    assert_eq!(out, vec![tells(BOB, erred(2, 1, &failure)), tells(BOB, erred(3, 1, &failure))]);
}

#[test]
fn inputs_of_a_failed_task_are_freed() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    cluster.release(ANN, &[1]);
    cluster.finish(1, 1, 1);
    let failure = broke("tcp://w1:1", 1);
    let out = cluster.fail(1, 2, 2);
    assert_eq!(out, vec![tells(ANN, erred(2, 2, &failure)), free(1, 1, 1)]);
}

#[test]
fn other_inputs_of_a_dependent_that_fails_are_called_off() {
    let mut cluster = Cluster::of(&[2]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[1, 2])]);
    cluster.release(ANN, &[1, 2]);
    let failure = broke("tcp://w1:1", 1);
    let out = cluster.fail(1, 1, 1);
    assert_eq!(out, vec![tells(ANN, erred(3, 1, &failure)), free(1, 2, 2)]);
}

#[test]
fn an_error_that_a_run_passes_on_keeps_its_root_and_takes_no_retry() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(RETRIED, 1, &[])]);
    let (key, run, failure) = (key(1), run_id(1), broke("tcp://elsewhere:1", 4));
    let blame = Some(super::key(50));
    let passed_on = WorkerMessage::Failed { key, run, blame, failure: Arc::clone(&failure) };
    assert_eq!(cluster.reports(1, passed_on), vec![tells(ANN, erred(1, 50, &failure))]);
}

#[test]
fn failures_that_are_not_of_a_body_are_told_as_they_are() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let failure =
        Arc::new(Failure::Decode { expected: "u64".to_owned(), found: "String".to_owned() });
    let (key, run) = (key(1), run_id(1));
    let message = WorkerMessage::Failed { key, run, blame: None, failure: Arc::clone(&failure) };
    assert_eq!(cluster.reports(1, message), vec![tells(ANN, erred(1, 1, &failure))]);
}

#[test]
fn an_error_is_told_again_to_whoever_asks() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.fail(1, 1, 1);
    let failure = broke("tcp://w1:1", 1);
    assert_eq!(cluster.submit(BOB, &[task(1, &[])]), vec![tells(BOB, erred(1, 1, &failure))]);
    assert_eq!(cluster.locate(ANN, 1, None), vec![tells(ANN, erred(1, 1, &failure))]);
}

#[test]
fn an_error_is_forgotten_when_it_is_released_by_all() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    cluster.fail(1, 1, 1);
    assert_eq!(cluster.release(ANN, &[1]), vec![], "the dependent that failed with it knows it");
    let failure = broke("tcp://w1:1", 1);
    assert_eq!(cluster.submit(ANN, &[task(1, &[])]), vec![tells(ANN, erred(1, 1, &failure))]);
    assert_eq!(cluster.release(ANN, &[1, 2]), vec![]);
    assert_eq!(cluster.scheduler.tasks(), 0);
    assert_eq!(cluster.submit(ANN, &[task(1, &[])]), vec![compute(1, run_of(1, 2, &[]))]);
}
