//! What an idle worker takes of what others have not begun: at each event, for the idlest few, from
//! the most loaded worker and from two by chance. Cost: O(log workers); no scan over all workers or
//! all tasks of one.
//!
//! A task moves only if it begins sooner elsewhere by more than the words cost, so nothing goes to
//! and fro; short tasks, which are done before any answer comes, never move.

use raddle_net::names::WorkerId;
use smallvec::SmallVec;

use super::place;
use crate::random;
use crate::scheduler::recall::Recalls;
use crate::scheduler::state::{Load, State, Task, TaskId, TaskState};

/// Tasks, each with the worker that is to have it.
pub type Moves = SmallVec<[(TaskId, WorkerId); 4]>;

/// How much sooner, in nanoseconds, a task must begin to be worth moving.
const LEAST_GAIN: u64 = 5_000_000;
/// Idle workers that are looked at in one event.
const THIEVES: usize = 3;
/// Workers that are looked at by chance, beside the most loaded.
const BY_CHANCE: u64 = 2;
/// Tasks of a worker that are looked at, the last ones first.
const LOOK: usize = 16;
/// How often a task comes back before it is left where it is.
pub(super) const MOST_RETURNS: u32 = 8;

/// What the first idle worker that gains something is to have.
pub(super) fn steal(state: &State, recalls: &Recalls) -> Moves {
    let index = state.index();
    for thief in index.with_room().take(THIEVES) {
        let idle = idle_threads(state, recalls, thief);
        if idle == 0 {
            continue;
        }
        for victim in victims(state).into_iter().filter(|victim| *victim != thief) {
            let moves = from(state, recalls, victim, thief, idle);
            if !moves.is_empty() {
                return moves;
            }
        }
    }
    Moves::new()
}

/// Threads of a worker for which there is no task, and none is coming.
fn idle_threads(state: &State, recalls: &Recalls, worker: WorkerId) -> usize {
    let Some(load) = state.index().load(worker) else { return 0 };
    let tasks = load.processing.len() - load.waiting + recalls.coming(worker);
    (load.nthreads as usize).saturating_sub(tasks)
}

/// The most loaded worker, and others by chance: who has most by old estimates may have little.
fn victims(state: &State) -> SmallVec<[WorkerId; 3]> {
    let index = state.index();
    let mut victims: SmallVec<[WorkerId; 3]> = index.crowded().rev().take(1).collect();
    let Some(&most) = victims.first() else { return victims };
    let most = index.load(most).map_or(0, Load::backlog);
    let runs = state.last_run().counter;
    for n in 0..BY_CHANCE {
        let bits = random::hash(runs, n, index.open_workers() as u64, 0);
        let at = random::below(bits, most + 1);
        victims.extend(index.crowded_after(at).filter(|worker| !victims.contains(worker)));
    }
    victims
}

/// Up to `most` tasks of `victim` that `thief` begins sooner: the last ones, which would wait
/// longest.
fn from(state: &State, recalls: &Recalls, victim: WorkerId, thief: WorkerId, most: usize) -> Moves {
    let mut moves = Moves::new();
    let Some(load) = state.index().load(victim) else { return moves };
    let nthreads = load.nthreads as usize;
    // Those that are not before this many others have begun, or begin next.
    let mut before = (load.processing.len() - load.waiting).saturating_sub(1);
    if before < nthreads {
        return moves;
    }
    let last: SmallVec<[TaskId; LOOK]> = load.processing.iter_back().take(LOOK).collect();
    let durations: u64 = last.iter().map(|task| place::duration(state.spec_of(*task))).sum();
    let mean = durations / last.len() as u64;
    // Nothing is worth moving if the last one is not, without inputs.
    if mean.saturating_mul(before as u64) / nthreads as u64 <= LEAST_GAIN {
        return moves;
    }
    for (transfer, task) in cheapest_first(state, recalls, &last, thief) {
        if moves.len() == most || before < nthreads {
            break;
        }
        let rounds = mean.saturating_mul(before as u64) / nthreads as u64;
        // What runs has run for a while: for half of its time, not knowing better.
        let there = rounds.saturating_sub(mean / 2);
        // Twice: what is estimated wrongly is better left where it is.
        let here = transfer.saturating_mul(2).saturating_add(LEAST_GAIN);
        if here < there {
            moves.push((task, thief));
            before -= 1;
        }
    }
    moves
}

/// Those that may move, with what their inputs take: the cheapest first, and of equals the last.
fn cheapest_first(
    state: &State,
    recalls: &Recalls,
    tasks: &[TaskId],
    thief: WorkerId,
) -> SmallVec<[(u64, TaskId); LOOK]> {
    let may_move = tasks.iter().filter(|task| may_move(state, recalls, **task, thief));
    let mut costs: SmallVec<[(u64, TaskId); LOOK]> =
        may_move.map(|task| (place::arrival(state, *task, thief), *task)).collect();
    costs.sort_by_key(|(transfer, _)| *transfer);
    costs
}

/// Whether a task that is processing may go to another worker: it waits for nothing but a thread.
pub(super) fn may_move(state: &State, recalls: &Recalls, task: TaskId, thief: WorkerId) -> bool {
    let Task { spec, returns, .. } = *state.task(task);
    let TaskState::Processing { worker, run, missing, waits, started, .. } =
        *state.task(task).state()
    else {
        return false;
    };
    let waits_for_thread = missing == 0 && !waits && !started;
    waits_for_thread
        && worker != thief
        && returns < MOST_RETURNS
        && !recalls.was_asked(run)
        && !state.specs().get(spec).is_receive()
        && state.specs().get(spec).eligible().contains(&thief)
        && state.fits(spec, thief)
}
