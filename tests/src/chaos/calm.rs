//! The calm before a storm and after it: a cluster becomes as large as it gets; how one knows that
//! everybody has noticed what was broken, and that nothing is left of what was done.
//!
//! It must not know what befell the cluster.

use raddle::Client;
use tokio::time::timeout;

use super::cluster::Cluster;
use super::{LIMIT, Outcome, text};
use crate::add;

/// Honest tasks, and how many of them at a time: what the scheduler remembers of tasks that are gone,
/// some 4 MB, is full then.
const WARM_TASKS: usize = 20_000;
const AT_ONCE: usize = 50;

/// Does work until what it leaves behind is as large as it gets.
///
/// # Errors
///
/// If it is not done.
pub async fn warm_up(client: &Client) -> Outcome<()> {
    for _ in 0..WARM_TASKS / AT_ONCE {
        let futures = client.submit_all((0..AT_ONCE as u64).map(|number| add(number, 1)));
        let sums = timeout(LIMIT, client.gather(&futures)).await;
        sums.map_err(|_| "honest tasks hang")?.map_err(text)?;
    }
    Ok(())
}

/// Waits until the scheduler knows the present workers and no others, and each has done something.
///
/// # Errors
///
/// If that never comes.
pub async fn settle(cluster: &Cluster) -> Outcome<()> {
    let names = cluster.names();
    let client = Client::connect(cluster.address()).await.map_err(text)?;
    let mut seen = String::new();
    let listed = async {
        loop {
            let mut workers = client.workers().await.map_err(text)?;
            workers.sort_by(|one, other| one.name.cmp(&other.name));
            let are_here = workers.iter().all(|worker| worker.status == "running");
            if are_here && workers.iter().map(|worker| &worker.name).eq(&names) {
                return Outcome::Ok(());
            }
            seen = format!("{workers:?}");
        }
    };
    match timeout(LIMIT, listed).await {
        Ok(listed) => listed?,
        Err(_) => return Err(format!("{names:?} do not settle, but are {seen}")),
    }
    for name in names {
        // It was running when the scheduler last heard of it: now it is.
        let sum = client.submit(add(1, 2).workers([&name]));
        let sum = timeout(LIMIT, sum).await.map_err(|_| format!("{name} does nothing"))?;
        sum.map_err(|error| format!("{name}: {error}"))?;
    }
    client.close().await.map_err(text)
}

/// Waits until no task is left of anybody. What was published, `names`, is taken back first.
///
/// # Errors
///
/// If something stays.
pub(super) async fn nothing_is_left(cluster: &Cluster, names: &[String]) -> Outcome<()> {
    let witness = Client::connect(cluster.address()).await.map_err(text)?;
    for name in names {
        // Perhaps somebody has done so.
        let _ = timeout(LIMIT, witness.unpublish(name)).await.map_err(|_| "nobody answers")?;
    }
    let mut left = 0;
    let emptied = async {
        loop {
            left = tasks(&witness).await?;
            if left == 0 {
                return Outcome::Ok(());
            }
        }
    };
    match timeout(LIMIT, emptied).await {
        Ok(emptied) => emptied?,
        Err(_) => return Err(format!("{left} tasks are left, and nobody holds any")),
    }
    witness.close().await.map_err(text)
}

/// How many tasks the scheduler has.
async fn tasks(client: &Client) -> Outcome<u64> {
    let info = timeout(LIMIT, client.info()).await.map_err(|_| "the scheduler does not answer")?;
    Ok(info.map_err(text)?.tasks.iter().map(|(_, count)| count).sum())
}
