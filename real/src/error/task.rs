//! Why a future has no value, for the user.
//!
//! This module must not know how failures travel; it only reads and writes [`Failure`].

use std::fmt;

use raddle_net::messages::Failure;
use raddle_net::names::Key;

/// Why a task has no value. A task whose input failed has the error of the task that failed first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskError {
    /// It was called off.
    Cancelled,
    /// A value was not of the type that its reader expected.
    Decode {
        /// What the reader wanted.
        expected: String,
        /// What it got.
        found: String,
    },
    /// The connection to the scheduler broke before there was a value.
    Disconnected {
        /// What broke.
        reason: String,
    },
    /// The program that the task ran ([`Command`](crate::Command)) ended otherwise than well.
    Exited {
        /// Its exit status, unless a signal ended it.
        status: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
        /// The end of what it wrote to standard error.
        stderr: String,
        /// Address of the worker that ran it last.
        worker: String,
        /// The task that failed first: this one, or one that it depends on.
        blame: Key,
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
        /// The task that failed first: this one, or one that it depends on.
        blame: Key,
    },
    /// Data without a recipe, of which the last copy is gone.
    Lost {
        /// How it was lost.
        reason: String,
    },
    /// No worker could ever run it, or none was there for too long.
    NoWorker {
        /// Why none qualifies.
        reason: String,
    },
    /// The submission itself is wrong.
    Rejected {
        /// What is wrong and what to do.
        reason: String,
    },
    /// It ran longer than it was allowed to.
    TimedOut,
    /// Workers died while running it.
    WorkerDied {
        /// Deaths charged to it.
        deaths: u32,
        /// Address of the last of them.
        last_worker: String,
        /// How that one died.
        reason: String,
    },
}

impl TaskError {
    /// What the machines know as `failure`, of which the root is `blame`.
    pub(crate) fn new(blame: Key, failure: &Failure) -> Self {
        match failure.clone() {
            Failure::Cancelled => Self::Cancelled,
            Failure::Decode { expected, found } => Self::Decode { expected, found },
            Failure::Disconnected { reason } => Self::Disconnected { reason },
            Failure::Exited { status, signal, stderr, worker } => {
                Self::Exited { status, signal, stderr, worker, blame }
            }
            Failure::Failed { message, chain, panic, location, worker, attempts } => {
                Self::Failed { message, chain, panic, location, worker, attempts, blame }
            }
            Failure::Lost { reason } => Self::Lost { reason },
            Failure::NoWorker { reason } => Self::NoWorker { reason },
            Failure::Rejected { reason } => Self::Rejected { reason },
            // The scheduler does not pass this on: it runs the task again.
            Failure::Reschedule => Self::Failed {
                message: Reschedule.to_string(),
                chain: Vec::new(),
                panic: false,
                location: None,
                worker: String::new(),
                attempts: 1,
                blame,
            },
            Failure::TimedOut => Self::TimedOut,
            Failure::WorkerDied { deaths, last_worker, reason } => {
                Self::WorkerDied { deaths, last_worker, reason }
            }
        }
    }

    /// What [`Self::new`] was made of, as far as it is known.
    pub(crate) fn into_failure(self) -> (Option<Key>, Failure) {
        let mut root = None;
        let failure = match self {
            Self::Cancelled => Failure::Cancelled,
            Self::Decode { expected, found } => Failure::Decode { expected, found },
            Self::Disconnected { reason } => Failure::Disconnected { reason },
            Self::Exited { status, signal, stderr, worker, blame } => {
                root = Some(blame);
                Failure::Exited { status, signal, stderr, worker }
            }
            Self::Failed { message, chain, panic, location, worker, attempts, blame } => {
                root = Some(blame);
                Failure::Failed { message, chain, panic, location, worker, attempts }
            }
            Self::Lost { reason } => Failure::Lost { reason },
            Self::NoWorker { reason } => Failure::NoWorker { reason },
            Self::Rejected { reason } => Failure::Rejected { reason },
            Self::TimedOut => Failure::TimedOut,
            Self::WorkerDied { deaths, last_worker, reason } => {
                Failure::WorkerDied { deaths, last_worker, reason }
            }
        };
        (root, failure)
    }
}

impl std::error::Error for TaskError {}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the task was cancelled"),
            Self::Decode { expected, found } => {
                write!(f, "a value was not what its reader expected: {expected}; it was {found}")
            }
            Self::Disconnected { reason } => {
                write!(f, "the connection to the scheduler is gone: {reason}")
            }
            Self::Exited { status, signal, stderr, worker, blame } => {
                write!(f, "the command of task {blame} ended ")?;
                match (status, signal) {
                    (Some(status), _) => write!(f, "with status {status}")?,
                    (None, Some(signal)) => write!(f, "by signal {signal}")?,
                    (None, None) => f.write_str("otherwise than well")?,
                }
                if !worker.is_empty() {
                    write!(f, " on {worker}")?;
                }
                match stderr.is_empty() {
                    true => Ok(()),
                    false => write!(f, ": {stderr}"),
                }
            }
            Self::Failed { message, chain, panic, location, worker, attempts, blame } => {
                write!(f, "task {blame} ")?;
                f.write_str(if *panic { "panicked" } else { "failed" })?;
                if let Some(location) = location {
                    write!(f, " at {location}")?;
                }
                if !worker.is_empty() {
                    write!(f, " on {worker}")?;
                }
                if *attempts > 1 {
                    write!(f, " (attempt {attempts})")?;
                }
                write!(f, ": {message}")?;
                // Some errors repeat their source in their own message.
                let new = chain.iter().filter(|source| !message.contains(source.as_str()));
                new.into_iter().try_for_each(|source| write!(f, ": {source}"))
            }
            Self::Lost { reason } => write!(f, "the value is lost: {reason}"),
            Self::NoWorker { reason } => write!(f, "no worker can run the task: {reason}"),
            Self::Rejected { reason } => write!(f, "the task was rejected: {reason}"),
            Self::TimedOut => f.write_str("the task ran longer than it was allowed to"),
            Self::WorkerDied { deaths, last_worker, reason } => write!(
                f,
                "{deaths} workers died while running the task, the last one at {last_worker}: \
                 {reason}; does it need too much memory, or abort?"
            ),
        }
    }
}

/// The error of a task that asks to be run again, by whichever worker, after those that wait already:
/// what it needs is not there yet, or it had better run elsewhere. It costs the task none of its
/// [`retries`](crate::Call::retries). A task that asks after 1,024 runs fails; one that must run
/// [at most once](crate::Call::at_most_once) fails at once.
///
/// ```
/// # use raddle::prelude::*;
/// use raddle::Reschedule;
///
/// #[raddle::task]
/// fn patient(ctx: &TaskContext) -> Result<u32, Reschedule> {
///     if ctx.attempt() < 3 { Err(Reschedule) } else { Ok(ctx.attempt()) }
/// }
/// # #[raddle::main]
/// # async fn main() -> raddle::Result<()> {
/// # let client = Client::local().await?;
/// assert_eq!(client.submit(patient()).await?, 3);
/// # client.close().await
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reschedule;

impl fmt::Display for Reschedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task asks to be run again")
    }
}

impl std::error::Error for Reschedule {}

#[cfg(test)]
mod tests {
    use super::*;

    const BLAME: Key = Key::hashed(7);

    fn failed(panic: bool) -> Failure {
        Failure::Failed {
            message: "no such row".into(),
            chain: vec!["file is empty".into()],
            panic,
            location: panic.then(|| "src/a.rs:1:2".into()),
            worker: "tcp://h:1".into(),
            attempts: 2,
        }
    }

    #[test]
    fn an_error_keeps_all_that_the_failure_said() {
        let decode = Failure::Decode { expected: "u64".into(), found: "text".into() };
        let (last_worker, reason) = ("tcp://h:1".into(), "it was killed".into());
        let died = Failure::WorkerDied { deaths: 3, last_worker, reason };
        let no_worker = Failure::NoWorker { reason: "none".into() };
        let rejected = Failure::Rejected { reason: "too long".into() };
        let lost = Failure::Lost { reason: "w1 died".into() };
        let cut = Failure::Disconnected { reason: "reset".into() };
        let plain = [Failure::Cancelled, Failure::TimedOut];
        for failure in plain.into_iter().chain([decode, died, no_worker, rejected, lost, cut]) {
            assert_eq!(TaskError::new(BLAME, &failure).into_failure(), (None, failure));
        }
        for failure in [failed(false), failed(true)] {
            assert_eq!(TaskError::new(BLAME, &failure).into_failure(), (Some(BLAME), failure));
        }
    }

    #[test]
    fn the_text_names_the_root_where_and_why() {
        let text = |panic| TaskError::new(BLAME, &failed(panic)).to_string();
        let tail = "on tcp://h:1 (attempt 2): no such row: file is empty";
        assert_eq!(text(false), format!("task {BLAME} failed {tail}"));
        assert_eq!(text(true), format!("task {BLAME} panicked at src/a.rs:1:2 {tail}"));
    }

    #[test]
    fn an_ended_program_is_told_with_its_status_and_its_last_words() {
        let text = |status, signal, stderr: &str| {
            let (stderr, worker) = (stderr.to_owned(), "tcp://h:1".to_owned());
            let failure = Failure::Exited { status, signal, stderr, worker };
            let error = TaskError::new(BLAME, &failure);
            assert_eq!(error.clone().into_failure(), (Some(BLAME), failure));
            error.to_string()
        };
        let start = format!("the command of task {BLAME} ended");
        let expected = format!("{start} with status 3 on tcp://h:1: no such row");
        assert_eq!(text(Some(3), None, "no such row"), expected);
        assert_eq!(text(None, Some(9), ""), format!("{start} by signal 9 on tcp://h:1"));
    }

    #[test]
    fn errors_are_small_enough_to_return() {
        assert!(size_of::<TaskError>() < 128 && size_of::<crate::Error>() < 128);
    }
}
