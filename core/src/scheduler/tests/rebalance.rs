//! Values that move from workers that hold much to workers that hold little.

use super::retire::{copied, leave};
use super::*;
use raddle_net::messages::QueryAnswer;

fn answer(answer: QueryAnswer) -> Effect {
    tells(ANN, SchedulerToClient::Answer { id: 7, answer })
}

fn moved(values: u64, nbytes: u64) -> Effect {
    answer(QueryAnswer::Rebalanced { values, nbytes })
}

fn all() -> Query {
    Query::Rebalance { keys: None, workers: Vec::new() }
}

/// Tasks 1, 2, … of Ann are in memory on the first worker, 8 bytes each; then others join.
fn with_values(values: u64, workers: u32) -> Cluster {
    let mut cluster = Cluster::of(&[1]);
    for number in 1..=values {
        cluster.submit(ANN, &[task(number, &[])]);
        cluster.finish(1, number, number);
    }
    for worker in 2..=workers {
        cluster.join(worker, 1);
    }
    cluster
}

/// The worker, which knows the source, is to copy a value from it.
fn copies(worker: u32, task: u64, run: u64, source: u32) -> Effect {
    told(worker, SchedulerToWorker::Acquire(input(task, run, &[source])))
}

#[test]
fn a_copy_is_dropped_where_it_was_once_it_is_elsewhere() {
    let mut cluster = with_values(4, 2);
    let begun = [copied(2, 1, 1, 1), vec![copies(2, 2, 2, 1)]].concat();
    assert_eq!(cluster.ask(ANN, all()), begun);
    assert_eq!(cluster.fetch(2, 2, 2), vec![free(1, 2, 2)]);
    assert_eq!(cluster.fetch(2, 1, 1), vec![free(1, 1, 1), moved(2, 16)]);
    assert_eq!(cluster.ask(ANN, all()), vec![moved(0, 0)]);
    // Who asks for it where it was is told where it is.
    let now = vec![tells(ANN, introduced(2)), tells(ANN, in_memory(1, 1, 2))];
    assert_eq!(cluster.locate(ANN, 1, Some(1)), now);
}

#[test]
fn only_what_was_named_moves_between_those_that_were_named() {
    let mut cluster = with_values(6, 3);
    let workers = vec!["w1".to_owned(), address(3)];
    let query = Query::Rebalance { keys: Some(vec![key(5), key(5)]), workers };
    assert_eq!(cluster.ask(ANN, query), copied(3, 5, 5, 1));
    assert_eq!(cluster.fetch(3, 5, 5), vec![free(1, 5, 5), moved(1, 8)]);
}

#[test]
fn nothing_moves_of_others_and_to_nobody_who_is_not_there() {
    let mut cluster = with_values(4, 2);
    let told = |answer| tells(BOB, SchedulerToClient::Answer { id: 7, answer });
    let none = QueryAnswer::Rebalanced { values: 0, nbytes: 0 };
    assert_eq!(cluster.ask(BOB, all()), vec![told(none)]);
    let query = |keys, workers: &[&str]| Query::Rebalance {
        keys,
        workers: workers.iter().copied().map(str::to_owned).collect(),
    };
    let why = "1-1 is not known, or not to be wanted".to_owned();
    let out = cluster.ask(BOB, query(Some(vec![key(1)]), &[]));
    assert_eq!(out, vec![told(QueryAnswer::Declined(why))]);
    let why = "there is no worker called `w9`, and none at that address".to_owned();
    let out = cluster.ask(ANN, query(None, &["w1", "w9"]));
    assert_eq!(out, vec![answer(QueryAnswer::Unknown(why))]);
}

#[test]
fn what_is_in_use_or_wished_for_or_not_made_stays() {
    let mut cluster = with_values(2, 2);
    cluster.submit(ANN, &[task(3, &[1])]);
    cluster.ask(ANN, Query::Copies { key: key(2), copies: 1 });
    assert_eq!(cluster.ask(ANN, all()), vec![moved(0, 0)]);
}

#[test]
fn a_value_that_comes_to_be_used_stays_where_it_is_and_is_where_it_came_to() {
    let mut cluster = with_values(2, 2);
    cluster.ask(ANN, all());
    cluster.submit(ANN, &[task(3, &[1])]);
    assert_eq!(cluster.fetch(2, 1, 1), vec![moved(0, 0)]);
    assert_eq!(cluster.finish(1, 3, 3), vec![tells(ANN, in_memory(3, 3, 1))]);
    assert_eq!(cluster.release(ANN, &[1]), vec![free(1, 1, 1), free(2, 1, 1)]);
}

#[test]
fn a_move_ends_with_who_was_to_get_the_value() {
    let mut cluster = with_values(2, 3);
    assert_eq!(cluster.ask(ANN, all()), copied(2, 1, 1, 1));
    assert_eq!(cluster.drop_worker(2), vec![moved(0, 0)]);
    assert_eq!(cluster.ask(ANN, all()), copied(3, 1, 1, 1));
}

#[test]
fn a_move_ends_with_who_had_the_value() {
    let mut cluster = with_values(2, 2);
    cluster.ask(ANN, all());
    let out = cluster.drop_worker(1);
    assert!(out.contains(&free(2, 1, 1)) && out.contains(&moved(0, 0)), "{out:?}");
    // The copy comes all the same, and is of a run that does not count any more.
    assert_eq!(cluster.fetch(2, 1, 1), vec![free(2, 1, 1)]);
}

#[test]
fn a_move_ends_with_the_value() {
    let mut cluster = with_values(2, 2);
    cluster.ask(ANN, all());
    let out = vec![free(1, 1, 1), free(2, 1, 1), moved(0, 0)];
    assert_eq!(cluster.release(ANN, &[1]), out);
}

#[test]
fn a_wish_for_copies_comes_before_a_move() {
    let mut cluster = with_values(2, 2);
    cluster.ask(ANN, all());
    assert_eq!(cluster.ask(ANN, Query::Copies { key: key(1), copies: 2 }), vec![]);
    let wished = answer(QueryAnswer::Done);
    assert_eq!(cluster.fetch(2, 1, 1), vec![moved(0, 0), wished]);
}

#[test]
fn no_copy_is_dropped_for_one_on_a_worker_that_leaves_or_is_away() {
    let mut cluster = with_values(2, 2);
    cluster.ask(ANN, all());
    assert_eq!(cluster.ask(ANN, Query::Retire(vec!["w2".to_owned()])), vec![leave(2), moved(0, 0)]);

    // It has something to do before it leaves, and gets the value meanwhile.
    let mut cluster = with_values(2, 2);
    cluster.submit(ANN, &[task_of(ONLY_W2, 3, &[])]);
    cluster.ask(ANN, all());
    let asks_back = told(2, SchedulerToWorker::Recall { key: key(3), run: run_id(3) });
    let retire = Query::Retire(vec!["w2".to_owned()]);
    assert_eq!(cluster.ask(ANN, retire), vec![asks_back]);
    assert_eq!(cluster.fetch(2, 1, 1), vec![moved(0, 0)]);

    let mut cluster = Cluster::with(Config::default(), &[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    cluster.finish(1, 1, 1);
    cluster.finish(1, 2, 2);
    cluster.join(2, 1);
    assert_eq!(cluster.ask(ANN, all()), copied(2, 1, 1, 1));
    assert_eq!(cluster.drop_worker(1), vec![]);
    assert_eq!(cluster.fetch(2, 1, 1), vec![moved(0, 0)]);
}

#[test]
fn whoever_is_full_gives_and_does_not_get() {
    let mut cluster = with_values(4, 2);
    let memory = |is_full| WorkerMessage::Memory(MemoryUse { is_full, ..MemoryUse::default() });
    cluster.reports(2, memory(true));
    assert_eq!(cluster.ask(ANN, all()), vec![moved(0, 0)]);
    cluster.reports(2, memory(false));
    cluster.reports(1, memory(true));
    assert_eq!(cluster.ask(ANN, all()).len(), 3);
}

#[test]
fn what_is_on_its_way_counts_as_moved_for_who_asks_next() {
    let mut cluster = with_values(4, 2);
    assert_eq!(cluster.ask(ANN, all()).len(), 3);
    assert_eq!(cluster.ask(ANN, all()), vec![moved(0, 0)]);
}

#[test]
fn a_move_goes_on_when_its_asker_has_gone() {
    let mut cluster = with_values(2, 2);
    cluster.borrow(&[1], &[]);
    cluster.ask(ANN, Query::Publish { name: "kept".to_owned(), keys: vec![key(1)] });
    assert_eq!(cluster.ask(ANN, all()), copied(2, 1, 1, 1));
    assert_eq!(cluster.hang_up(ANN), vec![free(1, 2, 2)]);
    assert_eq!(cluster.fetch(2, 1, 1), vec![free(1, 1, 1)]);
}

#[test]
fn two_requests_are_answered_each_for_itself() {
    let mut cluster = with_values(4, 2);
    let one = |n| Query::Rebalance { keys: Some(vec![key(n)]), workers: Vec::new() };
    let first = copied(2, 1, 1, 1);
    assert_eq!(cluster.ask(ANN, one(1)), first);
    assert_eq!(cluster.ask(ANN, one(1)), vec![moved(0, 0)]);
    assert_eq!(cluster.ask(ANN, one(2)), vec![copies(2, 2, 2, 1)]);
    assert_eq!(cluster.fetch(2, 2, 2), vec![free(1, 2, 2), moved(1, 8)]);
    assert_eq!(cluster.fetch(2, 1, 1), vec![free(1, 1, 1), moved(1, 8)]);
}

#[test]
fn too_many_keys_or_workers_cost_the_connection() {
    for (keys, workers) in [(1 << 15, 0), (0, 1 << 15)] {
        let mut cluster = with_values(1, 1);
        let (keys, workers) = (Some(vec![key(1); keys]), vec!["w1".to_owned(); workers]);
        let out = cluster.ask(ANN, Query::Rebalance { keys: keys.clone(), workers });
        let what = if keys.is_some_and(|keys| keys.is_empty()) { "workers" } else { "keys" };
        let reason = format!("{what} of one message");
        let closed = |effect: &Effect| matches!(effect, Effect::Close { reason: PeerError::BeyondLimit(why), .. } if *why == reason);
        assert!(out.iter().any(closed), "{out:?}");
    }
}
