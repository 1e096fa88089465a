//! What most programs need: `use raddle::prelude::*;`.
//!
//! It never exports `Result`, `Error` or `Future`.

pub use crate::call::Call;
pub use crate::client::Client;
pub use crate::context::TaskContext;
pub use crate::error::TaskError;
pub use crate::future::{TaskFuture, WaitFor, as_completed, wait};
pub use crate::local::LocalCluster;
pub use raddle_net::names::Key;
