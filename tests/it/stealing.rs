//! What has not begun goes to workers that have nothing to do.

use std::time::Duration;

use raddle::prelude::*;

use crate::support::{APP, Gate, test};

#[test]
fn a_worker_that_is_added_begins_what_another_has_not() {
    test(async || {
        let cluster = LocalCluster::builder().workers(1).threads_per_worker(1).program(APP);
        let cluster = cluster.start().await?;
        let client = cluster.client().await?;
        let (mut first, mut second) = (Gate::new().await?, Gate::new().await?);
        // Not for long, as it seems: so another is sent to the one worker there is, and waits there.
        let soon = Duration::from_millis(50);
        let begun = client.submit(first.call(1).expected(soon));
        first.entered().await?;
        let waits = client.submit(second.call(2).expected(soon));
        let text = client.explain(&waits).await?;
        assert!(text.contains(&cluster.workers()[0]), "{text}");
        let added = cluster.add_worker().await?;
        second.entered().await?;
        let text = client.explain(&waits).await?;
        assert!(text.contains(&added) && text.contains("moved once"), "{text}");
        second.open();
        assert_eq!(waits.await?, 2);
        first.open();
        assert_eq!(begun.await?, 1);
        cluster.close().await
    });
}

#[test]
fn workers_that_are_added_take_their_share() {
    test(async || {
        let cluster = LocalCluster::builder().workers(1).threads_per_worker(2).program(APP);
        let cluster = cluster.start().await?;
        let client = cluster.client().await?;
        let mut gates = Vec::new();
        for _ in 0..4 {
            gates.push(Gate::new().await?);
        }
        let sums: Vec<_> = (0..).zip(&gates).map(|(n, gate)| client.submit(gate.call(n))).collect();
        cluster.add_worker().await?;
        cluster.add_worker().await?;
        // Four bodies are under way at a time, where there were threads for two.
        for gate in &mut gates {
            gate.entered().await?;
        }
        gates.into_iter().for_each(Gate::open);
        assert_eq!(client.gather(&sums).await?, [0, 1, 2, 3]);
        cluster.close().await
    });
}
