//! What peers and clients ask of a worker, and send to it.

use super::*;
use crate::worker::RequestId;

impl Rig {
    fn asked(&mut self, request: u64, items: Vec<Item>) -> Vec<Effect> {
        self.event(Event::Asked { request: RequestId(request), items })
    }

    fn received(&mut self, request: u64, item: Item) -> Vec<Effect> {
        let value = small();
        self.event(Event::Received { request: RequestId(request), item, nbytes: 8, value })
    }
}

#[test]
fn a_peer_gets_what_is_held_under_that_key_and_run() {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.finishes(1);
    rig.given(compute(2, []));
    let liar = Item { key: key(7), run: run(1) };
    let items = vec![(item(2), false), (item(1), true), (liar, false), (item(9), false)];
    let effect = Effect::Serve { request: RequestId(5), items };
    assert_eq!(rig.asked(5, vec![item(2), item(1), liar, item(9)]), [effect]);
}

#[test]
fn no_more_peers_are_served_at_a_time_than_allowed() {
    let mut rig = Rig::new(Config { max_serves: 1, ..Config::default() });
    let serves = |n| Effect::Serve { request: RequestId(n), items: vec![] };
    assert_eq!(rig.asked(1, vec![]), [serves(1)]);
    assert_eq!(rig.asked(2, vec![]), [Effect::ServeBusy { request: RequestId(2) }]);
    assert_eq!(rig.event(Event::Served { request: RequestId(1) }), []);
    assert_eq!(rig.asked(3, vec![]), [serves(3)]);
}

#[test]
fn a_scattered_value_is_kept_by_the_run_that_waits_for_it() {
    let mut rig = Rig::with_threads(1);
    let accepts = Effect::Accept { request: RequestId(1), run: run(1) };
    let (nbytes, duration, value) = (8, 0, small());
    let message = WorkerMessage::Finished { key: key(1), run: run(1), nbytes, duration, value };
    assert_eq!(rig.given(scattered(1)), []);
    assert_eq!(rig.given(compute(2, [local(1)])), []);
    assert_eq!(rig.received(1, item(1)), [accepts, says(message), executes(2, &[1])]);
    assert_eq!(rig.values(), [1]);
}

#[test]
fn a_scattered_value_that_is_not_expected_is_refused() {
    let mut rig = Rig::with_threads(1);
    let rejects = |n| Effect::Reject { request: RequestId(n) };
    assert_eq!(rig.received(1, item(1)), [rejects(1)]);
    rig.given(compute(1, []));
    assert_eq!(rig.received(2, item(1)), [rejects(2)]);
    rig.given(scattered(2));
    assert_eq!(rig.received(3, Item { key: key(1), run: run(2) }), [rejects(3)]);
    rig.received(4, item(2));
    assert_eq!(rig.received(5, item(2)), [rejects(5)]);
    rig.given(scattered(3));
    assert_eq!(rig.freed(3), []);
    assert_eq!(rig.received(6, item(3)), [rejects(6)]);
}
