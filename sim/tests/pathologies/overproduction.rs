//! Root overproduction: more values are made than are needed soon.

use super::*;

/// How many values of `makers` are there at most at a time, where `takers` are their only dependents
/// in the same order.
fn most_alive(seen: &Seen, makers: RangeInclusive<u64>, takers: RangeInclusive<u64>) -> i32 {
    let mut changes = Vec::new();
    for (maker, taker) in makers.zip(takers) {
        changes.push((seen.once(maker).end.expect("it made a value"), 1));
        changes.push((seen.once(taker).end.expect("it took the value"), -1));
    }
    changes.sort_unstable();
    let alive = changes.iter().scan(0, |alive, (_, change)| {
        *alive += change;
        Some(*alive)
    });
    alive.max().unwrap_or(0)
}

/// Lines of a plan: megabytes are made, so many, and each is reduced by a task of its own.
fn makers_and_takers(count: u64, options: &str) -> String {
    let makers = tasks(1..=count, &format!("nbytes=1000000 micros=10000 {options}"));
    makers + &tasks_of(1, 1001..=1000 + count, |n| format!("after=1-{} micros=10000", n - 1000))
}

/// dask/distributed#5223: workers make twice as many root values as they should.
#[test]
fn values_are_used_before_further_ones_are_made() {
    let seen = play(&plan("1 1", &format!("1 @0 submit 0\n{}", makers_and_takers(60, ""))));
    assert!(most_alive(&seen, 1..=60, 1001..=1060) <= 4);
    assert!(seen.end() <= 1_200 * MS / 2 + 60 * MS, "and nobody waits: {}", seen.end());
}

/// dask/distributed#7273: with few tasks per thread, queuing does not hold back any.
#[test]
fn the_bound_holds_with_few_tasks_a_thread() {
    let seen = play(&plan("4 4", &format!("1 @0 submit 0\n{}", makers_and_takers(15, ""))));
    assert!(most_alive(&seen, 1..=15, 1001..=1015) <= 12);
}

/// dask/distributed#9164: root tasks that need resources are not queued.
#[test]
fn roots_that_need_resources_are_held_back_as_others_are() {
    let bag = makers_and_takers(60, "gpu=10000");
    let seen = play(&plan("2 2", &format!("gpus 10000\n1 @0 submit 0\n{bag}")));
    assert!(most_alive(&seen, 1..=60, 1001..=1060) <= 2);
}

/// dask/distributed#8671: whether tasks are held back depends on how their keys are spelled.
#[test]
fn names_of_keys_make_no_difference() {
    let order = |plan: &str| -> Vec<(u32, u64, Option<u64>)> {
        play(plan).runs.iter().map(|run| (run.worker, run.start, run.end)).collect()
    };
    let numbered = plan("2 1", &format!("1 @0 submit 0\n{}", makers_and_takers(40, "")));
    let hashed: String = numbered
        .split_inclusive(['\n', ' ', '='])
        .map(|word| {
            let (word, end) = word.split_at(word.len() - 1);
            match word.strip_prefix("1-").and_then(|number| number.parse::<u64>().ok()) {
                Some(number) => format!("h-{:032x}{end}", 7_919 * number % 10_007),
                None => format!("{word}{end}"),
            }
        })
        .collect();
    assert_ne!(numbered, hashed);
    assert_eq!(order(&numbered), order(&hashed));
}

/// dask/distributed#6360: memory fills with leaves of a tree that could have been reduced.
#[test]
fn a_tree_is_reduced_while_its_leaves_are_made() {
    let leaves = tasks(1..=64, "nbytes=1000000 micros=5000");
    let mut inner = String::new();
    let (mut from, mut count, mut next) = (1, 64, 65);
    while count > 1 {
        inner += &tasks_of(1, next..=next + count / 2 - 1, |n| {
            let left = from + 2 * (n - next);
            format!("after=1-{left},1-{} nbytes=1000000 micros=5000", left + 1)
        });
        (from, next, count) = (next, next + count / 2, count / 2);
    }
    let ops = format!("bandwidth 1000\nmemory 0\n1 @0 submit 0\n{leaves}{inner}2 @1000 release 0");
    let releases: String = (1..127).map(|n| format!(" 1-{n}")).collect();
    let seen = play(&plan("1 1", &format!("{ops}{releases}\n")));
    assert!(seen.report.peak_bytes <= 9_000_000, "{}", seen.report.peak_bytes);
}

/// dask/distributed#5250: there is an order in which everything fits into memory, and it is not found.
#[test]
fn a_job_far_larger_than_memory_runs_in_an_order_that_fits() {
    let bag = makers_and_takers(60, "");
    let releases: String = (1..=60).map(|n| format!(" 1-{n}")).collect();
    let ops = format!("memory 6000000\n1 @0 submit 0\n{bag}2 @1 release 0{releases}\n");
    let seen = play(&plan("1 1", &ops));
    assert!(seen.repeated().is_empty(), "nobody was killed for memory: {:?}", seen.repeated());
    assert!(seen.report.peak_bytes <= 6_000_000);
}
