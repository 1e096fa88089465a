//! The transition table, on one page. One line an edge; what an edge does is in the function that it
//! names, in the file for its phase of life: `assign.rs`, `finish.rs`, `release.rs`.
//!
//! [`TABLE`] says the same as data, for documentation; a test holds the two together.

use super::Scheduler;
use super::state::{Kind, TaskId};
use super::turn::{Goal, Turn};

impl Scheduler {
    /// Brings everything that was recommended about, and what follows from it.
    pub(super) fn settle(&mut self, turn: &mut Turn<'_>) {
        while let Some((task, goal)) = turn.next() {
            if self.state.is_known(task) {
                self.step(task, goal, turn);
            }
        }
    }

    /// Brings `task` one edge nearer to `goal`.
    pub(super) fn step(&mut self, task: TaskId, goal: Goal, turn: &mut Turn<'_>) {
        use Kind::{Erred, Memory, NoWorker, Processing, Queued, Released, Waiting};
        self.transitions += 1;
        match (self.state.task(task).kind(), goal) {
            (
                Memory | NoWorker | Processing | Queued | Released | Waiting,
                Goal::Erred { blame, failure },
            ) => self.become_erred(task, blame, failure, turn),
            (Erred, Goal::Erred { .. }) => {}

            (Processing, Goal::Memory { nbytes, value }) => {
                self.become_memory(task, nbytes, value, turn);
            }
            (Erred | Memory | NoWorker | Queued | Released | Waiting, Goal::Memory { .. }) => {
                unreachable!("on_finished drops reports of runs that are not processing")
            }

            (NoWorker | Queued | Waiting, Goal::Processing { worker }) => {
                self.become_processing(task, worker, turn);
            }
            // Recommended by several inputs, or before the task took another turn.
            (Erred | Memory | Processing | Released, Goal::Processing { .. }) => {}

            (Erred, Goal::Retried) => self.become_retried(task, turn),
            (Memory | NoWorker | Processing | Queued | Released | Waiting, Goal::Retried) => {}

            (NoWorker | Waiting, Goal::Runnable) => self.become_runnable(task, turn),
            (Erred | Memory | Processing | Queued | Released, Goal::Runnable) => {}

            (
                Erred | Memory | NoWorker | Processing | Queued | Released | Waiting,
                Goal::Unneeded,
            ) => {
                self.become_unneeded(task, turn);
            }

            (Memory | NoWorker | Processing | Queued | Released, Goal::Waiting) => {
                self.become_waiting(task, turn);
            }
            // An error is final, whatever was recommended before it was known.
            (Erred | Waiting, Goal::Waiting) => {}
        }
    }
}

/// The table as data: from, goal, the function of the edge. Pairs that are absent do nothing, or
/// cannot be.
pub const TABLE: [(Kind, &str, &str); 25] = [
    (Kind::Erred, "retried", "become_retried"),
    (Kind::Erred, "unneeded", "become_unneeded"),
    (Kind::Memory, "erred", "become_erred"),
    (Kind::Memory, "unneeded", "become_unneeded"),
    (Kind::Memory, "waiting", "become_waiting"),
    (Kind::NoWorker, "erred", "become_erred"),
    (Kind::NoWorker, "processing", "become_processing"),
    (Kind::NoWorker, "runnable", "become_runnable"),
    (Kind::NoWorker, "unneeded", "become_unneeded"),
    (Kind::NoWorker, "waiting", "become_waiting"),
    (Kind::Processing, "erred", "become_erred"),
    (Kind::Processing, "memory", "become_memory"),
    (Kind::Processing, "unneeded", "become_unneeded"),
    (Kind::Processing, "waiting", "become_waiting"),
    (Kind::Queued, "erred", "become_erred"),
    (Kind::Queued, "processing", "become_processing"),
    (Kind::Queued, "unneeded", "become_unneeded"),
    (Kind::Queued, "waiting", "become_waiting"),
    (Kind::Released, "erred", "become_erred"),
    (Kind::Released, "unneeded", "become_unneeded"),
    (Kind::Released, "waiting", "become_waiting"),
    (Kind::Waiting, "erred", "become_erred"),
    (Kind::Waiting, "processing", "become_processing"),
    (Kind::Waiting, "runnable", "become_runnable"),
    (Kind::Waiting, "unneeded", "become_unneeded"),
];
