//! Deaths of workers: which runs are suspects, which are announced, and which are charged.

use super::*;

fn announced(number: u64, run: u64) -> Compute {
    Compute { announce: true, ..run_of(number, run, &[]) }
}

/// Of workers, the last of which was not seen again.
fn died(deaths: u32, worker: u32) -> Arc<Failure> {
    died_of(&PeerError::Away, deaths, worker)
}

fn died_of(cause: &PeerError, deaths: u32, worker: u32) -> Arc<Failure> {
    let (last_worker, reason) = (address(worker), cause.to_string());
    Arc::new(Failure::WorkerDied { deaths, last_worker, reason })
}

#[test]
fn the_next_run_of_a_task_whose_worker_died_is_announced() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.drop_worker(1), vec![define(2, PLAIN), compute(2, announced(1, 2))]);
}

#[test]
fn a_task_that_finished_is_no_suspect() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.drop_worker(1);
    cluster.finish(2, 1, 2);
    cluster.join(3, 1);
    let again = vec![tells(ANN, recomputing(1)), define(3, PLAIN), compute(3, run_of(1, 3, &[]))];
    assert_eq!(cluster.drop_worker(2), again);
}

#[test]
fn a_task_that_failed_is_no_suspect() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task_of(RETRIED, 1, &[])]);
    let out = cluster.drop_worker(1);
    let again = Compute { spec: RETRIED, ..announced(1, 2) };
    assert_eq!(out, vec![define(2, RETRIED), compute(2, again)]);
    let out = cluster.fail(2, 1, 2);
    let retried = Compute { spec: RETRIED, ..run_of(1, 3, &[]) };
    assert_eq!(out, vec![compute(2, retried)], "its worker lives: it was innocent");
}

#[test]
fn a_task_that_kills_every_worker_fails_after_the_deaths_it_is_allowed() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    assert_eq!(cluster.drop_worker(1), vec![], "the first death is not charged");
    for (run, worker) in (2..).zip(2..6) {
        let welcome = SchedulerToWorker::Registered { worker: WorkerId(worker) };
        let out = cluster.join(worker, 1);
        let begun =
            vec![told(worker, welcome), define(worker, PLAIN), compute(worker, announced(1, run))];
        assert_eq!(out, begun);
        assert_eq!(cluster.start(worker, 1, run), vec![]);
        let last = vec![tells(ANN, erred(1, 1, &died(4, worker)))];
        let out = cluster.drop_worker(worker);
        assert_eq!(out, if worker == 5 { last } else { vec![] });
    }
}

#[test]
fn a_task_that_fills_the_memory_of_every_worker_fails_and_the_error_says_so() {
    let mut cluster = Cluster::of(&[1, 1, 1]);
    cluster.submit(ANN, &[task_of(FRAGILE, 1, &[]), task(2, &[])]);
    let over = MemoryUse { process: 1 << 30, is_over: true, ..MemoryUse::default() };
    let cause = PeerError::OutOfMemory { process: 1 << 30, limit: 1 << 30 };
    let ends = |worker| close(wire(worker), cause.clone());
    let out = cluster.reports(1, WorkerMessage::Memory(over));
    let again = Compute { spec: FRAGILE, ..announced(1, 3) };
    assert_eq!(out, vec![ends(1), define(3, FRAGILE), compute(3, again)]);
    cluster.start(3, 1, 3);
    let out = cluster.reports(3, WorkerMessage::Memory(over));
    assert_eq!(out, vec![ends(3), tells(ANN, erred(1, 1, &died_of(&cause, 1, 3)))]);
    let text = "its process ran out of memory: it had 1024 MiB of the 1024 MiB that it may use";
    assert_eq!(cause.to_string(), text);
    assert_eq!(cluster.reports(1, WorkerMessage::Memory(over)), vec![], "it is gone already");
}

#[test]
fn how_the_last_worker_died_is_told() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(FRAGILE, 1, &[])]);
    cluster.drop_worker(1);
    cluster.join(2, 1);
    cluster.start(2, 1, 2);
    let reason = "its process ended: signal: 9".to_owned();
    let lost = Event::WorkerLost { worker: WorkerId(2), reason: reason.clone() };
    let cause = PeerError::DeclaredLost(reason);
    let failure = died_of(&cause, 1, 2);
    let out = cluster.handle(lost);
    assert_eq!(out, vec![close(wire(2), cause), tells(ANN, erred(1, 1, &failure))]);
}

#[test]
fn a_run_that_had_not_started_is_not_charged() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task_of(FRAGILE, 1, &[])]);
    cluster.drop_worker(1);
    cluster.join(3, 1);
    let out = cluster.drop_worker(2);
    let again = Compute { spec: FRAGILE, ..announced(1, 3) };
    assert_eq!(out, vec![define(3, FRAGILE), compute(3, again)]);
    cluster.start(3, 1, 3);
    assert_eq!(cluster.drop_worker(3), vec![tells(ANN, erred(1, 1, &died(1, 3)))]);
}

#[test]
fn a_start_that_was_not_to_be_announced_is_not_charged() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task_of(FRAGILE, 1, &[])]);
    assert_eq!(cluster.start(1, 1, 1), vec![]);
    let out = cluster.drop_worker(1);
    let again = Compute { spec: FRAGILE, ..announced(1, 2) };
    assert_eq!(out, vec![define(2, FRAGILE), compute(2, again)]);
}

#[test]
fn innocents_behind_a_killer_are_never_charged() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(FRAGILE, 1, &[]), task_of(FRAGILE, 2, &[])]);
    cluster.drop_worker(1);
    cluster.join(2, 1);
    cluster.start(2, 1, 3);
    let out = cluster.drop_worker(2);
    assert_eq!(out, vec![tells(ANN, erred(1, 1, &died(1, 2)))], "the other one lives");
    let out = cluster.join(3, 1);
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(3) };
    let again = Compute { spec: FRAGILE, ..announced(2, 5) };
    assert_eq!(out, vec![told(3, welcome), define(3, FRAGILE), compute(3, again)]);
}

#[test]
fn dependents_of_a_task_that_killed_too_often_fail_with_it() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task_of(FRAGILE, 1, &[]), task(2, &[1])]);
    cluster.drop_worker(1);
    cluster.start(2, 1, 2);
    let failure = died(1, 2);
    let out = cluster.drop_worker(2);
    assert_eq!(out, vec![tells(ANN, erred(1, 1, &failure)), tells(ANN, erred(2, 1, &failure))]);
}

#[test]
fn nothing_is_made_again_for_a_task_that_fails_in_the_same_event() {
    for seed in 0..8 {
        let worker_grace = Duration::ZERO;
        let config = Config { policy: Policy::Random, seed, worker_grace, ..Config::default() };
        let mut cluster = Cluster::with(config, &[1]);
        cluster.submit(ANN, &[task(1, &[]), task_of(FRAGILE, 2, &[]), task(3, &[1, 2])]);
        cluster.drop_worker(1);
        let given = cluster.join(2, 1);
        let (value, deadly) = (run_given(&given, 1), run_given(&given, 2));
        cluster.finish(2, 1, value);
        cluster.start(2, 2, deadly);
        cluster.release(ANN, &[1]);
        cluster.join(3, 1);
        let failure = died(1, 2);
        let failed = vec![tells(ANN, erred(2, 2, &failure)), tells(ANN, erred(3, 2, &failure))];
        assert_eq!(cluster.drop_worker(2), failed, "task 1 is needed by nobody");
    }
}

/// The run as which a task was given out.
fn run_given(out: &[Effect], task: u64) -> u64 {
    let run = |effect: &Effect| match effect {
        Effect::ToWorker { message: SchedulerToWorker::Compute(compute), .. } => {
            (compute.key == key(task)).then_some(compute.run.counter)
        }
        Effect::Close { .. }
        | Effect::End
        | Effect::ToClient { .. }
        | Effect::ToWorker { .. }
        | Effect::Warn { .. } => None,
    };
    out.iter().find_map(run).expect("it was given out")
}
