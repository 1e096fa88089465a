//! Where tasks go. Policies read the state and return values; they must not change or send anything.
//!
//! The mechanism is right under any of them: the random one exists to prove it.

mod follow;
mod kin;
mod level;
mod memory;
mod place;
mod random;
mod steal;

use raddle_net::names::WorkerId;

use super::Config;
use super::recall::Recalls;
use super::state::{State, TaskId};

pub use level::{Pan, Shift, Weight};
pub use place::{cost, held_bytes, moves_much};
pub use steal::Moves;

/// Which policy places tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Where they are estimated to start first. Short tasks may follow the inputs that they alone
    /// need to a worker before these are made.
    #[default]
    EarliestStart,
    /// Anywhere that is allowed, for tests. Tasks may follow their inputs to a worker before these
    /// are made.
    Random,
}

/// What is to be done with a task whose inputs are in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Assign it now.
    Assign(WorkerId),
    /// No connected worker qualifies.
    NoWorker,
    /// Its inputs do not fit into the memory of any worker.
    TooLarge {
        /// Their bytes together.
        needed: u64,
        /// What the largest worker may use.
        largest: u64,
    },
    /// It is assigned when its turn comes and a worker has room.
    Queue,
}

/// What is to be done with a task whose inputs are in memory.
pub fn place(config: &Config, state: &State, task: TaskId) -> Placement {
    if state.spec_of(task).qualified.is_empty() {
        return Placement::NoWorker;
    }
    if let Some((needed, largest)) = memory::excess(state, task) {
        return Placement::TooLarge { needed, largest };
    }
    // What is taken is only known when its turn comes.
    if state.spec_of(task).needs_resources() {
        return Placement::Queue;
    }
    match config.policy {
        Policy::EarliestStart => place::place(state, task),
        Policy::Random => random::place(config.seed, state, task),
    }
}

/// Whether the inputs of a task, as far as they are in memory, do not fit into any worker's.
pub fn is_too_large(state: &State, task: TaskId) -> bool {
    memory::excess(state, task).is_some()
}

/// The queued task that goes next, and where to: the first for which a worker that qualifies has
/// room, of the client that has had the least.
pub fn next(config: &Config, state: &State) -> Option<(TaskId, WorkerId)> {
    let task = state.first_queued()?;
    let worker = match config.policy {
        Policy::EarliestStart => place::next(state, task),
        Policy::Random => random::next(config.seed, state, task),
    };
    Some((task, worker?))
}

/// Tasks that have been given out and are to be asked back, each with the worker that is to have it.
pub fn steal(config: &Config, state: &State, recalls: &Recalls) -> Moves {
    match config.policy {
        Policy::EarliestStart => steal::steal(state, recalls),
        Policy::Random => random::steal(config.seed, state, recalls),
    }
}

/// The worker that is to hold one more copy of the value of `task`, of those that can and have none.
pub fn copy_to(
    config: &Config,
    state: &State,
    task: TaskId,
    has: &dyn Fn(&WorkerId) -> bool,
) -> Option<WorkerId> {
    match config.policy {
        Policy::EarliestStart => place::copy_to(state, has),
        Policy::Random => random::copy_to(config.seed, state, task, has),
    }
}

/// Which of these values are to move, each once, between these workers: from one that holds it to one
/// that does not and can be given values.
pub fn rebalance(config: &Config, state: &State, pans: &[Pan], weights: &[Weight]) -> Vec<Shift> {
    match config.policy {
        Policy::EarliestStart => level::level(pans, weights),
        Policy::Random => random::rebalance(config.seed, state, pans, weights),
    }
}

/// Whether dependents of `task`, which has just been assigned, may follow it to its worker.
pub fn may_be_followed(config: &Config, state: &State, task: TaskId) -> bool {
    match config.policy {
        Policy::EarliestStart => follow::may_be_followed(state, task),
        Policy::Random => true,
    }
}

/// The worker on which every missing input of `task` is processing, if the task is to follow them
/// there now: not if what is known of them is too large already.
pub fn follow(config: &Config, state: &State, task: TaskId) -> Option<WorkerId> {
    if state.spec_of(task).needs_resources() {
        return None;
    }
    let worker = match config.policy {
        Policy::EarliestStart => follow::follow(state, task),
        Policy::Random => random::follow(config.seed, state, task),
    }?;
    // Last: it looks at all inputs, and this is asked for each of them.
    (!is_too_large(state, task)).then_some(worker)
}
