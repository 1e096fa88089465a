//! Tasks that compute for a while, beside a plain loop of two threads that does the same work.
//!
//! It must not know how figures are shown.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use crate::bench::Bench;
use crate::report::Figure;

/// How long a task is, in µs, how many there are, and what is asked of the efficiency.
const LENGTHS: [(u64, u64, Figure); 3] = [
    (
        10,
        100_000,
        Figure::at_least("efficiency of busy tasks of 10 µs; of a loop of 2 threads", 0.75),
    ),
    (
        100,
        20_000,
        Figure::at_least("efficiency of busy tasks of 100 µs; of a loop of 2 threads", 0.95),
    ),
    (1_000, 2_000, Figure::new("efficiency of busy tasks of 1 ms; of a loop of 2 threads")),
];

/// Computes: so many steps, each of which needs the one before.
pub(crate) fn compute(steps: u64) -> u64 {
    (0..steps).fold(steps, |word, step| black_box(word.wrapping_mul(0x5851_f42d_4c95_7f2d) ^ step))
}

#[raddle::task]
fn work(steps: u64) -> u64 {
    compute(steps)
}

/// Steps a microsecond, of one thread while both are busy.
pub(crate) fn steps_per_micro() -> f64 {
    const STEPS: u64 = 20_000_000;
    let seconds = loop_of_two(STEPS, 2);
    STEPS as f64 / (seconds * 1e6)
}

/// Seconds that two threads need for `tasks` of so many steps.
fn loop_of_two(steps: u64, tasks: u64) -> f64 {
    let start = Instant::now();
    let half = move || (0..tasks / 2).for_each(|_| _ = black_box(compute(black_box(steps))));
    thread::scope(|scope| {
        scope.spawn(half);
        half();
    });
    start.elapsed().as_secs_f64()
}

pub(crate) async fn measure(bench: &mut Bench) -> raddle::Result<()> {
    let per_micro = steps_per_micro();
    for (micros, tasks, figure) in LENGTHS {
        let (steps, tasks) = ((micros as f64 * per_micro) as u64, bench.tasks(tasks));
        let floor = loop_of_two(steps, tasks);
        let start = Instant::now();
        let values =
            bench.client.gather(&bench.client.map(work, (0..tasks).map(|_| steps))).await?;
        let seconds = start.elapsed().as_secs_f64();
        let expected = compute(steps);
        assert!(values.iter().all(|value| *value == expected));
        bench.report.ours(figure, floor / seconds);
    }
    Ok(())
}
