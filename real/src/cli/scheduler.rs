//! `raddle scheduler`.

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use raddle_core::scheduler::Config;
use serde_json::json;

use super::say;
use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::init::parse_seconds;
use crate::ports::{self, Ports};
use crate::scheduler::{DEFAULT_PORT, RunningScheduler, SchedulerOptions};
use crate::{rt, scheduler_file};

#[derive(Debug, Args)]
pub(super) struct SchedulerArgs {
    /// Name or IP address to listen at. Whoever can connect can run code on the workers
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port to listen at, or a range of which the first free one is taken, as 9000:9100; 0 is any
    #[arg(long, default_value_t = Ports::one(DEFAULT_PORT))]
    port: Ports,
    /// Where others reach it, if not where it listens: HOST or HOST:PORT
    #[arg(long, value_name = "ADDRESS", value_parser = ports::parse_contact)]
    contact_address: Option<String>,
    /// File in which it writes its address, for workers and clients with the same flag
    #[arg(long, value_name = "FILE")]
    scheduler_file: Option<PathBuf>,
    /// Seconds that a worker may take to come back after its connection broke
    #[arg(long, default_value = "5", value_name = "SECONDS", value_parser = parse_seconds)]
    worker_grace: Duration,
    /// Seconds that a client may take to come back after its connection broke
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = parse_seconds)]
    client_grace: Duration,
    /// Seconds of silence after which a connection counts as broken; 0: never
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = parse_seconds)]
    ttl: Duration,
    /// Seconds that tasks wait while there is no worker at all, until they fail
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = parse_seconds)]
    no_workers_timeout: Duration,
    /// Seconds that tasks wait for a worker that may run them while there are others, until they fail;
    /// 0: as long as it takes
    #[arg(long, default_value = "0", value_name = "SECONDS", value_parser = parse_seconds)]
    unqualified_timeout: Duration,
    /// Tasks that a client may want at a time; further ones are rejected
    #[arg(long, default_value_t = Config::default().max_client_tasks, value_name = "TASKS")]
    max_client_tasks: usize,
    /// Seconds without work and without a word of a client after which the cluster ends; 0: never
    #[arg(long, default_value = "0", value_name = "SECONDS", value_parser = parse_seconds)]
    idle_timeout: Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs a scheduler until it is told to end.
pub(super) async fn run(args: SchedulerArgs) -> Result<i32> {
    let (host, ports, contact) = (args.host, args.port, args.contact_address);
    let mut options = SchedulerOptions { host, ports, contact, ..SchedulerOptions::default() };
    options.credentials = Credentials::of_process()?;
    options.config.worker_grace = args.worker_grace;
    options.config.client_grace = args.client_grace;
    options.config.no_workers_timeout = args.no_workers_timeout;
    options.config.unqualified_timeout = args.unqualified_timeout;
    options.config.max_client_tasks = args.max_client_tasks;
    options.config.idle_timeout = args.idle_timeout;
    options.ttl = args.ttl;
    let mut scheduler = RunningScheduler::start(options).await?;
    let address = scheduler.address().to_owned();
    if let Some(file) = &args.scheduler_file {
        scheduler_file::write(file, &address)?;
    }
    // From here on a signal is heard: whoever reads the line may send one at once.
    let mut told = pin!(rt::told_to_end());
    let is_told = futures::poll!(told.as_mut()).is_ready();
    say(&match args.json {
        true => json!({ "scheduler": address }).to_string(),
        false => format!("scheduler at {address}"),
    })?;
    rt::select! {
        biased;
        () = std::future::ready(()), if is_told => scheduler.close().await,
        told = told, if !is_told => {
            told?;
            scheduler.close().await;
        }
        end = scheduler.ended() => {
            // It was told to, or had nothing to do.
            let panicked = || Error::Internal("the scheduler's thread has panicked".into());
            end.ok_or_else(panicked)?;
        }
    }
    if let Some(file) = &args.scheduler_file {
        scheduler_file::remove(file, &address);
    }
    Ok(0)
}
