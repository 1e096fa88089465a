//! The start of a program that is also its own worker: is it a worker this time?
//!
//! This module must not know what the program does otherwise.

use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::credentials::Credentials;
use crate::error::Error;
use crate::memory::MemoryOptions;
use crate::ports::{self, Reach};
use crate::resources::{self, Resources};
use crate::worker::WorkerOptions;
use crate::{leave, logging, memory, rt};

/// What is said to a program to make it a worker.
pub(crate) mod flags {
    /// Followed by the scheduler's address.
    pub(crate) const WORKER: &str = "--raddle-worker";
    /// Followed by how many tasks to run at a time.
    pub(crate) const THREADS: &str = "--raddle-threads";
    /// Followed by what it has for tasks that need it, as `gpu=1,memory=0.5`.
    pub(crate) const RESOURCES: &str = "--raddle-resources";
    /// Followed by the worker's name.
    pub(crate) const NAME: &str = "--raddle-name";
    /// Followed by the folder of its credentials; empty if it has none.
    pub(crate) const CREDENTIALS: &str = "--raddle-credentials";
    /// Followed by the host at which it listens.
    pub(crate) const HOST: &str = "--raddle-host";
    /// Followed by the port at which it listens, or a range of them.
    pub(crate) const PORT: &str = "--raddle-port";
    /// Followed by where others reach it.
    pub(crate) const CONTACT_ADDRESS: &str = "--raddle-contact-address";
    /// Followed by how many seconds it may take to leave when it is told to end.
    pub(crate) const GRACE: &str = "--raddle-grace";
    /// Followed by how many seconds it looks for a scheduler that is not there.
    pub(crate) const DEATH_TIMEOUT: &str = "--raddle-death-timeout";
    /// Followed by how many bytes of memory it may use, as `4GiB`.
    pub(crate) const MEMORY_LIMIT: &str = "--raddle-memory-limit";
    /// Followed by how much of that values may fill before some go to disk, as `0.6`.
    pub(crate) const MEMORY_TARGET: &str = "--raddle-memory-target";
    /// Followed by how much of that its process may fill before it ends, as `0.95`.
    pub(crate) const MEMORY_TERMINATE: &str = "--raddle-memory-terminate";
    /// Followed by the folder to which values go.
    pub(crate) const SPILL_DIRECTORY: &str = "--raddle-spill-directory";
    /// Followed by how many bytes may be there at a time, as `4GiB`.
    pub(crate) const SPILL_LIMIT: &str = "--raddle-spill-limit";
    /// Say nothing on standard output.
    pub(crate) const QUIET: &str = "--raddle-quiet";
    /// End when standard input ends: its other end is held by whoever started the worker.
    pub(crate) const PIPE: &str = "--raddle-pipe";
}

/// Exit codes, of workers and of the command line.
pub(crate) mod exit {
    /// It failed.
    pub(crate) const FAILURE: i32 = 1;
    /// It was started wrongly.
    pub(crate) const USAGE: i32 = 2;
    /// The other side speaks another version of the protocol.
    pub(crate) const VERSION: i32 = 3;
}

/// Whether `init` has run: only then can this program be started as a worker.
static READY: AtomicBool = AtomicBool::new(false);

/// Makes this program a worker, if it was started as one; else returns.
///
/// Call it first in `main`, before anything reads the arguments; `#[raddle::main]` does. A program
/// is a worker when its arguments are `--raddle-worker tcp://HOST:PORT`, with `--raddle-threads N`
/// `--raddle-name NAME`, `--raddle-resources gpu=1,…`, `--raddle-host HOST`, `--raddle-port PORT` or
/// `FIRST:LAST`, `--raddle-contact-address HOST` or `HOST:PORT`, and `--raddle-credentials DIR` if
/// wanted, or when the environment says the same by `RADDLE_WORKER`, `RADDLE_WORKER_THREADS` and so on,
/// and `RADDLE_CREDENTIALS`. It then serves until it is told to stop, by an interrupt or `SIGTERM`,
/// leaves in good order if 5 s are enough for that (or `--raddle-grace SECONDS`), and
/// ends the process: with 0, or 1 after a failure, 2 if the arguments are wrong, 3 if the scheduler
/// speaks another version.
///
/// It also has log messages written to standard error if `RADDLE_LOG` is set, to a filter such as
/// `warn` or `raddle=debug`.
pub fn init() {
    logging::install(None);
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into());
    match Request::read(arguments, |name| std::env::var(name).ok()) {
        Ok(None) => READY.store(true, Ordering::Relaxed),
        Ok(Some(request)) => std::process::exit(request.serve()),
        Err(wrong) => {
            complain(&wrong);
            std::process::exit(exit::USAGE);
        }
    }
}

/// Whether this program can be started as a worker.
pub(crate) fn is_ready() -> bool {
    READY.load(Ordering::Relaxed)
}

/// What `#[raddle::main]` expands to: [`init`], then `body` on a multi-thread runtime.
pub fn main<F: Future>(body: F) -> F::Output {
    init();
    match rt::block_on(body) {
        Ok(output) => output,
        Err(error) => {
            complain(&format!("the runtime could not be started: {error}"));
            std::process::exit(exit::FAILURE);
        }
    }
}

/// Runs `work` to its end on a runtime of this thread alone; complains about a failure. Returns the exit
/// code: the work's own, unless it failed.
pub(crate) fn run_to_exit(work: impl Future<Output = Result<i32, Error>>) -> i32 {
    let error = match rt::block_on_here(work) {
        Ok(Ok(code)) => return code,
        Ok(Err(error)) => error,
        Err(error) => Error::from(error),
    };
    complain(&with_causes(&error));
    match matches!(error, Error::VersionMismatch { .. }) {
        true => exit::VERSION,
        false => exit::FAILURE,
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some errors repeat their cause in their own words.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// Says what went wrong on standard error.
pub(crate) fn complain(text: &str) {
    // Nothing can be done if standard error is closed.
    let _ = writeln!(std::io::stderr(), "raddle: {text}");
}

/// The wish that this process be a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Request {
    scheduler: String,
    threads: Option<usize>,
    resources: Resources,
    name: Option<String>,
    credentials: Option<String>,
    reach: Reach,
    grace: Option<Duration>,
    death_timeout: Option<Duration>,
    memory: MemoryOptions,
    pipe: bool,
    quiet: bool,
}

impl Request {
    /// Reads arguments and environment; `None` if they wish nothing of the kind. Arguments that
    /// belong to the program are passed over, if there is a wish by environment.
    fn read(
        arguments: impl Iterator<Item = String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, String> {
        let mut request = Self::default();
        let mut scheduler = variable("RADDLE_WORKER").filter(|value| !value.is_empty());
        let mut threads = variable("RADDLE_WORKER_THREADS");
        let mut resources = variable("RADDLE_WORKER_RESOURCES").unwrap_or_default();
        request.name = variable("RADDLE_WORKER_NAME");
        request.reach.host = variable("RADDLE_WORKER_HOST");
        let mut ports = variable("RADDLE_WORKER_PORT");
        let mut contact = variable("RADDLE_WORKER_CONTACT_ADDRESS");
        let mut grace = variable("RADDLE_WORKER_GRACE");
        let mut death_timeout = variable("RADDLE_WORKER_DEATH_TIMEOUT");
        let mut memory_limit = variable("RADDLE_WORKER_MEMORY_LIMIT");
        let mut memory_target = variable("RADDLE_WORKER_MEMORY_TARGET");
        let mut memory_terminate = variable("RADDLE_WORKER_MEMORY_TERMINATE");
        let mut spill_directory = variable("RADDLE_WORKER_SPILL_DIRECTORY");
        let mut spill_limit = variable("RADDLE_WORKER_SPILL_LIMIT");
        let mut arguments = arguments.take_while(|argument| argument != "--");
        while let Some(argument) = arguments.next() {
            let (flag, joined) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let mut value = || {
                joined
                    .clone()
                    .or_else(|| arguments.next())
                    .ok_or_else(|| format!("{flag} needs a value"))
            };
            match flag {
                flags::WORKER => scheduler = Some(value()?),
                flags::THREADS => threads = Some(value()?),
                flags::RESOURCES => resources = value()?,
                flags::NAME => request.name = Some(value()?),
                flags::CREDENTIALS => request.credentials = Some(value()?),
                flags::HOST => request.reach.host = Some(value()?),
                flags::PORT => ports = Some(value()?),
                flags::CONTACT_ADDRESS => contact = Some(value()?),
                flags::GRACE => grace = Some(value()?),
                flags::DEATH_TIMEOUT => death_timeout = Some(value()?),
                flags::MEMORY_LIMIT => memory_limit = Some(value()?),
                flags::MEMORY_TARGET => memory_target = Some(value()?),
                flags::MEMORY_TERMINATE => memory_terminate = Some(value()?),
                flags::SPILL_DIRECTORY => spill_directory = Some(value()?),
                flags::SPILL_LIMIT => spill_limit = Some(value()?),
                flags::PIPE => request.pipe = true,
                flags::QUIET => request.quiet = true,
                _ => {}
            }
        }
        let Some(scheduler) = scheduler else { return Ok(None) };
        crate::address::parse(&scheduler).map_err(|error| error.to_string())?;
        request.scheduler = scheduler;
        request.resources = resources::parse(&resources)?;
        request.threads = threads.map(|text| parse_threads(&text)).transpose()?;
        request.reach.ports = ports.map(|text| text.parse()).transpose()?;
        request.memory.limit = memory_limit.map(|text| memory::parse(&text)).transpose()?;
        request.memory.target = memory_target.map(|text| memory::parse_share(&text)).transpose()?;
        request.memory.terminate =
            memory_terminate.map(|text| memory::parse_share(&text)).transpose()?;
        request.memory.spill_directory = spill_directory.map(PathBuf::from);
        request.memory.spill_limit = spill_limit.map(|text| memory::parse(&text)).transpose()?;
        request.grace = grace.map(|text| parse_seconds(&text)).transpose()?;
        request.death_timeout = death_timeout.map(|text| parse_seconds(&text)).transpose()?;
        request.reach.contact = contact.map(|text| ports::parse_contact(&text)).transpose()?;
        Ok(Some(request))
    }

    /// Serves until told to stop; returns the exit code.
    fn serve(self) -> i32 {
        if self.pipe {
            end_with_the_pipe();
        }
        run_to_exit(async move {
            let mut options = worker_options(self.scheduler, self.threads, self.name)?;
            options.resources = self.resources;
            options.credentials = match self.credentials {
                Some(folder) if folder.is_empty() => Credentials::none(),
                Some(folder) => Credentials::load(folder)?,
                None => Credentials::of_process()?,
            };
            options.reached(self.reach);
            options.memory = self.memory;
            options.death_timeout = self.death_timeout.unwrap_or_default();
            options.joined = (!self.quiet).then_some(say_joined);
            let grace = self.grace.unwrap_or(leave::GRACE);
            match self.pipe {
                // An interrupt from the terminal reaches our parent, too; it decides.
                true => rt::select! {
                    biased;
                    result = leave::run_until(rt::terminated(), grace, options) => result,
                    () = swallow_interrupts() => Ok(()),
                },
                false => leave::run_until(rt::told_to_end(), grace, options).await,
            }
            .map(|()| 0)
        })
    }
}

/// Reads how many threads there are to be: a number above 0.
pub(crate) fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads) if (1..=4096).contains(&threads) => Ok(threads),
        _ => Err(format!("`{text}` is not a number of threads: expected 1 to 4096")),
    }
}

/// Reads how many seconds, perhaps with a fraction.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("`{text}` is not a number of seconds, such as 5 or 0.5"))
}

/// How a worker of the scheduler at this address is started: reachable from this machine alone if
/// the scheduler is, too.
pub(crate) fn worker_options(
    scheduler: String,
    threads: Option<usize>,
    name: Option<String>,
) -> Result<WorkerOptions, Error> {
    let host = crate::address::parse(&scheduler)?.host;
    let mut options = WorkerOptions::new(scheduler);
    options.host = match host.parse::<IpAddr>() {
        Err(_) if host == "localhost" => "127.0.0.1",
        Ok(IpAddr::V4(address)) if address.is_loopback() => "127.0.0.1",
        Ok(IpAddr::V6(address)) if address.is_loopback() => "::1",
        Ok(IpAddr::V6(_)) => "::",
        Ok(IpAddr::V4(_)) | Err(_) => "0.0.0.0",
    }
    .to_owned();
    options.threads = threads.unwrap_or_else(default_threads);
    options.name = name;
    options.has_process = true;
    Ok(options)
}

/// Says on standard output that a worker is registered.
pub(crate) fn say_joined(address: &str) {
    let mut stdout = std::io::stdout().lock();
    // The worker does its work whether anybody reads this or not.
    let _ = writeln!(stdout, "worker at {address}").and_then(|()| stdout.flush());
}

/// As many threads as there are cores for us.
pub(crate) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

async fn swallow_interrupts() {
    while rt::ctrl_c().await.is_ok() {}
    // Interrupts cannot be had: then none can be swallowed.
    std::future::pending().await
}

/// Ends the process when standard input ends.
fn end_with_the_pipe() {
    let watch = || {
        let mut buffer = [0; 64];
        let mut pipe = std::io::stdin();
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => std::process::exit(0),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => std::process::exit(exit::FAILURE),
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("raddle-pipe".into()).spawn(watch) {
        complain(&format!("the pipe from the parent process cannot be watched: {error}"));
        std::process::exit(exit::FAILURE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Option<Request>, String> {
        let variable = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Request::read(arguments.iter().map(|&text| text.to_owned()), variable)
    }

    fn request(threads: Option<usize>, name: Option<&str>, pipe: bool) -> Request {
        let scheduler = "tcp://h:1".to_owned();
        let name = name.map(str::to_owned);
        Request { scheduler, threads, name, pipe, ..Request::default() }
    }

    #[test]
    fn a_program_is_a_worker_only_when_asked() {
        assert_eq!(read(&["--threads", "3"], &[]), Ok(None));
        assert_eq!(read(&["--", "--raddle-worker", "tcp://h:1"], &[]), Ok(None));
        assert_eq!(read(&[], &[("RADDLE_WORKER", "")]), Ok(None));
    }

    #[test]
    fn arguments_ask_for_a_worker() {
        let arguments = [
            "--raddle-worker",
            "tcp://h:1",
            "--raddle-pipe",
            "--raddle-threads=2",
            "--raddle-name",
            "n",
        ];
        assert_eq!(read(&arguments, &[]), Ok(Some(request(Some(2), Some("n"), true))));
    }

    #[test]
    fn the_environment_asks_for_a_worker_and_arguments_win() {
        let environment = [("RADDLE_WORKER", "tcp://h:1"), ("RADDLE_WORKER_THREADS", "7")];
        assert_eq!(read(&["data.txt"], &environment), Ok(Some(request(Some(7), None, false))));
        let arguments = ["--raddle-threads", "8"];
        assert_eq!(read(&arguments, &environment), Ok(Some(request(Some(8), None, false))));
    }

    #[test]
    fn a_wrong_wish_is_an_error() {
        for arguments in [
            &["--raddle-worker"][..],
            &["--raddle-worker", "nonsense"],
            &["--raddle-worker", "tcp://h:1", "--raddle-threads", "0"],
        ] {
            assert!(read(arguments, &[]).is_err(), "{arguments:?}");
        }
    }
}
