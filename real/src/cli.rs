//! The command line `raddle`: start a scheduler, start a worker, look at a cluster.
//!
//! Every error says what, why, and where possible what to do. Exit codes: 0 done, 1 failed, 2 used
//! wrongly, 3 the other side speaks another version.

mod ask;
mod cert;
mod status;
mod table;
mod worker;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::address::{self, AddressError};
use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::scheduler::{DEFAULT_PORT, RunningScheduler, SchedulerOptions};
use crate::{init, logging, rt};

/// A distributed task scheduler.
#[derive(Debug, Parser)]
#[command(name = "raddle", version, about)]
struct Cli {
    /// Folder of the certificates or the token of the cluster, made by `raddle cert init`; or
    /// RADDLE_CREDENTIALS
    #[arg(long, global = true, value_name = "DIR")]
    credentials: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make certificates and a token for a cluster
    Cert(cert::CertArgs),
    /// Run a scheduler until interrupted
    Scheduler(SchedulerArgs),
    /// Run a worker until interrupted or until the scheduler is gone
    Worker(worker::WorkerArgs),
    /// Show who is in a cluster and how much there is to do
    Status(status::StatusArgs),
    /// List the workers
    Workers(ask::AskArgs),
    /// List the tasks
    Tasks(ask::TasksArgs),
    /// Say why a task is not done
    Explain(ask::KeyArgs),
    /// Say what has happened to a task, or to a worker
    Story(ask::StoryArgs),
    /// Print the state of the whole cluster as JSON
    Dump(ask::DumpArgs),
    /// Wait until there are workers
    Wait(ask::WaitArgs),
}

#[derive(Debug, Args)]
struct SchedulerArgs {
    /// Name or IP address to listen at. Whoever can connect can run code on the workers
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port to listen at; 0 is any free one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Seconds that a worker may take to come back after its connection broke
    #[arg(long, default_value = "5", value_name = "SECONDS", value_parser = seconds)]
    worker_grace: Duration,
    /// Seconds that a client may take to come back after its connection broke
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = seconds)]
    client_grace: Duration,
    /// Seconds of silence after which a connection counts as broken; 0: never
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = seconds)]
    ttl: Duration,
    /// Seconds without work and without a word of a client after which the cluster ends; 0: never
    #[arg(long, default_value = "0", value_name = "SECONDS", value_parser = seconds)]
    idle_timeout: Duration,
}

/// Whether these arguments, of which the first is the program's name, are a command line. Nothing is
/// done. For fuzzing.
///
/// # Errors
///
/// What is said to whoever typed them.
#[doc(hidden)]
pub fn understand<'a>(
    arguments: impl IntoIterator<Item = &'a str>,
) -> std::result::Result<(), String> {
    Cli::try_parse_from(arguments).map(drop).map_err(|error| error.to_string())
}

/// Runs the command line with this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::install(Some(match cli.command {
        Command::Scheduler(_) | Command::Worker(_) => "info",
        Command::Cert(_)
        | Command::Status(_)
        | Command::Workers(_)
        | Command::Tasks(_)
        | Command::Explain(_)
        | Command::Story(_)
        | Command::Dump(_)
        | Command::Wait(_) => "warn",
    }));
    if let Some(folder) = cli.credentials {
        match Credentials::load(folder) {
            Ok(credentials) => credentials.become_process(),
            Err(error) => {
                init::complain(&error.to_string());
                return ExitCode::FAILURE;
            }
        }
    }
    let code = match cli.command {
        Command::Cert(args) => cert::main(args),
        Command::Scheduler(args) => init::run_to_exit(scheduler(args)),
        Command::Worker(args) => worker::main(args),
        Command::Status(args) => init::run_to_exit(status::show(args)),
        Command::Workers(args) => init::run_to_exit(ask::workers(args)),
        Command::Tasks(args) => init::run_to_exit(ask::tasks(args)),
        Command::Explain(args) => init::run_to_exit(ask::explain(args)),
        Command::Story(args) => init::run_to_exit(ask::story(args)),
        Command::Dump(args) => init::run_to_exit(ask::dump(args)),
        Command::Wait(args) => init::run_to_exit(ask::wait(args)),
    };
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

async fn scheduler(args: SchedulerArgs) -> Result<i32> {
    let mut options =
        SchedulerOptions { host: args.host, port: args.port, ..SchedulerOptions::default() };
    options.credentials = Credentials::of_process()?;
    options.config.worker_grace = args.worker_grace;
    options.config.client_grace = args.client_grace;
    options.config.idle_timeout = args.idle_timeout;
    options.ttl = args.ttl;
    let mut scheduler = RunningScheduler::start(options).await?;
    say(&format!("scheduler at {}", scheduler.address()))?;
    rt::select! {
        biased;
        interrupted = rt::ctrl_c() => interrupted?,
        end = scheduler.ended() => match end {
            // It was told to, or had nothing to do.
            Some(()) => return Ok(0),
            None => return Err(Error::Internal("the scheduler's thread has panicked".into())),
        },
    }
    scheduler.close().await;
    Ok(0)
}

/// Reads how many seconds, perhaps with a fraction.
fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| format!("`{text}` is not a number of seconds, such as 5 or 0.5"))
}

/// Reads an address, for the sake of its errors; gives it as it was written, with its scheme.
fn address(text: &str) -> std::result::Result<String, AddressError> {
    address::parse(text).map(|address| address.to_string())
}

/// One line, or several, on standard output.
fn say(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")?;
    Ok(stdout.flush()?)
}
