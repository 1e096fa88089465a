//! Graphs of any shape and size: their static order, and the messages in which a client submits them.

use std::collections::BTreeMap;
use std::sync::Arc;

use raddle_core::client::{Client, Config, Effect, Event, Graph, Settled, Task, static_order};
use raddle_core::time::Instant;
use raddle_net::codec;
use raddle_net::limits::{MAX_ARGS, MAX_MESSAGE, MAX_SUBMIT};
use raddle_net::messages::{ClientMessage, TaskSpec};
use raddle_net::names::{Key, Session};
use raddle_net::payload::Blob;

use super::choices::Choices;

/// Tasks of one graph, at most: more than fit one message.
const TASKS: usize = 2_000;
/// Pieces of one graph, each of one shape, at most.
const PIECES: usize = 12;
/// Tasks with large arguments, at most.
const LARGE: usize = 3;

/// Bytes become a graph, which is put in order and submitted.
pub fn graph_submit(data: &[u8]) {
    let choices = &mut Choices::new(data);
    let mut dependencies: Vec<Vec<u32>> = Vec::new();
    let mut large = Vec::new();
    for _ in 0..PIECES {
        if choices.is_empty() || dependencies.len() == TASKS {
            break;
        }
        let shape = choices.below(8);
        let (count, reach) = (usize::from(choices.byte()), usize::from(choices.byte()) + 1);
        if shape == 7 && large.len() < LARGE {
            let args = [1_000, MAX_ARGS / 2, MAX_ARGS, MAX_ARGS + 1][count % 4];
            large.push((dependencies.len(), args));
        }
        for _ in 0..=count.min(TASKS - dependencies.len() - 1) {
            dependencies.push(of(shape, reach, dependencies.len()));
        }
    }
    ordered(&dependencies);
    submitted(&dependencies, &large);
}

/// What the next task depends on: tasks before it, now and then one of them twice.
fn of(shape: usize, reach: usize, number: usize) -> Vec<u32> {
    let back = |by: usize| number.checked_sub(by).map(|task| task as u32);
    let all: Vec<Option<u32>> = match shape {
        0 => vec![],
        1 => vec![back(1)],
        2 => vec![back(1), back(reach)],
        3 => vec![Some(number as u32 / 2)],
        4 => (1..=reach.min(16)).map(back).collect(),
        5 => vec![Some((number % reach) as u32)],
        6 => vec![back(reach), back(reach), back(reach * 2)],
        7.. => vec![back(2), back(reach * 7)],
    };
    all.into_iter().flatten().filter(|task| (*task as usize) < number).collect()
}

/// The order is a permutation in which every task follows those it depends on.
fn ordered(dependencies: &[Vec<u32>]) {
    let mut graph = Graph::default();
    dependencies.iter().for_each(|of| graph.push(of));
    let ranks = static_order(&graph);
    let mut sorted = ranks.clone();
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(0..dependencies.len() as u32), "a permutation");
    for (rank, of) in ranks.iter().zip(dependencies) {
        assert!(of.iter().all(|before| ranks[*before as usize] < *rank), "inputs come first");
    }
}

/// Every task is said once, after those it depends on, in messages within the limits; or it is
/// refused, because of its own arguments.
fn submitted(dependencies: &[Vec<u32>], large: &[(usize, usize)]) {
    let key = |number: usize| Key::numbered(Session::truncate(1), number as u64);
    let spec = Arc::new(TaskSpec::default());
    let args: BTreeMap<usize, usize> = large.iter().copied().collect();
    let task = |(number, of): (usize, &Vec<u32>)| Task {
        key: key(number),
        spec: Arc::clone(&spec),
        priority: 0,
        dependencies: of.iter().map(|task| key(*task as usize)).collect(),
        args: Blob::from(vec![7; args.get(&number).copied().unwrap_or(number % 40)]),
    };
    let tasks: Vec<Task> = dependencies.iter().enumerate().map(task).collect();
    let mut client = Client::new(Config::default());
    let mut out = Vec::new();
    client.handle(Instant::ZERO, Event::Submit { tasks: tasks.clone() }, &mut out);
    client.handle(Instant::ZERO, Event::Flush, &mut out);
    assert_eq!(client.check(), Ok(()));
    let (mut said, mut refused) = (BTreeMap::new(), 0);
    for effect in out {
        match &effect {
            Effect::ToScheduler(message) => note(message, &mut said),
            Effect::Settled { key, settled: Settled::Erred { blame, .. } } => {
                assert!(key == blame && !said.contains_key(key));
                refused += 1;
            }
            Effect::Answer { .. }
            | Effect::Close { .. }
            | Effect::Fetch { .. }
            | Effect::Send { .. }
            | Effect::Settled { .. }
            | Effect::Unsettled { .. } => panic!("{effect:?}"),
        }
    }
    let too_large = |task: &&Task| task.args.len() > MAX_ARGS;
    assert_eq!(refused, tasks.iter().filter(too_large).count());
    for task in tasks.iter().filter(|task| !too_large(task)) {
        let (place, order) = said[&task.key];
        for dependency in &task.dependencies {
            let Some((before, order_before)) = said.get(dependency) else { continue };
            assert!(*before < place && *order_before < order, "{} is too early", task.key);
        }
    }
    assert_eq!(said.len() + refused, tasks.len());
}

/// Notes where a message names its tasks, and with which order.
fn note(message: &ClientMessage, said: &mut BTreeMap<Key, (usize, u32)>) {
    assert!(codec::encoded_len(message).is_ok_and(|len| len <= MAX_MESSAGE));
    let ClientMessage::Submit { tasks, .. } = message else { return };
    assert!((1..=MAX_SUBMIT).contains(&tasks.len()));
    for task in tasks {
        let place = said.len();
        assert_eq!(said.insert(task.key, (place, task.order)), None, "{} again", task.key);
    }
}
