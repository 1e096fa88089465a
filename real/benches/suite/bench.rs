//! What is measured: the clusters, which are started once and are idle while they are not measured,
//! the peers, and the report that figures go to.
//!
//! It must not know what is measured.

use raddle::Credentials;
use raddle::prelude::*;

use crate::options::Options;
use crate::peers::Peer;
use crate::report::{Report, say};
use crate::workload;

/// What ProcessPoolExecutor is called in the report.
pub(crate) const FUTURES: &str = "ProcessPoolExecutor";
/// What Dask is called in the report.
pub(crate) const DASK: &str = "Dask";
/// What Ray is called in the report.
pub(crate) const RAY: &str = "Ray";

/// Everything that a group needs.
pub(crate) struct Bench {
    pub(crate) report: Report,
    pub(crate) peers: Vec<Peer>,
    /// Two processes with a thread each.
    pub(crate) cluster: LocalCluster,
    pub(crate) client: Client,
    /// Another client of the same.
    pub(crate) second: Client,
    /// A worker in this process, with two threads.
    threads: LocalCluster,
    pub(crate) local: Client,
    /// As the first, every connection by TLS.
    pub(crate) sealed: LocalCluster,
    pub(crate) by_tls: Client,
    scale: f64,
}

impl Bench {
    pub(crate) async fn start(options: &Options) -> raddle::Result<Self> {
        let mut peers = Vec::new();
        if options.peers {
            peers.push(Peer::start(FUTURES, "futures.py"));
            peers.push(Peer::start(DASK, "dask_cluster.py"));
            peers.push(Peer::start(RAY, "ray_cluster.py"));
        }
        let processes = || LocalCluster::builder().workers(2).threads_per_worker(1).processes(true);
        let cluster = processes().start().await?;
        let threads = LocalCluster::builder().workers(1).threads_per_worker(2).start().await?;
        let sealed = processes().credentials(Credentials::temporary()?).start().await?;
        let client = cluster.client().await?;
        for client in [&client, &threads.client().await?, &sealed.client().await?] {
            workload::map(client, 1_000).await?;
        }
        Ok(Self {
            report: Report::default(),
            peers,
            second: cluster.client().await?,
            local: threads.client().await?,
            by_tls: sealed.client().await?,
            cluster,
            client,
            threads,
            sealed,
            scale: options.scale,
        })
    }

    /// So many tasks, or as many fewer or more as is asked for.
    pub(crate) fn tasks(&self, tasks: u64) -> u64 {
        (tasks as f64 * self.scale) as u64
    }

    pub(crate) async fn end(self) -> raddle::Result<Report> {
        for client in [self.client, self.second, self.local, self.by_tls] {
            client.close().await?;
        }
        for cluster in [self.cluster, self.threads, self.sealed] {
            cluster.close().await?;
        }
        for peer in self.peers {
            if let Err(why) = peer.end() {
                say(&why);
            }
        }
        Ok(self.report)
    }
}
