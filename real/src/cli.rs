//! The command line `raddle`: start a scheduler, start a worker, look at a cluster.
//!
//! Every error says what, why, and where possible what to do. Exit codes: 0 done, 1 failed, 2 used
//! wrongly, 3 the other side speaks another version, 130 interrupted; `submit` ends as its command
//! does.

mod ask;
mod cert;
mod generate;
mod keys;
mod lines;
mod progress;
mod retire;
mod scheduler;
mod settings;
mod status;
mod submit;
mod table;
mod target;
mod worker;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::settings::Settings;
use crate::address::{self, AddressError};
use crate::credentials::Credentials;
use crate::error::Result;
use crate::init::exit;
use crate::{init, logging};

const HELP: &str = "Exit codes: 0 done, 1 failed, 2 used wrongly, 3 the other side speaks another \
version, 130 interrupted; `submit` ends as its command does.
Flags can be configured, by RADDLE_ variables and in a file: see `raddle config show --origin`. The \
file is that of RADDLE_CONFIG, or ~/.config/raddle/config.toml.
NO_COLOR takes the colours from messages; RADDLE_LOG says how much is logged.";

/// A distributed task scheduler.
#[derive(Debug, Parser)]
#[command(name = "raddle", version, about, args_override_self = true, after_help = HELP)]
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
    Scheduler(scheduler::SchedulerArgs),
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
    Dump(ask::AskArgs),
    /// Run a command on a worker, or one for each line of a file
    Submit(Box<submit::SubmitArgs>),
    /// Wait until tasks are done, or until there are workers
    Wait(keys::WaitArgs),
    /// Print what a command wrote, or what a task logged, once it has ended
    Logs(keys::KeysArgs),
    /// Call tasks off, whoever wants them, and forget what `submit --detach` has left
    Cancel(keys::KeysArgs),
    /// Have workers leave in good order: what they run and hold goes to others
    Retire(retire::RetireArgs),
    /// End a whole cluster: its scheduler and its workers
    Shutdown(retire::ShutdownArgs),
    /// Show what is configured: flags go before RADDLE_… variables, and those before the file
    Config(settings::ConfigArgs),
    /// Print a completion script for a shell
    Completions(generate::CompletionsArgs),
    /// Print a manual page
    Man(generate::ManArgs),
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

/// The same, with what a configuration file with this text says.
///
/// # Errors
///
/// What is said of the file, or of the arguments.
#[doc(hidden)]
pub fn understand_configured<'a>(
    configuration: &str,
    arguments: impl IntoIterator<Item = &'a str>,
) -> std::result::Result<(), String> {
    let settings = Settings::of(configuration)?;
    let arguments = settings.apply(arguments.into_iter().map(OsString::from));
    Cli::try_parse_from(arguments).map(drop).map_err(|error| error.to_string())
}

/// Runs the command line with this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let settings = match Settings::load() {
        Ok(settings) => settings,
        Err(why) => {
            init::complain(&why);
            return code(exit::USAGE);
        }
    };
    let cli = Cli::parse_from(settings.apply(std::env::args_os()));
    let serves = matches!(cli.command, Command::Scheduler(_) | Command::Worker(_));
    logging::install(Some(if serves { "info" } else { "warn" }));
    if let Some(folder) = cli.credentials {
        match Credentials::load(folder) {
            Ok(credentials) => credentials.become_process(),
            Err(error) => {
                init::complain(&error.to_string());
                return ExitCode::FAILURE;
            }
        }
    }
    code(run(cli.command, &settings))
}

fn run(command: Command, settings: &Settings) -> i32 {
    match command {
        Command::Cert(args) => cert::main(args),
        Command::Scheduler(args) => init::run_to_exit(scheduler::run(args)),
        Command::Worker(args) => worker::main(args),
        Command::Status(args) => init::run_to_exit(status::show(args)),
        Command::Workers(args) => init::run_to_exit(ask::workers(args)),
        Command::Tasks(args) => init::run_to_exit(ask::tasks(args)),
        Command::Explain(args) => init::run_to_exit(ask::explain(args)),
        Command::Story(args) => init::run_to_exit(ask::story(args)),
        Command::Dump(args) => init::run_to_exit(ask::dump(args)),
        Command::Submit(args) => init::run_to_exit(submit::submit(*args)),
        Command::Wait(args) => init::run_to_exit(keys::wait(args)),
        Command::Logs(args) => init::run_to_exit(keys::logs(args)),
        Command::Cancel(args) => init::run_to_exit(keys::cancel(args)),
        Command::Retire(args) => init::run_to_exit(retire::retire(args)),
        Command::Shutdown(args) => init::run_to_exit(retire::shutdown(args)),
        Command::Config(args) => init::run_to_exit(async { settings::show(&args, settings) }),
        Command::Completions(args) => init::run_to_exit(async { generate::completions(&args) }),
        Command::Man(args) => init::run_to_exit(async { generate::man(args) }),
    }
}

fn code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
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
