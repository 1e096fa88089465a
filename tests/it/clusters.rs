//! Clusters and their processes: where they come from, and that none is left behind.

use std::net::TcpStream;

use raddle::Error;
use raddle::prelude::*;
use raddle_tests::{add, process};
use rustix::process::{Pid, Signal, test_kill_process};

use crate::support::{APP, Program, processes, test, within_limit};

/// Whether the process is there, dead but not yet waited for, or alive.
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("the id of a process");
    test_kill_process(pid).is_ok()
}

/// The processes of the workers.
async fn pids(cluster: &LocalCluster, client: &Client) -> raddle::Result<Vec<u32>> {
    let futures = client.map(|worker| process(0).workers([worker]), cluster.workers());
    Ok(client.gather(&futures).await?)
}

#[test]
fn when_a_cluster_is_closed_its_processes_are_gone() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let pids = pids(&cluster, &client).await?;
        assert_eq!(pids.iter().map(|pid| exists(*pid)).collect::<Vec<_>>(), [true; 2]);
        cluster.close().await?;
        assert_eq!(pids.iter().map(|pid| exists(*pid)).collect::<Vec<_>>(), [false; 2]);
        assert!(matches!(client.submit(add(1, 2)).await, Err(TaskError::Disconnected { .. })));
        Ok(())
    });
}

#[test]
fn when_a_cluster_is_dropped_its_processes_end() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let pids = pids(&cluster, &client).await?;
        cluster.pause_worker(1).await?;
        drop(cluster);
        while pids.iter().any(|pid| exists(*pid)) {
            tokio::task::yield_now().await;
        }
        Ok(())
    });
}

#[test]
fn when_a_program_is_killed_its_workers_end() {
    within_limit(|| {
        let mut program = Program::start(APP, &[])?;
        let workers = program.line()?;
        let workers: Vec<_> =
            workers.split(' ').map(|at| at.trim_start_matches("tcp://")).collect();
        assert_eq!(workers.len(), 2, "{workers:?}");
        assert!(workers.iter().all(|at| TcpStream::connect(at).is_ok()), "{workers:?}");
        program.signal(Signal::KILL)?;
        while workers.iter().any(|at| TcpStream::connect(at).is_ok()) {
            std::thread::yield_now();
        }
        Ok(())
    });
}

#[test]
fn a_program_that_is_its_own_worker_ends_well() {
    within_limit(|| {
        let mut program = Program::start(APP, &[])?;
        program.line()?;
        drop(program.child.stdin.take());
        assert_eq!(program.end()?, (Some(0), String::new()));
        Ok(())
    });
}

#[test]
fn a_program_that_cannot_be_a_worker_is_not_started_as_one() {
    test(async || {
        let started = LocalCluster::builder().workers(2).processes(true).start().await;
        let Err(error @ Error::NotInitialized) = started else { panic!("{started:?}") };
        assert!(error.to_string().contains("#[raddle::main]"), "{error}");
        Ok(())
    });
}

#[test]
fn a_program_that_is_not_there_is_said_to_be() {
    test(async || {
        let started = LocalCluster::builder().workers(1).program("nowhere/app").start().await;
        let Err(Error::WorkerNotStarted { worker, reason }) = started else {
            panic!("{started:?}")
        };
        assert_eq!(worker, "worker-0");
        assert!(reason.starts_with("its program could not be started: "), "{reason}");
        Ok(())
    });
}

#[test]
fn clusters_of_processes_live_side_by_side() {
    test(async || {
        let (one, first) = processes(1).await?;
        let (two, second) = processes(1).await?;
        assert_ne!(one.address(), two.address());
        let futures = (first.submit(process(0)), second.submit(process(0)));
        assert_ne!(futures.0.await?, futures.1.await?);
        one.close().await?;
        assert_eq!(second.submit(add(1, 2)).await?, 3);
        two.close().await
    });
}
