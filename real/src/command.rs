//! Programs as tasks: what is to be run, and what it gave.
//!
//! A command is a call like any other, of a function that every worker has. This module must not know
//! how a process is started; that is in [`run`].

mod group;
mod guard;
mod output;
mod run;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use raddle_net::limits::MAX_NAME;
use raddle_net::messages::{Function, Runtime, TaskOptions, TaskSpec};
use serde::{Deserialize, Serialize};

use crate::arg::{ArgReader, ArgWriter, Param, TakeByDecode};
use crate::call::Call;
use crate::error::TaskError;
use crate::future::{FutureHandle, TaskFuture};
use crate::registry::{Defaults, TaskEntry};
use crate::task::{Body, BodyError, Invocation, finish};
use crate::value::Value;

/// Bytes of each output that are kept, if nothing else is said.
const MAX_OUTPUT: u64 = 16 << 20;

/// A program to be run on a worker: any worker, also one that was started without functions.
///
/// It runs in a process group of its own and takes one slot. When it is cancelled, runs out of time
/// ([`Call::timeout`]), or its worker ends, however that ends, the whole group is: by `SIGTERM`, and
/// 5 s later by `SIGKILL`; at once if the worker was killed. What it leaves behind in its group when
/// it ends by itself is killed too. It is started with the environment of its worker.
///
/// A program that ends with another status than 0, or by a signal, fails with
/// [`TaskError::Exited`]; one that is not there ends with status 127, as in a shell. Whoever wants
/// the status as data says [`Self::any_status`].
///
/// ```
/// # use raddle::prelude::*;
/// use raddle::Command;
///
/// # #[raddle::main]
/// # async fn main() -> raddle::Result<()> {
/// # let client = Client::local().await?;
/// let words = client.submit(Command::new("printf").arg("weft\nwarp\n").call());
/// // The output of one is the input of another.
/// let sorted = Command::new("sort").env("LC_ALL", "C").stdin_from(&words);
/// let output = client.submit(sorted.call().retries(1)).await?;
/// assert_eq!(output.text()?, "warp\nweft\n");
///
/// let error = client.submit(Command::new("sh").args(["-c", "exit 3"]).call()).await.unwrap_err();
/// assert!(matches!(error, TaskError::Exited { status: Some(3), .. }));
/// # client.close().await
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a command does nothing until its call is submitted"]
pub struct Command {
    job: Job,
    stdin: Input,
}

/// A command as it travels.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    program: OsString,
    args: Vec<OsString>,
    /// Changes of the worker's environment: `None` removes.
    env: Vec<(OsString, Option<OsString>)>,
    clears_env: bool,
    current_dir: Option<OsString>,
    /// What the next argument is.
    stdin: Stdin,
    stdout_file: Option<OsString>,
    stderr_file: Option<OsString>,
    max_output: u64,
    any_status: bool,
}

/// What a standard input is, for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// There is none.
    Nothing,
    /// Bytes.
    Bytes,
    /// A text.
    Text,
    /// What another command gave.
    Output,
}

/// What a standard input is, for its writer.
#[derive(Clone, Debug)]
enum Input {
    Nothing,
    Bytes(Vec<u8>),
    /// The value of a future of this kind.
    Future(Stdin, FutureHandle),
}

impl Command {
    /// The program of this name, which the worker looks for in its `PATH`, or at this path.
    pub fn new(program: impl Into<OsString>) -> Self {
        let job = Job {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            clears_env: false,
            current_dir: None,
            stdin: Stdin::Nothing,
            stdout_file: None,
            stderr_file: None,
            max_output: MAX_OUTPUT,
            any_status: false,
        };
        Self { job, stdin: Input::Nothing }
    }

    /// One more argument. No shell looks at it.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.job.args.push(arg.into());
        self
    }

    /// More arguments.
    pub fn args(mut self, args: impl IntoIterator<Item: Into<OsString>>) -> Self {
        self.job.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.job.env.push((name.into(), Some(value.into())));
        self
    }

    /// Takes a variable out of its environment.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.job.env.push((name.into(), None));
        self
    }

    /// Its environment has nothing of its worker's: only what is set after this.
    pub fn env_clear(mut self) -> Self {
        self.job.env.clear();
        self.job.clears_env = true;
        self
    }

    /// Where it runs: a directory of the worker's machine. Otherwise that of its worker.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.job.current_dir = Some(directory.as_ref().into());
        self
    }

    /// What it reads from its standard input, at most 1 MiB; otherwise nothing. For more,
    /// [scatter](crate::Client::scatter) it and use [`Self::stdin_from`].
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Input::Bytes(bytes.into());
        self
    }

    /// Its standard input is the value of a future: bytes, a text, or the standard output of another
    /// command.
    pub fn stdin_from<T: CommandInput>(mut self, future: &TaskFuture<T>) -> Self {
        self.stdin = Input::Future(T::KIND, future.handle().clone());
        self
    }

    /// Its standard output goes into this new file on the worker's machine, as it comes, and not into
    /// the value.
    pub fn stdout_to(mut self, file: impl Into<PathBuf>) -> Self {
        self.job.stdout_file = Some(file.into().into_os_string());
        self
    }

    /// As [`Self::stdout_to`], for standard error.
    pub fn stderr_to(mut self, file: impl Into<PathBuf>) -> Self {
        self.job.stderr_file = Some(file.into().into_os_string());
        self
    }

    /// Bytes of each of its outputs that are kept: of standard output the first, of standard error the
    /// last. The others are counted and dropped. It is 16 MiB if nothing is said.
    pub const fn max_output(mut self, bytes: u64) -> Self {
        self.job.max_output = bytes;
        self
    }

    /// It does not fail, however it ends: [`CommandOutput::status`] says how.
    pub const fn any_status(mut self) -> Self {
        self.job.any_status = true;
        self
    }

    /// The call that runs it: to be given options like any other, and submitted.
    pub fn call(mut self) -> Call<CommandOutput> {
        let function = Function {
            runtime: Runtime::Command,
            code: 0,
            name: self.display_name(),
            signature: 0,
        };
        let spec = TaskSpec { function, options: TaskOptions::default() };
        self.job.stdin = self.stdin.kind();
        let mut arguments = ArgWriter::new();
        arguments.push::<Job>(&self.job);
        self.stdin.write(&mut arguments);
        Call::of(Arc::new(spec), Defaults::default(), arguments)
    }

    /// What `raddle tasks` shows.
    fn display_name(&self) -> String {
        let program = Path::new(&self.job.program);
        let name = program.file_name().unwrap_or(&self.job.program).to_string_lossy();
        let short: String = name.chars().take(MAX_NAME / 8).collect();
        format!("command {short}")
    }
}

impl Input {
    const fn kind(&self) -> Stdin {
        match self {
            Self::Nothing => Stdin::Nothing,
            Self::Bytes(_) => Stdin::Bytes,
            Self::Future(kind, _) => *kind,
        }
    }

    fn write(self, to: &mut ArgWriter) {
        match self {
            Self::Nothing => {}
            Self::Bytes(bytes) => to.push::<Vec<u8>>(bytes),
            Self::Future(_, handle) => to.input(&handle),
        }
    }
}

/// What can be the standard input of a command: `Bytes`, `Vec<u8>`, `String`, and the standard output
/// of another one.
pub trait CommandInput {
    /// How it is read.
    #[doc(hidden)]
    const KIND: Stdin;
}

impl CommandInput for Bytes {
    const KIND: Stdin = Stdin::Bytes;
}

impl CommandInput for Vec<u8> {
    const KIND: Stdin = Stdin::Bytes;
}

impl CommandInput for String {
    const KIND: Stdin = Stdin::Text;
}

impl CommandInput for CommandOutput {
    const KIND: Stdin = Stdin::Output;
}

/// How a command ended, and what it wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CommandOutput {
    /// Its exit status, unless a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The first bytes of its standard output, up to [`Command::max_output`].
    pub stdout: Vec<u8>,
    /// How many bytes came after those.
    pub stdout_dropped: u64,
    /// The last bytes of its standard error, up to [`Command::max_output`].
    pub stderr: Vec<u8>,
    /// How many bytes came before those.
    pub stderr_dropped: u64,
}

impl CommandOutput {
    /// Whether it ended with status 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status == Some(0)
    }

    /// Its standard output as text.
    ///
    /// # Errors
    ///
    /// It is not UTF-8.
    pub fn text(&self) -> Result<&str, TaskError> {
        std::str::from_utf8(&self.stdout).map_err(|error| TaskError::Decode {
            expected: "text from a command".to_owned(),
            found: error.to_string(),
        })
    }
}

/// The function that every worker has.
pub(crate) fn entry() -> &'static TaskEntry {
    const DEFAULTS: Defaults = Defaults { priority: 0, retries: 0, pure: false };
    static ENTRY: TaskEntry = TaskEntry::new(|| "command", || 0, DEFAULTS, Body::Blocking(run_job));
    &ENTRY
}

fn run_job(invocation: Invocation) -> Result<Value, BodyError> {
    let (mut reader, context) = invocation.open();
    let job: Job = Param::new().take(&mut reader)?;
    let stdin = read_stdin(job.stdin, &mut reader)?;
    reader.finish()?;
    finish(run::run(&job, stdin, &context)?)
}

fn read_stdin(kind: Stdin, reader: &mut ArgReader) -> Result<Vec<u8>, TaskError> {
    Ok(match kind {
        Stdin::Nothing => Vec::new(),
        Stdin::Bytes => reader.borrow_bytes()?.to_vec(),
        Stdin::Text => {
            let text = reader.borrow(|reader| Param::<String>::new().take(reader))?;
            text.as_bytes().to_vec()
        }
        Stdin::Output => {
            let output = reader.borrow(|reader| Param::<CommandOutput>::new().take(reader))?;
            output.stdout.clone()
        }
    })
}
