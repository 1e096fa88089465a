//! Runs that submit tasks of their own.

use super::*;

/// The run defines its first spec.
fn speaks_up(cluster: &mut Cluster, worker: u32, task: u64, run: u64) -> Vec<Effect> {
    let [spec, ..] = specs();
    cluster.run_says(worker, task, run, ClientMessage::Define { id: PLAIN, spec })
}

/// The run of task 1 on worker 1 submits tasks.
fn submits(cluster: &mut Cluster, run: u64, tasks: &[NewTask]) -> Vec<Effect> {
    let message = ClientMessage::Submit { submission: 1, tasks: tasks.to_vec() };
    cluster.run_says(1, 1, run, message)
}

/// The run of a task that another run submitted.
fn child(number: u64, run: u64, depth: i16, submission: u64) -> Compute {
    let order = u32::try_from(number).unwrap();
    let priority =
        Priority { nesting: -depth, submission, order, client: 1, ..Priority::default() };
    Compute { priority, ..run_of(number, run, &[]) }
}

/// Task 1 runs on worker 1 and has submitted task 2, which runs there too.
fn parent_and_child(threads: &[u32]) -> Cluster {
    parent_and_child_in(Cluster::of(threads))
}

fn parent_and_child_in(mut cluster: Cluster) -> Cluster {
    cluster.submit(ANN, &[task_of(RETRIED, 1, &[])]);
    speaks_up(&mut cluster, 1, 1, 1);
    let out = submits(&mut cluster, 1, &[task(2, &[])]);
    assert_eq!(out, vec![define(1, PLAIN), compute(1, child(2, 2, 1, 2))]);
    cluster
}

#[test]
fn a_run_is_told_of_what_it_submitted() {
    let mut cluster = parent_and_child(&[1]);
    let news = vec![to_run(1, 1, introduced(1)), to_run(1, 1, in_memory(2, 2, 1))];
    assert_eq!(cluster.finish(1, 2, 2), news);
}

#[test]
fn a_run_is_told_of_failures() {
    let mut cluster = parent_and_child(&[1]);
    let failure = broke("tcp://w1:1", 1);
    assert_eq!(cluster.fail(1, 2, 2), vec![to_run(1, 1, erred(2, 2, &failure))]);
}

#[test]
fn what_a_run_wants_ends_with_it() {
    let mut cluster = parent_and_child(&[1]);
    let out = cluster.finish(1, 1, 1);
    let done = vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1)), free(1, 2, 2)];
    assert_eq!(out, done);
}

#[test]
fn what_a_run_wants_ends_when_it_is_called_off() {
    let mut cluster = parent_and_child(&[1]);
    assert_eq!(cluster.release(ANN, &[1]), vec![free(1, 1, 1), free(1, 2, 2)]);
    assert_eq!(cluster.scheduler.tasks(), 0);
}

#[test]
fn a_retry_starts_with_nothing_submitted() {
    let mut cluster = parent_and_child(&[1]);
    let again = Compute { spec: RETRIED, ..run_of(1, 3, &[]) };
    assert_eq!(cluster.fail(1, 1, 1), vec![free(1, 2, 2), compute(1, again)]);
    let out = submits(&mut cluster, 3, &[task(2, &[])]);
    assert_eq!(out[0], close(wire(1), PeerError::UnknownSpec), "it has defined nothing");
}

#[test]
fn what_a_run_wants_ends_with_its_worker() {
    let mut cluster = parent_and_child(&[1]);
    cluster.submit(BOB, &[task(9, &[])]);
    submits(&mut cluster, 1, &[task(9, &[])]);
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(2) };
    let asked = SchedulerToWorker::Recall { key: key(9), run: run_id(3) };
    assert_eq!(cluster.join(2, 1), vec![told(2, welcome), told(1, asked)]);
    let parent = Compute { spec: RETRIED, announce: true, ..run_of(1, 4, &[]) };
    let again = vec![define(2, RETRIED), compute(2, parent)];
    assert_eq!(cluster.drop_worker(1), again);
    assert_eq!(cluster.scheduler.tasks(), 2, "task 2 is not wanted any more, 9 waits for its turn");
}

#[test]
fn what_a_run_wanted_and_had_is_not_made_again_when_both_go_with_their_worker() {
    for seed in 0..8 {
        let worker_grace = Duration::ZERO;
        let config = Config { policy: Policy::Random, seed, worker_grace, ..Config::default() };
        let mut cluster = parent_and_child_in(Cluster::with(config, &[1]));
        cluster.finish(1, 2, 2);
        let welcome = SchedulerToWorker::Registered { worker: WorkerId(2) };
        assert_eq!(cluster.join(2, 1), vec![told(2, welcome)]);
        let parent = Compute { spec: RETRIED, announce: true, ..run_of(1, 3, &[]) };
        assert_eq!(cluster.drop_worker(1), vec![define(2, RETRIED), compute(2, parent)]);
    }
}

#[test]
fn what_somebody_else_wants_outlives_the_run() {
    let mut cluster = parent_and_child(&[1]);
    assert_eq!(cluster.submit(BOB, &[task(2, &[])]), vec![]);
    let out = cluster.finish(1, 1, 1);
    assert_eq!(out, vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))]);
    let out = cluster.finish(1, 2, 2);
    assert_eq!(out, vec![tells(BOB, introduced(1)), tells(BOB, in_memory(2, 2, 1))]);
}

#[test]
fn children_of_children_go_first() {
    let mut cluster = parent_and_child(&[1]);
    speaks_up(&mut cluster, 1, 2, 2);
    let tasks = vec![task(3, &[])];
    let out = cluster.run_says(1, 2, 2, ClientMessage::Submit { submission: 1, tasks });
    assert_eq!(out, vec![compute(1, child(3, 3, 2, 3))]);
}

#[test]
fn a_run_that_submits_takes_no_room_and_its_children_go_before_its_siblings() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[1, 2, 3, 4].map(|number| task(number, &[])));
    assert_eq!(speaks_up(&mut cluster, 1, 1, 1), vec![compute(1, run_of(3, 3, &[]))]);
    assert_eq!(submits(&mut cluster, 1, &[task(5, &[])]), vec![]);
    let out = cluster.finish(1, 2, 2);
    let next = vec![
        tells(ANN, introduced(1)),
        tells(ANN, in_memory(2, 2, 1)),
        compute(1, child(5, 4, 1, 2)),
    ];
    assert_eq!(out, next);
}

#[test]
fn a_child_may_depend_on_what_the_client_submitted() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    speaks_up(&mut cluster, 1, 1, 1);
    cluster.finish(1, 2, 2);
    let inputs = [input(2, 2, &[1])].into_iter().collect();
    let out = submits(&mut cluster, 1, &[task(3, &[2])]);
    assert_eq!(out, vec![compute(1, Compute { inputs, ..child(3, 3, 1, 2) })]);
}

#[test]
fn a_run_scatters() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let [_, _, spec, ..] = specs();
    cluster.run_says(1, 1, 1, ClientMessage::Define { id: PLAIN, spec });
    let out = submits(&mut cluster, 1, &[task(2, &[])]);
    let (key, run) = (key(2), run_id(2));
    let send = SchedulerToClient::Send { key, run, worker: WorkerId(1) };
    let placed = vec![
        define(1, DATA),
        compute(1, Compute { spec: DATA, ..child(2, 2, 1, 2) }),
        to_run(1, 1, introduced(1)),
        to_run(1, 1, send),
    ];
    assert_eq!(out, placed);
}
