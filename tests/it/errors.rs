//! Tasks that fail: what the user is told, and that nobody else suffers.

use raddle::prelude::*;
use raddle_tests::{Unreadable, add, fails, panics, read, seal, unreadable};

use crate::support::{processes, test};

#[test]
fn an_error_says_what_why_and_where() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let future = client.submit(fails("nonsense"));
        let error = (&future).await.unwrap_err();
        let expected = TaskError::Failed {
            message: "the outer error".to_owned(),
            chain: vec!["invalid digit found in string".to_owned()],
            panic: false,
            location: None,
            worker: cluster.workers().remove(0),
            attempts: 1,
            blame: future.key(),
        };
        assert_eq!(error, expected);
        let text = format!(
            "task {} failed on {}: the outer error: invalid digit found in string",
            future.key(),
            cluster.workers()[0]
        );
        assert_eq!(error.to_string(), text);
        cluster.close().await
    });
}

#[test]
fn a_panic_says_what_and_where_and_the_worker_goes_on() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let error = client.submit(panics("for a test")).await.unwrap_err();
        let TaskError::Failed { message, panic: true, location: Some(location), .. } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(message, "it panicked: for a test");
        assert!(location.starts_with("tests/src/lib.rs:"), "{location}");
        assert!(error.to_string().contains(&**location), "{error}");
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        cluster.close().await
    });
}

#[test]
fn dependents_fail_with_the_error_of_the_task_that_failed_first() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let root = client.submit(fails("nonsense"));
        let level = client.map(|i| add(&root, i), 0..10);
        let last = client.submit(add(&level[3], &level[7]));
        let error = last.await.unwrap_err();
        let TaskError::Failed { blame, message, .. } = &error else { panic!("{error:?}") };
        assert_eq!((*blame, message.as_str()), (root.key(), "the outer error"));
        assert_eq!(root.await, Err(error));
        cluster.close().await
    });
}

#[test]
fn a_value_that_its_reader_cannot_read_is_the_readers_error() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let workers = cluster.workers();
        let value = client.submit(unreadable(7).workers([&workers[0]]));
        // Where it was made it is not put into bytes, and can be used.
        assert_eq!(client.submit(read(&value).workers([&workers[0]])).await?, 7);
        let elsewhere = client.submit(read(&value).workers([&workers[1]])).await;
        let here = value.await;
        for error in [elsewhere.map(Unreadable).unwrap_err(), here.unwrap_err()] {
            let TaskError::Decode { expected, found } = &error else { panic!("{error:?}") };
            assert!(expected.contains("Unreadable"), "{expected}");
            assert!(found.contains("nobody can read this"), "{found}");
        }
        for worker in workers {
            assert_eq!(client.submit(add(1, 2).workers([worker])).await?, 3);
        }
        cluster.close().await
    });
}

#[test]
fn a_value_that_cannot_be_written_is_its_tasks_error() {
    test(async || {
        let (cluster, client) = processes(1).await?;
        let error = client.submit(seal()).await.unwrap_err();
        assert!(error.to_string().contains("nobody may write this"), "{error}");
        assert_eq!(client.submit(add(1, 2)).await?, 3);
        cluster.close().await
    });
}
