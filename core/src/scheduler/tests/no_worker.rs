//! Tasks for which there is no worker: they say why, wait for one, and do not wait for ever.

use super::*;

fn warn(text: &str) -> Effect {
    Effect::Warn { text: text.to_owned() }
}

const UNHEARD_OF: &str = "1-1 waits for a worker: no worker offers `adt`; 2 functions are registered, \
     the nearest: `add`, `multiply`. A crate that is never named in the program registers nothing: \
     add `use your_crate as _;`. Or start workers of your program: `./app --raddle-worker ADDRESS`";

/// A worker of which functions have other names, or other types.
fn stranger(worker: u32, name: &str, signature: u64) -> WorkerMessage {
    let functions = vec![FunctionName { name: name.to_owned(), signature }];
    WorkerMessage::Register(Registration { functions, ..registration(worker, 1) })
}

#[test]
fn a_function_that_no_worker_offers_is_warned_of_once_with_the_nearest_names() {
    let mut cluster = Cluster::of(&[1]);
    assert_eq!(cluster.submit(ANN, &[task_of(UNHEARD, 1, &[])]), vec![warn(UNHEARD_OF)]);
    assert_eq!(cluster.submit(ANN, &[task_of(UNHEARD, 2, &[])]), vec![]);
    assert_eq!(cluster.scheduler.explain(key(1)), UNHEARD_OF);
    assert_eq!(cluster.scheduler.next_deadline(), None, "a worker may come that offers it");
}

#[test]
fn it_runs_when_a_worker_joins_that_offers_it() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task_of(UNHEARD, 1, &[])]);
    cluster.dial(2);
    let out = cluster.reports(2, stranger(2, "adt", 0));
    let run = Compute { spec: UNHEARD, ..run_of(1, 1, &[]) };
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(2) };
    assert_eq!(out, vec![told(2, welcome), define(2, UNHEARD), compute(2, run)]);
}

#[test]
fn a_command_runs_on_a_worker_without_functions() {
    let mut cluster = Cluster::of(&[]);
    let function = Function { runtime: Runtime::Command, ..Function::default() };
    let spec = TaskSpec { function, options: TaskOptions::default() };
    let id = SpecId(9);
    assert_eq!(cluster.says(ANN, ClientMessage::Define { id, spec: spec.clone() }), vec![]);
    cluster.dial(1);
    let nothing = Registration { functions: Vec::new(), ..registration(1, 1) };
    cluster.reports(1, WorkerMessage::Register(nothing));
    let run = Compute { spec: id, ..run_of(1, 1, &[]) };
    let defined = told(1, SchedulerToWorker::Define { id, spec });
    assert_eq!(cluster.submit(ANN, &[task_of(id, 1, &[])]), vec![defined, compute(1, run)]);
}

#[test]
fn the_first_worker_that_lacks_a_function_is_worth_a_word() {
    let mut cluster = Cluster::of(&[]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.dial(1);
    let out = cluster.reports(1, stranger(1, "add", 5));
    let why = "1-1 waits for a worker: `add` is registered with other argument or result types: \
               rebuild";
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(1) };
    assert_eq!(out, vec![told(1, welcome), warn(why)]);
}

#[test]
fn a_function_of_other_types_is_another_function() {
    let mut cluster = Cluster::of(&[]);
    cluster.dial(1);
    cluster.reports(1, stranger(1, "add", 5));
    let why = "1-1 waits for a worker: `add` is registered with other argument or result types: \
               rebuild";
    assert_eq!(cluster.submit(ANN, &[task(1, &[])]), vec![warn(why)]);
}

#[test]
fn a_restricted_task_goes_to_its_worker_whoever_has_less_to_do() {
    let mut cluster = Cluster::of(&[1, 1]);
    for number in 1..3 {
        let out = cluster.submit(ANN, &[task_of(ONLY_W2, number, &[])]);
        let run = Compute { spec: ONLY_W2, ..run_of(number, number, &[]) };
        assert_eq!(out.last(), Some(&compute(2, run)));
    }
}

#[test]
fn a_restricted_task_that_waits_for_room_does_not_hold_up_those_behind_it() {
    let mut cluster = Cluster::of(&[1, 1]);
    for number in 1..3 {
        cluster.submit(ANN, &[task_of(ONLY_W2, number, &[])]);
    }
    assert_eq!(cluster.submit(ANN, &[task_of(ONLY_W2, 3, &[])]), vec![]);
    let out = cluster.submit(ANN, &[task(4, &[])]);
    assert_eq!(out.last(), Some(&compute(1, run_of(4, 3, &[]))));
    let out = cluster.finish(2, 1, 1);
    let run = Compute { spec: ONLY_W2, ..run_of(3, 4, &[]) };
    assert_eq!(out.last(), Some(&compute(2, run)));
}

#[test]
fn a_restricted_task_waits_for_its_worker() {
    let mut cluster = Cluster::of(&[1]);
    let why = "1-1 waits for a worker: it may only run on w2, which are not connected or do not \
               offer it";
    assert_eq!(cluster.submit(ANN, &[task_of(ONLY_W2, 1, &[])]), vec![warn(why)]);
    let welcome = SchedulerToWorker::Registered { worker: WorkerId(2) };
    let run = Compute { spec: ONLY_W2, ..run_of(1, 1, &[]) };
    let out = cluster.join(2, 1);
    assert_eq!(out, vec![told(2, welcome), define(2, ONLY_W2), compute(2, run)]);
}

#[test]
fn a_restriction_may_name_an_address() {
    let mut cluster = Cluster::of(&[1, 1]);
    let mut spec = specs()[0].clone();
    spec.options.workers = vec![address(2)];
    let id = SpecId(9);
    cluster.says(ANN, ClientMessage::Define { id, spec: spec.clone() });
    let out = cluster.submit(ANN, &[task_of(id, 1, &[])]);
    let run = Compute { spec: id, ..run_of(1, 1, &[]) };
    assert_eq!(out, vec![told(2, SchedulerToWorker::Define { id, spec }), compute(2, run)]);
}

#[test]
fn without_any_worker_work_fails_after_a_while() {
    let mut cluster = Cluster::of(&[]);
    assert_eq!(cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]), vec![]);
    let deadline = Instant::ZERO + Duration::from_secs(30);
    assert_eq!(cluster.scheduler.next_deadline(), Some((deadline, Timer::NoWorkers)));
    cluster.now = Instant::ZERO + Duration::from_secs(29);
    assert_eq!(cluster.handle(Event::Tick), vec![], "it is early");
    let reason = "the cluster has had no worker for 30 s: start one with `raddle worker ADDRESS`";
    let failure = Arc::new(Failure::NoWorker { reason: reason.to_owned() });
    let out = cluster.tick_at_deadline();
    assert_eq!(out, vec![tells(ANN, erred(1, 1, &failure)), tells(ANN, erred(2, 1, &failure))]);
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

#[test]
fn the_wait_begins_when_the_last_worker_goes_and_ends_when_one_comes() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[]), task(3, &[])]);
    cluster.now = Instant::ZERO + Duration::from_secs(100);
    assert_eq!(cluster.drop_worker(1), vec![]);
    let deadline = cluster.now + Duration::from_secs(30);
    assert_eq!(cluster.scheduler.next_deadline(), Some((deadline, Timer::NoWorkers)));
    cluster.join(2, 1);
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

#[test]
fn a_cluster_without_work_waits_for_nobody() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    cluster.release(ANN, &[1]);
    cluster.drop_worker(1);
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

/// A cluster with a limit of ten seconds for tasks that none of its workers may run.
fn impatient(threads: &[u32]) -> Cluster {
    let unqualified_timeout = Duration::from_secs(10);
    let (client_grace, worker_grace) = (Duration::ZERO, Duration::ZERO);
    let config = Config { unqualified_timeout, client_grace, worker_grace, ..Config::default() };
    Cluster::with(config, threads)
}

fn given_up(why: &str) -> Arc<Failure> {
    let reason = format!("it has waited for one for 10 s: {why}");
    Arc::new(Failure::NoWorker { reason })
}

const W2_ALONE: &str = "it may only run on w2, which are not connected or do not offer it";

#[test]
fn a_task_that_no_worker_may_run_fails_after_a_while_if_there_is_a_limit() {
    let mut cluster = impatient(&[1]);
    cluster.submit(ANN, &[task_of(ONLY_W2, 1, &[]), task_of(ONLY_W2, 2, &[1]), task(3, &[])]);
    let deadline = Instant::ZERO + Duration::from_secs(10);
    let timer = Timer::Starving(ONLY_W2);
    assert_eq!(cluster.scheduler.next_deadline(), Some((deadline, timer)));
    cluster.now = Instant::ZERO + Duration::from_secs(9);
    assert_eq!(cluster.handle(Event::Tick), vec![], "it is early");
    let failure = given_up(W2_ALONE);
    let out = cluster.tick_at_deadline();
    assert_eq!(out, vec![tells(ANN, erred(1, 1, &failure)), tells(ANN, erred(2, 1, &failure))]);
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

#[test]
fn a_worker_that_comes_in_time_runs_it() {
    let mut cluster = impatient(&[1]);
    cluster.submit(ANN, &[task_of(ONLY_W2, 1, &[])]);
    cluster.now = Instant::ZERO + Duration::from_secs(9);
    let run = Compute { spec: ONLY_W2, ..run_of(1, 1, &[]) };
    assert_eq!(cluster.join(2, 1).last(), Some(&compute(2, run)));
    assert_eq!(cluster.scheduler.next_deadline(), None);
}

#[test]
fn the_limit_begins_anew_with_what_comes_later_and_when_the_last_worker_goes() {
    let mut cluster = impatient(&[1, 1]);
    let after = |seconds| Instant::ZERO + Duration::from_secs(seconds);
    let queued: Vec<_> = (1..4).map(|number| task_of(ONLY_W2, number, &[])).collect();
    cluster.submit(ANN, &queued);
    assert_eq!(cluster.scheduler.next_deadline(), None, "it waits for its turn");
    cluster.now = after(100);
    cluster.drop_worker(2);
    let timer = Timer::Starving(ONLY_W2);
    assert_eq!(cluster.scheduler.next_deadline(), Some((after(110), timer)));
    cluster.release(ANN, &[1, 2, 3]);
    cluster.now = after(105);
    cluster.submit(ANN, &[task_of(ONLY_W2, 4, &[])]);
    assert_eq!(cluster.scheduler.next_deadline(), Some((after(115), timer)));
    assert_eq!(cluster.tick_at_deadline(), vec![tells(ANN, erred(4, 4, &given_up(W2_ALONE)))]);
}

#[test]
fn inputs_that_fit_into_no_worker_fail_their_task_before_it_is_sent() {
    let mut cluster = Cluster::of(&[1]);
    let inputs = [1, 2, 3];
    cluster.submit(ANN, &inputs.map(|number| task(number, &[])));
    for number in inputs {
        let (key, run, nbytes) = (key(number), run_id(number), 400 << 20);
        let (duration, value) = (20_000_000, None);
        cluster.reports(1, WorkerMessage::Finished { key, run, nbytes, duration, value });
    }
    let two = cluster.submit(ANN, &[task(4, &[1, 2, 1])]);
    assert!(matches!(two[..], [.., Effect::ToWorker { .. }]), "{two:?}");
    let reason = "its inputs have 1258291200 bytes together, and no worker may use more than \
                  1073741824: split them, or start a worker with more memory";
    let failure = Arc::new(Failure::NoWorker { reason: reason.to_owned() });
    let out = cluster.submit(ANN, &[task(5, &inputs)]);
    assert_eq!(out, vec![tells(ANN, erred(5, 5, &failure))]);
}
