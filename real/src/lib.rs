//! raddle: a distributed task scheduler.
//!
//! Functions become tasks, tasks become futures, and futures are arguments of further tasks before
//! they are done. Data stays on the workers and moves between them; one scheduler decides.
//!
//! ```
//! use raddle::prelude::*;
//!
//! #[raddle::task]
//! fn add(a: u64, b: u64) -> u64 {
//!     a + b
//! }
//!
//! #[raddle::main] // this executable is also the worker
//! async fn main() -> raddle::Result<()> {
//!     let client = Client::local().await?; // or Client::connect("tcp://host:8786")
//!     let x = client.submit(add(1, 2)); // returns at once
//!     let y = client.submit(add(&x, 10)); // a future is an argument
//!     assert_eq!((x.await?, y.await?), (3, 13));
//!     Ok(())
//! }
//! ```
//!
//! - [`task`](macro@task) makes a function a task; calling it gives a [`Call`], which is submitted.
//! - [`Client`] submits calls and gathers values; [`TaskFuture`] stands for a value to come.
//! - [`LocalCluster`] is a scheduler with workers in this program or in processes of its own. For
//!   many machines there are `raddle scheduler` and `./your-program --raddle-worker ADDRESS`.
//! - [`TaskContext`] lets a task submit tasks.
//! - [`TaskError`] is why a future has no value; [`enum@Error`] is everything else.
//!
//! Set `RADDLE_LOG` to `info`, `debug` or a filter such as `raddle=trace` to see what goes on.

#![cfg_attr(test, allow(unsafe_code, reason = "registering a task places it in a linker section"))]

#[cfg(test)]
extern crate self as raddle;

mod address;
mod arg;
mod call;
pub mod cli;
mod client;
mod clock;
mod command;
mod conn;
mod context;
mod credentials;
mod error;
mod executor;
mod faults;
mod fingerprint;
mod future;
mod graph;
mod hub;
mod init;
mod leave;
mod listener;
mod local;
mod logging;
mod memory;
mod outbox;
mod ports;
pub mod prelude;
mod process;
mod pulse;
mod redial;
mod registry;
mod resources;
mod rt;
mod scheduler;
mod scheduler_file;
mod serve;
#[cfg(madsim)]
#[doc(hidden)]
pub mod simulated;
mod spill;
mod store;
mod stream;
mod task;
mod throttle;
mod transfer;
mod value;
mod worker;

pub use raddle_macros::{main, task};
pub use raddle_net::messages::{EventLine, SchedulerInfo, StoryLine, TaskInfo, WorkerInfo};
pub use raddle_net::names::Key;

pub use crate::arg::IntoArg;
pub use crate::call::Call;
pub use crate::client::{Client, Events, Moved};
pub use crate::command::{Command, CommandInput, CommandOutput};
pub use crate::context::TaskContext;
pub use crate::credentials::Credentials;
pub use crate::error::{Error, Reschedule, Result, TaskError};
pub use crate::future::{
    AsCompleted, Borrowed, Status, TaskFuture, Wait, WaitFor, as_completed, wait,
};
pub use crate::graph::{Graph, GraphError, Named};
pub use crate::init::init;
pub use crate::local::{LocalCluster, LocalClusterBuilder};
pub use crate::value::TaskValue;

/// The page that people see first compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

/// What the expansions of the macros name. Nobody else may: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use std::any::type_name;
    pub use std::string::String;
    pub use std::vec::Vec;

    pub use linkme;

    pub use crate::arg::{
        ArgReader, ArgWriter, Borrowed, BorrowedBytes, IntoArg, Param, TakeByClone, TakeByDecode,
        TakeParts, TakePartsByClone,
    };
    pub use crate::call::Call;
    pub use crate::command::Stdin;
    pub use crate::fingerprint::{signature, value_type};
    pub use crate::init::main;
    pub use crate::registry::{Defaults, TASKS, TaskEntry};
    pub use crate::task::{
        Body, BodyError, BodyFuture, Invocation, TaskFailure, boxed, finish, finish_result,
    };
    pub use crate::value::Value;
}
