//! A scheduler that breaks the protocol loses its worker, and the worker loses nothing.

use raddle_net::limits::{MAX_ARGS, MAX_HOLDERS, MAX_NAME};

use super::*;
use crate::worker::PeerError;

/// One run executes, one value is here, one is on its way.
fn rig() -> Rig {
    let mut rig = Rig::with_threads(1);
    rig.given(compute(1, []));
    rig.finishes(1);
    rig.given(compute(2, []));
    rig.given(compute(3, [held(4, &[1])]));
    rig
}

fn liar(n: u64) -> Input {
    Input { key: key(99), ..held(n, &[1]) }
}

#[test]
fn what_breaks_the_protocol_closes_the_connection_and_changes_nothing_else() {
    let crowd = [1; MAX_HOLDERS + 1];
    let is_wrong = |message: SchedulerToWorker, reason: PeerError| {
        let mut rig = rig();
        let before = format!("{:?}", rig.worker.state);
        assert_eq!(rig.hears(message), [Effect::Close { reason }]);
        assert_eq!(format!("{:?}", rig.worker.state), before);
    };
    let compute_is_wrong = |compute, reason| is_wrong(SchedulerToWorker::Compute(compute), reason);
    for n in [1, 2, 3, 4] {
        compute_is_wrong(compute(n, []), PeerError::RepeatedRun(run(n)));
    }
    for n in [1, 2, 4] {
        compute_is_wrong(compute(9, [held(8, &[1]), liar(n)]), PeerError::RunOfTwoKeys(run(n)));
    }
    let unspecified = Compute { spec: SpecId(7), ..compute(9, [held(8, &[1])]) };
    compute_is_wrong(unspecified, PeerError::UnknownSpec(SpecId(7)));
    let stranger = compute(9, [held(8, &[1]), held(7, &[2, 50])]);
    compute_is_wrong(stranger, PeerError::UnknownPeer(WorkerId(50)));
    compute_is_wrong(compute(9, [held(9, &[1])]), PeerError::RunNeedsItself(run(9)));
    compute_is_wrong(compute(9, [held(8, &crowd)]), PeerError::BeyondLimit("holders"));
    let wordy = Compute { args: vec![0; MAX_ARGS + 1].into(), ..compute(9, []) };
    compute_is_wrong(wordy, PeerError::BeyondLimit("arguments"));

    let free = SchedulerToWorker::Free { key: key(99), run: run(1) };
    is_wrong(free, PeerError::RunOfTwoKeys(run(1)));
    let workers = crowd.iter().map(|&id| WorkerId(id)).collect();
    let holders = SchedulerToWorker::Holders { key: key(4), run: run(4), workers };
    is_wrong(holders, PeerError::BeyondLimit("holders"));
    let spec = TaskSpec::clone(&spec(RECEIVE));
    let define = SchedulerToWorker::Define { id: NATIVE, spec };
    is_wrong(define, PeerError::RepeatedSpec(NATIVE));
    let address = "x".repeat(MAX_NAME + 1);
    let peer = SchedulerToWorker::Peer { id: WorkerId(1), address };
    is_wrong(peer, PeerError::BeyondLimit("an address"));
    let registered = SchedulerToWorker::Registered { worker: WorkerId(8) };
    is_wrong(registered, PeerError::Registered);
}

#[test]
fn a_run_before_the_registration_closes_the_connection() {
    let mut worker = Worker::new(Config::default());
    let mut out = Vec::new();
    let event = Event::FromScheduler(SchedulerToWorker::Compute(compute(1, [])));
    worker.handle(Instant::ZERO, event, &mut out);
    assert_eq!(out, [Effect::Close { reason: PeerError::NotRegistered }]);
}

#[test]
fn definitions_may_be_repeated() {
    let mut rig = rig();
    rig.register();
    let effects = rig.hears(SchedulerToWorker::Registered { worker: ME });
    assert_eq!(effects, []);
}

#[test]
fn after_a_breach_nobody_listens_until_the_next_connection() {
    let mut rig = rig();
    let close = Effect::Close { reason: PeerError::RepeatedRun(run(1)) };
    assert_eq!(rig.given(compute(1, [])), [close]);
    assert_eq!(rig.given(compute(1, [])), []);
    assert_eq!(rig.freed(1), []);
    assert_eq!(rig.event(Event::Disconnected), [stops(2), forgets(1)]);
    rig.register();
    assert_eq!(rig.given(compute(9, [])), []);
    assert_eq!(rig.finishes(2), [forgets(2), executes(9, &[])]);
}

#[test]
fn errors_say_what_is_wrong() {
    assert_eq!(PeerError::UnknownPeer(WorkerId(3)).to_string(), "worker w3 was never introduced");
    assert_eq!(PeerError::RepeatedRun(run(3)).to_string(), "run 1.3 was given before");
}
