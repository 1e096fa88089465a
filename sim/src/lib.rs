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
//! | `generate.rs`, `generate/` | a seed becomes a plan |
//! | `minimise.rs` | a case that fails becomes a small one |
//! | `body.rs`, `bytes.rs` | what a simulated task does, written in its arguments; values as bytes |
//! | `memory.rs` | how much memory workers have, and what becomes of who needs more |
//! | `fields.rs` | where, with what, for how long and how often it may run |
//! | `world.rs`, `queue.rs` | the clock and the deliveries |
//! | `session.rs` | connections that break, and what is said again |
//! | `network.rs`, `wire.rs`, `requests.rs` | links, and what stands still; messages as bytes; pulls of values |
//! | `scheduler.rs`, `worker.rs`, `nested.rs`, `client.rs` | what a driver does around each machine |
//! | `tier2.rs` | the shell in place of the drivers, on madsim |
//! | `history.rs`, `agree.rs` | what clients saw, the same on every tier |
//! | `oracle.rs`, `failure.rs` | what each future may hold; what a run comes to |
//! | `reference.rs` | a naive scheduler, with which the real one must agree |
//! | `property.rs`, `watch/` | what must hold, by name; the observer that sees whether it does |
//! | `history.rs`, `metamorphic.rs` | how futures ended; what must not make a difference to that |
//! | `hunt.rs` | how many seeds a planted bug takes |
//! | `plant.rs`, `corrupt.rs` | bugs that runs must find, in links and drivers; in place of machines |
//! | `record.rs`, `journal.rs`, `digest.rs` | what happened, to be read, and to be counted; what runs came to |
//! | `coverage.rs`, `probe.rs`, `novelty.rs` | what runs have seen; rare moments; how much may be unseen |
//! | `profile.rs`, `bulk.rs` | ways to use seeds; large plans |
//! | `quality/` | how good schedules are, compared with other policies |

mod agree;
mod body;
mod bulk;
mod bystander;
mod bytes;
mod case;
mod client;
mod corrupt;
mod coverage;
mod digest;
mod failure;
mod fields;
mod generate;
mod history;
mod hunt;
mod journal;
mod knobs;
mod limits;
mod matrix;
mod memory;
mod metamorphic;
mod minimise;
mod nested;
mod network;
mod novelty;
mod oracle;
mod plan;
mod plant;
mod probe;
mod profile;
mod property;
mod quality;
mod queue;
mod record;
mod reference;
mod requests;
mod scheduler;
mod session;
mod text;
pub mod tier2;
mod watch;
mod wire;
mod wish;
mod worker;
mod world;

pub use agree::{difference, without_races};
pub use body::{Body, Refusal};
pub use bytes::{pack, unpack};
pub use case::{Case, policy_name, policy_named};
pub use coverage::{Coverage, why_unseen};
pub use failure::{Class, Failure, Report};
pub use fields::{Fields, Target};
pub use generate::Mix;
pub use history::{End, History};
pub use hunt::Find;
pub use journal::{Fact, Journal};
pub use limits::Limits;
pub use matrix::{Visits, why_unvisited};
pub use minimise::minimise;
pub use novelty::Novelty;
pub use oracle::{Oracle, Verdict};
pub use plan::{DiskFault, Latency, Moment, Op, Place, Plan, Question, Step, TaskDef};
pub use plant::Plant;
pub use profile::Profile;
pub use property::{Cost, Property};
pub use quality::{Part, Rehearsal, quality, rehearse};
pub use record::{Record, diagram};
pub use text::ParseError;
pub use wish::Wish;
pub use world::{Depth, Mode, Node, Settings, World};
