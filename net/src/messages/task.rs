//! What a task is, as a client describes it.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::names::{Key, SpecId};
use crate::payload::Blob;

/// Which part of a worker's shell runs a function. The scheduler never looks further.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Runtime {
    /// A Rust function registered in the worker's executable.
    #[default]
    Native,
    /// A program of the worker's machine. Every worker offers it.
    Command,
    /// Nothing runs: the value is sent to the worker (scattered data).
    Receive,
}

/// Code to run: what a worker must offer to be eligible.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Function {
    /// Which part of the worker's shell runs it.
    pub runtime: Runtime,
    /// A code bundle; 0 is whatever the worker was started with.
    pub code: u64,
    /// The entry within the bundle, for people and for matching.
    pub name: String,
    /// Fingerprint of the argument and result types.
    pub signature: u64,
}

/// How a task is to be run, beyond what it computes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskOptions {
    /// Deaths of its worker, announced, that a task survives; `None` is the cluster's default.
    pub allowed_failures: Option<u32>,
    /// How often a failure by error or panic is followed by another run.
    pub retries: u32,
    /// Names, addresses or hosts of the only workers that may run it; empty means any.
    pub workers: Vec<String>,
    /// Whether others may run it while none of these workers is there.
    pub allow_other_workers: bool,
    /// A run that may have begun is never followed by another one.
    pub at_most_once: bool,
    /// What it takes of its worker while it is assigned to it, by name, in units of 1/10,000. In the
    /// order of names, each once.
    pub resources: Vec<(String, u64)>,
    /// How long its body may take, in nanoseconds.
    pub timeout: Option<u64>,
    /// How long its body is expected to take, in nanoseconds; `None` is to be learned.
    pub expected: Option<u64>,
}

/// Function and options, shared by many tasks and defined once per connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskSpec {
    /// What to run.
    pub function: Function,
    /// How to run it.
    pub options: TaskOptions,
}

/// One task of a submission. The client that submits a task wants its key until it releases it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NewTask {
    /// Its name.
    pub key: Key,
    /// What to run, as defined on this connection.
    pub spec: SpecId,
    /// The user's priority; higher runs first.
    pub priority: i32,
    /// Its place within the submission; smaller runs first.
    pub order: u32,
    /// Tasks whose values are arguments. Each is known before this one, or precedes it.
    pub dependencies: SmallVec<[Key; 1]>,
    /// Arguments, opaque to the scheduler; they name dependencies by position.
    pub args: Blob,
}

impl Default for Key {
    fn default() -> Self {
        Self::hashed(0)
    }
}
