//! What becomes of keys.

use raddle_net::messages::{Query, QueryAnswer};

use super::*;

fn recomputing(number: u64) -> SchedulerToClient {
    SchedulerToClient::Recomputing { key: key(number) }
}

fn disconnected() -> Arc<Failure> {
    Arc::new(Failure::Disconnected { reason: "reset".to_owned() })
}

fn disconnect() -> Event {
    Event::Disconnected { reason: "reset".to_owned() }
}

#[test]
fn a_key_settles_once_per_run() {
    let mut bench = Bench::with(&[0]);
    assert_eq!(bench.hear(in_memory(0, 1, 1)), [settled(0, 1, None)]);
    assert_eq!(bench.hear(in_memory(0, 1, 1)), []);
    assert_eq!(bench.hear(in_memory(0, 1, 2)), [], "another holder is no news to the user");
    assert_eq!(bench.hear(inline(0, 1, 2)), [settled(0, 1, Some(small()))]);
    assert_eq!(bench.hear(inline(0, 1, 2)), []);
    assert_eq!(bench.hear(in_memory(0, 1, 1)), []);
    assert_eq!(bench.on(Event::Await { key: key(0) }), [], "the driver has it");
    assert_eq!(bench.hear(in_memory(0, 2, 1)), [settled(0, 2, None)]);
    assert_eq!(bench.on(Event::Await { key: key(0) }), [fetch(0, 2, 1)]);
}

#[test]
fn a_key_that_errs_says_who_is_to_blame_once() {
    let mut bench = Bench::with(&[0, 1]);
    assert_eq!(bench.hear(erred(1, 0, "x")), [settled_erred(1, 0, &failure("x"))]);
    assert_eq!(bench.hear(erred(1, 0, "x")), []);
    // The first failure stands, whatever comes behind it.
    assert_eq!(bench.hear(erred(1, 0, "y")), []);
    assert_eq!(bench.on(Event::Await { key: key(1) }), []);
    assert_eq!(bench.hear(in_memory(1, 1, 1)), [settled(1, 1, None)]);
    assert_eq!(bench.hear(erred(1, 1, "z")), [settled_erred(1, 1, &failure("z"))]);
}

#[test]
fn a_key_that_is_computed_again_is_unsettled_until_it_settles() {
    let mut bench = Bench::with(&[0, 1]);
    assert_eq!(bench.hear(recomputing(0)), [], "it has not settled yet");
    bench.hear(in_memory(0, 1, 1));
    assert_eq!(bench.hear(recomputing(0)), [Effect::Unsettled { key: key(0) }]);
    assert_eq!(bench.hear(recomputing(0)), []);
    assert_eq!(bench.on(Event::Await { key: key(0) }), []);
    assert_eq!(bench.hear(in_memory(0, 2, 1)), [settled(0, 2, None), fetch(0, 2, 1)]);
    bench.hear(erred(1, 1, "x"));
    assert_eq!(bench.hear(recomputing(1)), [Effect::Unsettled { key: key(1) }]);
}

#[test]
fn news_of_a_key_that_was_released_is_ignored() {
    let mut bench = Bench::with(&[0]);
    bench.on(release(0));
    let send = SchedulerToClient::Send { key: key(0), run: run(1), worker: WorkerId(1) };
    for flushed in [false, true] {
        for message in [in_memory(0, 1, 1), erred(0, 0, "x"), recomputing(0), send.clone()] {
            assert_eq!(bench.hear(message), []);
        }
        assert_eq!(bench.on(Event::Await { key: key(0) }), []);
        if !flushed {
            assert_eq!(bench.flush(), [releases(&[0])]);
        }
    }
    assert_eq!(bench.client.futures(), 0);
}

#[test]
fn a_scheduler_that_names_an_unknown_worker_is_left() {
    let mut bench = Bench::with(&[0, 1]);
    bench.on(Event::Scatter { key: key(2) });
    let close = |id| [Effect::Close { reason: PeerError::UnknownPeer(WorkerId(id)) }];
    assert_eq!(bench.hear(in_memory(0, 1, 7)), close(7));
    let send = SchedulerToClient::Send { key: key(2), run: run(1), worker: WorkerId(8) };
    assert_eq!(bench.hear(send), close(8));
    assert_eq!(
        PeerError::UnknownPeer(WorkerId(7)).to_string(),
        "the scheduler named worker w7 before saying where it listens"
    );
    // Nothing else has changed.
    assert_eq!(bench.hear(in_memory(0, 1, 1)), [settled(0, 1, None)]);
}

#[test]
fn an_answer_is_passed_on() {
    let mut bench = Bench::new();
    bench.on(Event::Query { id: 4, query: Query::Info });
    assert_eq!(bench.flush(), [ClientMessage::Query { id: 4, query: Query::Info }]);
    let answer = QueryAnswer::Explanation("because".to_owned());
    let message = SchedulerToClient::Answer { id: 4, answer: answer.clone() };
    assert_eq!(bench.hear(message), [Effect::Answer { id: 4, answer }]);
}

#[test]
fn without_its_scheduler_whatever_is_pending_errs() {
    let mut bench = Bench::with(&[0, 1, 2, 3]);
    bench.hear(in_memory(1, 1, 1));
    bench.hear(erred(2, 2, "x"));
    bench.on(release(3));
    bench.on(Event::Scatter { key: key(4) });
    bench.on(Event::Scatter { key: key(5) });
    bench.hear(SchedulerToClient::Send { key: key(5), run: run(2), worker: WorkerId(1) });
    let gone = disconnected();
    let expected = [0, 4, 5].map(|number| settled_erred(number, number, &gone));
    assert_eq!(bench.on(disconnect()), expected);
    assert_eq!(bench.on(Event::Disconnected { reason: "again".to_owned() }), []);

    // What comes later is harmless, and errs at once.
    assert_eq!(bench.on(submit(&[task(6, &[])])), [settled_erred(6, 6, &gone)]);
    assert_eq!(bench.on(Event::Scatter { key: key(7) }), [settled_erred(7, 7, &gone)]);
    assert_eq!(bench.on(submit(&[task(0, &[])])), [settled_erred(0, 0, &gone)]);
    for message in [in_memory(0, 3, 1), in_memory(0, 3, 9), recomputing(1), erred(1, 1, "y")] {
        assert_eq!(bench.hear(message), []);
    }
    assert_eq!(
        bench.on(Event::Sent { key: key(5), run: run(2), outcome: SendOutcome::Declined }),
        []
    );
    assert_eq!(bench.on(Event::Cancel { keys: vec![key(0)], force: false }), []);
    assert_eq!(bench.on(Event::Query { id: 1, query: Query::Info }), []);
    for number in [0, 0, 1, 2, 4, 5, 6, 7] {
        bench.on(release(number));
    }
    assert_eq!((bench.flush(), bench.client.futures()), (vec![], 0));
    assert_eq!(bench.client.next_deadline(), None);
}

#[test]
fn without_its_scheduler_values_can_be_had_of_those_who_held_them() {
    let mut bench = Bench::with(&[0, 1]);
    let fetched = |number, outcome| Event::Fetched { key: key(number), run: run(1), outcome };
    for number in [0, 1] {
        bench.hear(in_memory(number, 1, 1));
    }
    // 1 waits for the scheduler to name another holder.
    bench.on(Event::Await { key: key(1) });
    bench.on(fetched(1, FetchOutcome::Missing));
    assert_eq!(bench.on(disconnect()), [settled_erred(1, 1, &disconnected())]);
    assert_eq!(bench.on(Event::Await { key: key(0) }), [fetch(0, 1, 1)]);
    assert_eq!(bench.on(fetched(0, FetchOutcome::Found)), []);
    assert_eq!(bench.on(Event::Await { key: key(0) }), [fetch(0, 1, 1)]);
    let lost = [settled_erred(0, 0, &disconnected())];
    assert_eq!(bench.on(fetched(0, FetchOutcome::Unreachable)), lost);
}

#[test]
fn what_was_said_of_a_former_life_is_not_heard() {
    let name = Key::hashed(5);
    let task = || Task { key: name, ..task(0, &[]) };
    let in_memory = |counter| SchedulerToClient::InMemory {
        key: name,
        run: run(counter),
        nbytes: 8,
        worker: WorkerId(1),
        value: None,
    };
    let failure = Arc::new(Failure::Cancelled);
    let erred = SchedulerToClient::Erred { key: name, blame: name, failure };
    let mut bench = Bench::new();
    bench.hear(peer(1));
    bench.on(submit(&[task()]));
    bench.on(Event::Release { key: name });
    bench.on(submit(&[task()]));
    bench.flush();
    for late in [in_memory(1), erred, SchedulerToClient::Recomputing { key: name }] {
        assert_eq!(bench.hear(late), []);
    }
    assert_eq!(bench.hear(SchedulerToClient::Released { keys: vec![name] }), []);
    let settled = Settled::InMemory { run: run(2), nbytes: 8, value: None };
    assert_eq!(bench.hear(in_memory(2)), [Effect::Settled { key: name, settled }]);
}

#[test]
fn a_failed_key_that_is_retried_is_pending_at_once() {
    let mut bench = Bench::with(&[0, 1, 2, 3]);
    bench.hear(erred(0, 0, "x"));
    bench.hear(in_memory(1, 1, 1));
    let reason = String::from("another task has this name");
    let failure = Arc::new(Failure::Rejected { reason });
    bench.hear(SchedulerToClient::Erred { key: key(3), blame: key(3), failure });
    let retry = Event::Retry { keys: (0..5).map(key).collect() };
    assert_eq!(bench.on(retry), [Effect::Unsettled { key: key(0) }]);
    assert_eq!(bench.flush(), [ClientMessage::Retry { keys: vec![key(0)] }]);
    assert_eq!(bench.hear(SchedulerToClient::Recomputing { key: key(0) }), []);
    assert_eq!(bench.hear(in_memory(0, 2, 1)), [settled(0, 2, None)]);
}

#[test]
fn what_is_held_can_be_detached() {
    let mut bench = Bench::with(&[0]);
    assert_eq!(bench.on(Event::Detach { keys: vec![key(0), key(1)] }), []);
    bench.on(release(0));
    assert_eq!(bench.flush(), [ClientMessage::Detach { keys: vec![key(0)] }, releases(&[0])]);
}

#[test]
fn keys_of_others_are_held_and_what_was_said_in_a_former_life_is_not_meant() {
    let mut bench = Bench::with(&[]);
    let adopt = || Event::Adopt { keys: vec![key(8), key(8)] };
    assert_eq!(bench.on(adopt()), []);
    assert_eq!(bench.flush(), [ClientMessage::Want { keys: vec![key(8)] }]);
    assert_eq!(bench.hear(in_memory(8, 1, 1)), [settled(8, 1, None)]);
    bench.on(release(8));
    bench.on(release(8));
    let released = ClientMessage::Release { keys: vec![key(8)], answer: true };
    assert_eq!(bench.on(adopt()), []);
    assert_eq!(bench.flush(), [released, ClientMessage::Want { keys: vec![key(8)] }]);
    // Said before the release was heard.
    assert_eq!(bench.hear(erred(8, 8, "x")), []);
    bench.hear(SchedulerToClient::Released { keys: vec![key(8)] });
    assert_eq!(bench.hear(in_memory(8, 2, 1)), [settled(8, 2, None)]);
}
