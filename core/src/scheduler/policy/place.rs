//! Earliest estimated start, over a few candidates: holders of the largest inputs, the least loaded
//! workers, and two by chance. Cost: O(inputs + log workers); no scan over all workers.
//!
//! Everything is in nanoseconds and integers.

use raddle_net::names::{RunId, WorkerId};
use smallvec::SmallVec;

use super::{Placement, kin};
use crate::random;
use crate::scheduler::state::{LARGE, Load, MAX_COST, Spec, State, TaskId, TaskState};

/// Assumed duration of a body of which none has finished, as Dask assumes.
const UNKNOWN_DURATION: u64 = 500_000_000;
/// What a body costs at least: the worker's own work for it.
const MIN_DURATION: u64 = 2_000;
/// What a transfer costs whatever its size.
const LATENCY: u64 = 100_000;
/// A task whose inputs cost no more than this to move may run anywhere.
const CHEAP_TO_MOVE: u64 = 1_000_000;
/// Inputs of which the holders are candidates: the largest ones.
const LARGEST_INPUTS: usize = 4;
/// Holders of one input that are candidates.
const HOLDERS: usize = 4;
/// Workers that are candidates because they have little to do.
const LEAST_LOADED: usize = 2;
/// Workers that are candidates by chance: those with little to do by old estimates may have much.
const BY_CHANCE: u64 = 2;
/// Qualified workers looked at for a task that not every worker may run.
const RESTRICTED: usize = 16;

type Candidates = SmallVec<[WorkerId; 16]>;

/// A task that is cheap to move is queued: the first worker with room gets it. Another is assigned
/// now, room or not, where it is estimated to start first; unless tasks of other clients are queued,
/// which would find no room for as long as it came first. What only receives a value needs no room.
pub(super) fn place(state: &State, task: TaskId) -> Placement {
    let takes_turns = is_cheap_to_move(state, task) || state.do_others_queue(task);
    if takes_turns && !state.spec_of(task).is_receive() {
        return Placement::Queue;
    }
    best(state, task, candidates(state, task, false)).map_or(Placement::NoWorker, Placement::Assign)
}

/// Where the task's kin are, if a thread is free there; else the candidate with room where it is
/// estimated to start first.
pub(super) fn next(state: &State, task: TaskId) -> Option<WorkerId> {
    let is_free = |worker: &WorkerId| {
        state.index().load(*worker).is_some_and(|load| load.has_room() && load.wait() == 0)
            && allows(state, task, *worker)
    };
    if let Some(home) = kin::home(state, task).filter(is_free) {
        return Some(home);
    }
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
    state.links().nanos(inputs_bytes(state, task)) <= CHEAP_TO_MOVE
}

/// Whether there may be large inputs.
pub fn moves_much(state: &State, task: TaskId) -> bool {
    inputs_bytes(state, task) >= LARGE
}

/// Bytes of the inputs of a task that are in memory: on this worker, and anywhere.
pub fn held_bytes(state: &State, task: TaskId, worker: WorkerId) -> (u64, u64) {
    let held = inputs(state, task).filter(|input| input.holders.contains(&worker));
    let held = held.fold(0_u64, |sum, input| sum.saturating_add(input.nbytes));
    (held, inputs_bytes(state, task))
}

fn inputs_bytes(state: &State, task: TaskId) -> u64 {
    inputs(state, task).fold(0, |sum, input| sum.saturating_add(input.nbytes))
}

fn best(
    state: &State,
    task: TaskId,
    candidates: impl IntoIterator<Item = WorkerId>,
) -> Option<WorkerId> {
    candidates.into_iter().min_by_key(|&worker| {
        let load = state.index().load(worker);
        let facts = |load: &Load| (load.wait(), load.backlog(), load.nbytes);
        let (wait, backlog, nbytes) = load.map_or((0, 0, 0), facts);
        (wait.saturating_add(arrival(state, task, worker)), backlog, nbytes, worker)
    })
}

/// Holders of the largest inputs and the least loaded workers, if they qualify, and have room if
/// they must.
fn candidates(state: &State, task: TaskId, with_room: bool) -> Candidates {
    let spec = state.task(task).spec;
    let eligible = state.specs().get(spec).eligible();
    let index = state.index();
    let allowed = |w: &WorkerId| (!with_room || index.has_room(*w)) && allows(state, task, *w);
    let holders =
        largest_inputs(state, task).flat_map(|i| &i.holders[..i.holders.len().min(HOLDERS)]);
    let mut candidates: Candidates = holders.copied().filter(allowed).collect();
    let before = candidates.len();
    if with_room {
        candidates.extend(index.with_room().filter(allowed).take(LEAST_LOADED));
    } else {
        candidates.extend(index.by_load().take(RESTRICTED).filter(allowed).take(LEAST_LOADED));
        candidates.extend(by_chance(state).filter(allowed));
    }
    if candidates.len() == before {
        candidates.extend(eligible.iter().copied().filter(allowed).take(RESTRICTED));
    }
    candidates
}

/// Whether a worker may have a task, and what it takes.
fn allows(state: &State, task: TaskId, worker: WorkerId) -> bool {
    let id = state.task(task).spec;
    let spec = state.specs().get(id);
    spec.eligible().contains(&worker) && (!spec.needs_resources() || state.fits(id, worker))
}

/// Connected workers by a hash of the next run, perhaps one twice.
fn by_chance(state: &State) -> impl Iterator<Item = WorkerId> {
    let runs = state.last_run().counter;
    (0..BY_CHANCE).filter_map(move |n| {
        let bits = random::hash(runs, n, state.index().open_workers() as u64, 1);
        let at = random::below(bits, u64::from(state.workers_seen()));
        state.index().open_after(WorkerId(u32::try_from(at).unwrap_or(0)))
    })
}

fn largest_inputs(state: &State, task: TaskId) -> impl Iterator<Item = Input<'_>> {
    let mut largest: SmallVec<[Input<'_>; LARGEST_INPUTS + 1]> = SmallVec::new();
    for input in inputs(state, task) {
        let place = largest.partition_point(|other| other.nbytes >= input.nbytes);
        if place < LARGEST_INPUTS {
            largest.insert(place, input);
            largest.truncate(LARGEST_INPUTS);
        }
    }
    largest.into_iter()
}

/// An input that is in memory.
struct Input<'a> {
    run: RunId,
    nbytes: u64,
    holders: &'a [WorkerId],
}

/// The inputs that are in memory.
fn inputs(state: &State, task: TaskId) -> impl Iterator<Item = Input<'_>> {
    state.task(task).dependencies.iter().filter_map(|input| {
        let TaskState::Memory { run, nbytes, holders } = state.task(*input).state() else {
            return None;
        };
        Some(Input { run: *run, nbytes: *nbytes, holders })
    })
}

/// How long it takes until the inputs that `worker` lacks are there.
fn transfer(state: &State, task: TaskId, worker: WorkerId) -> u64 {
    let bytes = missing_bytes(state, task, worker).map(|(bytes, _)| bytes);
    bytes.map_or(0, |bytes| LATENCY.saturating_add(state.links().nanos(bytes)))
}

/// How long it takes until the inputs that `worker` lacks are there, behind what the same links carry
/// already.
pub(super) fn arrival(state: &State, task: TaskId, worker: WorkerId) -> u64 {
    let Some((bytes, before)) = missing_bytes(state, task, worker) else { return 0 };
    let links = state.links();
    let before = if bytes < LARGE { 0 } else { before.max(links.incoming(worker)) };
    LATENCY.saturating_add(links.nanos(bytes.saturating_add(before)))
}

/// Bytes of inputs that `worker` lacks, and most bytes that the only holder of one of them is sending
/// already; `None` if it lacks none. What is on its way there for others counts no bytes.
fn missing_bytes(state: &State, task: TaskId, worker: WorkerId) -> Option<(u64, u64)> {
    let links = state.links();
    let missing = inputs(state, task).filter(|input| !input.holders.contains(&worker));
    missing.fold(None, |sums, input| {
        let (bytes, before) = sums.unwrap_or((0_u64, 0_u64));
        if input.nbytes < LARGE {
            return Some((bytes.saturating_add(input.nbytes), before));
        }
        if links.is_coming(worker, input.run) {
            return Some((bytes, before));
        }
        let busy = if let [holder] = input.holders { links.outgoing(*holder) } else { 0 };
        Some((bytes.saturating_add(input.nbytes), before.max(busy)))
    })
}
