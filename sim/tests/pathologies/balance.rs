//! Imbalance: workers that come late, that pause, that have the data; tasks that go to and fro.

use super::*;

/// dask/distributed#4471: workers that join while everything is given out stay idle.
#[test]
fn workers_that_join_in_the_middle_take_their_share() {
    let bag = tasks(1..=40, "micros=10000");
    let joins = "2 @50000 join 1\n3 @50000 join 1\n4 @50000 join 1\n";
    let seen = play(&plan("1", &format!("1 @0 submit 0\n{bag}{joins}")));
    for newcomer in 2..=4 {
        let first = seen.runs.iter().find(|run| run.worker == newcomer).expect("it works");
        assert!(first.start <= 50 * MS + 300, "it begins within three words: {first:?}");
        assert!(seen.shares()[&newcomer] >= 8, "{:?}", seen.shares());
    }
    // Five tasks are done when they come, and four workers do 35 in nine rounds.
    assert!(seen.end() <= 50 * MS + 9 * 10 * MS + MS, "{}", seen.end());
}

/// dask/distributed#5599: 30 tasks of 20 minutes; workers come one by one, and tasks stay where they
/// were put before.
#[test]
fn a_few_long_tasks_go_to_workers_as_these_come() {
    let bag = tasks(1..=30, "micros=1200000000");
    let second = 1_000 * MS;
    let joins: String =
        (1..=20).map(|n| format!("{} @{} join 1\n", n + 1, n * 10 * second)).collect();
    let workers = "1 ".repeat(10);
    let seen = play(&plan(&workers, &format!("1 @0 submit 0\n{bag}{joins}")));
    let shares = seen.shares();
    assert!(shares.len() == 30 && shares.values().all(|count| *count == 1), "{shares:?}");
    let last = seen.runs.iter().map(|run| run.start).max();
    assert!(last <= Some(200 * second + 2 * MS), "each begins when a worker comes: {last:?}");
}

/// dask/distributed#5564: whoever comes first takes everything, and keeps it until it is done.
#[test]
fn who_comes_first_does_not_keep_what_others_could_begin() {
    let bag = tasks(1..=40, "micros=30000");
    let joins = "2 @10000 join 1\n3 @20000 join 1\n4 @30000 join 1\n5 @40000 join 1\n";
    let seen = play(&plan("", &format!("1 @0 submit 0\n{bag}{joins}")));
    let shares = seen.shares();
    assert!(shares.len() == 4 && shares.values().all(|count| (9..=11).contains(count)));
    for (worker, come) in [(1, 10), (2, 20), (3, 30), (4, 40)] {
        let first = seen.runs.iter().find(|run| run.worker == worker).map(|run| run.start);
        assert!(first <= Some(come * MS + 300), "worker {worker}: {first:?}");
    }
}

/// dask/distributed#6573: many tasks that need one value all run where it is.
#[test]
fn tasks_that_share_an_input_do_not_all_run_where_it_is() {
    let root = "  1-1000 salt=1 nbytes=1048576 micros=1000\n";
    let bag = tasks(1..=240, "after=1-1000 micros=1000");
    let seen = play(&plan("1 1 1 1", &format!("bandwidth 1000\n1 @0 submit 0\n{root}{bag}")));
    let shares = seen.shares();
    assert!(shares.len() == 4 && shares.values().all(|count| *count >= 30), "{shares:?}");
    assert!(seen.end() <= 80 * MS, "sixty rounds and some: {}", seen.end());
    assert_eq!(seen.moved(), 3 * 1_048_576, "one copy each");
}

/// dask/distributed#7742: a worker that pauses for a moment is left out for good.
#[test]
fn a_worker_that_paused_works_on_and_what_it_had_not_begun_does_not_wait_for_it() {
    let bag = tasks(1..=90, "micros=10000");
    let seen = play(&plan("1 1 1", &format!("1 @0 submit 0\n{bag}2 @15000 pause 1 100000\n")));
    // The pause costs what one worker could have done in it, and no more.
    assert!(seen.end() <= (900 + 100) * MS / 3 + 10 * MS, "{}", seen.end());
    let shares = seen.shares();
    assert!(shares[&2] >= 23 && shares[&1] <= 34 && shares[&3] <= 34, "{shares:?}");
}

/// dask/distributed#7002, dask/distributed#6600: decisions that are still under way are not counted,
/// and tasks go to and fro.
#[test]
fn a_task_that_moved_does_not_move_back() {
    // Each task is given out where the data is, and comes to others for want of work there.
    let root = "  1-1000 salt=1 nbytes=10000000 micros=1000\n";
    let bag = tasks_of(1, 1..=60, |n| format!("after=1-1000 micros={}", 5_000 + 7_000 * (n % 5)));
    let seen = play(&plan("1 1 1 1", &format!("bandwidth 1000\n1 @0 submit 0\n{root}{bag}")));
    let mut asked = BTreeSet::new();
    for (_, fact) in &seen.facts {
        if let Fact::Recalled { run, .. } = fact {
            assert!(asked.insert(*run), "{run} is asked back twice");
        }
    }
    assert!((1..=60).contains(&seen.recalls()), "{} moves of 60 tasks", seen.recalls());
    assert!(seen.repeated().is_empty(), "{:?}", seen.repeated());
    assert_eq!(seen.moved(), 3 * 10_000_000, "the data moved once to each");
}

/// dask/distributed#5324: what a small transfer costs is underestimated, and chains of tiny tasks
/// run scattered over the cluster.
#[test]
fn chains_of_tiny_tasks_stay_where_their_data_is() {
    let chains: String = (0..8)
        .map(|chain| {
            tasks_of(1, 100 * chain + 1..=100 * chain + 20, |n| match n % 100 {
                1 => "nbytes=5000 micros=300".to_owned(),
                _ => format!("after=1-{} nbytes=5000 micros=300", n - 1),
            })
        })
        .collect();
    let seen = play(&plan("1 1", &format!("bandwidth 1000\n1 @0 submit 0\n{chains}")));
    assert_eq!((seen.moved(), seen.recalls()), (0, 0));
    assert_eq!(seen.shares(), BTreeMap::from([(1, 80), (2, 80)]));
}

/// dask/distributed#4945, dask/distributed#4501: tasks that tasks launch pile up on one worker.
#[test]
fn tasks_of_tasks_run_on_idle_workers() {
    let parents = tasks(1..=4, "on=w1 children=10 micros=20000");
    let seen = play(&plan("1 1 1 1", &format!("1 @0 submit 0\n{parents}")));
    let shares = seen.shares();
    assert!(shares.len() == 4 && shares.values().all(|count| *count >= 8), "{shares:?}");
    assert!(seen.end() <= 180 * MS, "480 ms of work on four: {}", seen.end());
}

/// dask/distributed#6600, second case: durations so different that the last ones are late.
#[test]
fn a_long_task_does_not_hold_up_the_short_ones_behind_it() {
    let bag = tasks_of(1, 1..=8, |n| format!("micros={}", if n <= 4 { 600_000 } else { 10_000 }));
    let seen = play(&plan("1 1", &format!("1 @0 submit 0\n{bag}")));
    assert!(seen.end() <= 1_221 * MS, "{}", seen.end());
}
