//! Data that the client puts on workers.

use raddle::Status;
use raddle::prelude::*;
use raddle_tests::{Sealed, add, blob, total, total_of, verify};

use crate::support::{known_tasks, processes, tasks_in, test, until};

#[test]
fn scattered_data_feeds_many_tasks_and_comes_back() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let xs: Vec<u64> = (0..1000).collect();
        let list = client.scatter(xs.clone());
        let sums = client.map(|_| total_of(&list), 0..20);
        assert_eq!(client.gather(&sums).await?, [499_500; 20]);
        assert_eq!((list.status(), list.await?), (Status::Finished, xs));
        cluster.close().await
    });
}

#[test]
fn scattered_data_whose_handle_is_dropped_at_once_still_arrives() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let sums = client.map(|i| total(client.scatter(vec![i, 1])), 0..100);
        assert_eq!(client.gather(&sums).await?, (1..=100).collect::<Vec<_>>());
        let bytes = blob::run(5_000_000);
        assert_eq!(client.submit(verify(client.scatter(bytes))).await?, Some(5_000_000));
        drop(sums);
        until(&client, |info| known_tasks(info) == 0).await?;
        cluster.close().await
    });
}

#[test]
fn scattered_data_can_wait_for_the_first_worker() {
    test(async || {
        let (cluster, client) = processes(0).await?;
        let sum = client.submit(total(client.scatter(vec![1, 2])));
        client.info().await?;
        cluster.add_worker().await?;
        assert_eq!(sum.await?, 3);
        cluster.close().await
    });
}

#[test]
fn scattered_data_is_lost_with_the_only_worker_that_had_it() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let data = client.scatter(vec![1_u64, 2]);
        let copied = client.submit(total(&data));
        wait(std::slice::from_ref(&data), WaitFor::All).await;
        assert_eq!((data.status(), copied.await?), (Status::Finished, 3));
        cluster.kill_worker(0).await?;
        let late = client.submit(add(client.submit(total(&data)), 1));
        let Err(error) = late.await else { panic!("it was lost") };
        let TaskError::Lost { reason } = &error else { panic!("{error}") };
        assert!(
            reason.contains("the only worker that held it is gone; scatter it again"),
            "{reason}"
        );
        assert_eq!(data.await, Err(error));
        cluster.close().await
    });
}

#[test]
fn scattered_data_on_two_workers_survives_one() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let data = client.scatter(vec![1_u64, 2]);
        let copies = client.map(|worker| total(&data).workers([worker]), cluster.workers());
        client.gather(&copies).await?;
        // Whichever got it first: the other one has a copy.
        until(&client, |info| info.workers.iter().all(|worker| worker.values == 2)).await?;
        cluster.kill_worker(0).await?;
        assert_eq!(data.await?, [1, 2]);
        assert_eq!(client.gather(&copies).await?, [3, 3]);
        cluster.close().await
    });
}

#[test]
fn scattered_data_goes_elsewhere_if_its_worker_dies_before_it_arrives() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        cluster.pause_worker(0).await?;
        let sum = client.submit(total(client.scatter(vec![1, 2])));
        // The scheduler has chosen the only worker, which does not take it.
        until(&client, |info| tasks_in(info, "processing") == 1).await?;
        cluster.kill_worker(0).await?;
        assert_eq!(sum.await?, 3);
        cluster.close().await
    });
}

#[test]
fn scattered_data_arrives_or_says_that_it_is_lost_whenever_its_worker_dies() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        for _ in 0..4 {
            let sum = client.submit(total(client.scatter(vec![1, 2])));
            cluster.kill_worker(0).await?;
            let sum = sum.await;
            assert!(matches!(sum, Ok(3) | Err(TaskError::Lost { .. })), "{sum:?}");
        }
        cluster.close().await
    });
}

#[test]
fn data_that_cannot_be_put_into_bytes_is_an_error_at_once() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let sealed = client.scatter(Sealed);
        assert!(sealed.done());
        let error = sealed.await.unwrap_err();
        assert!(error.to_string().contains("nobody may write this"), "{error}");
        cluster.close().await
    });
}
