//! Peers that vanish without a word: nothing breaks, and nothing is heard.

use std::time::Duration;

use raddle::Result;
use raddle::prelude::*;
use raddle_tests::add;
use raddle_tests::proxy::Proxy;

use crate::support::{APP, Gate, Program, test, until};

/// So short that a test can wait for it.
const TTL: Duration = Duration::from_millis(200);
/// Longer than any test takes.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// A scheduler without workers, which takes silence of this length for a break.
async fn scheduler(worker_grace: Duration) -> Result<LocalCluster> {
    let builder = LocalCluster::builder().workers(0).worker_grace(worker_grace);
    builder.connection_ttl(TTL).start().await
}

fn worker(address: &str) -> Result<Program> {
    let mut worker = Program::start(APP, &["--raddle-worker", address, "--raddle-threads", "1"])?;
    assert!(worker.line()?.starts_with("worker at tcp://"));
    Ok(worker)
}

#[test]
fn a_worker_that_vanishes_without_a_word_is_noticed() {
    test(async || {
        let cluster = scheduler(Duration::ZERO).await?;
        let proxy = Proxy::new(cluster.address(), 0, 0).await?;
        let _vanishes = worker(proxy.address())?;
        let client = cluster.client().await?;
        let mut gate = Gate::new().await?;
        let inside = client.submit(gate.call(3));
        gate.entered().await?;
        proxy.swallow(true);
        until(&client, |info| info.workers.is_empty()).await?;
        let _other = worker(cluster.address())?;
        gate.entered().await?;
        gate.open();
        assert_eq!(inside.await?, 3);
        cluster.close().await
    });
}

#[test]
fn a_connection_that_is_silent_for_a_while_is_dialled_again_and_nothing_is_lost() {
    test(async || {
        let cluster = scheduler(FOR_EVER).await?;
        let proxy = Proxy::new(cluster.address(), 0, 0).await?;
        let _worker = worker(proxy.address())?;
        let client = Client::connect(proxy.address()).await?;
        let three = client.submit(add(1, 2));
        assert_eq!((&three).await?, 3);
        proxy.swallow(true);
        let direct = cluster.client().await?;
        until(&direct, |info| info.workers[0].status == "away").await?;
        let later = client.submit(add(&three, 4));
        proxy.swallow(false);
        assert_eq!(later.await?, 7);
        assert_eq!(direct.workers().await?.len(), 1);
        cluster.close().await
    });
}

#[test]
fn a_busy_worker_is_never_taken_for_gone() {
    test(async || {
        let cluster = scheduler(Duration::ZERO).await?;
        let _worker = worker(cluster.address())?;
        let client = cluster.client().await?;
        let mut gate = Gate::new().await?;
        let blocks = client.submit(gate.call(3));
        gate.entered().await?;
        let before = client.workers().await?;
        // A connection that says nothing at all is given up meanwhile, and so time has passed.
        let proxy = Proxy::new(cluster.address(), 0, 0).await?;
        let other = worker(proxy.address())?;
        until(&client, |info| info.workers.len() == 2).await?;
        proxy.swallow(true);
        until(&client, |info| info.workers.len() == 1).await?;
        assert_eq!(client.workers().await?[0].id, before[0].id);
        drop(other);
        gate.open();
        assert_eq!(blocks.await?, 3);
        cluster.close().await
    });
}
