//! Questions about the cluster and about tasks.

use raddle_net::messages::{QueryAnswer, SchedulerInfo, StoryLine, TaskInfo, WorkerInfo};

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
        memory_limit: Some(1 << 30),
        processing,
        values,
        nbytes: 8 * values,
        status: "running".to_owned(),
        note: String::new(),
        process_bytes: 0,
        spilled_bytes: 0,
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
        (2, "1-2 is on tcp://w1:1 (which was to begin it soonest), as run 1.2, the 1. attempt"),
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
fn who_waits_for_the_turn_of_its_client_is_told_of_the_others() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[])]);
    cluster.submit(BOB, &[task(4, &[])]);
    let why = "1-4 is ready and waits for its turn among 2 of 2 clients, which get equal shares: no \
               worker that may run it has room";
    let out = cluster.ask(BOB, Query::Explain(key(4)));
    assert_eq!(out, vec![answer(BOB, QueryAnswer::Explanation(why.to_owned()))]);
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

#[test]
fn who_holds_a_value_and_what_a_worker_holds() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    cluster.finish(1, 1, 1);
    cluster.fetch(2, 1, 1);
    let addresses = |workers: &[u32]| {
        let addresses = workers.iter().copied().map(address).collect();
        vec![answer(ANN, QueryAnswer::Workers(addresses))]
    };
    assert_eq!(cluster.ask(ANN, Query::WhoHas(key(1))), addresses(&[1, 2]));
    assert_eq!(cluster.ask(ANN, Query::WhoHas(key(2))), addresses(&[]));
    assert_eq!(cluster.ask(ANN, Query::WhoHas(key(9))), addresses(&[]));
    let held = vec![answer(ANN, QueryAnswer::Keys(vec![key(1)]))];
    for name in ["w2".to_owned(), address(2)] {
        assert_eq!(cluster.ask(ANN, Query::HasWhat(name)), held);
    }
    let text = "there is no worker called `w3`, and none at that address".to_owned();
    let out = cluster.ask(ANN, Query::HasWhat("w3".to_owned()));
    assert_eq!(out, vec![answer(ANN, QueryAnswer::Unknown(text))]);
}

#[test]
fn tasks_are_listed_by_key_and_by_state() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), NewTask { priority: 3, ..task(2, &[]) }, task(3, &[1, 2])]);
    cluster.submit(BOB, &[task(1, &[])]);
    cluster.finish(1, 1, 2);
    cluster.fail(1, 2, 1);
    let info = |number, state: &str| TaskInfo {
        key: key(number),
        state: state.to_owned(),
        function: "add".to_owned(),
        clients: 1,
        ..TaskInfo::default()
    };
    let done = TaskInfo {
        attempts: 1,
        clients: 2,
        dependents: 1,
        workers: vec![address(1)],
        run: Some(run_id(2)),
        nbytes: 8,
        ..info(1, "memory")
    };
    let failure = Some("broke".to_owned());
    let failed = TaskInfo { priority: 3, attempts: 1, dependents: 1, failure, ..info(2, "erred") };
    let third = TaskInfo {
        dependencies: vec![key(1), key(2)],
        ndependencies: 2,
        failure: Some("broke".to_owned()),
        ..info(3, "erred")
    };
    let page = |tasks| vec![answer(ANN, QueryAnswer::Tasks { tasks, next: None })];
    let all = Query::Tasks { state: None, after: None };
    assert_eq!(cluster.ask(ANN, all), page(vec![done, failed.clone(), third.clone()]));
    let state = Some("erred".to_owned());
    let erred = Query::Tasks { state: state.clone(), after: None };
    assert_eq!(cluster.ask(ANN, erred), page(vec![failed, third.clone()]));
    let rest = Query::Tasks { state, after: Some(key(2)) };
    assert_eq!(cluster.ask(ANN, rest), page(vec![third]));
    let text = "there is no state `done`: erred, memory, no-worker, processing, queued, released, \
                waiting";
    let unknown = Query::Tasks { state: Some("done".to_owned()), after: None };
    let out = cluster.ask(ANN, unknown);
    assert_eq!(out, vec![answer(ANN, QueryAnswer::Unknown(text.to_owned()))]);
}

#[test]
fn many_tasks_come_in_pages() {
    let mut cluster = Cluster::of(&[]);
    let tasks: Vec<_> = (0..700).map(|number| task(number, &[])).collect();
    cluster.submit(ANN, &tasks);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let out = cluster.ask(ANN, Query::Tasks { state: None, after });
        let [Effect::ToClient { message: SchedulerToClient::Answer { answer, .. }, .. }] = &out[..]
        else {
            panic!("{out:?}")
        };
        let QueryAnswer::Tasks { tasks, next } = answer else { panic!("{answer:?}") };
        seen.extend(tasks.iter().map(|task| task.key));
        after = *next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..700).map(key).collect::<Vec<_>>());
}

#[test]
fn what_has_happened_is_told() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.now = cluster.now + Duration::from_secs(2);
    cluster.finish(1, 1, 1);
    cluster.drop_worker(1);
    let line = |ago: u64, from: &str, to: &str, run: Option<u64>, cause: &str| StoryLine {
        ago: ago * 1_000_000_000,
        key: Some(key(1)),
        from: from.to_owned(),
        to: to.to_owned(),
        run: run.map(run_id),
        worker: run.map(|_| "w1".to_owned()),
        cause: cause.to_owned(),
    };
    let of_task = vec![
        line(2, "", "released", None, "submit"),
        line(2, "released", "waiting", None, "submit"),
        line(2, "waiting", "queued", None, "submit"),
        line(2, "queued", "processing", Some(1), "submit"),
        line(0, "processing", "memory", Some(1), "a run finished"),
        line(0, "memory", "waiting", Some(1), "a connection broke"),
        line(0, "waiting", "no-worker", None, "a connection broke"),
    ];
    let out = cluster.ask(ANN, Query::Story(StoryOf::Key(key(1))));
    assert_eq!(out, vec![answer(ANN, QueryAnswer::Story(of_task.clone()))]);
    let own = |ago, to: &str, cause: &str| StoryLine {
        key: None,
        worker: Some(address(1)),
        ..line(ago, "", to, None, cause)
    };
    let of_worker = vec![
        own(2, "registered", "a worker registered"),
        of_task[3].clone(),
        of_task[4].clone(),
        of_task[5].clone(),
        own(0, "away", "a connection broke"),
        own(0, "gone", "a connection broke"),
    ];
    for name in ["w1".to_owned(), address(1)] {
        let out = cluster.ask(ANN, Query::Story(StoryOf::Worker(name)));
        let [Effect::ToClient { message: SchedulerToClient::Answer { answer, .. }, .. }] = &out[..]
        else {
            panic!("{out:?}")
        };
        let QueryAnswer::Story(mut lines) = answer.clone() else { panic!("{answer:?}") };
        // What happens at one time to tasks and to the worker is told in any order.
        lines.sort_by_key(|line| {
            (std::cmp::Reverse(line.ago), of_worker.iter().position(|l| l == line))
        });
        assert_eq!(lines, of_worker);
    }
    let nobody = Query::Story(StoryOf::Worker("w9".to_owned()));
    let text = "there is no worker called `w9`, and none at that address".to_owned();
    assert_eq!(cluster.ask(ANN, nobody), vec![answer(ANN, QueryAnswer::Unknown(text))]);
}
