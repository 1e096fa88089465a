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
//! | `plan.rs`, `text.rs`, `case.rs` | what happens from outside; as text; as a file with its seed |
//! | `generate.rs` | a seed becomes a plan |
//! | `minimise.rs` | a case that fails becomes a small one |
//! | `body.rs` | what a simulated task does, written in its arguments |
//! | `world.rs`, `queue.rs` | the clock and the deliveries |
//! | `network.rs`, `wire.rs`, `requests.rs` | links, and what stands still; messages as bytes; pulls of values |
//! | `scheduler.rs`, `worker.rs`, `nested.rs`, `client.rs` | what a driver does around each machine |
//! | `oracle.rs`, `failure.rs` | what each future may hold; what a run comes to |
//! | `reference.rs` | a naive scheduler, with which the real one must agree |
//! | `property.rs`, `watch/` | what must hold, by name; the observer that sees whether it does |
//! | `history.rs`, `metamorphic.rs` | how futures ended; what must not make a difference to that |
//! | `hunt.rs` | how many seeds a planted bug takes |
//! | `digest.rs`, `coverage.rs` | what runs came to; what runs have seen |
//! | `plant.rs`, `corrupt.rs` | bugs that runs must find, in links and drivers; in place of machines |

mod body;
mod case;
mod client;
mod corrupt;
mod coverage;
mod digest;
mod failure;
mod generate;
mod history;
mod hunt;
mod metamorphic;
mod minimise;
mod nested;
mod network;
mod oracle;
mod plan;
mod plant;
mod property;
mod queue;
mod reference;
mod requests;
mod scheduler;
mod text;
mod watch;
mod wire;
mod worker;
mod world;

pub use body::Body;
pub use case::{Case, policy_name, policy_named};
pub use coverage::Coverage;
pub use failure::{Failure, Report};
pub use generate::Mix;
pub use history::{End, History};
pub use hunt::Find;
pub use minimise::minimise;
pub use oracle::{Oracle, Verdict};
pub use plan::{Latency, Moment, Op, Place, Plan, Question, Step, TaskDef};
pub use plant::Plant;
pub use property::{Cost, Property};
pub use text::ParseError;
pub use world::{Depth, Mode, Settings, World};
