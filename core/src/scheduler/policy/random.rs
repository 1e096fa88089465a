//! Anywhere that is allowed: a policy for tests of the mechanism.
//!
//! It must stay within what the mechanism promises to a policy, and use all of it.

use raddle_net::names::WorkerId;

use super::Placement;
use super::follow::together;
use super::level::{Pan, Shift, Weight};
use super::steal::{Moves, may_move};
use crate::random;
use crate::scheduler::recall::Recalls;
use crate::scheduler::state::{Kind, State, TaskId};

/// Assigned or queued, by chance.
pub(super) fn place(seed: u64, state: &State, task: TaskId) -> Placement {
    if random::below(bits(seed, state, 1), 2) == 0 {
        return Placement::Queue;
    }
    any(seed, state, task).map_or(Placement::NoWorker, Placement::Assign)
}

/// Any worker that qualifies.
pub(super) fn next(seed: u64, state: &State, task: TaskId) -> Option<WorkerId> {
    any(seed, state, task)
}

/// The one worker where all missing inputs are processing, with a chance of one half.
pub(super) fn follow(seed: u64, state: &State, task: TaskId) -> Option<WorkerId> {
    if random::below(bits(seed, state, 2), 2) == 0 {
        return None;
    }
    together(state, task)
}

/// Any worker without one.
pub(super) fn copy_to(
    seed: u64,
    state: &State,
    task: TaskId,
    has: &dyn Fn(&WorkerId) -> bool,
) -> Option<WorkerId> {
    let mut without: Vec<WorkerId> = state.index().by_load().filter(|w| !has(w)).collect();
    without.sort_unstable();
    let order = u64::from(state.task(task).priority.order);
    let chosen = random::below(bits(seed ^ order, state, 4), without.len().max(1) as u64);
    without.get(usize::try_from(chosen).ok()?).copied()
}

/// From the first that holds it to any that does not, or nowhere.
pub(super) fn rebalance(seed: u64, state: &State, pans: &[Pan], weights: &[Weight]) -> Vec<Shift> {
    let takes_part = |worker: &WorkerId| pans.iter().any(|pan| pan.worker == *worker);
    let shift = |(n, weight): (u64, &Weight)| {
        let from = weight.holders.iter().copied().find(takes_part)?;
        let chosen = random::below(bits(seed ^ n, state, 8), pans.len() as u64);
        let to = pans[usize::try_from(chosen).ok()?];
        let can = to.receives && !weight.holders.contains(&to.worker);
        let &Weight { task, nbytes, .. } = weight;
        can.then_some(Shift { task, nbytes, from, to: to.worker })
    };
    (0..).zip(weights).filter_map(shift).collect()
}

/// Now and then one of the last tasks of a worker, for any other.
pub(super) fn steal(seed: u64, state: &State, recalls: &Recalls) -> Moves {
    if random::below(bits(seed, state, 5), 4) > 0 {
        return Moves::new();
    }
    let mut open: Vec<WorkerId> = state.index().by_load().collect();
    open.sort_unstable();
    let one = |question| {
        let chosen = random::below(bits(seed, state, question), open.len().max(1) as u64);
        open.get(usize::try_from(chosen).ok()?).copied()
    };
    let (Some(victim), Some(thief)) = (one(6), one(7)) else { return Moves::new() };
    let load = state.index().load(victim);
    let last = load.into_iter().flat_map(|load| load.processing.iter_back()).take(2);
    let mut movable = last.filter(|task| may_move(state, recalls, *task, thief));
    movable.next().map(|task| (task, thief)).into_iter().collect()
}

fn any(seed: u64, state: &State, task: TaskId) -> Option<WorkerId> {
    let spec = state.task(task).spec;
    let eligible = state.specs().get(spec).eligible().iter().copied();
    let fit: Vec<WorkerId> = eligible.filter(|worker| state.fits(spec, *worker)).collect();
    let chosen = random::below(bits(seed, state, 3), fit.len().max(1) as u64);
    fit.get(usize::try_from(chosen).ok()?).copied()
}

/// Chance is a hash of what is asked and of how much has happened so far.
fn bits(seed: u64, state: &State, question: u64) -> u64 {
    let runs = state.last_run().counter;
    let queued = state.index().count(Kind::Queued);
    random::hash(seed, question, runs, queued ^ state.index().count(Kind::Memory) << 32)
}
