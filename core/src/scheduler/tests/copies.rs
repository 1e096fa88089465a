//! Copies made on purpose: as many as were wished for, by a tree; superfluous ones go.

use super::retire::copied;
use super::*;
use raddle_net::messages::QueryAnswer;

fn answer(answer: QueryAnswer) -> Effect {
    tells(ANN, SchedulerToClient::Answer { id: 7, answer })
}

fn wish(cluster: &mut Cluster, task: u64, copies: u32) -> Vec<Effect> {
    cluster.ask(ANN, Query::Copies { key: key(task), copies })
}

/// Task 1 is in memory on the first of so many workers.
fn with_value(workers: usize) -> Cluster {
    let mut cluster = Cluster::of(&vec![1; workers]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    cluster
}

#[test]
fn each_round_doubles_the_holders_until_every_worker_is_one() {
    let mut cluster = with_value(4);
    assert_eq!(wish(&mut cluster, 1, u32::MAX), [&copied(2, 1, 1, 1)[..]].concat());
    let next = [copied(3, 1, 1, 1), copied(4, 1, 1, 2)].concat();
    assert_eq!(cluster.fetch(2, 1, 1), next);
    assert_eq!(cluster.fetch(4, 1, 1), vec![]);
    assert_eq!(cluster.fetch(3, 1, 1), vec![answer(QueryAnswer::Done)]);
}

#[test]
fn who_joins_later_gets_a_copy_too() {
    let mut cluster = with_value(1);
    assert_eq!(wish(&mut cluster, 1, 2), vec![answer(QueryAnswer::Done)]);
    let welcome = told(2, SchedulerToWorker::Registered { worker: WorkerId(2) });
    assert_eq!(cluster.join(2, 1), [vec![welcome], copied(2, 1, 1, 1)].concat());
    assert_eq!(cluster.fetch(2, 1, 1), vec![]);
}

#[test]
fn a_copy_that_is_lost_is_made_again() {
    let mut cluster = with_value(3);
    wish(&mut cluster, 1, 2);
    cluster.fetch(2, 1, 1);
    assert_eq!(cluster.drop_worker(2), copied(3, 1, 1, 1));
    // One that dies before it has it is made up for as well.
    cluster.join(4, 1);
    assert_eq!(cluster.drop_worker(3), copied(4, 1, 1, 1));
}

#[test]
fn copies_beyond_what_is_wished_are_dropped_but_never_the_last() {
    let mut cluster = with_value(2);
    wish(&mut cluster, 1, 2);
    cluster.fetch(2, 1, 1);
    assert_eq!(wish(&mut cluster, 1, 0), vec![free(2, 1, 1), answer(QueryAnswer::Done)]);
    assert_eq!(wish(&mut cluster, 1, 1), vec![answer(QueryAnswer::Done)]);
}

#[test]
fn what_a_dependent_needs_is_dropped_when_it_is_done() {
    let mut cluster = with_value(2);
    wish(&mut cluster, 1, 2);
    cluster.fetch(2, 1, 1);
    cluster.submit(ANN, &[task(2, &[1])]);
    assert_eq!(wish(&mut cluster, 1, 1), vec![answer(QueryAnswer::Done)]);
    assert_eq!(cluster.finish(1, 2, 2), vec![tells(ANN, in_memory(2, 2, 1)), free(2, 1, 1)]);
}

#[test]
fn copies_that_are_on_their_way_are_called_off_with_the_value() {
    let mut cluster = with_value(2);
    wish(&mut cluster, 1, 2);
    let declined = QueryAnswer::Declined("nobody wants the value any more".to_owned());
    let out = vec![free(1, 1, 1), free(2, 1, 1), answer(declined)];
    assert_eq!(cluster.release(ANN, &[1]), out);
}

#[test]
fn copies_of_what_is_not_made_yet_are_made_when_it_is() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(wish(&mut cluster, 1, 2), vec![]);
    let news = vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))];
    let made = [news, copied(2, 1, 1, 1)].concat();
    assert_eq!(cluster.finish(1, 1, 1), made);
    assert_eq!(cluster.fetch(2, 1, 1), vec![answer(QueryAnswer::Done)]);
}

#[test]
fn there_are_no_copies_of_what_fails_nor_of_what_is_not_wanted() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    wish(&mut cluster, 1, 2);
    let why = "the task has failed: there is no value to copy".to_owned();
    let out = cluster.fail(1, 1, 1);
    assert_eq!(out[1..], [answer(QueryAnswer::Declined(why))]);
    let why = "1-2 is not known, or not to be wanted".to_owned();
    assert_eq!(wish(&mut cluster, 2, 2), vec![answer(QueryAnswer::Declined(why))]);
}
