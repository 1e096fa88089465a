//! What can be an argument: values, references, futures, and futures in collections.

use std::collections::BTreeMap;

use raddle::prelude::*;
use raddle_tests::{
    add, call_off, follow, greet, later, odd, or_zero, parse, total, total_of, verify,
};

use crate::support::{Gate, known_tasks, processes, tasks_in, test, until};

#[test]
fn one_future_is_passed_by_value_and_by_reference() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let x = client.submit(add(1, 2));
        let both = client.submit(add(&x, x.clone()));
        assert_eq!((client.submit(add(x, 1)).await?, both.await?), (4, 6));
        cluster.close().await
    });
}

#[test]
fn futures_in_a_vector_a_slice_and_an_array_are_a_list() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let xs = client.map(|i| add(i, 0), 0..10);
        let [a, b] = [client.submit(add(1, 0)), client.submit(add(2, 0))];
        let sums = client.submit_all([
            total(&xs),
            total(&xs[2..4]),
            total([a.clone(), b.clone()]),
            total(&[a, b]),
            total_of(&xs[..3]),
            total(xs),
        ]);
        assert_eq!(client.gather(&sums).await?, [45, 5, 3, 3, 3, 45]);
        cluster.close().await
    });
}

#[test]
fn plain_values_are_lists_too() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let xs = [1, 2, 3];
        let list = client.scatter(xs.to_vec());
        let sums = client.submit_all([
            total(xs),
            total(&xs[1..]),
            total(xs.to_vec()),
            total_of(xs),
            total_of(Vec::<u64>::new()),
            total(&list),
            total_of(list),
        ]);
        assert_eq!(client.gather(&sums).await?, [6, 5, 6, 6, 0, 6, 6]);
        cluster.close().await
    });
}

#[test]
fn a_future_may_be_optional() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let x = client.submit(add(1, 2));
        let calls = [or_zero(Some(x)), or_zero(Some(4)), or_zero(None::<u64>)];
        let futures = client.submit_all(calls);
        assert_eq!(client.gather(&futures).await?, [3, 4, 0]);
        cluster.close().await
    });
}

#[test]
fn futures_may_be_the_values_of_a_map() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let names = ["one", "two", "three"].map(str::to_owned);
        let xs: BTreeMap<_, _> =
            names.into_iter().zip(client.map(|i| add(i, 0), 1..4_u64)).collect();
        assert_eq!(client.submit(odd(xs)).await?, ["one", "three"]);
        cluster.close().await
    });
}

#[test]
fn parameters_may_borrow() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        assert_eq!(client.submit(parse(" 2.5 ")).await?, 2.5);
        let text = client.submit(greet("you"));
        let error = client.submit(parse(&text)).await.unwrap_err();
        assert!(error.to_string().contains("invalid float literal"), "{error}");
        // The value is still there for others.
        assert_eq!(text.await?, "hello you");
        cluster.close().await
    });
}

#[test]
fn async_tasks_take_and_give_like_any_other() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let x = client.submit(later(1));
        assert_eq!(client.submit(add(&x, client.submit(later(&x)))).await?, 5);
        cluster.close().await
    });
}

#[test]
fn a_task_runs_here_as_the_function_that_it_is() {
    assert_eq!((add::run(1, 2), total::run(vec![3, 4])), (3, 7));
}

#[test]
fn large_arguments_travel_apart_and_equal_ones_once() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let bytes = raddle_tests::blob::run(5 << 20);
        let checks = client.map(|_| verify(&bytes), 0..20);
        // One value was sent, although it is an argument of twenty tasks.
        let info = client.info().await?;
        assert!(known_tasks(&info) <= 21, "{info:?}");
        assert_eq!(client.gather(&checks).await?, [Some(5 << 20); 20]);
        let numbers: Vec<u64> = (0..50_000).collect();
        let sums = [client.submit(total(&numbers)), client.submit(total_of(numbers).pure())];
        assert_eq!(client.gather(&sums).await?, [1_249_975_000; 2]);
        drop((checks, sums));
        until(&client, |info| known_tasks(info) == 0).await?;
        cluster.close().await
    });
}

#[test]
fn a_future_can_be_passed_itself() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let mut gate = Gate::new().await?;
        let slow = client.submit(gate.call(41));
        gate.entered().await?;
        // It begins although what it is about is not done.
        let follower = client.submit(follow(&slow));
        until(&client, |info| tasks_in(info, "processing") == 2).await?;
        drop(slow);
        gate.open();
        assert_eq!(follower.await?, 42);

        let gate = Gate::new().await?;
        let slow = client.submit(gate.call(1));
        assert_eq!(client.submit(call_off(&slow)).await, Err(TaskError::Cancelled));
        assert_eq!(slow.await, Err(TaskError::Cancelled));
        cluster.close().await
    });
}
