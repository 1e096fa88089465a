//! Releases: what is freed and forgotten, and what is not because others want it.

use super::*;

#[test]
fn a_release_frees_the_value_on_all_its_holders_and_forgets_the_key() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    cluster.fetch(2, 1, 1);
    assert_eq!(cluster.release(ANN, &[1]), vec![free(1, 1, 1), free(2, 1, 1)]);
    assert_eq!(cluster.scheduler.tasks(), 0);
}

#[test]
fn a_release_calls_off_the_run() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    assert_eq!(cluster.release(ANN, &[2]), vec![], "the first is wanted");
    assert_eq!(cluster.release(ANN, &[1]), vec![free(1, 1, 1)]);
    assert_eq!(cluster.scheduler.tasks(), 0);
}

#[test]
fn a_release_of_the_last_of_a_chain_takes_the_chain_along() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1]), task(3, &[2])]);
    assert_eq!(cluster.release(ANN, &[1, 2]), vec![]);
    assert_eq!(cluster.release(ANN, &[3]), vec![free(1, 1, 1)]);
    assert_eq!(cluster.scheduler.tasks(), 0);
}

#[test]
fn room_that_a_release_makes_is_used() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[])]);
    let out = cluster.release(ANN, &[1]);
    assert_eq!(out, vec![free(1, 1, 1), compute(1, run_of(3, 3, &[]))]);
}

#[test]
fn a_release_leaves_alone_what_another_client_wants() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    cluster.submit(BOB, &[task(1, &[])]);
    assert_eq!(cluster.release(ANN, &[1]), vec![]);
    assert_eq!(cluster.release(BOB, &[2]), vec![], "it is not Bob's");
    let out = cluster.finish(1, 1, 1);
    assert_eq!(out, vec![tells(BOB, introduced(1)), tells(BOB, in_memory(1, 1, 1))]);
    assert_eq!(cluster.release(BOB, &[1]), vec![free(1, 1, 1)]);
}

#[test]
fn an_input_stays_for_the_dependent_of_another_client() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.borrow(&[1], &[task(2, &[1])]);
    assert_eq!(cluster.release(ANN, &[1]), vec![]);
    let of_bob = Priority { submission: 2, order: 2, client: 2, ..Priority::default() };
    let ready = Compute { priority: of_bob, ..run_of(2, 2, &[input(1, 1, &[1])]) };
    assert_eq!(cluster.finish(1, 1, 1), vec![compute(1, ready)]);
}

#[test]
fn keys_that_are_unknown_or_released_already_are_released_in_vain() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.release(ANN, &[1, 1, 99]), vec![free(1, 1, 1)]);
    assert_eq!(cluster.release(ANN, &[1]), vec![]);
}

#[test]
fn a_client_that_is_gone_wants_nothing() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[])]);
    cluster.submit(BOB, &[task(2, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(cluster.hang_up(ANN), vec![free(1, 1, 1), free(1, 3, 3)]);
    let out = cluster.finish(1, 2, 2);
    assert_eq!(out, vec![tells(BOB, introduced(1)), tells(BOB, in_memory(2, 2, 1))]);
    assert_eq!(cluster.scheduler.tasks(), 1);
}

#[test]
fn a_client_that_says_goodbye_wants_nothing() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let out = cluster.says(ANN, ClientMessage::Goodbye);
    assert_eq!(out, vec![close(ANN, PeerError::Left), free(1, 1, 1)]);
    assert_eq!(cluster.hang_up(ANN), vec![]);
}

#[test]
fn a_key_that_was_forgotten_can_be_used_again() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.release(ANN, &[1]);
    let other = NewTask { args: Blob::new(), ..task(1, &[]) };
    let run = Compute { args: Blob::new(), ..run_of(1, 2, &[]) };
    assert_eq!(cluster.submit(ANN, &[other]), vec![compute(1, run)]);
}

#[test]
fn a_key_that_is_not_known_cannot_be_located() {
    let mut cluster = Cluster::of(&[1]);
    let failure = lost("1-1 is not known to the scheduler, or not to be wanted");
    assert_eq!(cluster.locate(BOB, 1, None), vec![tells(BOB, erred(1, 1, &failure))]);
}

#[test]
fn who_has_called_a_task_off_hears_no_more_of_what_it_asked_before() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(cluster.locate(BOB, 1, None), vec![]);
}

#[test]
fn a_release_is_answered_if_the_keys_may_be_wanted_again() {
    let mut cluster = Cluster::of(&[]);
    let keys = || vec![Key::hashed(5), key(1)];
    let released = SchedulerToClient::Released { keys: keys() };
    let message = ClientMessage::Release { keys: keys(), answer: true };
    assert_eq!(cluster.says(ANN, message), vec![tells(ANN, released)]);
    let message = ClientMessage::Release { keys: keys(), answer: false };
    assert_eq!(cluster.says(ANN, message), vec![]);
}

#[test]
fn who_does_not_want_a_queued_task_cannot_release_it() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[])]);
    assert_eq!(cluster.scheduler.count(Kind::Queued), 1);
    assert_eq!(cluster.release(BOB, &[3]), vec![]);
}
