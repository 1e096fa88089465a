//! Scattered values are pushed.

use super::*;

fn told(counter: u64, worker: u32) -> SchedulerToClient {
    SchedulerToClient::Send { key: key(0), run: run(counter), worker: WorkerId(worker) }
}

fn send(counter: u64, worker: u32) -> Effect {
    let address = Arc::from(format!("tcp://w{worker}"));
    Effect::Send { key: key(0), run: run(counter), address, route: Route::Direct }
}

fn sent(counter: u64, delivered: bool) -> Event {
    let outcome = if delivered { SendOutcome::Delivered } else { SendOutcome::Declined };
    Event::Sent { key: key(0), run: run(counter), outcome }
}

/// A bench where key 0 is scattered and is being pushed to worker 1, as run 1.
fn sending() -> Bench {
    let mut bench = Bench::with(&[]);
    bench.on(Event::Scatter { key: key(0) });
    bench.flush();
    assert_eq!(bench.hear(told(1, 1)), [send(1, 1)]);
    bench
}

#[test]
fn a_value_is_pushed_where_the_scheduler_says_and_settles_by_its_word() {
    let mut bench = sending();
    assert_eq!(bench.hear(told(1, 1)), [], "said twice");
    assert_eq!(bench.on(sent(1, true)), []);
    assert_eq!(bench.on(sent(1, false)), [], "it has ended");
    assert_eq!(bench.client.next_deadline(), None);
    assert_eq!(bench.hear(in_memory(0, 1, 1)), [settled(0, 1, None)]);
    assert_eq!(bench.hear(told(2, 1)), [], "the driver has it no more");
}

#[test]
fn a_push_that_fails_is_repeated() {
    let mut bench = sending();
    for expected in [100, 200, 400] {
        assert_eq!(bench.on(sent(1, false)), []);
        assert_eq!(bench.on(sent(1, false)), []);
        assert_eq!(bench.tick(), (expected, Timer::Send(key(0)), vec![send(1, 1)]));
    }
    assert_eq!(bench.flush(), []);
}

#[test]
fn a_push_to_a_worker_that_does_not_answer_is_repeated_by_the_other_route() {
    let mut bench = sending();
    for next in [relayed(send(1, 1)), send(1, 1), relayed(send(1, 1))] {
        let (key, run) = (key(0), run(1));
        let outcome = SendOutcome::Unreachable;
        assert_eq!(bench.on(Event::Sent { key, run, outcome }), []);
        assert_eq!(bench.tick().2, [next]);
    }
    bench.on(sent(1, false));
    assert_eq!(bench.tick().2, [relayed(send(1, 1))], "it answered");
    assert_eq!(bench.on(sent(1, true)), []);
}

#[test]
fn a_value_whose_worker_is_lost_is_pushed_to_another() {
    for delivered in [false, true] {
        let mut bench = sending();
        bench.on(sent(1, delivered));
        assert_eq!(bench.hear(told(2, 2)), [send(2, 2)]);
        assert_eq!(bench.on(sent(1, false)), []);
        assert_eq!(bench.client.next_deadline(), None);
        bench.on(sent(2, false));
        assert_eq!(bench.tick(), (100, Timer::Send(key(0)), vec![send(2, 2)]));
    }
}

#[test]
fn a_value_that_has_no_place_any_more_waits_for_the_next() {
    let mut bench = sending();
    bench.on(sent(1, false));
    assert_eq!(bench.hear(SchedulerToClient::Recomputing { key: key(0) }), []);
    assert_eq!(bench.client.next_deadline(), None);
    assert_eq!(bench.hear(told(2, 1)), [send(2, 1)]);
}

#[test]
fn a_key_that_settles_is_not_pushed_any_more() {
    for last in [in_memory(0, 1, 1), erred(0, 0, "x")].map(Event::FromScheduler) {
        let mut bench = sending();
        bench.on(sent(1, false));
        bench.on(last.clone());
        assert_eq!(bench.client.next_deadline(), None);
        let mut bench = sending();
        bench.on(last);
        assert_eq!(bench.on(sent(1, false)), []);
        assert_eq!(bench.client.next_deadline(), None);
    }
}

#[test]
fn a_value_whose_last_handle_is_dropped_is_pushed_before_it_is_released() {
    for arrival in [in_memory(0, 1, 1), erred(0, 0, "x")] {
        let mut bench = sending();
        assert_eq!(bench.on(release(0)), []);
        assert_eq!(bench.flush(), []);
        bench.on(sent(1, false));
        assert_eq!(bench.tick(), (100, Timer::Send(key(0)), vec![send(1, 1)]));
        bench.on(sent(1, true));
        assert_eq!(bench.client.futures(), 1);
        bench.hear(arrival);
        assert_eq!(bench.client.futures(), 0);
        assert_eq!(bench.flush(), [ClientMessage::Release { keys: vec![key(0)], answer: false }]);
    }
}

#[test]
fn only_what_is_scattered_is_pushed() {
    let mut bench = Bench::with(&[0]);
    assert_eq!(bench.hear(told(1, 1)), []);
    assert_eq!(bench.on(sent(1, false)), []);
    assert_eq!(bench.client.next_deadline(), None);
}

#[test]
fn a_scattered_value_can_be_awaited() {
    let mut bench = sending();
    assert_eq!(bench.on(Event::Await { key: key(0) }), []);
    bench.on(sent(1, true));
    assert_eq!(bench.hear(in_memory(0, 1, 1)), [settled(0, 1, None), fetch(0, 1, 1)]);
}
