//! The transition table as data says what the functions do.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::worker::state::{DatumKind, RunKind};
use crate::worker::transition_table;
use crate::worker::turn::{DatumGoal, Refusal, RunGoal, Turn};

const RUN_KINDS: [RunKind; 8] = [
    RunKind::Blocked,
    RunKind::Executing,
    RunKind::Flushing,
    RunKind::Gone,
    RunKind::Ready,
    RunKind::Receiving,
    RunKind::Unblocked,
    RunKind::Waiting,
];

const DATUM_KINDS: [DatumKind; 6] = [
    DatumKind::Fetch,
    DatumKind::Flight,
    DatumKind::Gone,
    DatumKind::Memory,
    DatumKind::Missing,
    DatumKind::Promised,
];

fn run_goals() -> [(&'static str, RunGoal); 10] {
    [
        ("block", RunGoal::Block),
        ("end", RunGoal::End(value())),
        ("enter", RunGoal::Enter),
        ("expire", RunGoal::Expire),
        ("free", RunGoal::Free),
        ("gain_input", RunGoal::GainInput),
        ("lose_input", RunGoal::LoseInput),
        ("recall", RunGoal::Recall),
        ("start", RunGoal::Start),
        ("unblock", RunGoal::Unblock),
    ]
}

fn datum_goals() -> [(&'static str, DatumGoal); 13] {
    let holders: SmallVec<[WorkerId; 2]> = [WorkerId(4)].into_iter().collect();
    [
        ("acquire", DatumGoal::Acquire { key: key(1), nbytes: 8, holders: holders.clone() }),
        ("arrive", DatumGoal::Arrive { key: key(1), nbytes: 8 }),
        ("ask", DatumGoal::Ask(WorkerId(2))),
        ("break", DatumGoal::Break),
        ("free", DatumGoal::Free),
        ("hold", DatumGoal::Hold(holders.clone())),
        ("locate", DatumGoal::Locate),
        ("refuse (busy)", DatumGoal::Refuse(Refusal::Busy)),
        ("refuse (failed)", DatumGoal::Refuse(Refusal::Failed)),
        ("refuse (missing)", DatumGoal::Refuse(Refusal::Missing)),
        ("retry", DatumGoal::Retry(WorkerId(1))),
        ("unneed", DatumGoal::Unneed),
        ("want", DatumGoal::Want { key: key(1), nbytes: 8, holders }),
    ]
}

/// A worker with one thread on which run 5 is of this kind.
fn with_run(kind: RunKind) -> Rig {
    let mut rig = Rig::with_threads(1);
    match kind {
        RunKind::Blocked => {
            rig.given(compute(5, []));
            rig.event(Event::Blocked { run: run(5) });
        }
        RunKind::Executing => drop(rig.given(compute(5, []))),
        RunKind::Flushing => drop(rig.given(announced(5))),
        RunKind::Gone => {}
        RunKind::Ready => {
            rig.given(compute(1, []));
            rig.given(compute(5, []));
        }
        RunKind::Receiving => drop(rig.given(scattered(5))),
        RunKind::Unblocked => {
            rig.given(compute(5, []));
            rig.given(compute(6, []));
            rig.event(Event::Blocked { run: run(5) });
            rig.event(Event::Unblocked { run: run(5) });
        }
        RunKind::Waiting => drop(rig.given(compute(5, [held(1, &[1])]))),
    }
    assert_eq!(rig.worker.state.run_kind(run(5)), kind);
    rig
}

/// A worker on which datum 1 is of this kind. If it is searched for, peer 1 is aside.
fn with_datum(kind: DatumKind) -> Rig {
    let mut rig = Rig::with_threads(1);
    match kind {
        DatumKind::Fetch => {
            rig.hears(SchedulerToWorker::Acquire(held(1, &[1, 2])));
            rig.gathered(1, GatherOutcome::Failed);
            rig.gathered(2, GatherOutcome::Busy);
        }
        DatumKind::Flight => {
            rig.hears(SchedulerToWorker::Acquire(held(1, &[1, 2])));
            rig.gathered(1, GatherOutcome::Failed);
        }
        DatumKind::Gone => {}
        DatumKind::Memory => {
            rig.given(compute(1, []));
            rig.finishes(1);
        }
        DatumKind::Missing => {
            rig.hears(SchedulerToWorker::Acquire(held(1, &[1])));
            rig.gathered(1, GatherOutcome::Failed);
        }
        DatumKind::Promised => {
            rig.given(compute(1, []));
            rig.given(compute(5, [local(1)]));
        }
    }
    assert_eq!(rig.worker.state.datum_kind(run(1)), kind);
    rig
}

/// Whether a step, late enough for every timer, changes or says anything. One that cannot be does
/// not.
fn acts(mut rig: Rig, step: impl FnOnce(&mut Worker, &mut Turn<'_>)) -> bool {
    let before = format!("{:?}", rig.worker);
    let mut out = Vec::new();
    let mut turn = Turn { now: rig.now + Duration::from_secs(60), out: &mut out };
    let step = AssertUnwindSafe(|| step(&mut rig.worker, &mut turn));
    catch_unwind(step).is_ok() && (format!("{:?}", rig.worker) != before || !out.is_empty())
}

#[test]
fn the_table_lists_exactly_the_edges() {
    let mut edges = BTreeSet::new();
    for kind in RUN_KINDS {
        for (name, goal) in run_goals() {
            if acts(with_run(kind), |worker, turn| worker.step_run(run(5), goal, turn)) {
                edges.insert(("run", format!("{kind:?}").to_lowercase(), name));
            }
        }
    }
    for kind in DATUM_KINDS {
        for (name, goal) in datum_goals() {
            if acts(with_datum(kind), |worker, turn| worker.step_datum(run(1), goal, turn)) {
                edges.insert(("datum", format!("{kind:?}").to_lowercase(), name));
            }
        }
    }
    let table = transition_table();
    let listed: BTreeSet<_> =
        table.iter().map(|&(machine, kind, goal, _)| (machine, kind.to_owned(), goal)).collect();
    assert_eq!(listed, edges);
    assert_eq!(listed.len(), table.len());
}

#[test]
fn the_table_names_functions_of_the_match() {
    let source = include_str!("../transitions.rs");
    for (.., edge) in transition_table() {
        assert!(source.contains(&format!("self.{edge}(")), "{edge}");
    }
}
