//! Who goes first: the higher priority, then the earlier submission, then the smaller order.

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
    let mut given = vec![(key(1), run_id(1)), (key(2), run_id(2))];
    for next in 0.. {
        let Some(&(key, run)) = given.get(next) else { break };
        let (nbytes, duration, value) = (8, 1_000_000_000, None);
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
fn an_earlier_submission_goes_first_whoever_it_is_of() {
    let mut cluster = busy();
    cluster.submit(BOB, &[with(0, 1, 3)]);
    let tasks = vec![with(0, 0, 4)];
    cluster.says(ANN, ClientMessage::Submit { submission: 2, tasks });
    cluster.submit(BOB, &[with(0, 2, 5)]);
    assert_eq!(order_of_queue(&mut cluster), [3, 5, 4].map(key), "5 belongs to the same as 3");
}

#[test]
fn within_a_submission_the_smaller_order_goes_first() {
    let mut cluster = busy();
    cluster.submit(ANN, &[with(0, 9, 3), with(0, 5, 4), with(0, 7, 5)]);
    assert_eq!(order_of_queue(&mut cluster), [4, 5, 3].map(key));
}
