//! Graphs of named calls.

use raddle::prelude::*;
use raddle::{Graph, GraphError};
use raddle_tests::{add, logged, refuse, total};

use crate::support::{Scratch, known_tasks, processes, test, threads, until};

#[test]
fn what_is_asked_for_and_what_it_needs_is_computed() {
    test(async || {
        let (cluster, client) = processes(2).await?;
        let scratch = Scratch::new("graph")?;
        let file = scratch.path("log");
        let outside = client.submit(add(100, 0));
        let mut graph = Graph::new();
        let parts: Vec<_> = (0..300).map(|n| graph.name(&format!("part-{n}"))).collect();
        let sum = graph.add("sum", total(parts));
        graph.add("all", add(sum, &outside));
        for n in 0..300 {
            graph.add(&format!("part-{n}"), add(n, 0));
        }
        graph.add("unused", logged(file.clone(), 1));
        assert_eq!(client.get::<u64>(graph, ["all", "sum"]).await?, [44_950, 44_850]);
        assert!(!file.exists());
        drop(outside);
        until(&client, |info| known_tasks(info) == 0).await?;
        cluster.close().await
    });
}

#[test]
fn a_graph_of_tasks_that_fail_fails_and_a_wrong_one_is_not_submitted() {
    test(async || {
        let (cluster, client) = threads(1).await?;
        let mut graph = Graph::new();
        let bad = graph.add("bad", refuse(1, "no".to_owned()));
        graph.add("after", add(bad, 1));
        let error = client.get::<u64>(graph, ["after"]).await.unwrap_err();
        assert!(matches!(error, raddle::Error::Task(TaskError::Failed { .. })), "{error}");

        let mut graph = Graph::new();
        let (one, two) = (graph.name("one"), graph.name("two"));
        graph.add("one", add(two, 1));
        graph.add("two", add(one, 1));
        let error = client.get::<u64>(graph, ["one"]).await.unwrap_err();
        let raddle::Error::Graph(GraphError::Cycle { path }) = &error else { panic!("{error}") };
        assert_eq!(path[..], ["one", "two", "one"]);
        assert_eq!(error.to_string(), "the graph goes in a circle: one → two → one");
        cluster.close().await
    });
}
