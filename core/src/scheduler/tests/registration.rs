//! Workers and clients that come: who is taken in, and who is not.

use raddle_net::limits::MAX_NAME;

use super::*;

#[test]
fn a_worker_says_nothing_before_it_registers() {
    let mut cluster = Cluster::of(&[]);
    cluster.dial(1);
    assert_eq!(cluster.finish(1, 1, 1), vec![close(wire(1), PeerError::NotRegistered)]);
    let again = cluster.reports(1, WorkerMessage::Register(registration(1, 1)));
    assert_eq!(again, vec![], "nobody listens any more");
}

#[test]
fn a_worker_registers_once() {
    let mut cluster = Cluster::of(&[1]);
    let out = cluster.reports(1, WorkerMessage::Register(registration(1, 1)));
    assert_eq!(out, vec![close(wire(1), PeerError::NotRegistered)]);
}

#[test]
fn names_and_addresses_are_unique_among_workers() {
    let cases = [
        (
            Registration { name: "w1".to_owned(), ..registration(2, 1) },
            PeerError::NameTaken("w1".to_owned()),
        ),
        (
            Registration { address: address(1), ..registration(2, 1) },
            PeerError::AddressTaken(address(1)),
        ),
    ];
    for (registration, reason) in cases {
        let mut cluster = Cluster::of(&[1]);
        cluster.dial(2);
        let out = cluster.reports(2, WorkerMessage::Register(registration));
        assert_eq!(out, vec![close(wire(2), reason)]);
        let plain = cluster.submit(ANN, &[task(1, &[])]);
        assert_eq!(plain, vec![define(1, PLAIN), compute(1, run_of(1, 1, &[]))]);
    }
}

#[test]
fn a_worker_has_threads_and_names_of_bounded_length() {
    let long = "x".repeat(MAX_NAME + 1);
    let function = FunctionName { name: long.clone(), signature: 0 };
    let cases = [
        (registration(1, 0), PeerError::NoThreads),
        (registration(1, u32::MAX), PeerError::BeyondLimit("threads of one worker")),
        (
            Registration { name: long.clone(), ..registration(1, 1) },
            PeerError::BeyondLimit("a name"),
        ),
        (Registration { address: long, ..registration(1, 1) }, PeerError::BeyondLimit("a name")),
        (
            Registration { functions: vec![function], ..registration(1, 1) },
            PeerError::BeyondLimit("a name"),
        ),
    ];
    for (registration, reason) in cases {
        let mut cluster = Cluster::of(&[]);
        cluster.dial(1);
        let out = cluster.reports(1, WorkerMessage::Register(registration));
        assert_eq!(out, vec![close(wire(1), reason)]);
    }
}

#[test]
fn a_session_that_begins_anew_ends_what_it_was() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let connection = ConnectionId(50);
    let session = Session::truncate(wire(1).0);
    let out = cluster.handle(Event::WorkerConnected { connection, session });
    assert_eq!(out, vec![close(wire(1), PeerError::Superseded)]);
    let again = Event::WorkerConnected { connection: ConnectionId(51), session };
    assert_eq!(cluster.handle(again), vec![close(connection, PeerError::Superseded)]);
    let (connection, session) = (ConnectionId(52), Session::truncate(ANN.0));
    let out = cluster.handle(Event::ClientConnected { connection, session, name: String::new() });
    assert_eq!(out, vec![close(ANN, PeerError::Superseded)]);
    assert_eq!(cluster.scheduler.tasks(), 0);
}

#[test]
fn a_client_that_comes_again_is_a_new_one() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.hang_up(ANN), vec![free(1, 1, 1)]);
    assert_eq!(cluster.connect(ANN), vec![]);
    let out = cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(out, vec![close(ANN, PeerError::UnknownSpec)], "it has defined nothing");
}

#[test]
fn ids_of_workers_are_never_used_again() {
    let mut cluster = Cluster::of(&[1]);
    cluster.drop_worker(1);
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(2) };
    assert_eq!(cluster.join(1, 1), vec![told(1, welcome)]);
}
