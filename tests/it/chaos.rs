//! Real processes under faults and floods; `raddle-chaos` does the same for as long as it is told.

use std::time::Duration;

use raddle_tests::chaos::cluster::{Cluster, Programs};
use raddle_tests::chaos::flood::Flood;
use raddle_tests::chaos::round;
use raddle_tests::chaos::soak::Soak;

use crate::support::{APP, RADDLE, test};

fn programs() -> Programs {
    Programs { scheduler: RADDLE.into(), worker: APP.into() }
}

/// What a test says of what went wrong.
fn told<T>(outcome: Result<T, String>) -> T {
    outcome.unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn without_faults_clients_see_what_they_see_in_the_simulation() {
    test(async || {
        let cluster = told(Cluster::start(programs(), 2).await);
        for seed in 0..5 {
            told(round::agree(seed, &cluster).await);
        }
        Ok(())
    });
}

#[test]
fn nothing_is_wrong_or_left_after_a_storm() {
    test(async || {
        let soak = Soak { time: Duration::ZERO, seed: 1, programs: programs() };
        let summary = told(soak.run().await);
        assert!(summary.rounds > 0 && summary.faults > 0 && summary.futures > 0, "{summary}");
        Ok(())
    });
}

#[test]
fn a_flood_of_what_is_wrong_harms_nobody_and_takes_no_memory() {
    test(async || {
        let calm = Duration::ZERO;
        let flood = Flood { frames: 5_000, hellos: 1_500, calm, seed: 1, programs: programs() };
        told(flood.run().await);
        Ok(())
    });
}
