//! Earliest estimated start, over a few candidates: holders of the largest inputs, and the least
//! loaded workers. Cost: O(inputs + log workers); no scan over all workers.
//!
//! Everything is in nanoseconds and integers.

use raddle_net::names::WorkerId;
use smallvec::SmallVec;

use super::Placement;
use crate::scheduler::state::{Spec, State, TaskId, TaskState};

/// Assumed duration of a body of which none has finished, as Dask assumes.
const UNKNOWN_DURATION: u64 = 500_000_000;
/// What a body costs at least: the worker's own work for it.
const MIN_DURATION: u64 = 2_000;
/// What a body, or an assignment, costs at most: about five hours.
const MAX_COST: u64 = 1 << 44;
/// What a transfer costs whatever its size.
const LATENCY: u64 = 100_000;
/// Bytes that a transfer moves in a nanosecond: one, that is 1 GB/s.
const BYTES_PER_NANO: u64 = 1;
/// A task whose inputs cost no more than this to move may run anywhere.
const CHEAP_TO_MOVE: u64 = 1_000_000;
/// Inputs of which the holders are candidates: the largest ones.
const LARGEST_INPUTS: usize = 4;
/// Holders of one input that are candidates.
const HOLDERS: usize = 4;
/// Workers that are candidates because they have little to do.
const LEAST_LOADED: usize = 2;
/// Qualified workers looked at for a task that not every worker may run.
const RESTRICTED: usize = 16;

type Candidates = SmallVec<[WorkerId; 16]>;

/// A task that is cheap to move is queued: the first worker with room gets it. Another is assigned
/// now, room or not, where it is estimated to start first.
pub(super) fn place(state: &State, task: TaskId) -> Placement {
    if is_cheap_to_move(state, task) {
        return Placement::Queue;
    }
    best(state, task, candidates(state, task, false)).map_or(Placement::NoWorker, Placement::Assign)
}

/// The candidate with room where the task is estimated to start first.
pub(super) fn next(state: &State, task: TaskId) -> Option<WorkerId> {
    best(state, task, candidates(state, task, true))
}

/// The worker that holds least. Cost: as many steps as there are workers.
pub(super) fn copy_to(state: &State, has: &dyn Fn(&WorkerId) -> bool) -> Option<WorkerId> {
    let nbytes = |worker: &WorkerId| state.index().load(*worker).map_or(0, |load| load.nbytes);
    let without = state.index().by_load().filter(|worker| !has(worker));
    without.min_by_key(|worker| (nbytes(worker), *worker))
}

/// What an assignment adds to the worker's occupancy: the body, and the transfer of inputs. Bounded,
/// so that no number of tasks that a worker could be given adds up to more than fits.
pub fn cost(state: &State, task: TaskId, worker: WorkerId) -> u64 {
    let spec = state.spec_of(task);
    let transfer = transfer(state, task, worker);
    duration(spec).saturating_add(transfer).min(MAX_COST)
}

/// How long a body is expected to take. Bounded as costs are: a worker that lies may say anything.
pub(super) fn duration(spec: &Spec) -> u64 {
    if spec.is_receive() {
        return MIN_DURATION;
    }
    spec.duration.unwrap_or(UNKNOWN_DURATION).clamp(MIN_DURATION, MAX_COST)
}

/// Whether the inputs that are in memory may be moved to any worker.
pub(super) fn is_cheap_to_move(state: &State, task: TaskId) -> bool {
    let bytes: u64 = inputs(state, task).map(|(nbytes, _)| nbytes).sum();
    let duration = duration(state.spec_of(task));
    bytes / BYTES_PER_NANO <= CHEAP_TO_MOVE.max(duration.min(UNKNOWN_DURATION / 10))
}

fn best(
    state: &State,
    task: TaskId,
    candidates: impl IntoIterator<Item = WorkerId>,
) -> Option<WorkerId> {
    candidates.into_iter().min_by_key(|&worker| {
        let load = state.index().load(worker);
        let (backlog, nbytes) = load.map_or((0, 0), |load| (load.backlog(), load.nbytes));
        (backlog.saturating_add(transfer(state, task, worker)), nbytes, worker)
    })
}

/// Holders of the largest inputs and the least loaded workers, if they qualify, and have room if
/// they must.
fn candidates(state: &State, task: TaskId, with_room: bool) -> Candidates {
    let spec = state.task(task).spec;
    let eligible = state.specs().get(spec).eligible();
    let needs = state.specs().get(spec).needs_resources();
    let index = state.index();
    let allowed = |w: &WorkerId| {
        eligible.contains(w)
            && (!with_room || index.has_room(*w))
            && (!needs || state.fits(spec, *w))
    };
    let holders =
        largest_inputs(state, task).flat_map(|(_, holders)| &holders[..holders.len().min(HOLDERS)]);
    let mut candidates: Candidates = holders.copied().filter(allowed).collect();
    let before = candidates.len();
    if with_room {
        candidates.extend(index.with_room().filter(allowed).take(LEAST_LOADED));
    } else {
        candidates.extend(index.by_load().take(RESTRICTED).filter(allowed).take(LEAST_LOADED));
    }
    if candidates.len() == before {
        candidates.extend(eligible.iter().copied().filter(allowed).take(RESTRICTED));
    }
    candidates
}

fn largest_inputs(state: &State, task: TaskId) -> impl Iterator<Item = (u64, &[WorkerId])> {
    let mut largest: SmallVec<[(u64, &[WorkerId]); LARGEST_INPUTS + 1]> = SmallVec::new();
    for input in inputs(state, task) {
        let place = largest.partition_point(|(nbytes, _)| *nbytes >= input.0);
        if place < LARGEST_INPUTS {
            largest.insert(place, input);
            largest.truncate(LARGEST_INPUTS);
        }
    }
    largest.into_iter()
}

/// Sizes and holders of the inputs that are in memory.
fn inputs(state: &State, task: TaskId) -> impl Iterator<Item = (u64, &[WorkerId])> {
    state.task(task).dependencies.iter().filter_map(|input| {
        let TaskState::Memory { nbytes, holders, .. } = state.task(*input).state() else {
            return None;
        };
        Some((*nbytes, &holders[..]))
    })
}

/// How long it takes until the inputs that `worker` lacks are there.
pub(super) fn transfer(state: &State, task: TaskId, worker: WorkerId) -> u64 {
    let missing = inputs(state, task).filter(|(_, holders)| !holders.contains(&worker));
    let (count, bytes) = missing.fold((0_u64, 0_u64), |(count, bytes), (nbytes, _)| {
        (count + 1, bytes.saturating_add(nbytes))
    });
    if count == 0 { 0 } else { LATENCY.saturating_add(bytes / BYTES_PER_NANO) }
}
