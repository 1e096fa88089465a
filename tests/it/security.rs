//! Who may come, on real processes: by TLS with certificates of one cluster, or by a token.

use std::path::{Path, PathBuf};

use raddle::prelude::*;
use raddle::{Credentials, Error, Result};
use raddle_net::hello::Role;
use raddle_net::messages::{ClientMessage, Failure, SchedulerToClient};
use raddle_tests::proxy::Proxy;
use raddle_tests::{add, blob, logged, verify};
use rustix::process::Signal;

use crate::support::{APP, Program, RADDLE, Scratch, test, threads, within_limit};
use crate::wire::Wire;

#[test]
fn a_cluster_of_processes_speaks_by_tls_alone() {
    test(async || {
        let credentials = Credentials::temporary()?;
        let builder = LocalCluster::builder().workers(2).threads_per_worker(1).program(APP);
        let cluster = builder.credentials(credentials.clone()).start().await?;
        let addresses = [&[cluster.address().to_owned()], &cluster.workers()[..]].concat();
        assert!(addresses.iter().all(|address| address.starts_with("tls://")), "{addresses:?}");
        let client = cluster.client().await?;
        // Values go from worker to worker, from client to worker, and from worker to client.
        let [here, there] = [0, 1].map(|index| cluster.workers()[index].clone());
        let large = client.submit(blob(3 << 20).workers([here]));
        let checked = client.submit(verify(&large).workers([there]));
        assert_eq!(checked.await?, Some(3 << 20));
        let bytes = large.await?;
        let ours = client.scatter(bytes);
        assert_eq!(client.submit(verify(&ours)).await?, Some(3 << 20));

        let strangers = Credentials::temporary()?;
        let refused = Client::connect_with(cluster.address(), &strangers).await;
        assert!(matches!(refused, Err(Error::Credentials { .. })), "{:?}", refused.err());
        let mut wire = Wire::dial(&cluster.address().replace("tls://", "tcp://"))?;
        wire.write(b"raddle\0\n and what else a plain hello may say")?;
        // An alert of TLS, and no word of raddle.
        let said = wire.closed()?;
        assert!(said.len() < 16 && !said.starts_with(b"raddle"), "{said:?}");
        client.close().await?;
        cluster.close().await
    });
}

#[test]
fn sessions_go_on_over_new_connections_by_tls() {
    test(async || {
        let credentials = Credentials::temporary()?;
        let builder = LocalCluster::builder().workers(1).threads_per_worker(2);
        let cluster = builder.credentials(credentials.clone()).start().await?;
        let scratch = Scratch::new("tls-cuts")?;
        let plain = cluster.address().replace("tls://", "tcp://");
        let proxy = Proxy::new(&plain, 8, 60_000).await?;
        let client =
            Client::connect_with(proxy.address().replace("tcp://", "tls://"), &credentials).await?;
        let file = scratch.path("executions");
        let futures = client.map(|x| logged(file.clone(), x), 0..3000_u64);
        assert_eq!(client.gather(&futures).await?, (0..3000).collect::<Vec<_>>());
        assert_eq!(std::fs::read_to_string(&file)?.lines().count(), 3000, "each ran once");
        assert!(proxy.broken() >= 3, "{}", proxy.broken());
        client.close().await?;
        cluster.close().await
    });
}

/// What a scheduler with these arguments has said to people by the time it listens.
fn said_by_a_scheduler(arguments: &[&str]) -> Result<String> {
    let arguments = [&["scheduler", "--port", "0"], arguments].concat();
    let mut scheduler = Program::start(RADDLE, &arguments)?;
    assert!(scheduler.line()?.starts_with("scheduler at "));
    scheduler.signal(Signal::KILL)?;
    Ok(scheduler.end()?.1)
}

#[test]
fn who_opens_a_port_to_the_network_is_told_what_that_means() {
    within_limit(|| {
        assert!(!said_by_a_scheduler(&[])?.contains("is open"));
        let said = said_by_a_scheduler(&["--host", "0.0.0.0"])?;
        let means = "is open: whoever can connect to it can run programs here and read all values";
        assert!(said.contains(means), "{said}");

        let scratch = Scratch::new("open-port")?;
        let all = scratch.path("all");
        let all = all.to_str().expect("a path");
        assert_eq!(Program::start(RADDLE, &["cert", "init", all])?.end()?.0, Some(0));
        let said = said_by_a_scheduler(&["--host", "0.0.0.0", "--credentials", all])?;
        assert!(!said.contains("is open") && !said.contains("does without TLS"), "{said}");
        copy(Path::new(all), &scratch.path("token"), &["token"])?;
        let token = scratch.path("token");
        let token = token.to_str().expect("a path");
        let said = said_by_a_scheduler(&["--host", "0.0.0.0", "--credentials", token])?;
        assert!(said.contains("asks for a token, but does without TLS"), "{said}");
        Ok(())
    });
}

/// Copies these files.
fn copy(from: &Path, to: &Path, names: &[&str]) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for name in names {
        std::fs::copy(from.join(name), to.join(name))?;
    }
    Ok(())
}

/// A scheduler and a worker by hand, and a client, each with its own folder of credentials.
async fn by_hand(scratch: &Scratch, common: &[&str], parts: bool, scheme: &str) -> Result<()> {
    let all = scratch.path("all");
    let mut init = Program::start(RADDLE, &["cert", "init", all.to_str().expect("a path")])?;
    assert!(init.line()?.starts_with("credentials of a new cluster are in "));
    assert_eq!(init.end()?.0, Some(0));
    let folder = |part: &str| -> Result<String> {
        let folder = scratch.path(&format!("{scheme}-{part}"));
        copy(&all, &folder, common)?;
        if parts {
            copy(&all, &folder, &[&format!("{part}.pem"), &format!("{part}.key")])?;
        }
        Ok(folder.to_str().expect("a path").to_owned())
    };
    let (schedules, works, asks) = (folder("scheduler")?, folder("worker")?, folder("client")?);
    let mut scheduler =
        Program::start(RADDLE, &["scheduler", "--port", "0", "--credentials", &schedules])?;
    let line = scheduler.line()?;
    let address = line.strip_prefix("scheduler at ").expect("its address").to_owned();
    assert!(address.starts_with(scheme), "{address}");
    let arguments = ["worker", &address, "--program", APP, "--credentials", &works];
    let mut worker = Program::start(RADDLE, &arguments)?;
    assert!(worker.line()?.starts_with(&format!("worker at {scheme}")));

    let client = Client::connect_with(&address, &Credentials::load(&asks)?).await?;
    assert_eq!(client.submit(add(1, 2)).await?, 3);
    let mut status = Program::start(RADDLE, &["--credentials", &asks, "status", &address])?;
    assert!(status.line()?.contains("workers 1"), "the command line may look");
    drop(status);
    let (code, said) = Program::start(RADDLE, &["status", &address])?.end()?;
    assert_eq!(code, Some(1));
    assert!(said.contains("--credentials"), "{said}");
    let mut heir = Program::start(RADDLE, &arguments)?;
    worker_hands_over(&client, worker, scratch.path(&format!("{scheme}-runs"))).await?;
    assert!(heir.line()?.starts_with(&format!("worker at {scheme}")));
    client.close().await?;
    for program in [heir, scheduler] {
        program.signal(Signal::INT)?;
        assert_eq!(program.end()?.0, Some(0));
    }
    Ok(())
}

/// A worker with no credentials but its own ends in good order: what only it holds goes to the other.
async fn worker_hands_over(client: &Client, worker: Program, file: PathBuf) -> Result<()> {
    let made = client.submit(logged(file.clone(), 5));
    assert_eq!((&made).await?, 5);
    client.wait_for_workers(2).await?;
    worker.signal(Signal::TERM)?;
    assert_eq!(worker.end()?.0, Some(0));
    assert_eq!(client.submit(add(&made, 1)).await?, 6);
    assert_eq!(std::fs::read_to_string(file)?, "5\n", "it was made once");
    Ok(())
}

#[test]
fn a_cluster_by_hand_has_a_certificate_for_each_part() {
    test(async || {
        let scratch = Scratch::new("certificates")?;
        by_hand(&scratch, &["ca.pem", "token"], true, "tls://").await
    });
}

#[test]
fn a_cluster_by_hand_may_have_a_token_alone() {
    test(async || {
        let scratch = Scratch::new("token")?;
        by_hand(&scratch, &["token"], false, "tcp://").await
    });
}

#[test]
fn what_another_client_has_is_not_there_until_it_is_published() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let value = client.submit(add(1, 2).key("a name that can be guessed"));
        assert_eq!(value.clone().await?, 3);
        let mut stranger = Wire::greet(cluster.address(), Role::Client, 77)?;
        let want = ClientMessage::Want { keys: vec![value.key()] };
        stranger.say(&want)?;
        let heard: Vec<SchedulerToClient> = stranger.hear()?;
        let [SchedulerToClient::Erred { key, failure, .. }] = &heard[..] else {
            panic!("{heard:?}")
        };
        assert_eq!(*key, value.key());
        assert!(matches!(**failure, Failure::Lost { .. }), "{failure:?}");
        client.publish("for all", std::slice::from_ref(&value)).await?;
        stranger.say(&want)?;
        let heard: Vec<SchedulerToClient> = stranger.hear()?;
        let there = |word: &SchedulerToClient| matches!(word, SchedulerToClient::InMemory { .. });
        assert!(heard.iter().any(there), "{heard:?}");
        cluster.close().await
    });
}
