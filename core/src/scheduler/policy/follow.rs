//! Which tasks are sent to a worker before their inputs are made there: short ones, each behind one
//! input of its own, so that a chain of them costs the worker a step and nobody a round trip.
//!
//! A task that is long, or shares its input with many, waits until it can be placed with all known.

use raddle_net::names::WorkerId;

use super::place;
use crate::scheduler::state::{Kind, State, TaskId};

/// A task that takes longer than this, in nanoseconds, gains nothing that is worth binding it to a
/// worker: a round trip is a hundredth of it.
const SHORT: u64 = 10_000_000;
/// A worker that has more to do than this, in nanoseconds a thread, gets no more such tasks.
const HORIZON: u64 = 20_000_000;
/// Tasks of a worker beyond which it gets no more such tasks.
const MOST: usize = 4096;
/// Dependents of an input, and inputs of a task, that are looked at.
const FEW: usize = 4;

/// Whether dependents of `task`, which has just been assigned, may follow it. Cheap.
pub(super) fn may_be_followed(state: &State, task: TaskId) -> bool {
    let few = (1..=FEW).contains(&state.task(task).dependents.ids().len());
    few && is_short(state, task)
}

/// The worker on which every missing input of `task` is processing, if the task is short, the first
/// to need each of them, and nothing much is to be moved.
pub(super) fn follow(state: &State, task: TaskId) -> Option<WorkerId> {
    if state.task(task).dependencies.len() > FEW || !is_short(state, task) {
        return None;
    }
    let worker = together(state, task)?;
    let load = state.index().load(worker)?;
    let takes = load.backlog() < HORIZON && load.processing.len() < MOST;
    let first = missing(state, task).all(|input| is_first(state, input, task));
    (takes && first && place::is_cheap_to_move(state, task)).then_some(worker)
}

/// The one worker on which every missing input of `task` is processing, if it qualifies.
pub(super) fn together(state: &State, task: TaskId) -> Option<WorkerId> {
    let mut workers = missing(state, task).map(|input| Some(state.task(input).processing()?.0));
    let worker = workers.next()??;
    let together = workers.all(|other| other == Some(worker));
    (together && state.spec_of(task).eligible().contains(&worker)).then_some(worker)
}

fn missing(state: &State, task: TaskId) -> impl Iterator<Item = TaskId> {
    let inputs = state.task(task).dependencies.iter().copied();
    inputs.filter(|input| state.task(*input).kind() != Kind::Memory)
}

fn is_short(state: &State, task: TaskId) -> bool {
    state.spec_of(task).duration.is_some_and(|duration| duration <= SHORT)
}

/// Whether no dependent of `input` that is still known was submitted before `task`.
fn is_first(state: &State, input: TaskId, task: TaskId) -> bool {
    let dependents = state.task(input).dependents.ids();
    let few = &dependents[..dependents.len().min(FEW)];
    few.iter().find(|dependent| state.is_known(**dependent)) == Some(&task)
}
