//! Questions to a cluster, answered for people or, with `--json`, for programs.

use std::time::Duration;

use clap::Args;
use raddle_net::messages::{StoryLine, StoryOf, TaskInfo};
use raddle_net::names::Key;
use serde_json::{Value as Json, json};

use super::say;
use super::status::worker_table;
use super::table::align;
use crate::client::{Client, task_json, worker_json};
use crate::error::{Error, Result};
use crate::rt;

#[derive(Debug, Args)]
pub(super) struct AskArgs {
    /// The scheduler's address, tcp://HOST:PORT
    #[arg(value_parser = super::address)]
    address: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct TasksArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// Only those in this state: waiting, queued, no-worker, processing, memory, erred, released
    #[arg(long)]
    state: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// The task's key, as `raddle tasks` shows it
    key: Key,
}

#[derive(Debug, Args)]
pub(super) struct StoryArgs {
    #[command(flatten)]
    ask: AskArgs,
    /// A task's key, or the name or address of a worker
    of: String,
}

#[derive(Debug, Args)]
pub(super) struct DumpArgs {
    /// The scheduler's address, tcp://HOST:PORT
    #[arg(value_parser = super::address)]
    address: String,
}

#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    /// The scheduler's address, tcp://HOST:PORT
    #[arg(value_parser = super::address)]
    address: String,
    /// Until there are this many workers
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Give up after so many seconds
    #[arg(long)]
    timeout: Option<u64>,
}

/// `raddle workers`.
pub(super) async fn workers(args: AskArgs) -> Result<i32> {
    let workers = Client::connect(&args.address).await?.workers().await?;
    show(
        args.json,
        || workers.iter().map(worker_json).collect(),
        || match workers.is_empty() {
            true => vec!["no workers".to_owned()],
            false => worker_table(&workers),
        },
    )
}

/// `raddle tasks`.
pub(super) async fn tasks(args: TasksArgs) -> Result<i32> {
    let client = Client::connect(&args.ask.address).await?;
    let tasks = client.tasks(args.state.as_deref()).await?;
    show(args.ask.json, || tasks.iter().map(task_json).collect(), || task_table(&tasks))
}

/// `raddle explain`.
pub(super) async fn explain(args: KeyArgs) -> Result<i32> {
    let why = Client::connect(&args.ask.address).await?.explain_key(args.key).await?;
    let as_json = || json!({ "key": args.key.to_string(), "explanation": why });
    show(args.ask.json, as_json, || vec![why.clone()])
}

/// `raddle story`.
pub(super) async fn story(args: StoryArgs) -> Result<i32> {
    let client = Client::connect(&args.ask.address).await?;
    let of = match args.of.parse() {
        Ok(key) => StoryOf::Key(key),
        Err(_) => StoryOf::Worker(args.of),
    };
    let lines = client.story_of(of).await?;
    show(
        args.ask.json,
        || lines.iter().map(line_json).collect(),
        || match lines.is_empty() {
            true => vec!["nothing is remembered".to_owned()],
            false => story_table(&lines),
        },
    )
}

/// `raddle dump`.
pub(super) async fn dump(args: DumpArgs) -> Result<i32> {
    say(&Client::connect(&args.address).await?.dump().await?)?;
    Ok(0)
}

/// `raddle wait`.
pub(super) async fn wait(args: WaitArgs) -> Result<i32> {
    let client = Client::connect(&args.address).await?;
    let waiting = client.wait_for_workers(args.workers);
    match args.timeout.map(Duration::from_secs) {
        None => waiting.await?,
        Some(limit) => match rt::within(limit, waiting).await {
            Some(result) => result?,
            None => {
                let there = client.workers().await?.len();
                return Err(Error::Unknown(format!(
                    "after {} s there are {there} workers, not {}",
                    limit.as_secs(),
                    args.workers
                )));
            }
        },
    }
    Ok(0)
}

fn show(
    json: bool,
    as_json: impl FnOnce() -> Json,
    as_text: impl FnOnce() -> Vec<String>,
) -> Result<i32> {
    match json {
        true => say(&as_json().to_string())?,
        false => say(&as_text().join("\n"))?,
    }
    Ok(0)
}

fn task_table(tasks: &[TaskInfo]) -> Vec<String> {
    if tasks.is_empty() {
        return vec!["no tasks".to_owned()];
    }
    let header = ["KEY", "STATE", "FUNCTION", "WORKER", "ATTEMPTS", "BYTES"].map(str::to_owned);
    let rows = tasks.iter().map(|task| {
        let worker = task.workers.first().cloned().unwrap_or_else(|| "-".to_owned());
        [
            task.key.to_string(),
            task.state.clone(),
            task.function.clone(),
            worker,
            task.attempts.to_string(),
            task.nbytes.to_string(),
        ]
    });
    align(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), 4)
}

fn story_table(lines: &[StoryLine]) -> Vec<String> {
    let header = ["AGO", "KEY", "FROM", "TO", "WORKER", "RUN", "CAUSE"].map(str::to_owned);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let rows = lines.iter().map(|line| {
        [
            format!("{:.3} s", Duration::from_nanos(line.ago).as_secs_f64()),
            or_dash(line.key.map(|key| key.to_string())),
            line.from.clone(),
            line.to.clone(),
            or_dash(line.worker.clone()),
            or_dash(line.run.map(|run| run.to_string())),
            line.cause.clone(),
        ]
    });
    align(&std::iter::once(header).chain(rows).collect::<Vec<_>>(), 7)
}

fn line_json(line: &StoryLine) -> Json {
    json!({
        "ago_ns": line.ago,
        "key": line.key.map(|key| key.to_string()),
        "from": line.from,
        "to": line.to,
        "worker": line.worker,
        "run": line.run.map(|run| run.to_string()),
        "cause": line.cause,
    })
}
