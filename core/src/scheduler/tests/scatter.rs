//! Scattered data: values that a client sends, and that cannot be computed.

use super::*;

/// What a worker is told of scattered data, and the client who has it.
fn placed(worker: u32, task: u64, run: u64) -> Vec<Effect> {
    let (key, id) = (key(task), run_id(run));
    let send = SchedulerToClient::Send { key, run: id, worker: WorkerId(worker) };
    let receive = Compute { spec: DATA, ..run_of(task, run, &[]) };
    vec![
        define(worker, DATA),
        compute(worker, receive),
        tells(ANN, introduced(worker)),
        tells(ANN, send),
    ]
}

fn gone(task: u64, reason: &str) -> Arc<Failure> {
    lost(&format!("the scattered value of 1-{task} is lost: {reason}; scatter it again"))
}

#[test]
fn the_client_is_told_where_to_send_its_data_and_dependents_wait_for_it() {
    let mut cluster = Cluster::of(&[1]);
    let out = cluster.submit(ANN, &[task_of(DATA, 1, &[]), task(2, &[1])]);
    assert_eq!(out, placed(1, 1, 1));
    let arrived = vec![
        tells(ANN, in_memory(1, 1, 1)),
        define(1, PLAIN),
        compute(1, run_of(2, 2, &[input(1, 1, &[1])])),
    ];
    assert_eq!(cluster.finish(1, 1, 1), arrived);
}

#[test]
fn data_that_is_on_its_way_takes_no_room() {
    let mut cluster = Cluster::of(&[1]);
    let data = [1, 2, 3].map(|number| task_of(DATA, number, &[]));
    let runs = cluster.submit(ANN, &data).into_iter().filter(|effect| {
        matches!(effect, Effect::ToWorker { message: SchedulerToWorker::Compute(_), .. })
    });
    assert_eq!(runs.count(), 3);
}

#[test]
fn data_does_not_wait_until_a_worker_has_room() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[])]);
    assert_eq!(cluster.submit(ANN, &[task_of(DATA, 4, &[])]), placed(1, 4, 3));
}

#[test]
fn data_whose_client_goes_first_is_lost_to_all() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(DATA, 1, &[])]);
    cluster.borrow(&[1], &[task(2, &[1])]);
    let failure = gone(1, "the client that had it went before it was sent");
    let out = cluster.hang_up(ANN);
    assert_eq!(out, vec![free(1, 1, 1), tells(BOB, erred(2, 1, &failure))]);
}

#[test]
fn data_whose_worker_dies_before_it_arrives_is_sent_to_another() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task_of(DATA, 1, &[])]);
    let mut again = placed(2, 1, 2);
    again[1] = compute(2, Compute { spec: DATA, announce: true, ..run_of(1, 2, &[]) });
    assert_eq!(cluster.drop_worker(1), again);
}

#[test]
fn data_of_which_the_only_holder_is_gone_is_lost_and_so_are_dependents() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task_of(DATA, 1, &[]), task(2, &[1])]);
    cluster.finish(1, 1, 1);
    let failure = gone(1, "the only worker that held it is gone");
    let out = cluster.drop_worker(1);
    assert_eq!(out, vec![tells(ANN, erred(1, 1, &failure)), tells(ANN, erred(2, 1, &failure))]);
}

#[test]
fn data_with_another_copy_outlives_its_worker() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task_of(DATA, 1, &[])]);
    cluster.finish(1, 1, 1);
    cluster.fetch(2, 1, 1);
    assert_eq!(cluster.drop_worker(1), vec![]);
    let out = cluster.locate(ANN, 1, Some(1));
    assert_eq!(out, vec![tells(ANN, introduced(2)), tells(ANN, in_memory(1, 1, 2))]);
}

#[test]
fn data_that_was_released_is_lost_to_a_dependent_that_must_be_computed_again() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task_of(DATA, 1, &[]), task(2, &[1])]);
    cluster.finish(1, 1, 1);
    assert_eq!(cluster.release(ANN, &[1]), vec![]);
    let out = cluster.finish(1, 2, 2);
    assert_eq!(out, vec![tells(ANN, in_memory(2, 2, 1)), free(1, 1, 1)]);
    let failure = gone(1, "it was released");
    assert_eq!(cluster.drop_worker(1), vec![tells(ANN, erred(2, 1, &failure))]);
}

#[test]
fn a_worker_that_could_not_take_the_data_fails_it() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(DATA, 1, &[])]);
    let failure = broke("tcp://w1:1", 1);
    assert_eq!(cluster.fail(1, 1, 1), vec![tells(ANN, erred(1, 1, &failure))]);
}
