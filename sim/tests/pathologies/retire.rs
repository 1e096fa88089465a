//! Workers that retire, and copies that are dropped, while everything is in motion.

use super::*;

/// Late enough that everything else is over: who comes to the rescue after the plan comes then.
const END: &str = "99 @60000000 query 0 info\n";

/// Lines of a plan: values on the first worker that the second needs, one after the other.
fn pairs() -> String {
    let makers = tasks(1..=6, "nbytes=300000 micros=2000 on=w1,w3");
    makers + &tasks_of(1, 11..=16, |n| format!("after=1-{} micros=2000 on=w2,w3", n - 10))
}

/// dask/distributed#6244: a worker retires while others fetch from it.
#[test]
fn a_worker_that_retires_at_any_time_of_a_transfer_loses_nothing() {
    for at in (0..80).map(|step| 250 * step) {
        let retire = format!("2 @{at} query 0 retire 0\n");
        let ops = format!("bandwidth 100\n1 @0 submit 0\n{}{retire}{END}", pairs());
        let seen = play(&plan("1 1 1", &ops));
        assert!(seen.repeated().is_empty(), "at {at}: {:?} ran twice", seen.repeated());
        assert_eq!(seen.runs.len(), 12);
    }
}

/// dask/distributed#4906: values are to move while the cluster does: who is to have them dies.
#[test]
fn a_receiver_that_dies_does_not_cost_the_value_of_who_retires() {
    for at in (0..40).map(|step| 30_000 + 250 * step) {
        let ops = format!(
            "bandwidth 100\n1 @0 submit 0\n  1-1 salt=1 nbytes=1000000 micros=5000 on=w1\n\
             2 @30000 query 0 retire 0\n3 @{at} leave 1\n{END}"
        );
        let seen = play(&plan("1 1 1", &ops));
        let runs = seen.of(1).len();
        // It is lost only with the one copy that was made before its maker left.
        assert!(runs == 1 || at > 40_000, "at {at}: made {runs} times");
    }
}

/// dask/distributed#8522: a worker leaves before what it alone holds is elsewhere.
#[test]
fn all_but_one_worker_retire_under_load_and_nothing_is_made_twice() {
    let bag = tasks(1..=60, "nbytes=200000 micros=5000");
    let retire: String =
        (0..5).map(|n| format!("{} @{} query 0 retire 0\n", n + 2, 20_000 + 9_000 * n)).collect();
    let ops = format!("bandwidth 1000\n1 @0 submit 0\n{bag}{retire}{END}");
    let seen = play(&plan("1 1 1 1 1 1", &ops));
    assert_eq!(seen.runs.len(), 60, "{:?} ran twice", seen.repeated());
    let late = seen.runs.iter().filter(|run| run.start > 80_000);
    assert!(late.clone().count() > 0 && late.clone().all(|run| run.worker == 6));
}

/// dask/distributed#5265: two copies are dropped at once, and they were the last.
#[test]
fn dropping_copies_at_any_time_leaves_one() {
    for at in (0..40).map(|step| 10_000 + 400 * step) {
        let ops = format!(
            "bandwidth 100\n1 @0 submit 0\n  1-1 salt=1 nbytes=100000 micros=5000\n\
             2 @6000 query 0 copies 1-1 4\n3 @{at} query 0 copies 1-1 1\n4 @{at} query 0 retire 0\n\
             5 @{at} query 0 retire 1\n{END}"
        );
        let seen = play(&plan("1 1 1 1", &ops));
        assert_eq!(seen.of(1).len(), 1, "at {at}");
    }
}

/// dask/distributed#5664: workers that take nothing new steal.
#[test]
fn a_worker_that_rests_is_given_nothing_and_works_again_when_woken() {
    let root = "  1-1000 salt=1 nbytes=1000000 micros=1000\n";
    let bag = tasks(1..=40, "after=1-1000 micros=10000");
    let ops = format!(
        "bandwidth 1000\n1 @0 query 0 rest 1\n2 @1000 submit 0\n{root}{bag}\
         3 @100000 query 0 wake 1\n{END}"
    );
    let seen = play(&plan("1 1", &ops));
    let first = seen.runs.iter().find(|run| run.worker == 2).expect("it works again");
    assert!((100_000..105_000).contains(&first.start), "{first:?}");
    assert!(seen.shares()[&2] >= 13, "{:?}", seen.shares());
}
