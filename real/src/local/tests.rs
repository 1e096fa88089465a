//! Clusters of threads. Those of processes need a program that can be a worker: they are tested
//! with the whole product.

use super::*;

#[raddle::task]
fn plus(a: u64, b: u64) -> u64 {
    a + b
}

async fn cluster(workers: usize) -> LocalCluster {
    let builder = LocalCluster::builder().workers(workers).threads_per_worker(1);
    builder.start().await.expect("threads and ports")
}

fn run<T>(test: impl Future<Output = T>) -> T {
    rt::block_on(test).expect("a runtime")
}

#[test]
fn a_cluster_runs_tasks() {
    run(async {
        let cluster = cluster(2).await;
        assert_eq!(cluster.workers().len(), 2);
        let client = cluster.client().await.expect("the scheduler is there");
        let three = client.submit(plus(1, 2));
        assert_eq!(client.submit(plus(&three, 10)).await, Ok(13));
        cluster.close().await.expect("closing does not fail");
    });
}

#[test]
fn clusters_live_side_by_side() {
    run(async {
        let (one, two) = (cluster(1).await, cluster(1).await);
        assert_ne!(one.address(), two.address());
        let (first, second) = (one.client().await.unwrap(), two.client().await.unwrap());
        one.close().await.unwrap();
        assert_eq!(second.submit(plus(1, 2)).await, Ok(3));
        let error = first.submit(plus(1, 2)).await;
        assert!(matches!(error, Err(crate::TaskError::Disconnected { .. })));
        two.close().await.unwrap();
    });
}

#[test]
fn what_a_killed_worker_held_is_made_again_by_another() {
    run(async {
        let cluster = cluster(1).await;
        let client = cluster.client().await.unwrap();
        let three = client.submit(plus(1, 2));
        three.clone().await.unwrap();
        cluster.kill_worker(0).await.unwrap();
        let added = cluster.add_worker().await.unwrap();
        assert_eq!(cluster.workers()[1], added);
        assert_eq!(client.submit(plus(&three, 1)).await, Ok(4));
        cluster.close().await.unwrap();
    });
}

#[test]
fn requests_that_cannot_be_met_are_errors() {
    run(async {
        let cluster = cluster(1).await;
        let kill = cluster.kill_worker(1).await;
        assert!(matches!(kill, Err(Error::NoSuchWorker { index: 1, workers: 1 })), "{kill:?}");
        let pause = cluster.pause_worker(0).await;
        assert!(matches!(pause, Err(Error::NotAProcess { .. })), "{pause:?}");
        cluster.kill_worker(0).await.unwrap();
        let resume = cluster.resume_worker(0).await;
        assert!(matches!(resume, Err(Error::WorkerGone { .. })), "{resume:?}");
        cluster.close().await.unwrap();
    });
}

#[test]
fn a_program_that_ends_at_once_is_no_worker() {
    run(async {
        let started = LocalCluster::builder().workers(2).program("false").start().await;
        let Err(Error::WorkerNotStarted { worker, reason }) = started else {
            panic!("{started:?}")
        };
        let expected = ("worker-0", "its process ended: exit status: 1");
        assert_eq!((&worker[..], &reason[..]), expected);
    });
}
