//! Code without a runtime.

use raddle::prelude::*;
use raddle_tests::{add, fails, later, total};

use crate::support::within_limit;

#[test]
fn a_local_cluster_needs_no_runtime() {
    within_limit(|| {
        let client = Client::local_blocking()?;
        let x = client.submit(add(1, 2));
        assert_eq!(client.submit(add(&x, client.submit(later(9)))).wait()?, 13);
        let futures = client.map(|i| add(i, 1), 0..100);
        assert_eq!(client.gather_blocking(&futures)?, (1..=100).collect::<Vec<_>>());
        assert!(client.submit(fails("x")).wait().is_err());
        Ok(())
    });
}

#[test]
fn one_can_connect_without_a_runtime_from_many_threads() {
    within_limit(|| {
        let local = Client::local_blocking()?;
        let client = Client::connect_blocking(local.address())?;
        std::thread::scope(|scope| {
            let threads = (0..8_u64).map(|thread| {
                let client = client.clone();
                scope.spawn(move || {
                    let xs = client.map(|i| add(i, thread), 0..100);
                    client.submit(total(xs)).wait()
                })
            });
            for (thread, sum) in (0..).zip(threads.collect::<Vec<_>>()) {
                assert_eq!(sum.join().expect("it does not panic"), Ok(4950 + 100 * thread));
            }
        });
        Ok(())
    });
}
