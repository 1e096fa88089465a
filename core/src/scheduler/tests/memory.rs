//! Workers that say how it is with their memory: who is full is given nothing new.

use super::retire::recall;
use super::*;
use raddle_net::messages::QueryAnswer;

fn says(cluster: &mut Cluster, worker: u32, memory: MemoryUse) -> Vec<Effect> {
    cluster.reports(worker, WorkerMessage::Memory(memory))
}

fn is_full(cluster: &mut Cluster, worker: u32, is_full: bool) -> Vec<Effect> {
    says(cluster, worker, MemoryUse { is_full, ..MemoryUse::default() })
}

fn pause(cluster: &mut Cluster, worker: u32, paused: bool) -> Vec<Effect> {
    let mut out = cluster.ask(ANN, Query::Pause { workers: vec![address(worker)], paused });
    let done = SchedulerToClient::Answer { id: 7, answer: QueryAnswer::Done };
    assert_eq!(out.remove(0), tells(ANN, done));
    out
}

/// What people see of a worker: its status and why.
fn seen(cluster: &Cluster, worker: u32) -> (String, String) {
    let info = cluster.scheduler.info();
    let worker = info.workers.into_iter().find(|info| info.id == WorkerId(worker)).unwrap();
    (worker.status, worker.note)
}

fn is(status: &str, note: &str) -> (String, String) {
    (status.to_owned(), note.to_owned())
}

#[test]
fn who_is_full_goes_on_with_what_it_has_begun_and_is_given_nothing_else_until_it_says_so() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(is_full(&mut cluster, 1, true), vec![], "nobody else is there");
    let known = SchedulerToClient::Peer { id: WorkerId(1), address: address(1) };
    let done = vec![tells(ANN, known), tells(ANN, in_memory(1, 1, 1))];
    assert_eq!(cluster.finish(1, 1, 1), done);
    assert_eq!(cluster.submit(ANN, &[task(2, &[1])]), vec![]);
    assert_eq!(cluster.scheduler.next_deadline(), None, "it is there");
    let begins = compute(1, run_of(2, 2, &[input(1, 1, &[1])]));
    assert_eq!(is_full(&mut cluster, 1, false), vec![begins]);
}

#[test]
fn what_who_is_full_has_not_begun_is_for_others() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(is_full(&mut cluster, 1, true), vec![recall(1, 1, 1)]);
    let returned = WorkerMessage::Recalled { key: key(1), run: run_id(1), returned: true };
    let out = cluster.reports(1, returned);
    assert_eq!(out, vec![define(2, PLAIN), compute(2, run_of(1, 2, &[]))]);
    assert_eq!(is_full(&mut cluster, 1, true), vec![], "it has said so");
}

#[test]
fn what_the_last_one_has_not_begun_is_for_whoever_has_memory_first() {
    let mut cluster = Cluster::of(&[1, 1]);
    is_full(&mut cluster, 2, true);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(is_full(&mut cluster, 1, true), vec![]);
    assert_eq!(is_full(&mut cluster, 2, false), vec![recall(1, 1, 1)]);
}

#[test]
fn who_is_full_and_paused_by_a_client_is_given_something_when_it_is_neither() {
    let mut cluster = Cluster::of(&[1]);
    pause(&mut cluster, 1, true);
    assert_eq!(cluster.submit(ANN, &[task(1, &[])]), vec![]);
    assert_eq!(is_full(&mut cluster, 1, true), vec![]);
    assert_eq!(pause(&mut cluster, 1, false), vec![]);
    assert_eq!(seen(&cluster, 1), is("paused", "its memory is full"));
    pause(&mut cluster, 1, true);
    assert_eq!(is_full(&mut cluster, 1, false), vec![]);
    assert_eq!(seen(&cluster, 1), is("paused", ""));
    let begins = pause(&mut cluster, 1, false);
    assert_eq!(begins, vec![define(1, PLAIN), compute(1, run_of(1, 1, &[]))]);
    assert_eq!(seen(&cluster, 1), is("running", ""));
}

#[test]
fn who_is_full_and_comes_back_is_full_and_who_comes_anew_is_not() {
    let config = Config { worker_grace: Duration::from_secs(9), ..Config::default() };
    let mut cluster = Cluster::with(config, &[1]);
    is_full(&mut cluster, 1, true);
    cluster.drop_worker(1);
    assert_eq!(seen(&cluster, 1), is("away", "its memory is full"));
    cluster.resume(1);
    assert_eq!(seen(&cluster, 1), is("paused", "its memory is full"));
    cluster.drop_worker(1);
    cluster.tick_at_deadline();
    cluster.join(2, 1);
    assert_eq!(seen(&cluster, 2), is("running", ""));
}

#[test]
fn nobody_gives_up_on_who_is_full_but_on_who_has_gone() {
    let unqualified_timeout = Duration::from_secs(10);
    let config = Config { unqualified_timeout, worker_grace: Duration::ZERO, ..Config::default() };
    let mut cluster = Cluster::with(config, &[1, 1]);
    is_full(&mut cluster, 2, true);
    assert_eq!(cluster.submit(ANN, &[task_of(ONLY_W2, 1, &[])]), vec![]);
    assert_eq!(cluster.scheduler.next_deadline(), None);
    let why = cluster.scheduler.explain(key(1));
    assert_eq!(why, "1-1 waits for a worker: worker w2 is paused: its memory is full");
    cluster.now = Instant::ZERO + Duration::from_secs(100);
    cluster.drop_worker(2);
    let deadline = (cluster.now + unqualified_timeout, Timer::Starving(ONLY_W2));
    assert_eq!(cluster.scheduler.next_deadline(), Some(deadline));
}

#[test]
fn why_a_task_waits_while_everybody_is_full() {
    let mut cluster = Cluster::of(&[1]);
    is_full(&mut cluster, 1, true);
    cluster.submit(ANN, &[task(1, &[])]);
    let why =
        "1-1 waits for a worker: none is given anything; worker w1 is paused: its memory is full";
    assert_eq!(cluster.scheduler.explain(key(1)), why);
}

#[test]
fn what_a_worker_says_of_its_memory_is_shown() {
    let mut cluster = Cluster::of(&[1]);
    let memory =
        MemoryUse { process: 5, spilled: 3, is_disk_refusing: true, ..MemoryUse::default() };
    assert_eq!(says(&mut cluster, 1, memory), vec![]);
    let info = cluster.scheduler.info().workers.remove(0);
    assert_eq!((info.process_bytes, info.spilled_bytes), (5, 3));
    assert_eq!(seen(&cluster, 1), is("running", "its values cannot be written to disk"));
}
