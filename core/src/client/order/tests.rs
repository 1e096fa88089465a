//! The order is judged by the most values that are in memory at once when tasks run in it one by one.

use proptest::prelude::*;

use super::*;

/// A graph from the dependencies of its tasks.
fn graph<'a>(tasks: impl IntoIterator<Item = &'a [u32]>) -> Graph {
    let mut graph = Graph::default();
    for dependencies in tasks {
        graph.push(dependencies);
    }
    graph
}

/// Adds a task; returns its position.
fn add(graph: &mut Graph, dependencies: &[u32]) -> u32 {
    graph.push(dependencies);
    u32::try_from(graph.len() - 1).unwrap()
}

/// The tasks in the order of their ranks, which must be a permutation that respects dependencies.
fn sequence(graph: &Graph, ranks: &[u32]) -> Vec<u32> {
    let mut sequence = vec![NONE; graph.len()];
    for task in graph.tasks() {
        let rank = ranks[task as usize];
        assert_eq!(sequence[rank as usize], NONE, "two tasks of rank {rank}");
        sequence[rank as usize] = task;
        for &dependency in graph.of(task) {
            assert!(ranks[dependency as usize] < rank, "{task} before its input {dependency}");
        }
    }
    sequence
}

/// The most values in memory at once, when one task runs after the other. Results, which nothing
/// depends on, are taken away at once.
fn peak(graph: &Graph, ranks: &[u32]) -> usize {
    let dependents = graph.reversed();
    let mut left: Vec<_> = graph.tasks().map(|task| dependents.of(task).len()).collect();
    let (mut live, mut peak) = (0_usize, 0);
    for task in sequence(graph, ranks) {
        live += 1;
        peak = peak.max(live);
        for &input in graph.of(task) {
            left[input as usize] -= 1;
            live -= usize::from(left[input as usize] == 0);
        }
        live -= usize::from(left[task as usize] == 0);
    }
    assert_eq!(live, 0);
    peak
}

/// The peaks of the static order and of the order of submission.
fn peaks(graph: &Graph) -> (usize, usize) {
    let naive: Vec<_> = graph.tasks().collect();
    (peak(graph, &static_order(graph)), peak(graph, &naive))
}

/// Reduces `values` two by two, layer by layer.
fn reduce(graph: &mut Graph, mut values: Vec<u32>) -> u32 {
    while values.len() > 1 {
        values = values.chunks(2).map(|pair| add(graph, pair)).collect();
    }
    values[0]
}

/// `0..n` in an order that is far from sorted.
fn shuffled(n: u32) -> Vec<u32> {
    let mut all: Vec<_> = (0..n).collect();
    all.sort_by_key(|&i| crate::random::hash(1, 0, u64::from(i), 0));
    all
}

proptest! {
    #[test]
    fn every_task_has_a_rank_of_its_own_after_its_dependencies(
        lists in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..5), 0..80),
    ) {
        let mut dag = Graph::default();
        for (position, list) in lists.iter().enumerate() {
            let list = if position == 0 { &[] } else { &list[..] };
            let list = list.iter().map(|index| u32::try_from(index.index(position)).unwrap());
            dag.push(&list.collect::<Vec<_>>());
        }
        let ranks = static_order(&dag);
        sequence(&dag, &ranks);
        prop_assert_eq!(ranks, static_order(&dag), "the same graph, another order");
    }
}

proptest! {
    #[test]
    fn by_level_too_every_task_has_a_rank_of_its_own_after_its_dependencies(
        tasks in prop::collection::vec((0_u64..100, prop::collection::vec(any::<u32>(), 0..3)), 1..40)
    ) {
        let (mut graph, mut nanos) = (Graph::default(), Vec::new());
        for (place, (duration, dependencies)) in (0_u32..).zip(tasks) {
            let before = dependencies.into_iter().filter_map(|n| n.checked_rem(place));
            add(&mut graph, &before.collect::<Vec<_>>());
            nanos.push(duration);
        }
        sequence(&graph, &order_by_level(&graph, &nanos));
    }
}

#[test]
fn by_level_the_longest_way_to_the_end_goes_first() {
    // 1 → 2, beside 0 and 3.
    let graph = graph([&[][..], &[], &[1], &[]]);
    let ranks = order_by_level(&graph, &[1_000, 1_000, 5_000, 2_000]);
    assert_eq!(sequence(&graph, &ranks), [1, 2, 3, 0]);
}

#[test]
fn by_level_what_is_about_as_long_keeps_the_static_order() {
    // Two chains, whose tasks differ by less than counts.
    let graph = graph([&[][..], &[], &[0], &[1]]);
    let ranks = order_by_level(&graph, &[1_000, 1_001, 1_001, 1_002]);
    assert_eq!(sequence(&graph, &ranks), [0, 1, 2, 3]);
}

#[test]
fn nothing_has_no_order() {
    assert_eq!(static_order(&Graph::default()), []);
}

#[test]
fn naming_a_dependency_twice_is_naming_it_once() {
    let twice = graph([&[][..], &[], &[1, 0, 1, 1, 0]]);
    assert_eq!(twice.of(2), [0, 1]);
    assert_eq!(static_order(&twice), [0, 1, 2]);
}

#[test]
fn a_chain_is_finished_before_the_next_begins() {
    // Submitted layer by layer, as `map` over the results of `map` does.
    let (chains, length) = (50, 20);
    let mut dag = Graph::default();
    let mut ends: Vec<_> = (0..chains).map(|_| add(&mut dag, &[])).collect();
    for _ in 1..length {
        ends = ends.iter().map(|end| add(&mut dag, &[*end])).collect();
    }
    let ranks = static_order(&dag);
    let expected: Vec<_> =
        (0..chains).flat_map(|c| (0..length).map(move |l| l * chains + c)).collect();
    assert_eq!(sequence(&dag, &ranks), expected);
    assert_eq!(peaks(&dag), (2, chains as usize + 1));
}

#[test]
fn a_tree_needs_room_for_its_height() {
    let mut dag = Graph::default();
    let leaves = (0..1 << 10).map(|_| add(&mut dag, &[])).collect();
    reduce(&mut dag, leaves);
    assert_eq!(peaks(&dag), (10 + 2, (1 << 10) + 1));
}

#[test]
fn a_fold_over_values_that_were_submitted_first_loads_them_one_by_one() {
    let mut dag = Graph::default();
    let values: Vec<_> = (0..100)
        .map(|_| {
            let loaded = add(&mut dag, &[]);
            add(&mut dag, &[loaded])
        })
        .collect();
    let mut sum = values[0];
    for &value in &values[1..] {
        sum = add(&mut dag, &[value, sum]);
    }
    assert_eq!(peaks(&dag), (3, 101));
}

#[test]
fn map_and_reduce_runs_each_branch_through() {
    // Load all, parse all, count all, then one sum.
    let mut dag = Graph::default();
    let mut layer: Vec<_> = (0..100).map(|_| add(&mut dag, &[])).collect();
    for _ in 0..2 {
        layer = layer.iter().map(|value| add(&mut dag, &[*value])).collect();
    }
    add(&mut dag, &layer);
    let first: Vec<_> = sequence(&dag, &static_order(&dag)).into_iter().take(6).collect();
    assert_eq!(first, [0, 100, 200, 1, 101, 201]);
    assert_eq!(peaks(&dag), (101, 101));
}

#[test]
fn two_reductions_of_the_same_values_go_side_by_side() {
    let mut dag = Graph::default();
    let leaves: Vec<_> = (0..256).map(|_| add(&mut dag, &[])).collect();
    reduce(&mut dag, leaves.clone());
    reduce(&mut dag, leaves);
    let (ours, naive) = peaks(&dag);
    assert!(ours <= 2 * 8 + 4 && naive == 385, "{ours} {naive}");
}

#[test]
fn dependents_of_a_shared_input_are_finished_one_by_one() {
    let mut dag = Graph::default();
    let shared = add(&mut dag, &[]);
    let mut branches: Vec<_> = (0..100).map(|_| add(&mut dag, &[shared])).collect();
    for _ in 0..3 {
        branches = branches.iter().map(|branch| add(&mut dag, &[*branch])).collect();
    }
    let first: Vec<_> = sequence(&dag, &static_order(&dag)).into_iter().take(9).collect();
    assert_eq!(first, [0, 1, 101, 201, 301, 2, 102, 202, 302]);
    assert_eq!(peaks(&dag), (3, 101));
}

#[test]
fn neighbours_are_made_together_in_whatever_order_they_were_submitted() {
    let mut dag = Graph::default();
    let cells = 200;
    for _ in 0..cells {
        dag.push(&[]);
    }
    for i in shuffled(cells) {
        dag.push(&(i.saturating_sub(1)..cells.min(i + 2)).collect::<Vec<_>>());
    }
    let (ours, naive) = peaks(&dag);
    assert!(ours <= 10 && naive == 201, "{ours} {naive}");
}

#[test]
fn a_stencil_of_many_steps_keeps_one_cone() {
    let (cells, steps) = (200_usize, 10);
    let mut dag = Graph::default();
    let mut row: Vec<_> = (0..cells).map(|_| add(&mut dag, &[])).collect();
    for _ in 0..steps {
        row = (0..cells)
            .map(|i| add(&mut dag, &row[i.saturating_sub(1)..cells.min(i + 2)]))
            .collect();
    }
    let (ours, naive) = peaks(&dag);
    assert!(ours <= 2 * steps + 2 && naive == 202, "{ours} {naive}");
}

#[test]
fn a_matrix_product_holds_one_factor_and_a_row_of_the_other() {
    let n = 12;
    let mut dag = Graph::default();
    let a: Vec<_> = (0..n * n).map(|_| add(&mut dag, &[])).collect();
    let b: Vec<_> = (0..n * n).map(|_| add(&mut dag, &[])).collect();
    for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
        let products: Vec<_> =
            (0..n).map(|k| add(&mut dag, &[a[i * n + k], b[k * n + j]])).collect();
        add(&mut dag, &products);
    }
    let (ours, naive) = peaks(&dag);
    assert!(ours <= n * n + 2 * n + 1, "{ours}");
    assert!(naive > 2 * n * n, "{naive}");
}

#[test]
fn a_shuffle_is_no_worse_than_in_the_order_of_submission() {
    let n = 30;
    let mut dag = Graph::default();
    let inputs: Vec<_> = (0..n).map(|_| add(&mut dag, &[])).collect();
    let parts: Vec<Vec<_>> =
        (0..n).map(|_| inputs.iter().map(|input| add(&mut dag, &[*input])).collect()).collect();
    for column in &parts {
        add(&mut dag, column);
    }
    let (ours, naive) = peaks(&dag);
    assert!(ours <= 2 * n + 1 && naive == n * n + 1, "{ours} {naive}");
}

#[test]
fn a_butterfly_is_no_worse_than_layer_by_layer() {
    let n: u32 = 64;
    let mut dag = Graph::default();
    let mut layer: Vec<_> = (0..n).map(|_| add(&mut dag, &[])).collect();
    for bit in 0..6 {
        let pair = |i: u32| [layer[i as usize], layer[(i ^ (1 << bit)) as usize]];
        layer = (0..n).map(|i| add(&mut dag, &pair(i))).collect();
    }
    let (ours, naive) = peaks(&dag);
    assert!(ours <= naive, "{ours} {naive}");
}

#[test]
fn a_million_tasks_are_ordered_without_recursion() {
    let n = 1_000_000;
    let mut chain = Graph::default();
    let mut shared = Graph::default();
    for task in 0..n {
        chain.push(&(task.max(1) - 1..task).collect::<Vec<_>>());
        shared.push(if task == 0 { &[] } else { &[0] });
    }
    let all: Vec<_> = (0..n).collect();
    assert_eq!(static_order(&chain), all);
    assert_eq!(static_order(&shared), all);
    shared.push(&all);
    assert_eq!(peak(&shared, &static_order(&shared)), n as usize + 1);
}
