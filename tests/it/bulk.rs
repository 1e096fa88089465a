//! Much of everything: many tasks, large values.

use raddle_tests::{add, blob, pattern, total, verify};

use crate::support::{known_tasks, processes, test, until};

/// Bytes of a large value.
const LARGE: usize = 200_000_000;

#[test]
fn a_hundred_thousand_tiny_tasks() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let futures = client.map(|i| add(i, 1), 0..100_000);
        let values = client.gather(&futures).await?;
        assert!(values.into_iter().eq(1..=100_000), "in order, each once");
        drop(futures);
        until(&client, |info| known_tasks(info) == 0).await?;
        cluster.close().await
    });
}

#[test]
fn a_task_with_ten_thousand_inputs() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let xs = client.map(|i| add(i, 1), 0..10_000);
        assert_eq!(client.submit(total(xs)).await?, 50_005_000);
        cluster.close().await
    });
}

#[test]
fn a_large_value_moves_from_worker_to_worker_and_to_the_client() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let [from, to] = [0, 1].map(|worker| cluster.workers()[worker].clone());
        let value = client.submit(blob(LARGE).workers([&from]));
        let verified = client.submit(verify(&value).workers([&to]));
        assert_eq!(verified.await?, Some(LARGE));
        let info = client.info().await?;
        for worker in &info.workers {
            assert!(worker.nbytes >= LARGE as u64, "both have it: {worker:?}");
        }
        let bytes = value.await?;
        let pattern = pattern();
        assert_eq!(bytes.len(), LARGE);
        assert!(bytes.chunks(pattern.len()).all(|chunk| pattern.starts_with(chunk)));
        cluster.close().await
    });
}
