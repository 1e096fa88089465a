//! Tasks whose inputs are larger than the memory of every worker: wherever they went, gathering would
//! end the worker, and the next, and so on.

use std::collections::BTreeSet;

use crate::scheduler::state::{State, TaskId, TaskState, Worker};

/// Inputs of so many bytes together fit anywhere.
const SMALL: u64 = 16 << 20;

/// The bytes of a task's inputs, and what the largest worker may use, if that is less. Workers that are
/// away, or rest, count: they may come back. Only large inputs cost a look at the workers.
pub(super) fn excess(state: &State, task: TaskId) -> Option<(u64, u64)> {
    if state.task(task).dependencies.iter().map(|input| size(state, *input)).sum::<u64>() <= SMALL {
        return None;
    }
    let inputs: BTreeSet<TaskId> = state.task(task).dependencies.iter().copied().collect();
    let needed: u64 = inputs.iter().map(|input| size(state, *input)).sum();
    let spec = &state.spec_of(task).spec;
    let able = state.workers().filter(|worker| worker.stays() && worker.qualifies(spec));
    let largest = able.map(|worker: &Worker| worker.memory_limit.unwrap_or(u64::MAX)).max()?;
    (needed > largest).then_some((needed, largest))
}

/// The size of a value in memory, as far as a sum of many can hold it.
fn size(state: &State, input: TaskId) -> u64 {
    match state.task(input).state() {
        TaskState::Memory { nbytes, .. } => *nbytes,
        TaskState::Erred { .. }
        | TaskState::NoWorker
        | TaskState::Processing { .. }
        | TaskState::Queued
        | TaskState::Released
        | TaskState::Waiting { .. } => 0,
    }
}
