//! Values that move from workers that hold much to workers that hold little.

use raddle::prelude::*;
use raddle::{Error, Moved};
use raddle_tests::total;

use crate::support::{processes, test, threads};

/// Bytes that each worker holds, by name.
async fn held(client: &Client) -> raddle::Result<Vec<u64>> {
    let mut workers = client.workers().await?;
    workers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(workers.iter().map(|worker| worker.nbytes).collect())
}

#[test]
fn values_move_to_a_process_that_has_just_come_and_are_the_same_there() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let data: Vec<_> = (0..10).map(|n| client.scatter(vec![n, 1, 1])).collect();
        client.wait(&data, WaitFor::All).await;
        cluster.add_worker().await?;
        let before = held(&client).await?;
        let moved = client.rebalance().await?;
        let share = before[0] / 2;
        assert_eq!(moved, Moved { values: 5, nbytes: share });
        assert_eq!(held(&client).await?, [share, share]);
        let sums = client.map(|n: usize| total(&data[n]), 0..10);
        assert_eq!(client.gather(&sums).await?, (2..12).collect::<Vec<_>>());
        let expected: Vec<_> = (0..10).map(|n| vec![n, 1, 1]).collect();
        assert_eq!(client.gather(&data).await?, expected);
        cluster.close().await
    });
}

#[test]
fn only_named_values_move_between_named_workers() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let data: Vec<_> = (0..6).map(|n| client.scatter(vec![n; 50])).collect();
        client.wait(&data, WaitFor::All).await;
        cluster.add_worker().await?;
        cluster.add_worker().await?;
        let workers = cluster.workers();
        let moved = client.rebalance_between(&data[..1], &[&workers[0], "worker-2"]).await?;
        assert_eq!((moved.values, client.who_has(&data[0]).await?), (1, vec![workers[2].clone()]));
        let unknown = client.rebalance_between(&data, &["worker-0", "worker-9"]).await;
        assert!(matches!(unknown, Err(Error::Unknown(_))), "{unknown:?}");
        let other = cluster.client().await?;
        assert_eq!(other.rebalance().await?, Moved::default());
        let declined = other.rebalance_between(&data, &[]).await;
        assert!(matches!(declined, Err(Error::Declined(_))), "{declined:?}");
        cluster.close().await
    });
}
