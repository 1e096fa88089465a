//! What idle workers take of what others have not begun.

use super::*;

fn recall(worker: u32, task: u64, run: u64) -> Effect {
    told(worker, SchedulerToWorker::Recall { key: key(task), run: run_id(run) })
}

fn recalled(
    cluster: &mut Cluster,
    worker: u32,
    (task, run): (u64, u64),
    returned: bool,
) -> Vec<Effect> {
    let (key, run) = (key(task), run_id(run));
    cluster.reports(worker, WorkerMessage::Recalled { key, run, returned })
}

fn joins(cluster: &mut Cluster, worker: u32, nthreads: u32) -> Vec<Effect> {
    let mut out = cluster.join(worker, nthreads);
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(worker) };
    assert_eq!(out.remove(0), told(worker, welcome));
    out
}

/// Worker 1 has tasks 1 and 2, of which nobody knows how long they take, and one thread; worker 2 has
/// just come, and is to have task 2.
fn robbed(spec: SpecId) -> Cluster {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task_of(spec, 2, &[])]);
    assert_eq!(joins(&mut cluster, 2, 1), vec![recall(1, 2, 2)]);
    cluster
}

#[test]
fn a_worker_that_comes_late_gets_what_has_not_begun() {
    let mut cluster = robbed(PLAIN);
    let out = recalled(&mut cluster, 1, (2, 2), true);
    assert_eq!(out, vec![define(2, PLAIN), compute(2, run_of(2, 3, &[]))]);
    let says = cluster.scheduler.explain(key(2));
    assert!(says.ends_with("the 2. attempt; moved once, before it began"), "{says}");
}

#[test]
fn what_has_begun_stays_and_is_not_asked_for_again() {
    let mut cluster = robbed(PLAIN);
    let says = cluster.scheduler.explain(key(2));
    assert!(says.ends_with("asked back for w2, which would begin it sooner"), "{says}");
    // Worker 1 has begun task 2 first: task 1 is all that is left to be asked for.
    assert_eq!(recalled(&mut cluster, 1, (2, 2), false), vec![recall(1, 1, 1)]);
    assert_eq!(recalled(&mut cluster, 1, (1, 1), false), vec![]);
    assert_eq!(
        cluster.finish(1, 2, 2),
        vec![tells(ANN, introduced(1)), tells(ANN, in_memory(2, 2, 1))]
    );
}

#[test]
fn what_nobody_asked_for_is_not_taken_back() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(recalled(&mut cluster, 1, (1, 1), true), vec![]);
    assert_eq!(
        cluster.finish(1, 1, 1),
        vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))]
    );
}

#[test]
fn a_task_that_ends_before_it_is_asked_for_is_done() {
    let mut cluster = robbed(PLAIN);
    let done = vec![tells(ANN, introduced(1)), tells(ANN, in_memory(2, 2, 1))];
    assert_eq!(cluster.finish(1, 2, 2), done);
    assert_eq!(recalled(&mut cluster, 1, (2, 2), true), vec![], "it is no run any more");
}

#[test]
fn what_may_run_only_once_may_move_before_it_has_begun() {
    let mut cluster = robbed(ONCE);
    let out = recalled(&mut cluster, 1, (2, 2), true);
    let moved = Compute { spec: ONCE, ..run_of(2, 3, &[]) };
    assert_eq!(out, vec![define(2, ONCE), compute(2, moved)]);
    let out = cluster.drop_worker(2);
    assert!(matches!(
        &out[..],
        [Effect::ToClient { message: SchedulerToClient::Erred { .. }, .. }]
    ));
}

#[test]
fn a_task_comes_back_to_its_worker_if_the_one_that_was_to_have_it_is_gone() {
    let mut cluster = robbed(PLAIN);
    assert_eq!(cluster.drop_worker(2), vec![]);
    assert_eq!(recalled(&mut cluster, 1, (2, 2), true), vec![compute(1, run_of(2, 3, &[]))]);
}

#[test]
fn nothing_comes_back_from_a_worker_that_is_gone() {
    let mut cluster = robbed(PLAIN);
    let again = |n, run| Compute { announce: true, ..run_of(n, run, &[]) };
    let out = cluster.drop_worker(1);
    assert_eq!(out, vec![define(2, PLAIN), compute(2, again(1, 3)), compute(2, again(2, 4))]);
}

#[test]
fn nobody_gets_what_only_others_may_run() {
    let mut cluster = Cluster::of(&[4, 1]);
    cluster.submit(ANN, &[task_of(ONLY_W2, 1, &[]), task_of(ONLY_W2, 2, &[])]);
    assert_eq!(joins(&mut cluster, 3, 1), vec![]);
}

#[test]
fn what_a_task_takes_of_its_worker_moves_with_it() {
    let mut cluster = Cluster::of(&[1, 1, 1]);
    cluster.drop_worker(2);
    cluster.submit(ANN, &[task_of(GREEDY, 1, &[]), task_of(GREEDY, 2, &[])]);
    assert_eq!(joins(&mut cluster, 4, 1), vec![recall(3, 2, 2)]);
    let out = recalled(&mut cluster, 3, (2, 2), true);
    let moved = Compute { spec: GREEDY, ..run_of(2, 3, &[]) };
    assert_eq!(out, vec![define(4, GREEDY), compute(4, moved)]);
}

#[test]
fn short_tasks_stay_where_they_are() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[learned(1, &[])]);
    let (key, run) = (key(1), run_id(1));
    let message = WorkerMessage::Finished { key, run, nbytes: 8, duration: 10_000, value: None };
    cluster.reports(1, message);
    cluster.submit(ANN, &(2..100).map(|n| learned(n, &[])).collect::<Vec<_>>());
    assert_eq!(joins(&mut cluster, 2, 1), vec![]);
}

#[test]
fn what_is_dearer_to_move_than_to_leave_stays() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let (key, run) = (key(1), run_id(1));
    // Half a second to move, and 20 ms to compute.
    let (nbytes, duration) = (500_000_000, 20_000_000);
    cluster.reports(1, WorkerMessage::Finished { key, run, nbytes, duration, value: None });
    cluster.submit(ANN, &[task(2, &[1]), task(3, &[1]), task(4, &[1])]);
    assert_eq!(joins(&mut cluster, 2, 1), vec![]);
}

#[test]
fn durations_that_a_worker_made_up_add_up_all_the_same() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(9, &[])]);
    let (key, run) = (key(9), run_id(1));
    let lie = WorkerMessage::Finished { key, run, nbytes: 8, duration: u64::MAX, value: None };
    cluster.reports(1, lie);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    assert_eq!(joins(&mut cluster, 2, 1), vec![recall(1, 2, 3)]);
}
