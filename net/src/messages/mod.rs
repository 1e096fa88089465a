//! The conversations: client ↔ scheduler, worker ↔ scheduler, and pulls of values from a worker.
//!
//! Hot messages are flat and carry no strings: a task's function and options are [`TaskSpec`]s,
//! defined once per connection. Messages are idempotent by key and run. This module must not know
//! how messages become bytes.

mod client;
mod failure;
mod peer;
mod query;
mod task;
mod worker;

pub use client::{ClientMessage, SchedulerToClient};
pub use failure::Failure;
pub use peer::{Item, ItemReply, PeerReply, PeerRequest};
pub use query::{
    EventLine, Query, QueryAnswer, SchedulerInfo, StoryLine, StoryOf, TaskInfo, WorkerInfo,
};
pub use task::{Function, NewTask, Runtime, TaskOptions, TaskSpec};
pub use worker::{
    Compute, FunctionName, Input, MemoryUse, Note, Registration, SchedulerToWorker, WorkerMessage,
};
