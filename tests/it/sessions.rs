//! Connections that break: nobody notices, but for those who are gone for too long.

use std::net::TcpListener;
use std::time::Duration;

use raddle::prelude::*;
use raddle::{Result, SchedulerInfo};
use raddle_net::hello::{Hello, RefusedReason, Reply, Role, Welcome};
use raddle_net::messages::{
    ClientMessage, Function, NewTask, Query, Runtime, SchedulerToClient, TaskSpec,
};
use raddle_net::names::{Key, Session, SpecId};
use raddle_tests::proxy::Proxy;
use raddle_tests::{add, fib, logged};
use rustix::process::Signal;

use crate::support::{APP, Gate, Program, Scratch, known_tasks, test, threads, until};
use crate::wire::Wire;

/// Longer than any test takes.
const FOR_EVER: Duration = Duration::from_secs(3600);
/// So short that a test can wait for it.
const SHORT: Duration = Duration::from_millis(100);

const TASKS: u64 = 4000;
/// As many breaks as there must be. How many bytes there are, and so breaks, depends on how many words
/// travel together.
const OFTEN: usize = 4;

/// A scheduler without workers.
async fn scheduler(worker_grace: Duration, client_grace: Duration) -> Result<LocalCluster> {
    let builder = LocalCluster::builder().workers(0).threads_per_worker(1);
    builder.worker_grace(worker_grace).client_grace(client_grace).start().await
}

/// A worker process with one slot that has joined the scheduler at this address.
fn worker(address: &str) -> Result<Program> {
    let mut worker = Program::start(APP, &["--raddle-worker", address, "--raddle-threads", "1"])?;
    assert!(worker.line()?.starts_with("worker at tcp://"));
    Ok(worker)
}

/// Runs thousands of tasks, in three layers; each gives what it must and is executed once.
async fn run(client: &Client, scratch: &Scratch) -> Result<()> {
    let file = scratch.path("executions");
    let first = client.map(|x| logged(file.clone(), x), 0..TASKS);
    let sums = client.map(|x| add(&first[x as usize], &first[(7 * x % TASKS) as usize]), 0..TASKS);
    let last = client.map(|x| logged(file.clone(), TASKS + x), 0..TASKS);
    let expected: Vec<_> = (0..TASKS).map(|x| x + 7 * x % TASKS).collect();
    assert_eq!(client.gather(&sums).await?, expected);
    assert_eq!(client.gather(&first).await?, (0..TASKS).collect::<Vec<_>>());
    assert_eq!(client.gather(&last).await?, (TASKS..2 * TASKS).collect::<Vec<_>>());
    let executions = std::fs::read_to_string(&file)?;
    let mut executions: Vec<u64> = executions.lines().filter_map(|x| x.parse().ok()).collect();
    executions.sort_unstable();
    assert_eq!(executions, (0..2 * TASKS).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_client_whose_connection_breaks_again_and_again_misses_nothing() {
    test(async || {
        let (cluster, _) = threads(2).await?;
        let scratch = Scratch::new("client-cuts")?;
        let proxy = Proxy::new(cluster.address(), 12, 60_000).await?;
        let client = Client::connect(proxy.address()).await?;
        run(&client, &scratch).await?;
        assert!(proxy.broken() >= OFTEN, "{}", proxy.broken());
        client.close().await?;
        cluster.close().await
    });
}

#[test]
fn workers_whose_connections_break_again_and_again_do_nothing_twice() {
    test(async || {
        let cluster = scheduler(FOR_EVER, FOR_EVER).await?;
        let scratch = Scratch::new("worker-cuts")?;
        let mut workers = Vec::new();
        for _ in 0..2 {
            let proxy = Proxy::new(cluster.address(), 8, 40_000).await?;
            workers.push((worker(proxy.address())?, proxy));
        }
        let client = cluster.client().await?;
        run(&client, &scratch).await?;
        let broken: Vec<_> = workers.iter().map(|(_, proxy)| proxy.broken()).collect();
        assert!(broken.iter().all(|broken| *broken >= OFTEN), "{broken:?}");
        let info = until(&client, |info| info.workers.len() == 2).await?;
        let ids: Vec<_> = info.workers.iter().map(|worker| worker.id.0).collect();
        assert_eq!(ids, [1, 2], "they are the workers that they were");
        cluster.close().await
    });
}

#[test]
fn tasks_that_await_tasks_of_their_own_outlive_connections() {
    test(async || {
        let cluster = scheduler(FOR_EVER, FOR_EVER).await?;
        let proxy = Proxy::new(cluster.address(), 10, 15_000).await?;
        let _worker = worker(proxy.address())?;
        let client = cluster.client().await?;
        assert_eq!(client.submit(fib(13)).await?, 233);
        assert!(proxy.broken() >= OFTEN, "{}", proxy.broken());
        cluster.close().await
    });
}

#[test]
fn a_task_that_ends_while_its_worker_is_cut_off_counts() {
    test(async || {
        let cluster = scheduler(FOR_EVER, FOR_EVER).await?;
        let proxy = Proxy::new(cluster.address(), 0, 0).await?;
        let _worker = worker(proxy.address())?;
        let client = cluster.client().await?;
        let mut gate = Gate::new().await?;
        let future = client.submit(gate.call(7));
        gate.entered().await?;
        proxy.go_down();
        let away = " is disconnected for ";
        while !client.explain(&future).await?.contains(away) {
            tokio::task::yield_now().await;
        }
        gate.open();
        proxy.go_up();
        assert_eq!(future.await?, 7);
        cluster.close().await
    });
}

#[test]
fn a_worker_whose_process_is_killed_is_not_waited_for() {
    test(async || {
        let cluster = scheduler(FOR_EVER, FOR_EVER).await?;
        let client = cluster.client().await?;
        let doomed = worker(cluster.address())?;
        let mut gate = Gate::new().await?;
        let future = client.submit(gate.call(7));
        gate.entered().await?;
        doomed.signal(Signal::KILL)?;
        until(&client, |info| info.workers.is_empty()).await?;
        let _other = worker(cluster.address())?;
        gate.entered().await?;
        gate.open();
        assert_eq!(future.await?, 7);
        cluster.close().await
    });
}

#[test]
fn a_worker_that_was_stopped_for_too_long_starts_anew() {
    test(async || {
        let cluster = scheduler(SHORT, FOR_EVER).await?;
        let client = cluster.client().await?;
        let proxy = Proxy::new(cluster.address(), 0, 0).await?;
        let worker = worker(proxy.address())?;
        let kept = client.submit(add(1, 2));
        (&kept).await?;
        worker.signal(Signal::STOP)?;
        proxy.cut();
        until(&client, |info| info.workers.is_empty()).await?;
        worker.signal(Signal::CONT)?;
        let info = until(&client, |info| info.workers.len() == 1).await?;
        assert_eq!(info.workers[0].id.0, 2, "it is another worker");
        assert_eq!(client.submit(add(&kept, 10)).await?, 13);
        cluster.close().await
    });
}

#[test]
fn a_worker_that_starts_anew_listens_where_it_did() {
    test(async || {
        let cluster = scheduler(Duration::ZERO, FOR_EVER).await?;
        let client = cluster.client().await?;
        let proxy = Proxy::new(cluster.address(), 0, 0).await?;
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let arguments = ["--raddle-worker", proxy.address(), "--raddle-port", &port.to_string()];
        let patience = ["--raddle-death-timeout", "60"];
        let _worker = Program::start(APP, &[&arguments[..], &patience].concat())?;
        for life in 1..=10 {
            let is_this_life = |info: &SchedulerInfo| info.workers.iter().any(|w| w.id.0 == life);
            let info = until(&client, is_this_life).await?;
            let [worker] = &info.workers[..] else { panic!("{info:?}") };
            assert_eq!(worker.address, format!("tcp://127.0.0.1:{port}"));
            assert_eq!(client.submit(add(1, 2)).await?, 3);
            // One that is back before the scheduler has noticed goes on with its session.
            proxy.go_down();
            until(&client, |info| info.workers.is_empty()).await?;
            proxy.go_up();
        }
        cluster.close().await
    });
}

#[test]
fn a_client_that_was_away_for_too_long_is_told_so() {
    test(async || {
        let cluster = scheduler(FOR_EVER, SHORT).await?;
        let other = cluster.client().await?;
        let proxy = Proxy::new(cluster.address(), 0, 0).await?;
        let client = Client::connect(proxy.address()).await?;
        let future = client.submit(add(1, 2));
        until(&other, |info| known_tasks(info) == 1).await?;
        proxy.go_down();
        until(&other, |info| known_tasks(info) == 0).await?;
        proxy.go_up();
        assert!(matches!(future.await, Err(TaskError::Disconnected { .. })));
        cluster.close().await
    });
}

#[test]
fn a_client_that_leaves_is_not_waited_for() {
    test(async || {
        let cluster = scheduler(FOR_EVER, FOR_EVER).await?;
        let other = cluster.client().await?;
        let leaves = cluster.client().await?;
        let future = leaves.submit(add(1, 2));
        until(&other, |info| known_tasks(info) == 1).await?;
        leaves.close().await?;
        until(&other, |info| known_tasks(info) == 0).await?;
        assert!(matches!(future.await, Err(TaskError::Disconnected { .. })));
        cluster.close().await
    });
}

#[test]
fn a_client_that_leaves_while_it_is_cut_off_says_goodbye_when_it_is_back() {
    test(async || {
        let cluster = scheduler(FOR_EVER, FOR_EVER).await?;
        let other = cluster.client().await?;
        let proxy = Proxy::new(cluster.address(), 0, 0).await?;
        let client = Client::connect(proxy.address()).await?;
        let future = client.submit(add(1, 2));
        until(&other, |info| known_tasks(info) == 1).await?;
        proxy.go_down();
        until(&other, is_away).await?;
        let (closed, ()) = futures::join!(client.close(), async { proxy.go_up() });
        closed?;
        until(&other, |info| known_tasks(info) == 0).await?;
        assert!(matches!(future.await, Err(TaskError::Disconnected { .. })));
        cluster.close().await
    });
}

const KEY: Key = Key::hashed(1);

/// What defines and submits a task for which there is no worker.
fn submission() -> [ClientMessage; 2] {
    let function = Function { runtime: Runtime::Native, ..Function::default() };
    let spec = TaskSpec { function, ..TaskSpec::default() };
    let task = NewTask { key: KEY, ..NewTask::default() };
    [
        ClientMessage::Define { id: SpecId(0), spec },
        ClientMessage::Submit { submission: 0, tasks: vec![task] },
    ]
}

fn is_away(info: &SchedulerInfo) -> bool {
    // The one that asks is there.
    info.clients == 1
}

#[test]
fn a_client_that_is_gone_without_a_goodbye_wants_nothing_after_a_while() {
    test(async || {
        let cluster = scheduler(FOR_EVER, SHORT).await?;
        let client = cluster.client().await?;
        let mut wire = Wire::greet(cluster.address(), Role::Client, 5)?;
        for message in submission() {
            wire.say(&message)?;
        }
        until(&client, |info| known_tasks(info) == 1).await?;
        drop(wire);
        let info = until(&client, |info| known_tasks(info) == 0).await?;
        assert!(is_away(&info), "{info:?}");
        cluster.close().await
    });
}

#[test]
fn what_was_said_to_a_client_that_was_away_is_said_again() {
    test(async || {
        let cluster = scheduler(FOR_EVER, FOR_EVER).await?;
        let client = cluster.client().await?;
        let mut wire = Wire::greet(cluster.address(), Role::Client, 5)?;
        for message in submission() {
            wire.say(&message)?;
        }
        wire.say(&ClientMessage::Query { id: 1, query: Query::Info })?;
        let first = wire.hear::<SchedulerToClient>()?;
        assert!(matches!(first[..], [SchedulerToClient::Answer { id: 1, .. }]), "{first:?}");
        drop(wire);
        until(&client, is_away).await?;

        // It says that it has heard nothing: all is said again, under the same numbers.
        let hello = Hello { epoch: 1, ..Hello::new(Role::Client, Session::truncate(5)) };
        let (mut wire, reply) = Wire::hello(cluster.address(), &hello)?;
        let Reply::Welcome(Welcome { received, grace, .. }) = reply else { panic!("{reply:?}") };
        assert_eq!((received, grace), (3, 3_600_000));
        assert_eq!(wire.hear::<SchedulerToClient>()?, first);
        assert_eq!(known_tasks(&client.info().await?), 1);
        cluster.close().await
    });
}

#[test]
fn of_two_connections_of_one_session_the_newest_counts() {
    test(async || {
        let cluster = scheduler(FOR_EVER, FOR_EVER).await?;
        let client = cluster.client().await?;
        let mut first = Wire::greet(cluster.address(), Role::Client, 5)?;
        for message in submission() {
            first.say(&message)?;
        }
        until(&client, |info| known_tasks(info) == 1).await?;
        let hello = Hello { epoch: 1, ..Hello::new(Role::Client, Session::truncate(5)) };
        let (second, reply) = Wire::hello(cluster.address(), &hello)?;
        assert!(matches!(reply, Reply::Welcome(Welcome { received: 2, .. })), "{reply:?}");
        assert_eq!(first.closed()?, b"");
        let info = client.info().await?;
        assert_eq!((info.clients, known_tasks(&info)), (2, 1));
        drop(second);
        cluster.close().await
    });
}

#[test]
fn who_comes_back_to_a_session_that_is_not_known_is_told_so() {
    test(async || {
        let cluster = scheduler(FOR_EVER, FOR_EVER).await?;
        for role in [Role::Client, Role::Worker] {
            let hello = Hello { epoch: 1, received: 3, ..Hello::new(role, Session::truncate(5)) };
            let (wire, reply) = Wire::hello(cluster.address(), &hello)?;
            assert_eq!(reply, Reply::Refused { reason: RefusedReason::SessionUnknown });
            assert_eq!(wire.closed()?, b"");
        }
        cluster.close().await
    });
}

#[test]
fn who_claims_to_have_heard_what_was_never_said_loses_the_session() {
    test(async || {
        let cluster = scheduler(FOR_EVER, FOR_EVER).await?;
        let client = cluster.client().await?;
        let mut wire = Wire::greet(cluster.address(), Role::Client, 5)?;
        for message in submission() {
            wire.say(&message)?;
        }
        until(&client, |info| known_tasks(info) == 1).await?;
        let hello =
            Hello { epoch: 1, received: 9, ..Hello::new(Role::Client, Session::truncate(5)) };
        let (liar, reply) = Wire::hello(cluster.address(), &hello)?;
        assert_eq!(reply, Reply::Refused { reason: RefusedReason::SessionUnknown });
        assert_eq!(liar.closed()?, b"");
        until(&client, |info| known_tasks(info) == 0).await?;
        assert_eq!(wire.closed()?, b"");
        cluster.close().await
    });
}
