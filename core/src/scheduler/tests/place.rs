//! Where tasks go: as far as can be seen from outside.

use super::*;

const MIB: u64 = 1 << 20;
/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// A run ends, with a value of so many bytes, after so long.
fn made(cluster: &mut Cluster, task: u64, run: u64, nbytes: u64, duration: u64) {
    let (key, run) = (key(task), run_id(run));
    let message = WorkerMessage::Finished { key, run, nbytes, duration, value: None };
    cluster.reports(1, message);
}

/// The tasks that are given out, each with its worker.
fn given(out: &[Effect]) -> Vec<(u64, u64)> {
    let given = out.iter().filter_map(|effect| match effect {
        Effect::ToWorker { connection, message: SchedulerToWorker::Compute(compute) } => {
            Some((compute.args[0].into(), connection.0 - wire(0).0))
        }
        Effect::ToWorker { .. }
        | Effect::Close { .. }
        | Effect::End
        | Effect::ToClient { .. }
        | Effect::Warn { .. } => None,
    });
    given.collect()
}

/// Two workers of one thread; the first has made a value of so many bytes, in a second. Then two tasks
/// need it: where they go.
fn after_a_value_of(nbytes: u64) -> Vec<(u64, u64)> {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[learned(1, &[])]);
    made(&mut cluster, 1, 1, nbytes, SECOND);
    given(&cluster.submit(ANN, &[learned(2, &[1]), learned(3, &[1])]))
}

#[test]
fn a_worker_is_given_one_more_than_it_has_threads_if_that_does_not_wait_for_long() {
    let given_of = |task: fn(u64, &[u64]) -> NewTask| {
        let tasks: Vec<NewTask> = (1..10).map(|n| task(n, &[])).collect();
        given(&Cluster::of(&[4]).submit(ANN, &tasks))
    };
    assert_eq!(given_of(task), vec![(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)], "90 ms each");
    assert_eq!(
        given_of(learned),
        vec![(1, 1), (2, 1), (3, 1), (4, 1)],
        "half a second for all we know"
    );
}

#[test]
fn a_task_goes_where_its_input_comes_sooner_than_its_holder_is_free() {
    assert_eq!(after_a_value_of(32 * MIB), vec![(2, 1), (3, 2)], "a quarter of a second to move");
}

#[test]
fn a_task_waits_for_the_holder_of_what_is_dearer_to_move() {
    assert_eq!(after_a_value_of(256 * MIB), vec![(2, 1), (3, 1)], "two seconds to move");
}

#[test]
fn what_the_holder_sends_already_counts() {
    let mut cluster = Cluster::of(&[1, 1, 1, 1]);
    cluster.submit(ANN, &[learned(1, &[])]);
    made(&mut cluster, 1, 1, 48 * MIB, SECOND);
    let out = cluster
        .submit(ANN, &[learned(2, &[1]), learned(3, &[1]), learned(4, &[1]), learned(5, &[1])]);
    // Each copy takes three eighths of a second: the third would come after the holder is free.
    assert_eq!(given(&out), vec![(2, 1), (3, 2), (4, 3), (5, 1)]);
}

#[test]
fn a_thief_takes_what_is_cheapest_to_move() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[learned(1, &[]), learned(2, &[])]);
    made(&mut cluster, 1, 1, 32 * MIB, 100 * SECOND);
    made(&mut cluster, 2, 2, 128 * MIB, 100 * SECOND);
    let out = cluster.submit(ANN, &[learned(3, &[1]), learned(4, &[2])]);
    assert_eq!(given(&out), vec![(3, 1), (4, 1)]);
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(2) };
    let recall = SchedulerToWorker::Recall { key: key(3), run: run_id(3) };
    assert_eq!(cluster.join(2, 1), vec![told(2, welcome), told(1, recall)]);
}

#[test]
fn tasks_whose_values_meet_are_made_on_one_worker() {
    let mut cluster = Cluster::of(&[2, 2]);
    let tasks = [task(1, &[]), task(2, &[]), task(3, &[]), task(4, &[])];
    let sums = [task(5, &[1, 2]), task(6, &[3, 4])];
    let out = cluster.submit(ANN, &[&tasks[..], &sums[..]].concat());
    assert_eq!(given(&out), vec![(1, 1), (2, 1), (3, 2), (4, 2)]);
}

#[test]
fn tasks_whose_values_meet_do_not_wait_for_one_worker() {
    let mut cluster = Cluster::of(&[1, 1]);
    let out = cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[1, 2])]);
    assert_eq!(given(&out), vec![(1, 1), (2, 2)]);
}

#[test]
fn tasks_whose_values_meet_everywhere_are_made_everywhere() {
    let mut cluster = Cluster::of(&[2, 2]);
    let pairs = (3..8).map(|number| task(number, &[1, 2]));
    let tasks: Vec<_> = [task(1, &[]), task(2, &[])].into_iter().chain(pairs).collect();
    assert_eq!(given(&cluster.submit(ANN, &tasks)), vec![(1, 1), (2, 2)]);
}
