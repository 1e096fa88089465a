//! Reports that come late, twice or about another run: they change nothing.

use super::*;

#[test]
fn a_value_of_a_run_that_was_called_off_is_freed() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.release(ANN, &[1]);
    assert_eq!(cluster.finish(1, 1, 1), vec![free(1, 1, 1)]);
}

#[test]
fn a_value_of_an_older_run_is_freed_and_the_current_one_goes_on() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.release(ANN, &[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.finish(1, 1, 1), vec![free(1, 1, 1)]);
    let out = cluster.finish(1, 1, 2);
    assert_eq!(out, vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 2, 1))]);
    assert_eq!(cluster.finish(1, 1, 1), vec![free(1, 1, 1)], "the value of run 2 stays");
}

#[test]
fn a_finish_that_is_told_twice_counts_once() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(cluster.finish(1, 1, 1), vec![]);
    assert_eq!(cluster.fetch(1, 1, 1), vec![]);
    assert_eq!(cluster.release(ANN, &[1]), vec![free(1, 1, 1)]);
}

#[test]
fn a_failure_of_an_older_run_is_ignored() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.release(ANN, &[1]);
    assert_eq!(cluster.fail(1, 1, 1), vec![]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.fail(1, 1, 1), vec![]);
    cluster.finish(1, 1, 2);
    assert_eq!(cluster.fail(1, 1, 2), vec![], "it is done");
}

#[test]
fn a_start_of_an_older_run_is_ignored() {
    let mut cluster = Cluster::of(&[1, 1, 1]);
    cluster.submit(ANN, &[task_of(FRAGILE, 1, &[])]);
    cluster.drop_worker(1);
    assert_eq!(cluster.start(2, 1, 1), vec![]);
    let out = cluster.drop_worker(2);
    let again = Compute { spec: FRAGILE, announce: true, ..run_of(1, 3, &[]) };
    assert_eq!(out, vec![define(3, FRAGILE), compute(3, again)]);
}

#[test]
fn a_copy_of_an_older_value_is_freed() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    cluster.release(ANN, &[1]);
    assert_eq!(cluster.fetch(2, 1, 1), vec![free(2, 1, 1)]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 2);
    assert_eq!(cluster.fetch(2, 1, 1), vec![free(2, 1, 1)]);
}

#[test]
fn a_run_that_has_ended_submits_nothing() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    let tasks = vec![task(2, &[])];
    let late = ClientMessage::Submit { submission: 1, tasks };
    assert_eq!(cluster.run_says(1, 1, 1, late), vec![]);
    assert_eq!(cluster.scheduler.tasks(), 1);
}

#[test]
fn late_reports_of_a_task_that_no_worker_may_run_any_more_change_nothing() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task_of(ONLY_W2, 1, &[])]);
    cluster.drop_worker(2);
    assert_eq!(cluster.scheduler.count(Kind::NoWorker), 1);
    assert_eq!(cluster.finish(1, 1, 1), vec![free(1, 1, 1)]);
    assert_eq!(cluster.fetch(1, 1, 1), vec![free(1, 1, 1)]);
    assert_eq!(cluster.fail(1, 1, 1), vec![]);
    assert_eq!(cluster.start(1, 1, 1), vec![]);
    assert_eq!(cluster.run_says(1, 1, 1, ClientMessage::Goodbye), vec![]);
    let (key, run, workers) = (key(1), run_id(1), smallvec::smallvec![]);
    let nowhere = SchedulerToWorker::Holders { key, run, workers };
    assert_eq!(cluster.reports(1, WorkerMessage::Locate { key, run }), vec![told(1, nowhere)]);
}
