//! Connections that break and come back, spurious deaths, stale messages, replays.

use super::*;

/// A second, in microseconds.
const S: u64 = 1_000 * MS;

/// Workers that were given up although they are there.
fn given_up(seen: &Seen) -> usize {
    seen.facts.iter().filter(|(_, fact)| matches!(fact, Fact::GivenUp { .. })).count()
}

/// dask/distributed#6391, dask/distributed#775: a worker whose link breaks loses what it has and does.
#[test]
fn a_worker_that_was_cut_off_for_ten_seconds_has_lost_nothing() {
    let bag = tasks(1..=10, "nbytes=100000 micros=3000000");
    let ops = format!("grace 30000000\n1 @0 submit 0\n{bag}2 @4000000 cut w0 1000 10000000\n");
    let seen = play(&plan("1 1", &ops));
    assert_eq!((given_up(&seen), seen.runs.len()), (0, 10));
    let during = seen.runs.iter().find(|run| run.worker == 1 && run.start < 4 * S + 1_000);
    assert!(during.is_some_and(|run| run.end.is_some()), "its body went on");
    // The other one did not wait for it, and it works on when it is back.
    assert!(seen.end() <= 21 * S, "{}", seen.end());
    assert!(seen.runs.iter().any(|run| run.worker == 1 && run.start >= 14 * S));
}

/// dask/distributed#6324: a worker that stands still for a moment is declared dead.
#[test]
fn a_worker_that_stands_still_is_not_declared_dead() {
    let bag = tasks(1..=20, "nbytes=100000 micros=10000");
    let pauses = "2 @5000 pause 0 2000000\n3 @8000 clog w1 s 1000000\n4 @8000 clog s w2 1500000\n";
    let seen = play(&plan("1 1 1", &format!("1 @0 submit 0\n{bag}{pauses}")));
    assert_eq!((given_up(&seen), seen.runs.len()), (0, 20));
}

/// dask/distributed#5667: a client whose link breaks loses its futures, and the work begins anew.
#[test]
fn a_client_that_was_cut_off_for_thirty_seconds_goes_on() {
    let bag = tasks(1..=60, "nbytes=1000 micros=1000000");
    let ops = format!("grace 60000000\n1 @0 submit 0\n{bag}2 @5000000 cut c0 1000 30000000\n");
    let seen = play(&plan("1 1", &ops));
    assert_eq!(seen.runs.len(), 60, "each ran once");
    assert!(seen.end() <= 30 * S + 20 * MS, "nobody waited for it: {}", seen.end());
    assert_eq!(values(&seen), 60);
}

/// dask/distributed#6285: everything is in memory, and the client does not hear of it.
#[test]
fn a_client_cut_off_while_results_come_in_hears_of_all_of_them() {
    for at in (0..50).map(|step| 900 + 100 * step) {
        let bag = tasks(1..=12, "nbytes=100 micros=1000");
        let cut = format!("2 @{at} cut c0 {} 2000\n", at % 700);
        let seen = play(&plan("2 2", &format!("grace 1000000\n1 @0 submit 0\n{bag}{cut}")));
        assert_eq!((values(&seen), seen.runs.len()), (12, 12), "cut at {at}");
    }
}

/// dask/distributed#5480: a worker that reconnects again and again ends up in between.
#[test]
fn a_worker_that_is_given_up_again_and_again_comes_back_each_time() {
    let bag = tasks(1..=60, "nbytes=10000 micros=20000");
    let cuts: String = (0..20)
        .map(|n| format!("{} @{} cut w0 {} {}\n", n + 2, n * 25 * MS, 300 * n, 9_000 + 400 * n))
        .collect();
    let seen = play(&plan("1 1", &format!("grace 5000\n1 @0 submit 0\n{bag}{cuts}")));
    assert!(given_up(&seen) >= 10, "{}", given_up(&seen));
    assert_eq!(values(&seen), 60);
}

/// dask/distributed#6263, dask/distributed#6198: tasks stay assigned to workers that are no more.
#[test]
fn tasks_of_a_worker_that_is_no_more_run_elsewhere_at_once() {
    let bag = tasks(1..=8, "micros=1000000");
    // What it is told while the scheduler does not know of the end comes to nothing.
    let ops = format!("2 @1000 cut w0 50000 9000000\n1 @0 submit 0\n{bag}");
    let seen = play(&plan("4 4", &ops));
    let twice = seen.repeated();
    assert_eq!(twice.len(), 4, "{twice:?}");
    let again: Vec<Run> = twice.into_iter().map(|task| seen.of(task)[1]).collect();
    assert!(again.iter().all(|run| run.worker == 2), "{again:?}");
    // Four are running there; then they begin.
    assert!(again[0].start <= S + MS, "{again:?}");
}

/// dask/distributed#6384, dask/distributed#6390: each side notices at a time of its own that a worker
/// is gone, and half of what is known of it stays.
#[test]
fn ends_that_are_noticed_at_different_times_leave_nothing_behind() {
    for noticed in [0, 100, 1_000, 5_000, 20_000, 60_000] {
        for away in [0, 100, 1_000, 5_000, 20_000, 60_000] {
            for grace in [0, 3_000] {
                let bag = tasks(1..=10, "nbytes=1000 micros=4000");
                let cut = format!("2 @9500 cut w1 {noticed} {away}\n");
                let ops = format!("grace {grace}\n1 @0 submit 0\n{bag}{cut}");
                assert_eq!(values(&play(&plan("1 1", &ops))), 10);
            }
        }
    }
}

/// dask/distributed#6356: what a worker says that is being closed is heeded.
#[test]
fn stale_and_repeated_reports_change_nothing() {
    let bag = tasks(1..=30, "nbytes=1000 micros=2000")
        + &tasks_of(1, 101..=130, |n| format!("after=1-{} micros=2000", n - 100));
    let quiet = play(&plan("2 2", &format!("1 @0 submit 0\n{bag}")));
    for plant in ["twice-finished", "late-finished", "twice-fetched"] {
        let plan = plan("2 2", &format!("1 @0 submit 0\n{bag}"));
        let seen = play_case(Case { plant: Plant::named(plant), ..case(&plan) });
        assert_eq!(seen.runs, quiet.runs, "{plant}");
    }
}

/// dask/distributed#5736: what happened cannot be replayed.
#[test]
fn a_run_full_of_faults_can_be_replayed_to_the_last_fact() {
    let bag = tasks(1..=40, "nbytes=50000 micros=3000 failures=1 retries=2")
        + &tasks_of(1, 101..=140, |n| format!("after=1-{} micros=2000", n - 100));
    let faults = "2 @5000 kill 0\n3 @9000 cut w1 500 9000\n4 @11000 cut c0 100 3000\n\
        5 @12000 pause 0 8000\n6 @15000 query 0 retire 0\n7 @16000 meddle 5\n";
    let ops = format!("grace 4000\nbandwidth 50\n1 @0 submit 0\n{bag}{faults}");
    for policy in [Policy::EarliestStart, Policy::Random] {
        let [first, again, other] =
            [3, 3, 4].map(|seed| play_case(Case { seed, policy, ..case(&plan("2 1 1", &ops)) }));
        assert_eq!(first.report.digest, again.report.digest);
        assert_eq!(first.facts, again.facts);
        assert_ne!(first.report.digest, other.report.digest, "another seed is another run");
    }
}
