//! Workers that go: their runs go elsewhere, and values of which no copy is left are made again.

use super::*;

#[test]
fn runs_of_a_lost_worker_go_to_others() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    let out = cluster.drop_worker(2);
    let again = Compute { announce: true, ..run_of(2, 3, &[]) };
    assert_eq!(out, vec![compute(1, again)]);
}

#[test]
fn a_value_without_a_copy_is_computed_again_and_its_client_is_told() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    let again = vec![tells(ANN, recomputing(1)), define(2, PLAIN), compute(2, run_of(1, 2, &[]))];
    assert_eq!(cluster.drop_worker(1), again);
    let out = cluster.finish(2, 1, 2);
    assert_eq!(out, vec![tells(ANN, introduced(2)), tells(ANN, in_memory(1, 2, 2))]);
}

#[test]
fn a_value_with_another_copy_stays() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    cluster.fetch(2, 1, 1);
    assert_eq!(cluster.drop_worker(1), vec![]);
    assert_eq!(cluster.release(ANN, &[1]), vec![free(2, 1, 1)]);
}

#[test]
fn inputs_that_were_freed_are_computed_again_first() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1])]);
    cluster.release(ANN, &[1]);
    cluster.finish(1, 1, 1);
    cluster.finish(1, 2, 2);
    let again = vec![tells(ANN, recomputing(2)), define(2, PLAIN), compute(2, run_of(1, 3, &[]))];
    assert_eq!(cluster.drop_worker(1), again);
    let out = cluster.finish(2, 1, 3);
    assert_eq!(out, vec![compute(2, run_of(2, 4, &[input(1, 3, &[2])]))]);
}

#[test]
fn a_dependent_elsewhere_is_withdrawn_until_its_input_is_back() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    cluster.finish(1, 1, 1);
    cluster.finish(2, 2, 2);
    let out = cluster.submit(ANN, &[task(3, &[1, 2])]);
    let inputs = [input(1, 1, &[1]), input(2, 2, &[2])];
    assert_eq!(out, vec![peer(1, 2), compute(1, run_of(3, 3, &inputs))]);
    let withdrawn = vec![tells(ANN, recomputing(2)), free(1, 3, 3), compute(1, run_of(2, 4, &[]))];
    assert_eq!(cluster.drop_worker(2), withdrawn);
    let out = cluster.finish(1, 2, 4);
    let inputs = [input(1, 1, &[1]), input(2, 4, &[1])];
    assert_eq!(out, vec![tells(ANN, in_memory(2, 4, 1)), compute(1, run_of(3, 5, &inputs))]);
}

#[test]
fn a_value_that_only_a_dependent_needs_is_not_announced_to_anybody() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[1]), task(3, &[])]);
    cluster.release(ANN, &[1]);
    cluster.finish(1, 1, 1);
    let again = vec![compute(2, run_of(1, 4, &[]))];
    assert_eq!(cluster.drop_worker(1), again, "the dependent waits again");
    let out = cluster.finish(2, 1, 4);
    let ready = Compute { announce: true, ..run_of(2, 5, &[input(1, 4, &[2])]) };
    assert_eq!(out, vec![compute(2, ready)]);
}

#[test]
fn a_worker_that_is_known_to_be_lost_is_closed() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let reason = "exited".to_owned();
    let out = cluster.handle(Event::WorkerLost { worker: WorkerId(1), reason: reason.clone() });
    let again = Compute { announce: true, ..run_of(1, 2, &[]) };
    let lost = PeerError::DeclaredLost(reason.clone());
    let elsewhere = vec![close(wire(1), lost), define(2, PLAIN), compute(2, again)];
    assert_eq!(out, elsewhere);
    assert_eq!(cluster.handle(Event::WorkerLost { worker: WorkerId(1), reason }), vec![]);
    assert_eq!(cluster.finish(1, 1, 1), vec![], "its last words come too late");
    assert_eq!(cluster.drop_worker(1), vec![]);
}

#[test]
fn a_holder_that_asks_for_the_value_does_not_hold_it() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    cluster.fetch(2, 1, 1);
    let locate = || WorkerMessage::Locate { key: key(1), run: run_id(1) };
    let holders = |workers: &[u32]| SchedulerToWorker::Holders {
        key: key(1),
        run: run_id(1),
        workers: workers.iter().copied().map(WorkerId).collect(),
    };
    let out = cluster.reports(1, locate());
    assert_eq!(out, vec![peer(1, 2), told(1, holders(&[2]))]);
    let nobody = vec![
        free(2, 1, 1),
        tells(ANN, recomputing(1)),
        told(2, holders(&[])),
        compute(1, run_of(1, 2, &[])),
    ];
    assert_eq!(cluster.reports(2, locate()), nobody);
}

#[test]
fn a_worker_that_lacks_a_value_is_told_who_holds_it() {
    let mut cluster = Cluster::of(&[1, 1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    let (key, run) = (key(1), run_id(1));
    let out = cluster.reports(2, WorkerMessage::Locate { key, run });
    let workers = [WorkerId(1)].into_iter().collect();
    let holders = SchedulerToWorker::Holders { key, run, workers };
    assert_eq!(out, vec![peer(2, 1), told(2, holders)]);
}

#[test]
fn a_worker_that_asks_for_a_value_that_is_no_more_is_told_so() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    cluster.release(ANN, &[1]);
    let (key, run) = (key(1), run_id(1));
    let out = cluster.reports(1, WorkerMessage::Locate { key, run });
    let workers = [].into_iter().collect();
    assert_eq!(out, vec![told(1, SchedulerToWorker::Holders { key, run, workers })]);
}
