//! Peers that break the protocol: it costs them their connection, and nobody else anything.

use raddle_net::limits::{MAX_KEYS, MAX_NAME, MAX_SUBMIT, MAX_VALUE};

use super::*;

/// Every report that names a run.
fn reports_of(task: u64, run: u64) -> Vec<WorkerMessage> {
    let (key, run) = (key(task), run_id(run));
    let message = ClientMessage::Goodbye;
    vec![
        WorkerMessage::Finished { key, run, nbytes: 8, duration: 1, value: None },
        WorkerMessage::Failed { key, run, blame: None, failure: broke("", 0) },
        WorkerMessage::Started { key, run },
        WorkerMessage::FromRun { key, run, message },
        WorkerMessage::Fetched { key, run },
    ]
}

#[test]
fn a_run_that_was_never_given_out_closes_the_worker() {
    for message in reports_of(1, 2) {
        let mut cluster = Cluster::of(&[1, 1]);
        cluster.submit(ANN, &[task(1, &[])]);
        assert_eq!(cluster.reports(2, message), vec![close(wire(2), PeerError::NotItsRun)]);
        let out = cluster.finish(1, 1, 1);
        assert_eq!(out, vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))]);
    }
    let mut cluster = Cluster::of(&[1]);
    let locate = WorkerMessage::Locate { key: key(1), run: run_id(1) };
    assert_eq!(cluster.reports(1, locate), vec![close(wire(1), PeerError::NotItsRun)]);
}

#[test]
fn a_run_of_another_life_of_the_scheduler_was_never_given_out() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let run = RunId { epoch: 0, counter: 1 };
    let out = cluster.reports(1, WorkerMessage::Started { key: key(1), run });
    assert_eq!(out, vec![close(wire(1), PeerError::NotItsRun)]);
}

#[test]
fn a_run_that_another_worker_has_closes_the_worker_that_claims_it() {
    for message in reports_of(1, 1) {
        let mut cluster = Cluster::of(&[1, 1]);
        cluster.submit(ANN, &[task(1, &[])]);
        assert_eq!(cluster.reports(2, message), vec![close(wire(2), PeerError::NotItsRun)]);
        let out = cluster.finish(1, 1, 1);
        assert_eq!(out, vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))]);
    }
}

#[test]
fn a_copy_of_a_value_that_is_still_to_be_made_closes_the_worker() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.fetch(1, 1, 1), vec![close(wire(1), PeerError::NotItsRun)]);
}

#[test]
fn a_value_beyond_the_limit_closes_the_worker() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let (key, run, nbytes) = (key(1), run_id(1), MAX_VALUE + 1);
    let huge = WorkerMessage::Finished { key, run, nbytes, duration: 1, value: None };
    let beyond = PeerError::BeyondLimit("bytes of a value");
    assert_eq!(cluster.reports(1, huge), vec![close(wire(1), beyond)]);
}

#[test]
fn tasks_of_a_worker_that_is_closed_go_elsewhere() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let out = cluster.finish(1, 1, 9);
    let again = Compute { announce: true, ..run_of(1, 2, &[]) };
    let elsewhere = vec![close(wire(1), PeerError::NotItsRun), define(2, PLAIN), compute(2, again)];
    assert_eq!(out, elsewhere);
}

#[test]
fn a_spec_that_was_not_defined_closes_the_client_and_releases_its_wants() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let out = cluster.submit(ANN, &[task(2, &[]), task_of(SpecId(6), 3, &[])]);
    assert_eq!(out, vec![close(ANN, PeerError::UnknownSpec), free(1, 1, 1)]);
    assert_eq!(cluster.scheduler.tasks(), 0, "nothing of the message was applied");
    assert_eq!(cluster.submit(ANN, &[task(1, &[])]), vec![], "nobody listens any more");
    assert_eq!(cluster.hang_up(ANN), vec![]);
}

#[test]
fn a_run_that_breaks_the_protocol_closes_its_worker() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let tasks = vec![task(2, &[])];
    let out = cluster.run_says(1, 1, 1, ClientMessage::Submit { submission: 1, tasks });
    assert_eq!(out, vec![close(wire(1), PeerError::UnknownSpec)]);
}

#[test]
fn specs_are_defined_in_order() {
    for id in [SpecId(5), SpecId(7)] {
        let mut cluster = Cluster::of(&[]);
        let define = ClientMessage::Define { id, spec: TaskSpec::default() };
        assert_eq!(cluster.says(ANN, define), vec![close(ANN, PeerError::UnknownSpec)]);
    }
}

#[test]
fn lists_and_names_have_limits() {
    let keys = || vec![key(1); MAX_KEYS + 1];
    let mut long = TaskSpec::default();
    long.function.name = "x".repeat(MAX_NAME + 1);
    let mut far = TaskSpec::default();
    far.options.workers = vec!["x".repeat(MAX_NAME + 1)];
    let cases = [
        (ClientMessage::Cancel { keys: keys() }, "keys of one message"),
        (ClientMessage::Release { keys: keys() }, "keys of one message"),
        (
            ClientMessage::Submit { submission: 1, tasks: vec![task(1, &[]); MAX_SUBMIT + 1] },
            "tasks of one message",
        ),
        (ClientMessage::Define { id: SpecId(6), spec: long }, "a name"),
        (ClientMessage::Define { id: SpecId(6), spec: far }, "a name"),
    ];
    for (message, what) in cases {
        let mut cluster = Cluster::of(&[]);
        assert_eq!(cluster.says(ANN, message), vec![close(ANN, PeerError::BeyondLimit(what))]);
    }
}

#[test]
fn messages_of_the_other_role_close_the_peer() {
    let mut cluster = Cluster::of(&[1]);
    let (connection, message) = (wire(1), ClientMessage::Goodbye);
    let out = cluster.handle(Event::FromClient { connection, message });
    assert_eq!(out, vec![close(wire(1), PeerError::NotItsRole)]);
    let (connection, message) = (ANN, finished(1, 1));
    let out = cluster.handle(Event::FromWorker { connection, message });
    assert_eq!(out, vec![close(ANN, PeerError::NotItsRole)]);
}

#[test]
fn strangers_are_not_heard() {
    let mut cluster = Cluster::of(&[1]);
    let stranger = ConnectionId(77);
    assert_eq!(cluster.says(stranger, ClientMessage::Goodbye), vec![]);
    assert_eq!(cluster.hang_up(stranger), vec![]);
    assert_eq!(cluster.drop_worker(9), vec![]);
    assert_eq!(cluster.finish(9, 1, 1), vec![]);
    assert_eq!(cluster.handle(Event::WorkerResumed { connection: wire(9) }), vec![]);
    let (connection, reason) = (stranger, "it talks nonsense".to_owned());
    assert_eq!(cluster.handle(Event::SessionEnded { connection, reason }), vec![]);
}
