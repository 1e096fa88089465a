//! What befalls a cluster of processes, by a seed: which faults in which order, not when exactly.
//! Nothing ends the process of its first worker, so that one sees what becomes of it in the long run.
//!
//! It must not know what the cluster is doing.

use std::time::Duration;

use raddle_core::random::{below, hash};
use rustix::process::Signal;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Outcome;
use super::cluster::Cluster;

/// The stream of chance that belongs to faults.
const STORM: u64 = 0x73_746f_726d;
/// The longest pause between two faults.
const PAUSE: Duration = Duration::from_millis(400);
/// The longest pause of a process: longer than the scheduler takes for a sign of life.
const STANDSTILL: Duration = Duration::from_millis(4_000);
/// The longest pause of the scheduler, for which everybody waits.
const HICCUP: Duration = Duration::from_millis(500);
/// How long nobody gets through.
const OUTAGE: Duration = Duration::from_millis(1_500);
/// How long everything that is said is held up.
const DELAY: Duration = Duration::from_millis(20);
/// How long a slow network is slow.
const SLOW: Duration = Duration::from_millis(1_000);

/// How long there is no disk.
const NO_DISK: Duration = Duration::from_millis(3_000);

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    CutClients,
    CutData,
    CutWorker,
    HiccupOfScheduler,
    Kill,
    NoDisk,
    OutageOfClients,
    OutageOfWorker,
    Restart,
    SlowClients,
    SlowData,
    SlowWorker,
    Standstill,
}

const FAULTS: [Fault; 13] = [
    Fault::CutClients,
    Fault::CutData,
    Fault::CutWorker,
    Fault::HiccupOfScheduler,
    Fault::Kill,
    Fault::NoDisk,
    Fault::OutageOfClients,
    Fault::OutageOfWorker,
    Fault::Restart,
    Fault::SlowClients,
    Fault::SlowData,
    Fault::SlowWorker,
    Fault::Standstill,
];

/// Has one fault follow another until `over` says so; each is undone in the end. Returns how many
/// there were.
///
/// # Errors
///
/// If a worker cannot be started again.
pub async fn rage(cluster: &Cluster, seed: u64, mut over: watch::Receiver<bool>) -> Outcome<u64> {
    for number in 0.. {
        let chance = |bound, what| below(hash(seed, STORM, number, what), bound);
        tokio::select! {
            biased;
            // Whoever would say so is gone: then it is over, too.
            _ = over.wait_for(|over| *over) => return Ok(number),
            () = sleep(PAUSE * chance(1_000, 0) as u32 / 1_000) => {}
        }
        let fault = FAULTS[chance(FAULTS.len() as u64, 1) as usize];
        let worker = chance(cluster.size() as u64, 2) as usize;
        let part = |whole: Duration| whole * chance(1_000, 3) as u32 / 1_000;
        strike(cluster, fault, worker, part).await?;
    }
    unreachable!("one fault follows another until it is over")
}

async fn strike(
    cluster: &Cluster,
    fault: Fault,
    worker: usize,
    part: impl Fn(Duration) -> Duration,
) -> Outcome<()> {
    let (clients, way) = (cluster.door(), cluster.worker_door(worker));
    let mortal = worker.max(1);
    match fault {
        Fault::CutClients => clients.cut(),
        Fault::CutData => cluster.cut_data(worker),
        Fault::CutWorker => way.cut(),
        Fault::HiccupOfScheduler => {
            cluster.signal_scheduler(Signal::STOP);
            sleep(part(HICCUP)).await;
            cluster.signal_scheduler(Signal::CONT);
        }
        Fault::Kill => {
            cluster.kill(mortal);
            sleep(part(OUTAGE)).await;
            cluster.restart(mortal).await?;
        }
        Fault::NoDisk => {
            cluster.take_disk(worker);
            sleep(part(NO_DISK)).await;
            cluster.give_disk_back(worker);
        }
        Fault::OutageOfClients => {
            clients.go_down();
            sleep(part(OUTAGE)).await;
            clients.go_up();
        }
        Fault::OutageOfWorker => {
            cluster.harms();
            way.go_down();
            sleep(part(OUTAGE)).await;
            way.go_up();
        }
        Fault::Restart => cluster.restart(mortal).await?,
        Fault::SlowClients => {
            clients.slow_down(part(DELAY));
            sleep(part(SLOW)).await;
            clients.slow_down(Duration::ZERO);
        }
        Fault::SlowData => {
            cluster.slow_data_down(worker, part(DELAY));
            sleep(part(SLOW)).await;
            cluster.slow_data_down(worker, Duration::ZERO);
        }
        Fault::SlowWorker => {
            way.slow_down(part(DELAY));
            sleep(part(SLOW)).await;
            way.slow_down(Duration::ZERO);
        }
        Fault::Standstill => {
            cluster.signal(worker, Signal::STOP);
            sleep(part(STANDSTILL)).await;
            cluster.signal(worker, Signal::CONT);
        }
    }
    Ok(())
}
