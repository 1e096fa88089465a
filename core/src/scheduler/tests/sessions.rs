//! Connections that break while the peer may still be there: it is waited for.

use super::*;

const GRACE: Duration = Duration::from_secs(5);

const CLIENT_GRACE: Duration = Duration::from_secs(60);

fn patient(threads: &[u32]) -> Cluster {
    let config = Config { client_grace: CLIENT_GRACE, worker_grace: GRACE, ..Config::default() };
    Cluster::with(config, threads)
}

/// Of a task of the second submission.
fn second(order: u32) -> Priority {
    Priority { submission: 2, order, client: 2, ..Priority::default() }
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
    let timer = Timer::Grace(wire(1));
    assert_eq!(cluster.scheduler.next_deadline(), Some((deadline, timer)));
    let again = Compute { announce: true, ..run_of(1, 2, &[]) };
    let lost = vec![close(wire(1), PeerError::Away), define(2, PLAIN), compute(2, again)];
    assert_eq!(cluster.tick_at_deadline(), lost);
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

#[test]
fn a_disconnected_worker_is_given_nothing_new_and_told_the_rest() {
    let mut cluster = patient(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.drop_worker(1);
    let out = cluster.submit(ANN, &[task(2, &[]), task(3, &[])]);
    let elsewhere =
        vec![define(2, PLAIN), compute(2, run_of(2, 2, &[])), compute(2, run_of(3, 3, &[]))];
    assert_eq!(out, elsewhere);
    assert_eq!(cluster.release(ANN, &[1]), vec![free(1, 1, 1)]);
}

#[test]
fn a_worker_that_comes_back_goes_on_where_it_was() {
    let mut cluster = patient(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    assert_eq!(
        cluster.finish(1, 1, 1),
        vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))]
    );
    cluster.drop_worker(1);
    assert_eq!(cluster.borrow(&[1], &[task(3, &[1])]), vec![]);
    let run = Compute { priority: second(3), ..run_of(3, 3, &[input(1, 1, &[1])]) };
    assert_eq!(cluster.resume(1), vec![compute(1, run)]);
    assert_eq!(cluster.scheduler.next_deadline(), None);
    assert_eq!(cluster.finish(1, 2, 2), vec![tells(ANN, in_memory(2, 2, 1))]);
    assert_eq!(cluster.resume(1), vec![], "it was there");
}

#[test]
fn what_a_worker_said_before_its_connection_broke_counts() {
    let mut cluster = patient(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.drop_worker(1);
    let done = vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))];
    assert_eq!(cluster.finish(1, 1, 1), done);
    assert_eq!(cluster.resume(1), vec![]);
}

#[test]
fn those_who_wait_for_workers_are_answered_when_one_is_back() {
    let mut cluster = patient(&[1, 1]);
    cluster.drop_worker(1);
    assert_eq!(cluster.ask(ANN, Query::WaitForWorkers(2)), vec![]);
    let answered = |out: &[Effect]| {
        matches!(
            out,
            [Effect::ToClient { connection: ANN, message: SchedulerToClient::Answer { .. } }]
        )
    };
    let out = cluster.resume(1);
    assert!(answered(&out), "{out:?}");
}

#[test]
fn a_session_that_comes_back_as_a_new_one_has_lost_what_it_had() {
    let mut cluster = patient(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.drop_worker(1);
    let again = Compute { announce: true, ..run_of(1, 2, &[]) };
    let out = redial(&mut cluster, 1, ConnectionId(50));
    assert_eq!(
        out,
        vec![close(wire(1), PeerError::Superseded), define(2, PLAIN), compute(2, again)]
    );
    let (connection, register) = (ConnectionId(50), WorkerMessage::Register(registration(1, 1)));
    let out = cluster.handle(Event::FromWorker { connection, message: register });
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(3) };
    assert_eq!(out, vec![Effect::ToWorker { connection, message: welcome }]);
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

#[test]
fn a_newcomer_whose_connection_breaks_is_not_waited_for() {
    let mut cluster = patient(&[]);
    cluster.dial(1);
    let (connection, reason) = (wire(1), "reset".to_owned());
    let out = cluster.handle(Event::WorkerDisconnected { connection, reason });
    assert_eq!(out, vec![close(wire(1), PeerError::Away)]);
}

#[test]
fn a_client_that_is_away_wants_what_it_wants_until_its_time_is_up() {
    let mut cluster = patient(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.hang_up(ANN), vec![]);
    let connected = |cluster: &Cluster| cluster.scheduler.info().clients;
    assert_eq!(connected(&cluster), 1);
    let deadline = Instant::ZERO + CLIENT_GRACE;
    assert_eq!(cluster.scheduler.next_deadline(), Some((deadline, Timer::Grace(ANN))));
    let told = vec![tells(ANN, introduced(1)), tells(ANN, in_memory(1, 1, 1))];
    assert_eq!(cluster.finish(1, 1, 1), told, "it is told, and hears it when it is back");
    assert_eq!(cluster.handle(Event::ClientResumed { connection: ANN }), vec![]);
    assert_eq!((connected(&cluster), cluster.scheduler.next_deadline()), (2, None));
    cluster.hang_up(ANN);
    let out = cluster.tick_at_deadline();
    assert_eq!(out, vec![close(ANN, PeerError::Away), free(1, 1, 1)]);
    assert_eq!(cluster.scheduler.tasks(), 0);
}

#[test]
fn a_second_break_does_not_prolong_the_wait() {
    let mut cluster = patient(&[1]);
    cluster.drop_worker(1);
    cluster.now = Instant::ZERO + Duration::from_secs(1);
    assert_eq!(cluster.drop_worker(1), vec![]);
    let timer = Timer::Grace(wire(1));
    assert_eq!(cluster.scheduler.next_deadline(), Some((Instant::ZERO + GRACE, timer)));
}

#[test]
fn without_a_grace_a_broken_connection_ends_the_session_at_once() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let (connection, reason) = (wire(1), "reset".to_owned());
    let out = cluster.handle(Event::WorkerDisconnected { connection, reason });
    assert_eq!(out, vec![close(wire(1), PeerError::Away)]);
    let out = cluster.handle(Event::ClientDisconnected { connection: ANN });
    assert_eq!(out, vec![close(ANN, PeerError::Away)]);
    assert_eq!((cluster.scheduler.tasks(), cluster.scheduler.info().workers), (0, vec![]));
}

#[test]
fn a_session_that_cannot_go_on_ends_without_a_wait() {
    let mut cluster = patient(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let ended = |connection| Event::SessionEnded { connection, reason: "nonsense".to_owned() };
    let again = Compute { announce: true, ..run_of(1, 2, &[]) };
    assert_eq!(cluster.handle(ended(wire(1))), vec![define(2, PLAIN), compute(2, again)]);
    assert_eq!(cluster.handle(ended(ANN)), vec![free(2, 1, 2)]);
    assert_eq!(cluster.handle(ended(ANN)), vec![]);
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
        close(wire(1), PeerError::Superseded),
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
    let out = cluster.handle(Event::WorkerLost { worker: WorkerId(1), reason: reason.clone() });
    let again = Compute { announce: true, ..run_of(1, 2, &[]) };
    let lost = PeerError::DeclaredLost(reason);
    let elsewhere = vec![close(wire(1), lost), define(2, PLAIN), compute(2, again)];
    assert_eq!(out, elsewhere);
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
    cluster.now = Instant::ZERO + Duration::from_secs(3);
    cluster.handle(Event::Tick);
    let why = "1-1 waits for a worker: none is connected; \
               worker w1 is disconnected for 3 s, and is waited for 5 s";
    assert_eq!(cluster.scheduler.explain(key(1)), why);
}

#[test]
fn a_task_on_a_worker_that_is_away_says_so() {
    let mut cluster = patient(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.drop_worker(1);
    cluster.now = Instant::ZERO + Duration::from_secs(3);
    cluster.handle(Event::Tick);
    let why = "1-1 is on tcp://w1:1 (which was to begin it soonest), as run 1.1, the 1. attempt; \
               worker w1 is disconnected for 3 s, and is waited for 5 s";
    assert_eq!(cluster.scheduler.explain(key(1)), why);
}

#[test]
fn several_workers_may_be_waited_for() {
    let mut cluster = patient(&[1, 1]);
    cluster.drop_worker(2);
    cluster.now = Instant::ZERO + Duration::from_secs(1);
    cluster.drop_worker(1);
    let first = (Instant::ZERO + GRACE, Timer::Grace(wire(2)));
    assert_eq!(cluster.scheduler.next_deadline(), Some(first));
    cluster.tick_at_deadline();
    let second = (Instant::ZERO + Duration::from_secs(6), Timer::Grace(wire(1)));
    assert_eq!(cluster.scheduler.next_deadline(), Some(second));
    assert_eq!(cluster.tick_at_deadline(), vec![close(wire(1), PeerError::Away)]);
    assert_eq!(cluster.scheduler.info().workers, vec![]);
}
