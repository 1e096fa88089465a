//! Tasks that follow their inputs to a worker before these are made. The random policy does this by
//! chance, and the tests of the mechanism look for a seed with which it does; the other one does it
//! with short tasks, which it knows when one of their kind has finished.

use super::*;

/// Worker 1 of one has task 1, which the client does not want, and task 2, which needs it.
fn follower() -> Cluster {
    (0..100)
        .find_map(|seed| {
            let config = Config { policy: Policy::Random, seed, ..Config::default() };
            let mut cluster = Cluster::with(config, &[1]);
            let out = cluster.submit(ANN, &[task_of(RETRIED, 1, &[]), task(2, &[1])]);
            cluster.release(ANN, &[1]);
            let not_made_yet = Input { nbytes: 0, ..input(1, 1, &[]) };
            let both = vec![
                define(1, RETRIED),
                compute(1, Compute { spec: RETRIED, ..run_of(1, 1, &[]) }),
                define(1, PLAIN),
                compute(1, run_of(2, 2, &[not_made_yet])),
            ];
            (out == both).then_some(cluster)
        })
        .expect("one of two tasks follows")
}

#[test]
fn the_follower_runs_when_its_input_is_there_without_another_word() {
    let mut cluster = follower();
    assert_eq!(cluster.finish(1, 1, 1), vec![]);
    let out = cluster.finish(1, 2, 2);
    let done = vec![tells(ANN, introduced(1)), tells(ANN, in_memory(2, 2, 1)), free(1, 1, 1)];
    assert_eq!(out, done);
}

#[test]
fn the_follower_is_withdrawn_when_its_input_is_to_run_again() {
    let mut cluster = follower();
    let out = cluster.fail(1, 1, 1);
    assert_eq!(out[0], free(1, 2, 2));
    let again = Compute { spec: RETRIED, ..run_of(1, 3, &[]) };
    assert_eq!(out[1], compute(1, again));
}

#[test]
fn the_follower_is_withdrawn_when_its_input_fails() {
    let mut cluster = follower();
    let (key, run, failure) = (key(1), run_id(1), broke("", 0));
    let blame = Some(key);
    let message = WorkerMessage::Failed { key, run, blame, failure: Arc::clone(&failure) };
    let out = cluster.reports(1, message);
    assert_eq!(out, vec![free(1, 2, 2), tells(ANN, erred(2, 1, &failure))]);
}

#[test]
fn the_follower_takes_its_input_along_when_it_is_released() {
    let mut cluster = follower();
    assert_eq!(cluster.release(ANN, &[2]), vec![free(1, 2, 2), free(1, 1, 1)]);
    assert_eq!(cluster.scheduler.tasks(), 0);
}

#[test]
fn an_input_that_is_named_twice_is_followed_once() {
    for seed in 0..20 {
        let config = Config { policy: Policy::Random, seed, ..Config::default() };
        let mut cluster = Cluster::with(config, &[1]);
        let out = cluster.submit(ANN, &[task(1, &[]), task(2, &[1, 1])]);
        let runs = out.iter().filter(|effect| {
            matches!(effect, Effect::ToWorker { message: SchedulerToWorker::Compute(_), .. })
        });
        assert!((1..=2).contains(&runs.count()), "{out:?}");
    }
}

/// Workers, of which one has finished a task of `nanos`, as all others of its kind are thought to be.
fn after_one_of(nanos: u64, threads: &[u32]) -> Cluster {
    let mut cluster = Cluster::with(Config::default(), threads);
    cluster.submit(ANN, &[learned(100, &[])]);
    let (key, run) = (key(100), run_id(1));
    let message = WorkerMessage::Finished { key, run, nbytes: 8, duration: nanos, value: None };
    cluster.reports(1, message);
    cluster
}

/// The tasks that were sent, each with its worker.
fn sent(out: &[Effect]) -> Vec<(u64, Key)> {
    let runs = out.iter().filter_map(|effect| match effect {
        Effect::ToWorker { connection, message: SchedulerToWorker::Compute(run) } => {
            Some((connection.0 - wire(0).0, run.key))
        }
        Effect::Close { .. }
        | Effect::End
        | Effect::ToClient { .. }
        | Effect::ToWorker { .. }
        | Effect::Warn { .. } => None,
    });
    runs.collect()
}

#[test]
fn a_chain_of_short_tasks_goes_to_one_worker_at_once() {
    let mut cluster = after_one_of(10_000, &[1, 1]);
    let out = cluster.submit(ANN, &[learned(1, &[]), learned(2, &[1]), learned(3, &[2])]);
    let worker = sent(&out)[0].0;
    assert_eq!(sent(&out), [(worker, key(1)), (worker, key(2)), (worker, key(3))]);
}

#[test]
fn a_chain_of_long_tasks_goes_link_by_link() {
    let mut cluster = after_one_of(20_000_000, &[1, 1]);
    let out = cluster.submit(ANN, &[learned(1, &[]), learned(2, &[1])]);
    assert_eq!(sent(&out).len(), 1);
}

#[test]
fn of_two_that_need_a_short_task_only_the_first_follows_it() {
    let mut cluster = after_one_of(10_000, &[1, 1]);
    let out = cluster.submit(ANN, &[learned(1, &[]), learned(2, &[1]), learned(3, &[1])]);
    let worker = sent(&out)[0].0;
    assert_eq!(sent(&out), [(worker, key(1)), (worker, key(2))]);
}

#[test]
fn no_more_follow_than_a_worker_does_in_a_while() {
    let mut cluster = after_one_of(5_000_000, &[1]);
    let chain: Vec<_> = (1..=9).map(|n| learned(n, &[n - 1][usize::from(n == 1)..])).collect();
    let out = cluster.submit(ANN, &chain);
    assert_eq!(sent(&out).len(), 4, "20 ms of work");
    let out = cluster.finish(1, 1, 2);
    assert_eq!(sent(&out), [], "the others wait for their inputs");
}

#[test]
fn a_task_whose_inputs_are_too_large_already_follows_nobody() {
    for seed in 0..100 {
        let config = Config { policy: Policy::Random, seed, ..Config::default() };
        let mut cluster = Cluster::with(config, &[1]);
        cluster.submit(ANN, &[task(1, &[])]);
        let (key, run, nbytes, value) = (key(1), run_id(1), 2 << 30, None);
        let duration = 20_000_000;
        cluster.reports(1, WorkerMessage::Finished { key, run, nbytes, duration, value });
        let out = cluster.submit(ANN, &[task(2, &[]), task(3, &[1, 2])]);
        assert_eq!(out, vec![compute(1, run_of(2, 2, &[]))], "seed {seed}");
    }
}
