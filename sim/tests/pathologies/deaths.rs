//! Workers that die: who is blamed, what is done again, what is stuck.

use super::*;

/// dask/distributed#5234: tasks that only wait on a worker are blamed for its deaths.
#[test]
fn tasks_that_only_waited_on_a_worker_are_not_blamed_for_its_deaths() {
    let innocent = tasks(1..=40, "micros=3000");
    let ops = format!("1 @0 submit 0\n{innocent}  1-100 salt=1 poison micros=5000 priority=3\n");
    let seen = play(&plan("2", &ops));
    assert_eq!(values(&seen), 40);
    let deaths = seen.of(100);
    assert!(deaths.len() >= 4 && deaths.iter().all(|run| run.end.is_none()), "{deaths:?}");
}

/// dask/distributed#3196: after hundreds of killed workers something is stuck.
#[test]
fn three_hundred_killed_workers_hold_nothing_up_for_good() {
    let kills: String =
        (1..=300).map(|n| format!("{} @{} kill {}\n", n + 1, n * 9 * MS, n % 3)).collect();
    let bags: String = (0..6)
        .map(|n| {
            let bag = tasks(10 * n + 1..=10 * n + 8, "nbytes=20000 micros=1000");
            let inputs: Vec<String> = (1..=8).map(|k| format!("1-{}", 10 * n + k)).collect();
            let sum = format!("after={} micros=1000", inputs.join(","));
            format!("1 @{} submit 0\n{bag}{}", n * 450 * MS, tasks(10 * n + 9..=10 * n + 9, &sum))
        })
        .collect();
    let seen = play(&plan("1 2 1", &format!("bandwidth 100\n{bags}{kills}")));
    assert_eq!(values(&seen), 54);
    assert!(seen.runs.iter().filter(|run| run.end.is_none()).count() > 5, "bodies were hit");
}

/// Lines of a plan: values, and sums of neighbours.
fn makers_and_sums(count: u64) -> String {
    let makers = tasks(1..=count, "nbytes=200000 micros=4000");
    makers
        + &tasks_of(1, 1001..=1000 + count, |n| {
            let left = n - 1000;
            format!("after=1-{left},1-{} micros=4000", left % count + 1)
        })
}

/// dask/distributed#8006: when a peer cannot be reached at the wrong moment, its values are never
/// asked for again.
#[test]
fn a_peer_that_dies_at_any_moment_of_a_transfer_is_made_up_for() {
    for moment in ["gather", "gathered", "serve", "execute", "executed", "told"] {
        for nth in 1..=6 {
            let ambush = format!("1 @0 ambush {moment} {nth}\n");
            let ops = format!("bandwidth 100\n{ambush}2 @0 submit 0\n{}", makers_and_sums(8));
            let seen = play(&plan("1 1 1", &ops));
            assert_eq!(values(&seen), 16, "{moment} {nth}");
        }
    }
}

/// dask/distributed#8702: a queued task whose input is lost is stuck.
#[test]
fn queued_tasks_wait_for_an_input_that_is_made_again() {
    let bag = tasks(2..=20, "after=1-1 micros=10000");
    let root = "  1-1 salt=1 nbytes=100 micros=1000\n";
    let ops = format!("1 @0 submit 0\n{root}{bag}2 @25000 leave 0\n3 @60000 join 1\n");
    let seen = play(&plan("1", &ops));
    assert_eq!(seen.of(1).len(), 2, "made again once: {:?}", seen.of(1));
    let again = seen.of(1)[1].end;
    let late = seen.runs.iter().filter(|run| run.task > 1 && run.worker == 2);
    assert!(late.clone().count() >= 17 && late.clone().all(|run| Some(run.start) >= again));
}

/// dask/distributed#8548: while an input is made again the scheduler takes it to be there.
#[test]
fn a_fan_out_whose_root_is_lost_at_any_time_is_done() {
    for at in (1..=40).map(|step| step * 700) {
        let bag = tasks(2..=9, "after=1-1 nbytes=1000 micros=5000");
        let sum: String = (2..=9).map(|n| format!(",1-{n}")).collect();
        let root = "  1-1 salt=1 nbytes=100000 micros=5000\n";
        let last = format!("  1-10 salt=a after=1-1{sum} micros=1000\n");
        let kill = format!("2 @{at} kill 0\n");
        let ops = format!("bandwidth 100\n1 @0 submit 0\n{root}{bag}{last}{kill}");
        let seen = play(&plan("1 1", &ops));
        assert_eq!(values(&seen), 10);
        assert!(seen.of(1).len() <= 2, "made again once at most: {:?}", seen.of(1));
    }
}

/// dask/distributed#280: what nobody needs any more is made again when its holder is gone.
#[test]
fn what_has_been_used_up_is_not_made_again() {
    let chain = tasks(1..=1, "nbytes=1000 micros=1000 on=w1")
        + &tasks(2..=2, "after=1-1 nbytes=1000 micros=1000 on=w2")
        + &tasks(3..=3, "after=1-2 micros=100000 on=w2");
    let ops = format!("1 @0 submit 0\n{chain}2 @1 release 0 1-1 1-2\n3 @50000 leave 0\n");
    let seen = play(&plan("1 1", &ops));
    assert_eq!(seen.runs.len(), 3, "{:?}", seen.runs);
}

/// dask/distributed#6578: copies that are lost are not made up for.
#[test]
fn a_copy_that_is_lost_is_made_again_and_the_value_is_not() {
    let ops = "bandwidth 100\n1 @0 submit 0\n  1-1 salt=1 nbytes=1000000 micros=50000\n\
        2 @1 query 0 copies 1-1 2\n3 @200000 leave 0\n4 @300000 leave 0\n5 @400000 leave 0\n";
    let seen = play(&plan("1 1 1 1", ops));
    assert_eq!(seen.of(1).len(), 1, "made once, whoever left: {:?}", seen.runs);
    let copies = seen.facts.iter().filter(|(_, fact)| matches!(fact, Fact::Came { .. })).count();
    assert!((2..=3).contains(&copies), "{copies} copies");
}

/// dask/distributed#847: a task that moves is executed twice.
#[test]
fn tasks_that_move_are_executed_once_while_workers_come() {
    let root = "  1-1000 salt=1 nbytes=1000000 micros=1000\n";
    let bag = tasks_of(1, 1..=80, |n| format!("after=1-1000 micros={}", 2_000 + 500 * (n % 9)));
    let joins: String = (1..=6).map(|n| format!("{} @{} join 2\n", n + 1, n * 7_000)).collect();
    let seen = play(&plan("2", &format!("bandwidth 1000\n1 @0 submit 0\n{root}{bag}{joins}")));
    assert!(seen.recalls() > 0, "nothing was to move");
    assert_eq!(seen.runs.len(), 81);
    assert!(seen.repeated().is_empty());
}

/// dask/distributed#8787: what a victim or thief does while a task moves leaves the scheduler between
/// two states.
#[test]
fn a_task_that_moves_may_be_released_or_lose_either_worker() {
    let mut recalls = 0;
    for at in (0..30).map(|step| 1_400 + 50 * step) {
        for event in ["kill 0", "kill 1", "release 0 1-20 1-19 1-18", "cancel 0 1-20 1-17"] {
            let bag = tasks(2..=20, "after=1-1 micros=20000");
            let root = "  1-1 salt=1 nbytes=1000000 micros=1000 on=w1\n";
            let event = format!("2 @{at} {event}\n");
            let ops = format!("bandwidth 10000\n1 @0 submit 0\n{root}{bag}{event}");
            recalls += play(&plan("1 1", &ops)).recalls();
        }
    }
    assert!(recalls > 120, "in every run something moves: {recalls}");
}
