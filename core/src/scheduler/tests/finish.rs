//! Values: who is told, who goes next, and what is freed.

use super::*;

#[test]
fn a_small_value_is_told_with_the_news() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let small = SmallValue { bytes: Blob::from(&[7][..]), ..SmallValue::default() };
    let (key, run, value) = (key(1), run_id(1), Some(small));
    let news = WorkerMessage::Finished { key, run, nbytes: 1, duration: 5, value: value.clone() };
    let message = SchedulerToClient::InMemory { key, run, nbytes: 1, worker: WorkerId(1), value };
    let out = cluster.reports(1, news);
    assert_eq!(out, vec![tells(ANN, introduced(1)), tells(ANN, message)]);
}

#[test]
fn a_client_is_told_where_a_worker_listens_once() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(cluster.finish(1, 2, 2), vec![tells(ANN, in_memory(2, 2, 1))]);
}

#[test]
fn a_value_that_nobody_wants_is_freed_when_its_last_dependent_is_done() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1]), task(3, &[1])]);
    assert_eq!(cluster.release(ANN, &[1]), vec![], "its dependents need it");
    let input = || [input(1, 1, &[1])];
    let out = cluster.finish(1, 1, 1);
    let ready = vec![compute(1, run_of(2, 2, &input())), compute(1, run_of(3, 3, &input()))];
    assert_eq!(out, ready);
    let out = cluster.finish(1, 2, 2);
    assert_eq!(out, vec![tells(ANN, introduced(1)), tells(ANN, in_memory(2, 2, 1))]);
    let out = cluster.finish(1, 3, 3);
    assert_eq!(out, vec![tells(ANN, in_memory(3, 3, 1)), free(1, 1, 1)]);
}

#[test]
fn a_chain_keeps_only_what_is_wanted() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1]), task(3, &[2])]);
    cluster.release(ANN, &[1, 2]);
    assert_eq!(cluster.finish(1, 1, 1), vec![compute(1, run_of(2, 2, &[input(1, 1, &[1])]))]);
    let out = cluster.finish(1, 2, 2);
    assert_eq!(out, vec![free(1, 1, 1), compute(1, run_of(3, 3, &[input(2, 2, &[1])]))]);
    let out = cluster.finish(1, 3, 3);
    let done = vec![tells(ANN, introduced(1)), tells(ANN, in_memory(3, 3, 1)), free(1, 2, 2)];
    assert_eq!(out, done);
}

#[test]
fn a_copy_that_was_fetched_is_one_more_place_to_ask() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(cluster.fetch(2, 1, 1), vec![]);
    let out = cluster.locate(ANN, 1, Some(1));
    assert_eq!(out, vec![tells(ANN, introduced(2)), tells(ANN, in_memory(1, 1, 2))]);
    let out = cluster.submit(ANN, &[task(2, &[1])]);
    let both = run_of(2, 2, &[input(1, 1, &[1, 2])]);
    assert_eq!(out, vec![peer(1, 2), compute(1, both)]);
}

#[test]
fn a_task_goes_to_the_holder_of_an_input_that_is_dear_to_move() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    let (key, run, nbytes) = (key(2), run_id(2), 1 << 30);
    let duration = 1_000;
    cluster.reports(2, WorkerMessage::Finished { key, run, nbytes, duration, value: None });
    cluster.finish(1, 1, 1);
    let out = cluster.submit(ANN, &[task(3, &[2])]);
    let large = Input { nbytes, ..input(2, 2, &[2]) };
    assert_eq!(out, vec![compute(2, run_of(3, 3, &[large]))]);
}

#[test]
fn what_an_event_costs_is_counted() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1]), task(3, &[1])]);
    let before = cluster.scheduler.transitions();
    // It is in memory, two dependents are runnable, and both are assigned.
    cluster.finish(1, 1, 1);
    assert_eq!(cluster.scheduler.transitions() - before, 5);
}
