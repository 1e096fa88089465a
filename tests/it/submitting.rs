//! Tasks go out and values come back: submit, map, gather, wait, as_completed, cancel, release.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use raddle::Status;
use raddle::prelude::*;
use raddle_tests::{add, fails, flaky, later, process, refuse, total};

use crate::support::{Gate, Scratch, known_tasks, processes, test, threads, until};

#[test]
fn a_future_is_an_argument_before_it_is_done_and_can_be_asked_twice() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let x = client.submit(add(1, 2));
        let y = client.submit(add(&x, 10).priority(5).retries(2));
        let many = client.map(|i| add(i, 1), 0..1000);
        let sum = client.submit(total(many));
        assert_eq!((y.await?, sum.await?), (13, 500_500));
        assert_eq!(((&x).await?, (&x).await?, x.status()), (3, 3, Status::Finished));
        cluster.close().await
    });
}

#[test]
fn calls_of_different_functions_go_out_together() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let futures = client.submit_all([add(1, 2), later(5), total([1, 2, 3])]);
        assert_eq!(client.gather(&futures).await?, [3, 6, 6]);
        assert_eq!(client.submit_all(Vec::<Call<u64>>::new()).len(), 0);
        cluster.close().await
    });
}

#[test]
fn all_workers_take_part() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let mut gates = (Gate::new().await?, Gate::new().await?);
        let held = client.submit_all([gates.0.call(0), gates.1.call(0)]);
        gates.0.entered().await?;
        gates.1.entered().await?;
        // Both run at once, so each worker has one.
        drop(gates);
        client.gather(&held).await?;
        let pids = client.map(process, 0..1000);
        let pids: BTreeSet<u32> = client.gather(&pids).await?.into_iter().collect();
        assert!(!pids.contains(&std::process::id()), "a task ran in the test itself");
        assert!(pids.len() <= 2, "{pids:?}");
        cluster.close().await
    });
}

#[test]
fn values_are_gathered_in_the_order_of_the_futures_whichever_is_done_first() {
    test(async || {
        let (cluster, client) = threads(2).await?;
        let mut gate = Gate::new().await?;
        let held = client.submit(gate.call(1));
        gate.entered().await?;
        let quick = client.submit(add(1, 1));
        (&quick).await?;
        assert_eq!((held.status(), quick.status()), (Status::Pending, Status::Finished));
        gate.open();
        assert_eq!(client.gather(&[held, quick]).await?, [1, 2]);
        cluster.close().await
    });
}

#[test]
fn a_gather_fails_with_the_first_error_in_the_order_of_the_futures() {
    test(async || {
        let (cluster, client) = threads(2).await?;
        let gate = Gate::new().await?;
        let late = client.submit(refuse(client.submit(gate.call(0)), "the late one"));
        let early = client.submit(fails("the early one"));
        wait(std::slice::from_ref(&early), WaitFor::All).await;
        assert_eq!((late.status(), early.status()), (Status::Pending, Status::Erred));
        gate.open();
        let good = client.submit(add(1, 1));
        let Err(error) = client.gather(&[good, late, early]).await else { panic!("no error") };
        assert!(error.to_string().contains("the late one"), "{error}");
        cluster.close().await
    });
}

#[test]
fn a_future_tells_its_status_without_waiting() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let gate = Gate::new().await?;
        let futures = [client.submit(gate.call(1)), client.submit(fails("x"))];
        assert_eq!(futures.each_ref().map(TaskFuture::status), [Status::Pending; 2]);
        assert!(!futures[0].done());
        gate.open();
        wait(&futures, WaitFor::All).await;
        assert_eq!(futures.each_ref().map(TaskFuture::status), [Status::Finished, Status::Erred]);
        assert!(futures.iter().all(TaskFuture::done));
        cluster.close().await
    });
}

#[test]
fn futures_come_as_they_complete_and_more_can_be_added() {
    test(async || {
        let (cluster, client) = threads(2).await?;
        let mut gate = Gate::new().await?;
        let held = client.submit(gate.call(1));
        gate.entered().await?;
        let mut stream = as_completed([held, client.submit(add(1, 1))]);
        let next = async |stream: &mut raddle::AsCompleted<u64>| match stream.next().await {
            Some(future) => future.await.map(Some),
            None => Ok(None),
        };
        assert_eq!(next(&mut stream).await?, Some(2));
        stream.add(client.submit(add(1, 2)));
        assert_eq!(next(&mut stream).await?, Some(3));
        gate.open();
        assert_eq!((stream.len(), next(&mut stream).await?), (1, Some(1)));
        assert_eq!((next(&mut stream).await?, stream.is_empty()), (None, true));
        stream.add(client.submit(fails("at last")));
        assert!(next(&mut stream).await.is_err());
        cluster.close().await
    });
}

#[test]
fn waiting_ends_with_the_first_or_with_all() {
    test(async || {
        let (cluster, client) = threads(2).await?;
        let mut gate = Gate::new().await?;
        let held = client.submit(gate.call(1));
        gate.entered().await?;
        let futures = [held, client.submit(add(1, 1))];
        client.wait(&futures, WaitFor::First).await;
        assert_eq!(futures.each_ref().map(TaskFuture::status), [Status::Pending, Status::Finished]);
        gate.open();
        client.wait(&futures, WaitFor::All).await;
        assert_eq!(futures.each_ref().map(TaskFuture::status), [Status::Finished; 2]);
        cluster.close().await
    });
}

#[test]
fn a_cancelled_task_and_what_depends_on_it_end_and_nothing_else_does() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let mut gate = Gate::new().await?;
        let running = client.submit(gate.call(1));
        gate.entered().await?;
        let waiting = client.submit(add(1, 2));
        let dependent = client.submit(add(&waiting, 1));
        let other = client.submit(add(2, 2));
        waiting.cancel();
        assert_eq!((&dependent).await, Err(TaskError::Cancelled));
        assert_eq!(waiting.clone().await, Err(TaskError::Cancelled));
        assert_eq!((waiting.status(), dependent.status()), (Status::Cancelled, Status::Cancelled));
        // One that runs is given up, though its body cannot be stopped.
        client.cancel(std::slice::from_ref(&running));
        assert_eq!(running.await, Err(TaskError::Cancelled));
        gate.open();
        assert_eq!(other.await?, 4);
        cluster.close().await
    });
}

#[test]
fn a_finished_task_cannot_be_cancelled() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let three = client.submit(add(1, 2));
        (&three).await?;
        three.cancel();
        assert_eq!(client.submit(add(&three, 1)).await?, 4);
        assert_eq!(three.await?, 3);
        cluster.close().await
    });
}

#[test]
fn what_nobody_holds_is_forgotten() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let values = client.map(|i| add(i, 1), 0..500);
        let sum = client.submit(total(&values));
        assert_eq!((&sum).await?, 125_250);
        drop(values);
        // The sum could be asked to be made again: its inputs are known, but have no values.
        let info = until(&client, |info| info.workers[0].values == 1).await?;
        assert_eq!(known_tasks(&info), 501);
        drop(sum);
        let info = until(&client, |info| known_tasks(info) == 0).await?;
        assert_eq!((info.workers[0].processing, info.workers[0].values), (0, 0));
        cluster.close().await
    });
}

#[test]
fn what_nobody_holds_is_not_run() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let scratch = Scratch::new("dropped")?;
        let mut gate = Gate::new().await?;
        let held = client.submit(gate.call(1));
        gate.entered().await?;
        // They wait for the only thread: dropping them calls them off.
        drop(client.map(|_| flaky(scratch.path("log"), 0), 0..500));
        until(&client, |info| known_tasks(info) == 1).await?;
        // What is scattered after that arrives after that: the worker has heard of it, too.
        let after = client.scatter(0_u8);
        wait(std::slice::from_ref(&after), WaitFor::All).await;
        gate.open();
        assert_eq!((held.await?, scratch.path("log").exists()), (1, false));
        cluster.close().await
    });
}

#[test]
fn a_client_that_leaves_takes_its_wishes_along() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let other = cluster.client().await?;
        let values = client.map(|i| add(i, 1), 0..100);
        client.gather(&values).await?;
        client.close().await?;
        until(&other, |info| known_tasks(info) == 0 && info.clients == 1).await?;
        // What is here stays here.
        assert_eq!(values[5].clone().await?, 6);
        cluster.close().await
    });
}
