//! Futures that never end, and names, errors and releases that come at the wrong moment.

use super::*;

/// dask/distributed#5497: after a task has failed, what is submitted next hangs.
#[test]
fn failures_do_not_hold_up_what_is_submitted_after_them() {
    let bad = tasks(1..=4, "micros=1000 failures=always");
    let below = tasks_of(1, 11..=14, |n| format!("after=1-{} micros=1000", n - 10));
    let good = tasks(21..=40, "micros=1000");
    let again = "3 @8000 retry 0 1-1 1-12\n4 @9000 release 0 1-3 1-13\n";
    let next = tasks(41..=60, "micros=1000");
    let ops = format!("1 @0 submit 0\n{bad}{below}{good}{again}5 @8500 submit 0\n{next}");
    let seen = play(&plan("2", &ops));
    assert_eq!(values(&seen), 40);
    assert!(seen.runs.iter().all(|run| !(11..=14).contains(&run.task)), "below nothing runs");
    assert_eq!((seen.of(1).len(), seen.of(2).len(), seen.of(4).len()), (2, 2, 1));
}

/// dask/distributed#6716, dask/distributed#6699: called off and wanted again while its input is
/// fetched or it runs.
#[test]
fn what_is_released_and_wanted_again_at_any_time_is_done() {
    for at in (0..60).map(|step| 200 * step) {
        // What is wanted again has a name that may be used again.
        let name = |n: u64| format!("h-{n:032x}");
        let lines = format!(
            "  {} salt=1 nbytes=300000 micros=1000 on=w1\n  {} salt=2 after={} micros=3000 on=w2\n",
            name(1),
            name(2),
            name(1)
        );
        let ops = format!(
            "bandwidth 100\n1 @0 submit 0\n{lines}2 @{at} release 0 {} {}\n3 @{} submit 0\n{lines}",
            name(1),
            name(2),
            at + 150
        );
        let seen = play(&plan("1 1", &ops));
        assert_eq!(values(&seen), 2, "at {at}");
        assert!(seen.runs.len() <= 4, "{:?}", seen.runs);
    }
}

/// dask/distributed#4510: tasks that are called off leave memory and errors behind.
#[test]
fn calling_off_half_of_everything_leaves_the_other_half() {
    let bag = tasks(1..=100, "nbytes=1000 micros=2000")
        + &tasks_of(1, 101..=200, |n| format!("after=1-{} micros=2000", n - 100));
    let off: String = (1..=100)
        .filter(|n| n % 2 == 0)
        .map(|n| format!("{} @{} cancel 0 1-{n} 1-{}\n", n + 1, 900 * n, n + 100))
        .collect();
    let seen = play(&plan("2 2", &format!("1 @0 submit 0\n{bag}{off}")));
    let odd = seen.runs.iter().filter(|run| run.task % 2 == 1).count();
    assert_eq!(odd, 100, "what was not called off ran, once each");
    assert!(seen.repeated().is_empty());
    assert!(seen.runs.len() < 180, "what was called off in time did not run: {}", seen.runs.len());
}

/// dask/distributed#6604: data that is sent anew under a name that is just being freed is lost.
#[test]
fn data_and_values_survive_a_release_of_the_same_name_on_its_way() {
    for gap in (0..20).map(|step| 40 * step) {
        let name = format!("h-{:032x}", 7);
        let data = format!("  {name} salt=7 nbytes=5000\n");
        let ops = format!(
            "1 @0 scatter 0\n{data}2 @5000 release 0 {name}\n3 @{} scatter 0\n{data}\
             4 @{} submit 0\n  1-1 salt=1 after={name} micros=1000\n",
            5_000 + gap,
            5_001 + gap
        );
        assert_eq!(values(&play(&plan("1 1", &ops))), 2, "gap {gap}");
    }
}

/// dask/distributed#2628: a client lets go of a key, and the futures of others are called off.
#[test]
fn a_key_of_several_clients_is_computed_once_and_kept_for_who_holds_it() {
    for at in (0..30).map(|step| 200 * step) {
        let line = format!("  h-{:032x} salt=7 nbytes=1000 micros=2000\n", 7);
        let ops = format!(
            "workers 1 1\nclients 2\nlatency constant 100\n1 @0 submit 0\n{line}\
             2 @50 submit 1\n{line}3 @{at} release 0 h-{:032x}\n",
            7
        );
        let seen = play(&ops);
        let runs = seen.of(7).len();
        // Only if the first let go before the second was heard does it begin twice.
        assert!(runs == 1 || (runs == 2 && at < 400), "{runs} runs, released at {at}");
        assert_eq!(seen.report.history[1].len(), 1);
    }
}

/// dask/distributed#5366, dask/distributed#5879: with everything at once, a last task never runs.
#[test]
fn two_hundred_tasks_in_a_storm_of_faults_all_end() {
    let layer = |from: u64| {
        tasks_of(1, from..=from + 39, move |n| match from {
            1 => "nbytes=3000 micros=900".to_owned(),
            _ => format!("after=1-{},1-{} nbytes=3000 micros=900", n - 40, from - 40 + n * 7 % 40),
        })
    };
    let layers: String = (0..5).map(|n| layer(40 * n + 1)).collect();
    let faults: String = (1..=12)
        .map(|n| {
            let fault = ["kill 1", "cut w2 300 4000", "pause 0 9000", "clog w1 s 7000"];
            format!("{} @{} {}\n", n + 1, n * 2_500, fault[n as usize % 4])
        })
        .collect();
    let ops = format!("grace 3000\nbandwidth 100\n1 @0 submit 0\n{layers}{faults}");
    assert_eq!(values(&play(&plan("2 2 2 2", &ops))), 200);
}
