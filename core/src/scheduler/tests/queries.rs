//! Questions about the cluster and about tasks.

use raddle_net::messages::{QueryAnswer, SchedulerInfo, WorkerInfo};

use super::*;

fn answer(client: ConnectionId, answer: QueryAnswer) -> Effect {
    tells(client, SchedulerToClient::Answer { id: 7, answer })
}

fn info(clients: u32, workers: &[(u32, u64, u64)], tasks: &[(&str, u64)]) -> QueryAnswer {
    let workers = workers.iter().map(|&(id, processing, values)| WorkerInfo {
        id: WorkerId(id),
        name: format!("w{id}"),
        address: address(id),
        nthreads: 1,
        processing,
        values,
        nbytes: 8 * values,
    });
    let count = |kind: Kind| {
        let known = tasks.iter().find(|(name, _)| *name == kind.name());
        (kind.name().to_owned(), known.map_or(0, |(_, count)| *count))
    };
    let tasks = Kind::ALL.map(count).to_vec();
    QueryAnswer::Info(SchedulerInfo { workers: workers.collect(), clients, tasks })
}

#[test]
fn who_is_there_and_how_much_there_is_to_do() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[1, 2])]);
    cluster.finish(1, 1, 1);
    let all = info(2, &[(1, 0, 1), (2, 1, 0)], &[("memory", 1), ("processing", 1), ("waiting", 1)]);
    assert_eq!(cluster.ask(BOB, Query::Info), vec![answer(BOB, all)]);
}

#[test]
fn why_a_task_is_not_done() {
    let mut cluster = Cluster::of(&[1]);
    let tasks = [task(1, &[]), task(2, &[]), task(3, &[]), task(4, &[1, 3]), task(5, &[99])];
    cluster.submit(ANN, &tasks);
    cluster.finish(1, 1, 1);
    cluster.submit(ANN, &[task(6, &[])]);
    let cases = [
        (1, "1-1 is done: 8 bytes on 1 worker(s)"),
        (2, "1-2 is on tcp://w1:1, as run 1.2, the 1. attempt"),
        (4, "1-4 waits for 1 of 2 inputs: 1-3 (processing) …"),
        (5, "1-5 failed because 1-99 did"),
        (6, "1-6 is ready and waits for its turn among 1: no worker that may run it has room"),
        (99, "1-99 is not known: it was never submitted, or was released"),
    ];
    for (number, why) in cases {
        let out = cluster.ask(ANN, Query::Explain(key(number)));
        assert_eq!(out, vec![answer(ANN, QueryAnswer::Explanation(why.to_owned()))]);
    }
}

#[test]
fn a_client_that_waits_for_workers_is_answered_when_they_are_there() {
    let mut cluster = Cluster::of(&[1]);
    let one = info(2, &[(1, 0, 0)], &[]);
    assert_eq!(cluster.ask(ANN, Query::WaitForWorkers(1)), vec![answer(ANN, one)]);
    assert_eq!(cluster.ask(ANN, Query::WaitForWorkers(2)), vec![]);
    assert_eq!(cluster.ask(BOB, Query::WaitForWorkers(3)), vec![]);
    let welcome = |id| told(id, SchedulerToWorker::Registered { worker: WorkerId(id) });
    let two = info(2, &[(1, 0, 0), (2, 0, 0)], &[]);
    assert_eq!(cluster.join(2, 1), vec![welcome(2), answer(ANN, two)]);
    cluster.hang_up(BOB);
    assert_eq!(cluster.join(3, 1), vec![welcome(3)]);
}

#[test]
fn a_run_that_waits_for_workers_is_answered_while_it_runs() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    let query = Query::WaitForWorkers(2);
    for (task, run) in [(1, 1), (2, 2)] {
        let message = ClientMessage::Query { id: 7, query: query.clone() };
        assert_eq!(cluster.run_says(1, task, run, message), vec![]);
    }
    cluster.finish(1, 1, 1);
    let answer = SchedulerToClient::Answer {
        id: 7,
        answer: info(2, &[(1, 1, 1), (2, 0, 0)], &[("memory", 1), ("processing", 1)]),
    };
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(2) };
    assert_eq!(cluster.join(2, 1), vec![told(2, welcome), to_run(1, 2, answer)]);
}
