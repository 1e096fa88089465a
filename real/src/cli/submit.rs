//! `raddle submit`: one command as a task, or one for each line of a file.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value as Json, json};

use super::target::Target;
use super::{lines, say};
use crate::call::Call;
use crate::client::Client;
use crate::command::{Command, CommandOutput};
use crate::error::{Error, Result, TaskError};
use crate::future::TaskFuture;
use crate::init::{complain, parse_seconds};
use crate::resources::{self, Resources};
use crate::rt;

/// The exit code of whoever was interrupted.
const INTERRUPTED: i32 = 130;

#[derive(Debug, Args)]
#[command(
    after_help = "The exit code is that of the command, or 128 and the number of the signal \
    that ended it. With --each-line it is 1 if any of the commands failed."
)]
pub(super) struct SubmitArgs {
    #[command(flatten)]
    target: Target,
    /// Print JSON: an object for each command
    #[arg(long)]
    pub(super) json: bool,
    /// Do not wait: print the key, for `wait`, `logs` and `cancel`
    #[arg(long, conflicts_with = "each_line")]
    detach: bool,
    /// Run the command once for each line of this file, - is standard input. {} in the command is the
    /// line; where there is none, the line is its last argument
    #[arg(long, value_name = "FILE")]
    each_line: Option<PathBuf>,
    /// Directory of the worker's machine in which the command runs
    #[arg(long, short = 'C', value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
    /// A variable of the command's environment; may be repeated
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// File of this machine that is the command's standard input, at most 1 MiB
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// How often a command that fails is run again
    #[arg(long, default_value_t = 0)]
    retries: u32,
    /// Of one client's tasks, those with a higher priority run first
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// Seconds after which a command is killed
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<Duration>,
    /// What each takes of its worker, as gpu=1,memory=0.5
    #[arg(long, value_name = "NAME=AMOUNT,…", value_parser = resources::parse, default_value = "")]
    resources: Resources,
    /// Only these workers: names, addresses or hosts; may be repeated
    #[arg(long = "worker", value_name = "WORKER")]
    workers: Vec<String>,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn variable(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

/// `raddle submit`.
pub(super) async fn submit(args: SubmitArgs) -> Result<i32> {
    let input = args.stdin.as_ref().map(std::fs::read).transpose()?;
    let lines = args.each_line.as_deref().map(lines::read).transpose()?;
    let client = args.target.connect(None).await?;
    let code = match lines {
        Some(lines) => {
            let call = |line: &str| args.call(lines::fill(&args.command, line), input.clone());
            let calls = lines.iter().map(|line| call(line));
            let futures = client.submit_all(calls);
            interruptible(lines::wait(&args, &lines, futures)).await
        }
        None => one(&args, &client, input).await,
    };
    // Leaves, so that nothing is computed for somebody who is gone.
    client.close().await?;
    code
}

async fn one(args: &SubmitArgs, client: &Client, input: Option<Vec<u8>>) -> Result<i32> {
    let future = client.submit(args.call(args.command.clone(), input));
    if args.detach {
        let key = future.key().to_string();
        client.publish(&key, &[future]).await?;
        say(&match args.json {
            true => json!({ "key": key }).to_string(),
            false => key,
        })?;
        return Ok(0);
    }
    interruptible(async {
        let outcome = (&future).await;
        if args.json {
            say(&outcome_json(&future, &outcome).to_string())?;
            return Ok(exit_code(&outcome));
        }
        pass_on(outcome)
    })
    .await
}

/// What `work` gives, unless it is interrupted before.
pub(super) async fn interruptible(work: impl Future<Output = Result<i32>>) -> Result<i32> {
    rt::select! {
        biased;
        interrupted = rt::told_to_end() => Ok(interrupted.map(|()| INTERRUPTED)?),
        code = work => code,
    }
}

/// Writes what a command wrote; returns the exit code that it had.
pub(super) fn pass_on(outcome: Result<CommandOutput, TaskError>) -> Result<i32> {
    let code = exit_code(&outcome);
    match outcome {
        Ok(output) => {
            std::io::stdout().write_all(&output.stdout)?;
            std::io::stdout().flush()?;
            std::io::stderr().write_all(&output.stderr)?;
            for (what, dropped) in
                [("output", output.stdout_dropped), ("error", output.stderr_dropped)]
            {
                if dropped > 0 {
                    complain(&format!("{dropped} bytes of standard {what} were too much to keep"));
                }
            }
            Ok(code)
        }
        Err(error @ TaskError::Exited { .. }) => {
            complain(&error.to_string());
            Ok(code)
        }
        Err(error) => Err(Error::Task(error)),
    }
}

/// As shells have it.
pub(super) fn exit_code(outcome: &Result<CommandOutput, TaskError>) -> i32 {
    let (status, signal) = match outcome {
        Ok(output) => (output.status, output.signal),
        Err(TaskError::Exited { status, signal, .. }) => (*status, *signal),
        Err(_) => (None, None),
    };
    status.or_else(|| Some(128 + signal?)).unwrap_or(1)
}

/// An outcome as JSON.
pub(super) fn outcome_json(
    future: &TaskFuture<CommandOutput>,
    outcome: &Result<CommandOutput, TaskError>,
) -> Json {
    let key = future.key().to_string();
    match outcome {
        Ok(output) => json!({
            "key": key,
            "status": output.status,
            "signal": output.signal,
            "stdout": String::from_utf8_lossy(&output.stdout),
            "stdout_dropped": output.stdout_dropped,
            "stderr": String::from_utf8_lossy(&output.stderr),
            "stderr_dropped": output.stderr_dropped,
        }),
        Err(error) => {
            let (mut status, mut signal) = (None, None);
            if let TaskError::Exited { status: own, signal: its, .. } = error {
                (status, signal) = (*own, *its);
            }
            json!({
                "key": key, "status": status, "signal": signal, "error": error.to_string(),
            })
        }
    }
}

impl SubmitArgs {
    fn call(&self, words: Vec<OsString>, input: Option<Vec<u8>>) -> Call<CommandOutput> {
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default()).args(words);
        for (name, value) in &self.env {
            command = command.env(name, value);
        }
        if let Some(directory) = &self.directory {
            command = command.current_dir(directory);
        }
        if let Some(input) = input {
            command = command.stdin(input);
        }
        // With retries a status must be an error; else all of the output is worth more.
        if self.retries == 0 {
            command = command.any_status();
        }
        let call = command.call().priority(self.priority).retries(self.retries);
        let call =
            call.workers(self.workers.iter().cloned()).resource_units(self.resources.clone());
        match self.timeout {
            Some(limit) => call.timeout(limit),
            None => call,
        }
    }
}
