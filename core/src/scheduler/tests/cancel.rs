//! Cancelling: what nobody else wants is not computed.

use super::*;

fn cancelled() -> Arc<Failure> {
    Arc::new(Failure::Cancelled)
}

#[test]
fn a_task_of_one_client_is_called_off() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let out = cluster.cancel(ANN, 1);
    assert_eq!(out, vec![free(1, 1, 1), tells(ANN, erred(1, 1, &cancelled()))]);
    assert_eq!(cluster.release(ANN, &[1]), vec![]);
    assert_eq!(cluster.scheduler.tasks(), 0);
}

#[test]
fn dependents_are_called_off_too() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    let out = cluster.cancel(ANN, 1);
    let both = vec![
        free(1, 1, 1),
        tells(ANN, erred(1, 1, &cancelled())),
        tells(ANN, erred(2, 1, &cancelled())),
    ];
    assert_eq!(out, both);
}

#[test]
fn a_task_that_two_clients_want_is_called_off_for_the_one_only() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.submit(BOB, &[task(1, &[])]);
    assert_eq!(cluster.cancel(ANN, 1), vec![tells(ANN, erred(1, 1, &cancelled()))]);
    let out = cluster.finish(1, 1, 1);
    assert_eq!(out, vec![tells(BOB, introduced(1)), tells(BOB, in_memory(1, 1, 1))]);
}

#[test]
fn what_is_done_stays_done() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(cluster.cancel(ANN, 1), vec![]);
}

#[test]
fn nobody_calls_off_what_is_not_theirs() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.cancel(BOB, 1), vec![]);
    assert_eq!(cluster.cancel(BOB, 99), vec![]);
}

#[test]
fn a_queued_task_is_called_off() {
    let mut cluster = Cluster::of(&[]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.cancel(ANN, 1), vec![tells(ANN, erred(1, 1, &cancelled()))]);
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

#[test]
fn a_task_that_another_client_needs_is_called_off_for_the_one_only() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    cluster.borrow(&[2], &[task(3, &[2])]);
    assert_eq!(cluster.cancel(ANN, 1), vec![tells(ANN, erred(1, 1, &cancelled()))]);
    let next = compute(1, run_of(2, 2, &[input(1, 1, &[1])]));
    assert_eq!(cluster.finish(1, 1, 1), vec![next]);
}

#[test]
fn by_force_a_task_is_called_off_for_all() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.borrow(&[1], &[task(2, &[1])]);
    let out = cluster.says(ANN, ClientMessage::Cancel { keys: vec![key(1)], force: true });
    let all = vec![
        free(1, 1, 1),
        tells(ANN, erred(1, 1, &cancelled())),
        tells(BOB, erred(2, 1, &cancelled())),
    ];
    assert_eq!(out, all);
}
