//! Values that are moved from worker to worker while everything is in motion.

use super::*;

/// Late enough that everything else is over: who comes to the rescue after the plan comes then.
const END: &str = "99 @60000000 query 0 info\n";

/// Eight values on the first worker, of 3 ms on the wire each; the second one has none. They are
/// rebalanced after 60 ms, and what else happens is `more`.
fn eight(more: &str) -> Seen {
    let values = tasks(1..=8, "nbytes=300000 micros=5000 on=w1");
    let ops =
        format!("bandwidth 100\n1 @0 submit 0\n{values}2 @60000 query 0 rebalance\n{more}{END}");
    play(&plan("1 1", &ops))
}

/// dask/distributed#3833: what is moved is not found; asked again, it works.
#[test]
fn half_of_what_one_of_two_workers_holds_moves_and_no_more_when_asked_again() {
    let seen = eight("3 @100000 query 0 rebalance\n");
    assert_eq!((seen.runs.len(), seen.moved()), (8, 4 * 300_000));
}

/// dask/distributed#4906: values are to move while the cluster does.
#[test]
fn values_that_move_while_tasks_begin_to_use_them_are_made_once_and_found() {
    for at in (0..40).map(|step| 59_000 + 500 * step) {
        let users = tasks_of(1, 11..=18, |n| format!("after=1-{} micros=1000", n - 10));
        let seen = eight(&format!("3 @{at} submit 0\n{users}"));
        assert!(seen.repeated().is_empty(), "at {at}: {:?} ran twice", seen.repeated());
        assert_eq!((seen.runs.len(), values(&seen)), (16, 16), "at {at}");
    }
}

/// dask/distributed#4906: who is to have the values dies.
#[test]
fn a_receiver_that_dies_costs_no_value_that_was_not_there_yet() {
    for at in (0..40).map(|step| 59_000 + 500 * step) {
        let seen = eight(&format!("3 @{at} leave 1\n"));
        let moved = usize::try_from(seen.moved() / 300_000).expect("at most eight");
        let again = seen.repeated().len();
        assert!(again <= moved, "at {at}: {again} of {moved} were made again");
    }
}

/// dask/distributed#3670: their client lets go of values that are to move.
#[test]
fn values_that_are_released_while_they_move_leave_the_others_alone() {
    for at in (0..40).map(|step| 59_000 + 500 * step) {
        let seen = eight(&format!("3 @{at} release 0 1-1 1-2 1-3 1-4\n"));
        assert_eq!((seen.runs.len(), values(&seen)), (8, 4), "at {at}");
    }
}
