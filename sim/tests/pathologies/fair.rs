//! Starvation and delay: small jobs behind large ones, chains, latency.

use super::*;

/// dask/distributed#4610: a job of two hours keeps one of a minute waiting.
#[test]
fn a_small_job_does_not_wait_for_the_large_one_of_another_client() {
    let large = tasks(1..=1_000, "micros=10000");
    let small = tasks_of(2, 2_001..=2_010, |_| "micros=10000".to_owned());
    let ops = format!("1 @0 submit 0\n{large}2 @100000 submit 1\n{small}");
    let seen = play(&format!("workers 1 1\nclients 2\nlatency constant 100\n{ops}"));
    let last = seen.runs.iter().filter(|run| run.task > 2_000).filter_map(|run| run.end).max();
    // Alone it would take five rounds; it gets every other thread's time, behind what is given out.
    assert!(last <= Some(100 * MS + 2 * 50 * MS + 30 * MS), "{last:?}");
    assert!(seen.end() <= 5_060 * MS, "and nobody idles: {}", seen.end());
}

/// dask/distributed#8992: of what moves to another worker, and of what stays, the urgent comes last.
#[test]
fn urgent_tasks_start_before_the_others_although_tasks_move() {
    let root = "  1-1000 salt=1 nbytes=1000000 micros=1000 priority=9\n";
    let bag = tasks_of(1, 1..=60, |n| {
        format!("after=1-1000 micros=10000 priority={}", if n % 6 == 0 { 5 } else { 0 })
    });
    let joins = "2 @20000 join 1\n3 @20000 join 1\n";
    let seen = play(&plan("1", &format!("bandwidth 1000\n1 @0 submit 0\n{root}{bag}{joins}")));
    assert!(seen.recalls() > 0, "nothing moves");
    let urgent = seen.runs.iter().filter(|run| run.task % 6 == 0).map(|run| run.start).max();
    assert!(urgent <= Some(110 * MS), "as if there were no others: {urgent:?}");
}

/// dask/distributed#3974: each step of a chain waits for a word to the scheduler and back.
#[test]
fn a_chain_of_short_tasks_does_not_go_through_the_scheduler_each_time() {
    let chain = tasks_of(1, 1..=200, |n| match n {
        1 => "micros=100".to_owned(),
        _ => format!("after=1-{} micros=100", n - 1),
    });
    let ops = format!("workers 1 1\nclients 1\nlatency constant 5000\n1 @0 submit 0\n{chain}");
    let seen = play(&ops);
    assert!(seen.end() <= 200 * 10 * MS / 4, "four steps a round trip: {}", seen.end());
}

/// dask/distributed#836: submitting a task and hearing of it takes tens of milliseconds.
#[test]
fn a_task_begins_two_words_after_it_was_submitted() {
    let seen = play(&plan("1", "1 @10000 submit 0\n  1-1 salt=1 micros=1000\n"));
    // Two links; the rest is what a client waits for more to say in one go.
    assert!((10_200..=10_250).contains(&seen.once(1).start), "{:?}", seen.once(1));
}
