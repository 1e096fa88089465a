//! Resources: over-allocation, blocked queues, workers that have what is needed and stand idle.

use super::*;

/// How many of these bodies run at a time on one worker at most.
fn most_at_once(seen: &Seen, tasks: RangeInclusive<u64>) -> usize {
    let runs: Vec<Run> =
        seen.runs.iter().filter(|run| tasks.contains(&run.task)).copied().collect();
    let at = |run: &Run| {
        let during = |other: &&Run| {
            let ends = other.end.unwrap_or(u64::MAX);
            other.worker == run.worker && other.start <= run.start && run.start < ends
        };
        runs.iter().filter(during).count()
    };
    runs.iter().map(at).max().unwrap_or(0)
}

/// dask/distributed#9108: what a worker has is given out more than once.
#[test]
fn a_gpu_is_taken_by_one_task_at_a_time_and_none_stands_idle() {
    let bag = tasks(1..=20, "gpu=10000 micros=10000");
    let seen = play(&plan("4 4", &format!("gpus 10000\n1 @0 submit 0\n{bag}")));
    assert_eq!(most_at_once(&seen, 1..=20), 1);
    assert!(seen.end() <= 10 * (10 * MS + 300), "two at a time: {}", seen.end());
}

/// dask/distributed#4446: after tasks that take parts have moved, more is given out than there is.
#[test]
fn parts_of_a_gpu_add_up_after_workers_came_and_went() {
    let bag = tasks_of(1, 1..=60, |n| {
        format!("gpu={} micros={}", [10_000, 5_000, 2_500][n as usize % 3], 5_000 + 1_000 * (n % 7))
    });
    let ops = "2 @20000 join 4\n3 @30000 kill 0\n4 @40000 leave 1\n5 @50000 join 4\n";
    let seen = play(&plan("4 4", &format!("gpus 10000\n1 @0 submit 0\n{bag}{ops}")));
    assert!(most_at_once(&seen, 1..=60) <= 4, "quarters at most");
    let done = || seen.runs.iter().filter_map(|run| Some((run, run.start..run.end?)));
    for (whole, time) in done().filter(|(run, _)| run.task % 3 == 0) {
        let others = done().filter(|(run, _)| run.worker == whole.worker && *run != whole);
        let mut at_once = others.filter(|(_, t)| t.start < time.end && time.start < t.end);
        assert_eq!(at_once.next(), None, "{whole:?} is not alone");
    }
}

/// dask/distributed#6136: a task whose resource is taken holds up those behind it that need another.
#[test]
fn a_task_that_waits_for_a_gpu_holds_up_nobody() {
    let gpu = tasks(1..=10, "gpu=10000 micros=50000");
    let small = tasks(11..=11, "gpu=2500 micros=1000 priority=-5");
    let plain = tasks(101..=130, "micros=10000");
    let seen = play(&plan("2", &format!("gpus 10000\n1 @0 submit 0\n{gpu}{small}{plain}")));
    assert_eq!(seen.once(101).start, seen.once(1).start, "one thread is free from the start");
    let last = (101..=130).filter_map(|task| seen.once(task).end).max();
    assert!(last <= Some(30 * 10 * MS + 10 * MS), "{last:?}");
}

/// dask/dask#3264, dask/distributed#1389: tasks that need resources do not go to workers that come.
#[test]
fn a_gpu_that_comes_later_is_used_at_once() {
    let bag = tasks(1..=20, "gpu=10000 micros=100000");
    let seen = play(&plan("1", &format!("gpus 10000\n1 @0 submit 0\n{bag}2 @150000 join 1\n")));
    let first = seen.runs.iter().find(|run| run.worker == 2).expect("it works");
    assert!(first.start <= 150 * MS + 300, "{first:?}");
    assert!(seen.shares()[&2] >= 9, "{:?}", seen.shares());
}

/// dask/distributed#2740: tasks that may run on some workers only all stay on the first of them.
#[test]
fn tasks_for_a_host_spread_over_its_workers() {
    // Workers 1 and 4 are on host 1; worker 4 comes later.
    let bag = tasks(1..=20, "on=h1 micros=20000");
    let seen = play(&plan("1 1 1", &format!("1 @0 submit 0\n{bag}2 @50000 join 1\n")));
    let shares = seen.shares();
    assert!(shares.keys().eq([&1, &4]) && shares[&4] >= 8, "{shares:?}");
}

/// dask/distributed#1116: tasks in no-worker stay there when workers come.
#[test]
fn work_that_no_worker_could_do_begins_when_one_comes() {
    let bag = tasks(1..=5, "gpu=10000 micros=1000") + &tasks(6..=10, "micros=1000");
    let ops = format!("gpus 10000\n1 @0 submit 0\n{bag}2 @5000000 join 2\n");
    let seen = play(&plan("", &ops));
    assert!(seen.runs.iter().all(|run| run.worker == 1 && run.start >= 5_000 * MS));
    assert!(seen.end() <= 5_000 * MS + 7 * MS, "{}", seen.end());
}

/// dask/dask#11368: a worker that is named before it is there.
#[test]
fn a_worker_that_is_named_may_come_later() {
    let named = tasks(1..=4, "on=w3 micros=1000");
    let seen = play(&plan("1 1", &format!("1 @0 submit 0\n{named}2 @1000000 join 1\n")));
    assert_eq!(seen.shares(), BTreeMap::from([(3, 4)]));
    assert_eq!(seen.runs[0].start, 1_000 * MS + 200, "as soon as two words allow");
}

/// dask/distributed#4446: what a dead worker had taken is missed by the one in its place.
#[test]
fn a_gpu_is_free_again_when_its_worker_died() {
    let bag = tasks(1..=6, "gpu=10000 micros=10000");
    let ops = "2 @15000 kill 0\n3 @40000 kill 0\n";
    let seen = play(&plan("1", &format!("gpus 10000\n1 @0 submit 0\n{bag}{ops}")));
    for worker in seen.shares().into_keys() {
        let here: Vec<&Run> = seen.runs.iter().filter(|run| run.worker == worker).collect();
        for pair in here.windows(2) {
            let end = pair[0].end.expect("only the last one may be cut short");
            assert!((end..end + 300).contains(&pair[1].start), "{pair:?}");
        }
    }
}
