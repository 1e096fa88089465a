//! One command, from its start to its end, on the thread of its slot.
//!
//! The process begins as a shell that waits for a line on its standard input before it becomes the
//! program: until then the guard is told of its group. So there is no moment at which the end of this
//! process would leave it behind. This module must not know tasks or values.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;

use raddle_net::messages::Failure;
use rustix::io::retry_on_intr;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::group::Group;
use super::output::{Capture, Keep, Kept};
use super::{CommandOutput, Job, guard};
use crate::context::TaskContext;
use crate::task::BodyError;

/// Bytes of standard error that an error carries.
const STDERR_TAIL: usize = 4 << 10;

/// Waits for the line, and becomes the program.
const GATE: &str = r#"read -r raddle_gate && exec "$@""#;

/// What makes a program that uses raddle a worker begins so: not meant for what a worker runs.
const OURS: &str = "RADDLE_WORKER";

/// Runs `job` with `stdin` as its standard input; ends it when `context` is stopped.
pub(super) fn run(
    job: &Job,
    stdin: Vec<u8>,
    context: &TaskContext,
) -> Result<CommandOutput, BodyError> {
    let not_started = |error| not_started(job, &error);
    let mut child = prepare(job).and_then(|mut command| command.spawn()).map_err(not_started)?;
    let group = Group::new(Pid::from_child(&child));
    let stopped = Arc::clone(&group);
    context.when_stopped(move || stopped.terminate());
    let begun = begin(&mut child, stdin, job.max_output);
    if begun.is_err() {
        group.terminate();
    }
    let status = wait(&mut child, &group);
    let (stdout, stderr) = begun.map_err(not_started)?;
    let status = status.map_err(BodyError::new)?;
    let (stdout, stdout_dropped) = stdout.finish();
    let (stderr, stderr_dropped) = stderr.finish();
    let (signal, status) = (status.signal(), status.code());
    let output = CommandOutput { status, signal, stdout, stdout_dropped, stderr, stderr_dropped };
    match output.success() || job.any_status {
        true => Ok(output),
        false => Err(exited(&output)),
    }
}

fn prepare(job: &Job) -> io::Result<Command> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", GATE, "raddle"]).arg(&job.program).args(&job.args);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(OURS.as_bytes()) {
            command.env_remove(name);
        }
    }
    if job.clears_env {
        command.env_clear();
    }
    for (name, value) in &job.env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(directory) = &job.current_dir {
        command.current_dir(directory);
    }
    command.stdin(Stdio::piped());
    command.stdout(sink(job, job.stdout_file.as_deref())?);
    command.stderr(sink(job, job.stderr_file.as_deref())?);
    command.process_group(0);
    Ok(command)
}

/// A file, relative to where the command runs, or a pipe.
fn sink(job: &Job, file: Option<&OsStr>) -> io::Result<Stdio> {
    let Some(file) = file else { return Ok(Stdio::piped()) };
    let directory = job.current_dir.as_deref().unwrap_or_else(|| OsStr::new(""));
    Ok(File::create(std::path::Path::new(directory).join(file))?.into())
}

/// Lets it begin, and reads what it writes.
fn begin(child: &mut Child, stdin: Vec<u8>, limit: u64) -> io::Result<(Capture, Capture)> {
    let stdout = Capture::start(child.stdout.take(), Kept::new(Keep::First, limit))?;
    let stderr = Capture::start(child.stderr.take(), Kept::new(Keep::Last, limit))?;
    guard::add(Pid::from_child(child))?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(b"\n")?;
        if !stdin.is_empty() {
            let feed = move || feed(pipe, &stdin);
            std::thread::Builder::new().name("raddle-input".to_owned()).spawn(feed)?;
        }
    }
    Ok((stdout, stderr))
}

fn feed(mut pipe: ChildStdin, bytes: &[u8]) {
    // A program need not read all of its input.
    let _ = pipe.write_all(bytes);
}

/// Waits for the end of `child`, and ends its group.
fn wait(child: &mut Child, group: &Group) -> io::Result<ExitStatus> {
    // Leaves the dead process in place, so that its number means nothing else while its group ends.
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let waited = retry_on_intr(|| waitid(WaitId::Pid(Pid::from_child(child)), options));
    group.end();
    waited?;
    child.wait()
}

fn not_started(job: &Job, error: &io::Error) -> BodyError {
    let directory = job.current_dir.as_ref().map(|directory| directory.to_string_lossy());
    let directory = directory.map_or_else(String::new, |name| format!(" in `{name}`"));
    let program = job.program.to_string_lossy();
    BodyError::new(format!("the command `{program}` could not be started{directory}: {error}"))
}

fn exited(output: &CommandOutput) -> BodyError {
    let CommandOutput { status, signal, stderr, .. } = output;
    let tail = &stderr[stderr.len().saturating_sub(STDERR_TAIL)..];
    let stderr = String::from_utf8_lossy(tail).trim_end().to_owned();
    let worker = String::new();
    BodyError::of(Failure::Exited { status: *status, signal: *signal, stderr, worker })
}
