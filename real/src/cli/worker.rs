//! `raddle worker`: a worker without functions of its own, or a program that is a worker when asked.

use std::path::PathBuf;

use clap::Args;

use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::init::{self, exit};
use crate::process::{Exit, Process, Program};
use crate::resources::{self, Resources};
use crate::rt::{self, oneshot};
use crate::worker::run_worker;

#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    /// The scheduler's address, tcp://HOST:PORT
    #[arg(value_parser = super::address)]
    address: String,
    /// Tasks to run at a time; as many as there are cores, if not given
    #[arg(long, value_parser = init::parse_threads)]
    threads: Option<usize>,
    /// Name of the worker, unique in the cluster
    #[arg(long)]
    name: Option<String>,
    /// What it has for tasks that need it, as gpu=1,memory=0.5
    #[arg(long, value_name = "NAME=AMOUNT,…", value_parser = resources::parse, default_value = "")]
    resources: Resources,
    /// Executable whose tasks the worker runs: one marked `#[raddle::main]`. Without it the worker
    /// offers no functions
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Serves until interrupted; returns the exit code.
pub(super) fn main(args: WorkerArgs) -> i32 {
    init::run_to_exit(async {
        match args.program {
            Some(path) => {
                let (scheduler, threads, name) = (args.address, args.threads, args.name);
                let resources = args.resources;
                let credentials = Credentials::of_process()?;
                let program = Program {
                    path,
                    scheduler,
                    threads,
                    resources,
                    name,
                    credentials,
                    quiet: false,
                };
                follow(program).await
            }
            None => serve(args).await.map(|()| 0),
        }
    })
}

async fn serve(args: WorkerArgs) -> Result<()> {
    let mut options = init::worker_options(args.address, args.threads, args.name)?;
    options.resources = args.resources;
    options.credentials = Credentials::of_process()?;
    options.joined = Some(init::say_joined);
    rt::select! {
        biased;
        result = run_worker(options) => result,
        interrupted = rt::ctrl_c() => Ok(interrupted?),
    }
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
        interrupted = rt::ctrl_c() => {
            process.close().await;
            Ok(interrupted.map(|()| 0)?)
        }
    }
}
