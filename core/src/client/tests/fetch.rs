//! Values are pulled.

use super::*;

fn fetched(counter: u64, outcome: FetchOutcome) -> Event {
    Event::Fetched { key: key(0), run: run(counter), outcome }
}

fn locate(failed: u32) -> ClientMessage {
    ClientMessage::Locate { key: key(0), failed: Some(WorkerId(failed)) }
}

fn wait() -> Event {
    Event::Await { key: key(0) }
}

/// A bench where key 0 is in memory on worker 1, by run 1, and is being pulled.
fn fetching() -> Bench {
    let mut bench = Bench::with(&[0]);
    assert_eq!(bench.hear(in_memory(0, 1, 1)), [settled(0, 1, None)]);
    assert_eq!(bench.on(wait()), [fetch(0, 1, 1)]);
    bench
}

#[test]
fn a_value_is_pulled_when_it_is_there_and_awaited() {
    let mut bench = Bench::with(&[0]);
    assert_eq!(bench.on(wait()), []);
    assert_eq!(bench.on(wait()), []);
    assert_eq!(bench.hear(in_memory(0, 1, 1)), [settled(0, 1, None), fetch(0, 1, 1)]);
    assert_eq!(bench.on(wait()), [], "one at a time");
    assert_eq!(bench.on(fetched(1, FetchOutcome::Found)), []);
    assert_eq!(bench.hear(in_memory(0, 1, 2)), []);
    assert_eq!(bench.on(wait()), [fetch(0, 1, 2)], "who asks again wants it again");
    assert_eq!(bench.client.next_deadline(), None);
}

#[test]
fn a_value_that_came_with_the_news_is_not_pulled() {
    let mut bench = Bench::with(&[0]);
    bench.on(wait());
    assert_eq!(bench.hear(inline(0, 1, 1)), [settled(0, 1, Some(small()))]);
    assert_eq!(bench.on(wait()), []);
}

#[test]
fn a_busy_worker_is_asked_again() {
    let mut bench = fetching();
    for _ in 0..3 {
        assert_eq!(bench.on(fetched(1, FetchOutcome::Busy)), []);
        assert_eq!(bench.on(Event::Tick), [], "too early");
        assert_eq!(bench.tick(), (100, Timer::Fetch(key(0)), vec![fetch(0, 1, 1)]));
    }
    bench.on(fetched(1, FetchOutcome::Busy));
    assert_eq!(bench.hear(in_memory(0, 1, 2)), [fetch(0, 1, 2)], "another one may be idle");
    assert_eq!((bench.flush(), bench.client.next_deadline()), (vec![], None));
}

#[test]
fn the_scheduler_hears_of_a_worker_that_does_not_have_the_value() {
    let mut bench = fetching();
    assert_eq!(bench.on(fetched(1, FetchOutcome::Missing)), []);
    assert_eq!(bench.on(wait()), []);
    assert_eq!(bench.flush(), [locate(1)]);
    assert_eq!(bench.hear(in_memory(0, 1, 2)), [fetch(0, 1, 2)]);
    assert_eq!(bench.on(fetched(1, FetchOutcome::Found)), []);
    assert_eq!(bench.flush(), []);
}

#[test]
fn a_worker_that_is_named_again_is_asked_again_later_and_later() {
    let mut bench = fetching();
    for expected in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
        assert_eq!(bench.on(fetched(1, FetchOutcome::Missing)), []);
        assert_eq!(bench.flush(), [locate(1)]);
        assert_eq!(bench.hear(in_memory(0, 1, 1)), []);
        assert_eq!(bench.hear(in_memory(0, 1, 1)), []);
        assert_eq!(bench.tick(), (expected, Timer::Fetch(key(0)), vec![fetch(0, 1, 1)]));
    }
    bench.on(fetched(1, FetchOutcome::Found));
    bench.on(wait());
    bench.on(fetched(1, FetchOutcome::Missing));
    bench.hear(in_memory(0, 1, 1));
    assert_eq!(bench.tick().0, 100, "a success ends the row");
}

/// Worker 1 did not answer, and the scheduler names it again: the time of the next pull, and how.
fn asked_again(bench: &mut Bench) -> (u128, Vec<Effect>) {
    assert_eq!(bench.on(fetched(1, FetchOutcome::Unreachable)), []);
    assert_eq!(bench.flush(), [locate(1)]);
    assert_eq!(bench.hear(in_memory(0, 1, 1)), []);
    let (after, _, effects) = bench.tick();
    (after, effects)
}

#[test]
fn a_worker_that_does_not_answer_is_asked_by_the_other_route() {
    let mut bench = fetching();
    assert_eq!(asked_again(&mut bench), (100, vec![relayed(fetch(0, 1, 1))]));
    assert_eq!(asked_again(&mut bench), (200, vec![fetch(0, 1, 1)]));
    assert_eq!(asked_again(&mut bench), (400, vec![relayed(fetch(0, 1, 1))]));
    assert_eq!(bench.on(fetched(1, FetchOutcome::Missing)), []);
    assert_eq!(bench.hear(in_memory(0, 1, 1)), []);
    assert_eq!(bench.tick().2, [relayed(fetch(0, 1, 1))], "it answered");
    assert_eq!(bench.on(fetched(1, FetchOutcome::Found)), []);
}

#[test]
fn what_came_through_the_scheduler_comes_so_for_a_while() {
    let mut bench = fetching();
    asked_again(&mut bench);
    bench.on(fetched(1, FetchOutcome::Found));
    assert_eq!(bench.on(wait()), [relayed(fetch(0, 1, 1))], "at once");
    bench.on(fetched(1, FetchOutcome::Found));
    bench.now = bench.now + Duration::from_secs(60);
    assert_eq!(bench.on(wait()), [fetch(0, 1, 1)], "there may be a way by now");
}

#[test]
fn a_scheduler_that_goes_round_in_circles_is_not_followed_at_full_speed() {
    let mut bench = fetching();
    for worker in [2, 1, 2, 1] {
        bench.on(fetched(1, FetchOutcome::Missing));
        assert_eq!(bench.hear(in_memory(0, 1, worker)), [fetch(0, 1, worker)]);
    }
    bench.on(fetched(1, FetchOutcome::Missing));
    assert_eq!(bench.hear(in_memory(0, 1, 2)), []);
    assert_eq!(bench.hear(in_memory(0, 1, 1)), []);
    assert_eq!(bench.tick(), (1600, Timer::Fetch(key(0)), vec![fetch(0, 1, 1)]));
}

#[test]
fn news_that_overtakes_a_failure_spares_the_question() {
    let mut bench = fetching();
    assert_eq!(bench.hear(in_memory(0, 1, 2)), [], "one at a time");
    assert_eq!(bench.on(fetched(1, FetchOutcome::Unreachable)), [fetch(0, 1, 2)]);
    assert_eq!(bench.flush(), []);
}

#[test]
fn the_value_of_another_run_is_not_the_one_awaited() {
    let mut bench = fetching();
    assert_eq!(bench.hear(in_memory(0, 2, 2)), [settled(0, 2, None)], "one at a time");
    assert_eq!(bench.on(fetched(3, FetchOutcome::Found)), [], "of a run nobody asked for");
    assert_eq!(bench.on(fetched(1, FetchOutcome::Found)), [fetch(0, 2, 2)]);
    assert_eq!(bench.on(fetched(1, FetchOutcome::Missing)), []);
    assert_eq!(bench.on(fetched(2, FetchOutcome::Found)), []);
    assert_eq!(bench.on(fetched(2, FetchOutcome::Missing)), []);
    assert_eq!(bench.flush(), []);
}

#[test]
fn a_value_that_is_lost_while_it_is_pulled_is_pulled_again_when_it_is_made_again() {
    for while_asking in [false, true] {
        let mut bench = fetching();
        if while_asking {
            bench.on(fetched(1, FetchOutcome::Unreachable));
        }
        let recomputing = SchedulerToClient::Recomputing { key: key(0) };
        assert_eq!(bench.hear(recomputing), [Effect::Unsettled { key: key(0) }]);
        if !while_asking {
            assert_eq!(bench.on(fetched(1, FetchOutcome::Unreachable)), []);
        }
        let found = [settled(0, 2, None), fetch(0, 2, 2)];
        assert_eq!(bench.hear(in_memory(0, 2, 2)), found);
    }
}

#[test]
fn a_value_that_comes_with_later_news_ends_the_pull() {
    let mut bench = fetching();
    bench.on(fetched(1, FetchOutcome::Busy));
    assert_eq!(bench.hear(inline(0, 1, 1)), [settled(0, 1, Some(small()))]);
    assert_eq!(bench.client.next_deadline(), None);

    let mut bench = fetching();
    bench.hear(inline(0, 1, 1));
    assert_eq!(bench.on(fetched(1, FetchOutcome::Missing)), []);
    assert_eq!(bench.flush(), []);
}

#[test]
fn a_key_that_is_held_again_while_it_is_pulled_is_not_pulled_twice() {
    let mut bench = fetching();
    bench.on(release(0));
    assert_eq!(bench.flush(), [releases(&[0])]);
    assert_eq!(bench.on(Event::Adopt { keys: vec![key(0)] }), []);
    bench.flush();
    bench.on(Event::Await { key: key(0) });
    assert_eq!(bench.hear(in_memory(0, 1, 1)), [settled(0, 1, None)]);
    assert_eq!(bench.on(fetched(1, FetchOutcome::Found)), []);
    assert_eq!(bench.client.transfers.iter().count(), 0);
}

#[test]
fn a_key_that_errs_or_is_released_is_not_pulled_any_more() {
    for last in [Event::FromScheduler(erred(0, 0, "x")), release(0)] {
        for outcome in [FetchOutcome::Busy, FetchOutcome::Unreachable] {
            let mut bench = fetching();
            bench.on(fetched(1, outcome));
            bench.on(last.clone());
            assert_eq!(bench.client.next_deadline(), None);
            let mut bench = fetching();
            bench.on(last.clone());
            assert_eq!(bench.on(fetched(1, outcome)), []);
            assert_eq!(bench.client.next_deadline(), None);
        }
    }
}
