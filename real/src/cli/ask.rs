//! Questions to a cluster, answered for people or, with `--json`, for programs.

use std::time::Duration;

use clap::Args;
use raddle_net::messages::{StoryLine, StoryOf, TaskInfo};
use serde_json::{Value as Json, json};

use super::keys::{key_or_address, keys};
use super::say;
use super::status::worker_table;
use super::table::align;
use super::target::Target;
use crate::client::{Client, task_json, worker_json};
use crate::error::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct AskArgs {
    /// The scheduler's address, tcp://HOST:PORT
    #[arg(value_name = "ADDRESS", value_parser = super::address)]
    at: Option<String>,
    #[command(flatten)]
    target: Target,
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
    target: Target,
    /// The task's key, as `raddle tasks` shows it; before it, if wanted, the scheduler's address
    #[arg(value_name = "KEY", value_parser = key_or_address, required = true, num_args = 1..=2)]
    words: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct StoryArgs {
    #[command(flatten)]
    target: Target,
    /// A task's key, or the name or address of a worker; before it, if wanted, the scheduler's address
    #[arg(value_name = "OF", required = true, num_args = 1..=2)]
    words: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl AskArgs {
    async fn connect(&self) -> Result<Client> {
        self.target.connect(self.at.as_deref()).await
    }
}

/// `raddle workers`.
pub(super) async fn workers(args: AskArgs) -> Result<i32> {
    let workers = args.connect().await?.workers().await?;
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
    let client = args.ask.connect().await?;
    let tasks = client.tasks(args.state.as_deref()).await?;
    show(args.ask.json, || tasks.iter().map(task_json).collect(), || task_table(&tasks))
}

/// `raddle explain`.
pub(super) async fn explain(args: KeyArgs) -> Result<i32> {
    let (address, keys) = keys(args.words)?;
    let &[key] = &keys[..] else { return Err(Error::Unknown("one key is needed".to_owned())) };
    let why = args.target.connect(address.as_deref()).await?.explain_key(key).await?;
    let as_json = || json!({ "key": key.to_string(), "explanation": why });
    show(args.json, as_json, || vec![why.clone()])
}

/// `raddle story`.
pub(super) async fn story(args: StoryArgs) -> Result<i32> {
    let mut words = args.words;
    let of = words.pop().unwrap_or_default();
    let client = args.target.connect(words.first().map(String::as_str)).await?;
    let of = match of.parse() {
        Ok(key) => StoryOf::Key(key),
        Err(_) => StoryOf::Worker(of),
    };
    let lines = client.story_of(of).await?;
    show(
        args.json,
        || lines.iter().map(line_json).collect(),
        || match lines.is_empty() {
            true => vec!["nothing is remembered".to_owned()],
            false => story_table(&lines),
        },
    )
}

/// `raddle dump`.
pub(super) async fn dump(args: AskArgs) -> Result<i32> {
    say(&args.connect().await?.dump().await?)?;
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
