//! Failures that are taken back, and tasks that outlive those who want them.

use super::*;

fn retry(cluster: &mut Cluster, client: ConnectionId, tasks: &[u64]) -> Vec<Effect> {
    let keys = tasks.iter().copied().map(key).collect();
    cluster.says(client, ClientMessage::Retry { keys })
}

fn detach(cluster: &mut Cluster, client: ConnectionId, task: u64) -> Vec<Effect> {
    cluster.says(client, ClientMessage::Detach { keys: vec![key(task)] })
}

#[test]
fn what_failed_first_runs_again_and_so_does_all_that_failed_because_of_it() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    cluster.borrow(&[2], &[task(3, &[2])]);
    cluster.fail(1, 1, 1);
    let all = vec![
        tells(ANN, recomputing(1)),
        tells(ANN, recomputing(2)),
        tells(BOB, recomputing(3)),
        compute(1, run_of(1, 2, &[])),
    ];
    assert_eq!(retry(&mut cluster, ANN, &[2]), all);
    let (told, next) = (tells(ANN, introduced(1)), run_of(2, 3, &[input(1, 2, &[1])]));
    let out = cluster.finish(1, 1, 2);
    assert_eq!(out, vec![told, tells(ANN, in_memory(1, 2, 1)), compute(1, next)]);
}

#[test]
fn a_failure_of_another_root_stays() {
    let mut cluster = Cluster::of(&[2]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[1, 2])]);
    cluster.fail(1, 1, 1);
    cluster.fail(1, 2, 2);
    let again = vec![tells(ANN, recomputing(2)), compute(1, run_of(2, 3, &[]))];
    assert_eq!(retry(&mut cluster, ANN, &[2]), again);
    // Both roots of the third are retried with it; one is on its way already.
    let rest =
        vec![tells(ANN, recomputing(1)), tells(ANN, recomputing(3)), compute(1, run_of(1, 4, &[]))];
    assert_eq!(retry(&mut cluster, ANN, &[3]), rest);
}

#[test]
fn a_root_that_nobody_wants_is_run_for_those_who_want_what_needs_it() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    cluster.release(ANN, &[1]);
    cluster.fail(1, 1, 1);
    let again = vec![tells(ANN, recomputing(2)), compute(1, run_of(1, 2, &[]))];
    assert_eq!(retry(&mut cluster, ANN, &[2]), again);
}

#[test]
fn a_retried_task_may_fail_as_often_as_a_new_one() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(RETRIED, 1, &[])]);
    cluster.fail(1, 1, 1);
    cluster.fail(1, 1, 2);
    let run = |run| compute(1, Compute { spec: RETRIED, ..run_of(1, run, &[]) });
    assert_eq!(retry(&mut cluster, ANN, &[1]), vec![tells(ANN, recomputing(1)), run(3)]);
    assert_eq!(cluster.fail(1, 1, 3), vec![run(4)]);
    let failure = broke("tcp://w1:1", 4);
    assert_eq!(cluster.fail(1, 1, 4), vec![tells(ANN, erred(1, 1, &failure))]);
}

#[test]
fn what_has_not_failed_is_told_of_and_not_run_again() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    cluster.finish(1, 1, 1);
    let reason = "1-9 is not known to the scheduler, or not to be wanted";
    let told = vec![tells(ANN, erred(9, 9, &lost(reason))), tells(ANN, in_memory(1, 1, 1))];
    assert_eq!(retry(&mut cluster, ANN, &[1, 2, 9]), told);
}

#[test]
fn what_cannot_be_run_again_stays_failed() {
    let mut cluster = Cluster::of(&[1]);
    let unknown = lost("it depends on 1-9, which is not known, or is no more");
    cluster.submit(ANN, &[task(1, &[9]), task(2, &[1])]);
    let told = vec![tells(ANN, erred(2, 9, &unknown)), tells(ANN, erred(1, 9, &unknown))];
    assert_eq!(retry(&mut cluster, ANN, &[2, 1]), told);

    cluster.submit(ANN, &[task_of(DATA, 3, &[]), task(4, &[3])]);
    cluster.finish(1, 3, 1);
    let gone = "the scattered value of 1-3 is lost: the only worker that held it is gone; scatter \
                it again";
    assert_eq!(cluster.drop_worker(1)[0], tells(ANN, erred(3, 3, &lost(gone))));
    assert_eq!(retry(&mut cluster, ANN, &[4]), vec![tells(ANN, erred(4, 3, &lost(gone)))]);
}

#[test]
fn a_cancelled_task_can_be_retried() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.cancel(ANN, 1);
    let again = vec![tells(ANN, recomputing(1)), compute(1, run_of(1, 2, &[]))];
    assert_eq!(retry(&mut cluster, ANN, &[1]), again);
    // And once more, by somebody who had it before and called it off.
    cluster.submit(BOB, &[task(1, &[])]);
    cluster.cancel(BOB, 1);
    cluster.cancel(ANN, 1);
    let again =
        vec![tells(ANN, recomputing(1)), tells(BOB, recomputing(1)), compute(1, run_of(1, 3, &[]))];
    assert_eq!(retry(&mut cluster, BOB, &[1]), again);
}

#[test]
fn who_called_off_what_goes_on_for_others_can_want_it_again() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.submit(BOB, &[task(1, &[])]);
    let called_off = Arc::new(Failure::Cancelled);
    assert_eq!(cluster.cancel(BOB, 1), vec![tells(BOB, erred(1, 1, &called_off))]);
    assert_eq!(retry(&mut cluster, BOB, &[1]), vec![tells(BOB, recomputing(1))]);
    // The same if it is done before that is heard.
    assert_eq!(cluster.cancel(BOB, 1), vec![tells(BOB, erred(1, 1, &called_off))]);
    cluster.finish(1, 1, 1);
    let done =
        vec![tells(BOB, recomputing(1)), tells(BOB, introduced(1)), tells(BOB, in_memory(1, 1, 1))];
    assert_eq!(retry(&mut cluster, BOB, &[1]), done);
}

#[test]
fn a_detached_task_ends_whoever_leaves_and_is_kept_by_nobody() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    assert_eq!(detach(&mut cluster, ANN, 2), vec![]);
    assert_eq!(cluster.hang_up(ANN), vec![]);
    let next = run_of(2, 2, &[input(1, 1, &[1])]);
    assert_eq!(cluster.finish(1, 1, 1), vec![compute(1, next)]);
    assert_eq!(cluster.finish(1, 2, 2), vec![free(1, 1, 1), free(1, 2, 2)]);
    assert_eq!(cluster.scheduler.tasks(), 0);
}

#[test]
fn a_detached_task_that_fails_is_forgotten() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    detach(&mut cluster, ANN, 1);
    assert_eq!(cluster.release(ANN, &[1]), vec![]);
    assert_eq!(cluster.fail(1, 1, 1), vec![]);
    assert_eq!(cluster.scheduler.tasks(), 0);
}

#[test]
fn only_what_is_on_its_way_and_ones_own_is_detached() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(detach(&mut cluster, ANN, 1), vec![]);
    assert_eq!(detach(&mut cluster, BOB, 2), vec![]);
    assert_eq!(cluster.hang_up(ANN), vec![free(1, 1, 1), free(1, 2, 2)]);
    assert_eq!(cluster.scheduler.tasks(), 0);
}
