//! The transition tables, on one page. One line an edge; what an edge does is in the function that it
//! names, in the file for its phase of life: `compute.rs`, `gather.rs`, `release.rs`.
//!
//! [`transition_table`] says the same as data, for documentation; a test holds the two together.

use raddle_net::names::RunId;

use super::Worker;
use super::state::{DatumKind, RunKind};
use super::turn::{DatumGoal, Refusal, RunGoal, Turn};

impl Worker {
    /// Brings a run one edge nearer to `goal`.
    pub(super) fn step_run(&mut self, run: RunId, goal: RunGoal, turn: &mut Turn<'_>) {
        use RunGoal::{
            Block, End, Enter, Expire, Free, GainInput, LoseInput, Recall, Start, Unblock,
        };
        use RunKind::{Blocked, Executing, Flushing, Gone, Ready, Receiving, Unblocked, Waiting};
        match (self.state.run_kind(run), goal) {
            (Executing, Block) => self.become_blocked(run),
            // The other kinds: a late word of a body, or one more wait of a body that waits already.
            (Blocked | Flushing | Gone | Ready | Receiving | Unblocked | Waiting, Block) => {}

            (Blocked | Executing | Receiving | Unblocked, End(outcome)) => {
                self.end(run, outcome, turn)
            }
            (Flushing | Gone | Ready | Waiting, End(_)) => {
                unreachable!("the driver ends only bodies that it was told to enter, once")
            }

            (Flushing, Enter) => self.become_executing(run, turn),
            // It was freed, or lost an input, since it was announced.
            (Blocked | Executing | Gone | Ready | Receiving | Unblocked | Waiting, Enter) => {}

            (Blocked | Executing | Unblocked, Expire) => self.become_expired(run, turn),
            (Flushing | Gone | Ready | Receiving | Waiting, Expire) => {
                unreachable!("only bodies that were entered have this timer")
            }

            (Blocked | Executing | Unblocked, Free) => self.become_unwanted(run, turn),
            (Flushing | Ready | Receiving | Waiting, Free) => self.become_gone(run, turn),
            (Gone, Free) => {}

            (Waiting, GainInput) => self.gain_input(run),
            (Blocked | Executing | Flushing | Gone | Ready | Receiving | Unblocked, GainInput) => {
                unreachable!("only waiting runs use data that are not in memory")
            }

            (Flushing | Ready | Waiting, LoseInput) => self.lose_input(run),
            (Blocked | Executing | Gone | Receiving | Unblocked, LoseInput) => {
                unreachable!("a body that was entered holds its inputs itself")
            }

            (Flushing | Ready | Waiting, Recall) => self.give_back(run, turn),
            (Blocked | Executing | Receiving | Unblocked, Recall) => self.keep(run, turn),
            // It has ended, and its end was told.
            (Gone, Recall) => {}

            (Ready, Start) => self.start(run, turn),
            (Unblocked, Start) => self.resume(run, turn),
            (Blocked | Executing | Flushing | Gone | Receiving | Waiting, Start) => {
                unreachable!("only ready and unblocked runs are queued")
            }

            (Blocked, Unblock) => self.become_unblocked(run),
            (Executing, Unblock) => self.resume(run, turn),
            (Flushing | Gone | Ready | Receiving | Unblocked | Waiting, Unblock) => {}
        }
    }

    /// Brings a datum one edge nearer to `goal`.
    pub(super) fn step_datum(&mut self, datum: RunId, goal: DatumGoal, turn: &mut Turn<'_>) {
        use DatumGoal::{Acquire, Arrive, Ask, Break, Hold, Locate, Refuse, Retry, Unneed, Want};
        use DatumKind::{Fetch, Flight, Gone, Memory, Missing, Promised};
        match (self.state.datum_kind(datum), goal) {
            (Fetch | Flight | Missing, Acquire { holders, .. }) => {
                self.acquire(datum, &holders, turn);
            }
            (Gone, Acquire { key, nbytes, holders }) => {
                self.begin(datum, key, nbytes, &holders, turn);
                self.acquire(datum, &[], turn);
            }
            (Memory, Acquire { .. }) => {}
            (Promised, Acquire { .. }) => unreachable!("what a run here makes is not acquired"),

            (Flight, Arrive { nbytes, .. }) => self.receive(datum, nbytes, turn),
            (Gone | Promised, Arrive { key, nbytes }) => {
                self.become_memory(datum, key, nbytes, turn)
            }
            (Fetch | Memory | Missing, Arrive { .. }) => {
                unreachable!("a value comes from a run of this worker or from a peer that is asked")
            }

            (Fetch, Ask(peer)) => self.become_flight(datum, peer),
            (Flight | Gone | Memory | Missing | Promised, Ask(_)) => {
                unreachable!("only data in fetch are queued")
            }

            (Promised, Break) => self.become_missing(datum, turn),
            (Fetch | Flight | Gone | Memory | Missing, Break) => {}

            (Memory, DatumGoal::Free) => self.forget(datum, turn),
            // A datum that runs want goes with them.
            (Fetch | Flight | Missing, DatumGoal::Free) => self.unacquire(datum),
            (Gone | Promised, DatumGoal::Free) => {}

            (Fetch | Flight | Missing, Hold(holders)) => {
                self.replace_holders(datum, &holders, turn)
            }
            (Gone | Memory | Promised, Hold(_)) => {}

            (Missing, Locate) => self.search_again(datum, turn),
            (Fetch | Flight | Gone | Memory | Promised, Locate) => {
                unreachable!("only missing data have this timer")
            }

            (Flight, Refuse(Refusal::Busy)) => self.search_again(datum, turn),
            (Flight, Refuse(Refusal::Failed)) => self.put_holder_aside(datum, turn),
            (Flight, Refuse(Refusal::Missing)) => self.drop_holder(datum, turn),
            (Fetch | Gone | Memory | Missing | Promised, Refuse(_)) => {
                unreachable!("a peer answers for the data in flight from it")
            }

            (Fetch | Flight | Missing, Retry(peer)) => self.take_holder_back(datum, peer, turn),
            (Gone | Memory | Promised, Retry(_)) => {
                unreachable!("only data that are searched for have this timer")
            }

            (Fetch | Missing | Promised, Unneed) => self.abandon(datum),
            (Flight | Gone | Memory, Unneed) => {}

            (Fetch | Flight | Missing, Want { holders, .. }) => {
                self.add_holders(datum, &holders, turn);
            }
            (Gone, Want { key, nbytes, holders }) => {
                self.begin(datum, key, nbytes, &holders, turn);
            }
            (Memory | Promised, Want { .. }) => {}
        }
    }
}

/// The transition tables as data: machine, from, goal, the function of the edge. Pairs that are
/// absent do nothing, or cannot be.
#[must_use]
pub const fn transition_table()
-> &'static [(&'static str, &'static str, &'static str, &'static str)] {
    &TABLE
}

const TABLE: [(&str, &str, &str, &str); 61] = [
    ("run", "blocked", "end", "end"),
    ("run", "blocked", "expire", "become_expired"),
    ("run", "blocked", "free", "become_unwanted"),
    ("run", "blocked", "recall", "keep"),
    ("run", "blocked", "unblock", "become_unblocked"),
    ("run", "executing", "block", "become_blocked"),
    ("run", "executing", "end", "end"),
    ("run", "executing", "expire", "become_expired"),
    ("run", "executing", "free", "become_unwanted"),
    ("run", "executing", "recall", "keep"),
    ("run", "executing", "unblock", "resume"),
    ("run", "flushing", "enter", "become_executing"),
    ("run", "flushing", "free", "become_gone"),
    ("run", "flushing", "lose_input", "lose_input"),
    ("run", "flushing", "recall", "give_back"),
    ("run", "ready", "free", "become_gone"),
    ("run", "ready", "lose_input", "lose_input"),
    ("run", "ready", "recall", "give_back"),
    ("run", "ready", "start", "start"),
    ("run", "receiving", "end", "end"),
    ("run", "receiving", "free", "become_gone"),
    ("run", "receiving", "recall", "keep"),
    ("run", "unblocked", "end", "end"),
    ("run", "unblocked", "expire", "become_expired"),
    ("run", "unblocked", "free", "become_unwanted"),
    ("run", "unblocked", "recall", "keep"),
    ("run", "unblocked", "start", "resume"),
    ("run", "waiting", "free", "become_gone"),
    ("run", "waiting", "gain_input", "gain_input"),
    ("run", "waiting", "lose_input", "lose_input"),
    ("run", "waiting", "recall", "give_back"),
    ("datum", "fetch", "acquire", "acquire"),
    ("datum", "fetch", "ask", "become_flight"),
    ("datum", "fetch", "free", "unacquire"),
    ("datum", "fetch", "hold", "replace_holders"),
    ("datum", "fetch", "retry", "take_holder_back"),
    ("datum", "fetch", "unneed", "abandon"),
    ("datum", "fetch", "want", "add_holders"),
    ("datum", "flight", "acquire", "acquire"),
    ("datum", "flight", "arrive", "receive"),
    ("datum", "flight", "free", "unacquire"),
    ("datum", "flight", "hold", "replace_holders"),
    ("datum", "flight", "refuse (busy)", "search_again"),
    ("datum", "flight", "refuse (failed)", "put_holder_aside"),
    ("datum", "flight", "refuse (missing)", "drop_holder"),
    ("datum", "flight", "retry", "take_holder_back"),
    ("datum", "flight", "want", "add_holders"),
    ("datum", "gone", "acquire", "begin"),
    ("datum", "gone", "arrive", "become_memory"),
    ("datum", "gone", "want", "begin"),
    ("datum", "memory", "free", "forget"),
    ("datum", "missing", "acquire", "acquire"),
    ("datum", "missing", "free", "unacquire"),
    ("datum", "missing", "hold", "replace_holders"),
    ("datum", "missing", "locate", "search_again"),
    ("datum", "missing", "retry", "take_holder_back"),
    ("datum", "missing", "unneed", "abandon"),
    ("datum", "missing", "want", "add_holders"),
    ("datum", "promised", "arrive", "become_memory"),
    ("datum", "promised", "break", "become_missing"),
    ("datum", "promised", "unneed", "abandon"),
];
