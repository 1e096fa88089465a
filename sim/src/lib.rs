//! Simulation of raddle: the machines of `raddle-core`, unchanged, over virtual links and a virtual
//! clock, with an oracle that knows what every future must hold.
//!
//! Simulated: scheduler, workers and clients; message delays, in order on each link; bodies that take
//! time, fail, submit tasks of their own or kill their process; workers that die and others that
//! join. Not simulated: sockets, frames, threads. No async, no threads, no clock: every decision is a
//! hash of the seed and of what it is about, so a seed is a run.
//!
//! | file | story |
//! |---|---|
//! | `plan.rs` | a seed becomes a list of operations |
//! | `body.rs` | what a simulated task does, written in its arguments |
//! | `world.rs` | the clock, the links, the deliveries |
//! | `worker.rs`, `client.rs` | what a driver does around each machine |
//! | `oracle.rs` | what each future may hold, by plain evaluation |

mod body;
mod client;
mod oracle;
mod plan;
mod worker;
mod world;

pub use body::Body;
pub use oracle::{Oracle, Verdict};
pub use plan::{Mix, Op, Plan, Shape, TaskDef};
pub use world::{Failure, Report, Settings, World};
