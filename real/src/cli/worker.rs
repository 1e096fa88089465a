//! `raddle worker`: a worker without functions of its own, or a program that is a worker when asked.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rustix::process::Signal;
use serde_json::json;

use super::target::Target;
use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::init::{self, exit};
use crate::memory::MemoryOptions;
use crate::ports::{self, Ports, Reach};
use crate::process::{Exit, Process, Program};
use crate::resources::{self, Resources};
use crate::rt::{self, oneshot};
use crate::{leave, memory};

#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    /// The scheduler's address, tcp://HOST:PORT
    #[arg(value_name = "ADDRESS", value_parser = super::address)]
    at: Option<String>,
    #[command(flatten)]
    target: Target,
    /// Name or IP address to listen at; if not given, that of this machine alone if the scheduler is
    /// on it, else all of them
    #[arg(long)]
    host: Option<String>,
    /// Port to listen at, or a range of which the first free one is taken, as 9000:9100; 0 is any
    #[arg(long, default_value_t = Ports::ANY)]
    port: Ports,
    /// Where others reach it, if not where it listens: HOST or HOST:PORT
    #[arg(long, value_name = "ADDRESS", value_parser = ports::parse_contact)]
    contact_address: Option<String>,
    /// Seconds that it may take to leave when it is told to end: its bodies end, and what only it
    /// holds goes to others
    #[arg(long, default_value = "5", value_name = "SECONDS", value_parser = init::parse_seconds)]
    grace: Duration,
    /// Seconds that it looks for a scheduler that is not there, at its start or later; then it ends
    #[arg(long, default_value = "0", value_name = "SECONDS", value_parser = init::parse_seconds)]
    death_timeout: Duration,
    /// Tasks to run at a time; as many as there are cores, if not given
    #[arg(long, value_parser = init::parse_threads)]
    threads: Option<usize>,
    /// Memory that it may use, as 4GiB; if not given, what its control group or the machine allows. If
    /// the process fills 70 % of it, values go to disk; beyond 80 % the worker is given nothing new
    /// while it has something to do; beyond 95 % it ends
    #[arg(long, value_name = "BYTES", value_parser = memory::parse)]
    memory_limit: Option<u64>,
    /// How much of that it fills with values before some go to disk, 0 to 1, usually 0.6; 0: none ever
    /// go, and what the process fills does not matter
    #[arg(long, value_name = "SHARE", value_parser = memory::parse_share)]
    memory_target: Option<u64>,
    /// How much of that its process may fill before the worker ends with all that it holds, 0 to 1,
    /// usually 0.95, and no less than where it is given nothing new; 0: it never ends for that. Bodies
    /// that ran then are charged as for any death of their worker
    #[arg(long, value_name = "SHARE", value_parser = memory::parse_share)]
    memory_terminate: Option<u64>,
    /// Folder of values that go to disk; if not given, that of temporary files
    #[arg(long, value_name = "DIR")]
    spill_directory: Option<PathBuf>,
    /// Bytes of values that may be there at a time, as 40GiB; if not given, as many as the disk takes
    #[arg(long, value_name = "BYTES", value_parser = memory::parse)]
    spill_limit: Option<u64>,
    /// Name of the worker, unique in the cluster
    #[arg(long)]
    name: Option<String>,
    /// What it has for tasks that need it, as gpu=1,memory=0.5
    #[arg(long, value_name = "NAME=AMOUNT,…", value_parser = resources::parse, default_value = "")]
    resources: Resources,
    /// Executable whose tasks the worker runs: one marked `#[raddle::main]`. Without it the worker
    /// runs commands alone
    #[arg(long)]
    program: Option<PathBuf>,
    /// Print JSON; a program of its own prints what it likes
    #[arg(long)]
    json: bool,
}

/// Serves until interrupted; returns the exit code.
pub(super) fn main(args: WorkerArgs) -> i32 {
    init::run_to_exit(async {
        let scheduler = args.target.address(args.at.as_deref()).await?;
        match &args.program {
            Some(path) => {
                let path = path.clone();
                follow(args.program(path, scheduler)?).await
            }
            None => serve(args, scheduler).await.map(|()| 0),
        }
    })
}

impl WorkerArgs {
    fn reach(&self) -> Reach {
        let (host, contact) = (self.host.clone(), self.contact_address.clone());
        Reach { host, ports: Some(self.port), contact }
    }

    fn memory(&self) -> MemoryOptions {
        MemoryOptions {
            limit: self.memory_limit,
            target: self.memory_target,
            terminate: self.memory_terminate,
            spill_directory: self.spill_directory.clone(),
            spill_limit: self.spill_limit,
        }
    }

    fn program(self, path: PathBuf, scheduler: String) -> Result<Program> {
        let (reach, credentials) = (self.reach(), Credentials::of_process()?);
        let memory = self.memory();
        let Self { threads, resources, name, grace, death_timeout, .. } = self;
        Ok(Program {
            path,
            scheduler,
            threads,
            resources,
            name,
            credentials,
            reach,
            grace,
            death_timeout,
            memory,
            quiet: false,
        })
    }
}

async fn serve(args: WorkerArgs, scheduler: String) -> Result<()> {
    let (reach, memory) = (args.reach(), args.memory());
    let mut options = init::worker_options(scheduler, args.threads, args.name)?;
    options.resources = args.resources;
    options.credentials = Credentials::of_process()?;
    options.reached(reach);
    options.memory = memory;
    options.death_timeout = args.death_timeout;
    options.joined = Some(if args.json { say_joined } else { init::say_joined });
    leave::run_until(rt::told_to_end(), args.grace, options).await
}

fn say_joined(address: &str) {
    // The worker does its work whether anybody reads this or not.
    let _ = super::say(&json!({ "worker": address }).to_string());
}

/// Runs `program` as a worker and ends as it does.
async fn follow(program: Program) -> Result<i32> {
    let path = program.path.display().to_string();
    let (report, mut reported) = oneshot::channel();
    let mut report = Some(report);
    let process = Process::start(program, false, move |exit| {
        if let Some(report) = report.take() {
            // An error means that nobody waits any more.
            let _ = report.send(exit);
        }
    })?;
    rt::select! {
        biased;
        exit = &mut reported => match exit {
            Ok(Exit::Ended(status)) => Ok(status.code().unwrap_or(exit::FAILURE)),
            Ok(Exit::NotStarted(error)) => {
                Err(Error::WorkerNotStarted { worker: path, reason: error.to_string() })
            }
            Err(_) => Err(Error::Internal("the thread that watches the worker has panicked".into())),
        },
        told = rt::told_to_end() => {
            told?;
            process.signal(Signal::TERM)?;
            // It keeps the time itself.
            rt::select! {
                biased;
                _ = &mut reported => {}
                again = rt::told_to_end() => again?,
            }
            process.close().await;
            Ok(0)
        }
    }
}
