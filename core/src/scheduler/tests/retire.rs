//! Workers that are to leave, or are given nothing for a while.

use super::*;
use raddle_net::messages::QueryAnswer;

fn answer(answer: QueryAnswer) -> Effect {
    tells(ANN, SchedulerToClient::Answer { id: 7, answer })
}

fn retire(cluster: &mut Cluster, worker: u32) -> Vec<Effect> {
    cluster.ask(ANN, Query::Retire(vec![format!("w{worker}")]))
}

fn pause(cluster: &mut Cluster, worker: u32, paused: bool) -> Vec<Effect> {
    cluster.ask(ANN, Query::Pause { workers: vec![address(worker)], paused })
}

pub fn leave(worker: u32) -> Effect {
    told(worker, SchedulerToWorker::Leave)
}

/// The worker, which has not heard of the source before, is to copy a value from it.
pub fn copied(worker: u32, task: u64, run: u64, source: u32) -> Vec<Effect> {
    let input = input(task, run, &[source]);
    vec![peer(worker, source), told(worker, SchedulerToWorker::Acquire(input))]
}

pub fn recall(worker: u32, task: u64, run: u64) -> Effect {
    told(worker, SchedulerToWorker::Recall { key: key(task), run: run_id(run) })
}

/// The worker has not begun this run.
fn gives_back(cluster: &mut Cluster, worker: u32, task: u64, run: u64) -> Vec<Effect> {
    let (key, run) = (key(task), run_id(run));
    cluster.reports(worker, WorkerMessage::Recalled { key, run, returned: true })
}

fn left(cluster: &mut Cluster, worker: u32) -> Vec<Effect> {
    cluster.reports(worker, WorkerMessage::Goodbye)
}

fn note(cluster: &Cluster, worker: u32) -> (String, String) {
    let info = cluster.scheduler.info();
    let worker = info.workers.into_iter().find(|info| info.id == WorkerId(worker)).unwrap();
    (worker.status, worker.note)
}

#[test]
fn a_worker_with_nothing_is_told_to_leave_at_once_and_nobody_waits_for_it() {
    let mut cluster = Cluster::of(&[1, 1]);
    assert_eq!(retire(&mut cluster, 1), vec![leave(1)]);
    let gone = vec![answer(QueryAnswer::Done), close(wire(1), PeerError::Left)];
    let mut out = left(&mut cluster, 1);
    out.sort_by_key(|effect| matches!(effect, Effect::Close { .. }));
    assert_eq!(out, gone);
}

#[test]
fn a_worker_that_says_that_it_made_what_it_is_to_copy_copies_it_all_the_same() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(retire(&mut cluster, 1), vec![]);
    cluster.join(2, 1);
    assert_eq!(cluster.finish(2, 1, 1), vec![], "it is not told to forget it");
    assert!(cluster.fetch(2, 1, 1).contains(&leave(1)));
}

#[test]
fn what_only_it_holds_is_elsewhere_before_it_leaves() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(retire(&mut cluster, 1), copied(2, 1, 1, 1));
    let why = "1 values are on no other worker yet".to_owned();
    assert_eq!(note(&cluster, 1), ("retiring".to_owned(), why));
    assert_eq!(cluster.fetch(2, 1, 1), vec![leave(1)]);
    let out = cluster.locate(ANN, 1, Some(1));
    assert_eq!(out, vec![tells(ANN, introduced(2)), tells(ANN, in_memory(1, 1, 2))]);
}

#[test]
fn a_receiver_that_dies_is_chosen_anew() {
    let mut cluster = Cluster::of(&[1, 1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(retire(&mut cluster, 1), copied(2, 1, 1, 1));
    assert_eq!(cluster.drop_worker(2), copied(3, 1, 1, 1));
    assert_eq!(cluster.fetch(3, 1, 1), vec![leave(1)]);
}

#[test]
fn without_another_worker_for_its_values_it_stays_and_says_so() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(retire(&mut cluster, 1), vec![]);
    let why = "1 values are on no other worker, and no other worker can take them".to_owned();
    assert_eq!(note(&cluster, 1), ("retiring".to_owned(), why));
    let welcome = told(2, SchedulerToWorker::Registered { worker: WorkerId(2) });
    assert_eq!(cluster.join(2, 1), [vec![welcome], copied(2, 1, 1, 1)].concat());
    assert_eq!(cluster.fetch(2, 1, 1), vec![leave(1)]);
}

#[test]
fn it_leaves_when_what_only_it_holds_is_released() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    retire(&mut cluster, 1);
    assert_eq!(cluster.release(ANN, &[1]), vec![free(1, 1, 1), leave(1)]);
}

#[test]
fn it_ends_what_it_runs_and_is_given_nothing_new() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(retire(&mut cluster, 1), vec![recall(1, 1, 1)]);
    assert_eq!(note(&cluster, 1), ("retiring".to_owned(), "1 tasks are to end".to_owned()));
    assert_eq!(cluster.submit(ANN, &[task(2, &[])]), vec![]);
    let why = "1-2 waits for a worker: none is given anything; worker w1 is retiring";
    assert_eq!(cluster.scheduler.explain(key(2)), why);
    cluster.join(2, 1);
    let news = vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))];
    let made = [news, copied(2, 1, 1, 1)].concat();
    assert_eq!(cluster.finish(1, 1, 1), made);
    assert_eq!(cluster.fetch(2, 1, 1), vec![leave(1)]);
}

#[test]
fn what_it_has_not_begun_is_for_others() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    cluster.join(2, 1);
    assert_eq!(retire(&mut cluster, 1), vec![recall(1, 1, 1)]);
    let moved = vec![define(2, PLAIN), compute(2, run_of(2, 3, &[]))];
    assert_eq!(gives_back(&mut cluster, 1, 2, 2), moved);
    assert_eq!(gives_back(&mut cluster, 1, 2, 2), vec![], "said twice");
    assert_eq!(note(&cluster, 1), ("retiring".to_owned(), "1 tasks are to end".to_owned()));
    let news = vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))];
    assert_eq!(cluster.finish(1, 1, 1), [news, copied(2, 1, 1, 1)].concat());
    assert_eq!(cluster.fetch(2, 1, 1), vec![leave(1)]);
}

#[test]
fn a_worker_may_ask_for_it_itself() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.reports(1, WorkerMessage::Retire), vec![recall(1, 1, 1)]);
    assert_eq!(cluster.reports(1, WorkerMessage::Retire), vec![], "it is retiring");
    assert_eq!(gives_back(&mut cluster, 1, 1, 1)[2..], [leave(1)]);
    assert_eq!(cluster.reports(2, WorkerMessage::Retire), vec![recall(2, 1, 2)]);
}

#[test]
fn a_holder_that_is_away_does_not_count() {
    let config = Config { worker_grace: Duration::from_secs(9), ..Config::default() };
    let mut cluster = Cluster::with(config, &[1, 1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    cluster.fetch(2, 1, 1);
    cluster.drop_worker(2);
    assert_eq!(retire(&mut cluster, 1), copied(3, 1, 1, 1));
    assert_eq!(cluster.resume(2), vec![leave(1)]);
    assert_eq!(cluster.fetch(3, 1, 1), vec![]);
}

#[test]
fn what_a_worker_says_that_is_to_leave_does_not_count() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    retire(&mut cluster, 2);
    assert_eq!(cluster.fetch(2, 1, 1), vec![]);
    assert_eq!(retire(&mut cluster, 1), vec![]);
    assert_eq!(note(&cluster, 2), ("leaving".to_owned(), String::new()));
}

#[test]
fn a_worker_that_says_goodbye_is_lost_at_once() {
    let config = Config { worker_grace: Duration::from_secs(9), ..Config::default() };
    let mut cluster = Cluster::with(config, &[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let again = compute(2, Compute { announce: true, ..run_of(1, 2, &[]) });
    let out = left(&mut cluster, 1);
    assert_eq!(out, vec![close(wire(1), PeerError::Left), define(2, PLAIN), again]);
}

#[test]
fn a_paused_worker_is_given_nothing_and_loses_nothing() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(pause(&mut cluster, 1, true), vec![answer(QueryAnswer::Done)]);
    assert_eq!(note(&cluster, 1), ("paused".to_owned(), String::new()));
    assert_eq!(cluster.submit(ANN, &[task(2, &[1])]), vec![]);
    // It is there: nobody gives up on it.
    assert_eq!(cluster.scheduler.next_deadline(), None);
    let out = pause(&mut cluster, 1, false);
    assert_eq!(out[0], answer(QueryAnswer::Done));
    assert_eq!(out[1..], [compute(1, run_of(2, 2, &[input(1, 1, &[1])]))]);
}

#[test]
fn a_worker_that_is_paused_and_comes_back_is_paused() {
    let config = Config { worker_grace: Duration::from_secs(9), ..Config::default() };
    let mut cluster = Cluster::with(config, &[1]);
    pause(&mut cluster, 1, true);
    cluster.drop_worker(1);
    assert_eq!(note(&cluster, 1).0, "away");
    cluster.resume(1);
    assert_eq!(note(&cluster, 1).0, "paused");
}

#[test]
fn who_is_to_leave_is_not_paused_and_nobody_is_retired_for_a_name_that_is_wrong() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    retire(&mut cluster, 1);
    let why = "worker w1 is retiring: nothing else is to come".to_owned();
    assert_eq!(pause(&mut cluster, 1, true), vec![answer(QueryAnswer::Declined(why))]);
    let out = cluster.ask(ANN, Query::Retire(vec!["w2".to_owned(), "w9".to_owned()]));
    let why = "there is no worker called `w9`, and none at that address".to_owned();
    assert_eq!(out, vec![answer(QueryAnswer::Unknown(why))]);
    assert_eq!(note(&cluster, 2).0, "running");
}
