//! The worker machine.

mod effect;
mod event;

pub use effect::{Effect, Execute};
pub use event::{Event, GatherOutcome, Outcome, RequestId};
