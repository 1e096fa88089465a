//! Clients of real clusters of threads, over loopback.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;

use crate::prelude::*;
use crate::{Credentials, Error, rt};

#[raddle::task]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[raddle::task]
fn filled(byte: u8, length: usize) -> Vec<u8> {
    vec![byte; length]
}

#[raddle::task]
fn fail(message: String) -> Result<u64, String> {
    Err(message)
}

static GATE: AtomicBool = AtomicBool::new(false);

/// Runs until the gate is opened.
#[raddle::task]
fn held() {
    while !GATE.load(Ordering::Relaxed) {
        std::thread::yield_now();
    }
}

#[test]
fn values_are_gathered_in_order_small_and_large() {
    let client = Client::local_blocking().unwrap();
    let small = client.map(|i| add(i, 1), 0..10_000);
    let expected: Vec<_> = (1..=10_000).collect();
    assert_eq!(client.gather_blocking(&small), Ok(expected));

    let large = client.map(|byte| filled(byte, 1000), 0..50);
    let expected: Vec<_> = (0..50).map(|byte| vec![byte; 1000]).collect();
    assert_eq!(client.gather_blocking(&large), Ok(expected));
    assert_eq!(large[3].clone().wait(), Ok(vec![3; 1000]));
}

#[test]
fn a_gather_fails_with_the_first_error_in_order() {
    let client = Client::local_blocking().unwrap();
    let good = client.submit(add(1, 2));
    let bad = client.map(|message: &str| fail(message.to_owned()), ["first", "second"]);
    let dependent = client.submit(add(&bad[1], 1));
    let error = |future: &TaskFuture<u64>| future.clone().wait().unwrap_err();
    let all = [good, dependent, bad[0].clone()];
    assert_eq!(client.gather_blocking(&all), Err(error(&bad[1])));
    let TaskError::Failed { message, blame, .. } = error(&all[1]) else { panic!() };
    assert_eq!((message.as_str(), blame), ("second", bad[1].key()));
}

#[test]
fn scattered_data_comes_back_and_feeds_tasks() {
    let client = Client::local_blocking().unwrap();
    let (number, bytes) = (client.scatter(40_u64), client.scatter(vec![7_u8; 3 << 20]));
    assert_eq!(client.submit(add(&number, 2)).wait(), Ok(42));
    assert_eq!(bytes.wait(), Ok(vec![7; 3 << 20]));
    assert_eq!(number.wait(), Ok(40));
}

#[test]
fn every_future_comes_once_as_it_completes() {
    let client = Client::local_blocking().unwrap();
    let futures = client.map(|i| add(i, 0), 0..100);
    let mut values: Vec<u64> = rt::block_on(async {
        client.as_completed(futures).then(|future| async { future.await.unwrap() }).collect().await
    })
    .unwrap();
    values.sort_unstable();
    assert_eq!(values, (0..100).collect::<Vec<_>>());
}

#[test]
fn the_cluster_can_be_asked_about() {
    rt::block_on(async {
        let cluster = LocalCluster::builder().workers(2).threads_per_worker(1).start().await?;
        let client = cluster.client().await?;
        client.wait_for_workers(2).await?;
        let mut workers: Vec<_> =
            client.workers().await?.into_iter().map(|worker| worker.address).collect();
        let mut expected = cluster.workers();
        workers.sort_unstable();
        expected.sort_unstable();
        assert_eq!(workers, expected);
        client.ready().await?;

        let held = client.submit(held());
        assert!(!client.explain(&held).await?.is_empty());
        assert_eq!((held.done(), held.status()), (false, crate::Status::Pending));
        GATE.store(true, Ordering::Relaxed);
        held.await?;
        cluster.close().await
    })
    .unwrap()
    .unwrap();
}

#[test]
fn what_is_not_done_fails_when_the_scheduler_goes() {
    rt::block_on(async {
        let cluster = LocalCluster::builder().workers(0).start().await?;
        let client = cluster.client().await?;
        let (pending, other) = (client.submit(add(1, 2)), client.clone());
        let closing = rt::spawn(async move { cluster.close().await });
        assert!(matches!(pending.await, Err(TaskError::Disconnected { .. })));
        assert!(matches!(other.submit(add(1, 2)).await, Err(TaskError::Disconnected { .. })));
        for result in [client.ready().await, client.info().await.map(drop)] {
            assert!(matches!(result, Err(Error::Disconnected { .. })), "{result:?}");
        }
        closing.await.expect("closing does not panic")
    })
    .unwrap()
    .unwrap();
}

#[test]
fn a_closed_client_has_left() {
    rt::block_on(async {
        let cluster = LocalCluster::builder().workers(1).start().await?;
        let (first, second) = (cluster.client().await?, cluster.client().await?);
        let future = first.submit(add(1, 2));
        assert_eq!((&future).await, Ok(3));
        let late = first.scatter(5_u64);
        first.close().await?;
        assert_eq!(future.await, Ok(3));
        assert!(matches!(late.await, Err(TaskError::Disconnected { .. })));
        assert!(matches!(first.submit(add(1, 2)).await, Err(TaskError::Disconnected { .. })));
        // The goodbye and this question come on two connections, in any order.
        while second.info().await?.clients > 1 {}
        assert_eq!(second.submit(add(2, 2)).await, Ok(4));
        cluster.close().await
    })
    .unwrap()
    .unwrap();
}

#[test]
fn nobody_at_the_address_is_a_typed_error() {
    // Bound and closed again: nobody listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    drop(listener);
    let limit = Duration::from_millis(100);
    let error = crate::future::park_on(super::carrier::connect(
        address.clone(),
        Credentials::none(),
        limit,
    ));
    let Err(Error::Connect { address: named, .. }) = error else { panic!("it is connected") };
    assert_eq!(named, address);
    assert!(matches!(Client::connect_blocking("nonsense"), Err(Error::InvalidAddress(_))));
}
