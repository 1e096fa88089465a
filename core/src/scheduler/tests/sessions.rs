//! Connections that break while the peer may still be there: the worker is waited for.

use super::*;

const GRACE: Duration = Duration::from_secs(5);

fn patient(threads: &[u32]) -> Cluster {
    Cluster::with(Config { worker_grace: GRACE, ..Config::default() }, threads)
}

/// The worker says hello as the process it was, on a new connection.
fn redial(cluster: &mut Cluster, worker: u32, connection: ConnectionId) -> Vec<Effect> {
    let session = Session::truncate(wire(worker).0);
    cluster.handle(Event::WorkerConnected { connection, session })
}

#[test]
fn a_disconnected_worker_keeps_its_tasks_until_its_time_is_up() {
    let mut cluster = patient(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.drop_worker(1), vec![]);
    let deadline = Instant::ZERO + GRACE;
    let timer = Timer::WorkerGrace(WorkerId(1));
    assert_eq!(cluster.scheduler.next_deadline(), Some((deadline, timer)));
    let again = Compute { announce: true, ..run_of(1, 2, &[]) };
    assert_eq!(cluster.tick_at_deadline(), vec![define(2, PLAIN), compute(2, again)]);
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

#[test]
fn a_disconnected_worker_is_given_nothing_and_told_nothing() {
    let mut cluster = patient(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.drop_worker(1);
    let out = cluster.submit(ANN, &[task(2, &[]), task(3, &[])]);
    let elsewhere =
        vec![define(2, PLAIN), compute(2, run_of(2, 2, &[])), compute(2, run_of(3, 3, &[]))];
    assert_eq!(out, elsewhere);
    assert_eq!(cluster.release(ANN, &[1]), vec![]);
}

#[test]
fn a_worker_that_comes_back_has_lost_what_it_had() {
    let mut cluster = patient(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.drop_worker(1);
    let again = Compute { announce: true, ..run_of(1, 2, &[]) };
    let out = redial(&mut cluster, 1, ConnectionId(50));
    assert_eq!(out, vec![define(2, PLAIN), compute(2, again)]);
    let (connection, register) = (ConnectionId(50), WorkerMessage::Register(registration(1, 1)));
    let out = cluster.handle(Event::FromWorker { connection, message: register });
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(3) };
    assert_eq!(out, vec![Effect::ToWorker { connection, message: welcome }]);
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

#[test]
fn a_new_worker_in_the_place_of_a_disconnected_one_ends_the_wait() {
    let mut cluster = patient(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.drop_worker(1);
    let (connection, session) = (ConnectionId(50), Session::truncate(50));
    cluster.handle(Event::WorkerConnected { connection, session });
    let message = WorkerMessage::Register(registration(1, 1));
    let out = cluster.handle(Event::FromWorker { connection, message });
    let to = |message| Effect::ToWorker { connection, message };
    let again = Compute { announce: true, ..run_of(1, 2, &[]) };
    let begun = vec![
        to(SchedulerToWorker::Registered { worker: WorkerId(2) }),
        to(SchedulerToWorker::Define { id: PLAIN, spec: specs()[0].clone() }),
        to(SchedulerToWorker::Compute(again)),
    ];
    assert_eq!(out, begun);
}

#[test]
fn a_worker_that_is_known_to_have_exited_is_not_waited_for() {
    let mut cluster = patient(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.drop_worker(1);
    let reason = "exited".to_owned();
    let out = cluster.handle(Event::WorkerLost { worker: WorkerId(1), reason });
    let again = Compute { announce: true, ..run_of(1, 2, &[]) };
    assert_eq!(out, vec![define(2, PLAIN), compute(2, again)]);
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

#[test]
fn a_worker_that_broke_the_protocol_is_not_waited_for() {
    let mut cluster = patient(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let out = cluster.finish(1, 1, 9);
    let again = Compute { announce: true, ..run_of(1, 2, &[]) };
    let elsewhere = vec![close(wire(1), PeerError::NotItsRun), define(2, PLAIN), compute(2, again)];
    assert_eq!(out, elsewhere);
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

#[test]
fn work_for_which_only_a_disconnected_worker_would_do_waits_like_any_other() {
    let mut cluster = patient(&[1]);
    cluster.drop_worker(1);
    assert_eq!(cluster.submit(ANN, &[task(1, &[])]), vec![]);
    let why = "1-1 waits for a worker: none is connected";
    assert_eq!(cluster.scheduler.explain(key(1)), why);
}

#[test]
fn several_workers_may_be_waited_for() {
    let mut cluster = patient(&[1, 1]);
    cluster.drop_worker(2);
    cluster.now = Instant::ZERO + Duration::from_secs(1);
    cluster.drop_worker(1);
    let first = (Instant::ZERO + GRACE, Timer::WorkerGrace(WorkerId(2)));
    assert_eq!(cluster.scheduler.next_deadline(), Some(first));
    cluster.tick_at_deadline();
    let second = (Instant::ZERO + Duration::from_secs(6), Timer::WorkerGrace(WorkerId(1)));
    assert_eq!(cluster.scheduler.next_deadline(), Some(second));
    assert_eq!(cluster.tick_at_deadline(), vec![]);
    assert_eq!(cluster.scheduler.info().workers, vec![]);
}
