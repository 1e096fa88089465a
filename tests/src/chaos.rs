//! Real processes that are killed, stopped, cut off and flooded, while clients do what a plan of the
//! simulation says and its oracle judges what they see.
//!
//! | file | story |
//! |---|---|
//! | `act.rs` | the simulated task, as a task of real workers |
//! | `cluster.rs` | a scheduler and workers as processes, with a network between them that breaks |
//! | `storm.rs` | what befalls them, by a seed |
//! | `calm.rs` | what comes before, and when it is over |
//! | `user.rs`, `round.rs` | what a client does and sees; one plan from its beginning until nothing is left |
//! | `soak.rs` | round after round, for a time |
//! | `flood.rs` | strangers send what is wrong, as fast as they can, while somebody honest works |
//! | `strangers.rs` | who they are, and what is wrong |
//! | `footprint.rs` | memory and descriptors of a process |
//!
//! None of it knows the machines. Plans and verdicts do not depend on a clock; when things happen does.

use std::time::Duration;

pub mod act;
pub mod calm;
pub mod cluster;
mod disk;
pub mod flood;
pub mod footprint;
pub mod round;
pub mod soak;
pub mod storm;
mod strangers;
mod user;

/// What takes longer never comes.
const LIMIT: Duration = Duration::from_secs(90);

/// What went wrong, in words.
pub type Outcome<T> = Result<T, String>;

/// The text of any error.
fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
