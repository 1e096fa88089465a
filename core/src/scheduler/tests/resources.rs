//! What tasks take of their workers, which workers may run them, and how often.

use super::*;

fn run_as(spec: SpecId, number: u64, run: u64) -> Compute {
    Compute { spec, ..run_of(number, run, &[]) }
}

#[test]
fn a_task_waits_until_a_worker_has_what_it_takes_and_holds_up_nobody() {
    let mut cluster = Cluster::of(&[1, 4]);
    let out = cluster.submit(ANN, &[task_of(GREEDY, 1, &[]), task_of(GREEDY, 2, &[])]);
    assert_eq!(out, vec![define(2, GREEDY), compute(2, run_as(GREEDY, 1, 1))]);
    let out = cluster.submit(ANN, &[task(3, &[])]);
    assert_eq!(out, vec![define(1, PLAIN), compute(1, run_of(3, 2, &[]))]);
    let why = "1-2 is ready and waits until a worker that may run it has gpu 1.5000 left";
    assert_eq!(cluster.scheduler.explain(key(2)), why);
    let out = cluster.finish(2, 1, 1);
    assert_eq!(out[2], compute(2, run_as(GREEDY, 2, 3)));
}

#[test]
fn what_a_task_took_is_given_back_however_it_ends() {
    let next = compute(2, run_as(GREEDY, 2, 2));
    let ends: [fn(&mut Cluster) -> Vec<Effect>; 4] = [
        |cluster| cluster.finish(2, 1, 1),
        |cluster| cluster.fail(2, 1, 1),
        |cluster| cluster.release(ANN, &[1]),
        |cluster| cluster.cancel(ANN, 1),
    ];
    for end in ends {
        let mut cluster = Cluster::of(&[1, 4]);
        cluster.submit(ANN, &[task_of(GREEDY, 1, &[]), task_of(GREEDY, 2, &[])]);
        assert_eq!(end(&mut cluster).last(), Some(&next));
    }
}

#[test]
fn a_task_that_takes_more_than_any_worker_has_says_so() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(GREEDY, 1, &[])]);
    let why = "1-1 waits for a worker: it takes gpu 1.5000, and no worker has so much";
    assert_eq!(cluster.scheduler.explain(key(1)), why);
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(2) };
    let begun = vec![told(2, welcome), define(2, GREEDY), compute(2, run_as(GREEDY, 1, 1))];
    assert_eq!(cluster.join(2, 1), begun);
}

#[test]
fn workers_that_are_preferred_run_a_task_while_they_are_there() {
    let mut cluster = Cluster::of(&[4]);
    let out = cluster.submit(ANN, &[task_of(RATHER_W2, 1, &[])]);
    assert_eq!(out, vec![define(1, RATHER_W2), compute(1, run_as(RATHER_W2, 1, 1))]);
    cluster.join(2, 1);
    let out = cluster.submit(ANN, &[task_of(RATHER_W2, 2, &[]), task_of(RATHER_W2, 3, &[])]);
    let both = vec![
        define(2, RATHER_W2),
        compute(2, run_as(RATHER_W2, 2, 2)),
        compute(2, run_as(RATHER_W2, 3, 3)),
    ];
    assert_eq!(out, both);
    assert_eq!(cluster.submit(ANN, &[task_of(RATHER_W2, 4, &[])]), vec![], "it waits for its turn");
}

#[test]
fn a_host_names_all_its_workers() {
    let mut cluster = Cluster::of(&[1]);
    let options = TaskOptions { workers: vec!["far".to_owned()], ..TaskOptions::default() };
    let spec = TaskSpec { options, ..specs()[0].clone() };
    cluster.says(ANN, ClientMessage::Define { id: SpecId(9), spec });
    let text = "1-1 waits for a worker: it may only run on far, which are not connected or do not \
                offer it";
    let warned = vec![Effect::Warn { text: text.to_owned() }];
    assert_eq!(cluster.submit(ANN, &[task_of(SpecId(9), 1, &[])]), warned);
    cluster.dial(2);
    let far = Registration { address: "tcp://far:7".to_owned(), ..registration(2, 1) };
    let out = cluster.reports(2, WorkerMessage::Register(far));
    assert_eq!(out[2], compute(2, run_as(SpecId(9), 1, 1)));
}

#[test]
fn what_must_run_at_most_once_fails_when_it_may_have_run() {
    let (last_worker, reason) = (address(1), PeerError::Away.to_string());
    let died = Arc::new(Failure::WorkerDied { deaths: 1, last_worker, reason });
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(ONCE, 1, &[])]);
    assert_eq!(cluster.drop_worker(1), vec![tells(ANN, erred(1, 1, &died))]);

    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(ONCE, 1, &[])]);
    let failure = broke("tcp://w1:1", 1);
    assert_eq!(cluster.fail(1, 1, 1), vec![tells(ANN, erred(1, 1, &failure))], "no retries");

    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(ONCE, 1, &[])]);
    cluster.finish(1, 1, 1);
    let gone = lost("1-1 may have run already, and must run at most once");
    assert_eq!(cluster.drop_worker(1), vec![tells(ANN, erred(1, 1, &gone))]);
    // Somebody may wish it all the same.
    cluster.join(2, 1);
    let keys = vec![key(1)];
    let out = cluster.says(ANN, ClientMessage::Retry { keys });
    let again = vec![tells(ANN, recomputing(1)), define(2, ONCE), compute(2, run_as(ONCE, 1, 2))];
    assert_eq!(out, again);
}
