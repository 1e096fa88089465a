//! Who goes first: the client that has had less; of its tasks, the higher priority, then the earlier
//! submission, then the smaller order.

use super::*;

/// Two tasks that keep the only worker busy, and a queue behind them.
fn busy() -> Cluster {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    cluster
}

fn with(priority: i32, order: u32, number: u64) -> NewTask {
    NewTask { priority, order, ..task(number, &[]) }
}

/// The order in which queued tasks are given out, as the worker finishes what it was given.
fn order_of_queue(cluster: &mut Cluster) -> Vec<Key> {
    order_after(cluster, [1, 2])
}

/// The same, if it was given the first runs of these.
fn order_after(cluster: &mut Cluster, first: [u64; 2]) -> Vec<Key> {
    let mut given: Vec<_> = first.map(|number| (key(number), run_id(number))).into();
    for next in 0.. {
        let Some(&(key, run)) = given.get(next) else { break };
        let (nbytes, duration, value) = (8, 90_000_000, None);
        let finished = WorkerMessage::Finished { key, run, nbytes, duration, value };
        for effect in cluster.reports(1, finished) {
            if let Effect::ToWorker { message: SchedulerToWorker::Compute(compute), .. } = effect {
                given.push((compute.key, compute.run));
            }
        }
    }
    given.into_iter().skip(2).map(|(key, _)| key).collect()
}

#[test]
fn a_higher_priority_goes_first() {
    let mut cluster = busy();
    let tasks =
        [with(0, 3, 3), with(-1, 4, 4), with(7, 5, 5), with(i32::MIN, 6, 6), with(i32::MAX, 7, 7)];
    cluster.submit(ANN, &tasks);
    assert_eq!(order_of_queue(&mut cluster), [7, 5, 3, 4, 6].map(key));
}

#[test]
fn an_earlier_submission_of_a_client_goes_first() {
    let mut cluster = busy();
    cluster.submit(BOB, &[with(0, 1, 3)]);
    let tasks = vec![with(0, 0, 4)];
    cluster.says(BOB, ClientMessage::Submit { submission: 2, tasks });
    cluster.submit(ANN, &[with(0, 2, 5)]);
    assert_eq!(order_of_queue(&mut cluster), [3, 5, 4].map(key));
}

#[test]
fn clients_take_turns_whoever_submitted_first() {
    let mut cluster = busy();
    cluster.submit(ANN, &[with(0, 3, 3), with(0, 4, 4), with(0, 5, 5)]);
    cluster.submit(BOB, &[with(0, 6, 6), with(0, 7, 7), with(0, 8, 8)]);
    assert_eq!(order_of_queue(&mut cluster), [6, 3, 7, 4, 8, 5].map(key));
}

#[test]
fn a_priority_counts_among_the_tasks_of_one_client() {
    let mut cluster = busy();
    cluster.submit(ANN, &[with(0, 3, 3), with(9, 4, 4)]);
    cluster.submit(BOB, &[with(0, 5, 5), with(-9, 6, 6), with(1, 7, 7)]);
    assert_eq!(order_of_queue(&mut cluster), [7, 4, 5, 3, 6].map(key));
}

#[test]
fn a_client_whose_tasks_nobody_can_run_holds_up_nobody() {
    let mut cluster = busy();
    let for_w2 = |number, order| NewTask { spec: ONLY_W2, ..with(0, order, number) };
    cluster.join(2, 1);
    cluster.submit(BOB, &[for_w2(3, 3), for_w2(4, 4), for_w2(5, 5)]);
    cluster.submit(ANN, &[with(0, 6, 6), with(0, 7, 7)]);
    let out = cluster.finish(1, 1, 1);
    assert!(out.iter().any(|effect| is_run_of(effect, 6)), "{out:?}");
}

fn is_run_of(effect: &Effect, task: u64) -> bool {
    let Effect::ToWorker { message: SchedulerToWorker::Compute(compute), .. } = effect else {
        return false;
    };
    compute.key == key(task)
}

#[test]
fn what_a_run_submits_takes_the_share_of_its_client() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let [spec, ..] = specs();
    cluster.run_says(1, 1, 1, ClientMessage::Define { id: PLAIN, spec });
    let tasks = (2..=5).map(|number| with(0, number, u64::from(number))).collect();
    cluster.run_says(1, 1, 1, ClientMessage::Submit { submission: 1, tasks });
    cluster.submit(BOB, &[with(0, 6, 6), with(0, 7, 7)]);
    let given = order_after(&mut cluster, [2, 3]);
    assert_eq!(given, [6, 4, 7, 5].map(key), "turn by turn with ANN's run");
}

#[test]
fn within_a_submission_the_smaller_order_goes_first() {
    let mut cluster = busy();
    cluster.submit(ANN, &[with(0, 9, 3), with(0, 5, 4), with(0, 7, 5)]);
    assert_eq!(order_of_queue(&mut cluster), [4, 5, 3].map(key));
}
