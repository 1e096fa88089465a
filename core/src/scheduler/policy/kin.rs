//! Where the kin of a queued task are: tasks whose values meet with its own in one task. What is made
//! on one worker need not be moved to meet.

use raddle_net::names::WorkerId;

use super::place;
use crate::scheduler::state::{State, TaskId, TaskState};

/// A task that takes less, in nanoseconds, makes nothing that is worth a look.
const SHORT: u64 = 1_000_000;
/// A task with more dependents has kin everywhere: that all were on one worker would make it the one
/// that sends everything.
const MOST_DEPENDENTS: usize = 4;
/// A task with more inputs gathers from everywhere anyway.
const MOST_INPUTS: usize = 32;

/// The worker that has, or is making, a value that meets with that of `task`.
pub(super) fn home(state: &State, task: TaskId) -> Option<WorkerId> {
    let dependents = state.task(task).dependents.ids();
    if dependents.len() > MOST_DEPENDENTS || place::duration(state.spec_of(task)) < SHORT {
        return None;
    }
    dependents.iter().filter(|id| state.is_known(**id)).find_map(|dependent| {
        let inputs = &state.task(*dependent).dependencies;
        let kin = inputs.iter().rev().filter(|input| **input != task);
        let mut kin = kin.take_while(|_| inputs.len() <= MOST_INPUTS);
        kin.find_map(|input| whereabouts(state, *input))
    })
}

/// Where the value of a task is, or will be.
fn whereabouts(state: &State, task: TaskId) -> Option<WorkerId> {
    match state.task(task).state() {
        TaskState::Memory { holders, .. } => holders.first().copied(),
        TaskState::Processing { worker, .. } => Some(*worker),
        TaskState::Erred { .. }
        | TaskState::NoWorker
        | TaskState::Queued
        | TaskState::Released
        | TaskState::Waiting { .. } => None,
    }
}
