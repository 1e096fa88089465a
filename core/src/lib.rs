//! The machines of raddle: [`scheduler::Scheduler`], [`worker::Worker`] and [`client::Client`].
//!
//! Each is a sans-IO state machine of one shape:
//!
//! ```text
//! fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Effect>);
//! fn next_deadline(&self) -> Option<(Instant, Timer)>;
//! fn check(&self) -> Result<(), Violation>;
//! fn check_touched(&self) -> Result<(), Violation>;
//! ```
//!
//! An *event* is something that happened outside; an *effect* is something the driver must do, in
//! order. Any event in any state gives effects: never a panic on what a peer says, never
//! half-applied state. The same configuration and events give the same effects, bit for bit.
//!
//! Whoever embeds a machine drives it in the same way: `examples/own_simulation.rs` is a scheduler in
//! a loop of some eighty lines, with a clock and workers that exist on paper only. Simulations count what
//! they tried by the cells of [`matrix`]: `Scheduler::cells` and `Worker::cells`.
//!
//! There is no clock, no thread, no socket and no entropy here: time is an argument, chance is
//! [`random::hash`]. When a worker has too much in memory, [`memory`] says. The machines share names and
//! messages with `raddle-net`, and never name its codec or frames. They never import one another.
//!
//! To read it in order: [`scheduler::Event`], [`scheduler::Effect`], `scheduler/state/task.rs`,
//! `scheduler/transitions.rs`, then `assign.rs`, `finish.rs`, `release.rs`.

pub mod client;
pub mod keys;
pub mod matrix;
pub mod memory;
pub mod random;
mod ranked;
pub mod scheduler;
pub mod time;
mod touched;
pub mod worker;
