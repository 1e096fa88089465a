//! The client machine.

mod effect;
mod event;

pub use effect::{Effect, Settled};
pub use event::{Event, FetchOutcome, Task};
