//! Why a task has no value. Data, not errors: it flows through the machines like any value.

use serde::{Deserialize, Serialize};

/// Why a task has no value, as the task that failed first has it; dependents carry the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Failure {
    /// The client that wanted it called it off.
    Cancelled,
    /// A value was not of the type, or not in the format, that its reader expected.
    Decode {
        /// The type and format that the reader wanted.
        expected: String,
        /// What it got.
        found: String,
    },
    /// The connection that would have carried it broke.
    Disconnected {
        /// What broke, in words.
        reason: String,
    },
    /// The program that the task ran ended otherwise than well.
    Exited {
        /// Its exit status, unless a signal ended it.
        status: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// The end of what it wrote to standard error.
        stderr: String,
        /// Address of the worker that ran it last.
        worker: String,
    },
    /// The task returned an error or panicked.
    Failed {
        /// The error's own message, or the panic's.
        message: String,
        /// Messages of the error's sources, outermost first.
        chain: Vec<String>,
        /// Whether it was a panic.
        panic: bool,
        /// `file:line:column` of a panic.
        location: Option<String>,
        /// Address of the worker that ran it last.
        worker: String,
        /// How often it was run.
        attempts: u32,
    },
    /// Data without a recipe, of which the last copy is gone.
    Lost {
        /// How it was lost, in words.
        reason: String,
    },
    /// No worker could ever run it, or none was there for too long.
    NoWorker {
        /// Why none qualifies, in words.
        reason: String,
    },
    /// The submission itself is wrong.
    Rejected {
        /// What is wrong and what to do, in words.
        reason: String,
    },
    /// The body asked to be run again. No task ends with this: the scheduler runs it again, or says
    /// that it asked too often.
    Reschedule,
    /// It ran longer than it was allowed to.
    TimedOut,
    /// Workers died while running it.
    WorkerDied {
        /// Deaths charged to it.
        deaths: u32,
        /// Address of the last of them.
        last_worker: String,
        /// How that one died, in words.
        reason: String,
    },
}

impl Failure {
    /// What it is, in a line of at most `limit` characters.
    #[must_use]
    pub fn brief(&self, limit: usize) -> String {
        let text = match self {
            Self::Cancelled => "cancelled".to_owned(),
            Self::Decode { expected, found } => format!("expected {expected}, found {found}"),
            Self::Disconnected { reason }
            | Self::Lost { reason }
            | Self::NoWorker { reason }
            | Self::Rejected { reason } => reason.clone(),
            Self::Exited { status: Some(status), .. } => format!("ended with status {status}"),
            Self::Exited { signal: Some(signal), .. } => format!("ended by signal {signal}"),
            Self::Exited { .. } => "ended otherwise than well".to_owned(),
            Self::Failed { message, panic: true, .. } => format!("panicked: {message}"),
            Self::Failed { message, .. } => message.clone(),
            Self::Reschedule => "asked to be run again".to_owned(),
            Self::TimedOut => "timed out".to_owned(),
            Self::WorkerDied { deaths, reason, .. } => {
                format!("{deaths} workers died while running it: {reason}")
            }
        };
        let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        line.take(limit).collect()
    }
}
